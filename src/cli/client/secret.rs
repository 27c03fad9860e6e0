//! A client's secret: drawn, or chosen by the operator.

use std::path::Path;

use anyhow::ensure;

use crate::cli::cx::Cx;
use crate::cli::text;
use crate::crypto::opaque::{Kind, OpaqueToken};
use crate::crypto::random;
use crate::model::client::{ClientSecret, SecretVerifier};
use crate::time::Timestamp;

/// A secret that is about to be stored.
pub struct NewSecret {
    /// What is stored.
    pub stored: ClientSecret,
    /// The secret itself, if it was drawn and nobody knows it yet.
    pub generated: Option<OpaqueToken>,
}

/// The fewest characters of a secret that a person chose.
const MIN_CHARS: usize = 16;

/// Reads the secret from `file`, or draws one.
pub async fn make(cx: &Cx, file: Option<&Path>) -> anyhow::Result<NewSecret> {
    let now = cx.now();
    let Some(file) = file else {
        let secret = OpaqueToken::generate(Kind::ClientSecret);
        return Ok(NewSecret {
            stored: stored(SecretVerifier::Digest(secret.digest()), now),
            generated: Some(secret),
        });
    };
    let secret = text::read_secret(file)?;
    check(&secret)?;
    let hash = cx.passwords()?.hash(&secret).await?;
    Ok(NewSecret {
        stored: stored(SecretVerifier::Password(hash), now),
        generated: None,
    })
}

fn stored(verifier: SecretVerifier, now: Timestamp) -> ClientSecret {
    ClientSecret {
        id: random::uuid_v7(now),
        verifier,
        created_at: now,
        expires_at: None,
    }
}

/// It travels in HTTP headers and forms (RFC 6749 Appendix A.2: printable ASCII).
fn check(secret: &str) -> anyhow::Result<()> {
    ensure!(
        secret.bytes().all(|byte| (0x20..=0x7E).contains(&byte)),
        "a client secret is printable ASCII (RFC 6749 appendix A.2)"
    );
    ensure!(
        secret.len() >= MIN_CHARS,
        "a client secret has at least {MIN_CHARS} characters; leave --secret-file out to have one generated"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chosen_secret_is_long_and_printable() {
        assert!(check("0123456789abcdef").is_ok());
        for bad in ["0123456789abcde", "0123456789abcdé…", "0123456789\tabcdef"] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
