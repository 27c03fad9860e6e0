//! Checking a token as a stranger would: with nothing but the published key set, and another library.
//!
//! A demonstration client uses this, which keeps us honest: what we sign must verify by code that shares nothing
//! with [`super::sign`] and [`super::verify`]. The strict reading of headers, JSON and dates is ours, because the
//! library leaves it to its users.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{
    Algorithm, DecodingKey, Validation,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm},
};
use serde_json::Value;

use super::{Expected, JsonObject, JwtError, Parts, check_dates, check_header, check_issuer};
use crate::{crypto::small_order, protocol::signing_alg::SigningAlg};

/// What a relying party demands of a token.
#[derive(Clone, Copy, Debug)]
pub struct ForeignExpected<'a> {
    /// Type, issuer and time.
    pub token: Expected<'a>,
    /// Must be in `aud`.
    pub audience: &'a str,
}

/// Checks a token against a JWK Set and returns its header and claims.
pub fn verify_with_jwk_set(
    token: &str,
    jwks: &Value,
    expected: &ForeignExpected<'_>,
) -> Result<(JsonObject, JsonObject), JwtError> {
    let parts = Parts::split(token)?;
    let header = parts.header()?;
    check_header(&header, expected.token.typ)?;
    let kid = header.get("kid").and_then(Value::as_str).ok_or(JwtError::Kid)?;
    let jwk = find_key(jwks, kid)?;
    let (name, algorithm) = key_algorithm(&jwk)?;
    if header.get("alg").and_then(Value::as_str) != Some(name.as_str()) {
        return Err(JwtError::Algorithm);
    }
    let key = DecodingKey::from_jwk(&jwk).map_err(|_| JwtError::Key)?;
    check_signature(token, &key, algorithm)?;
    let claims = parts.claims()?;
    check_issuer(&claims, expected.token.issuer)?;
    check_audience(&claims, expected.audience)?;
    check_dates(&claims, &expected.token)?;
    Ok((header, claims))
}

/// The one signing key with this `kid`. Two of them leave open which was meant, so neither is used.
fn find_key(jwks: &Value, kid: &str) -> Result<Jwk, JwtError> {
    let keys = jwks.get("keys").and_then(Value::as_array).ok_or(JwtError::Key)?;
    let mut named = keys
        .iter()
        .filter(|key| key.get("kid").and_then(Value::as_str) == Some(kid));
    let key = named.next().ok_or(JwtError::UnknownKey)?;
    let for_signatures = key.get("use").is_none_or(|purpose| purpose == "sig");
    if named.next().is_some() || !for_signatures {
        return Err(JwtError::Key);
    }
    serde_json::from_value(key.clone()).map_err(|_| JwtError::Key)
}

/// The algorithm the *key* is for. A key type that does not fit it is refused, and so is a weak key.
fn key_algorithm(jwk: &Jwk) -> Result<(SigningAlg, Algorithm), JwtError> {
    let stated = jwk.common.key_algorithm.ok_or(JwtError::Key)?;
    match (&jwk.algorithm, stated) {
        (AlgorithmParameters::RSA(_), KeyAlgorithm::RS256) => Ok((SigningAlg::Rs256, Algorithm::RS256)),
        (AlgorithmParameters::RSA(_), KeyAlgorithm::PS256) => Ok((SigningAlg::Ps256, Algorithm::PS256)),
        (AlgorithmParameters::EllipticCurve(key), KeyAlgorithm::ES256) if key.curve == EllipticCurve::P256 => {
            Ok((SigningAlg::Es256, Algorithm::ES256))
        }
        (AlgorithmParameters::OctetKeyPair(key), KeyAlgorithm::EdDSA)
            if key.curve == EllipticCurve::Ed25519 && !has_small_order(&key.x) =>
        {
            Ok((SigningAlg::EdDsa, Algorithm::EdDSA))
        }
        _ => Err(JwtError::Key),
    }
}

fn has_small_order(x: &str) -> bool {
    URL_SAFE_NO_PAD
        .decode(x)
        .map_or(true, |point| small_order::has_small_order(&point))
}

fn check_signature(token: &str, key: &DecodingKey, algorithm: Algorithm) -> Result<(), JwtError> {
    let mut rules = Validation::new(algorithm);
    // Claims are checked by us, strictly and against the `now` we were given.
    rules.required_spec_claims.clear();
    rules.validate_exp = false;
    rules.validate_aud = false;
    let checked = jsonwebtoken::decode::<Value>(token, key, &rules);
    checked.map(drop).map_err(|error| match error.kind() {
        jsonwebtoken::errors::ErrorKind::InvalidAlgorithm => JwtError::Algorithm,
        jsonwebtoken::errors::ErrorKind::InvalidSignature => JwtError::Signature,
        jsonwebtoken::errors::ErrorKind::Json(_) => JwtError::Json,
        _ => JwtError::Key,
    })
}

fn check_audience(claims: &JsonObject, audience: &str) -> Result<(), JwtError> {
    let found = match claims.get("aud") {
        Some(Value::String(one)) => one == audience,
        Some(Value::Array(many)) => many.iter().any(|one| one == audience),
        _ => false,
    };
    if found { Ok(()) } else { Err(JwtError::Audience) }
}
