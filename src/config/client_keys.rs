//! `[client_keys]`

use serde::{Deserialize, Serialize};

use super::{Span, error::Report};

/// The public keys that clients publish at their `jwks_uri`, as each node keeps them in memory.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClientKeysConfig {
    /// The longest that keys are used without asking again.
    pub max_age: Span,
    /// How much longer they are used while the client's server cannot be reached.
    pub max_stale: Span,
    /// The shortest time between two fetches for one client.
    pub refetch_interval: Span,
}

impl Default for ClientKeysConfig {
    fn default() -> Self {
        Self {
            max_age: Span::from_hours(1),
            max_stale: Span::from_hours(6),
            refetch_interval: Span::from_secs(30),
        }
    }
}

impl ClientKeysConfig {
    pub(super) fn check(&self, report: &mut Report) {
        let interval = self.refetch_interval.as_secs();
        report.require(
            "client_keys.refetch_interval",
            (1..=600).contains(&interval),
            "must lie between 1s and 10m: so long may a client that changes its keys have to wait",
        );
        report.require(
            "client_keys.max_age",
            (interval..=86_400).contains(&self.max_age.as_secs()),
            "must lie between client_keys.refetch_interval and 1d: so long counts a key that its client has taken back",
        );
        report.require(
            "client_keys.max_stale",
            self.max_stale.as_secs() <= 7 * 86_400,
            "must be at most 7d",
        );
    }
}
