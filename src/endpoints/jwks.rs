//! `GET /.well-known/jwks.json` (RFC 7517 §5).

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use crate::app::App;
use crate::http::document;
use crate::http::error::DocumentError;

/// The keys that tokens of this server are verified with, those not yet in use included.
pub async fn get(State(app): State<App>, headers: HeaderMap) -> Result<Response, DocumentError> {
    let ring = match app.store().catalog().await {
        Ok(catalog) => app.key_ring(&catalog)?,
        Err(error) => app.last_key_ring().ok_or(error)?,
    };
    let jwks = ring.jwks(app.clock().now());
    Ok(document::answer(&headers, "application/jwk-set+json", &jwks))
}
