//! What surrounds every request: its id, its log line, the headers of every answer, and what happens when a handler panics.

use std::any::Any;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::Instrument as _;

use super::client_address;
use super::csp;
use super::error::ApiError;
use super::respond::{Embeddable, LogNote};
use crate::app::App;
use crate::protocol::error::Reason;
use crate::store::counted;
use crate::telemetry::request_log::{Line, Unanswered, log};
use crate::telemetry::traces::RequestSpan;

/// Names a request, from the caller's side into the log and back.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Gives the request an id, counts its queries, writes its log line, and completes the headers of its answer.
pub async fn observe(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request_id(request.headers()).unwrap_or_else(|| app.row_key(app.clock().now()).to_string());
    let method = request.method().clone();
    let version = request.version();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("none", MatchedPath::as_str)
        .to_owned();
    let address = client_address::find_out(request.extensions(), request.headers(), &app.config().server);
    request.extensions_mut().insert(address);
    request.extensions_mut().insert(RequestId(id.clone()));
    let parent = client_address::trace_parent(request.extensions(), request.headers(), &app.config().server);
    let trace = RequestSpan::begin(&id, method.as_str(), &route, parent);
    let span = tracing::info_span!("request", id = %id, trace_id = trace.trace_id());
    let metered = app.metrics().request(&route, method.as_str(), started);
    let unanswered = Unanswered {
        request_id: &id,
        method: method.as_str(),
        route: &route,
        started,
    };
    let answering = counted(app.metrics(), next.run(request)).instrument(span);
    let (mut response, queries) = answering.instrument(trace.span()).await;
    unanswered.answered();
    let status = response.status().as_u16();
    let note = response.extensions_mut().remove::<LogNote>().unwrap_or_default();
    metered.answered(status, note.reason);
    log(&Line {
        request_id: &id,
        trace_id: trace.trace_id(),
        method: method.as_str(),
        route: &route,
        status,
        client_id: note.client_id.as_ref(),
        reason: note.reason,
        duration: started.elapsed(),
        queries: queries.count,
        query_time: queries.time,
    });
    trace.end(status, note.client_id.as_ref(), note.reason);
    let embeddable = response.extensions().get::<Embeddable>().is_some();
    complete_headers(&app, response.headers_mut());
    if embeddable {
        response.headers_mut().remove(header::X_FRAME_OPTIONS);
    }
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(X_REQUEST_ID.clone(), id);
    }
    // A connection that is told on an answer is never closed under a request. HTTP/2 has a frame of its own for it.
    if app.is_stopping() && version <= Version::HTTP_11 {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    response
}

/// An id that a proxy gave, if it can stand in a log as it is.
fn request_id(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(&X_REQUEST_ID)?.to_str().ok()?;
    let harmless = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    ((8..=64).contains(&text.len()) && text.bytes().all(harmless)).then(|| text.to_owned())
}

/// On every answer: pages, documents, errors, redirects.
fn complete_headers(app: &App, headers: &mut HeaderMap) {
    static FIXED: [(HeaderName, HeaderValue); 4] = [
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            HeaderValue::from_static("same-origin"),
        ),
    ];
    // Room for these, the three below, the request's id, and the date.
    headers.reserve(FIXED.len() + 5);
    for (name, value) in &FIXED {
        headers.insert(name.clone(), value.clone());
    }
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static(csp::NOTHING));
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    if app.config().issuer.is_https() {
        let two_years = HeaderValue::from_static("max-age=63072000");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, two_years);
    }
}

/// The answer to a request whose handler panicked. The message may hold anything, so it goes nowhere.
pub fn panicked(_payload: Box<dyn Any + Send + 'static>) -> Response {
    ApiError::from(Reason::Internal).into_response()
}

/// The answer for a path that does not exist, to machines.
pub fn not_found() -> Response {
    super::respond::plain(StatusCode::NOT_FOUND, "there is nothing here\n")
}
