//! Hashes, MACs and the one constant-time comparison.

use ring::{digest, hmac};
use subtle::ConstantTimeEq;

use crate::model::digest::TokenDigest;

/// SHA-256.
pub fn sha256(data: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, data).as_ref());
    out
}

/// The digest under which an opaque secret is stored and looked up.
pub fn token_digest(secret: &str) -> TokenDigest {
    TokenDigest::new(sha256(secret.as_bytes()))
}

/// Compares secrets or digests without telling by timing where they differ. Lengths are not hidden.
#[must_use]
pub fn equal(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

/// HMAC-SHA-256 over several parts. Each part is preceded by its length (8 bytes, big-endian), so that
/// `["ab", "c"]` and `["a", "bc"]` have different tags.
pub fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let mut out = [0; 32];
    out.copy_from_slice(context.sign().as_ref());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sha256_matches_the_published_vector() {
        let hex: String = sha256(b"abc").iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn equality_needs_the_same_bytes_and_length() {
        assert!(equal(b"same", b"same"));
        assert!(!equal(b"same", b"sane"));
        assert!(!equal(b"same", b"sam"));
        assert!(equal(b"", b""));
    }

    #[test]
    fn hmac_parts_do_not_run_together() {
        assert_ne!(hmac_sha256(b"k", &[b"ab", b"c"]), hmac_sha256(b"k", &[b"a", b"bc"]));
        assert_ne!(hmac_sha256(b"k", &[b"ab"]), hmac_sha256(b"k", &[b"ab", b""]));
        assert_ne!(hmac_sha256(b"k", &[b"ab"]), hmac_sha256(b"j", &[b"ab"]));
    }
}
