//! Recognising our own tokens: access tokens at userinfo and revocation, ID tokens as hints.

use std::sync::Arc;

use serde_json::{Map, Value};
use uuid::Uuid;

use super::{access, id_token};
use crate::app::App;
use crate::crypto::jwt::{self, Expected, JwtError, LEEWAY_SECONDS};
use crate::crypto::keys::KeyRing;
use crate::crypto::opaque::{Kind, OpaqueToken};
use crate::crypto::verified::Verified;
pub use crate::model::access_token::{GenuineAccessToken, Handle};
use crate::model::browser_session::BrowserSessionId;
use crate::model::digest::TokenDigest;
use crate::model::grant::GrantId;
use crate::protocol::error::{OAuthError, Reason};
use crate::protocol::ids::ClientId;
use crate::protocol::scope::Scope;
use crate::store::Catalog;
use crate::time::Timestamp;

/// Reads an access token of either kind. Nothing about why it is refused reaches the caller's client.
pub async fn access_token(
    app: &App,
    catalog: &Catalog,
    token: &str,
    now: Timestamp,
) -> Result<Arc<GenuineAccessToken>, OAuthError> {
    if let Some(opaque) = OpaqueToken::parse(Kind::Access, token) {
        return opaque_access_token(app, &opaque.digest(), now).await;
    }
    jwt_access_token(app, catalog, token, now)
}

/// Reads an access token that is a JWT. Needs no database: what it rests on is not looked at. A signature that was found to be
/// good is not checked again.
pub fn jwt_access_token(
    app: &App,
    catalog: &Catalog,
    token: &str,
    now: Timestamp,
) -> Result<Arc<GenuineAccessToken>, OAuthError> {
    let ring = app.key_ring(catalog)?;
    if let Some(known) = app.verified_tokens().get(token, &ring, now) {
        return Ok(known);
    }
    let expected = Expected {
        typ: &[access::TYP],
        issuer: app.issuer(),
        now,
        leeway_seconds: 0,
        allow_expired: false,
    };
    let claims = jwt::verify(&ring, token, &expected).map_err(|error| refused(&error))?;
    let genuine = Arc::new(from_claims(&claims).ok_or(Reason::AccessTokenInvalid)?);
    let kid = jwt::kid(token);
    if let Some((kid, key)) = kid.and_then(|kid| ring.verifier(&kid, now).map(|key| (kid, key))) {
        let verified = Verified {
            token: genuine.clone(),
            kid: kid.into(),
            alg: key.alg(),
        };
        app.verified_tokens().remember(token, verified);
    }
    Ok(genuine)
}

async fn opaque_access_token(
    app: &App,
    digest: &TokenDigest,
    now: Timestamp,
) -> Result<Arc<GenuineAccessToken>, OAuthError> {
    let stored = app
        .store()
        .access_token(digest)
        .await?
        .ok_or(Reason::AccessTokenInvalid)?;
    if stored.expires_at <= now {
        return Err(Reason::AccessTokenInvalid.into());
    }
    Ok(Arc::new((&stored).into()))
}

fn from_claims(claims: &Map<String, Value>) -> Option<GenuineAccessToken> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let audience = match claims.get("aud")? {
        Value::String(one) => vec![one.clone()],
        Value::Array(many) => many
            .iter()
            .filter_map(|value| value.as_str().map(str::to_owned))
            .collect(),
        _ => return None,
    };
    Some(GenuineAccessToken {
        handle: Handle::Jwt(text("jti")?.to_owned()),
        grant_id: text("grant_id").and_then(|id| Uuid::parse_str(id).ok()).map(GrantId),
        client_id: ClientId::parse(text("client_id")?)?,
        subject: text("sub")?.to_owned(),
        audience,
        scope: Scope::try_from(text("scope").unwrap_or_default().to_owned()).ok()?,
        issued_at: Timestamp(claims.get("iat")?.as_i64()?),
        expires_at: Timestamp(claims.get("exp")?.as_i64()?),
    })
}

/// Of whom an ID token tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HintedSession {
    /// To which client it was issued.
    pub client_id: ClientId,
    /// `sub`, as that client knows it.
    pub subject: String,
    /// `sid`: the sign-in.
    pub sid: Option<BrowserSessionId>,
}

/// The subject of an `id_token_hint` (OpenID Connect Core §3.1.2.1): one of our ID tokens for this client, expired or not.
pub fn id_token_hint(
    ring: &KeyRing,
    issuer: &str,
    client_id: &ClientId,
    hint: &str,
    now: Timestamp,
) -> Result<String, Reason> {
    let hinted = hinted_session(ring, issuer, hint, now)?;
    if hinted.client_id == *client_id {
        Ok(hinted.subject)
    } else {
        Err(Reason::IdTokenHintInvalid)
    }
}

/// What an `id_token_hint` tells, whichever client it was issued to: one of our ID tokens, expired or not.
pub fn hinted_session(ring: &KeyRing, issuer: &str, hint: &str, now: Timestamp) -> Result<HintedSession, Reason> {
    let expected = Expected {
        typ: &[id_token::TYP],
        issuer,
        now,
        leeway_seconds: LEEWAY_SECONDS,
        allow_expired: true,
    };
    let claims = jwt::verify(ring, hint, &expected).map_err(|error| {
        tracing::debug!(%error, "id_token_hint refused");
        Reason::IdTokenHintInvalid
    })?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let sid = text("sid").and_then(|sid| Uuid::parse_str(sid).ok());
    Ok(HintedSession {
        client_id: text("aud")
            .and_then(ClientId::parse)
            .ok_or(Reason::IdTokenHintInvalid)?,
        subject: text("sub").ok_or(Reason::IdTokenHintInvalid)?.to_owned(),
        sid: sid.map(BrowserSessionId),
    })
}

fn refused(error: &JwtError) -> OAuthError {
    tracing::debug!(%error, "access token refused");
    Reason::AccessTokenInvalid.into()
}
