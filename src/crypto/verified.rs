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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::keys;
    use crate::crypto::seal::MasterKey;
    use crate::model::signing_key::SigningKey;
    use crate::protocol::ids::ClientId;
    use crate::protocol::scope::Scope;

    fn key() -> SigningKey {
        let key = keys::generate(SigningAlg::Es256).unwrap();
        SigningKey {
            sealed_private: key.seal(&MasterKey::new([7; 32])),
            kid: key.kid,
            alg: key.alg,
            generation: 1,
            public_jwk: key.public_jwk,
            created_at: Timestamp(0),
            active_from: Timestamp(0),
            retires_at: None,
            gone_at: None,
            revoked_at: None,
        }
    }

    fn ring(keys: &[SigningKey]) -> KeyRing {
        KeyRing::open(keys, &MasterKey::new([7; 32])).unwrap()
    }

    /// Issued at 100, until 200.
    fn verified(kid: &str, subject: String) -> Verified {
        Verified {
            token: Arc::new(GenuineAccessToken {
                handle: Handle::Jwt("a-jti".to_owned()),
                grant_id: None,
                client_id: ClientId::parse("shop").unwrap(),
                subject,
                audience: Vec::new(),
                scope: Scope::default(),
                issued_at: Timestamp(100),
                expires_at: Timestamp(200),
            }),
            kid: kid.into(),
            alg: SigningAlg::Es256,
        }
    }

    #[test]
    fn a_good_signature_is_good_until_the_token_ends_or_its_key_goes() {
        let (old, new) = (key(), key());
        let revoked = SigningKey {
            revoked_at: Some(Timestamp(150)),
            ..old.clone()
        };
        let going = SigningKey {
            gone_at: Some(Timestamp(160)),
            ..old.clone()
        };
        let tokens = VerifiedTokens::new();
        tokens.remember("token", verified(&old.kid, "alice".to_owned()));
        let cases = [
            ("as it was", ring(std::slice::from_ref(&old)), 150, true),
            ("beside a newer key", ring(&[new.clone(), old.clone()]), 150, true),
            ("the last second", ring(std::slice::from_ref(&old)), 199, true),
            ("ended", ring(std::slice::from_ref(&old)), 200, false),
            (
                "not begun, by a clock that was set back",
                ring(std::slice::from_ref(&old)),
                69,
                false,
            ),
            ("another key alone", ring(std::slice::from_ref(&new)), 150, false),
            ("the key was revoked", ring(&[revoked, new]), 150, false),
            (
                "the key is still published",
                ring(std::slice::from_ref(&going)),
                159,
                true,
            ),
            ("the key is gone", ring(&[going]), 160, false),
            ("no keys", KeyRing::default(), 150, false),
        ];
        for (case, ring, now, good) in cases {
            assert_eq!(tokens.get("token", &ring, Timestamp(now)).is_some(), good, "{case}");
            assert!(
                tokens.get("Token", &ring, Timestamp(now)).is_none(),
                "{case}: another token"
            );
        }
    }

    #[test]
    fn a_key_of_another_algorithm_is_another() {
        let key = key();
        let mut other = verified(&key.kid, "alice".to_owned());
        other.alg = SigningAlg::Rs256;
        let tokens = VerifiedTokens::new();
        tokens.remember("token", other);
        assert!(tokens.get("token", &ring(&[key]), Timestamp(150)).is_none());
    }

    #[test]
    fn what_is_remembered_is_bounded_in_bytes() {
        let tokens = VerifiedTokens::new();
        for number in 0..2_000 {
            tokens.remember(&format!("token {number}"), verified("kid", "s".repeat(10_000)));
        }
        assert!(tokens.0.weight() <= CAPACITY, "{}", tokens.0.weight());
        assert!((100..900).contains(&tokens.0.len()), "{}", tokens.0.len());
    }
}
