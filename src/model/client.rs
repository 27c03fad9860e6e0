//! A registered client (RFC 6749 §2).

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::digest::TokenDigest;
use crate::protocol::client_auth_method::ClientAuthMethod;
use crate::protocol::grant_type::GrantType;
use crate::protocol::ids::ClientId;
use crate::protocol::redirect_uri::RedirectUri;
use crate::protocol::scope::Scope;
use crate::protocol::signing_alg::SigningAlg;
use crate::time::Timestamp;

/// A client and what it may do.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its name on the wire.
    pub client_id: ClientId,
    /// Counts its changes, so that of two editors the second is told.
    pub revision: i64,
    /// What was registered.
    pub metadata: ClientMetadata,
    /// Its live and recently replaced secrets; at most two are live at once.
    pub secrets: Vec<ClientSecret>,
    /// A picture for the sign-in and consent pages is stored.
    pub has_logo: bool,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Since when it may do nothing.
    pub disabled_at: Option<Timestamp>,
}

/// The registered properties of a client, stored as one JSON document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientMetadata {
    /// Name shown to people.
    pub name: String,
    /// Confidential or public (RFC 6749 §2.1), and how a confidential one authenticates.
    pub auth_methods: Vec<ClientAuthMethod>,
    /// Where answers may go, compared exactly.
    pub redirect_uris: Vec<RedirectUri>,
    /// The grants it may use.
    pub grant_types: Vec<GrantType>,
    /// The scopes it may ask for.
    pub scope: Scope,
    /// `aud` of tokens that no API owns; the issuer unless set.
    #[serde(default)]
    pub default_audience: Option<String>,
    /// The audiences whose resource server this client is: it may look up the tokens for them (RFC 7662 §2.1).
    #[serde(default)]
    pub resource_server_for: Vec<String>,
    /// PKCE on authorization requests.
    #[serde(default)]
    pub pkce: PkcePolicy,
    /// Whether people are asked for consent.
    #[serde(default)]
    pub consent: ConsentPolicy,
    /// Whether the token request must repeat `redirect_uri` (RFC 6749 §4.1.3). OAuth 2.1 clients leave it out.
    #[serde(default = "yes")]
    pub redirect_uri_at_token: bool,
    /// `id_token_signed_response_alg` (OpenID Connect Registration §2).
    #[serde(default = "rs256")]
    pub id_token_alg: SigningAlg,
}

fn yes() -> bool {
    true
}

fn rs256() -> SigningAlg {
    SigningAlg::Rs256
}

/// Whether a code challenge must come with the authorization request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PkcePolicy {
    /// Always (OAuth 2.1 §4.1.1).
    #[default]
    Required,
    /// A confidential client may leave it out, and then sends a nonce (RFC 9700 §2.1.1).
    Optional,
}

/// Whether people are asked before a client sees anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConsentPolicy {
    /// Asked once for each new scope, and remembered.
    #[default]
    Ask,
    /// The operator's own app: never asked.
    Trusted,
}

/// One secret of a client, as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientSecret {
    /// Its key.
    pub id: Uuid,
    /// How it can be recognised.
    pub verifier: SecretVerifier,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it is accepted; `None` is for good.
    pub expires_at: Option<Timestamp>,
}

/// A secret is stored so that it can only be recognised.
#[derive(Clone, PartialEq, Eq)]
pub enum SecretVerifier {
    /// SHA-256 of a generated secret, which has 256 bits of entropy.
    Digest(TokenDigest),
    /// argon2id of a secret that a person chose.
    Password(String),
}

impl std::fmt::Debug for SecretVerifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Digest(_) => "Digest(…)",
            Self::Password(_) => "Password(…)",
        })
    }
}

impl Client {
    /// Whether it holds no secret (RFC 6749 §2.1).
    pub fn is_public(&self) -> bool {
        self.metadata.auth_methods.contains(&ClientAuthMethod::None)
    }

    /// Whether it may act.
    pub fn is_enabled(&self) -> bool {
        self.disabled_at.is_none()
    }

    /// Whether it is registered for `grant_type`.
    pub fn may(&self, grant_type: GrantType) -> bool {
        self.metadata.grant_types.contains(&grant_type)
    }

    /// The secrets that are accepted at `now`.
    pub fn live_secrets(&self, now: Timestamp) -> impl Iterator<Item = &ClientSecret> {
        self.secrets
            .iter()
            .filter(move |secret| secret.expires_at.is_none_or(|end| now < end))
    }

    /// The registered URI that `attempt` is, as the place to answer.
    pub fn redirect_uri(&self, attempt: &str) -> Option<RedirectUri> {
        self.metadata
            .redirect_uris
            .iter()
            .find_map(|registered| registered.matches(attempt))
    }
}
