//! A client's own keys, and how it opens what was encrypted to them: code that shares nothing with the server's.

use aws_lc_rs::agreement::{self, ECDH_P256, UnparsedPublicKey};
use aws_lc_rs::cipher::{AES_128, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::key_wrap::{self, AesKek, KeyWrap as _};
use aws_lc_rs::rsa::{
    KeySize, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, PrivateDecryptingKey, PublicKey as RsaPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::digest::{Context, SHA256};
use ring::hmac;
use serde_json::{Value, json};

/// An RSA key called `rsa` and one on P-256 called `ec`.
pub struct ClientKeys {
    rsa: PrivateDecryptingKey,
    ec: agreement::PrivateKey,
}

/// What an encrypted token held.
#[derive(Debug)]
pub struct Opened {
    pub header: Value,
    pub text: String,
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

impl ClientKeys {
    pub fn new() -> Self {
        Self {
            rsa: PrivateDecryptingKey::generate(KeySize::Rsa2048).unwrap(),
            ec: agreement::PrivateKey::generate(&ECDH_P256).unwrap(),
        }
    }

    /// Both public keys, for encryption.
    pub fn jwks(&self) -> Value {
        json!({ "keys": [self.rsa_jwk(), self.ec_jwk()] })
    }

    pub fn rsa_jwk(&self) -> Value {
        let der = self.rsa.public_key().as_der().unwrap();
        let public = RsaPublicKey::from_der(der.as_ref()).unwrap();
        let (n, e) = (public.modulus(), public.exponent());
        let [n, e] = [n, e].map(|number| encode(number.big_endian_without_leading_zero()));
        json!({"kty": "RSA", "kid": "rsa", "use": "enc", "n": n, "e": e})
    }

    pub fn ec_jwk(&self) -> Value {
        let point = self.ec.compute_public_key().unwrap();
        let (x, y) = point.as_ref()[1..].split_at(32);
        json!({"kty": "EC", "crv": "P-256", "kid": "ec", "use": "enc", "x": encode(x), "y": encode(y)})
    }

    /// Opens a compact JWE as a client does that believes nothing.
    #[track_caller]
    pub fn open(&self, token: &str) -> Opened {
        let parts: Vec<&str> = token.split('.').collect();
        let [protected, encrypted_key, iv, ciphertext, tag] = parts[..] else {
            panic!("five segments: {token}")
        };
        let header: Value = serde_json::from_slice(&decode(protected)).unwrap();
        assert!(header.get("zip").is_none() && header.get("crit").is_none());
        let enc = header["enc"].as_str().unwrap();
        let key = self.content_key(&header, &decode(encrypted_key));
        let plaintext = open_content(enc, &key, protected.as_bytes(), [iv, ciphertext, tag].map(decode));
        Opened {
            header,
            text: String::from_utf8(plaintext.expect("the tag fits")).unwrap(),
        }
    }

    fn content_key(&self, header: &Value, encrypted: &[u8]) -> Vec<u8> {
        let alg = header["alg"].as_str().unwrap();
        if alg == "RSA-OAEP-256" {
            assert_eq!(header["kid"], "rsa");
            let key = OaepPrivateDecryptingKey::new(self.rsa.clone()).unwrap();
            let mut out = vec![0; key.min_output_size()];
            let opened = key.decrypt(&OAEP_SHA256_MGF1SHA256, encrypted, &mut out, None).unwrap();
            return opened.to_vec();
        }
        assert_eq!(header["kid"], "ec");
        let enc = header["enc"].as_str().unwrap();
        match alg {
            "ECDH-ES" => {
                assert!(encrypted.is_empty());
                self.agreed(header, enc, if enc == "A128GCM" { 16 } else { 32 })
            }
            "ECDH-ES+A128KW" => unwrap(&key_wrap::AES_128, &self.agreed(header, alg, 16), encrypted),
            "ECDH-ES+A256KW" => unwrap(&key_wrap::AES_256, &self.agreed(header, alg, 32), encrypted),
            other => panic!("{other}"),
        }
    }

    fn agreed(&self, header: &Value, algorithm: &str, length: usize) -> Vec<u8> {
        let epk = header["epk"].as_object().unwrap();
        assert_eq!(
            epk.keys().collect::<Vec<_>>(),
            ["crv", "kty", "x", "y"],
            "public members only"
        );
        let [x, y] = ["x", "y"].map(|name| decode(epk[name].as_str().unwrap()));
        let point = [&[4][..], &x, &y].concat();
        let peer = UnparsedPublicKey::new(&ECDH_P256, point);
        agreement::agree(&self.ec, peer, (), |secret| {
            let number = |n: usize| u32::try_from(n).unwrap().to_be_bytes();
            let mut hash = Context::new(&SHA256);
            for part in [
                &number(1)[..],
                secret,
                &number(algorithm.len()),
                algorithm.as_bytes(),
                &number(0),
                &number(0),
                &number(length * 8),
            ] {
                hash.update(part);
            }
            Ok(hash.finish().as_ref()[..length].to_vec())
        })
        .unwrap()
    }
}

fn unwrap(cipher: &'static key_wrap::AesBlockCipher, key: &[u8], wrapped: &[u8]) -> Vec<u8> {
    let mut out = vec![0; wrapped.len()];
    let kek = AesKek::new(cipher, key).unwrap();
    kek.unwrap(wrapped, &mut out).unwrap().to_vec()
}

/// `None`: it was altered.
pub fn open_content(enc: &str, key: &[u8], header: &[u8], [iv, ciphertext, tag]: [Vec<u8>; 3]) -> Option<Vec<u8>> {
    let algorithm = match enc {
        "A128GCM" => &aead::AES_128_GCM,
        "A256GCM" => &aead::AES_256_GCM,
        "A128CBC-HS256" => return open_cbc(key, header, [iv, ciphertext, tag]),
        other => panic!("{other}"),
    };
    let key = LessSafeKey::new(UnboundKey::new(algorithm, key).unwrap());
    let mut sealed = [ciphertext, tag].concat();
    let nonce = Nonce::try_assume_unique_for_key(&iv).unwrap();
    key.open_in_place(nonce, Aad::from(header), &mut sealed)
        .ok()
        .map(|opened| opened.to_vec())
}

fn open_cbc(key: &[u8], header: &[u8], [iv, mut ciphertext, tag]: [Vec<u8>; 3]) -> Option<Vec<u8>> {
    let length = (header.len() as u64 * 8).to_be_bytes();
    let covered = [header, &iv, &ciphertext, &length].concat();
    let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key[..16]), &covered);
    if mac.as_ref()[..16] != tag {
        return None;
    }
    let cipher = UnboundCipherKey::new(&AES_128, &key[16..]).unwrap();
    let cipher = PaddedBlockDecryptingKey::cbc_pkcs7(cipher).unwrap();
    let iv: [u8; 16] = iv.try_into().unwrap();
    let opened = cipher
        .decrypt(&mut ciphertext, DecryptionContext::Iv128(iv.into()))
        .unwrap();
    Some(opened.to_vec())
}
