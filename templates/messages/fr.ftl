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
error-reference = Si vous demandez de l’aide, indiquez { $reference }

for-developers = Pour les développeurs de l’application
hint-client-id-missing = Envoyez client_id avec la demande d’autorisation.
hint-client-unknown = Aucun client utilisable n’a ce client_id. Comparez-le avec celui qui a été enregistré.
hint-redirect-uri-missing = Envoyez redirect_uri : l’une de celles enregistrées pour le client.
hint-redirect-uri-unregistered = redirect_uri doit être identique, caractère par caractère, à une URI enregistrée. Seul le port d’une adresse de bouclage (http://127.0.0.1, http://[::1], http://localhost) peut différer.
hint-post-logout-redirect-uri-unregistered = post_logout_redirect_uri doit être identique, caractère pour caractère, à une adresse enregistrée. Seul le port d’une adresse de bouclage peut différer.
hint-parameter-repeated = N’envoyez chaque paramètre qu’une fois.
hint-parameter-malformed = Envoyez les paramètres en UTF-8 encodé en pourcentage, sans NUL.
hint-request = Comparez la demande avec la RFC 6749, section 4.1.1.
