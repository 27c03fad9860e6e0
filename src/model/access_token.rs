//! An opaque access token as stored, and what every access token says.

use serde::{Deserialize, Serialize};

use super::browser_session::BrowserSessionId;
use super::digest::TokenDigest;
use super::grant::GrantId;
use crate::protocol::ids::ClientId;
use crate::protocol::scope::Scope;
use crate::time::Timestamp;

/// A stored opaque access token.
#[derive(Clone, Debug)]
pub struct AccessToken {
    /// SHA-256 of the token.
    pub digest: TokenDigest,
    /// Its grant; `None` for a client's own token.
    pub grant_id: Option<GrantId>,
    /// To whom it was issued.
    pub client_id: ClientId,
    /// What it says.
    pub content: AccessTokenContent,
    /// When it was issued.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// What a token says beyond its keys, stored as one JSON document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessTokenContent {
    /// `sub`.
    pub subject: String,
    /// `aud`.
    pub audience: Vec<String>,
    /// `scope`.
    pub scope: Scope,
    /// `sid`, for a person's token.
    #[serde(default)]
    pub session_id: Option<BrowserSessionId>,
}

/// An access token that is genuine and unexpired. Whether it still stands is the store's to say.
#[derive(Clone, Debug)]
pub struct GenuineAccessToken {
    /// How it is revoked.
    pub handle: Handle,
    /// Its grant; `None` for a client's own token.
    pub grant_id: Option<GrantId>,
    /// To whom it was issued.
    pub client_id: ClientId,
    /// `sub`.
    pub subject: String,
    /// `aud`.
    pub audience: Vec<String>,
    /// `scope`.
    pub scope: Scope,
    /// `iat`.
    pub issued_at: Timestamp,
    /// `exp`.
    pub expires_at: Timestamp,
}

/// By what a token is known to the store.
#[derive(Clone, Debug)]
pub enum Handle {
    /// A JWT, by its `jti`.
    Jwt(String),
    /// An opaque token, by its digest.
    Opaque(TokenDigest),
}

impl From<&AccessToken> for GenuineAccessToken {
    fn from(stored: &AccessToken) -> Self {
        Self {
            handle: Handle::Opaque(stored.digest),
            grant_id: stored.grant_id,
            client_id: stored.client_id.clone(),
            subject: stored.content.subject.clone(),
            audience: stored.content.audience.clone(),
            scope: stored.content.scope.clone(),
            issued_at: stored.created_at,
            expires_at: stored.expires_at,
        }
    }
}
