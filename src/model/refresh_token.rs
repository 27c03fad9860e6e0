//! A refresh token (RFC 6749 §6) as stored: one link in the chain of its grant (OAuth 2.1 §4.3.1).

use super::digest::TokenDigest;
use super::grant::GrantId;
use crate::time::Timestamp;

/// A stored refresh token.
#[derive(Clone, Debug)]
pub struct RefreshToken {
    /// SHA-256 of the token.
    pub digest: TokenDigest,
    /// Its grant.
    pub grant_id: GrantId,
    /// Its place in the chain, from 1. A retry replaces a link by another of the same generation.
    pub generation: i64,
    /// When it was issued.
    pub created_at: Timestamp,
    /// When it ends unless used (idle lifetime).
    pub expires_at: Timestamp,
    /// What has become of it.
    pub state: RefreshTokenState,
}

/// The state of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshTokenState {
    /// The one live leaf of its chain.
    Live,
    /// Used; a successor was issued.
    Spent {
        /// When.
        at: Timestamp,
        /// Whether its successor was used in turn. The retry window only covers a predecessor whose successor was not.
        successor_used: bool,
    },
    /// Given out, but replaced by a retry before it was ever used.
    Replaced,
}
