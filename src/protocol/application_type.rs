//! `application_type` (OpenID Connect Registration §2).

use super::wire_enum;

wire_enum! {
    /// Where a client runs, which decides what redirect URIs it may register.
    #[derive(Default)]
    ApplicationType {
        /// On a web server or in a browser: https.
        #[default]
        Web = "web",
        /// On a device: claimed https, private schemes, loopback.
        Native = "native",
    }
}
