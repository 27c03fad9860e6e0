//! `token_endpoint_auth_method` (RFC 7591 §2, OpenID Connect Core §9).

use super::wire_enum;

wire_enum! {
    /// How a client proves who it is.
    ClientAuthMethod {
        /// Secret in the Authorization header, both halves form-encoded (RFC 6749 §2.3.1).
        ClientSecretBasic = "client_secret_basic",
        /// Secret in the body (RFC 6749 §2.3.1).
        ClientSecretPost = "client_secret_post",
        /// A public client: it only names itself (RFC 6749 §2.1).
        None = "none",
    }
}

impl ClientAuthMethod {
    /// Those that prove something: what introspection takes (RFC 7662 §2.1).
    pub const CONFIDENTIAL: &'static [Self] = &[Self::ClientSecretBasic, Self::ClientSecretPost];
}
