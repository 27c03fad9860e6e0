//! Every path, once. They are relative to the issuer's own path.

/// RFC 6749 §3.1.
pub const AUTHORIZE: &str = "/authorize";
/// RFC 6749 §3.2.
pub const TOKEN: &str = "/token";
/// RFC 8628 §3.1.
pub const DEVICE_CODE: &str = "/device/code";
/// OpenID Connect Core §5.3.
pub const USERINFO: &str = "/userinfo";
/// RFC 7009.
pub const REVOKE: &str = "/revoke";
/// RFC 7662.
pub const INTROSPECT: &str = "/introspect";
/// RFC 7591 §3.
pub const REGISTER: &str = "/register";
/// RFC 7592 §2.
pub const REGISTRATION: &str = "/register/{client_id}";
/// RFC 7517.
pub const JWKS: &str = "/.well-known/jwks.json";
/// OpenID Connect Discovery §4.
pub const OPENID_CONFIGURATION: &str = "/.well-known/openid-configuration";
/// RFC 8414 §3: this one goes before the issuer's path, not behind it.
pub const OAUTH_METADATA: &str = "/.well-known/oauth-authorization-server";

/// Signed-in home.
pub const HOME: &str = "/";
/// Sign in for its own sake.
pub const LOGIN: &str = "/login";
/// Sign out, by oneself or at a client's request (OpenID Connect RP-Initiated Logout §2).
pub const LOGOUT: &str = "/logout";
/// The frame that tells apps whether a sign-in has changed (OpenID Connect Session Management §3.1).
pub const CHECK_SESSION: &str = "/session/check";
/// A person's own account.
pub const ACCOUNT: &str = "/account";
/// What is known about the person.
pub const ACCOUNT_PROFILE: &str = "/account/profile";
/// How the person is reached.
pub const ACCOUNT_CONTACT: &str = "/account/contact";
/// A new password.
pub const ACCOUNT_PASSWORD: &str = "/account/password";
/// Where the person is signed in.
pub const ACCOUNT_SESSIONS: &str = "/account/sessions";
/// What apps may do.
pub const ACCOUNT_APPS: &str = "/account/apps";
/// Taking it back.
pub const ACCOUNT_APP: &str = "/account/apps/{client_id}";
/// Sign in for a waiting request.
pub const INTERACTION_LOGIN: &str = "/interaction/{id}/login";
/// Choose an account for a waiting request.
pub const INTERACTION_ACCOUNT: &str = "/interaction/{id}/account";
/// Consent to a waiting request.
pub const INTERACTION_CONSENT: &str = "/interaction/{id}/consent";
/// Where a person enters the code that a device shows (RFC 8628 §3.3).
pub const DEVICE: &str = "/device";
/// Sign in for a device.
pub const DEVICE_LOGIN: &str = "/device/{id}/login";
/// Allow or refuse a device.
pub const DEVICE_CONFIRM: &str = "/device/{id}/confirm";
/// A client's picture.
pub const CLIENT_LOGO: &str = "/client/{client_id}/logo";
/// Embedded files, named by their contents.
pub const STATIC: &str = "/static/{name}";

/// The process answers.
pub const HEALTH: &str = "/healthz";
/// The process can do its work.
pub const READY: &str = "/readyz";
/// What Prometheus scrapes, on the metrics listener only.
pub const METRICS: &str = "/metrics";

/// A path with its one parameter filled in.
pub fn fill(path: &str, value: &str) -> String {
    match (path.find('{'), path.find('}')) {
        (Some(open), Some(close)) => format!("{}{value}{}", &path[..open], &path[close + 1..]),
        _ => path.to_owned(),
    }
}
