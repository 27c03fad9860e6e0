//! Which `sub` a client sees of a person (OpenID Connect Core §8): the one place where it is made.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::crypto::digest::sha256;
use crate::model::client::{Client, SubjectPolicy};
use crate::model::user::User;

/// The `sub` of `user` for `client`: the same on every node, under every master key, for as long as the person has the
/// account. A pairwise one is a digest over the sector, the person and their salt (§8.1), so without the database nobody can
/// tell whose it is, nor that two of them are one person's.
pub fn of(client: &Client, user: &User) -> String {
    match &client.metadata.subject {
        SubjectPolicy::Public => user.id.to_string(),
        SubjectPolicy::Pairwise { sector, .. } => pairwise(sector, user),
    }
}

/// The zero ends the sector: no host holds one, and the rest has a fixed length.
fn pairwise(sector: &str, user: &User) -> String {
    let mut input = Vec::with_capacity(sector.len() + 1 + 16 + 32);
    input.extend_from_slice(sector.as_bytes());
    input.push(0);
    input.extend_from_slice(user.id.0.as_bytes());
    input.extend_from_slice(&user.pairwise_salt.0);
    URL_SAFE_NO_PAD.encode(sha256(&input))
}
