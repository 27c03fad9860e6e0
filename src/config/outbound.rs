//! `[outbound]`

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{AllowedHost, Span, error::Report};

/// Fetches from addresses that clients name.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OutboundConfig {
    /// A PEM file of authorities to trust beside the system's. Empty: none.
    pub extra_ca: PathBuf,
    /// Hosts, addresses and networks inside that may be reached all the same, each with an optional port.
    pub allow_hosts: Vec<AllowedHost>,
    /// The longest a fetch may take, all in all.
    pub timeout: Span,
    /// The longest answer that is read, in bytes.
    pub max_body: usize,
}

impl Default for OutboundConfig {
    fn default() -> Self {
        Self {
            extra_ca: PathBuf::new(),
            allow_hosts: Vec::new(),
            timeout: Span::from_secs(3),
            max_body: 64 * 1024,
        }
    }
}

impl OutboundConfig {
    pub(super) fn check(&self, report: &mut Report) {
        report.require(
            "outbound.timeout",
            (1..=30).contains(&self.timeout.as_secs()),
            "must lie between 1s and 30s: a person may be waiting for it",
        );
        report.require(
            "outbound.max_body",
            (4096..=1_048_576).contains(&self.max_body),
            "must lie between 4096 (4 KiB) and 1048576 (1 MiB) bytes",
        );
    }
}
