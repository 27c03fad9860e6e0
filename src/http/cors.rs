//! Cross-origin access (Fetch): open for public documents, only for the origins of registered redirect URIs where a browser
//! app calls, and never on pages or the authorization endpoint (RFC 9700 §2.6).

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::error::DocumentError;
use super::respond;
use crate::app::App;

/// How long a browser may remember a preflight, in seconds.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// Layer for public documents.
pub async fn open(request: Request, next: Next) -> Response {
    let preflight = is_preflight(&request);
    let mut response = if preflight {
        respond::plain(StatusCode::NO_CONTENT, "")
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    allow_all(headers);
    if preflight {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET"));
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    }
    response
}

/// Lets every origin read.
pub fn allow_all(headers: &mut HeaderMap) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
}

/// Layer for endpoints that browser apps call.
pub async fn registered_origins(State(app): State<App>, request: Request, next: Next) -> Response {
    for_registered_origins(&app, request, |request| next.run(request)).await
}

/// Lets the origins of registered redirect URIs read the answer.
pub async fn for_registered_origins<F>(app: &App, request: Request, answer: impl FnOnce(Request) -> F) -> Response
where
    F: Future<Output = Response>,
{
    let Some(origin) = request.headers().get(header::ORIGIN).cloned() else {
        return answer(request).await;
    };
    let known = match origin.to_str() {
        Ok(origin) => app.store().knows_origin(origin).await,
        Err(_) => Ok(false),
    };
    let known = match known {
        Ok(known) => known,
        Err(error) => return DocumentError::from(error).into_response(),
    };
    let preflight = is_preflight(&request);
    let mut response = if preflight {
        respond::plain(StatusCode::NO_CONTENT, "")
    } else {
        answer(request).await
    };
    response
        .headers_mut()
        .append(header::VARY, HeaderValue::from_static("origin"));
    if known {
        allow(response.headers_mut(), origin, preflight);
    }
    response
}

/// Names the origin, never `*`, and never allows credentials: cookies have no business at these endpoints.
fn allow(headers: &mut HeaderMap, origin: HeaderValue, preflight: bool) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("www-authenticate, retry-after"),
    );
    if preflight {
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::from_static("GET, POST"),
        );
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static("authorization, content-type"),
        );
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    }
}

fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}
