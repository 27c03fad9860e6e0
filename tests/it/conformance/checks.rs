//! What the suite says of tokens and errors, by code that shares nothing with the server's.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use serde_json::Value;

/// What an ID token may hold beside claims that were asked for; anything else is a warning of the suite.
const ID_TOKEN_CLAIMS: &[&str] = &[
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "auth_time",
    "nonce",
    "acr",
    "amr",
    "azp",
    "at_hash",
    "c_hash",
    "nbf",
    "jti",
    "sid",
    "s_hash",
    "txn",
];

/// A JWT whose signature is right.
#[derive(Clone, Debug)]
pub struct Verified {
    pub header: Value,
    pub claims: Value,
}

fn part(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).expect("base64url without padding")
}

/// Verifies an RS256 signature with the key of the set that the header names.
pub fn verify(jwks: &Value, token: &str) -> Verified {
    let parts: Vec<&str> = token.split('.').collect();
    let [header, payload, signature] = parts[..] else {
        panic!("no JWS: {token}")
    };
    let signed = &token[..header.len() + 1 + payload.len()];
    let parsed = |text| serde_json::from_slice::<Value>(&part(text)).unwrap();
    let (header, claims) = (parsed(header), parsed(payload));
    assert_eq!(header["alg"], "RS256", "{header}");
    let kid = header["kid"].as_str().expect("a kid in the header");
    let keys = jwks["keys"].as_array().unwrap();
    let key = keys.iter().find(|key| key["kid"] == kid).expect("a published key");
    let [n, e] = ["n", "e"].map(|name| part(key[name].as_str().unwrap()));
    let verified =
        RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &part(signature));
    assert!(verified.is_ok(), "the signature is wrong");
    Verified { header, claims }
}

/// The left half of the hash (OpenID Connect Core §3.1.3.6).
pub fn half_hash(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(&digest(&SHA256, text.as_bytes()).as_ref()[..16])
}

/// SHA-256, base64url.
pub fn hash(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, text.as_bytes()))
}

/// Nothing in it but what belongs there.
#[track_caller]
pub fn assert_id_token_claims(claims: &Value) {
    let names = claims.as_object().unwrap().keys();
    let unasked: Vec<_> = names.filter(|name| !ID_TOKEN_CLAIMS.contains(&name.as_str())).collect();
    assert!(unasked.is_empty(), "claims that nobody asked for: {unasked:?}");
}

/// A JWK Set as it may be published: every key usable, public, with a name of its own.
#[track_caller]
pub fn assert_public_keys(jwks: &Value) {
    let keys = jwks["keys"].as_array().unwrap();
    let mut names: Vec<_> = keys.iter().map(|key| key["kid"].as_str().expect("a kid")).collect();
    names.sort_unstable();
    let all = names.len();
    names.dedup();
    assert!(all > 0 && names.len() == all, "{names:?}");
    for key in keys {
        let required: &[&str] = match key["kty"].as_str().unwrap() {
            "RSA" => &["n", "e"],
            "EC" => &["crv", "x", "y"],
            "OKP" => &["crv", "x"],
            other => panic!("kty {other}"),
        };
        assert!(required.iter().all(|name| key[name].is_string()), "{key}");
        let private = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
        assert!(private.iter().all(|name| key.get(name).is_none()), "{key}");
    }
}

/// Shannon's estimate over the characters of one value, in bits.
fn entropy(text: &str) -> f64 {
    let mut counts = BTreeMap::<char, f64>::new();
    for c in text.chars() {
        *counts.entry(c).or_default() += 1.0;
    }
    let length: f64 = counts.values().sum();
    let per_character: f64 = counts
        .values()
        .map(|count| -(count / length) * (count / length).log2())
        .sum();
    per_character * length
}

/// Long and varied enough (RFC 6749 §10.10), of characters that every client can carry (RFC 6749 appendix A).
#[track_caller]
pub fn assert_unguessable(what: &str, value: &str) {
    assert!(value.bytes().all(|byte| (0x20..=0x7E).contains(&byte)), "{what}");
    assert!(value.len() >= 16, "{what} is shorter than 128 bits");
    assert!(entropy(value) >= 96.0, "{what} has an entropy of {}", entropy(value));
}

/// Words of an error, as RFC 6749 §4.1.2.1 and §5.2 let them be.
#[track_caller]
pub fn assert_description(text: &str) {
    let allowed = |byte: u8| matches!(byte, 0x20 | 0x21 | 0x23..=0x5B | 0x5D..=0x7E);
    assert!(!text.is_empty() && text.bytes().all(allowed), "{text:?}");
}

/// The scopes' claims in userinfo (OpenID Connect Core §5.4), with their types (§5.1).
pub const PROFILE: [&str; 14] = [
    "name",
    "given_name",
    "family_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "picture",
    "website",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
    "updated_at",
];
pub const EMAIL: [&str; 2] = ["email", "email_verified"];
pub const PHONE: [&str; 2] = ["phone_number", "phone_number_verified"];

/// Exactly these claims beside `sub`, each of its type.
#[track_caller]
pub fn assert_claims(info: &Value, expected: &[&str]) {
    let info = info.as_object().unwrap();
    let mut names: Vec<&str> = info.keys().map(String::as_str).collect();
    let mut wanted: Vec<&str> = expected.iter().copied().chain(["sub"]).collect();
    names.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(names, wanted);
    for (name, value) in info {
        let right = match name.as_str() {
            "updated_at" => value.is_number(),
            "email_verified" | "phone_number_verified" => value.is_boolean(),
            "address" => value.as_object().is_some_and(|parts| parts.values().all(is_text)),
            _ => is_text(value),
        };
        assert!(right, "{name}: {value}");
    }
}

fn is_text(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|text| !text.trim().is_empty() && text != "null")
}
