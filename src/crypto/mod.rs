//! The primitives, and the only room that names a cryptography crate.
//!
//! `ring` hashes, authenticates and seals; `aws-lc-rs` signs, verifies, makes keys and encrypts to those of clients; `argon2`
//! hashes passwords; `jsonwebtoken` plays the foreign verifier. Callers see none of them: they see tokens, digests,
//! signers and verdicts. Nothing here reads a clock: `now` is an argument.

pub mod client_secret;
pub mod digest;
mod hashing_threads;
pub mod jwe;
pub mod jwk_set;
pub mod jwt;
mod key_file;
pub mod keys;
pub mod opaque;
pub mod password;
pub mod policy;
pub mod proven;
pub mod random;
pub mod seal;
mod small_order;
pub mod user_code;
pub mod verified;
