//! A client's secret: drawn, or chosen by the operator.

use std::path::Path;

use anyhow::ensure;

use crate::cli::cx::Cx;
use crate::cli::text;
use crate::crypto::client_secret::{self, MIN_MAC_BYTES};
use crate::crypto::opaque::{Kind, OpaqueToken};
use crate::crypto::random;
use crate::model::client::{ClientMetadata, ClientSecret, SecretVerifier};
use crate::protocol::ids::ClientId;

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
pub async fn make(
    cx: &Cx,
    client: &ClientId,
    metadata: &ClientMetadata,
    file: Option<&Path>,
) -> anyhow::Result<NewSecret> {
    let generated = file.is_none().then(|| OpaqueToken::generate(Kind::ClientSecret));
    let chosen = file.map(text::read_secret).transpose()?;
    let verifier = match (&generated, &chosen) {
        (Some(secret), _) => SecretVerifier::Digest(secret.digest()),
        (None, chosen) => {
            let secret = chosen.as_deref().unwrap_or_default();
            check(secret, metadata)?;
            SecretVerifier::Password(cx.passwords()?.hash(secret).await?)
        }
    };
    let now = cx.now();
    let id = random::uuid_v7(now);
    let clear = generated.as_ref().map(OpaqueToken::expose).or(chosen.as_deref());
    let sealed = match clear.filter(|_| metadata.has_mac_secret()) {
        Some(secret) => Some(client_secret::seal(
            &cx.sealing_key().await?,
            client,
            id,
            secret.as_bytes(),
        )),
        None => None,
    };
    let stored = ClientSecret {
        id,
        verifier,
        sealed,
        created_at: now,
        expires_at: None,
    };
    Ok(NewSecret { stored, generated })
}

/// It travels in HTTP headers and forms (RFC 6749 Appendix A.2: printable ASCII).
fn check(secret: &str, metadata: &ClientMetadata) -> anyhow::Result<()> {
    ensure!(
        secret.bytes().all(|byte| (0x20..=0x7E).contains(&byte)),
        "a client secret is printable ASCII (RFC 6749 appendix A.2)"
    );
    ensure!(
        secret.len() >= MIN_CHARS,
        "a client secret has at least {MIN_CHARS} characters; leave --secret-file out to have one generated"
    );
    ensure!(
        secret.len() >= MIN_MAC_BYTES || !metadata.has_mac_secret(),
        "the secret of a client that uses client_secret_jwt has at least {MIN_MAC_BYTES} characters (RFC 7518 section 3.2)"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::client_auth_method::ClientAuthMethod;

    #[test]
    fn a_chosen_secret_is_long_and_printable() {
        let plain = ClientMetadata::new("Client");
        let mac = ClientMetadata {
            auth_methods: vec![ClientAuthMethod::ClientSecretJwt],
            ..plain.clone()
        };
        let taken = |secret| check(secret, &plain).is_ok();
        assert!(check("0123456789abcdef0123456789abcde", &mac).is_err());
        assert!(check("0123456789abcdef0123456789abcdef", &mac).is_ok());
        assert!(taken("0123456789abcdef"));
        for bad in ["0123456789abcde", "0123456789abcdé…", "0123456789\tabcdef"] {
            assert!(!taken(bad), "{bad}");
        }
    }
}
