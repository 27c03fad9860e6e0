//! `[logout]`

use serde::{Deserialize, Serialize};

use super::{Span, error::Report};

/// Telling clients that somebody signed out.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogoutConfig {
    /// How long it is tried to tell a client in the back channel.
    pub give_up_after: Span,
}

impl Default for LogoutConfig {
    fn default() -> Self {
        Self {
            give_up_after: Span::from_hours(24),
        }
    }
}

impl LogoutConfig {
    pub(super) fn check(&self, report: &mut Report) {
        report.require(
            "logout.give_up_after",
            (60..=7 * 86_400).contains(&self.give_up_after.as_secs()),
            "must lie between 1m and 7d",
        );
    }
}
