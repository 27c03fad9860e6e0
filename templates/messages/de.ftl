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
error-reference = Wenn Sie um Hilfe bitten, nennen Sie { $reference }

for-developers = Für die Entwickler der App
hint-client-id-missing = Senden Sie client_id mit der Autorisierungsanfrage.
hint-client-unknown = Kein nutzbarer Client hat diese client_id. Vergleichen Sie sie mit der registrierten.
hint-redirect-uri-missing = Senden Sie redirect_uri: eine von denen, die für den Client registriert sind.
hint-redirect-uri-unregistered = redirect_uri muss Zeichen für Zeichen einer registrierten gleichen. Nur der Port einer Loopback-Adresse (http://127.0.0.1, http://[::1], http://localhost) darf abweichen.
hint-post-logout-redirect-uri-unregistered = post_logout_redirect_uri muss Zeichen für Zeichen einer registrierten Adresse gleichen. Nur der Port einer Loopback-Adresse darf abweichen.
hint-parameter-repeated = Senden Sie jeden Parameter nur einmal.
hint-parameter-malformed = Senden Sie Parameter als prozentkodiertes UTF-8 ohne NUL.
hint-request = Vergleichen Sie die Anfrage mit RFC 6749, Abschnitt 4.1.1.
