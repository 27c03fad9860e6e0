//! Registration over HTTP (RFC 7591, RFC 7592).

use super::digest::TokenDigest;
use super::row_id;
use crate::time::Timestamp;

row_id! {
    /// Key of an [`InitialAccessToken`].
    InitialTokenId
}

/// What lets clients register themselves (RFC 7591 §3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitialAccessToken {
    /// Its key.
    pub id: InitialTokenId,
    /// How it is recognised.
    pub digest: TokenDigest,
    /// What the operator calls it.
    pub label: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is worth nothing; `None` is never.
    pub expires_at: Option<Timestamp>,
    /// How many clients it may register; `None` is any number.
    pub max_uses: Option<i64>,
    /// How many it has registered.
    pub uses: i64,
}

impl InitialAccessToken {
    /// Whether it may register one more client.
    pub fn is_usable(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end) && self.max_uses.is_none_or(|most| self.uses < most)
    }
}
