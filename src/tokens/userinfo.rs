//! What a client is told about a person (OpenID Connect Core §5.3), for live grants only.

use serde_json::{Map, Value};

use super::person;
use super::verify::{self, GenuineAccessToken, Handle};
use crate::app::App;
use crate::protocol::error::{OAuthError, Reason};
use crate::protocol::ids::ClientId;
use crate::protocol::scope::OPENID;
use crate::protocol::standard_claims::ClaimSet;
use crate::store::{Catalog, TokenStanding};
use crate::time::Timestamp;

/// The answer, and to whom it goes. It holds what is known about a person, hence no `Debug`.
pub struct UserInfo {
    /// To whom the access token was issued.
    pub client_id: ClientId,
    /// The claims.
    pub claims: Map<String, Value>,
}

/// Answers an access token.
pub async fn userinfo(app: &App, catalog: &Catalog, token: &str, now: Timestamp) -> Result<UserInfo, OAuthError> {
    let token = verify::access_token(app, catalog, token, now).await?;
    check_for_userinfo(&token, app.issuer())?;
    let grant_id = token.grant_id.ok_or(Reason::AccessTokenWithoutOpenid)?;
    let jti = match &token.handle {
        Handle::Jwt(jti) => Some(jti.as_str()),
        Handle::Opaque(_) => None,
    };
    let standing = app
        .store()
        .token_standing(grant_id, jti)
        .await?
        .ok_or(Reason::AccessTokenGrantEnded)?;
    check_standing(&standing, now)?;
    Ok(UserInfo {
        claims: claims(&standing, &token),
        client_id: token.client_id,
    })
}

/// Scope first: a token that has nothing to do with a person is told so, whatever its audience.
fn check_for_userinfo(token: &GenuineAccessToken, issuer: &str) -> Result<(), Reason> {
    if !token.scope.contains(OPENID) {
        return Err(Reason::AccessTokenWithoutOpenid);
    }
    if token.audience.iter().any(|audience| audience == issuer) {
        Ok(())
    } else {
        Err(Reason::AccessTokenAudience)
    }
}

/// Whether everything behind the token still stands.
fn check_standing(standing: &TokenStanding, now: Timestamp) -> Result<(), Reason> {
    if standing.revoked {
        return Err(Reason::AccessTokenRevoked);
    }
    let grant = &standing.grant;
    let alive = grant.ended.is_none() && now < grant.expires_at;
    if alive && standing.user.is_enabled() && standing.client_enabled {
        Ok(())
    } else {
        Err(Reason::AccessTokenGrantEnded)
    }
}

/// Those of the token's scope, and those that the client asked for by name. `sub` is that of the token, and so that of the ID
/// token that came with it (OpenID Connect Core §5.3.2).
fn claims(standing: &TokenStanding, token: &GenuineAccessToken) -> Map<String, Value> {
    let asked = &standing.grant.claims.userinfo;
    let mut claims = person::claims(&standing.user, &ClaimSet::of_scope(&token.scope).union(asked));
    claims.insert("sub".into(), token.subject.as_str().into());
    claims
}
