//! What is counted to limit how often something is tried.

use crate::protocol::wire_enum;

wire_enum! {
    /// What a count is about. The text is part of what the key is made of, and what the audit trail says.
    ThrottleKind {
        /// Passwords for one account.
        SignInAccount = "sign_in_account",
        /// Passwords for one account in a browser that it knows.
        SignInKnownBrowser = "sign_in_known_browser",
        /// Passwords from one address.
        SignInAddress = "sign_in_address",
        /// User codes in one browser.
        UserCodeBrowser = "user_code_browser",
        /// User codes of one person.
        UserCodeAccount = "user_code_account",
        /// User codes from one address.
        UserCodeAddress = "user_code_address",
        /// User codes of everybody.
        UserCodeOverall = "user_code_overall",
        /// Secrets for one client from one address.
        ClientAuthClient = "client_auth_client",
        /// Secrets for clients from one address.
        ClientAuthAddress = "client_auth_address",
        /// Device codes asked for from one address; counted in memory.
        DeviceCodesAddress = "device_codes_address",
        /// Registrations of clients from one address; counted in memory.
        RegistrationsAddress = "registrations_address",
        /// Requests of one client; counted in memory.
        RequestsClient = "requests_client",
        /// Requests from one address; counted in memory.
        RequestsAddress = "requests_address",
    }
}

/// Names one count. The database sees the digest alone, which is made under a key that is not there: who was tried, and from
/// where, cannot be read from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThrottleKey {
    /// What it is about.
    pub kind: ThrottleKind,
    /// HMAC-SHA-256 of the kind and of who or where.
    pub digest: [u8; 32],
}
