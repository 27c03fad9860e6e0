//! Signing keys: making them, keeping them sealed, and choosing the one to sign with.

mod jwk;
mod key_ring;
mod signer;

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rsa::KeySize,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair},
};
use zeroize::Zeroizing;

pub use self::{
    key_ring::{KeyError, KeyRing},
    signer::{Signer, SigningFailed, Verifier},
};
use super::seal::MasterKey;
use crate::model::signing_key::SigningKey;
use crate::protocol::signing_alg::SigningAlg;

/// A key that was just made and is not stored yet.
pub struct NewKey {
    /// RFC 7638 thumbprint of the public key.
    pub kid: String,
    /// The algorithm it signs with.
    pub alg: SigningAlg,
    /// The private key, in clear.
    pub private_pkcs8: Zeroizing<Vec<u8>>,
    /// The public key as it is published: public members only.
    pub public_jwk: serde_json::Value,
}

impl NewKey {
    /// The private key as it is stored. It opens only for this `kid` and algorithm.
    pub fn seal(&self, master: &MasterKey) -> Vec<u8> {
        master.seal(&seal_context(&self.kid, self.alg), &self.private_pkcs8)
    }
}

impl std::fmt::Debug for NewKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewKey")
            .field("kid", &self.kid)
            .field("alg", &self.alg)
            .finish_non_exhaustive()
    }
}

/// Makes a key for `alg`: RSA with 2048 bits, P-256, or Ed25519.
///
/// An RSA key takes 40 to 200 ms of CPU: call this on a blocking thread.
pub fn generate(alg: SigningAlg) -> Result<NewKey, SigningFailed> {
    let private_pkcs8 = Zeroizing::new(generate_pkcs8(alg)?);
    let signer = Signer::from_pkcs8(alg, &private_pkcs8).map_err(|_| SigningFailed)?;
    Ok(NewKey {
        kid: signer.kid().to_owned(),
        alg,
        private_pkcs8,
        public_jwk: signer.public_jwk().clone(),
    })
}

fn generate_pkcs8(alg: SigningAlg) -> Result<Vec<u8>, aws_lc_rs::error::Unspecified> {
    let der: Pkcs8V1Der<'static> = match alg {
        SigningAlg::Rs256 | SigningAlg::Ps256 => RsaKeyPair::generate(KeySize::Rsa2048)?.as_der()?,
        SigningAlg::Es256 => {
            let document = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?.to_pkcs8v1()?;
            return Ok(document.as_ref().to_vec());
        }
        SigningAlg::EdDsa => Ed25519KeyPair::generate()?.as_der()?,
    };
    Ok(der.as_ref().to_vec())
}

/// The private part of a stored key, opened with `from` and sealed under `to`.
pub fn reseal(key: &SigningKey, from: &MasterKey, to: &MasterKey) -> Result<Vec<u8>, KeyError> {
    let context = seal_context(&key.kid, key.alg);
    let private = from.open(&context, &key.sealed_private);
    let private = private.map_err(|error| KeyError::of(key, error))?;
    Ok(to.seal(&context, &private))
}

/// What a sealed private key is bound to.
fn seal_context(kid: &str, alg: SigningAlg) -> Vec<u8> {
    format!("signing-key/{alg}/{kid}").into_bytes()
}
