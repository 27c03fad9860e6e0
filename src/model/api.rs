//! A resource server that this server issues tokens for (RFC 8707): an audience and its scopes.

use serde::{Deserialize, Serialize};

use super::row_id;
use crate::protocol::scope::Scope;
use crate::protocol::signing_alg::SigningAlg;
use crate::time::Timestamp;

row_id! {
    /// Key of an [`Api`].
    ApiId
}

/// A resource server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Api {
    /// Its key.
    pub id: ApiId,
    /// The resource indicator, and `aud` of its tokens.
    pub audience: String,
    /// What its tokens are like.
    pub settings: ApiSettings,
    /// When it was registered.
    pub created_at: Timestamp,
}

/// The settings of an API, stored as one JSON document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiSettings {
    /// Name shown to people.
    pub name: String,
    /// What can be asked for.
    pub scopes: Vec<ApiScope>,
    /// JWT or opaque.
    pub format: AccessTokenFormat,
    /// Signature of its JWTs.
    pub algorithm: SigningAlg,
    /// Life of its tokens in seconds; the configured default unless set.
    #[serde(default)]
    pub lifetime: Option<i64>,
}

/// A scope of an API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiScope {
    /// The scope token.
    pub name: String,
    /// What it lets a client do, in words for the consent page.
    pub description: String,
}

/// What an access token is to its API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccessTokenFormat {
    /// RFC 9068: verified offline.
    #[default]
    Jwt,
    /// A reference, looked up at this server.
    Opaque,
}

impl Api {
    /// Whether `token` is one of its scopes.
    pub fn owns(&self, token: &str) -> bool {
        self.settings.scopes.iter().any(|scope| scope.name == token)
    }

    /// Its scopes as a set.
    pub fn scope(&self) -> Scope {
        Scope::from_tokens(self.settings.scopes.iter().map(|scope| scope.name.as_str()))
    }
}
