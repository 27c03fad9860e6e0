//! Tokens whose signature was found to be good. The same access token is shown again and again until it ends, and checking an
//! ES256 signature costs more than everything else in an introspection.
//!
//! Only that the signature is good is remembered, under the digest of the token, never the token. Everything that can change is
//! asked each time: whether the key is still published, whether the token has ended, and what it rests on.

use std::fmt;
use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::digest::sha256;
use super::jwt::LEEWAY_SECONDS;
use super::keys::KeyRing;
use crate::model::access_token::{GenuineAccessToken, Handle};
use crate::protocol::signing_alg::SigningAlg;
use crate::time::Timestamp;

/// The most bytes that are remembered.
const CAPACITY: u64 = 8 * 1024 * 1024;

/// About what an entry takes: so many are expected.
const USUAL_WEIGHT: u64 = 700;

/// Access tokens with a good signature.
pub struct VerifiedTokens(Cache<[u8; 32], Verified, Bytes>);

/// A token, and the key that its signature was checked with. A `kid` is the thumbprint of its key: another key has another.
#[derive(Clone)]
pub struct Verified {
    /// What the token says.
    pub token: Arc<GenuineAccessToken>,
    /// The key's `kid`.
    pub kid: Arc<str>,
    /// What the key signs with.
    pub alg: SigningAlg,
}

#[derive(Clone)]
struct Bytes;

impl VerifiedTokens {
    /// Knows nothing yet.
    pub fn new() -> Self {
        let expected = usize::try_from(CAPACITY / USUAL_WEIGHT).unwrap_or_default();
        Self(Cache::with_weighter(expected, CAPACITY, Bytes))
    }

    /// What `token` says, if its signature was found to be good and would be now, and it has not ended.
    pub fn get(&self, token: &str, ring: &KeyRing, now: Timestamp) -> Option<Arc<GenuineAccessToken>> {
        let known = self.0.get(&sha256(token.as_bytes()))?;
        known.holds(ring, now).then_some(known.token)
    }

    /// Remembers that the signature of `token` is good.
    pub fn remember(&self, token: &str, verified: Verified) {
        self.0.insert(sha256(token.as_bytes()), verified);
    }
}

impl Default for VerifiedTokens {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for VerifiedTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VerifiedTokens(…)")
    }
}

impl Verified {
    /// Whether all would be found again that was found then.
    fn holds(&self, ring: &KeyRing, now: Timestamp) -> bool {
        let published = ring.verifier(&self.kid, now).is_some_and(|key| key.alg() == self.alg);
        let begun = self.token.issued_at.as_i64() <= now.as_i64().saturating_add(LEEWAY_SECONDS);
        published && begun && now < self.token.expires_at
    }
}

impl Weighter<[u8; 32], Verified> for Bytes {
    fn weight(&self, _: &[u8; 32], value: &Verified) -> u64 {
        let token = &*value.token;
        let audience: usize = token.audience.iter().map(|one| one.len() + size_of::<String>()).sum();
        let scope: usize = token.scope.iter().map(|one| one.len() + size_of::<Box<str>>()).sum();
        let handle = match &token.handle {
            Handle::Jwt(jti) => jti.len(),
            Handle::Opaque(_) => 0,
        };
        let texts = token.client_id.as_str().len() + token.subject.len() + value.kid.len() + handle;
        let fixed = size_of::<GenuineAccessToken>() + size_of::<Verified>() + 32 + 64;
        u64::try_from(fixed + texts + audience + scope).unwrap_or(u64::MAX)
    }
}
