//! A signing key as stored. Its state follows from its times, so that it changes by itself on every node.

use crate::protocol::signing_alg::SigningAlg;
use crate::time::Timestamp;

/// A stored signing key.
#[derive(Clone)]
pub struct SigningKey {
    /// RFC 7638 thumbprint, and `kid`.
    pub kid: String,
    /// The one algorithm that it signs with.
    pub alg: SigningAlg,
    /// 1 for the first key of its algorithm; unique with it, so that two nodes cannot both make the next one.
    pub generation: i64,
    /// The public part, as published.
    pub public_jwk: serde_json::Value,
    /// The private part, sealed under the master key.
    pub sealed_private: Vec<u8>,
    /// When it was made and published.
    pub created_at: Timestamp,
    /// From when it signs.
    pub active_from: Timestamp,
    /// When it stops signing: its successor is active from then.
    pub retires_at: Option<Timestamp>,
    /// When it leaves the JWKS: the last token that it signed has expired.
    pub gone_at: Option<Timestamp>,
    /// When it was revoked: since then it is not published, and nothing that it signed counts.
    pub revoked_at: Option<Timestamp>,
}

/// Where a key stands at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// Published, not yet used.
    Pending,
    /// Signing.
    Active,
    /// Published for verification only.
    Retiring,
    /// No longer published.
    Gone,
    /// Taken out of use before its time.
    Revoked,
}

impl SigningKey {
    /// The state at `now`.
    pub fn state(&self, now: Timestamp) -> KeyState {
        if self.revoked_at.is_some() {
            KeyState::Revoked
        } else if self.gone_at.is_some_and(|at| at <= now) {
            KeyState::Gone
        } else if self.retires_at.is_some_and(|at| at <= now) {
            KeyState::Retiring
        } else if self.active_from <= now {
            KeyState::Active
        } else {
            KeyState::Pending
        }
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey")
            .field("kid", &self.kid)
            .field("alg", &self.alg)
            .finish_non_exhaustive()
    }
}
