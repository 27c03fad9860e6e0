//! A registered client (RFC 6749 §2).

use uuid::Uuid;

pub use super::client_metadata::{
    About, AssertionAudience, AuthenticationDefaults, ClientMetadata, ConsentPolicy, Encryption, KeySource,
    LogoutChannel, LogoutPolicy, PkcePolicy, RequestObjects, SubjectPolicy,
};
use super::digest::TokenDigest;
use crate::protocol::client_auth_method::ClientAuthMethod;
use crate::protocol::grant_type::GrantType;
use crate::protocol::ids::ClientId;
use crate::protocol::redirect_uri::RedirectUri;
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

/// One secret of a client, as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientSecret {
    /// Its key.
    pub id: Uuid,
    /// How it can be recognised.
    pub verifier: SecretVerifier,
    /// The secret itself, for clients that prove with it by an HMAC.
    pub sealed: Option<SealedSecret>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it is accepted; `None` is for good.
    pub expires_at: Option<Timestamp>,
}

/// A secret sealed under the master key.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedSecret(pub Vec<u8>);

impl std::fmt::Debug for SealedSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealedSecret(…)")
    }
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

    /// The registered `post_logout_redirect_uri` that `attempt` is, by the same comparison.
    pub fn post_logout_redirect_uri(&self, attempt: &str) -> Option<RedirectUri> {
        let registered = &self.metadata.logout.redirect_uris;
        registered.iter().find_map(|registered| registered.matches(attempt))
    }
}
