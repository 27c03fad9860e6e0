//! `token_endpoint_auth_method` (RFC 7591 §2, OpenID Connect Core §9).

use super::assertion_alg::AssertionAlg;
use super::wire_enum;

wire_enum! {
    /// How a client proves who it is.
    ClientAuthMethod {
        /// Secret in the Authorization header, both halves form-encoded (RFC 6749 §2.3.1).
        ClientSecretBasic = "client_secret_basic",
        /// Secret in the body (RFC 6749 §2.3.1).
        ClientSecretPost = "client_secret_post",
        /// An assertion signed with the client's own key (RFC 7523 §2.2).
        PrivateKeyJwt = "private_key_jwt",
        /// An assertion with an HMAC under the client's secret (RFC 7523 §2.2).
        ClientSecretJwt = "client_secret_jwt",
        /// A public client: it only names itself (RFC 6749 §2.1).
        None = "none",
    }
}

impl ClientAuthMethod {
    /// Those that prove something: what introspection takes (RFC 7662 §2.1).
    pub const CONFIDENTIAL: &'static [Self] = &[
        Self::ClientSecretBasic,
        Self::ClientSecretPost,
        Self::PrivateKeyJwt,
        Self::ClientSecretJwt,
    ];

    /// The method whose assertions are signed with `alg`.
    pub const fn of_assertion(alg: AssertionAlg) -> Self {
        match alg {
            AssertionAlg::Hs256 => Self::ClientSecretJwt,
            AssertionAlg::Rs256 | AssertionAlg::Ps256 | AssertionAlg::Es256 | AssertionAlg::EdDsa => {
                Self::PrivateKeyJwt
            }
        }
    }

    /// Whether the client and the server share a secret for it.
    pub const fn needs_secret(self) -> bool {
        match self {
            Self::ClientSecretBasic | Self::ClientSecretPost | Self::ClientSecretJwt => true,
            Self::PrivateKeyJwt | Self::None => false,
        }
    }
}
