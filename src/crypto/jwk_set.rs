//! The public keys of others (RFC 7517), as clients register or publish them.
//!
//! What a client registers must be right in every key ([`JwkSet::register`]). What it publishes is read as RFC 7517 §5 says:
//! keys of unknown kinds, and keys that are broken or weak, are as if they were not there ([`JwkSet::read`]). A set with a private
//! or a symmetric key in it is refused either way: its owner does not know what it is doing, and others may hold that key.

#[cfg(test)]
mod tests;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use super::jwt::{JwtError, strict_json};
use super::keys::Verifier;
use super::small_order::has_small_order;
use crate::protocol::signing_alg::SigningAlg;

/// The most keys in a set.
pub const MAX_KEYS: usize = 100;

/// The most keys that a token without `kid` is tried against.
const MAX_TRIED: usize = 8;

/// The longest `kid`, in bytes.
const MAX_KID_BYTES: usize = 256;

/// Moduli outside are weak, or cost too much to check with (RFC 8725 §3.5).
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// Public exponents have at most this many bytes: larger ones only cost time, and the library takes no more.
const MAX_EXPONENT_BYTES: usize = 4;

/// The members that a public key does not have (RFC 7518 §6.2.2, §6.3.2, §6.4.1).
const NOT_PUBLIC: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Why a set of keys is refused. For operators, for the log, and for whoever registers a client; holds nothing of the set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwkSetError {
    /// Not a JSON object with an array `keys` of objects (RFC 7517 §5).
    #[error("not a JWK Set: a JSON object with the member keys, an array of objects")]
    Form,
    /// More than [`MAX_KEYS`].
    #[error("a JWK Set has at most {MAX_KEYS} keys")]
    TooMany,
    /// A private or a symmetric key.
    #[error("a JWK Set of a client has public keys only: take the private and symmetric ones out, and make new ones")]
    NotPublic,
    /// A key of a known kind that cannot be used.
    #[error("key {0} (counted from 1) cannot be used: {1}")]
    Key(usize, JwkError),
    /// No key of a known kind.
    #[error("no key is of a kind that is known here: RSA, EC with P-256, OKP with Ed25519")]
    Empty,
    /// Two different keys fit one `kid` and one algorithm (RFC 7517 §4.5).
    #[error("two keys with one kid are for the same algorithm")]
    Ambiguous,
}

/// What is wrong with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwkError {
    /// A member is missing, or not of its type.
    #[error("the member {0} is missing or malformed")]
    Member(&'static str),
    /// The modulus.
    #[error("an RSA key has an odd modulus of 2048 to 8192 bits")]
    Modulus,
    /// The exponent.
    #[error("an RSA key has an odd exponent from 3 to 2^32-1")]
    Exponent,
    /// The point is not on the curve, or of small order.
    #[error("its coordinates are no point that can be used")]
    Point,
}

/// Public keys, in the order of their owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwkSet {
    keys: Vec<Jwk>,
}

/// One public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jwk {
    /// Its name (RFC 7517 §4.5).
    pub kid: Option<String>,
    /// The one algorithm it is for (§4.4); it may be one that is not known here.
    pub alg: Option<String>,
    /// `use` (§4.2).
    pub purpose: Option<String>,
    /// `key_ops` (§4.3).
    pub operations: Option<Vec<String>>,
    /// The key itself.
    pub key: PublicKey,
}

/// The members that define a key, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicKey {
    /// Modulus and exponent, big-endian, without leading zeros.
    Rsa {
        /// The modulus.
        n: Vec<u8>,
        /// The exponent.
        e: Vec<u8>,
    },
    /// The uncompressed point on P-256 (SEC 1 §2.3.3). Whether it is on the curve shows when it is used.
    P256([u8; 65]),
    /// Ed25519 (RFC 8032 §5.1.5); not of small order.
    Ed25519([u8; 32]),
}

impl JwkSet {
    /// A set that a client registers: every key of a known kind must be usable, and none ambiguous.
    pub fn register(document: &Value) -> Result<Self, JwkSetError> {
        let (set, broken) = Self::collect(document)?;
        if let Some((at, error)) = broken.first() {
            return Err(JwkSetError::Key(*at, *error));
        }
        for (at, jwk) in set.keys.iter().enumerate() {
            jwk.key.check().map_err(|error| JwkSetError::Key(at + 1, error))?;
        }
        if set.keys.is_empty() {
            return Err(JwkSetError::Empty);
        }
        if set.is_ambiguous() {
            return Err(JwkSetError::Ambiguous);
        }
        Ok(set)
    }

    /// A set to be used: what cannot be used in it is left out.
    pub fn read(document: &Value) -> Result<Self, JwkSetError> {
        Ok(Self::collect(document)?.0)
    }

    /// As [`JwkSet::read`], from text in which no member may occur twice.
    pub fn from_json(text: &[u8]) -> Result<Self, JwkSetError> {
        let document = strict_json::object(text).ok_or(JwkSetError::Form)?;
        Self::read(&Value::Object(document))
    }

    /// The keys.
    pub fn keys(&self) -> &[Jwk] {
        &self.keys
    }

    /// What may check a signature with `alg`: of a named key that one alone, and without a name the first few that fit. Keys that
    /// are not for that algorithm do not count, so that one `kid` may be used once for each (RFC 7517 §4.5).
    pub(super) fn verifiers(&self, kid: Option<&str>, alg: SigningAlg) -> Result<Vec<Verifier>, JwtError> {
        let named = |jwk: &&Jwk| kid.is_none() || jwk.kid.as_deref() == kid;
        let mut fitting: Vec<&Jwk> = Vec::new();
        for jwk in self.keys.iter().filter(named).filter(|jwk| jwk.verifies(alg)) {
            if !fitting.iter().any(|known| known.key == jwk.key) {
                fitting.push(jwk);
            }
        }
        if fitting.is_empty() {
            return Err(JwtError::UnknownKey);
        }
        if kid.is_some() && fitting.len() > 1 {
            return Err(JwtError::Key);
        }
        let tried = fitting.iter().take(MAX_TRIED);
        let usable: Vec<_> = tried.filter_map(|jwk| jwk.key.verifier(alg)).collect();
        if usable.is_empty() {
            return Err(JwtError::Key);
        }
        Ok(usable)
    }

    /// The keys of known kinds that can be used as far as their members tell, and what is wrong with the others.
    fn collect(document: &Value) -> Result<(Self, Vec<(usize, JwkError)>), JwkSetError> {
        let listed = document
            .get("keys")
            .and_then(Value::as_array)
            .ok_or(JwkSetError::Form)?;
        if listed.len() > MAX_KEYS {
            return Err(JwkSetError::TooMany);
        }
        let (mut keys, mut broken) = (Vec::new(), Vec::new());
        for (at, jwk) in listed.iter().enumerate() {
            let jwk = jwk.as_object().ok_or(JwkSetError::Form)?;
            if NOT_PUBLIC.iter().any(|member| jwk.contains_key(*member)) || jwk.get("kty") == Some(&"oct".into()) {
                return Err(JwkSetError::NotPublic);
            }
            match Jwk::read(jwk) {
                Ok(found) => keys.extend(found),
                Err(error) => broken.push((at + 1, error)),
            }
        }
        Ok((Self { keys }, broken))
    }

    fn is_ambiguous(&self) -> bool {
        let named = self.keys.iter().filter_map(|jwk| jwk.kid.as_deref());
        let mut cases = named.flat_map(|kid| SigningAlg::ALL.iter().map(move |alg| (kid, *alg)));
        cases.any(|(kid, alg)| self.verifiers(Some(kid), alg).err() == Some(JwtError::Key))
    }
}

impl Jwk {
    /// `None` is a kind of key that is not known here.
    fn read(jwk: &Map<String, Value>) -> Result<Option<Self>, JwkError> {
        let Some(key) = PublicKey::read(jwk)? else {
            return Ok(None);
        };
        let kid = text(jwk, "kid")?;
        if kid.is_some_and(|kid| kid.len() > MAX_KID_BYTES) {
            return Err(JwkError::Member("kid"));
        }
        Ok(Some(Self {
            kid: kid.map(str::to_owned),
            alg: text(jwk, "alg")?.map(str::to_owned),
            purpose: text(jwk, "use")?.map(str::to_owned),
            operations: operations(jwk)?,
            key,
        }))
    }

    /// Whether its owner means it for signatures with `alg`.
    pub fn verifies(&self, alg: SigningAlg) -> bool {
        let kind = match alg {
            SigningAlg::Rs256 | SigningAlg::Ps256 => matches!(self.key, PublicKey::Rsa { .. }),
            SigningAlg::Es256 => matches!(self.key, PublicKey::P256(_)),
            SigningAlg::EdDsa => matches!(self.key, PublicKey::Ed25519(_)),
        };
        kind && self
            .alg
            .as_deref()
            .is_none_or(|stated| SigningAlg::named(stated) == Some(alg))
            && self.purpose.as_deref().is_none_or(|purpose| purpose == "sig")
            && self
                .operations
                .as_ref()
                .is_none_or(|all| all.iter().any(|one| one == "verify"))
    }
}

impl PublicKey {
    fn read(jwk: &Map<String, Value>) -> Result<Option<Self>, JwkError> {
        let curve = || text(jwk, "crv")?.ok_or(JwkError::Member("crv"));
        match text(jwk, "kty")?.ok_or(JwkError::Member("kty"))? {
            "RSA" => Self::rsa(jwk).map(Some),
            "EC" if curve()? == "P-256" => Self::p256(jwk).map(Some),
            "OKP" if curve()? == "Ed25519" => Self::ed25519(jwk).map(Some),
            _ => Ok(None),
        }
    }

    fn rsa(jwk: &Map<String, Value>) -> Result<Self, JwkError> {
        let (n, e) = (unsigned(jwk, "n")?, unsigned(jwk, "e")?);
        let odd = |number: &[u8]| number.last().is_some_and(|last| last % 2 == 1);
        let bits = n
            .first()
            .map_or(0, |first| n.len() * 8 - first.leading_zeros() as usize);
        if !RSA_BITS.contains(&bits) || !odd(&n) {
            return Err(JwkError::Modulus);
        }
        if !odd(&e) || e == [1] || e.len() > MAX_EXPONENT_BYTES {
            return Err(JwkError::Exponent);
        }
        Ok(Self::Rsa { n, e })
    }

    fn p256(jwk: &Map<String, Value>) -> Result<Self, JwkError> {
        let mut point = [0x04; 65];
        point[1..33].copy_from_slice(&coordinate(jwk, "x")?);
        point[33..].copy_from_slice(&coordinate(jwk, "y")?);
        Ok(Self::P256(point))
    }

    fn ed25519(jwk: &Map<String, Value>) -> Result<Self, JwkError> {
        let x = coordinate(jwk, "x")?;
        if has_small_order(&x) {
            return Err(JwkError::Point);
        }
        Ok(Self::Ed25519(x))
    }

    fn check(&self) -> Result<(), JwkError> {
        let (alg, error) = match self {
            Self::Rsa { .. } => (SigningAlg::Rs256, JwkError::Modulus),
            Self::P256(_) => (SigningAlg::Es256, JwkError::Point),
            Self::Ed25519(_) => (SigningAlg::EdDsa, JwkError::Point),
        };
        self.verifier(alg).map(drop).ok_or(error)
    }

    /// `alg` fits the kind.
    fn verifier(&self, alg: SigningAlg) -> Option<Verifier> {
        match self {
            Self::Rsa { n, e } => Verifier::of_rsa(alg, n, e),
            Self::P256(point) => Verifier::of_point(alg, point),
            Self::Ed25519(point) => Verifier::of_point(alg, point),
        }
    }
}

/// A member that is a string wherever it is present.
fn text<'a>(jwk: &'a Map<String, Value>, name: &'static str) -> Result<Option<&'a str>, JwkError> {
    let Some(value) = jwk.get(name) else { return Ok(None) };
    value.as_str().map(Some).ok_or(JwkError::Member(name))
}

fn operations(jwk: &Map<String, Value>) -> Result<Option<Vec<String>>, JwkError> {
    let Some(value) = jwk.get("key_ops") else {
        return Ok(None);
    };
    let all = value
        .as_array()
        .map(|all| all.iter().map(|one| one.as_str().map(str::to_owned)).collect());
    all.flatten().map(Some).ok_or(JwkError::Member("key_ops"))
}

/// `Base64urlUInt` (RFC 7518 §2). Leading zeros are wrong there and common; they change nothing.
fn unsigned(jwk: &Map<String, Value>, name: &'static str) -> Result<Vec<u8>, JwkError> {
    let bytes = decoded(jwk, name)?;
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    Ok(bytes[start..].to_vec())
}

fn coordinate(jwk: &Map<String, Value>, name: &'static str) -> Result<[u8; 32], JwkError> {
    decoded(jwk, name)?.try_into().map_err(|_| JwkError::Member(name))
}

fn decoded(jwk: &Map<String, Value>, name: &'static str) -> Result<Vec<u8>, JwkError> {
    let encoded = text(jwk, name)?.ok_or(JwkError::Member(name))?;
    URL_SAFE_NO_PAD.decode(encoded).map_err(|_| JwkError::Member(name))
}
