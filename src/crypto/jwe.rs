//! JSON Web Encryption (RFC 7516) in its compact form, to the public key of one client (OpenID Connect Core §10.2).
//!
//! Nothing is decrypted here, so there is no private key to attack (RFC 7516 §11.4, §11.5). Each token has a content key, an
//! initialization vector and an ephemeral key of its own. Neither compression nor passwords can be expressed.

mod content;
mod key_agreement;
#[cfg(test)]
mod tests;

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::key_wrap::{AES_128, AES_256, AesBlockCipher, AesKek, KeyWrap as _};
use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey, PublicKeyComponents};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use zeroize::Zeroizing;

use self::key_agreement::{Agreed, EphemeralKey};
use super::jwk_set::{Jwk, JwkSet, PublicKey};
use super::random;
use crate::model::client::Encryption;
use crate::protocol::jwe::{ContentEncryption, KeyManagementAlg};

/// The key that a client has others encrypt to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    kid: Option<String>,
    key: PublicKey,
}

/// What is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload<'a> {
    /// A signed JWT, which becomes a nested one (RFC 7519 §5.2).
    Jwt(&'a str),
    /// The claims themselves.
    Claims(&'a [u8]),
}

/// The key cannot be encrypted to, such as a point that is on no curve; or the library failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nothing can be encrypted to the client's key")]
pub struct EncryptionFailed;

impl From<Unspecified> for EncryptionFailed {
    fn from(_: Unspecified) -> Self {
        Self
    }
}

/// RFC 7516 §4.1. The members of `epk` are those of RFC 7518 §4.6.1.
#[derive(Serialize)]
struct Header<'a> {
    alg: KeyManagementAlg,
    enc: ContentEncryption,
    typ: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cty: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    epk: Option<EphemeralKey>,
}

/// The content key, and how it reaches the recipient.
struct ManagedKey {
    content_key: Zeroizing<Vec<u8>>,
    /// Empty where the agreed key is the content key.
    encrypted: Vec<u8>,
    epk: Option<EphemeralKey>,
}

impl Recipient {
    /// The first key in `set` that its owner means for encryption with `alg`. One that says so comes before one that merely
    /// does not say otherwise.
    pub fn choose(set: &JwkSet, alg: KeyManagementAlg) -> Option<Self> {
        let fitting = set.keys().iter().filter(|jwk| is_for(jwk, alg));
        let rank = |jwk: &&Jwk| (jwk.purpose.is_none(), jwk.alg.is_none());
        fitting.min_by_key(rank).map(|jwk| Self {
            kid: jwk.kid.clone(),
            key: jwk.key.clone(),
        })
    }
}

/// RFC 7517 §4.2 to §4.4. Browsers export public keys for key agreement with an empty `key_ops`: what the public half does
/// has no name there.
fn is_for(jwk: &Jwk, alg: KeyManagementAlg) -> bool {
    use KeyManagementAlg as Alg;
    let (kind, operations): (bool, &[&str]) = match alg {
        Alg::RsaOaep256 => (matches!(jwk.key, PublicKey::Rsa { .. }), &["encrypt", "wrapKey"]),
        Alg::EcdhEs | Alg::EcdhEsA128Kw | Alg::EcdhEsA256Kw => {
            (matches!(jwk.key, PublicKey::P256(_)), &["deriveKey", "deriveBits"])
        }
    };
    let stated = |all: &Vec<String>| {
        let unnamed = all.is_empty() && alg != Alg::RsaOaep256;
        unnamed || all.iter().any(|one| operations.contains(&one.as_str()))
    };
    kind && jwk.purpose.as_deref().is_none_or(|purpose| purpose == "enc")
        && jwk.alg.as_deref().is_none_or(|stated| stated == alg.as_str())
        && jwk.operations.as_ref().is_none_or(stated)
}

/// Encrypts `payload` so that only `recipient` can read it.
pub fn encrypt(
    payload: Payload<'_>,
    recipient: &Recipient,
    encryption: Encryption,
) -> Result<String, EncryptionFailed> {
    let managed = manage(&recipient.key, encryption)?;
    let (plaintext, cty) = match payload {
        Payload::Jwt(jwt) => (jwt.as_bytes(), Some("JWT")),
        Payload::Claims(claims) => (claims, None),
    };
    let header = Header {
        alg: encryption.alg,
        enc: encryption.enc,
        typ: "JWT",
        cty,
        kid: recipient.kid.as_deref(),
        epk: managed.epk,
    };
    let header = serde_json::to_vec(&header).map_err(|_| EncryptionFailed)?;
    let header = URL_SAFE_NO_PAD.encode(header);
    let sealed = content::seal(encryption.enc, &managed.content_key, header.as_bytes(), plaintext)?;
    let rest = [&managed.encrypted, &sealed.iv, &sealed.ciphertext, &sealed.tag];
    let mut token = header;
    for part in rest {
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(part, &mut token);
    }
    Ok(token)
}

fn manage(key: &PublicKey, encryption: Encryption) -> Result<ManagedKey, EncryptionFailed> {
    let alg = encryption.alg;
    match alg {
        KeyManagementAlg::RsaOaep256 => wrap_with_rsa(key, encryption.enc),
        KeyManagementAlg::EcdhEs => {
            let enc = encryption.enc;
            let Agreed { key, epk } = key_agreement::agree(key, enc.as_str(), content::key_len(enc))?;
            Ok(ManagedKey {
                content_key: key,
                encrypted: Vec::new(),
                epk: Some(epk),
            })
        }
        KeyManagementAlg::EcdhEsA128Kw => wrap_with_agreed(key, encryption, (&AES_128, 16)),
        KeyManagementAlg::EcdhEsA256Kw => wrap_with_agreed(key, encryption, (&AES_256, 32)),
    }
}

/// RSAES-OAEP (RFC 7518 §4.3).
fn wrap_with_rsa(key: &PublicKey, enc: ContentEncryption) -> Result<ManagedKey, EncryptionFailed> {
    let PublicKey::Rsa { n, e } = key else {
        return Err(EncryptionFailed);
    };
    let key: PublicEncryptingKey = PublicKeyComponents { n, e }.try_into()?;
    let key = OaepPublicEncryptingKey::new(key)?;
    let content_key = draw(enc);
    let mut encrypted = vec![0; key.ciphertext_size()];
    let length = key
        .encrypt(&OAEP_SHA256_MGF1SHA256, &content_key, &mut encrypted, None)?
        .len();
    encrypted.truncate(length);
    Ok(ManagedKey {
        content_key,
        encrypted,
        epk: None,
    })
}

/// Key agreement with key wrapping (RFC 7518 §4.6).
fn wrap_with_agreed(
    key: &PublicKey,
    Encryption { alg, enc }: Encryption,
    (cipher, length): (&'static AesBlockCipher, usize),
) -> Result<ManagedKey, EncryptionFailed> {
    let Agreed { key, epk } = key_agreement::agree(key, alg.as_str(), length)?;
    let content_key = draw(enc);
    Ok(ManagedKey {
        encrypted: wrap(cipher, &key, &content_key)?,
        content_key,
        epk: Some(epk),
    })
}

/// RFC 3394.
fn wrap(cipher: &'static AesBlockCipher, key: &[u8], content_key: &[u8]) -> Result<Vec<u8>, EncryptionFailed> {
    let mut wrapped = vec![0; content_key.len() + 8];
    let length = AesKek::new(cipher, key)?.wrap(content_key, &mut wrapped)?.len();
    wrapped.truncate(length);
    Ok(wrapped)
}

fn draw(enc: ContentEncryption) -> Zeroizing<Vec<u8>> {
    let drawn = Zeroizing::new(random::bytes::<32>());
    Zeroizing::new(drawn[..content::key_len(enc)].to_vec())
}
