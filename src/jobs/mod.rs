//! Work that no request asks for.

pub mod keys;
pub mod last_seen;
pub mod sweep;
