//! The digest under which an opaque secret is stored.

use std::fmt;

/// SHA-256 of an opaque secret. The secret has 256 bits of entropy, so a plain hash is enough and the
/// digest can serve as a lookup key.
///
/// `Eq` and `Hash` are for maps and row lookups. Where a presented secret is *checked* against a stored
/// digest, compare with `crypto::digest::equal`, the one constant-time helper.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenDigest([u8; 32]);

impl TokenDigest {
    /// Wraps a finished digest.
    pub const fn new(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// Reads a stored digest; `None` unless there are exactly 32 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The bytes to store or look up.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_32_bytes_are_a_digest() {
        assert!(TokenDigest::from_bytes(&[0; 31]).is_none());
        assert!(TokenDigest::from_bytes(&[0; 33]).is_none());
        let digest = TokenDigest::from_bytes(&[7; 32]).unwrap();
        assert_eq!(digest.as_bytes(), &[7; 32]);
    }

    #[test]
    fn debug_says_nothing() {
        assert_eq!(format!("{:?}", TokenDigest::new([7; 32])), "TokenDigest(…)");
    }
}
