//! `/static/{name}`: embedded files; and the page for paths that do not exist.

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::error::{self, PageError};
use super::wishes::Wishes;
use crate::app::App;
use crate::http::assets;
use crate::http::layers::{self, RequestId};

/// A file.
pub async fn get(Path(name): Path<String>) -> Response {
    assets::serve(&name).unwrap_or_else(layers::not_found)
}

/// There is no such page.
pub async fn not_found(State(app): State<App>, id: Option<axum::Extension<RequestId>>, headers: HeaderMap) -> Response {
    let reference = id.map(|id| id.0.0).unwrap_or_default();
    let language = Wishes::of_browser(&app, &headers).language();
    error::render(&app, language, &reference, PageError::NotFound)
}
