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
error-logout-advice = It asked to sign you out and to lead you to an address that it has not registered, so nothing was done. You can still sign out on this server’s own page.
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

## What apps say about themselves

app-unchecked = This app registered itself. Nobody who runs this service has checked it: go on only if you know the address above.
app-website = About the app
app-policy = Privacy policy
app-terms = Terms of use
your-apps = Your apps
open-app = Open
## The front page, and signing out

welcome = Welcome
welcome-lead = One account for the apps that use { $product }. Sign in here, or open an app and let it send you here.
signed-in = You are signed in
signed-in-lead = Apps that use { $product } can recognise you without asking for your password again.
your-account = Your account
manage-account = Manage your account
sign-out = Sign out
sign-out-question = Sign out?
sign-out-lead = You will need your password the next time an app sends you here.
sign-out-for = { $app } asks to sign you out
sign-out-return = Afterwards you return to { $host }.
sign-out-unasked = Did not ask for this? Close this page and you stay signed in.
signed-out-title = Signed out
signed-out = You are signed out
signed-out-lead = An app that you used may keep its own session. On a shared computer, sign out there too, then close the browser.
signed-out-told = The apps that you used are being told. On a shared computer, close the browser afterwards.
back-to = Back to { $app }

## What an app asks

choose-account = Choose an account
other-account = Use another account
not-you = Not you?
consent = Allow access?
consent-to = { $app } wants to use your account
consent-nothing = This app asks only to know that you are signed in.
consent-may = This app will be able to
allow = Allow
deny = Deny
consent-return = Either way you return to { $host }.
consent-return-here = Either way you return to the app on this device.
consent-remembered = If you allow this, you will not be asked again for the same access.
consent-each-time = You will be asked each time.
technical-names = Technical names
back-to-app = Back to the app
continue = Continue
already-answered = This request was answered already
already-answered-lead = You can close this page and go back to the app.

# These complete “This app will be able to”, and stand alone in a list.
scope-profile = See your name and the rest of your public profile
scope-email = See your e-mail address
scope-address = See your postal address
scope-phone = See your phone number
scope-offline-access = Stay connected while you are away, until you withdraw it
see-name = See your full name
see-given-name = See your given name
see-middle-name = See your middle name
see-family-name = See your family name
see-nickname = See your nickname
see-preferred-username = See the name that you use in apps
see-gender = See your gender
see-birthdate = See your date of birth
see-picture = See your picture
see-profile = See the address of your profile page
see-website = See the address of your website
see-locale = See your language
see-zoneinfo = See your time zone
see-updated-at = See when your profile was last changed
see-email-verified = See whether your e-mail address is confirmed
see-phone-number-verified = See whether your phone number is confirmed
scope-undescribed = Use “{ $scope }”

## Devices without a keyboard

connect-device = Connect a device
connect-device-lead = Enter the code that your device shows
user-code = Code
user-code-warning = Did somebody send you this code, or read it out to you? Then do not enter it: they would get into your account.
user-code-wrong = No device is waiting under this code.
user-code-wrong-advice = Compare it with your device. Codes work once and only for some minutes; start again there for a new one.
user-code-throttled = Too many codes were tried.
user-code-throttled-advice = Wait a few minutes, then try again.
user-code-stale-advice = Enter the code again. If this repeats, allow cookies for this site.
device-title = Let this device in?
device-question = Is this in front of you?
device-asks = A device that runs { $app } wants to use your account
device-elsewhere = This request comes from another network than yours.
device-elsewhere-advice = That can be fine, for example if you are on mobile data. If the device is not with you, or somebody else gave you the code, choose “Deny”.
device-code = Code on the device
device = Device
device-address = Address
device-asked = Asked
device-nothing = The app asks only to know who you are.
device-may = The app on this device will be able to
device-care = Allow it only if you see this code on a device that you are using right now.
device-anybody = Any program can call itself by the name of this app.
device-connected = Your device is connected
device-connected-lead = { $app } can use your account now. Go back to your device; you can close this page.
device-refused = You refused the device
device-refused-lead = It gets nothing of your account. You can close this page.
device-answered = This code was already used
device-answered-lead = Nothing was changed. Look at your device; to begin again, ask it for a new code.

# What a browser is called, such as “Firefox on Linux”.
browser-on = { $program } on { $system }
browser-unknown-on = Unknown browser on { $system }
browser-unknown = Unknown device
browser-program = A { $language } program
browser-app = An { $system } app
browser-tv = a TV

## Moments

just-now = just now
ago-minutes =
    { $count ->
        [one] { $count } minute ago
       *[other] { $count } minutes ago
    }
ago-hours =
    { $count ->
        [one] { $count } hour ago
       *[other] { $count } hours ago
    }
ago-days =
    { $count ->
        [one] { $count } day ago
       *[other] { $count } days ago
    }
ago-months =
    { $count ->
        [one] { $count } month ago
       *[other] { $count } months ago
    }
ago-years =
    { $count ->
        [one] { $count } year ago
       *[other] { $count } years ago
    }
moment =
    { $day } { $month ->
        [1] January
        [2] February
        [3] March
        [4] April
        [5] May
        [6] June
        [7] July
        [8] August
        [9] September
        [10] October
        [11] November
       *[12] December
    } { $year }, { $time } UTC

## The account

account-overview = Overview
account-profile = Profile
account-password = Password
account-devices = Devices
account-apps = Apps
profile-summary = Your name, how you are reached, and what else apps may learn
password-summary = Choose a new one
devices-summary =
    { $count ->
        [one] Signed in here only
       *[other] Signed in on { $count } devices
    }
apps-summary =
    { $count ->
        [0] No app can use your account
        [one] { $count } app can use your account
       *[other] { $count } apps can use your account
    }

notice-saved = Your changes are saved.
notice-unchanged = Nothing was different, so nothing was changed.
notice-password = Your password is changed. You stay signed in here; everywhere else you were signed out, and apps have lost their access until you use them again.
notice-session = That device is signed out.
notice-sessions = You are signed out everywhere else.
notice-session-unknown = That device was signed out already.
notice-withdrawn = The app can no longer use your account.

pages-of-list = Pages of this list
page-previous = Previous
page-next = Next
page-number = Page { $page } of { $pages }

## The account: profile

profile-lead = Apps learn of this only what you allow them. Leave empty what you do not want to tell.
profile-fixed = To change anything else, ask the operator of this service.
profile-refused = Nothing was saved yet.
profile-look-again = Look again at { $lines }.
contact = How you are reached
contact-lead = A new address or number counts as not verified until the operator of this service has verified it.
contact-change = Change e-mail address or phone number
verified = verified
not-verified = not verified
save = Save

group-name = Name
group-about = About you
group-web = On the web
group-address = Postal address

field-name = Full name
field-name-hint = As apps show it.
field-given-name = Given name
field-middle-name = Middle name
field-family-name = Family name
field-nickname = Nickname
field-preferred-username = Name in apps
field-gender = Gender
field-birthdate = Date of birth
field-birthdate-hint = YYYY-MM-DD, or the year alone.
field-picture = Picture
field-picture-hint = The address of an image, with https://.
field-profile = Profile page
field-website = Website
field-locale = Language
field-locale-hint = A tag such as en or fr-CA.
field-zoneinfo = Time zone
field-zoneinfo-hint = A name such as Europe/Paris.
field-street-address = Street and number
field-postal-code = Postal code
field-locality = City
field-region = State or province
field-country = Country
field-email = E-mail address
field-phone-number = Phone number
field-phone-number-hint = With the country’s code, such as +1 555 0100.

claim-empty = Type something, or leave it empty.
claim-too-long = Use at most { $count } characters.
claim-control = Remove the characters that cannot be seen; paste it as plain text.
claim-not-web-address = Use an address that starts with https:// or http://.
claim-not-email = This is not an e-mail address. It looks like alice@example.com.
claim-not-birthdate = Write it as YYYY-MM-DD, or give the year alone.
claim-not-phone-number = This is not a phone number. It looks like +1 555 0100.
claim-not-locale = Use a language tag such as en or fr-CA.
claim-not-zoneinfo = Use the name of a time zone such as Europe/Paris.
claim-not-usable = This address cannot be used here. Choose another one.

## The account: password

password-change = Change your password
password-lead = You stay signed in here. Everywhere else you are signed out, and apps lose their access until you use them again.
password-button = Change password
password-current = Present password
password-new = New password
password-new-hint = At least { $count } characters. A few unrelated words are easy to remember.
password-again = New password again
password-unchanged = Nothing was changed.
password-refused = Your password is not changed yet.
password-refused-advice = See below, then type all three again.
password-current-missing = Type your present password.
password-current-wrong = This is not your present password.
password-same = This is the password that you have now.
password-different = This is not the same. Type both again.
password-too-short = Use at least { $count } characters. A few unrelated words are easy to remember.
password-too-long = Use at most { $count } characters.
password-common = This password is among the first that attackers try. Choose one that others do not use.
password-personal = This password is your name, your e-mail address or the name of this service. Choose something unrelated.
password-repetitive = This password repeats the same characters. Mix in some others, for example a few unrelated words.

## The account: devices

sessions = Where you are signed in
sessions-lead = Sign out what you do not know or no longer use. Did somebody else sign in? Change your password, too.
session-current = this one
signed-in-when = signed in { $when }
last-used-when = last used { $when }
session-sign-out = Sign out { $device }, last used { $when }
sessions-sign-out = Sign out everywhere else
sessions-ask-password = You will be asked for your password first.
sessions-see-apps = Apps that may stay connected while you are away are listed under Apps.
sessions-none = You are signed in nowhere else.

## The account: apps

apps = Apps with access
apps-lead = These apps can use your account, for what you allowed them.
apps-none = No app can use your account.
app-knows-little = Knows only that you are signed in
app-knows-little-sentence = This app knows only that you are signed in.
allowed-when = allowed { $when }
app-remove = Remove
app-remove-of = Remove access of { $app }
remove-question = Remove access?
remove-of = { $app } can use your account
app-may = This app is able to
remove-effect = If you go on, it can no longer reach your account, at once and on every device. What it has already learned or stored it keeps.
remove-trusted = It is vouched for by the operator of this service: when you use it again, it gets access without asking.
remove-asks = When you use it again, it has to ask you.
keep = Keep
remove = Remove access
