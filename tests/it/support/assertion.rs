//! Keys of clients, and what clients sign with them: assertions and request objects.

use std::sync::OnceLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis::crypto::keys::{NewKey, generate};
use portcullis::crypto::random;
use portcullis::protocol::signing_alg::SigningAlg;
use serde_json::{Value, json};

use super::{TestRequest, TestServer};

/// `client_assertion_type` (RFC 7523 §2.2).
pub const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A key pair that belongs to a client.
pub struct ClientKey {
    pub alg: SigningAlg,
    pub kid: String,
    pair: NewKey,
}

impl ClientKey {
    /// A new key; its `kid` is its thumbprint.
    pub fn new(alg: SigningAlg) -> Self {
        let pair = generate(alg).unwrap();
        let kid = pair.kid.clone();
        Self { alg, kid, pair }
    }

    /// A new key for ES256, which costs nothing to make.
    pub fn es256() -> Self {
        Self::new(SigningAlg::Es256)
    }

    /// An RSA key for RS256 or PS256: the same one for all tests, because it is slow to make.
    pub fn rsa(alg: SigningAlg) -> Self {
        static PAIR: OnceLock<(String, Vec<u8>, Value)> = OnceLock::new();
        let (kid, private, public) = PAIR.get_or_init(|| {
            let key = generate(SigningAlg::Rs256).unwrap();
            (key.kid.clone(), key.private_pkcs8.to_vec(), key.public_jwk.clone())
        });
        let pair = NewKey {
            kid: kid.clone(),
            alg,
            private_pkcs8: private.clone().into(),
            public_jwk: public.clone(),
        };
        let kid = kid.clone();
        Self { alg, kid, pair }
    }

    /// Under another name.
    pub fn named(mut self, kid: &str) -> Self {
        kid.clone_into(&mut self.kid);
        self
    }

    /// The public key with `kid`, `alg` and `use`.
    pub fn jwk(&self) -> Value {
        let mut jwk = self.pair.public_jwk.clone();
        jwk["kid"] = self.kid.as_str().into();
        jwk["alg"] = self.alg.as_str().into();
        jwk
    }

    /// A JWK Set with this key alone.
    pub fn jwks(&self) -> Value {
        jwks(&[self])
    }

    /// A JWS with `alg` and `kid` in its header, as most libraries make it.
    pub fn sign(&self, claims: &Value) -> String {
        self.sign_with(
            &json!({"alg": self.alg.as_str(), "kid": self.kid, "typ": "JWT"}),
            claims,
        )
    }

    /// A JWS with this very header.
    pub fn sign_with(&self, header: &Value, claims: &Value) -> String {
        let signed = unsigned(header, claims);
        let signature = self.signature(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn signature(&self, message: &[u8]) -> Vec<u8> {
        let (private, random) = (&self.pair.private_pkcs8, SystemRandom::new());
        match self.alg {
            SigningAlg::Es256 => {
                let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, private).unwrap();
                key.sign(&random, message).unwrap().as_ref().to_vec()
            }
            SigningAlg::EdDsa => Ed25519KeyPair::from_pkcs8(private)
                .unwrap()
                .sign(message)
                .as_ref()
                .to_vec(),
            SigningAlg::Rs256 | SigningAlg::Ps256 => {
                let key = RsaKeyPair::from_pkcs8(private).unwrap();
                let mut signature = vec![0; key.public_modulus_len()];
                if self.alg == SigningAlg::Rs256 {
                    key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                } else {
                    key.sign(&RSA_PSS_SHA256, &random, message, &mut signature).unwrap();
                }
                signature
            }
        }
    }
}

/// A JWK Set with the public parts of `keys`.
pub fn jwks(keys: &[&ClientKey]) -> Value {
    json!({"keys": keys.iter().map(|key| key.jwk()).collect::<Vec<_>>()})
}

/// A JWS with HMAC-SHA-256 under `secret`, and this very header.
pub fn mac(secret: &[u8], header: &Value, claims: &Value) -> String {
    use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
    let signed = unsigned(header, claims);
    let tag = sign(&Key::new(HMAC_SHA256, secret), signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
}

/// Header and claims, encoded and joined.
pub fn unsigned(header: &Value, claims: &Value) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", encode(header), encode(claims))
}

/// `claims` with `changes` over them; `null` takes a claim away.
pub fn changed(claims: &Value, changes: &Value) -> Value {
    let mut claims = claims.clone();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    claims
}

impl TestServer {
    /// The claims of a good assertion of `client_id`, with a fresh `jti`: for one minute, to the issuer.
    pub fn assertion_claims(&self, client_id: &str) -> Value {
        let now = self.app.clock().now().as_i64();
        let jti = URL_SAFE_NO_PAD.encode(random::bytes::<16>());
        json!({
            "iss": client_id, "sub": client_id, "aud": self.app.issuer(),
            "exp": now + 60, "iat": now, "jti": jti,
        })
    }

    /// A form to `path` whose client proves itself by `assertion` and does not name itself.
    pub fn post_asserting(&self, path: &str, assertion: &str, fields: &[(&str, &str)]) -> TestRequest {
        let mut fields = fields.to_vec();
        fields.push(("client_assertion_type", JWT_BEARER));
        fields.push(("client_assertion", assertion));
        self.post_form(path, &fields)
    }
}
