# Die Seiten auf Deutsch. Höfliche Anrede (Sie), kurze Sätze.
#
# Begriffe: sign in = anmelden · sign out = abmelden · account = Konto · app = App · device = Gerät · access = Zugriff ·
# allow / deny = erlauben / ablehnen · operator = Betreiber (dieses Dienstes) · consent = Erlaubnis · remove = entziehen

language-name = Deutsch
languages = Sprache

## Signing in

sign-in = Anmelden
sign-in-confirm = Bestätigen Sie, dass Sie es sind
continue-to = und weiter zu { $app }
username = Benutzername
password = Passwort
wrong-credentials = Benutzername oder Passwort ist falsch.
wrong-credentials-advice = Prüfen Sie beides und versuchen Sie es noch einmal.
sign-in-busy = Wir können Sie gerade nicht anmelden.
sign-in-busy-advice = Warten Sie eine Minute und versuchen Sie es dann noch einmal.
too-many-attempts = Zu viele Versuche.
try-again-in-minutes =
    { $count ->
        [one] Versuchen Sie es in einer Minute noch einmal.
       *[other] Versuchen Sie es in { $count } Minuten noch einmal.
    }
try-again-in-hours =
    { $count ->
        [one] Versuchen Sie es in einer Stunde noch einmal.
       *[other] Versuchen Sie es in { $count } Stunden noch einmal.
    }
password-busy = Wir können gerade keine Passwörter prüfen.
form-stale = Diese Seite war veraltet.
sign-in-stale-advice = Geben Sie Ihr Passwort noch einmal ein. Wenn das wieder geschieht, erlauben Sie Cookies für diese Website.

## Errors

error-form-stale = Dieses Formular ist veraltet
error-form-stale-advice = Es wurde nichts geändert. Gehen Sie zurück, laden Sie die Seite neu und versuchen Sie es noch einmal.
error-no-interaction = Diese Anmeldung ist abgelaufen
error-no-interaction-advice = Sie wurde vor zu langer Zeit oder in einem anderen Browser begonnen. Gehen Sie zurück zur App und beginnen Sie von vorn.
error-no-device = Dieses Gerät wartet nicht mehr
error-no-device-advice = Seine Anfrage ist zu lange her, oder sein Code wurde in einem anderen Browser eingegeben. Beginnen Sie auf dem Gerät von vorn.
error-not-found = Hier gibt es nichts
error-not-found-advice = Vielleicht ist die Adresse falsch geschrieben, oder die Seite ist umgezogen.
error-unavailable = Wir können gerade nicht antworten
error-unavailable-advice = Bitte versuchen Sie es gleich noch einmal.
error-too-many = Zu viele Versuche
error-too-many-advice = Bitte warten Sie ein wenig und versuchen Sie es dann noch einmal.
error-internal = Hier ist etwas schiefgegangen
error-internal-advice = Es liegt nicht an Ihnen. Wenn es wieder geschieht, nennen Sie dem Betreiber die Kennung unten.
error-request = Die App hat eine Anfrage gesendet, die wir nicht annehmen können
error-request-advice = Sie wurden nicht angemeldet, und es wurde nichts weitergegeben. Gehen Sie zurück zur App; wenn es wieder geschieht, sagen Sie es denen, die sie betreiben.
error-logout-advice = Sie wollte Sie abmelden und zu einer Adresse leiten, die sie nicht registriert hat; deshalb ist nichts geschehen. Sie können sich auf der Seite dieses Servers weiterhin selbst abmelden.
error-reference = Wenn Sie um Hilfe bitten, nennen Sie { $reference }

for-developers = Für die Entwickler der App
hint-client-id-missing = Senden Sie client_id mit der Autorisierungsanfrage.
hint-client-unknown = Kein nutzbarer Client hat diese client_id. Vergleichen Sie sie mit der registrierten.
hint-redirect-uri-missing = Senden Sie redirect_uri: eine von denen, die für den Client registriert sind.
hint-redirect-uri-unregistered = redirect_uri muss Zeichen für Zeichen einer registrierten gleichen. Nur der Port einer Loopback-Adresse (http://127.0.0.1, http://[::1], http://localhost) darf abweichen.
hint-post-logout-redirect-uri-unregistered = post_logout_redirect_uri muss Zeichen für Zeichen einer registrierten gleichen. Nur der Port einer Loopback-Adresse darf abweichen.
hint-parameter-repeated = Senden Sie jeden Parameter nur einmal.
hint-parameter-malformed = Senden Sie Parameter als prozentkodiertes UTF-8 ohne NUL.
hint-request = Vergleichen Sie die Anfrage mit RFC 6749, Abschnitt 4.1.1.

## What apps say about themselves

app-unchecked = Diese App hat sich selbst registriert. Der Betreiber dieses Dienstes hat sie nicht geprüft: Fahren Sie nur fort, wenn Sie die Adresse oben kennen.
app-website = Über die App
app-policy = Datenschutz
app-terms = Nutzungsbedingungen
your-apps = Ihre Apps
open-app = Öffnen
## The front page, and signing out

welcome = Willkommen
welcome-lead = Ein Konto für die Apps, die { $product } nutzen. Melden Sie sich hier an, oder öffnen Sie eine App, die Sie hierher leitet.
signed-in = Sie sind angemeldet
signed-in-lead = Apps, die { $product } nutzen, können Sie erkennen, ohne noch einmal nach Ihrem Passwort zu fragen.
your-account = Ihr Konto
manage-account = Konto verwalten
sign-out = Abmelden
sign-out-question = Abmelden?
sign-out-lead = Wenn eine App Sie das nächste Mal hierher leitet, brauchen Sie Ihr Passwort.
sign-out-for = { $app } möchte Sie abmelden
sign-out-return = Danach kehren Sie zu { $host } zurück.
sign-out-unasked = Sie wollten das nicht? Schließen Sie diese Seite, dann bleiben Sie angemeldet.
signed-out-title = Abgemeldet
signed-out = Sie sind abgemeldet
signed-out-lead = In einer App, die Sie benutzt haben, sind Sie vielleicht noch angemeldet. Melden Sie sich an einem gemeinsam genutzten Computer auch dort ab und schließen Sie dann den Browser.
signed-out-told = Die Apps, die Sie benutzt haben, werden benachrichtigt. Schließen Sie an einem gemeinsam genutzten Computer danach den Browser.
back-to = Zurück zu { $app }

## What an app asks

choose-account = Konto auswählen
other-account = Anderes Konto verwenden
not-you = Nicht Sie?
consent = Zugriff erlauben?
consent-to = { $app } möchte Ihr Konto nutzen
consent-nothing = Diese App möchte nur wissen, dass Sie angemeldet sind.
consent-may = Diese App wird Folgendes können
allow = Erlauben
deny = Ablehnen
consent-return = In beiden Fällen kehren Sie zu { $host } zurück.
consent-return-here = In beiden Fällen kehren Sie zur App auf diesem Gerät zurück.
consent-remembered = Wenn Sie es erlauben, werden Sie für denselben Zugriff nicht noch einmal gefragt.
consent-each-time = Sie werden jedes Mal gefragt.
technical-names = Technische Namen
back-to-app = Zurück zur App
continue = Weiter
already-answered = Diese Anfrage wurde schon beantwortet
already-answered-lead = Sie können diese Seite schließen und zur App zurückkehren.

# Diese stehen unter „Diese App wird Folgendes können“ und allein in einer Liste.
scope-profile = Ihren Namen und den Rest Ihres öffentlichen Profils sehen
scope-email = Ihre E-Mail-Adresse sehen
scope-address = Ihre Postanschrift sehen
scope-phone = Ihre Telefonnummer sehen
scope-offline-access = Verbunden bleiben, während Sie nicht da sind, bis Sie es widerrufen
see-name = Ihren vollständigen Namen sehen
see-given-name = Ihren Vornamen sehen
see-middle-name = Ihren weiteren Vornamen sehen
see-family-name = Ihren Nachnamen sehen
see-nickname = Ihren Spitznamen sehen
see-preferred-username = Den Namen sehen, den Sie in Apps verwenden
see-gender = Ihr Geschlecht sehen
see-birthdate = Ihr Geburtsdatum sehen
see-picture = Ihr Bild sehen
see-profile = Die Adresse Ihrer Profilseite sehen
see-website = Die Adresse Ihrer Website sehen
see-locale = Ihre Sprache sehen
see-zoneinfo = Ihre Zeitzone sehen
see-updated-at = Sehen, wann Ihr Profil zuletzt geändert wurde
see-email-verified = Sehen, ob Ihre E-Mail-Adresse bestätigt ist
see-phone-number-verified = Sehen, ob Ihre Telefonnummer bestätigt ist
scope-undescribed = „{ $scope }“ nutzen

## Devices without a keyboard

connect-device = Gerät verbinden
connect-device-lead = Geben Sie den Code ein, den Ihr Gerät zeigt
user-code = Code
user-code-warning = Hat Ihnen jemand diesen Code geschickt oder vorgelesen? Dann geben Sie ihn nicht ein: Sonst bekäme diese Person Zugang zu Ihrem Konto.
user-code-wrong = Unter diesem Code wartet kein Gerät.
user-code-wrong-advice = Vergleichen Sie ihn mit Ihrem Gerät. Codes gelten einmal und nur einige Minuten; für einen neuen beginnen Sie dort von vorn.
user-code-throttled = Es wurden zu viele Codes ausprobiert.
user-code-throttled-advice = Warten Sie einige Minuten und versuchen Sie es dann noch einmal.
user-code-stale-advice = Geben Sie den Code noch einmal ein. Wenn das wieder geschieht, erlauben Sie Cookies für diese Website.
device-title = Dieses Gerät zulassen?
device-question = Steht dieses Gerät vor Ihnen?
device-asks = Ein Gerät, auf dem { $app } läuft, möchte Ihr Konto nutzen
device-elsewhere = Diese Anfrage kommt aus einem anderen Netz als Sie.
device-elsewhere-advice = Das kann in Ordnung sein, etwa wenn Sie mobile Daten nutzen. Wenn das Gerät nicht bei Ihnen ist oder Sie den Code von jemand anderem haben, wählen Sie „Ablehnen“.
device-code = Code auf dem Gerät
device = Gerät
device-address = Adresse
device-asked = Angefragt
device-nothing = Die App möchte nur wissen, wer Sie sind.
device-may = Die App auf diesem Gerät wird Folgendes können
device-care = Erlauben Sie es nur, wenn Sie diesen Code auf einem Gerät sehen, das Sie gerade benutzen.
device-anybody = Jedes Programm kann sich den Namen dieser App geben.
device-connected = Ihr Gerät ist verbunden
device-connected-lead = { $app } kann jetzt Ihr Konto nutzen. Kehren Sie zu Ihrem Gerät zurück; diese Seite können Sie schließen.
device-refused = Sie haben das Gerät abgelehnt
device-refused-lead = Es bekommt nichts von Ihrem Konto. Sie können diese Seite schließen.
device-answered = Dieser Code wurde schon benutzt
device-answered-lead = Es wurde nichts geändert. Sehen Sie auf Ihr Gerät; um neu zu beginnen, lassen Sie sich dort einen neuen Code zeigen.

# Wie ein Browser heißt, etwa „Firefox auf Linux“.
browser-on = { $program } auf { $system }
browser-unknown-on = Unbekannter Browser auf { $system }
browser-unknown = Unbekanntes Gerät
browser-program = Ein { $language }-Programm
browser-app = Eine { $system }-App
browser-tv = einem Fernseher

## Moments

just-now = gerade eben
ago-minutes =
    { $count ->
        [one] vor { $count } Minute
       *[other] vor { $count } Minuten
    }
ago-hours =
    { $count ->
        [one] vor { $count } Stunde
       *[other] vor { $count } Stunden
    }
ago-days =
    { $count ->
        [one] vor { $count } Tag
       *[other] vor { $count } Tagen
    }
ago-months =
    { $count ->
        [one] vor { $count } Monat
       *[other] vor { $count } Monaten
    }
ago-years =
    { $count ->
        [one] vor { $count } Jahr
       *[other] vor { $count } Jahren
    }
moment =
    { $day }. { $month ->
        [1] Januar
        [2] Februar
        [3] März
        [4] April
        [5] Mai
        [6] Juni
        [7] Juli
        [8] August
        [9] September
        [10] Oktober
        [11] November
       *[12] Dezember
    } { $year }, { $time } Uhr UTC

## The account

account-overview = Übersicht
account-profile = Profil
account-password = Passwort
account-devices = Geräte
account-apps = Apps
profile-summary = Ihr Name, wie Sie zu erreichen sind und was Apps sonst erfahren können
password-summary = Ein neues wählen
devices-summary =
    { $count ->
        [one] Nur hier angemeldet
       *[other] Auf { $count } Geräten angemeldet
    }
apps-summary =
    { $count ->
        [0] Keine App kann Ihr Konto nutzen
        [one] { $count } App kann Ihr Konto nutzen
       *[other] { $count } Apps können Ihr Konto nutzen
    }

notice-saved = Ihre Änderungen sind gespeichert.
notice-unchanged = Es war nichts anders, also wurde nichts geändert.
notice-password = Ihr Passwort ist geändert. Hier bleiben Sie angemeldet; überall sonst wurden Sie abgemeldet, und Apps haben ihren Zugriff verloren, bis Sie sie wieder benutzen.
notice-session = Das Gerät ist abgemeldet.
notice-sessions = Sie sind überall sonst abgemeldet.
notice-session-unknown = Das Gerät war schon abgemeldet.
notice-withdrawn = Die App kann Ihr Konto nicht mehr nutzen.

pages-of-list = Seiten dieser Liste
page-previous = Zurück
page-next = Weiter
page-number = Seite { $page } von { $pages }

## The account: profile

profile-lead = Apps erfahren davon nur, was Sie ihnen erlauben. Lassen Sie leer, was Sie nicht angeben möchten.
profile-fixed = Um etwas anderes zu ändern, wenden Sie sich an den Betreiber dieses Dienstes.
profile-refused = Es wurde noch nichts gespeichert.
profile-look-again = Sehen Sie noch einmal nach: { $lines }.
contact = Wie Sie zu erreichen sind
contact-lead = Eine neue Adresse oder Nummer gilt als nicht bestätigt, bis der Betreiber dieses Dienstes sie bestätigt hat.
contact-change = E-Mail-Adresse oder Telefonnummer ändern
verified = bestätigt
not-verified = nicht bestätigt
save = Speichern

group-name = Name
group-about = Über Sie
group-web = Im Internet
group-address = Postanschrift

field-name = Vollständiger Name
field-name-hint = So, wie Apps ihn zeigen.
field-given-name = Vorname
field-middle-name = Weiterer Vorname
field-family-name = Nachname
field-nickname = Spitzname
field-preferred-username = Name in Apps
field-gender = Geschlecht
field-birthdate = Geburtsdatum
field-birthdate-hint = JJJJ-MM-TT oder nur das Jahr.
field-picture = Bild
field-picture-hint = Die Adresse eines Bildes, mit https://.
field-profile = Profilseite
field-website = Website
field-locale = Sprache
field-locale-hint = Ein Kürzel wie de oder fr-CA.
field-zoneinfo = Zeitzone
field-zoneinfo-hint = Ein Name wie Europe/Berlin.
field-street-address = Straße und Hausnummer
field-postal-code = Postleitzahl
field-locality = Ort
field-region = Bundesland oder Region
field-country = Land
field-email = E-Mail-Adresse
field-phone-number = Telefonnummer
field-phone-number-hint = Mit Landesvorwahl, etwa +49 30 901820.

claim-empty = Geben Sie etwas ein, oder lassen Sie es leer.
claim-too-long = Verwenden Sie höchstens { $count } Zeichen.
claim-control = Entfernen Sie die unsichtbaren Zeichen; fügen Sie den Text ohne Formatierung ein.
claim-not-web-address = Verwenden Sie eine Adresse, die mit https:// oder http:// beginnt.
claim-not-email = Das ist keine E-Mail-Adresse. Sie sieht aus wie alice@example.com.
claim-not-birthdate = Schreiben Sie es als JJJJ-MM-TT, oder geben Sie nur das Jahr an.
claim-not-phone-number = Das ist keine Telefonnummer. Sie sieht aus wie +49 30 901820.
claim-not-locale = Verwenden Sie ein Sprachkürzel wie de oder fr-CA.
claim-not-zoneinfo = Verwenden Sie den Namen einer Zeitzone wie Europe/Berlin.
claim-not-usable = Diese Adresse kann hier nicht verwendet werden. Wählen Sie eine andere.

## The account: password

password-change = Passwort ändern
password-lead = Hier bleiben Sie angemeldet. Überall sonst werden Sie abgemeldet, und Apps verlieren ihren Zugriff, bis Sie sie wieder benutzen.
password-button = Passwort ändern
password-current = Jetziges Passwort
password-new = Neues Passwort
password-new-hint = Mindestens { $count } Zeichen. Einige Wörter ohne Zusammenhang sind leicht zu merken.
password-again = Neues Passwort noch einmal
password-unchanged = Es wurde nichts geändert.
password-refused = Ihr Passwort ist noch nicht geändert.
password-refused-advice = Sehen Sie unten nach und geben Sie dann alle drei noch einmal ein.
password-current-missing = Geben Sie Ihr jetziges Passwort ein.
password-current-wrong = Das ist nicht Ihr jetziges Passwort.
password-same = Das ist das Passwort, das Sie jetzt haben.
password-different = Das ist nicht dasselbe. Geben Sie beide noch einmal ein.
password-too-short = Verwenden Sie mindestens { $count } Zeichen. Einige Wörter ohne Zusammenhang sind leicht zu merken.
password-too-long = Verwenden Sie höchstens { $count } Zeichen.
password-common = Dieses Passwort gehört zu den ersten, die Angreifer ausprobieren. Wählen Sie eines, das andere nicht verwenden.
password-personal = Dieses Passwort ist Ihr Name, Ihre E-Mail-Adresse oder der Name dieses Dienstes. Wählen Sie etwas, das damit nichts zu tun hat.
password-repetitive = Dieses Passwort wiederholt dieselben Zeichen. Mischen Sie andere darunter, zum Beispiel einige Wörter ohne Zusammenhang.

## The account: devices

sessions = Wo Sie angemeldet sind
sessions-lead = Melden Sie ab, was Sie nicht kennen oder nicht mehr benutzen. Hat sich jemand anderes angemeldet? Dann ändern Sie auch Ihr Passwort.
session-current = dieses Gerät
signed-in-when = angemeldet { $when }
last-used-when = zuletzt benutzt { $when }
session-sign-out = { $device } abmelden, zuletzt benutzt { $when }
sessions-sign-out = Überall sonst abmelden
sessions-ask-password = Sie werden zuerst nach Ihrem Passwort gefragt.
sessions-see-apps = Apps, die auch in Ihrer Abwesenheit verbunden bleiben dürfen, stehen unter „Apps“.
sessions-none = Sie sind sonst nirgends angemeldet.

## The account: apps

apps = Apps mit Zugriff
apps-lead = Diese Apps können Ihr Konto nutzen, für das, was Sie ihnen erlaubt haben.
apps-none = Keine App kann Ihr Konto nutzen.
app-knows-little = Weiß nur, dass Sie angemeldet sind
app-knows-little-sentence = Diese App weiß nur, dass Sie angemeldet sind.
allowed-when = erlaubt { $when }
app-remove = Entziehen
app-remove-of = { $app } den Zugriff entziehen
remove-question = Zugriff entziehen?
remove-of = { $app } kann Ihr Konto nutzen
app-may = Diese App kann Folgendes
remove-effect = Wenn Sie fortfahren, kann sie Ihr Konto nicht mehr erreichen, und zwar sofort und auf jedem Gerät. Was sie schon erfahren oder gespeichert hat, behält sie.
remove-trusted = Der Betreiber dieses Dienstes bürgt für sie: Wenn Sie sie wieder benutzen, bekommt sie Zugriff, ohne zu fragen.
remove-asks = Wenn Sie sie wieder benutzen, muss sie Sie fragen.
keep = Behalten
remove = Zugriff entziehen
