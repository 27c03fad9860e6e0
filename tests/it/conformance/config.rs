//! The metadata alone.

use super::plan;

plan! {
    BASIC:
    oidcc_discovery_endpoint_verification,
}
