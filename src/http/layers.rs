//! What surrounds every request: its id, its log line, the headers of every answer, and what happens when a handler panics.

use std::any::Any;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::{
    Extensions, HeaderMap, HeaderName, HeaderValue, Method, Request as HttpRequest, StatusCode, Version, header,
};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::Instrument as _;

use super::client_address::{self, Sender};
use super::csp;
use super::error::ApiError;
use super::respond::{Embeddable, LogNote};
use crate::app::App;
use crate::protocol::error::Reason;
use crate::store::{QueryStats, counted};
use crate::telemetry::lines::{RequestName, within};
use crate::telemetry::metrics::Request as Metered;
use crate::telemetry::request_log::{Line, Unanswered, log};
use crate::telemetry::traces::RequestSpan;

/// Brings a request's id, and takes it back.
pub static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Layer of every route: see [`around`].
pub async fn observe(State(app): State<App>, request: Request, next: Next) -> Response {
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let route = matched.as_ref().map_or("none", MatchedPath::as_str);
    let peer = peer(request.extensions());
    around(&app, route, peer, request, |request| next.run(request)).await
}

/// Who is at the other end of the connection, where there is one.
pub fn peer(extensions: &Extensions) -> Option<SocketAddr> {
    extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0)
}

/// Gives a request for `route` an id, counts its queries, writes its log line, and completes the headers of its answer.
pub async fn around<F>(
    app: &App,
    route: &str,
    peer: Option<SocketAddr>,
    mut request: Request,
    answer: impl FnOnce(Request) -> F,
) -> Response
where
    F: Future<Output = Response>,
{
    let observed = Observed::begin(app, &request, peer, route);
    let sender = Sender {
        request_id: observed.id.clone(),
        address: client_address::find_out(peer, request.headers(), &app.config().server),
    };
    request.extensions_mut().insert(sender);
    let (mut response, queries) = observed.run(Box::pin(answer(request))).await;
    complete_headers(app, response.headers_mut());
    if response.extensions().get::<Embeddable>().is_some() {
        response.headers_mut().remove(header::X_FRAME_OPTIONS);
    }
    observed.end(response, queries)
}

/// A request that is being answered.
pub struct Observed<'a> {
    app: &'a App,
    id: Arc<str>,
    method: Method,
    version: Version,
    route: &'a str,
    started: Instant,
    trace: RequestSpan,
    metered: Metered,
}

impl<'a> Observed<'a> {
    /// Begins to watch a request for `route`, the pattern that matched.
    pub fn begin<B>(app: &'a App, request: &HttpRequest<B>, peer: Option<SocketAddr>, route: &'a str) -> Self {
        let started = Instant::now();
        let headers = request.headers();
        let id: Arc<str> = match request_id(headers) {
            Some(given) => given.into(),
            None => {
                let drawn = app.row_key(app.clock().now());
                (&*drawn.hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer())).into()
            }
        };
        let method = request.method().clone();
        let parent = client_address::trace_parent(peer, headers, &app.config().server);
        let trace = RequestSpan::begin(&id, method.as_str(), route, parent);
        let metered = app.metrics().request(route, method.as_str(), started);
        Self {
            app,
            id,
            method,
            version: request.version(),
            route,
            started,
            trace,
            metered,
        }
    }

    /// Does what the request asks for, and tells what database work that was. Dropped half way, it leaves a line in the log.
    pub async fn run<T>(&self, work: impl Future<Output = T>) -> (T, QueryStats) {
        let unanswered = Unanswered {
            request_id: &self.id,
            method: self.method.as_str(),
            route: self.route,
            started: self.started,
        };
        let name = RequestName {
            id: self.id.clone(),
            trace_id: self.trace.trace_id().cloned(),
        };
        let work = counted(self.app.metrics(), within(name, work));
        let done = work.instrument(self.trace.span()).await;
        unanswered.answered();
        done
    }

    /// Writes the line, and the request's id into its answer.
    pub fn end(self, mut response: Response, queries: QueryStats) -> Response {
        let status = response.status().as_u16();
        let note = response.extensions_mut().remove::<LogNote>().unwrap_or_default();
        self.metered.answered(status, note.reason);
        log(&Line {
            request_id: &self.id,
            trace_id: self.trace.trace_id().map(|id| &**id),
            method: self.method.as_str(),
            route: self.route,
            status,
            client_id: note.client_id.as_ref(),
            reason: note.reason,
            duration: self.started.elapsed(),
            queries: queries.count,
            query_time: queries.time,
        });
        self.trace.end(status, note.client_id.as_ref(), note.reason);
        if let Ok(id) = HeaderValue::from_str(&self.id) {
            response.headers_mut().insert(X_REQUEST_ID.clone(), id);
        }
        // A connection that is told on an answer is never closed under a request. HTTP/2 has a frame of its own for it.
        if self.app.is_stopping() && self.version <= Version::HTTP_11 {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
        }
        response
    }
}

/// An id that a proxy gave, if it can stand in a log as it is.
fn request_id(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get(&X_REQUEST_ID)?.to_str().ok()?;
    let harmless = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    ((8..=64).contains(&text.len()) && text.bytes().all(harmless)).then_some(text)
}

/// On every answer: pages, documents, errors, redirects.
pub fn complete_headers(app: &App, headers: &mut HeaderMap) {
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

/// The answer, or [`panicked`].
pub async fn caught(answer: impl Future<Output = Response>) -> Response {
    let mut answer = pin!(answer);
    poll_fn(|cx| {
        let polled = catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(cx)));
        polled.unwrap_or_else(|payload| Poll::Ready(panicked(payload)))
    })
    .await
}

/// The answer to a request whose handler panicked. The message may hold anything, so it goes nowhere.
pub fn panicked(_payload: Box<dyn Any + Send + 'static>) -> Response {
    ApiError::from(Reason::Internal).into_response()
}

/// The answer for a path that does not exist, to machines.
pub fn not_found() -> Response {
    super::respond::plain(StatusCode::NOT_FOUND, "there is nothing here\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_after_a_wait_is_an_answer_too() {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {}));
        let answer = caught(async {
            tokio::task::yield_now().await;
            panic!("secret")
        });
        let answer = answer.await;
        std::panic::set_hook(hook);
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(caught(async { not_found() }).await.status(), StatusCode::NOT_FOUND);
    }
}
