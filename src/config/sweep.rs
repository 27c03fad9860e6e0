//! `[sweep]`

use serde::{Deserialize, Serialize};

use super::{Span, error::Report};

/// Removal of expired rows.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SweepConfig {
    /// Time between two runs.
    pub interval: Span,
    /// Rows removed in one statement, so that no transaction is long.
    pub batch: u32,
}

impl Default for SweepConfig {
    fn default() -> Self {
        Self {
            interval: Span::from_secs(60),
            batch: 500,
        }
    }
}

impl SweepConfig {
    pub(super) fn check(&self, report: &mut Report) {
        report.require("sweep.interval", self.interval.as_secs() > 0, "must be at least 1s");
        report.require(
            "sweep.batch",
            (1..=100_000).contains(&self.batch),
            "must lie between 1 and 100000",
        );
    }
}
