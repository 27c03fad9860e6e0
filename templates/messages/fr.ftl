# Les pages en français. Vouvoiement, phrases courtes.
#
# Termes : sign in = se connecter · sign out = se déconnecter · account = compte · app = application · device = appareil ·
# access = accès · allow / deny = autoriser / refuser · operator = exploitant (de ce service) · remove = retirer

language-name = Français
languages = Langue

## Signing in

sign-in = Se connecter
sign-in-confirm = Confirmez votre identité
continue-to = pour continuer vers { $app }
username = Nom d’utilisateur
password = Mot de passe
wrong-credentials = Nom d’utilisateur ou mot de passe incorrect.
wrong-credentials-advice = Vérifiez les deux et réessayez.
sign-in-busy = Nous ne pouvons pas vous connecter pour le moment.
sign-in-busy-advice = Attendez une minute, puis réessayez.
too-many-attempts = Trop de tentatives.
try-again-in-minutes =
    { $count ->
        [one] Réessayez dans une minute.
       *[other] Réessayez dans { $count } minutes.
    }
try-again-in-hours =
    { $count ->
        [one] Réessayez dans une heure.
       *[other] Réessayez dans { $count } heures.
    }
password-busy = Nous ne pouvons pas vérifier les mots de passe pour le moment.
form-stale = Cette page n’était plus à jour.
sign-in-stale-advice = Saisissez de nouveau votre mot de passe. Si cela se reproduit, autorisez les cookies pour ce site.

## Errors

error-form-stale = Ce formulaire n’est plus à jour
error-form-stale-advice = Rien n’a été modifié. Revenez en arrière, rechargez la page et réessayez.
error-no-interaction = Cette connexion a expiré
error-no-interaction-advice = Elle a été commencée il y a trop longtemps, ou dans un autre navigateur. Revenez à l’application et recommencez.
error-no-device = Cet appareil n’attend plus
error-no-device-advice = Sa demande est trop ancienne, ou son code a été saisi dans un autre navigateur. Recommencez sur l’appareil.
error-not-found = Il n’y a rien ici
error-not-found-advice = L’adresse est peut-être mal saisie, ou la page a été déplacée.
error-unavailable = Nous ne pouvons pas répondre pour le moment
error-unavailable-advice = Veuillez réessayer dans un instant.
error-too-many = Trop de tentatives
error-too-many-advice = Veuillez patienter un peu, puis réessayez.
error-internal = Une erreur s’est produite chez nous
error-internal-advice = Vous n’y êtes pour rien. Si cela se reproduit, communiquez à l’exploitant la référence ci-dessous.
error-request = L’application a envoyé une demande que nous ne pouvons pas accepter
error-request-advice = Vous n’avez pas été connecté et rien n’a été transmis. Revenez à l’application ; si cela se reproduit, signalez-le à ceux qui la gèrent.
error-logout-advice = Elle a demandé à vous déconnecter et à vous mener à une adresse qu’elle n’a pas enregistrée ; rien n’a donc été fait. Vous pouvez toujours vous déconnecter sur la page de ce serveur.
error-reference = Si vous demandez de l’aide, indiquez { $reference }

for-developers = Pour les développeurs de l’application
hint-client-id-missing = Envoyez client_id avec la demande d’autorisation.
hint-client-unknown = Aucun client utilisable n’a ce client_id. Comparez-le avec celui qui a été enregistré.
hint-redirect-uri-missing = Envoyez redirect_uri : l’une de celles enregistrées pour le client.
hint-redirect-uri-unregistered = redirect_uri doit être identique, caractère par caractère, à une URI enregistrée. Seul le port d’une adresse de bouclage (http://127.0.0.1, http://[::1], http://localhost) peut différer.
hint-post-logout-redirect-uri-unregistered = post_logout_redirect_uri doit être identique, caractère par caractère, à une URI enregistrée. Seul le port d’une adresse de bouclage peut différer.
hint-parameter-repeated = N’envoyez chaque paramètre qu’une fois.
hint-parameter-malformed = Envoyez les paramètres en UTF-8 encodé en pourcentage, sans NUL.
hint-request = Comparez la demande avec la RFC 6749, section 4.1.1.

## What apps say about themselves

app-unchecked = Cette application s’est enregistrée elle-même. L’exploitant de ce service ne l’a pas vérifiée : continuez seulement si vous connaissez l’adresse ci-dessus.
app-website = À propos de l’application
app-policy = Confidentialité
app-terms = Conditions d’utilisation
your-apps = Vos applications
open-app = Ouvrir
## The front page, and signing out

welcome = Bienvenue
welcome-lead = Un seul compte pour les applications qui utilisent { $product }. Connectez-vous ici, ou ouvrez une application qui vous y enverra.
signed-in = Vous êtes connecté
signed-in-lead = Les applications qui utilisent { $product } peuvent vous reconnaître sans redemander votre mot de passe.
your-account = Votre compte
manage-account = Gérer votre compte
sign-out = Se déconnecter
sign-out-question = Se déconnecter ?
sign-out-lead = Votre mot de passe vous sera demandé la prochaine fois qu’une application vous enverra ici.
sign-out-for = { $app } demande à vous déconnecter
sign-out-return = Vous retournerez ensuite à { $host }.
sign-out-unasked = Vous n’avez rien demandé ? Fermez cette page et vous resterez connecté.
signed-out-title = Déconnecté
signed-out = Vous êtes déconnecté
signed-out-lead = Une application que vous avez utilisée peut garder sa propre session. Sur un ordinateur partagé, déconnectez-vous aussi de l’application, puis fermez le navigateur.
signed-out-told = Les applications que vous avez utilisées en sont informées. Sur un ordinateur partagé, fermez ensuite le navigateur.
back-to = Retour à { $app }

## What an app asks

choose-account = Choisir un compte
other-account = Utiliser un autre compte
not-you = Ce n’est pas vous ?
consent = Autoriser l’accès ?
consent-to = { $app } souhaite utiliser votre compte
consent-nothing = Cette application demande seulement à savoir que vous êtes connecté.
consent-may = Cette application pourra
allow = Autoriser
deny = Refuser
consent-return = Dans les deux cas, vous retournerez à { $host }.
consent-return-here = Dans les deux cas, vous retournerez à l’application sur cet appareil.
consent-remembered = Si vous l’autorisez, le même accès ne vous sera plus demandé.
consent-each-time = L’accès vous sera demandé à chaque fois.
technical-names = Noms techniques
back-to-app = Retour à l’application
continue = Continuer
already-answered = Cette demande a déjà reçu une réponse
already-answered-lead = Vous pouvez fermer cette page et revenir à l’application.

# Ces textes complètent « Cette application pourra » et figurent seuls dans une liste.
scope-profile = Voir votre nom et le reste de votre profil public
scope-email = Voir votre adresse e-mail
scope-address = Voir votre adresse postale
scope-phone = Voir votre numéro de téléphone
scope-offline-access = Rester connectée en votre absence, jusqu’à ce que vous lui retiriez l’accès
see-name = Voir votre nom complet
see-given-name = Voir votre prénom
see-middle-name = Voir votre deuxième prénom
see-family-name = Voir votre nom de famille
see-nickname = Voir votre surnom
see-preferred-username = Voir le nom que vous utilisez dans les applications
see-gender = Voir votre genre
see-birthdate = Voir votre date de naissance
see-picture = Voir votre photo
see-profile = Voir l’adresse de votre page de profil
see-website = Voir l’adresse de votre site web
see-locale = Voir votre langue
see-zoneinfo = Voir votre fuseau horaire
see-updated-at = Voir quand votre profil a été modifié pour la dernière fois
see-email-verified = Voir si votre adresse e-mail est vérifiée
see-phone-number-verified = Voir si votre numéro de téléphone est vérifié
scope-undescribed = Utiliser « { $scope } »

## Devices without a keyboard

connect-device = Connecter un appareil
connect-device-lead = Saisissez le code affiché par votre appareil
user-code = Code
user-code-warning = Quelqu’un vous a envoyé ou dicté ce code ? Alors ne le saisissez pas : cette personne aurait accès à votre compte.
user-code-wrong = Aucun appareil n’attend sous ce code.
user-code-wrong-advice = Comparez-le avec votre appareil. Un code ne sert qu’une fois et pendant quelques minutes ; recommencez sur l’appareil pour en obtenir un nouveau.
user-code-throttled = Trop de codes ont été essayés.
user-code-throttled-advice = Attendez quelques minutes, puis réessayez.
user-code-stale-advice = Saisissez de nouveau le code. Si cela se reproduit, autorisez les cookies pour ce site.
device-title = Autoriser cet appareil ?
device-question = Cet appareil est-il devant vous ?
device-asks = Un appareil exécutant { $app } souhaite utiliser votre compte
device-elsewhere = Cette demande vient d’un autre réseau que le vôtre.
device-elsewhere-advice = Cela peut être normal, par exemple si vous utilisez les données mobiles. Si l’appareil n’est pas avec vous, ou si quelqu’un d’autre vous a donné le code, choisissez « Refuser ».
device-code = Code sur l’appareil
device = Appareil
device-address = Adresse
device-asked = Demandé
device-nothing = L’application demande seulement à savoir qui vous êtes.
device-may = L’application sur cet appareil pourra
device-care = Ne l’autorisez que si vous voyez ce code sur un appareil que vous utilisez en ce moment.
device-anybody = N’importe quel programme peut se donner le nom de cette application.
device-connected = Votre appareil est connecté
device-connected-lead = { $app } peut maintenant utiliser votre compte. Revenez à votre appareil ; vous pouvez fermer cette page.
device-refused = Vous avez refusé l’appareil
device-refused-lead = Il n’obtient rien de votre compte. Vous pouvez fermer cette page.
device-answered = Ce code a déjà été utilisé
device-answered-lead = Rien n’a été modifié. Regardez votre appareil ; pour recommencer, demandez-lui un nouveau code.

# Le nom d’un navigateur, comme « Firefox sur Linux ».
browser-on = { $program } sur { $system }
browser-unknown-on = Navigateur inconnu sur { $system }
browser-unknown = Appareil inconnu
browser-program = Un programme { $language }
browser-app = Une application { $system }
browser-tv = un téléviseur

## Moments

just-now = à l’instant
ago-minutes =
    { $count ->
        [one] il y a { $count } minute
       *[other] il y a { $count } minutes
    }
ago-hours =
    { $count ->
        [one] il y a { $count } heure
       *[other] il y a { $count } heures
    }
ago-days =
    { $count ->
        [one] il y a { $count } jour
       *[other] il y a { $count } jours
    }
ago-months = il y a { $count } mois
ago-years =
    { $count ->
        [one] il y a { $count } an
       *[other] il y a { $count } ans
    }
moment =
    { $day ->
        [1] 1er
       *[other] { $day }
    } { $month ->
        [1] janvier
        [2] février
        [3] mars
        [4] avril
        [5] mai
        [6] juin
        [7] juillet
        [8] août
        [9] septembre
        [10] octobre
        [11] novembre
       *[12] décembre
    } { $year }, { $time } UTC

## The account

account-overview = Aperçu
account-profile = Profil
account-password = Mot de passe
account-devices = Appareils
account-apps = Applications
profile-summary = Votre nom, vos coordonnées et ce que les applications peuvent savoir d’autre
password-summary = En choisir un nouveau
devices-summary =
    { $count ->
        [one] Connecté ici seulement
       *[other] Connecté sur { $count } appareils
    }
apps-summary =
    { $count ->
        [0] Aucune application ne peut utiliser votre compte
        [one] { $count } application peut utiliser votre compte
       *[other] { $count } applications peuvent utiliser votre compte
    }

notice-saved = Vos modifications sont enregistrées.
notice-unchanged = Rien n’était différent, rien n’a donc été modifié.
notice-password = Votre mot de passe est modifié. Vous restez connecté ici ; partout ailleurs vous avez été déconnecté, et les applications ont perdu leur accès jusqu’à ce que vous les utilisiez de nouveau.
notice-session = Cet appareil est déconnecté.
notice-sessions = Vous êtes déconnecté partout ailleurs.
notice-session-unknown = Cet appareil était déjà déconnecté.
notice-withdrawn = L’application ne peut plus utiliser votre compte.

pages-of-list = Pages de cette liste
page-previous = Précédente
page-next = Suivante
page-number = Page { $page } sur { $pages }

## The account: profile

profile-lead = Les applications n’en apprennent que ce que vous autorisez. Laissez vide ce que vous ne voulez pas indiquer.
profile-fixed = Pour modifier autre chose, adressez-vous à l’exploitant de ce service.
profile-refused = Rien n’a encore été enregistré.
profile-look-again = Vérifiez : { $lines }.
contact = Vos coordonnées
contact-lead = Une nouvelle adresse ou un nouveau numéro reste non vérifié jusqu’à ce que l’exploitant de ce service l’ait vérifié.
contact-change = Modifier l’adresse e-mail ou le numéro de téléphone
verified = vérifié
not-verified = non vérifié
save = Enregistrer

group-name = Nom
group-about = À propos de vous
group-web = Sur le Web
group-address = Adresse postale

field-name = Nom complet
field-name-hint = Tel que les applications l’affichent.
field-given-name = Prénom
field-middle-name = Deuxième prénom
field-family-name = Nom de famille
field-nickname = Surnom
field-preferred-username = Nom dans les applications
field-gender = Genre
field-birthdate = Date de naissance
field-birthdate-hint = AAAA-MM-JJ, ou l’année seule.
field-picture = Photo
field-picture-hint = L’adresse d’une image, avec https://.
field-profile = Page de profil
field-website = Site web
field-locale = Langue
field-locale-hint = Un code comme fr ou fr-CA.
field-zoneinfo = Fuseau horaire
field-zoneinfo-hint = Un nom comme Europe/Paris.
field-street-address = Numéro et rue
field-postal-code = Code postal
field-locality = Ville
field-region = Région ou province
field-country = Pays
field-email = Adresse e-mail
field-phone-number = Numéro de téléphone
field-phone-number-hint = Avec l’indicatif du pays, comme +33 1 99 00 12 34.

claim-empty = Saisissez quelque chose, ou laissez vide.
claim-too-long = Utilisez au plus { $count } caractères.
claim-control = Supprimez les caractères invisibles ; collez en texte brut.
claim-not-web-address = Utilisez une adresse qui commence par https:// ou http://.
claim-not-email = Ce n’est pas une adresse e-mail. Exemple : alice@example.com.
claim-not-birthdate = Écrivez AAAA-MM-JJ, ou l’année seule.
claim-not-phone-number = Ce n’est pas un numéro de téléphone. Exemple : +33 1 99 00 12 34.
claim-not-locale = Utilisez un code de langue comme fr ou fr-CA.
claim-not-zoneinfo = Utilisez le nom d’un fuseau horaire comme Europe/Paris.
claim-not-usable = Cette adresse ne peut pas être utilisée ici. Choisissez-en une autre.

## The account: password

password-change = Changer votre mot de passe
password-lead = Vous restez connecté ici. Partout ailleurs vous serez déconnecté, et les applications perdront leur accès jusqu’à ce que vous les utilisiez de nouveau.
password-button = Changer le mot de passe
password-current = Mot de passe actuel
password-new = Nouveau mot de passe
password-new-hint = Au moins { $count } caractères. Quelques mots sans rapport entre eux sont faciles à retenir.
password-again = Nouveau mot de passe, encore une fois
password-unchanged = Rien n’a été modifié.
password-refused = Votre mot de passe n’est pas encore changé.
password-refused-advice = Voyez ci-dessous, puis saisissez de nouveau les trois.
password-current-missing = Saisissez votre mot de passe actuel.
password-current-wrong = Ce n’est pas votre mot de passe actuel.
password-same = C’est le mot de passe que vous avez déjà.
password-different = Ce n’est pas le même. Saisissez de nouveau les deux.
password-too-short = Utilisez au moins { $count } caractères. Quelques mots sans rapport entre eux sont faciles à retenir.
password-too-long = Utilisez au plus { $count } caractères.
password-common = Ce mot de passe est parmi les premiers que les attaquants essaient. Choisissez-en un que d’autres n’utilisent pas.
password-personal = Ce mot de passe est votre nom, votre adresse e-mail ou le nom de ce service. Choisissez quelque chose sans rapport.
password-repetitive = Ce mot de passe répète les mêmes caractères. Mêlez-en d’autres, par exemple quelques mots sans rapport entre eux.

## The account: devices

sessions = Où vous êtes connecté
sessions-lead = Déconnectez ce que vous ne connaissez pas ou n’utilisez plus. Quelqu’un d’autre s’est connecté ? Changez aussi votre mot de passe.
session-current = cet appareil
signed-in-when = connecté { $when }
last-used-when = dernière utilisation { $when }
session-sign-out = Déconnecter { $device }, dernière utilisation { $when }
sessions-sign-out = Se déconnecter partout ailleurs
sessions-ask-password = Votre mot de passe vous sera d’abord demandé.
sessions-see-apps = Les applications qui peuvent rester connectées en votre absence figurent sous « Applications ».
sessions-none = Vous n’êtes connecté nulle part ailleurs.

## The account: apps

apps = Applications ayant accès
apps-lead = Ces applications peuvent utiliser votre compte, pour ce que vous leur avez autorisé.
apps-none = Aucune application ne peut utiliser votre compte.
app-knows-little = Sait seulement que vous êtes connecté
app-knows-little-sentence = Cette application sait seulement que vous êtes connecté.
allowed-when = autorisée { $when }
app-remove = Retirer
app-remove-of = Retirer l’accès de { $app }
remove-question = Retirer l’accès ?
remove-of = { $app } peut utiliser votre compte
app-may = Cette application peut
remove-effect = Si vous continuez, elle n’aura plus accès à votre compte, immédiatement et sur tous les appareils. Elle conserve ce qu’elle a déjà appris ou enregistré.
remove-trusted = L’exploitant de ce service s’en porte garant : si vous l’utilisez de nouveau, elle obtiendra l’accès sans demander.
remove-asks = Si vous l’utilisez de nouveau, elle devra vous demander l’accès.
keep = Conserver
remove = Retirer l’accès
