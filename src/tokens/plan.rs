//! What one token request will be answered with, complete before anything is stored: secrets drawn, claims built, tokens
//! signed. The store then makes it true, or not, in one write.

use serde::Serialize;

use super::access::{self, Subject};
use super::audience::Target;
use super::id_token;
use crate::app::App;
use crate::crypto::jwt::SignError;
use crate::crypto::keys::{KeyRing, Signer};
use crate::crypto::opaque::{Kind, OpaqueToken};
use crate::model::api::AccessTokenFormat;
use crate::model::client::Client;
use crate::protocol::error::{OAuthError, Reason};
use crate::protocol::scope::{OPENID, Scope};
use crate::protocol::signing_alg::SigningAlg;
use crate::protocol::standard_claims::ClaimSet;
use crate::store::{Catalog, NewRefreshToken, NewTokens};
use crate::time::Timestamp;

/// The answer (RFC 6749 §5.1, OpenID Connect Core §3.1.3.3).
#[derive(Serialize)]
pub struct TokenResponse {
    access_token: String,
    token_type: &'static str,
    expires_in: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
    #[serde(skip_serializing_if = "Scope::is_empty")]
    scope: Scope,
}

impl std::fmt::Debug for TokenResponse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenResponse")
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

/// The answer with what has to be stored for it.
#[derive(Debug)]
pub struct TokenPlan {
    /// Sent when the write succeeded.
    pub response: TokenResponse,
    /// What the write stores.
    pub stored: NewTokens,
}

/// What to plan for.
#[derive(Debug)]
pub struct Order<'a> {
    /// To whom.
    pub client: &'a Client,
    /// On whose behalf.
    pub subject: Subject<'a>,
    /// The access token.
    pub target: Target,
    /// Whether a refresh token goes with it.
    pub refresh: bool,
    /// For the ID token of a first exchange.
    pub nonce: Option<&'a str>,
    /// The moment of all of them.
    pub now: Timestamp,
}

/// Draws, builds and signs.
pub fn plan(app: &App, catalog: &Catalog, order: Order<'_>) -> Result<TokenPlan, OAuthError> {
    let ring = app.key_ring(catalog)?;
    let settings = &app.config().tokens;
    let lifetime = order.target.lifetime;
    let mint = access::Mint {
        issuer: app.issuer(),
        client: order.client,
        subject: order.subject,
        target: &order.target,
        now: order.now,
        expires_at: order.now.plus(lifetime),
    };
    let mut stored = NewTokens::default();
    let access_token = match order.target.format {
        AccessTokenFormat::Opaque => {
            let (token, row) = mint.opaque();
            stored.access = Some(row);
            token.expose().to_owned()
        }
        AccessTokenFormat::Jwt => {
            let signer = signer(&ring, order.target.algorithm, order.now)?;
            let jti = app.row_key(order.now).to_string();
            mint.jwt(signer, &jti).map_err(|error| unsigned(&error))?
        }
    };
    let id_token = sign_id_token(app, &ring, &order, &access_token)?;
    let refresh_token = order.refresh.then(|| OpaqueToken::generate(Kind::Refresh));
    stored.refresh = refresh_token.as_ref().map(|token| NewRefreshToken {
        digest: token.digest(),
        expires_at: order.now.plus(settings.refresh_idle_lifetime.as_secs()),
    });
    let response = TokenResponse {
        access_token,
        token_type: "Bearer",
        expires_in: lifetime,
        refresh_token: refresh_token.map(|token| token.expose().to_owned()),
        id_token,
        scope: order.target.scope,
    };
    Ok(TokenPlan { response, stored })
}

/// An ID token comes with `openid`, for people only. What counts is the scope of this answer: a refresh may have narrowed
/// it, or the client may have lost `openid` since.
fn sign_id_token(
    app: &App,
    ring: &KeyRing,
    order: &Order<'_>,
    access_token: &str,
) -> Result<Option<String>, OAuthError> {
    let Subject::User { user, grant } = order.subject else {
        return Ok(None);
    };
    if !order.target.scope.contains(OPENID) {
        return Ok(None);
    }
    let allowed = ClaimSet::of_scope(&order.client.metadata.scope);
    let asked = grant.claims.id_token.filter(|claim| allowed.contains(claim));
    let mint = id_token::Mint {
        issuer: app.issuer(),
        client: order.client,
        user,
        grant,
        nonce: order.nonce,
        asked: &asked,
        access_token,
        now: order.now,
        expires_at: order.now.plus(app.config().tokens.id_token_lifetime.as_secs()),
    };
    let signer = signer(ring, order.client.metadata.id_token_alg, order.now)?;
    mint.sign(signer).map(Some).map_err(|error| unsigned(&error))
}

fn signer(ring: &KeyRing, alg: SigningAlg, now: Timestamp) -> Result<&Signer, OAuthError> {
    ring.signer(alg, now).ok_or_else(|| {
        tracing::error!(%alg, "there is no signing key of this algorithm");
        Reason::Internal.into()
    })
}

fn unsigned(error: &SignError) -> OAuthError {
    tracing::error!(%error, "a token could not be signed");
    Reason::Internal.into()
}
