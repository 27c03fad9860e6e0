//! `/session/check`: the frame that applications load to learn whether the sign-in has changed (OpenID Connect Session Management
//! §3.1). The one page of ours that others may embed: it shows nothing, has no form, and reads a cookie that only it can tell
//! anything from.

use askama::Template as _;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

use super::view::{CHECK_SESSION_SCRIPT, CheckSession};
use crate::app::App;
use crate::http::{browser_state, csp, respond};

/// The same for everybody; an hour is as long as a browser may keep an old one after an update.
const CACHE: HeaderValue = HeaderValue::from_static("public, max-age=3600");

/// The page.
pub async fn get(State(app): State<App>) -> Response {
    let page = CheckSession {
        cookie: browser_state::cookie_name(&app),
    };
    let Ok(text) = page.render() else {
        return respond::plain(StatusCode::INTERNAL_SERVER_ERROR, "the page could not be written");
    };
    let mut response = respond::with_type(StatusCode::OK, "text/html; charset=utf-8", text.into_bytes());
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, CACHE);
    if let Ok(policy) = HeaderValue::from_str(&csp::embedded(CHECK_SESSION_SCRIPT)) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    respond::allow_embedding(&mut response);
    response
}
