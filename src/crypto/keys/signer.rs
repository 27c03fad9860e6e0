//! One parsed key: what signs, and what checks its signatures.

use std::borrow::Cow;

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
        ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RSA_PSS_2048_8192_SHA256, RSA_PSS_SHA256,
        RsaEncoding, RsaKeyPair, RsaPublicKeyComponents, VerificationAlgorithm,
    },
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::jwk::PublicMembers;
use crate::protocol::signing_alg::SigningAlg;

/// The library refused to make a key or a signature. It does not say why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cryptography library failed")]
pub struct SigningFailed;

impl From<aws_lc_rs::error::Unspecified> for SigningFailed {
    fn from(_: aws_lc_rs::error::Unspecified) -> Self {
        Self
    }
}

/// The bytes are not a private key for this algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct InvalidPrivateKey;

/// A private key, parsed once. Parsing costs half of an RS256 signature, so it must not happen per token.
pub struct Signer {
    kid: String,
    alg: SigningAlg,
    key: PrivateKey,
    verifier: Verifier,
    public_jwk: Value,
    /// The encoded JOSE header for each of [`COMMON_TYPES`].
    headers: [String; COMMON_TYPES.len()],
}

/// A public key, parsed once.
#[derive(Clone)]
pub struct Verifier {
    alg: SigningAlg,
    key: ParsedPublicKey,
}

enum PrivateKey {
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// The `typ` values nearly every token has.
const COMMON_TYPES: [&str; 2] = ["JWT", "at+jwt"];

impl Signer {
    /// Parses a private key and works out everything that does not change from token to token.
    pub(super) fn from_pkcs8(alg: SigningAlg, pkcs8: &[u8]) -> Result<Self, InvalidPrivateKey> {
        let key = PrivateKey::parse(alg, pkcs8)?;
        let members = key.public_members().ok_or(InvalidPrivateKey)?;
        let kid = members.thumbprint();
        let verifier = Verifier::parse(alg, key.public_bytes())?;
        let headers = COMMON_TYPES.map(|typ| encode_header(alg, &kid, typ));
        Ok(Self {
            public_jwk: members.to_jwk(alg, &kid),
            kid,
            alg,
            key,
            verifier,
            headers,
        })
    }

    /// The key's id: its RFC 7638 thumbprint.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// What it signs with.
    pub fn alg(&self) -> SigningAlg {
        self.alg
    }

    /// The public key as it is published.
    pub fn public_jwk(&self) -> &Value {
        &self.public_jwk
    }

    /// Checks signatures of this key.
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// The JOSE header in base64url. Built once for the usual types, on demand for others.
    pub(in crate::crypto) fn encoded_header(&self, typ: &str) -> Cow<'_, str> {
        let cached = COMMON_TYPES.iter().position(|common| *common == typ);
        match cached {
            Some(at) => Cow::Borrowed(&self.headers[at]),
            None => Cow::Owned(encode_header(self.alg, &self.kid, typ)),
        }
    }

    /// The raw signature; for ES256 the fixed 64 bytes of RFC 7518 §3.4, not DER.
    pub(in crate::crypto) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningFailed> {
        match &self.key {
            PrivateKey::Rsa(key, encoding) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(*encoding, &SystemRandom::new(), message, &mut signature)?;
                Ok(signature)
            }
            PrivateKey::P256(key) => Ok(key.sign(&SystemRandom::new(), message)?.as_ref().to_vec()),
            PrivateKey::Ed25519(key) => Ok(key.try_sign(message)?.as_ref().to_vec()),
        }
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer")
            .field("kid", &self.kid)
            .field("alg", &self.alg)
            .finish_non_exhaustive()
    }
}

impl Verifier {
    fn parse(alg: SigningAlg, public: &[u8]) -> Result<Self, InvalidPrivateKey> {
        let algorithm: &'static dyn VerificationAlgorithm = match alg {
            SigningAlg::Rs256 => &RSA_PKCS1_2048_8192_SHA256,
            SigningAlg::Ps256 => &RSA_PSS_2048_8192_SHA256,
            SigningAlg::Es256 => &ECDSA_P256_SHA256_FIXED,
            SigningAlg::EdDsa => &ED25519,
        };
        let key = ParsedPublicKey::new(algorithm, public).map_err(|_| InvalidPrivateKey)?;
        Ok(Self { alg, key })
    }

    /// Of somebody else's RSA key, whose parts were checked for strength; big-endian, without leading zeros.
    pub(in crate::crypto) fn of_rsa(alg: SigningAlg, n: &[u8], e: &[u8]) -> Option<Self> {
        let der: PublicKeyX509Der<'_> = RsaPublicKeyComponents { n, e }.as_der().ok()?;
        Self::parse(alg, der.as_ref()).ok()
    }

    /// Of somebody else's key on a curve: an uncompressed point on P-256, or the 32 bytes of Ed25519.
    pub(in crate::crypto) fn of_point(alg: SigningAlg, point: &[u8]) -> Option<Self> {
        Self::parse(alg, point).ok()
    }

    /// The only algorithm this key is for, whatever a token's header claims.
    pub fn alg(&self) -> SigningAlg {
        self.alg
    }

    /// Whether `signature` is this key's over `message`.
    pub(in crate::crypto) fn accepts(&self, message: &[u8], signature: &[u8]) -> bool {
        self.key.verify_sig(message, signature).is_ok()
    }
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Verifier({})", self.alg)
    }
}

impl PrivateKey {
    fn parse(alg: SigningAlg, pkcs8: &[u8]) -> Result<Self, InvalidPrivateKey> {
        let key = match alg {
            SigningAlg::Rs256 => RsaKeyPair::from_pkcs8(pkcs8).map(|key| Self::Rsa(key, &RSA_PKCS1_SHA256)),
            SigningAlg::Ps256 => RsaKeyPair::from_pkcs8(pkcs8).map(|key| Self::Rsa(key, &RSA_PSS_SHA256)),
            SigningAlg::Es256 => EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).map(Self::P256),
            SigningAlg::EdDsa => Ed25519KeyPair::from_pkcs8(pkcs8).map(Self::Ed25519),
        };
        key.map_err(|_| InvalidPrivateKey)
    }

    fn public_bytes(&self) -> &[u8] {
        match self {
            Self::Rsa(key, _) => key.public_key().as_ref(),
            Self::P256(key) => key.public_key().as_ref(),
            Self::Ed25519(key) => key.public_key().as_ref(),
        }
    }

    fn public_members(&self) -> Option<PublicMembers> {
        let public = self.public_bytes();
        match self {
            Self::Rsa(..) => PublicMembers::from_rsa_der(public),
            Self::P256(_) => PublicMembers::from_p256_point(public),
            Self::Ed25519(_) => Some(PublicMembers::from_ed25519(public)),
        }
    }
}

fn encode_header(alg: SigningAlg, kid: &str, typ: &str) -> String {
    let header = json!({"alg": alg.as_str(), "kid": kid, "typ": typ});
    URL_SAFE_NO_PAD.encode(header.to_string())
}
