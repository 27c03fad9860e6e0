//! What clients are told about a person, wherever they are told it.

use serde_json::{Map, Value};

use crate::model::user::User;
use crate::protocol::standard_claims::{ClaimSet, UPDATED_AT};

/// The claims of `set` that are known of `user`.
pub fn claims(user: &User, set: &ClaimSet) -> Map<String, Value> {
    let mut claims = user.claims.of(set);
    if set.contains("preferred_username") {
        claims
            .entry("preferred_username")
            .or_insert_with(|| user.username.as_str().into());
    }
    if set.contains(UPDATED_AT) {
        claims.insert(UPDATED_AT.into(), user.updated_at.as_i64().into());
    }
    claims
}
