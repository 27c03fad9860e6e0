//! `/client/{client_id}/logo`: the picture of a client, from our own database and under a policy that lets it do nothing.

use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::http::error::DocumentError;
use crate::http::{layers, respond};
use crate::protocol::ids::ClientId;

/// The picture.
pub async fn get(State(app): State<App>, Path(client_id): Path<String>) -> Response {
    let Some(client_id) = ClientId::parse(&client_id) else {
        return layers::not_found();
    };
    let (media_type, image) = match app.store().logo(&client_id).await {
        Ok(Some(logo)) => logo,
        Ok(None) => return layers::not_found(),
        Err(error) => return DocumentError::from(error).into_response(),
    };
    let mut response = respond::with_type(StatusCode::OK, "application/octet-stream", image);
    let headers = response.headers_mut();
    if let Ok(media_type) = HeaderValue::from_str(&media_type) {
        headers.insert(header::CONTENT_TYPE, media_type);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; sandbox"),
    );
    response
}
