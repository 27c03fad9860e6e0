//! `GET /.well-known/jwks.json` (RFC 7517 §5).

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use crate::app::App;
use crate::http::document;
use crate::http::error::DocumentError;

/// The keys that tokens of this server are verified with, those not yet in use included.
pub async fn get(State(app): State<App>, headers: HeaderMap) -> Result<Response, DocumentError> {
    let catalog = app.store().catalog().await?;
    let jwks = app.key_ring(&catalog)?.jwks(app.clock().now());
    Ok(document::answer(&headers, "application/jwk-set+json", &jwks))
}
