//! People: signing in, the sessions that follow, and what they consent to.

pub mod claims;
pub mod consent;
pub mod login;
pub mod password;
pub mod profile;
pub mod sessions;
pub mod trail;
