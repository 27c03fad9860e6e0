//! What is said about a token to those who may know (RFC 7662): the client that it was issued to, and the resource servers
//! that it is for. To anybody else, and about anything that does not count, the answer is `{"active":false}` alone.
//!
//! A resource server learns its own part (RFC 7662 §2.2, §4): of `aud` the audiences that are its own, of `scope` what its
//! APIs own. So an API never learns where else a token can be used. `username` goes where `profile` does.

use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::access::Audience;
use super::subject;
use super::verify::{self, GenuineAccessToken, Handle};
use crate::app::App;
use crate::crypto::opaque::{Kind, OpaqueToken};
use crate::model::client::Client;
use crate::model::refresh_token::RefreshTokenState;
use crate::protocol::error::{ErrorCode, OAuthError};
use crate::protocol::ids::ClientId;
use crate::protocol::scope::Scope;
use crate::store::{Catalog, LoadedRefreshToken, OpaqueStanding, Standing};
use crate::time::Timestamp;

/// Who asks, and when.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    /// The authenticated client.
    pub client: &'a Client,
    /// The APIs and keys that are current.
    pub catalog: &'a Catalog,
    /// The moment.
    pub now: Timestamp,
}

/// The answer (RFC 7662 §2.2).
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Introspection {
    /// The token counts.
    Active(Box<ActiveToken>),
    /// It does not, or is none of the caller's business.
    Inactive {
        /// Always `false`.
        active: bool,
    },
}

/// A token that counts. `acr` and `auth_time` are those of RFC 9470 §6.2.
#[derive(Debug, Serialize)]
#[expect(
    missing_docs,
    reason = "each member is defined by the specification under its own name"
)]
pub struct ActiveToken {
    pub active: bool,
    #[serde(skip_serializing_if = "Scope::is_empty")]
    pub scope: Scope,
    pub client_id: ClientId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_type: Option<&'static str>,
    pub exp: Timestamp,
    pub iat: Timestamp,
    pub sub: String,
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "one_or_many")]
    pub aud: Vec<String>,
    pub iss: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
}

/// What of a token the caller may know.
#[derive(Debug, PartialEq, Eq)]
struct View {
    scope: Scope,
    audience: Vec<String>,
}

/// A genuine access token and what it rests on.
enum Found {
    Jwt(Arc<GenuineAccessToken>, Arc<Standing>),
    Opaque(GenuineAccessToken, Arc<OpaqueStanding>),
}

impl Found {
    fn parts(&self) -> (&GenuineAccessToken, &Standing) {
        match self {
            Self::Jwt(token, standing) => (token, standing),
            Self::Opaque(token, found) => (token, &found.standing),
        }
    }
}

/// Answers about `token`, whatever it is. One read, and none where the caller has no business with the token.
pub async fn introspect(app: &App, asking: &Asking<'_>, token: &str) -> Result<Introspection, OAuthError> {
    let found = if let Some(refresh) = OpaqueToken::parse(Kind::Refresh, token) {
        let loaded = app.store().load_refresh_token(&refresh.digest()).await?;
        loaded.and_then(|loaded| refresh_token(app, asking, loaded))
    } else {
        access_token(app, asking, token).await?
    };
    Ok(match found {
        Some(token) => Introspection::Active(Box::new(token)),
        None => Introspection::Inactive { active: false },
    })
}

/// For its own client alone, and only the one live leaf: a spent token is none that counts, even while a retry is let pass.
fn refresh_token(app: &App, asking: &Asking<'_>, loaded: LoadedRefreshToken) -> Option<ActiveToken> {
    let (token, grant) = (loaded.token, loaded.grant);
    let expires_at = token.expires_at.min(grant.expires_at);
    let counts = grant.client_id == asking.client.client_id
        && token.state == RefreshTokenState::Live
        && asking.now < expires_at
        && grant.ended.is_none()
        && loaded.user.is_enabled();
    counts.then(|| ActiveToken {
        active: true,
        username: username(&grant.scope, loaded.user.username.as_str()),
        scope: grant.scope,
        client_id: grant.client_id,
        token_type: None,
        exp: expires_at,
        iat: token.created_at,
        sub: subject::of(asking.client, &loaded.user),
        aud: Vec::new(),
        iss: app.issuer().to_owned(),
        jti: None,
        auth_time: Some(grant.authentication.auth_time),
        acr: Some(grant.authentication.acr),
    })
}

async fn access_token(app: &App, asking: &Asking<'_>, token: &str) -> Result<Option<ActiveToken>, OAuthError> {
    let Some(found) = genuine(app, asking, token).await? else {
        return Ok(None);
    };
    let (token, standing) = found.parts();
    let Some(view) = view(asking.client, asking.catalog, token) else {
        return Ok(None);
    };
    if !standing.counts(asking.now) {
        return Ok(None);
    }
    let person = standing.person.as_ref();
    let jti = match &token.handle {
        Handle::Jwt(jti) => Some(jti.clone()),
        Handle::Opaque(_) => None,
    };
    Ok(Some(ActiveToken {
        active: true,
        username: person.and_then(|person| username(&view.scope, &person.username)),
        scope: view.scope,
        client_id: token.client_id.clone(),
        token_type: Some("Bearer"),
        exp: token.expires_at,
        iat: token.issued_at,
        sub: token.subject.clone(),
        aud: view.audience,
        iss: app.issuer().to_owned(),
        jti,
        auth_time: person.map(|person| person.authentication.auth_time),
        acr: person.map(|person| person.authentication.acr.clone()),
    }))
}

/// The token and what it rests on. A JWT is first asked whether it is for the caller at all, which costs nothing.
async fn genuine(app: &App, asking: &Asking<'_>, token: &str) -> Result<Option<Found>, OAuthError> {
    let store = app.store();
    if let Some(opaque) = OpaqueToken::parse(Kind::Access, token) {
        let found = store.standing_of_opaque(&opaque.digest()).await?;
        let found = found.filter(|found| asking.now < found.token.expires_at);
        return Ok(found.map(|found| Found::Opaque((&found.token).into(), found)));
    }
    let token = match verify::jwt_access_token(app, asking.catalog, token, asking.now) {
        Ok(token) => token,
        Err(error) if error.code == ErrorCode::InvalidToken => return Ok(None),
        Err(error) => return Err(error),
    };
    let Handle::Jwt(jti) = &token.handle else {
        return Ok(None);
    };
    if view(asking.client, asking.catalog, &token).is_none() {
        return Ok(None);
    }
    let standing = match token.grant_id {
        Some(grant) => store.standing_of_jwt(grant, jti).await?,
        None => {
            let issued_at = token.issued_at;
            store.standing_of_clients_jwt(&token.client_id, jti, issued_at).await?
        }
    };
    Ok(standing.map(|standing| Found::Jwt(token, standing)))
}

/// Everything for the token's own client, its part for a resource server, nothing for others.
fn view(caller: &Client, catalog: &Catalog, token: &GenuineAccessToken) -> Option<View> {
    if token.client_id == caller.client_id {
        return Some(View {
            scope: token.scope.clone(),
            audience: token.audience.clone(),
        });
    }
    let own = &caller.metadata.resource_server_for;
    let audience: Vec<String> = token
        .audience
        .iter()
        .filter(|audience| own.contains(audience))
        .cloned()
        .collect();
    let apis = || catalog.apis.iter().filter(|api| audience.contains(&api.audience));
    (!audience.is_empty()).then(|| View {
        scope: token.scope.filter(|scope| apis().any(|api| api.owns(scope))),
        audience: audience.clone(),
    })
}

fn username(scope: &Scope, username: &str) -> Option<String> {
    scope.contains("profile").then(|| username.to_owned())
}

fn one_or_many<S: Serializer>(audience: &[String], serializer: S) -> Result<S::Ok, S::Error> {
    Audience::of(audience).serialize(serializer)
}
