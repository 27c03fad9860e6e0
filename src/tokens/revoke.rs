//! Revocation (RFC 7009): a refresh token ends its grant, an access token only itself.

use super::verify::{self, Handle};
use crate::app::App;
use crate::crypto::opaque::{Kind, OpaqueToken};
use crate::model::client::Client;
use crate::model::grant::{EndReason, GrantId};
use crate::protocol::error::{ErrorCode, OAuthError};
use crate::store::Catalog;
use crate::time::Timestamp;

/// What was revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// The grant that ended, or that the token belonged to; `None` for a client's own token.
    pub grant_id: Option<GrantId>,
    /// Whether the whole grant ended, and not only one token.
    pub whole_grant: bool,
}

/// Revokes `token` if it is one of the client's own; what is unknown, expired or somebody else's is left alone, and the
/// caller cannot tell (RFC 7009 §2.2). Kinds are told apart by their form, so a hint is not needed. `None`: there was nothing
/// to revoke.
pub async fn revoke(
    app: &App,
    client: &Client,
    catalog: &Catalog,
    token: &str,
    now: Timestamp,
) -> Result<Option<Revoked>, OAuthError> {
    if let Some(refresh) = OpaqueToken::parse(Kind::Refresh, token) {
        let found = app.store().load_refresh_token(&refresh.digest()).await?;
        let own = found.filter(|found| found.grant.client_id == client.client_id && found.grant.ended.is_none());
        let Some(grant_id) = own.map(|own| own.grant.id) else {
            return Ok(None);
        };
        app.store().end_grant(grant_id, EndReason::Revoked, now).await?;
        return Ok(Some(Revoked {
            grant_id: Some(grant_id),
            whole_grant: true,
        }));
    }
    let found = match verify::access_token(app, catalog, token, now).await {
        Ok(found) => found,
        Err(error) if error.code == ErrorCode::InvalidToken => return Ok(None),
        Err(error) => return Err(error),
    };
    if found.client_id != client.client_id {
        return Ok(None);
    }
    match found.handle {
        Handle::Opaque(digest) => app.store().delete_access_token(&digest).await?,
        Handle::Jwt(jti) => app.store().revoke_jwt(&jti, found.expires_at).await?,
    }
    Ok(Some(Revoked {
        grant_id: found.grant_id,
        whole_grant: false,
    }))
}
