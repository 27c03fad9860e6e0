//! `POST /introspect` (RFC 7662 §2).

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::client_auth;
use crate::http::error::ApiError;
use crate::http::extract::client_form::ClientForm;
use crate::http::respond;
use crate::protocol::error::{OAuthError, Reason};
use crate::tokens::introspect::{self, Introspection};

/// Answers clients that keep a secret. `token_type_hint` is not needed: a token shows what it is.
pub async fn post(State(app): State<App>, form: ClientForm) -> Response {
    let mut response = match introspect(&app, &form).await {
        Ok(answer) => respond::json(StatusCode::OK, &answer),
        Err(error) => ApiError(error).into_response(),
    };
    respond::note_client(&mut response, form.presented.client_id());
    response
}

async fn introspect(app: &App, form: &ClientForm) -> Result<Introspection, OAuthError> {
    let now = app.clock().now();
    let caller = client_auth::authenticate(app, &form.presented, &form.caller, now).await?;
    if caller.client.is_public() {
        return Err(Reason::IntrospectionByPublicClient.into());
    }
    let token = form.params.get("token")?.ok_or(Reason::TokenMissing)?;
    let asking = introspect::Asking {
        client: &caller.client,
        catalog: &caller.catalog,
        now,
    };
    introspect::introspect(app, &asking, token).await
}
