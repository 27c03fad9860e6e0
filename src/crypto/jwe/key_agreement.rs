//! Key agreement (RFC 7518 §4.6) on P-256.

use aws_lc_rs::agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral};
use aws_lc_rs::rand::SystemRandom;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::digest::{Context, SHA256};
use serde::Serialize;
use zeroize::Zeroizing;

use super::EncryptionFailed;
use crate::crypto::jwk_set::PublicKey;

/// `epk` (§4.6.1.1): public members only.
#[derive(Serialize)]
pub(super) struct EphemeralKey {
    kty: &'static str,
    crv: &'static str,
    x: String,
    y: String,
}

/// A key that the recipient can compute from `epk`, and nobody else.
pub(super) struct Agreed {
    pub key: Zeroizing<Vec<u8>>,
    pub epk: EphemeralKey,
}

/// Agrees on `length` bytes for `algorithm` with a key pair that is thrown away. The library refuses a point that is not on
/// the curve. `apu` and `apv` are left out: both sides are named inside.
pub(super) fn agree(key: &PublicKey, algorithm: &str, length: usize) -> Result<Agreed, EncryptionFailed> {
    let PublicKey::P256(point) = key else {
        return Err(EncryptionFailed);
    };
    let own = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new())?;
    let public = own.compute_public_key()?;
    let (x, y) = coordinates(public.as_ref()).ok_or(EncryptionFailed)?;
    let peer = UnparsedPublicKey::new(&ECDH_P256, point.as_slice());
    let key = agree_ephemeral(own, peer, EncryptionFailed, |secret| {
        derive(secret, algorithm, (b"", b""), length)
    })?;
    let epk = EphemeralKey {
        kty: "EC",
        crv: "P-256",
        x: URL_SAFE_NO_PAD.encode(x),
        y: URL_SAFE_NO_PAD.encode(y),
    };
    Ok(Agreed { key, epk })
}

/// Of an uncompressed point (SEC 1 §2.3.3).
fn coordinates(point: &[u8]) -> Option<(&[u8], &[u8])> {
    point.strip_prefix(&[4])?.split_at_checked(32)
}

/// Concat KDF (§4.6.2; NIST SP 800-56A §5.8.1) with SHA-256. One round is enough for every key there is here.
pub(super) fn derive(
    secret: &[u8],
    algorithm: &str,
    (apu, apv): (&[u8], &[u8]),
    length: usize,
) -> Result<Zeroizing<Vec<u8>>, EncryptionFailed> {
    let size = |bytes: usize| u32::try_from(bytes).map(u32::to_be_bytes).map_err(|_| EncryptionFailed);
    let mut hash = Context::new(&SHA256);
    hash.update(&1_u32.to_be_bytes());
    hash.update(secret);
    for field in [algorithm.as_bytes(), apu, apv] {
        hash.update(&size(field.len())?);
        hash.update(field);
    }
    hash.update(&size(length * 8)?);
    let round = hash.finish();
    let key = round.as_ref().get(..length).ok_or(EncryptionFailed)?;
    Ok(Zeroizing::new(key.to_vec()))
}
