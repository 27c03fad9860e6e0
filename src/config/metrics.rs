//! `[metrics]`

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::Optional;

/// Metrics for Prometheus.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MetricsConfig {
    /// Address and port of the listener that answers `/metrics` and nothing else. Without one nothing is counted.
    pub listen: Optional<SocketAddr>,
}
