//! OpenID Connect Front-Channel Logout.

use super::plan;

plan! {
    BASIC:
    oidcc_frontchannel_logout_discovery_endpoint_verification,
    oidcc_frontchannel_rp_initiated_logout,
}
