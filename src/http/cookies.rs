//! Plain cookies, beside that of the cookie session.

use std::borrow::Cow;

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;

use crate::app::App;

/// On https the `__Host-` prefix binds a cookie to this host alone.
pub fn full_name(app: &App, name: &'static str) -> Cow<'static, str> {
    if app.config().issuer.is_https() {
        format!("__Host-{name}").into()
    } else {
        name.into()
    }
}

/// What the browser keeps under `name`.
pub fn read<'a>(app: &App, headers: &'a HeaderMap, name: &'static str) -> Option<&'a str> {
    let name = full_name(app, name);
    let pairs = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|cookies| cookies.to_str().ok())
        .flat_map(|cookies| cookies.split("; "));
    let mut named = pairs
        .filter_map(|pair| pair.split_once('='))
        .filter(|(found, _)| *found == name);
    named.next().map(|(_, value)| value)
}

/// Has the browser keep `value` under `name` for `max_age` seconds. No script sees it.
pub fn write(app: &App, response: &mut Response, name: &'static str, value: &str, max_age: i64) {
    let secure = if app.config().issuer.is_https() { "; Secure" } else { "" };
    let rules = format!("HttpOnly; SameSite=Lax; Max-Age={max_age}{secure}");
    set(app, response, (name, value), &rules);
}

/// As [`write`], for scripts of ours, in pages of other sites too. A browser takes `SameSite=None` on https alone; without it, and
/// so for development on one machine, only pages of the same site see the cookie.
pub fn write_for_frames(app: &App, response: &mut Response, name: &'static str, value: &str, max_age: i64) {
    let seen = if app.config().issuer.is_https() {
        "SameSite=None; Secure"
    } else {
        "SameSite=Lax"
    };
    set(app, response, (name, value), &format!("{seen}; Max-Age={max_age}"));
}

fn set(app: &App, response: &mut Response, (name, value): (&'static str, &str), rules: &str) {
    let name = full_name(app, name);
    let cookie = format!("{name}={value}; Path=/; {rules}");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}
