//! `POST /revoke` (RFC 7009 §2).

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::client_auth;
use crate::http::error::ApiError;
use crate::http::extract::client_form::ClientForm;
use crate::http::respond;
use crate::model::audit_event::{Actor, AuditEvent, AuditKind};
use crate::protocol::error::{OAuthError, Reason};
use crate::tokens::revoke;

/// Answers 200 once the revocation is stored, or there was nothing to revoke.
pub async fn post(State(app): State<App>, form: ClientForm) -> Response {
    let mut response = match revoke(&app, &form).await {
        Ok(()) => respond::plain(StatusCode::OK, ""),
        Err(error) => ApiError(error).into_response(),
    };
    respond::note_client(&mut response, form.presented.client_id());
    response
}

async fn revoke(app: &App, form: &ClientForm) -> Result<(), OAuthError> {
    let now = app.clock().now();
    let caller = client_auth::authenticate(app, &form.presented, now).await?;
    let token = form.params.get("token")?.ok_or(Reason::TokenMissing)?;
    let client_id = &caller.client.client_id;
    if let Some(revoked) = revoke::revoke(app, &caller.client, &caller.catalog, token, now).await? {
        let event = AuditEvent::new(AuditKind::TokenRevoked, Actor::Client(client_id.clone()), now)
            .by(&form.caller)
            .client(client_id)
            .detail("whole_grant", revoked.whole_grant);
        app.audit().record(match revoked.grant_id {
            Some(grant) => event.grant(grant),
            None => event,
        });
    }
    Ok(())
}
