//! What clients sign: assertions (RFC 7523) and authorization requests (RFC 9101).
//!
//! It is read first, so that what is wrong in it costs no look at keys that may have to be fetched; nothing in it counts until
//! [`ClientJws::verify`] gave it out.

use ring::hmac;
use serde_json::Value;

use super::{JsonObject, JwtError, LEEWAY_SECONDS, Parts, check_forbidden, date, same_type};
use crate::crypto::jwk_set::JwkSet;
use crate::crypto::keys::Verifier;
use crate::protocol::assertion_alg::AssertionAlg;
use crate::time::Timestamp;

/// What the header must be like.
#[derive(Clone, Copy, Debug)]
pub struct ClientJwsRules<'a> {
    /// The accepted `typ` values. Never one of our own: what we issue must not pass as what a client said (RFC 8725 §3.11).
    pub typ: &'a [&'a str],
    /// Whether `typ` may be left out, as most libraries of clients do.
    pub untyped: bool,
    /// The accepted algorithms.
    pub algs: &'a [AssertionAlg],
}

/// How old and how young the claims may be.
#[derive(Clone, Copy, Debug)]
pub struct ClientDates {
    /// The current moment.
    pub now: Timestamp,
    /// Whether `exp` must be there.
    pub exp_required: bool,
    /// How far away `exp` may be, in seconds, beside the leeway.
    pub longest: i64,
}

/// A JWS that a client made: read, and believed by nobody yet.
#[derive(Debug)]
pub struct ClientJws<'a> {
    parts: Parts<'a>,
    alg: AssertionAlg,
    kid: Option<String>,
    claims: JsonObject,
}

impl<'a> ClientJws<'a> {
    /// Reads a compact JWS whose header keeps the rules.
    pub fn read(token: &'a str, rules: &ClientJwsRules<'_>) -> Result<Self, JwtError> {
        let parts = Parts::split(token)?;
        let header = parts.header()?;
        check_forbidden(&header)?;
        check_type(&header, rules)?;
        Ok(Self {
            alg: algorithm(&header, rules)?,
            kid: kid(&header)?,
            claims: parts.claims()?,
            parts,
        })
    }

    /// Whom `token` says to be from, and its algorithm if it is a known one: to find out what to expect of it.
    pub fn peek(token: &str) -> Result<(Option<String>, Option<AssertionAlg>), JwtError> {
        let parts = Parts::split(token)?;
        let named = |object: &JsonObject, name| object.get(name).and_then(Value::as_str).map(str::to_owned);
        let alg = named(&parts.header()?, "alg").and_then(|alg| AssertionAlg::named(&alg));
        Ok((named(&parts.claims()?, "sub"), alg))
    }

    /// What it says to be signed with.
    pub fn alg(&self) -> AssertionAlg {
        self.alg
    }

    /// What it says. Whoever believes it before it is verified believes anybody.
    pub fn unverified(&self) -> &JsonObject {
        &self.claims
    }

    /// The claims, if one of `keys` made the signature.
    pub fn verify(&self, keys: &JwkSet) -> Result<&JsonObject, JwtError> {
        let alg = self.alg.asymmetric().ok_or(JwtError::Algorithm)?;
        let verifiers = keys.verifiers(self.kid.as_deref(), alg)?;
        let signature = self.parts.signature()?;
        let accepts = |verifier: &Verifier| verifier.accepts(self.parts.signed.as_bytes(), &signature);
        if verifiers.iter().any(accepts) {
            Ok(&self.claims)
        } else {
            Err(JwtError::Signature)
        }
    }

    /// The claims, if `key` made the MAC (RFC 7518 §3.2).
    pub fn verify_mac(&self, key: &[u8]) -> Result<&JsonObject, JwtError> {
        if self.alg != AssertionAlg::Hs256 {
            return Err(JwtError::Algorithm);
        }
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        let verdict = hmac::verify(&key, self.parts.signed.as_bytes(), &self.parts.signature()?);
        verdict.map(|()| &self.claims).map_err(|_| JwtError::Signature)
    }
}

impl ClientDates {
    /// Checks `exp`, `nbf` and `iat`, and gives `exp`.
    pub fn check(&self, claims: &JsonObject) -> Result<Option<Timestamp>, JwtError> {
        let now = self.now.as_i64();
        let exp = date(claims, "exp")?;
        if exp.is_none() && self.exp_required {
            return Err(JwtError::Date("exp"));
        }
        if exp.is_some_and(|exp| exp.saturating_add(LEEWAY_SECONDS) <= now) {
            return Err(JwtError::Expired);
        }
        if exp.is_some_and(|exp| exp > now.saturating_add(self.longest).saturating_add(LEEWAY_SECONDS)) {
            return Err(JwtError::TooLongLived);
        }
        let begin = date(claims, "nbf")?.max(date(claims, "iat")?);
        if begin.is_some_and(|begin| begin > now.saturating_add(LEEWAY_SECONDS)) {
            return Err(JwtError::NotYetValid);
        }
        Ok(exp.map(Timestamp::new))
    }
}

fn check_type(header: &JsonObject, rules: &ClientJwsRules<'_>) -> Result<(), JwtError> {
    let accepted = match header.get("typ") {
        None => rules.untyped,
        Some(typ) => typ
            .as_str()
            .is_some_and(|typ| rules.typ.iter().any(|known| same_type(typ, known))),
    };
    if accepted { Ok(()) } else { Err(JwtError::Type) }
}

fn algorithm(header: &JsonObject, rules: &ClientJwsRules<'_>) -> Result<AssertionAlg, JwtError> {
    let named = header.get("alg").and_then(Value::as_str).and_then(AssertionAlg::named);
    named.filter(|alg| rules.algs.contains(alg)).ok_or(JwtError::Algorithm)
}

fn kid(header: &JsonObject) -> Result<Option<String>, JwtError> {
    match header.get("kid") {
        None => Ok(None),
        Some(Value::String(kid)) => Ok(Some(kid.clone())),
        Some(_) => Err(JwtError::Kid),
    }
}
