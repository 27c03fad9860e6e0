//! Chosen secrets that were proven lately, so that a client which sends its own with every request is not hashed, counted and
//! kept waiting each time. In memory alone, and there only as a keyed digest: a memory dump is no easier to guess from than the
//! slow hash was, without the key that dies with the process.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use super::digest::{equal, hmac_sha256, sha256};
use super::random;

/// The most secrets that are remembered. Beyond it all are forgotten and proven again.
const CAPACITY: usize = 10_000;

/// What was proven, by the stored hash that it was proven against: a secret that was replaced or removed is never asked about.
pub struct ProvenSecrets {
    key: [u8; 32],
    known: Mutex<HashMap<[u8; 32], [u8; 32]>>,
}

impl ProvenSecrets {
    /// Knows nothing yet.
    pub fn new() -> Self {
        Self {
            key: random::bytes(),
            known: Mutex::default(),
        }
    }

    /// Whether `presented` was proven against `stored` before.
    pub fn knows(&self, stored: &str, presented: &str) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let proven = known.get(&sha256(stored.as_bytes()));
        proven.is_some_and(|proven| equal(proven, &self.digest(stored, presented)))
    }

    /// Remembers that `presented` was proven against `stored`.
    pub fn remember(&self, stored: &str, presented: &str) {
        let digest = self.digest(stored, presented);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= CAPACITY {
            known.clear();
        }
        known.insert(sha256(stored.as_bytes()), digest);
    }

    fn digest(&self, stored: &str, presented: &str) -> [u8; 32] {
        hmac_sha256(&self.key, &[stored.as_bytes(), presented.as_bytes()])
    }
}

impl Default for ProvenSecrets {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ProvenSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProvenSecrets(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_proven_against_this_hash_is_known() {
        let secrets = ProvenSecrets::new();
        assert!(!secrets.knows("hash", "secret"));
        secrets.remember("hash", "secret");
        assert!(secrets.knows("hash", "secret"));
        assert!(!secrets.knows("hash", "other") && !secrets.knows("other", "secret"));
        assert!(!ProvenSecrets::new().knows("hash", "secret"));
        assert_eq!(format!("{secrets:?}"), "ProvenSecrets(…)");
    }

    #[test]
    fn it_does_not_grow_for_ever() {
        let secrets = ProvenSecrets::new();
        for number in 0..=CAPACITY {
            secrets.remember(&number.to_string(), "secret");
        }
        assert!(secrets.known.lock().unwrap().len() <= CAPACITY);
        assert!(secrets.knows(&CAPACITY.to_string(), "secret"));
    }
}
