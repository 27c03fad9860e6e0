//! Public documents: the same for everybody, kept for a while, and cheap to ask for again.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use serde::Serialize;

use super::{cors, layers, respond};
use crate::app::App;
use crate::crypto::digest::sha256;
use crate::protocol::error::Reason;

/// Five minutes: short enough that a new key is known everywhere long before it signs.
const CACHE: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// A document as it is sent.
#[derive(Debug)]
pub struct Document {
    media_type: &'static str,
    bytes: Bytes,
    tag: HeaderValue,
}

impl Document {
    /// Writes the document.
    pub fn new(media_type: &'static str, document: &impl Serialize) -> Result<Self, Reason> {
        let bytes = serde_json::to_vec(document).map_err(|_| Reason::Internal)?;
        let digest: String = sha256(&bytes)
            .iter()
            .take(16)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let tag = HeaderValue::from_str(&format!("\"{digest}\"")).map_err(|_| Reason::Internal)?;
        Ok(Self {
            media_type,
            bytes: bytes.into(),
            tag,
        })
    }

    /// The document, or 304 for those who have it (RFC 9110 §13.1.2).
    pub fn answer(&self, request: &HeaderMap) -> Response {
        if self.is_known(request) {
            self.unchanged()
        } else {
            self.whole()
        }
    }

    fn is_known(&self, request: &HeaderMap) -> bool {
        let known = request
            .get_all(header::IF_NONE_MATCH)
            .iter()
            .filter_map(|value| value.to_str().ok());
        known
            .flat_map(|list| list.split(','))
            .map(str::trim)
            .any(|known| known == "*" || known.trim_start_matches("W/") == self.tag)
    }

    fn whole(&self) -> Response {
        self.kept(respond::with_type(StatusCode::OK, self.media_type, self.bytes.clone()))
    }

    fn unchanged(&self) -> Response {
        self.kept(respond::bare(StatusCode::NOT_MODIFIED))
    }

    fn kept(&self, mut response: Response) -> Response {
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, CACHE);
        headers.insert(header::ETAG, self.tag.clone());
        response
    }
}

/// A document with all that goes around it, made once and sent often.
#[derive(Debug)]
pub struct Prepared {
    document: Document,
    whole: HeaderMap,
    unchanged: HeaderMap,
}

impl Prepared {
    /// Adds the headers that every answer gets, and those that let every origin read it.
    pub fn new(app: &App, document: Document) -> Self {
        let headers = |response: Response| {
            let mut headers = std::mem::take(Self::instead(app, response).headers_mut());
            // In the place of the request's own, so that a copy has room for it.
            headers.insert(layers::X_REQUEST_ID.clone(), HeaderValue::from_static(""));
            headers
        };
        let mut whole = headers(document.whole());
        // An answer to HEAD tells the length as well.
        whole.insert(header::CONTENT_LENGTH, document.bytes.len().into());
        Self {
            whole,
            unchanged: headers(document.unchanged()),
            document,
        }
    }

    /// An answer where there is no document, with all that goes around one.
    pub fn instead(app: &App, mut response: Response) -> Response {
        cors::allow_all(response.headers_mut());
        layers::complete_headers(app, response.headers_mut());
        response
    }

    /// The answer to a GET, or without the body to a HEAD.
    pub fn answer(&self, method: &Method, request: &HeaderMap) -> Response {
        if self.document.is_known(request) {
            let mut response = respond::bare(StatusCode::NOT_MODIFIED);
            *response.headers_mut() = self.unchanged.clone();
            return response;
        }
        let body = match *method {
            Method::HEAD => Body::empty(),
            _ => Body::from(self.document.bytes.clone()),
        };
        let mut response = Response::new(body);
        *response.headers_mut() = self.whole.clone();
        response
    }
}
