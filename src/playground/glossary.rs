//! What parameters and claims mean, in one line each. The order is the order in which they are shown.

/// Parameters of requests and members of the token response.
const PARAMETERS: &[(&str, &str)] = &[
    (
        "response_type",
        "The answer shall be a code, which only this client can turn into tokens.",
    ),
    ("grant_type", "What is handed in for the tokens."),
    ("client_id", "Who is asking."),
    (
        "redirect_uri",
        "Where the answer goes. It must be registered, letter for letter.",
    ),
    ("scope", "What is asked for, or what was allowed."),
    ("state", "Ties the answer to this browser. Drawn for this request only."),
    ("nonce", "Comes back inside the ID token and ties it to this request."),
    (
        "code_challenge",
        "The SHA-256 of a secret that stays here until the code is exchanged (PKCE).",
    ),
    ("code_challenge_method", "How the challenge was made."),
    ("code", "The proof that you said yes. Works once, for about a minute."),
    ("iss", "Who answers, so that two servers cannot be mixed up."),
    (
        "code_verifier",
        "The secret behind the code challenge: proof that the same client asks.",
    ),
    ("refresh_token", "Fetches new tokens later. Each use replaces it."),
    ("device_code", "What the device keeps to itself, and asks with."),
    ("user_code", "What the person types, or scans with the link."),
    ("token", "The token to revoke."),
    ("token_type_hint", "Which kind of token it is, to find it sooner."),
];

/// Header members of a JWT.
const HEADER: &[(&str, &str)] = &[
    ("alg", "How it is signed."),
    ("kid", "Which of the published keys signed it."),
    ("typ", "What kind of token it is, so that one cannot pass as another."),
];

/// Claims of ID tokens, access tokens and userinfo.
const CLAIMS: &[(&str, &str)] = &[
    ("iss", "Who issued it."),
    ("sub", "Who it is about: an identifier that never changes."),
    ("aud", "Who it is for. Everybody else must refuse it."),
    ("azp", "The client that it was issued to."),
    ("client_id", "The client that it was issued to."),
    ("scope", "What it allows."),
    ("exp", "When it ends."),
    ("nbf", "From when on it counts."),
    ("iat", "When it was issued."),
    ("auth_time", "When you last proved who you are."),
    ("nonce", "The value from the request."),
    ("at_hash", "Half a hash of the access token that came with it."),
    ("c_hash", "Half a hash of the code."),
    ("sid", "Your session at the server. A sign-out message would name it."),
    ("acr", "How strongly you were authenticated."),
    ("amr", "By which means: pwd is a password."),
    ("jti", "The number of this one token."),
    ("cnf", "The key that the sender must hold."),
    ("name", "Your full name."),
    ("given_name", "Your given name."),
    ("family_name", "Your family name."),
    ("preferred_username", "What you like to be called. Not an identifier."),
    ("email", "Your e-mail address. Not an identifier."),
    ("email_verified", "Whether that address was checked."),
    ("zoneinfo", "Your time zone."),
    ("locale", "Your language."),
    ("updated_at", "When these facts last changed."),
];

/// Claims that hold seconds since 1970.
const DATES: &[&str] = &["exp", "nbf", "iat", "auth_time", "updated_at"];

/// One line about a request or response parameter; empty for one we do not know.
pub(super) fn parameter(name: &str) -> &'static str {
    find(PARAMETERS, name)
}

/// One line about a header member.
pub(super) fn header(name: &str) -> &'static str {
    find(HEADER, name)
}

/// One line about a claim.
pub(super) fn claim(name: &str) -> &'static str {
    find(CLAIMS, name)
}

/// Where a claim stands in the list: the known ones first.
pub(super) fn claim_rank(name: &str) -> usize {
    CLAIMS
        .iter()
        .position(|(known, _)| *known == name)
        .unwrap_or(CLAIMS.len())
}

/// Whether a claim is a date.
pub(super) fn is_date(name: &str) -> bool {
    DATES.contains(&name)
}

fn find(list: &[(&'static str, &'static str)], name: &str) -> &'static str {
    list.iter()
        .find(|(known, _)| *known == name)
        .map_or("", |(_, meaning)| meaning)
}
