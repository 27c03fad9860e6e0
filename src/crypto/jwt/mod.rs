//! JSON Web Tokens (RFC 7519): signing, and checking what we signed ourselves and what clients signed.
//!
//! The rules follow RFC 8725. The key decides the algorithm, never the token; a token names its key by `kid`
//! and cannot bring one along; every JSON object is read strictly (no member twice); dates are integers.
//! `aud` is left to the caller, who knows which audience it is. What clients sign is checked by [`ClientJws`].

mod foreign;
mod of_clients;
pub(super) mod strict_json;
#[cfg(test)]
mod tests;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::digest::{SHA256, SHA512, digest};
use serde::Serialize;
use serde_json::{Map, Value};

pub use self::foreign::{ForeignExpected, verify_with_jwk_set};
pub use self::of_clients::{ClientDates, ClientJws, ClientJwsRules};
pub use self::strict_json::object as strict_object;
use super::keys::{KeyRing, Signer, SigningFailed};
use crate::{protocol::signing_alg::SigningAlg, time::Timestamp};

/// The clock difference tolerated between machines, in seconds: one value, the same for every verifier.
/// Whoever remembers a `jti` must remember it this much longer than the token lives.
pub const LEEWAY_SECONDS: i64 = 30;

/// A JSON object, as headers and claims are.
pub type JsonObject = Map<String, Value>;

/// Longer tokens are refused unread.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// Signs `claims` as a compact JWS whose header holds `alg`, `kid` and `typ`, nothing else.
pub fn sign(signer: &Signer, typ: &str, claims: &impl Serialize) -> Result<String, SignError> {
    let claims = serde_json::to_vec(claims)?;
    let header = signer.encoded_header(typ);
    let mut token = String::with_capacity(header.len() + claims.len() * 4 / 3 + SIGNATURE_ROOM);
    token.push_str(&header);
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(claims, &mut token);
    let span = tracing::info_span!(target: "portcullis::trace", "sign", alg = signer.alg().as_str());
    let signature = span.in_scope(|| signer.sign(token.as_bytes()))?;
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    Ok(token)
}

/// What a token of our own must look like to be accepted.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The accepted `typ` values; at least one. This is what keeps an ID token from passing as an access token.
    pub typ: &'a [&'a str],
    /// Our issuer identifier; `iss` must equal it.
    pub issuer: &'a str,
    /// The current moment.
    pub now: Timestamp,
    /// How long past its `exp` a token is still taken; never more than [`LEEWAY_SECONDS`]. A token from the near future is
    /// always taken within that bound: the node that issued it may have the faster clock.
    pub leeway_seconds: i64,
    /// Accept a token past its `exp`, as for `id_token_hint`. Its key must still be published.
    pub allow_expired: bool,
}

/// Checks a token that we issued and returns its claims.
///
/// `exp` and `iat` are required, as in every token we issue. The caller still checks `aud` and what else the use
/// demands.
pub fn verify(keys: &KeyRing, token: &str, expected: &Expected<'_>) -> Result<JsonObject, JwtError> {
    let parts = Parts::split(token)?;
    let header = parts.header()?;
    check_header(&header, expected.typ)?;
    let kid = header.get("kid").and_then(Value::as_str).ok_or(JwtError::Kid)?;
    let verifier = keys.verifier(kid, expected.now).ok_or(JwtError::UnknownKey)?;
    if header.get("alg").and_then(Value::as_str) != Some(verifier.alg().as_str()) {
        return Err(JwtError::Algorithm);
    }
    if !verifier.accepts(parts.signed.as_bytes(), &parts.signature()?) {
        return Err(JwtError::Signature);
    }
    let claims = parts.claims()?;
    check_issuer(&claims, expected.issuer)?;
    check_dates(&claims, expected)?;
    Ok(claims)
}

/// `at_hash` and `c_hash` (OpenID Connect Core §3.1.3.6): the left half of the hash that belongs to the ID token's
/// algorithm. For EdDSA that is the hash inside Ed25519, SHA-512.
pub fn left_half_hash(alg: SigningAlg, value: &str) -> String {
    let hash = match alg {
        SigningAlg::Rs256 | SigningAlg::Ps256 | SigningAlg::Es256 => digest(&SHA256, value.as_bytes()),
        SigningAlg::EdDsa => digest(&SHA512, value.as_bytes()),
    };
    let half = hash.as_ref().len() / 2;
    URL_SAFE_NO_PAD.encode(&hash.as_ref()[..half])
}

/// A token could not be signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The claims are not expressible in JSON.
    #[error("the claims cannot be written as JSON: {0}")]
    Claims(#[from] serde_json::Error),
    /// The library failed.
    #[error(transparent)]
    Signing(#[from] SigningFailed),
}

/// Why a token was refused: for the log and for tests, never for the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwtError {
    /// Above [`MAX_TOKEN_BYTES`].
    #[error("the token is too long")]
    TooLong,
    /// Not three segments of base64url without padding.
    #[error("not a compact JWS")]
    Form,
    /// Header or payload is not a JSON object, or has a member twice.
    #[error("header or claims are not a JSON object with unique members")]
    Json,
    /// `crit`, or a header that brings or points to a key.
    #[error("the header {0} is not allowed")]
    ForbiddenHeader(&'static str),
    /// `typ` is missing or another.
    #[error("another type of token")]
    Type,
    /// `kid` is missing or not a string.
    #[error("kid is missing or not a string")]
    Kid,
    /// No published key has this `kid`.
    #[error("no key with this kid")]
    UnknownKey,
    /// The key exists but must not be used: weak, ambiguous or malformed.
    #[error("the key is not acceptable")]
    Key,
    /// `alg` is not the key's.
    #[error("alg does not match the key")]
    Algorithm,
    /// The signature does not verify.
    #[error("the signature does not verify")]
    Signature,
    /// `iss` is missing or another.
    #[error("another issuer")]
    Issuer,
    /// `aud` does not hold the expected audience.
    #[error("another audience")]
    Audience,
    /// A date is missing, not an integer, or out of range.
    #[error("{0} is missing or not a valid date")]
    Date(&'static str),
    /// `exp` has passed.
    #[error("expired")]
    Expired,
    /// `nbf` or `iat` lies in the future.
    #[error("not valid yet")]
    NotYetValid,
    /// `exp` lies further away than is allowed.
    #[error("valid for too long")]
    TooLongLived,
}

/// An RSA-2048 signature in base64url, and the dots.
const SIGNATURE_ROOM: usize = 350;

/// The last second of the year 9999. Later dates are mistakes, and this keeps sums far from overflow.
const LATEST_DATE: i64 = 253_402_300_799;

/// Headers by which a token would choose its own key, and `crit`, of which we understand no extension.
const FORBIDDEN_HEADERS: [&str; 5] = ["crit", "jwk", "jku", "x5u", "x5c"];

/// The `kid` that a compact JWS names, whatever it is worth.
pub fn kid(token: &str) -> Option<String> {
    let header = Parts::split(token).ok()?.header().ok()?;
    header.get("kid").and_then(Value::as_str).map(str::to_owned)
}

/// The three segments of a compact JWS.
#[derive(Debug)]
struct Parts<'a> {
    header: &'a str,
    claims: &'a str,
    signature: &'a str,
    /// Header and claims with the dot between: what the signature covers.
    signed: &'a str,
}

impl<'a> Parts<'a> {
    fn split(token: &'a str) -> Result<Self, JwtError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(JwtError::TooLong);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(JwtError::Form)?;
        let (header, claims) = signed.split_once('.').ok_or(JwtError::Form)?;
        if claims.contains('.') || header.is_empty() || claims.is_empty() || signature.is_empty() {
            return Err(JwtError::Form);
        }
        Ok(Self {
            header,
            claims,
            signature,
            signed,
        })
    }

    fn header(&self) -> Result<JsonObject, JwtError> {
        strict_json::object(&decode(self.header)?).ok_or(JwtError::Json)
    }

    fn claims(&self) -> Result<JsonObject, JwtError> {
        strict_json::object(&decode(self.claims)?).ok_or(JwtError::Json)
    }

    fn signature(&self) -> Result<Vec<u8>, JwtError> {
        decode(self.signature)
    }
}

fn decode(segment: &str) -> Result<Vec<u8>, JwtError> {
    URL_SAFE_NO_PAD.decode(segment).map_err(|_| JwtError::Form)
}

fn check_forbidden(header: &JsonObject) -> Result<(), JwtError> {
    match FORBIDDEN_HEADERS.into_iter().find(|name| header.contains_key(*name)) {
        Some(name) => Err(JwtError::ForbiddenHeader(name)),
        None => Ok(()),
    }
}

fn check_header(header: &JsonObject, types: &[&str]) -> Result<(), JwtError> {
    check_forbidden(header)?;
    let typ = header.get("typ").and_then(Value::as_str).ok_or(JwtError::Type)?;
    let accepted = types.iter().any(|expected| same_type(typ, expected));
    if accepted { Ok(()) } else { Err(JwtError::Type) }
}

/// Media types compare without case, and `application/` may be left out (RFC 7515 §4.1.9).
fn same_type(found: &str, expected: &str) -> bool {
    let short = match found.split_at_checked("application/".len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case("application/") => rest,
        _ => found,
    };
    short.eq_ignore_ascii_case(expected)
}

fn check_issuer(claims: &JsonObject, issuer: &str) -> Result<(), JwtError> {
    let same = claims.get("iss").and_then(Value::as_str) == Some(issuer);
    if same { Ok(()) } else { Err(JwtError::Issuer) }
}

fn check_dates(claims: &JsonObject, expected: &Expected<'_>) -> Result<(), JwtError> {
    let leeway = expected.leeway_seconds.clamp(0, LEEWAY_SECONDS);
    let now = expected.now.as_i64();
    let exp = date(claims, "exp")?.ok_or(JwtError::Date("exp"))?;
    let iat = date(claims, "iat")?.ok_or(JwtError::Date("iat"))?;
    let nbf = date(claims, "nbf")?.unwrap_or(iat);
    if !expected.allow_expired && exp.saturating_add(leeway) <= now {
        return Err(JwtError::Expired);
    }
    if iat.max(nbf) > now.saturating_add(LEEWAY_SECONDS) {
        return Err(JwtError::NotYetValid);
    }
    Ok(())
}

/// A `NumericDate` claim. Present but wrong is an error, never the same as absent (CVE-2026-25537).
fn date(claims: &JsonObject, name: &'static str) -> Result<Option<i64>, JwtError> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    let seconds = value.as_i64().filter(|seconds| (0..=LATEST_DATE).contains(seconds));
    seconds.map(Some).ok_or(JwtError::Date(name))
}
