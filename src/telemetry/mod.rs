//! What operators see: logs, one line for each request; the audit trail.

pub mod audit;
pub mod init;
pub mod request_log;
