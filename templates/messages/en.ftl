# The pages in English. Every other file of this folder says the same in its language, under the same keys.
#
# Terms: sign in / sign out · account · app (never "client") · device · access (what an app has) · allow / deny ·
# operator (who runs this service) · session is said as "device". Short sentences; the person is "you", the service "we".
# Where a text has { $app }, { $product }, { $when }, { $host }, { $reference }: an element of the page stands there.

language-name = English
languages = Language

## Signing in

sign-in = Sign in
sign-in-confirm = Confirm it is you
continue-to = to continue to { $app }
username = Username
password = Password
wrong-credentials = Wrong username or password.
wrong-credentials-advice = Check both and try again.
sign-in-busy = We cannot sign you in just now.
sign-in-busy-advice = Wait a minute, then try again.
too-many-attempts = Too many attempts.
try-again-in-minutes =
    { $count ->
        [one] Try again in a minute.
       *[other] Try again in { $count } minutes.
    }
try-again-in-hours =
    { $count ->
        [one] Try again in an hour.
       *[other] Try again in { $count } hours.
    }
password-busy = We cannot check passwords just now.
form-stale = This page was out of date.
sign-in-stale-advice = Enter your password again. If this repeats, allow cookies for this site.

## Errors

error-form-stale = This form is out of date
error-form-stale-advice = Nothing was changed. Go back, load the page again, and try once more.
error-no-interaction = This sign-in has expired
error-no-interaction-advice = It was started too long ago, or in another browser. Go back to the app and start again.
error-no-device = This device is not waiting any more
error-no-device-advice = It asked too long ago, or its code was entered in another browser. Start again on the device.
error-not-found = There is nothing here
error-not-found-advice = The address may be mistyped, or the page has moved.
error-unavailable = We cannot answer right now
error-unavailable-advice = Please try again in a moment.
error-too-many = Too many attempts
error-too-many-advice = Please wait a little, then try again.
error-internal = Something went wrong here
error-internal-advice = It is not your doing. If it happens again, tell the operator the reference below.
error-request = The app sent a request that we cannot accept
error-request-advice = You were not signed in, and nothing was shared. Go back to the app; if this happens again, tell the people who run it.
error-reference = If you ask for help, mention { $reference }

for-developers = For the developer of the app
hint-client-id-missing = Send client_id with the authorization request.
hint-client-unknown = No client that may be used has this client_id. Compare it with the one that was registered.
hint-redirect-uri-missing = Send redirect_uri: one of those that are registered for the client.
hint-redirect-uri-unregistered = redirect_uri must equal a registered one, character by character. Only the port of a loopback address (http://127.0.0.1, http://[::1], http://localhost) may differ.
hint-post-logout-redirect-uri-unregistered = post_logout_redirect_uri must equal a registered one, character by character. Only the port of a loopback address may differ.
hint-parameter-repeated = Send each parameter once.
hint-parameter-malformed = Send parameters as percent-encoded UTF-8 without NUL.
hint-request = Compare the request with RFC 6749 section 4.1.1.
