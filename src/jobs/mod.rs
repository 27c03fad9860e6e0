//! Work that no request asks for.

pub mod keys;
pub mod metrics;
pub mod sweep;
