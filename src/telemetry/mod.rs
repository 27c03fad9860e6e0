//! What operators see: logs, one line for each request; the audit trail; metrics and traces.

pub mod audit;
pub mod init;
pub mod lines;
pub mod metrics;
pub mod output;
pub mod request_log;
pub mod traces;
