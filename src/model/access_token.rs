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
