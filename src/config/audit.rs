//! `[audit]`

use serde::{Deserialize, Serialize};

use super::{Span, error::Report};

/// The audit trail. It cannot be switched off.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuditConfig {
    /// How long events are kept.
    pub retention: Span,
    /// Whether events tell the address that a request came from.
    pub record_addresses: bool,
}

impl Default for AuditConfig {
    fn default() -> Self {
        Self {
            retention: Span::from_days(365),
            record_addresses: true,
        }
    }
}

impl AuditConfig {
    pub(super) fn check(&self, report: &mut Report) {
        report.require(
            "audit.retention",
            self.retention.as_secs() >= 86_400,
            "must be at least 1d",
        );
    }
}
