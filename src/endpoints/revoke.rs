//! `POST /revoke` (RFC 7009 §2).

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::client_auth;
use crate::http::error::ApiError;
use crate::http::extract::client_form::ClientForm;
use crate::http::respond;
use crate::protocol::error::{OAuthError, Reason};
use crate::tokens::revoke;

/// Answers 200 once the revocation is stored, or there was nothing to revoke. There is no body and so no media type: a client
/// may insist on JSON where one is named (RFC 7009 §2.2).
pub async fn post(State(app): State<App>, form: ClientForm) -> Response {
    let mut response = match revoke(&app, &form).await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(error) => ApiError(error).into_response(),
    };
    respond::note_client(&mut response, form.presented.client_id());
    response
}

async fn revoke(app: &App, form: &ClientForm) -> Result<(), OAuthError> {
    let now = app.clock().now();
    let authenticated = client_auth::authenticate(app, &form.presented, &form.caller, now).await?;
    let token = form.params.get("token")?.ok_or(Reason::TokenMissing)?;
    revoke::revoke(
        app,
        &authenticated.client,
        &authenticated.catalog,
        token,
        (&form.caller, now),
    )
    .await
}
