//! What is issued: access tokens (RFC 9068, or opaque), refresh tokens, ID tokens; and how our own are recognised again.

pub mod access;
pub mod audience;
pub mod id_token;
pub mod introspect;
pub mod person;
pub mod plan;
pub mod revoke;
pub mod sector;
pub mod subject;
pub mod userinfo;
pub mod verify;
