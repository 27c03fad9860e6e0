//! An authorization code (RFC 6749 §4.1.2) as stored: by digest, bound to everything the request said.

use super::digest::TokenDigest;
use super::grant::GrantId;
use crate::protocol::ids::ClientId;
use crate::protocol::pkce::CodeChallenge;
use crate::protocol::redirect_uri::RedirectUri;
use crate::time::Timestamp;

/// A stored code.
#[derive(Clone, Debug)]
pub struct Code {
    /// SHA-256 of the code.
    pub digest: TokenDigest,
    /// What it buys.
    pub grant_id: GrantId,
    /// Who may redeem it.
    pub client_id: ClientId,
    /// Where it was sent.
    pub redirect_uri: RedirectUri,
    /// The challenge that its verifier must meet.
    pub challenge: Option<CodeChallenge>,
    /// Handed back in the ID token.
    pub nonce: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was redeemed.
    pub redeemed_at: Option<Timestamp>,
    /// How many proofs failed on it.
    pub failed_proofs: i64,
}

impl Code {
    /// After this many failed proofs the code is dead (RFC 9700 §4.5).
    pub const MAX_FAILED_PROOFS: i64 = 3;
}
