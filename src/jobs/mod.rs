//! Work that no request asks for.

pub mod audit;
pub mod clock;
pub mod keys;
pub mod metrics;
pub mod sweep;
