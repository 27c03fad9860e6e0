//! How ID tokens and userinfo reach a client: signed, encrypted, or both (OpenID Connect Registration §2).

use anyhow::ensure;
use clap::Args;

use crate::cli::text;
use crate::model::client::{ClientMetadata, Encryption};
use crate::protocol::jwe::{ContentEncryption, KeyManagementAlg};
use crate::protocol::signing_alg::SigningAlg;

/// Something, or `none` to do without.
#[derive(Clone, Copy, Debug)]
pub struct OrNone<T>(Option<T>);

/// The form of what the client is told.
#[derive(Args, Debug, Default, Clone)]
pub struct AnswerOptions {
    /// Signature of its ID tokens: RS256, PS256, ES256 or EdDSA [default: RS256]
    #[arg(long, value_name = "ALG", value_parser = |text: &str| text::wire(text, SigningAlg::ALL))]
    pub id_token_alg: Option<SigningAlg>,
    /// Encrypts its ID tokens to its key: RSA-OAEP-256, ECDH-ES, ECDH-ES+A128KW or ECDH-ES+A256KW; none ends that
    #[arg(long, value_name = "ALG", value_parser = |text: &str| or_none(text, KeyManagementAlg::ALL))]
    pub id_token_encryption_alg: Option<OrNone<KeyManagementAlg>>,
    /// A128CBC-HS256, A128GCM or A256GCM [default: A128CBC-HS256]
    #[arg(long, value_name = "ENC", value_parser = |text: &str| text::wire(text, ContentEncryption::ALL))]
    pub id_token_encryption_enc: Option<ContentEncryption>,
    /// Signs what it is told at /userinfo: RS256, PS256, ES256 or EdDSA; none is plain JSON again [default: none]
    #[arg(long, value_name = "ALG", value_parser = |text: &str| or_none(text, SigningAlg::ALL))]
    pub userinfo_alg: Option<OrNone<SigningAlg>>,
    /// Encrypts what it is told at /userinfo, as --id-token-encryption-alg
    #[arg(long, value_name = "ALG", value_parser = |text: &str| or_none(text, KeyManagementAlg::ALL))]
    pub userinfo_encryption_alg: Option<OrNone<KeyManagementAlg>>,
    /// As --id-token-encryption-enc
    #[arg(long, value_name = "ENC", value_parser = |text: &str| text::wire(text, ContentEncryption::ALL))]
    pub userinfo_encryption_enc: Option<ContentEncryption>,
}

fn or_none<T: std::str::FromStr + Copy + std::fmt::Display>(text: &str, all: &[T]) -> Result<OrNone<T>, String> {
    match text {
        "none" => Ok(OrNone(None)),
        text => text::wire(text, all).map(|value| OrNone(Some(value))),
    }
}

/// Puts what was given over `metadata`.
pub fn apply(metadata: &mut ClientMetadata, options: &AnswerOptions) -> anyhow::Result<()> {
    metadata.id_token_alg = options.id_token_alg.unwrap_or(metadata.id_token_alg);
    if let Some(OrNone(alg)) = options.userinfo_alg {
        metadata.userinfo_alg = alg;
    }
    let id_token = (options.id_token_encryption_alg, options.id_token_encryption_enc);
    metadata.id_token_encryption = encryption(metadata.id_token_encryption, id_token, "id-token")?;
    let userinfo = (options.userinfo_encryption_alg, options.userinfo_encryption_enc);
    metadata.userinfo_encryption = encryption(metadata.userinfo_encryption, userinfo, "userinfo")?;
    Ok(())
}

fn encryption(
    present: Option<Encryption>,
    (alg, enc): (Option<OrNone<KeyManagementAlg>>, Option<ContentEncryption>),
    what: &str,
) -> anyhow::Result<Option<Encryption>> {
    let alg = match alg {
        Some(OrNone(alg)) => alg,
        None => present.map(|present| present.alg),
    };
    ensure!(
        alg.is_some() || enc.is_none(),
        "--{what}-encryption-enc says with what to encrypt: add --{what}-encryption-alg, such as ECDH-ES"
    );
    let enc = enc.or(present.map(|present| present.enc));
    Ok(alg.map(|alg| Encryption {
        alg,
        enc: enc.unwrap_or(ContentEncryption::A128CbcHs256),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn algorithms_come_and_go() {
        let mut metadata = ClientMetadata::new("App");
        let alg = |text| Some(or_none(text, KeyManagementAlg::ALL).unwrap());
        let options = AnswerOptions {
            id_token_encryption_alg: alg("ECDH-ES"),
            userinfo_alg: Some(OrNone(Some(SigningAlg::EdDsa))),
            ..AnswerOptions::default()
        };
        apply(&mut metadata, &options).unwrap();
        let registered = metadata.id_token_encryption.unwrap();
        assert_eq!(
            (registered.alg, registered.enc),
            (KeyManagementAlg::EcdhEs, ContentEncryption::A128CbcHs256)
        );
        assert_eq!(
            (metadata.userinfo_alg, metadata.userinfo_encryption),
            (Some(SigningAlg::EdDsa), None)
        );

        let options = AnswerOptions {
            id_token_encryption_enc: Some(ContentEncryption::A256Gcm),
            ..AnswerOptions::default()
        };
        apply(&mut metadata, &options).unwrap();
        let registered = metadata.id_token_encryption.unwrap();
        assert_eq!(
            (registered.alg, registered.enc),
            (KeyManagementAlg::EcdhEs, ContentEncryption::A256Gcm)
        );
        let options = AnswerOptions {
            id_token_encryption_alg: alg("none"),
            userinfo_alg: Some(OrNone(None)),
            ..AnswerOptions::default()
        };
        apply(&mut metadata, &options).unwrap();
        assert_eq!((metadata.id_token_encryption, metadata.userinfo_alg), (None, None));

        let options = AnswerOptions {
            userinfo_encryption_enc: Some(ContentEncryption::A128Gcm),
            ..AnswerOptions::default()
        };
        let error = apply(&mut metadata, &options).unwrap_err().to_string();
        assert!(error.contains("--userinfo-encryption-alg"), "{error}");
    }

    #[test]
    fn what_is_not_offered_is_no_value() {
        for alg in ["RSA1_5", "RSA-OAEP", "dir", "PBES2-HS256+A128KW", "A128KW", ""] {
            assert!(or_none(alg, KeyManagementAlg::ALL).is_err(), "{alg}");
        }
    }
}
