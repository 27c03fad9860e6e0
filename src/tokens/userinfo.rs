//! What a client is told about a person (OpenID Connect Core §5.3), for live grants only.

use serde::Serialize;
use serde_json::{Map, Value};

use super::envelope::Envelope;
use super::verify::{self, GenuineAccessToken, Handle};
use super::{id_token, person, plan};
use crate::app::App;
use crate::crypto::jwe::Payload;
use crate::crypto::jwt;
use crate::model::client::Client;
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
    /// What it is told.
    pub answer: Answer,
}

/// In which form (§5.3.2).
pub enum Answer {
    /// The claims as JSON.
    Plain(Map<String, Value>),
    /// `application/jwt`: signed, encrypted, or both, as the client registered.
    Jwt(String),
}

/// The claims as a JWT: with whom it is from, to whom, and when. Without `exp` it can pass as no ID token.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a ClientId,
    iat: Timestamp,
    #[serde(flatten)]
    claims: &'a Map<String, Value>,
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
    let client = app.store().client_of(catalog, &token.client_id).await?;
    let client = client.ok_or(Reason::AccessTokenGrantEnded)?;
    let claims = claims(&standing, &token, &client);
    Ok(UserInfo {
        answer: in_form(app, catalog, &client, claims, now).await?,
        client_id: token.client_id,
    })
}

/// Signed first, then encrypted (§5.3.2).
async fn in_form(
    app: &App,
    catalog: &Catalog,
    client: &Client,
    claims: Map<String, Value>,
    now: Timestamp,
) -> Result<Answer, OAuthError> {
    let envelope = Envelope::prepare(app, client, client.metadata.userinfo_encryption, now).await?;
    let signed = match client.metadata.userinfo_alg {
        None => None,
        Some(alg) => {
            let claims = Claims {
                iss: app.issuer(),
                aud: &client.client_id,
                iat: now,
                claims: &claims,
            };
            let ring = app.key_ring(catalog)?;
            let signed = jwt::sign(plan::signer(&ring, alg, now)?, id_token::TYP, &claims);
            Some(signed.map_err(|error| plan::unsigned(&error))?)
        }
    };
    match (signed, envelope) {
        (None, None) => Ok(Answer::Plain(claims)),
        (Some(signed), None) => Ok(Answer::Jwt(signed)),
        (Some(signed), Some(envelope)) => envelope.seal(Payload::Jwt(&signed)).map(Answer::Jwt),
        (None, Some(envelope)) => {
            let claims = serde_json::to_vec(&claims).map_err(|error| plan::unsigned(&error.into()))?;
            envelope.seal(Payload::Claims(&claims)).map(Answer::Jwt)
        }
    }
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

/// Those of the token's scope, and those that the client asked for by name, as far as it may still ask for them. `sub` is that of the token, and so that of the ID
/// token that came with it (OpenID Connect Core §5.3.2).
fn claims(standing: &TokenStanding, token: &GenuineAccessToken, client: &Client) -> Map<String, Value> {
    let allowed = ClaimSet::of_scope(&client.metadata.scope);
    let asked = standing.grant.claims.userinfo.filter(|claim| allowed.contains(claim));
    let mut claims = person::claims(&standing.user, &ClaimSet::of_scope(&token.scope).union(&asked));
    claims.insert("sub".into(), token.subject.as_str().into());
    claims
}
