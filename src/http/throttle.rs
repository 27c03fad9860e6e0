//! The limit on requests from one address, before anything of a request is read. A layer that is there only when it is set.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::client_address;
use super::error::ApiError;
use crate::app::App;
use crate::limits::requests::permit_address;
use crate::protocol::error::OAuthError;

/// Whether one more request may come from where this one comes from.
pub fn permit(app: &App, request: &Request) -> Result<(), OAuthError> {
    let caller = client_address::caller(request.extensions(), request.headers());
    permit_address(app, &caller, app.clock().now())
}

/// Refuses as machines are refused.
pub async fn machines(State(app): State<App>, request: Request, next: Next) -> Response {
    match permit(&app, &request) {
        Ok(()) => next.run(request).await,
        Err(error) => ApiError(error).into_response(),
    }
}
