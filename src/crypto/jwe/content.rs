//! Content encryption (RFC 7518 §5).

use aws_lc_rs::cipher::{AES_128, EncryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey};
use ring::aead::{AES_128_GCM, AES_256_GCM, Aad, Algorithm, LessSafeKey, Nonce, UnboundKey};
use ring::hmac;

use super::EncryptionFailed;
use crate::crypto::random;
use crate::protocol::jwe::ContentEncryption;

/// What [`seal`] makes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sealed {
    pub iv: Vec<u8>,
    pub ciphertext: Vec<u8>,
    pub tag: Vec<u8>,
}

/// Of the content key, in bytes. CBC with HMAC has two keys in one.
pub(super) const fn key_len(enc: ContentEncryption) -> usize {
    match enc {
        ContentEncryption::A128Gcm => 16,
        ContentEncryption::A256Gcm | ContentEncryption::A128CbcHs256 => 32,
    }
}

/// Encrypts under a key that is used once, with a vector of its own all the same.
pub(super) fn seal(
    enc: ContentEncryption,
    key: &[u8],
    header: &[u8],
    plaintext: &[u8],
) -> Result<Sealed, EncryptionFailed> {
    match enc {
        ContentEncryption::A128Gcm => gcm(&AES_128_GCM, key, random::bytes(), (header, plaintext)),
        ContentEncryption::A256Gcm => gcm(&AES_256_GCM, key, random::bytes(), (header, plaintext)),
        ContentEncryption::A128CbcHs256 => cbc_hmac(key, random::bytes(), (header, plaintext)),
    }
}

/// RFC 7518 §5.3.
pub(super) fn gcm(
    algorithm: &'static Algorithm,
    key: &[u8],
    iv: [u8; 12],
    (header, plaintext): (&[u8], &[u8]),
) -> Result<Sealed, EncryptionFailed> {
    let key = LessSafeKey::new(UnboundKey::new(algorithm, key).map_err(|_| EncryptionFailed)?);
    let mut ciphertext = plaintext.to_vec();
    let tag = key
        .seal_in_place_separate_tag(Nonce::assume_unique_for_key(iv), Aad::from(header), &mut ciphertext)
        .map_err(|_| EncryptionFailed)?;
    Ok(Sealed {
        iv: iv.to_vec(),
        ciphertext,
        tag: tag.as_ref().to_vec(),
    })
}

/// RFC 7518 §5.2.2.1: of the key the first half authenticates, the second encrypts; of the MAC the first half is sent.
pub(super) fn cbc_hmac(
    key: &[u8],
    iv: [u8; 16],
    (header, plaintext): (&[u8], &[u8]),
) -> Result<Sealed, EncryptionFailed> {
    let (mac_key, encryption_key) = key.split_at_checked(16).ok_or(EncryptionFailed)?;
    let cipher = PaddedBlockEncryptingKey::cbc_pkcs7(UnboundCipherKey::new(&AES_128, encryption_key)?)?;
    let mut ciphertext = plaintext.to_vec();
    cipher.less_safe_encrypt(&mut ciphertext, EncryptionContext::Iv128((&iv).into()))?;
    let header_bits = (header.len() as u64) * 8;
    let mut mac = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, mac_key));
    for part in [header, &iv, &ciphertext, &header_bits.to_be_bytes()] {
        mac.update(part);
    }
    Ok(Sealed {
        iv: iv.to_vec(),
        ciphertext,
        tag: mac.sign().as_ref()[..16].to_vec(),
    })
}
