//! Revocation (RFC 7009): a refresh token ends its grant, an access token only itself.

use super::verify::{self, Handle};
use crate::app::App;
use crate::crypto::opaque::{Kind, OpaqueToken};
use crate::model::audit_event::{Actor, AuditEvent, AuditKind};
use crate::model::caller::Caller;
use crate::model::client::Client;
use crate::model::grant::{EndReason, GrantId};
use crate::model::user::UserId;
use crate::protocol::error::{ErrorCode, OAuthError};
use crate::store::Catalog;
use crate::time::Timestamp;

/// Revokes `token` if it is one of the client's own; what is unknown, expired or somebody else's is left alone, and the
/// caller cannot tell (RFC 7009 §2.2). Kinds are told apart by their form, so a hint is not needed.
pub async fn revoke(
    app: &App,
    client: &Client,
    catalog: &Catalog,
    token: &str,
    (caller, now): (&Caller, Timestamp),
) -> Result<(), OAuthError> {
    let revoked = AuditEvent::new(AuditKind::TokenRevoked, Actor::Client(client.client_id.clone()), now);
    let revoked = revoked.by(caller).client(&client.client_id);
    if let Some(refresh) = OpaqueToken::parse(Kind::Refresh, token) {
        let found = app.store().load_refresh_token(&refresh.digest()).await?;
        let Some(own) = found.filter(|found| found.grant.client_id == client.client_id) else {
            return Ok(());
        };
        app.store().end_grant(own.grant.id, EndReason::Revoked, now).await?;
        if own.grant.ended.is_none() {
            let event = revoked.subject(own.grant.user_id).grant(own.grant.id);
            app.audit().record(event.detail("token", "refresh_token"));
        }
        return Ok(());
    }
    let found = match verify::access_token(app, catalog, token, now).await {
        Ok(found) => found,
        Err(error) if error.code == ErrorCode::InvalidToken => return Ok(()),
        Err(error) => return Err(error),
    };
    if found.client_id != client.client_id {
        return Ok(());
    }
    match &found.handle {
        Handle::Opaque(digest) => app.store().delete_access_token(digest).await?,
        Handle::Jwt(jti) => app.store().revoke_jwt(jti, found.expires_at).await?,
    }
    let event = match found.grant_id {
        Some(grant) => match person(app, grant, &found.subject).await? {
            Some(person) => revoked.grant(grant).subject(person),
            None => revoked.grant(grant),
        },
        None => revoked,
    };
    app.audit().record(event.detail("token", "access_token"));
    Ok(())
}

/// Whose token it was: a pairwise subject does not say, so the grant is asked.
async fn person(app: &App, grant: GrantId, subject: &str) -> Result<Option<UserId>, OAuthError> {
    if let Ok(public) = subject.parse() {
        return Ok(Some(UserId(public)));
    }
    let standing = app.store().token_standing(grant, None).await?;
    Ok(standing.map(|standing| standing.user.id))
}
