//! A client's own public keys, and how it uses them to prove itself.

use std::path::Path;

use anyhow::{Context as _, ensure};
use url::Url;

use super::options::Options;
use crate::cli::text;
use crate::crypto::jwk_set::JwkSet;
use crate::model::client::{AssertionAudience, ClientMetadata, KeySource};

/// The largest file of keys, in bytes.
const MAX_BYTES: u64 = 64 * 1024;

/// Puts what was given over `metadata`.
pub fn apply(metadata: &mut ClientMetadata, options: &Options) -> anyhow::Result<()> {
    if let Some(path) = &options.jwks {
        metadata.keys = Some(read(path)?);
    }
    if let Some(uri) = &options.jwks_uri {
        metadata.keys = Some(KeySource::JwksUri(checked_uri(uri)?));
    }
    metadata.assertion_alg = options.assertion_alg.or(metadata.assertion_alg);
    metadata.assertion_audience = options.assertion_audience.unwrap_or(metadata.assertion_audience);
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<KeySource> {
    let file = text::read(path, MAX_BYTES)?;
    let set = serde_json::from_slice(&file).with_context(|| format!("{} is not JSON", path.display()))?;
    JwkSet::register(&set).with_context(|| path.display().to_string())?;
    Ok(KeySource::Jwks(set))
}

fn checked_uri(uri: &str) -> anyhow::Result<String> {
    let url = Url::parse(uri).with_context(|| format!("{uri:?} is no URL"))?;
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    ensure!(
        url.scheme() == "https" && plain,
        "keys are fetched by https, from a URL without user and fragment, such as https://app.example/jwks.json"
    );
    Ok(url.into())
}

/// `any` or `issuer`.
pub fn parse_audience(text: &str) -> Result<AssertionAudience, &'static str> {
    match text {
        "any" => Ok(AssertionAudience::Any),
        "issuer" => Ok(AssertionAudience::Issuer),
        _ => Err("use any or issuer"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::keys::generate;
    use crate::protocol::assertion_alg::AssertionAlg;
    use crate::protocol::client_auth_method::ClientAuthMethod;
    use crate::protocol::signing_alg::SigningAlg;
    use serde_json::json;

    fn given(change: impl FnOnce(&mut Options)) -> anyhow::Result<ClientMetadata> {
        let mut options = Options::default();
        change(&mut options);
        super::super::metadata::new(Some("Service"), false, &options)
    }

    #[test]
    fn a_client_that_signs_has_keys() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("jwks.json");
        let write = |set: serde_json::Value| std::fs::write(&path, set.to_string()).unwrap();
        let key = generate(SigningAlg::Es256).unwrap().public_jwk;
        let by_key = |options: &mut Options| options.auth_method = vec![ClientAuthMethod::PrivateKeyJwt];
        let from_file = |options: &mut Options| options.jwks = Some(path.clone());

        write(json!({"keys": [key]}));
        let signs = given(|options| {
            by_key(options);
            from_file(options);
            options.assertion_alg = Some(AssertionAlg::Es256);
            options.assertion_audience = Some(AssertionAudience::Issuer);
        });
        let signs = signs.unwrap();
        assert_eq!(signs.keys, Some(KeySource::Jwks(json!({"keys": [key]}))));
        assert_eq!(signs.assertion_audience, AssertionAudience::Issuer);
        assert!(!signs.has_secret());
        assert!(given(by_key).unwrap_err().to_string().contains("jwks"));
        let other_alg = given(|options| {
            by_key(options);
            from_file(options);
            options.assertion_alg = Some(AssertionAlg::Hs256);
        });
        assert!(other_alg.unwrap_err().to_string().contains("client_secret_jwt"));

        let mut private = key.clone();
        private["d"] = "AAAA".into();
        for bad in [
            json!({"keys": [private]}),
            json!({"keys": []}),
            json!([]),
            json!({"keys": [{"kty": "RSA"}]}),
        ] {
            write(bad);
            assert!(given(from_file).is_err());
        }
    }

    #[test]
    fn keys_are_published_by_https() {
        let uri = |uri: &str| given(|options| options.jwks_uri = Some(uri.to_owned())).map(|metadata| metadata.keys);
        let good = "https://app.example/jwks.json?v=1";
        assert_eq!(uri(good).unwrap(), Some(KeySource::JwksUri(good.to_owned())));
        for bad in [
            "http://app.example/jwks.json",
            "https://user@app.example/",
            "https://app.example/#keys",
            "jwks.json",
            "file:///etc/passwd",
        ] {
            assert!(uri(bad).is_err(), "{bad}");
        }
    }
}
