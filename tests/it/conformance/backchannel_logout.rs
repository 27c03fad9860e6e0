//! OpenID Connect Back-Channel Logout.

use super::plan;

plan! {
    BASIC:
    oidcc_backchannel_logout_discovery_endpoint_verification,
    oidcc_backchannel_rp_initiated_logout,
}
