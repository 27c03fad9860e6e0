//! The cookie by which accounts know a browser ([`crate::limits::known_browser`]).

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;

use crate::app::App;
use crate::limits::known_browser::LIFETIME;

/// On https the `__Host-` prefix binds the cookie to this host alone.
fn name(app: &App) -> &'static str {
    if app.config().issuer.is_https() {
        "__Host-portcullis-known"
    } else {
        "portcullis-known"
    }
}

/// What the browser keeps.
pub fn read<'a>(app: &App, headers: &'a HeaderMap) -> Option<&'a str> {
    let pairs = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|cookies| cookies.to_str().ok())
        .flat_map(|cookies| cookies.split("; "));
    let mut named = pairs
        .filter_map(|pair| pair.split_once('='))
        .filter(|(found, _)| *found == name(app));
    named.next().map(|(_, value)| value)
}

/// Has the browser keep `value`.
pub fn write(app: &App, response: &mut Response, value: &str) {
    let secure = if app.config().issuer.is_https() { "; Secure" } else { "" };
    let cookie = format!(
        "{}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={LIFETIME}{secure}",
        name(app)
    );
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}
