//! The cookie by which accounts know a browser ([`crate::limits::known_browser`]).

use axum::http::HeaderMap;
use axum::response::Response;

use super::cookies;
use crate::app::App;
use crate::limits::known_browser::LIFETIME;

const NAME: &str = "portcullis-known";

/// What the browser keeps.
pub fn read<'a>(app: &App, headers: &'a HeaderMap) -> Option<&'a str> {
    cookies::read(app, headers, NAME)
}

/// Has the browser keep `value`.
pub fn write(app: &App, response: &mut Response, value: &str) {
    cookies::write(app, response, NAME, value, LIFETIME);
}
