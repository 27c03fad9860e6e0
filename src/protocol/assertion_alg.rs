//! The signature algorithms in which clients prove who they are (RFC 7523, OpenID Connect Core §9).

use super::signing_alg::SigningAlg;
use super::wire_enum;

wire_enum! {
    /// `token_endpoint_auth_signing_alg`.
    AssertionAlg {
        /// RSASSA-PKCS1-v1_5 with SHA-256.
        Rs256 = "RS256",
        /// RSASSA-PSS with SHA-256.
        Ps256 = "PS256",
        /// ECDSA on P-256 with SHA-256.
        Es256 = "ES256",
        /// EdDSA; the curve is always Ed25519.
        EdDsa = "EdDSA",
        /// HMAC with SHA-256 under the client secret: `client_secret_jwt` alone.
        Hs256 = "HS256",
    }
}

impl AssertionAlg {
    /// The algorithm that the header of a foreign token means by `name`; see [`SigningAlg::named`].
    pub fn named(name: &str) -> Option<Self> {
        SigningAlg::named(name).map_or_else(|| name.parse().ok(), |alg| Some(alg.into()))
    }

    /// The algorithm of a key pair; `None` is the HMAC, whose key both sides know.
    pub const fn asymmetric(self) -> Option<SigningAlg> {
        match self {
            Self::Rs256 => Some(SigningAlg::Rs256),
            Self::Ps256 => Some(SigningAlg::Ps256),
            Self::Es256 => Some(SigningAlg::Es256),
            Self::EdDsa => Some(SigningAlg::EdDsa),
            Self::Hs256 => None,
        }
    }
}

impl From<SigningAlg> for AssertionAlg {
    fn from(alg: SigningAlg) -> Self {
        match alg {
            SigningAlg::Rs256 => Self::Rs256,
            SigningAlg::Ps256 => Self::Ps256,
            SigningAlg::Es256 => Self::Es256,
            SigningAlg::EdDsa => Self::EdDsa,
        }
    }
}
