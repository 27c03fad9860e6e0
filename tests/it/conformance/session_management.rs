//! OpenID Connect Session Management.

use super::plan;

plan! {
    BASIC:
    oidcc_session_management_discovery_endpoint_verification,
    oidcc_session_management_rp_initiated_logout,
}
