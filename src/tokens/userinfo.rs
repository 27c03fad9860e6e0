//! What a client is told about a person (OpenID Connect Core §5.3), for live grants only.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};

use super::envelope::Envelope;
use super::verify::{self, GenuineAccessToken, Handle};
use super::{id_token, person, plan};
use crate::app::App;
use crate::crypto::jwe::Payload;
use crate::crypto::jwt;
use crate::crypto::opaque::{Kind, OpaqueToken};
use crate::model::client::Client;
use crate::protocol::error::{OAuthError, Reason};
use crate::protocol::ids::ClientId;
use crate::protocol::scope::OPENID;
use crate::protocol::standard_claims::ClaimSet;
use crate::store::{Catalog, Info, OpaqueInfo, Standing};
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

/// What a token opens.
enum Opened {
    Jwt(Arc<GenuineAccessToken>, Arc<Info>),
    Opaque(GenuineAccessToken, Arc<OpaqueInfo>),
}

/// Answers an access token. One read.
pub async fn userinfo(app: &App, catalog: &Catalog, token: &str, now: Timestamp) -> Result<UserInfo, OAuthError> {
    let opened = open(app, catalog, token, now).await?;
    let (token, info) = opened.parts()?;
    check_standing(&info.standing, now)?;
    let client = app.store().client_of(catalog, &token.client_id).await?;
    let client = client.ok_or(Reason::AccessTokenGrantEnded)?;
    let claims = claims(info, token, &client);
    Ok(UserInfo {
        answer: in_form(app, catalog, &client, claims, now).await?,
        client_id: token.client_id.clone(),
    })
}

/// The token, which is for userinfo, with what it opens.
async fn open(app: &App, catalog: &Catalog, token: &str, now: Timestamp) -> Result<Opened, OAuthError> {
    let store = app.store();
    if let Some(opaque) = OpaqueToken::parse(Kind::Access, token) {
        let found = store.info_of_opaque(&opaque.digest()).await?;
        let found = found.filter(|found| now < found.token.expires_at);
        let found = found.ok_or(Reason::AccessTokenInvalid)?;
        let token = GenuineAccessToken::from(&found.token);
        check_for_userinfo(&token, app.issuer())?;
        return Ok(Opened::Opaque(token, found));
    }
    let token = verify::jwt_access_token(app, catalog, token, now)?;
    check_for_userinfo(&token, app.issuer())?;
    let grant = token.grant_id.ok_or(Reason::AccessTokenWithoutOpenid)?;
    let Handle::Jwt(jti) = &token.handle else {
        return Err(Reason::AccessTokenInvalid.into());
    };
    let info = store.info_of_jwt(grant, jti).await?;
    let info = info.ok_or(Reason::AccessTokenGrantEnded)?;
    Ok(Opened::Jwt(token, info))
}

impl Opened {
    fn parts(&self) -> Result<(&GenuineAccessToken, &Info), Reason> {
        match self {
            Self::Jwt(token, info) => Ok((token, info)),
            Self::Opaque(token, found) => {
                let info = found.info.as_ref().ok_or(Reason::AccessTokenWithoutOpenid)?;
                Ok((token, info))
            }
        }
    }
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
fn check_standing(standing: &Standing, now: Timestamp) -> Result<(), Reason> {
    if standing.revoked {
        return Err(Reason::AccessTokenRevoked);
    }
    if standing.counts(now) {
        Ok(())
    } else {
        Err(Reason::AccessTokenGrantEnded)
    }
}

/// Those of the token's scope, and those that the client asked for by name, as far as it may still ask for them. `sub` is that of the token, and so that of the ID
/// token that came with it (OpenID Connect Core §5.3.2).
fn claims(info: &Info, token: &GenuineAccessToken, client: &Client) -> Map<String, Value> {
    let allowed = ClaimSet::of_scope(&client.metadata.scope);
    let asked = info.asked.filter(|claim| allowed.contains(claim));
    let person = person::Person {
        claims: &info.claims,
        username: info
            .standing
            .person
            .as_ref()
            .map_or("", |person| person.username.as_str()),
        updated_at: info.updated_at,
    };
    let mut claims = person::claims(&person, &ClaimSet::of_scope(&token.scope).union(&asked));
    claims.insert("sub".into(), token.subject.as_str().into());
    claims
}
