//! All signing keys that are not forgotten yet, opened and ready.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    seal_context,
    signer::{Signer, Verifier},
};
use crate::{
    crypto::seal::{MasterKey, SealError},
    model::signing_key::SigningKey,
    protocol::signing_alg::SigningAlg,
    time::Timestamp,
};

/// Every stored key, parsed once. Immutable: a rotation opens a new ring and swaps it in.
#[derive(Debug, Default)]
pub struct KeyRing {
    /// Newest first.
    entries: Vec<Entry>,
}

/// A stored key cannot be used. The server must not start without it: signing on with a fresh key would make
/// every token already issued unverifiable and hide the fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The private part was sealed under another master key.
    #[error("signing key {kid}: {source}; start with the master key this database was created with")]
    WrongMasterKey {
        /// The key.
        kid: String,
        /// Which master keys are meant.
        source: SealError,
    },
    /// The row is damaged.
    #[error("signing key {kid} is damaged: {reason}; restore its row from a backup")]
    Corrupted {
        /// The key.
        kid: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl KeyError {
    pub(super) fn of(key: &SigningKey, error: SealError) -> Self {
        match error {
            SealError::WrongKey { .. } => Self::WrongMasterKey {
                kid: key.kid.clone(),
                source: error,
            },
            other => Self::Corrupted {
                kid: key.kid.clone(),
                reason: other.to_string(),
            },
        }
    }
}

impl KeyRing {
    /// Opens every key that is not revoked. Fails on the first that does not open, is not a key for its algorithm, or does not
    /// belong to the public key stored beside it (a broken JWK must never be published).
    pub fn open(rows: &[SigningKey], master: &MasterKey) -> Result<Self, KeyError> {
        Self::reopen(rows, master, &Self::default())
    }

    /// As [`KeyRing::open`], where a key that is `known` already may since have been sealed under a master key that this
    /// process was not given yet. It is the same key: a running server goes on until it is restarted. It also goes on without a
    /// key that is new and sealed under such a master key, as long as it has another one of that algorithm.
    pub fn reopen(rows: &[SigningKey], master: &MasterKey, known: &Self) -> Result<Self, KeyError> {
        let mut entries = Vec::new();
        let mut strange = Vec::new();
        for row in rows.iter().filter(|row| row.revoked_at.is_none()) {
            match (Entry::open(row, master), known.known(row)) {
                (Err(KeyError::WrongMasterKey { .. }), Some(signer)) => entries.push(Entry::of(row, signer)),
                (Err(error @ KeyError::WrongMasterKey { .. }), None) if !known.is_empty() => strange.push((row, error)),
                (opened, _) => entries.push(opened?),
            }
        }
        for (row, error) in strange {
            if !entries.iter().any(|entry| entry.signer.alg() == row.alg) {
                return Err(error);
            }
            tracing::error!(%error, "a signing key is left out until this server is restarted with the present master key");
        }
        entries.sort_by_key(|entry| std::cmp::Reverse((entry.active_from, entry.generation)));
        Ok(Self { entries })
    }

    /// The key to sign with: the newest that is active, not retired and not gone.
    ///
    /// Just after the first start every key may still be waiting to become active. Then the one that will be
    /// active soonest signs: it is published already, and the alternative is not to serve at all. A retired key
    /// never signs again, because its tokens could outlive its publication.
    pub fn signer(&self, alg: SigningAlg, now: Timestamp) -> Option<&Signer> {
        let usable = || {
            self.entries
                .iter()
                .filter(move |entry| entry.signer.alg() == alg && entry.may_sign(now))
        };
        let active = usable().find(|entry| entry.active_from <= now);
        active.or_else(|| usable().next_back()).map(|entry| &*entry.signer)
    }

    /// The published key set (RFC 7517 §5): everything not gone, keys not yet active included, so that clients
    /// know a key before they meet it.
    pub fn jwks(&self, now: Timestamp) -> Value {
        let keys: Vec<&Value> = self.published(now).map(|entry| entry.signer.public_jwk()).collect();
        json!({ "keys": keys })
    }

    /// Until when [`KeyRing::jwks`] is the same as at `now`; `None`: for good.
    pub fn published_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.published(now).filter_map(|entry| entry.gone_at).min()
    }

    /// The published key with exactly this `kid`.
    pub fn verifier(&self, kid: &str, now: Timestamp) -> Option<&Verifier> {
        self.published(now)
            .find(|entry| entry.signer.kid() == kid)
            .map(|entry| entry.signer.verifier())
    }

    /// Whether there is no key at all, as in a new database.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn known(&self, row: &SigningKey) -> Option<Arc<Signer>> {
        let same = |entry: &&Entry| entry.signer.kid() == row.kid && *entry.signer.public_jwk() == row.public_jwk;
        self.entries.iter().find(same).map(|entry| entry.signer.clone())
    }

    fn published(&self, now: Timestamp) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| !has_come(entry.gone_at, now))
    }
}

#[derive(Debug)]
struct Entry {
    signer: Arc<Signer>,
    generation: i64,
    active_from: Timestamp,
    retires_at: Option<Timestamp>,
    gone_at: Option<Timestamp>,
}

impl Entry {
    fn open(row: &SigningKey, master: &MasterKey) -> Result<Self, KeyError> {
        let corrupted = |reason: &str| KeyError::Corrupted {
            kid: row.kid.clone(),
            reason: reason.to_owned(),
        };
        let pkcs8 = master
            .open(&seal_context(&row.kid, row.alg), &row.sealed_private)
            .map_err(|error| KeyError::of(row, error))?;
        let signer = Signer::from_pkcs8(row.alg, &pkcs8)
            .map_err(|_| corrupted(&format!("the private part is not a key for {}", row.alg)))?;
        if signer.kid() != row.kid || *signer.public_jwk() != row.public_jwk {
            return Err(corrupted("the public part does not belong to the private part"));
        }
        Ok(Self::of(row, Arc::new(signer)))
    }

    fn of(row: &SigningKey, signer: Arc<Signer>) -> Self {
        Self {
            signer,
            generation: row.generation,
            active_from: row.active_from,
            retires_at: row.retires_at,
            gone_at: row.gone_at,
        }
    }

    fn may_sign(&self, now: Timestamp) -> bool {
        !has_come(self.retires_at, now) && !has_come(self.gone_at, now)
    }
}

fn has_come(moment: Option<Timestamp>, now: Timestamp) -> bool {
    moment.is_some_and(|moment| moment <= now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::keys;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::new(seconds)
    }

    fn master() -> MasterKey {
        MasterKey::new([7; 32])
    }

    fn row(alg: SigningAlg, active_from: i64, retires_at: Option<i64>, gone_at: Option<i64>) -> SigningKey {
        let key = keys::generate(alg).unwrap();
        SigningKey {
            sealed_private: key.seal(&master()),
            kid: key.kid,
            alg,
            generation: 1,
            public_jwk: key.public_jwk,
            created_at: at(0),
            active_from: at(active_from),
            retires_at: retires_at.map(at),
            gone_at: gone_at.map(at),
            revoked_at: None,
        }
    }

    fn signing(ring: &KeyRing, now: i64) -> Option<&str> {
        ring.signer(SigningAlg::Es256, at(now)).map(Signer::kid)
    }

    #[test]
    fn the_newest_active_key_signs_and_a_retired_one_never_again() {
        let old = row(SigningAlg::Es256, 100, Some(300), Some(400));
        let new = row(SigningAlg::Es256, 200, None, None);
        let ring = KeyRing::open(&[new.clone(), old.clone()], &master()).unwrap();
        assert_eq!(signing(&ring, 150), Some(old.kid.as_str()));
        assert_eq!(signing(&ring, 200), Some(new.kid.as_str()));
        assert_eq!(ring.signer(SigningAlg::EdDsa, at(200)).map(Signer::kid), None);
        let only_old = KeyRing::open(&[old], &master()).unwrap();
        assert!(signing(&only_old, 299).is_some());
        assert_eq!(signing(&only_old, 300), None);
    }

    #[test]
    fn before_any_key_is_active_the_one_due_first_signs() {
        let first = row(SigningAlg::Es256, 100, None, None);
        let second = row(SigningAlg::Es256, 200, None, None);
        let ring = KeyRing::open(&[second, first.clone()], &master()).unwrap();
        assert_eq!(signing(&ring, 50), Some(first.kid.as_str()));
    }

    #[test]
    fn of_two_keys_active_since_the_same_moment_the_later_generation_signs() {
        let first = row(SigningAlg::Es256, 100, None, None);
        let second = SigningKey {
            generation: 2,
            ..row(SigningAlg::Es256, 100, None, None)
        };
        let ring = KeyRing::open(&[first, second.clone()], &master()).unwrap();
        assert_eq!(signing(&ring, 100), Some(second.kid.as_str()));
    }

    #[test]
    fn a_revoked_key_is_out_whatever_its_times_say() {
        let old = row(SigningAlg::Es256, 0, None, None);
        let new = row(SigningAlg::Es256, 200, None, None);
        let revoked = SigningKey {
            revoked_at: Some(at(150)),
            ..old.clone()
        };
        // Even where the clock is behind the one that it was revoked by.
        let ring = KeyRing::open(&[revoked, new.clone()], &master()).unwrap();
        assert!(ring.verifier(&old.kid, at(100)).is_none());
        assert_eq!(ring.jwks(at(100))["keys"].as_array().unwrap().len(), 1);
        assert_eq!(signing(&ring, 100), Some(new.kid.as_str()));
    }

    #[test]
    fn a_running_server_goes_on_when_its_keys_are_sealed_under_another_master_key() {
        let [known, later] = [
            row(SigningAlg::Es256, 0, None, None),
            row(SigningAlg::EdDsa, 0, None, None),
        ];
        let ring = KeyRing::open(std::slice::from_ref(&known), &master()).unwrap();
        let other = MasterKey::new([8; 32]);
        let resealed = |key: &SigningKey| SigningKey {
            sealed_private: keys::reseal(key, &master(), &other).unwrap(),
            ..key.clone()
        };
        let again = KeyRing::reopen(&[resealed(&known)], &master(), &ring).unwrap();
        assert_eq!(signing(&again, 1), Some(known.kid.as_str()));
        let error = KeyRing::reopen(&[resealed(&known), resealed(&later)], &master(), &ring).unwrap_err();
        assert!(matches!(&error, KeyError::WrongMasterKey { kid, .. } if *kid == later.kid));
        KeyRing::open(&[resealed(&known), resealed(&later)], &other).unwrap();
        let swapped = SigningKey {
            public_jwk: later.public_jwk.clone(),
            ..resealed(&known)
        };
        assert!(KeyRing::reopen(&[swapped], &master(), &ring).is_err());
    }

    #[test]
    fn keys_are_published_before_use_and_until_gone() {
        let pending = row(SigningAlg::EdDsa, 1000, None, None);
        let retiring = row(SigningAlg::Es256, 0, Some(100), Some(200));
        let ring = KeyRing::open(&[pending.clone(), retiring.clone()], &master()).unwrap();
        let kids = |now| {
            let set = ring.jwks(at(now));
            let keys = set["keys"].as_array().unwrap();
            keys.iter()
                .map(|key| key["kid"].as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(kids(150), [pending.kid.clone(), retiring.kid.clone()]);
        assert_eq!(kids(200), [pending.kid.as_str()]);
        assert!(ring.verifier(&retiring.kid, at(199)).is_some());
        assert!(ring.verifier(&retiring.kid, at(200)).is_none());
        assert!(ring.verifier(&pending.kid, at(0)).is_some());
        assert!(ring.verifier("unknown", at(0)).is_none());
    }

    #[test]
    fn published_keys_have_public_members_only() {
        for &alg in SigningAlg::ALL {
            let jwk = keys::generate(alg).unwrap().public_jwk;
            let mut members: Vec<&str> = jwk.as_object().unwrap().keys().map(String::as_str).collect();
            members.sort_unstable();
            let expected: &[&str] = match alg {
                SigningAlg::Rs256 | SigningAlg::Ps256 => &["alg", "e", "kid", "kty", "n", "use"],
                SigningAlg::Es256 => &["alg", "crv", "kid", "kty", "use", "x", "y"],
                SigningAlg::EdDsa => &["alg", "crv", "kid", "kty", "use", "x"],
            };
            assert_eq!(members, expected);
            let foreign: jsonwebtoken::jwk::Jwk = serde_json::from_value(jwk.clone()).unwrap();
            let thumbprint = foreign.thumbprint(jsonwebtoken::jwk::ThumbprintHash::SHA256).unwrap();
            assert_eq!(
                jwk["kid"],
                thumbprint.as_str(),
                "another library computes the same thumbprint"
            );
        }
    }

    #[test]
    fn ft_37_a_wrong_master_key_is_named_as_such() {
        let key = row(SigningAlg::Es256, 0, None, None);
        let error = KeyRing::open(std::slice::from_ref(&key), &MasterKey::new([8; 32])).unwrap_err();
        assert!(matches!(error, KeyError::WrongMasterKey { .. }));
        assert!(error.to_string().contains(&key.kid), "{error}");
    }

    #[test]
    fn ft_37_any_damage_to_a_row_is_refused() {
        let good = row(SigningAlg::Es256, 0, None, None);
        let other = row(SigningAlg::Es256, 0, None, None);
        let mut flipped = good.sealed_private.clone();
        let last = flipped.len() - 1;
        flipped[last] ^= 1;
        let not_a_key = master().seal(&seal_context(&good.kid, good.alg), b"not a key");
        let swapped = other.sealed_private.clone();
        let damaged = [
            SigningKey {
                sealed_private: flipped,
                ..good.clone()
            },
            SigningKey {
                sealed_private: Vec::new(),
                ..good.clone()
            },
            SigningKey {
                sealed_private: not_a_key,
                ..good.clone()
            },
            SigningKey {
                sealed_private: swapped,
                ..good.clone()
            },
            SigningKey {
                public_jwk: other.public_jwk,
                ..good.clone()
            },
            SigningKey {
                public_jwk: Value::Null,
                ..good.clone()
            },
            SigningKey {
                alg: SigningAlg::EdDsa,
                ..good.clone()
            },
        ];
        for row in damaged {
            let error = KeyRing::open(&[good.clone(), row], &master()).unwrap_err();
            assert!(
                matches!(&error, KeyError::Corrupted { kid, .. } if *kid == good.kid),
                "{error}"
            );
        }
    }

    #[test]
    fn an_empty_ring_says_so() {
        let ring = KeyRing::open(&[], &master()).unwrap();
        assert!(ring.is_empty());
        assert_eq!(ring.jwks(at(0)), json!({"keys": []}));
    }
}
