//! Embedded files, named by their contents so that browsers may keep them for good.

use std::sync::LazyLock;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

use super::{csp, paths, respond};
use crate::crypto::digest::sha256;

/// One embedded file.
struct Asset {
    stem: &'static str,
    extension: &'static str,
    media_type: &'static str,
    bytes: &'static [u8],
}

const ASSETS: &[Asset] = &[
    Asset {
        stem: "portcullis",
        extension: "css",
        media_type: "text/css; charset=utf-8",
        bytes: include_bytes!("../../static/portcullis.css"),
    },
    Asset {
        stem: "portcullis",
        extension: "svg",
        media_type: "image/svg+xml",
        bytes: include_bytes!("../../static/portcullis.svg"),
    },
];

/// The file names in use, in the order of [`ASSETS`].
static NAMES: LazyLock<Vec<String>> = LazyLock::new(|| ASSETS.iter().map(hashed_name).collect());

fn hashed_name(asset: &Asset) -> String {
    let digest = sha256(asset.bytes);
    let short: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    format!("{}.{short}.{}", asset.stem, asset.extension)
}

/// The path of the stylesheet.
pub fn stylesheet() -> String {
    path_of(0)
}

/// The path of the icon.
pub fn icon() -> String {
    path_of(1)
}

fn path_of(index: usize) -> String {
    paths::fill(paths::STATIC, NAMES.get(index).map_or("", String::as_str))
}

/// The file of this name. SVG is served as a picture only: its policy lets it do nothing.
pub fn serve(name: &str) -> Option<Response> {
    let index = NAMES.iter().position(|known| known == name)?;
    let asset = ASSETS.get(index)?;
    let mut response = respond::with_type(StatusCode::OK, asset.media_type, asset.bytes.to_vec());
    let headers = response.headers_mut();
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=31536000, immutable"),
    );
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(csp::NOTHING));
    Some(response)
}
