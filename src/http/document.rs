//! Public documents: the same for everybody, kept for a while, and cheap to ask for again.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;

use super::respond;
use crate::crypto::digest::sha256;

/// Five minutes: short enough that a new key is known everywhere long before it signs.
const CACHE: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// The document, or 304 for those who have it (RFC 9110 §13.1.2).
pub fn answer(request: &HeaderMap, media_type: &'static str, document: &impl Serialize) -> Response {
    let Ok(bytes) = serde_json::to_vec(document) else {
        return respond::plain(StatusCode::INTERNAL_SERVER_ERROR, "the document could not be written");
    };
    let digest: String = sha256(&bytes)
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let tag = format!("\"{digest}\"");
    let known = request
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let fresh = known
        .flat_map(|list| list.split(','))
        .map(str::trim)
        .any(|known| known == "*" || known.trim_start_matches("W/") == tag);
    let mut response = if fresh {
        let mut response = respond::plain(StatusCode::NOT_MODIFIED, "");
        response.headers_mut().remove(header::CONTENT_TYPE);
        response
    } else {
        respond::with_type(StatusCode::OK, media_type, bytes)
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, CACHE);
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}
