//! The signature algorithms this server issues with (RFC 7518 §3.1, RFC 8037 §3.1).

use super::wire_enum;

wire_enum! {
    /// A JWS algorithm we hold keys for. `none` and the HMAC family cannot be expressed, and names are
    /// case-sensitive (RFC 7515 §4.1.1).
    SigningAlg {
        /// RSASSA-PKCS1-v1_5 with SHA-256, which OpenID Connect requires every provider to offer.
        Rs256 = "RS256",
        /// RSASSA-PSS with SHA-256.
        Ps256 = "PS256",
        /// ECDSA on P-256 with SHA-256.
        Es256 = "ES256",
        /// EdDSA; the curve is always Ed25519.
        EdDsa = "EdDSA",
    }
}

impl SigningAlg {
    /// The algorithm that the header of a foreign token, or a foreign key, means by `name`. RFC 9864 §2.2 gave EdDSA with Ed25519 a
    /// name of its own, and newer libraries write it whatever was registered.
    pub fn named(name: &str) -> Option<Self> {
        if name == "Ed25519" {
            Some(Self::EdDsa)
        } else {
            name.parse().ok()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ed25519_is_eddsa_with_that_curve() {
        for &alg in SigningAlg::ALL {
            assert_eq!(SigningAlg::named(alg.as_str()), Some(alg));
        }
        assert_eq!(SigningAlg::named("Ed25519"), Some(SigningAlg::EdDsa));
        for name in ["Ed448", "ed25519", "ES256K", "none", ""] {
            assert_eq!(SigningAlg::named(name), None, "{name}");
        }
    }

    #[test]
    fn names_agree_in_text_and_json() {
        for &alg in SigningAlg::ALL {
            assert_eq!(alg.as_str().parse(), Ok(alg));
            assert_eq!(
                serde_json::to_value(alg).unwrap(),
                serde_json::Value::from(alg.as_str())
            );
        }
    }

    #[test]
    fn none_hmac_and_other_spellings_do_not_parse() {
        for text in ["none", "None", "HS256", "rs256", "ES384", "", " RS256"] {
            assert_eq!(text.parse::<SigningAlg>(), Err(()), "{text}");
        }
    }
}
