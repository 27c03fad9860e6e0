//! Proof key for code exchange (RFC 7636). Only S256 exists here.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::error::Reason;
use super::wire_enum;

wire_enum! {
    /// `code_challenge_method`. `plain` protects nobody who needs protecting (RFC 9700 §2.1.1).
    CodeChallengeMethod {
        /// `BASE64URL(SHA256(verifier))`.
        S256 = "S256",
    }
}

/// `code_challenge` of method S256: the 32 bytes of a digest (RFC 7636 §4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeChallenge([u8; 32]);

impl CodeChallenge {
    /// Reads challenge and method together. A challenge without a method would mean `plain`, so it is refused
    /// (RFC 7636 §4.3); so is a method without a challenge.
    pub fn parse(challenge: Option<&str>, method: Option<&str>) -> Result<Option<Self>, Reason> {
        let (challenge, method) = match (challenge, method) {
            (None, None) => return Ok(None),
            (Some(challenge), Some(method)) => (challenge, method),
            (None, Some(_)) => return Err(Reason::CodeChallengeMissing),
            (Some(_), None) => return Err(Reason::CodeChallengeMethodUnsupported),
        };
        method
            .parse::<CodeChallengeMethod>()
            .map_err(|()| Reason::CodeChallengeMethodUnsupported)?;
        let bytes = URL_SAFE_NO_PAD
            .decode(challenge)
            .map_err(|_| Reason::CodeChallengeMalformed)?;
        bytes
            .try_into()
            .map(|digest| Some(Self(digest)))
            .map_err(|_| Reason::CodeChallengeMalformed)
    }

    /// The digest that SHA-256 of the right verifier equals.
    pub fn digest(&self) -> &[u8; 32] {
        &self.0
    }

    /// The challenge whose digest this is.
    pub fn from_digest(digest: [u8; 32]) -> Self {
        Self(digest)
    }
}

/// `code_verifier` (RFC 7636 §4.1): 43 to 128 unreserved characters.
#[derive(Clone, PartialEq, Eq)]
pub struct CodeVerifier(String);

impl CodeVerifier {
    /// Refuses any other length or alphabet.
    pub fn parse(text: &str) -> Result<Self, Reason> {
        let unreserved = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
        let well_formed = (43..=128).contains(&text.len()) && text.bytes().all(unreserved);
        if well_formed {
            Ok(Self(text.to_owned()))
        } else {
            Err(Reason::CodeVerifierMalformed)
        }
    }

    /// The bytes to hash.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl std::fmt::Debug for CodeVerifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CodeVerifier(…)")
    }
}
