//! `grant_type` (RFC 6749 §4, RFC 8628 §3.4).

use super::wire_enum;

wire_enum! {
    /// What a client may be registered for. Implicit and password do not exist here (OAuth 2.1 §10).
    GrantType {
        /// RFC 6749 §4.1, with PKCE (RFC 7636).
        AuthorizationCode = "authorization_code",
        /// RFC 6749 §6, rotating (OAuth 2.1 §4.3.1).
        RefreshToken = "refresh_token",
        /// RFC 6749 §4.4.
        ClientCredentials = "client_credentials",
        /// RFC 8628 §3.4.
        DeviceCode = "urn:ietf:params:oauth:grant-type:device_code",
    }
}
