//! Where others may start a sign-in (OpenID Connect Core §4).

use super::plan;

plan! {
    PRIVATE_KEY_JWT:
    oidcc_3rd_party_init_login,
    oidcc_3rd_party_init_login_nohttps,
}
