//! What operators see: logs, one line for each request.

pub mod init;
pub mod request_log;
