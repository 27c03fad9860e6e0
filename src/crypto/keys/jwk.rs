//! Public keys as JSON Web Keys (RFC 7517), and their thumbprints (RFC 7638).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::{crypto::digest, protocol::signing_alg::SigningAlg};

/// The members that define a public key, in base64url.
pub(super) enum PublicMembers {
    Rsa { n: String, e: String },
    P256 { x: String, y: String },
    Ed25519 { x: String },
}

impl PublicMembers {
    /// From `RSAPublicKey` (RFC 8017 appendix A.1.1): a sequence of modulus and exponent.
    pub(super) fn from_rsa_der(der: &[u8]) -> Option<Self> {
        let (sequence, _) = der_element(der, 0x30)?;
        let (modulus, rest) = der_element(sequence, 0x02)?;
        let (exponent, _) = der_element(rest, 0x02)?;
        Some(Self::Rsa {
            n: encode_unsigned(modulus),
            e: encode_unsigned(exponent),
        })
    }

    /// From an uncompressed point (SEC 1 §2.3.3).
    pub(super) fn from_p256_point(point: &[u8]) -> Option<Self> {
        let (x, y) = point.strip_prefix(&[0x04])?.split_at_checked(32)?;
        (y.len() == 32).then(|| Self::P256 {
            x: URL_SAFE_NO_PAD.encode(x),
            y: URL_SAFE_NO_PAD.encode(y),
        })
    }

    /// From the 32 bytes of RFC 8032 §5.1.5.
    pub(super) fn from_ed25519(public: &[u8]) -> Self {
        Self::Ed25519 {
            x: URL_SAFE_NO_PAD.encode(public),
        }
    }

    /// RFC 7638: SHA-256 over the required members, in lexicographic order, without white space. The values
    /// are base64url, so nothing in them needs escaping.
    pub(super) fn thumbprint(&self) -> String {
        let canonical = match self {
            Self::Rsa { n, e } => format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#),
            Self::P256 { x, y } => format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#),
            Self::Ed25519 { x } => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#),
        };
        URL_SAFE_NO_PAD.encode(digest::sha256(canonical.as_bytes()))
    }

    /// The key as it is published.
    pub(super) fn to_jwk(&self, alg: SigningAlg, kid: &str) -> Value {
        let mut jwk = match self {
            Self::Rsa { n, e } => json!({"kty": "RSA", "n": n, "e": e}),
            Self::P256 { x, y } => json!({"kty": "EC", "crv": "P-256", "x": x, "y": y}),
            Self::Ed25519 { x } => json!({"kty": "OKP", "crv": "Ed25519", "x": x}),
        };
        jwk["use"] = "sig".into();
        jwk["alg"] = alg.as_str().into();
        jwk["kid"] = kid.into();
        jwk
    }
}

/// A DER integer is signed and may start with a zero byte; `Base64urlUInt` (RFC 7518 §2) must not.
fn encode_unsigned(integer: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(integer.strip_prefix(&[0]).unwrap_or(integer))
}

/// Splits off the content of the first DER element, which must have this tag. Only our own library's output
/// is read here, so short and two-byte long lengths are all there is.
fn der_element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    if found != tag {
        return None;
    }
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 => (usize::from(*rest.first()?), rest.get(1..)?),
        0x82 => (
            usize::from(u16::from_be_bytes([*rest.first()?, *rest.get(1)?])),
            rest.get(2..)?,
        ),
        _ => return None,
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thumbprint_matches_rfc_7638_section_3_1() {
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let key = PublicMembers::Rsa {
            n: n.to_owned(),
            e: "AQAB".to_owned(),
        };
        assert_eq!(key.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    #[test]
    fn the_thumbprint_matches_rfc_8037_appendix_a_3() {
        let key = PublicMembers::Ed25519 {
            x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".to_owned(),
        };
        assert_eq!(key.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn malformed_der_and_points_are_none() {
        for der in [
            &[][..],
            &[0x30],
            &[0x30, 0x05, 0x02],
            &[0x02, 0x01, 0x01],
            &[0x30, 0x84, 0, 0, 0, 1],
            &[0x30, 0x82, 1],
        ] {
            assert!(PublicMembers::from_rsa_der(der).is_none(), "{der:?}");
        }
        assert!(PublicMembers::from_p256_point(&[4; 64]).is_none());
        assert!(PublicMembers::from_p256_point(&[2; 33]).is_none());
        assert!(PublicMembers::from_p256_point(&[4; 65]).is_some());
    }
}
