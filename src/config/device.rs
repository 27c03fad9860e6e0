//! `[device]`

use serde::{Deserialize, Serialize};

use super::{Span, error::Report};

/// The device grant (RFC 8628).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeviceConfig {
    /// How long a device waits for a person: the life of a device code and its user code.
    pub lifetime: Span,
    /// The time between two polls that devices are asked to keep.
    pub interval: Span,
    /// Letters of a user code. It grows by itself while very many codes are live.
    pub user_code_length: usize,
}

impl Default for DeviceConfig {
    fn default() -> Self {
        Self {
            lifetime: Span::from_mins(10),
            interval: Span::from_secs(5),
            user_code_length: 8,
        }
    }
}

impl DeviceConfig {
    pub(super) fn check(&self, report: &mut Report) {
        report.require(
            "device.lifetime",
            (60..=1800).contains(&self.lifetime.as_secs()),
            "must lie between 1m and 30m",
        );
        report.require(
            "device.interval",
            (1..=60).contains(&self.interval.as_secs()),
            "must lie between 1s and 60s",
        );
        report.require(
            "device.user_code_length",
            (8..=16).contains(&self.user_code_length),
            "must lie between 8 and 16: fewer letters could be guessed, more are not typed",
        );
    }
}
