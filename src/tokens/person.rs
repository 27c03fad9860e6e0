//! What clients are told about a person, wherever they are told it.

use serde_json::{Map, Value};

use crate::protocol::standard_claims::{ClaimSet, StandardClaims, UPDATED_AT};
use crate::time::Timestamp;

/// A person, as far as clients may come to know of them.
#[derive(Clone, Copy)]
pub struct Person<'a> {
    /// What is known of them.
    pub claims: &'a StandardClaims,
    /// The name that they sign in with.
    pub username: &'a str,
    /// When that was last changed.
    pub updated_at: Timestamp,
}

/// The claims of `set` that are known of `person`.
pub fn claims(person: &Person<'_>, set: &ClaimSet) -> Map<String, Value> {
    let mut claims = person.claims.of(set);
    if set.contains("preferred_username") {
        claims
            .entry("preferred_username")
            .or_insert_with(|| person.username.into());
    }
    if set.contains(UPDATED_AT) {
        claims.insert(UPDATED_AT.into(), person.updated_at.as_i64().into());
    }
    claims
}
