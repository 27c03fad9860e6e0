//! Work that no request asks for.

pub mod keys;
pub mod sweep;
