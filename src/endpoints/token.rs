//! `POST /token` (RFC 6749 §3.2).

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::client_auth;
use crate::grants::{self, TokenCx};
use crate::http::error::ApiError;
use crate::http::extract::client_form::ClientForm;
use crate::http::respond;
use crate::protocol::error::OAuthError;
use crate::tokens::plan::TokenResponse;

/// Answers a token request.
pub async fn post(State(app): State<App>, form: ClientForm) -> Response {
    let mut response = match exchange(&app, &form).await {
        Ok(tokens) => respond::json(StatusCode::OK, &tokens),
        Err(error) => ApiError(error).into_response(),
    };
    respond::note_client(&mut response, form.presented.client_id());
    response
}

async fn exchange(app: &App, form: &ClientForm) -> Result<TokenResponse, OAuthError> {
    let now = app.clock().now();
    let authenticated = client_auth::authenticate(app, &form.presented, &form.caller, now).await?;
    let cx = TokenCx {
        app,
        client: &authenticated.client,
        catalog: &authenticated.catalog,
        caller: &form.caller,
        now,
    };
    let outcome = match grants::parse(&form.params, &authenticated.client) {
        Ok(request) => grants::exchange(&cx, request).await,
        Err(reason) => Err(reason.into()),
    };
    let error = outcome.as_ref().err().map(|error| error.code);
    app.metrics().token_request(grants::grant_type(&form.params), error);
    outcome
}
