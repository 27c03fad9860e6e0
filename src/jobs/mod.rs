//! Work that no request asks for.

pub mod audit;
pub mod backchannel_logout;
pub mod catalog_watch;
pub mod keys;
pub mod last_seen;
pub mod metrics;
pub mod sweep;
