//! `/static/{name}`: embedded files; and the page for paths that do not exist.

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::error::{self, PageError};
use super::wishes::Wishes;
use crate::app::App;
use crate::http::assets;
use crate::http::client_address::Sender;
use crate::http::layers;

/// A file.
pub async fn get(Path(name): Path<String>) -> Response {
    assets::serve(&name).unwrap_or_else(layers::not_found)
}

/// There is no such page.
pub async fn not_found(State(app): State<App>, sender: Option<Extension<Sender>>, headers: HeaderMap) -> Response {
    let reference = sender.map(|sender| sender.0.request_id).unwrap_or_default();
    let language = Wishes::of_browser(&app, &headers).language();
    error::render(&app, language, &reference, PageError::NotFound)
}
