//! Encryption at rest under one master key.
//!
//! A sealed value is `version (1) ‖ key id (4) ‖ nonce (12) ‖ ciphertext ‖ tag (16)`, AES-256-GCM. Version and key
//! id are authenticated together with the caller's associated data, which should say what the value is and whose
//! (for example `signing-key/<kid>`), so that a sealed value copied to another row does not open there.
//!
//! The key id is there to tell "another master key" from "damaged", because an operator repairs the two
//! differently: by mounting the right file, or by restoring a backup.

use std::fmt;
use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hkdf,
};
use zeroize::Zeroizing;

pub use super::key_file::KeyFileError;
use super::{digest, random};

/// The key under which everything at rest is sealed. Held outside the database; wiped on drop.
#[derive(Clone)]
pub struct MasterKey {
    bytes: Zeroizing<[u8; 32]>,
    /// While the master key changes: another, which opens what was sealed under it.
    other: Option<Arc<MasterKey>>,
}

/// Text that is not a master key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a master key is 32 bytes, written in base64 (44 characters) or hex (64 characters)")]
pub struct InvalidMasterKey;

/// Why a sealed value does not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Sealed under another master key.
    #[error("sealed under master key {sealed_under}, but the master key in use is {in_use}")]
    WrongKey {
        /// Id of the key it was sealed with.
        sealed_under: String,
        /// Id of the key we hold.
        in_use: String,
    },
    /// Damaged, truncated, or moved from another place.
    #[error("the sealed value is damaged or belongs to something else")]
    Corrupted,
    /// Written by a newer version of this program.
    #[error("the sealed value has the unknown format {0}")]
    UnknownVersion(u8),
}

impl MasterKey {
    /// Wraps key bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self {
            bytes: Zeroizing::new(bytes),
            other: None,
        }
    }

    /// While the master key changes: what was sealed under `other` opens too. Everything else is this key's alone.
    #[must_use]
    pub fn with_other(mut self, mut other: Self) -> Self {
        other.other = self.other.take();
        self.other = Some(Arc::new(other));
        self
    }

    /// Which of these keys `sealed` was sealed under, if it was one of them.
    pub fn that_sealed(&self, sealed: &[u8]) -> Option<&Self> {
        let id = sealed.get(1..HEADER_LEN)?;
        let own = || std::iter::successors(Some(self), |key| key.other.as_deref());
        own().find(|key| key.id_bytes() == id)
    }

    /// Draws a new key.
    #[must_use]
    pub fn generate() -> Self {
        Self::new(random::bytes())
    }

    /// Reads base64 (either alphabet, padded or not) or hex. White space around it is ignored.
    pub fn parse(text: &str) -> Result<Self, InvalidMasterKey> {
        let text = text.trim();
        let decoded = Zeroizing::new(
            if text.len() == 64 {
                decode_hex(text)
            } else {
                decode_base64(text)
            }
            .ok_or(InvalidMasterKey)?,
        );
        let bytes: [u8; 32] = decoded.as_slice().try_into().map_err(|_| InvalidMasterKey)?;
        Ok(Self::new(bytes))
    }

    /// The key as base64, the form [`MasterKey::parse`] and the key file use.
    pub fn expose_base64(&self) -> Zeroizing<String> {
        Zeroizing::new(STANDARD.encode(&self.bytes[..]))
    }

    /// Names the key without revealing it: the first 4 bytes of its SHA-256, in hex.
    pub fn id(&self) -> String {
        hex(&self.id_bytes())
    }

    /// Seals `plaintext` so that it opens only under this key and with the same `aad`.
    #[must_use]
    pub fn seal(&self, aad: &[u8], plaintext: &[u8]) -> Vec<u8> {
        let nonce = random::bytes::<NONCE_LEN>();
        let mut out = Vec::with_capacity(HEADER_LEN + NONCE_LEN + plaintext.len() + AES_256_GCM.tag_len());
        out.push(VERSION);
        out.extend_from_slice(&self.id_bytes());
        let aad = full_aad(&out, aad);
        out.extend_from_slice(&nonce);
        let mut body = plaintext.to_vec();
        #[expect(clippy::expect_used, reason = "fails only above the 64 GiB limit of GCM")]
        self.aead()
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(aad), &mut body)
            .expect("plaintexts are keys and documents");
        out.append(&mut body);
        out
    }

    /// Opens what [`MasterKey::seal`] made.
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let (header, rest) = sealed.split_at_checked(HEADER_LEN).ok_or(SealError::Corrupted)?;
        let (nonce, body) = rest.split_at_checked(NONCE_LEN).ok_or(SealError::Corrupted)?;
        if header[0] != VERSION {
            return Err(SealError::UnknownVersion(header[0]));
        }
        let Some(key) = self.that_sealed(sealed) else {
            return Err(SealError::WrongKey {
                sealed_under: hex(&header[1..]),
                in_use: self.id(),
            });
        };
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::Corrupted)?;
        let mut body = Zeroizing::new(body.to_vec());
        let length = key
            .aead()
            .open_in_place(nonce, Aad::from(full_aad(header, aad)), &mut body)
            .map_err(|_| SealError::Corrupted)?
            .len();
        body.truncate(length);
        Ok(body)
    }

    /// Derives an independent key for `purpose` (HKDF-SHA256). Different purposes give unrelated keys.
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        let mut out = [0; 32];
        let info = [purpose.as_bytes()];
        let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, b"portcullis/v1").extract(&self.bytes[..]);
        #[expect(
            clippy::expect_used,
            reason = "32 bytes are within the limit of HKDF-SHA256, 255 × 32"
        )]
        prk.expand(&info, hkdf::HKDF_SHA256)
            .and_then(|okm| okm.fill(&mut out))
            .expect("the output length is fixed");
        out
    }

    fn id_bytes(&self) -> [u8; 4] {
        let hash = digest::sha256(&self.bytes[..]);
        [hash[0], hash[1], hash[2], hash[3]]
    }

    fn aead(&self) -> LessSafeKey {
        let key = Zeroizing::new(self.derive("seal"));
        #[expect(clippy::expect_used, reason = "AES-256 takes exactly these 32 bytes")]
        let unbound = UnboundKey::new(&AES_256_GCM, &key[..]).expect("the key length is fixed");
        LessSafeKey::new(unbound)
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({})", self.id())
    }
}

const VERSION: u8 = 1;
/// Version and key id.
const HEADER_LEN: usize = 5;

fn full_aad(header: &[u8], aad: &[u8]) -> Vec<u8> {
    [header, aad].concat()
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn decode_hex(text: &str) -> Option<Vec<u8>> {
    let nibble = |byte: u8| char::from(byte).to_digit(16);
    text.as_bytes()
        .chunks_exact(2)
        .map(|pair| u8::try_from(nibble(pair[0])? << 4 | nibble(pair[1])?).ok())
        .collect()
}

fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let standard = text.trim_end_matches('=').replace('-', "+").replace('_', "/");
    base64::engine::general_purpose::STANDARD_NO_PAD
        .decode(Zeroizing::new(standard).as_bytes())
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> MasterKey {
        MasterKey::new([byte; 32])
    }

    #[test]
    fn sealed_values_open_with_the_same_key_and_data() {
        let sealed = key(1).seal(b"row/1", b"secret");
        assert_eq!(key(1).open(b"row/1", &sealed).unwrap().as_slice(), b"secret");
        assert_ne!(sealed, key(1).seal(b"row/1", b"secret"), "each seal has its own nonce");
        assert!(!sealed.windows(6).any(|window| window == b"secret"));
        let empty = key(1).seal(b"", b"");
        assert_eq!(key(1).open(b"", &empty).unwrap().as_slice(), b"");
    }

    #[test]
    fn another_key_is_told_from_damage() {
        let sealed = key(1).seal(b"row/1", b"secret");
        let wrong = SealError::WrongKey {
            sealed_under: key(1).id(),
            in_use: key(2).id(),
        };
        assert_eq!(key(2).open(b"row/1", &sealed), Err(wrong));
        assert_eq!(key(1).open(b"row/2", &sealed), Err(SealError::Corrupted));
    }

    #[test]
    fn another_key_opens_and_does_not_seal() {
        let old = key(1).seal(b"row/1", b"secret");
        let both = key(2).with_other(key(4)).with_other(key(1));
        assert_eq!(both.open(b"row/1", &old).unwrap().as_slice(), b"secret");
        assert_eq!(both.that_sealed(&old).unwrap().id(), key(1).id());
        let new = both.seal(b"row/1", b"secret");
        assert_eq!(key(2).open(b"row/1", &new).unwrap().as_slice(), b"secret");
        assert_eq!(both.that_sealed(&new).unwrap().id(), key(2).id());
        let strange = key(3).seal(b"row/1", b"secret");
        assert!(matches!(both.open(b"row/1", &strange), Err(SealError::WrongKey { .. })));
        assert!(both.that_sealed(&strange).is_none() && both.that_sealed(b"").is_none());
        assert_eq!(both.derive("csrf"), key(2).derive("csrf"));
    }

    #[test]
    fn every_flipped_bit_and_every_truncation_is_noticed() {
        let sealed = key(1).seal(b"row", b"secret");
        for at in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert!(key(1).open(b"row", &damaged).is_err(), "byte {at}");
            assert!(key(1).open(b"row", &sealed[..at]).is_err(), "length {at}");
        }
        assert_eq!(key(1).open(b"row", &[9; 40]), Err(SealError::UnknownVersion(9)));
    }

    #[test]
    fn keys_parse_from_base64_and_hex() {
        let original = MasterKey::new(std::array::from_fn(|i| 255 - i as u8));
        let base64 = original.expose_base64();
        let url_safe = base64.replace('+', "-").replace('/', "_");
        let spellings = [
            base64.to_string(),
            format!("  {}\n", *base64),
            url_safe,
            base64.trim_end_matches('=').to_owned(),
            hex(&original.bytes[..]),
        ];
        for text in spellings {
            assert_eq!(MasterKey::parse(&text).unwrap().bytes, original.bytes, "{text}");
        }
        for text in [
            "",
            "short",
            &"g".repeat(64),
            &"é".repeat(32),
            &"A".repeat(44),
            &"a".repeat(62),
        ] {
            assert!(MasterKey::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn derived_keys_depend_on_purpose_and_master() {
        assert_eq!(key(1).derive("csrf"), key(1).derive("csrf"));
        assert_ne!(key(1).derive("csrf"), key(1).derive("seal"));
        assert_ne!(key(1).derive("csrf"), key(2).derive("csrf"));
    }

    #[test]
    fn debug_shows_the_id_only() {
        assert_eq!(format!("{:?}", key(1)), format!("MasterKey({})", key(1).id()));
    }
}
