//! Work that no request asks for.

pub mod clock;
pub mod keys;
pub mod sweep;
