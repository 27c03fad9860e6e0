//! Building responses.

use axum::body::Body;
use axum::http::{HeaderValue, Response as HttpResponse, StatusCode, header};
use axum::response::Response;
use serde::Serialize;

use crate::protocol::error::{OAuthError, Reason};
use crate::protocol::ids::ClientId;

/// What a handler tells the request log, carried on its response.
#[derive(Clone, Debug, Default)]
pub struct LogNote {
    /// The client that the request was about.
    pub client_id: Option<ClientId>,
    /// Why it was refused.
    pub reason: Option<Reason>,
}

/// On a response that other sites may embed.
#[derive(Clone, Copy, Debug)]
pub struct Embeddable;

/// A JSON document that nobody may keep (RFC 6749 §5.1).
pub fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let Ok(bytes) = serde_json::to_vec(body) else {
        return plain(StatusCode::INTERNAL_SERVER_ERROR, "the answer could not be written");
    };
    unkept(with_type(status, "application/json", bytes))
}

/// A JWT that nobody may keep (OpenID Connect Core §5.3.2).
pub fn jwt(token: String) -> Response {
    unkept(with_type(StatusCode::OK, "application/jwt", token.into_bytes()))
}

fn unkept(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

/// A short text.
pub fn plain(status: StatusCode, text: &'static str) -> Response {
    with_type(status, "text/plain; charset=utf-8", text)
}

/// A status and nothing else, for others to make something of.
pub fn bare(status: StatusCode) -> Response {
    let mut response = HttpResponse::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// A body of some media type.
pub fn with_type(status: StatusCode, media_type: &'static str, body: impl Into<Body>) -> Response {
    let mut response = HttpResponse::new(body.into());
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

/// `303 See Other`: the next request is a GET, so no form is sent on to anybody (RFC 9700 §4.12).
pub fn see_other(location: &str) -> Response {
    let mut response = HttpResponse::new(Body::empty());
    let Ok(location) = HeaderValue::from_str(location) else {
        return plain(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the next address could not be written",
        );
    };
    *response.status_mut() = StatusCode::SEE_OTHER;
    response.headers_mut().insert(header::LOCATION, location);
    response
}

/// Lets other sites embed the page, as far as its policy says.
pub fn allow_embedding(response: &mut Response) {
    response.extensions_mut().insert(Embeddable);
}

/// Notes the client for the request log.
pub fn note_client(response: &mut Response, client_id: &ClientId) {
    let extensions = response.extensions_mut();
    extensions.get_or_insert_default::<LogNote>().client_id = Some(client_id.clone());
}

/// Notes why for the request log.
pub fn note_reason(response: &mut Response, error: OAuthError) {
    response.extensions_mut().get_or_insert_default::<LogNote>().reason = Some(error.reason);
}
