//! `[requests]`

use serde::{Deserialize, Serialize};

/// What authorization requests may carry.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RequestsConfig {
    /// Whether clients may have their request objects fetched (`request_uri`).
    pub request_uri: bool,
}
