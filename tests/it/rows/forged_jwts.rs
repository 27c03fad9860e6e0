//! JW: forged and misused tokens at the places that take one: userinfo, revocation, `id_token_hint`.
//!
//! `src/crypto/jwt/tests.rs` has the tables for the check itself; here the same kinds of token come over HTTP.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use portcullis::crypto::jwt::LEEWAY_SECONDS;
use portcullis::crypto::keys::{NewKey, generate};
use portcullis::model::signing_key::SigningKey;
use portcullis::protocol::signing_alg::SigningAlg;
use portcullis::store::{KeyWrite, Predecessors};
use serde_json::{Value, json};

use super::refusals::{bearer_refused, sent_back};
use crate::support::{AuthRequest, Browser, ClientSpec, Landed, TestClient, TestDb, TestServer, Tokens, claims};

fn encode(text: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// The segments of a compact JWS.
fn segments(token: &str) -> [&str; 3] {
    token.split('.').collect::<Vec<_>>().try_into().unwrap()
}

/// Somebody who holds the server's own key: every rule but the signature has to stand by itself.
struct Forger {
    server: TestServer,
    client: TestClient,
    key: NewKey,
    signer: EcdsaKeyPair,
    tokens: Tokens,
}

/// One place that takes a token.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// An access token at userinfo.
    Userinfo,
    /// An ID token as `id_token_hint`.
    Hint,
}

const PLACES: [Place; 2] = [Place::Userinfo, Place::Hint];

impl Forger {
    async fn new() -> Self {
        let server = TestServer::new(TestDb::sqlite().await).await;
        let key = generate(SigningAlg::Es256).unwrap();
        let now = server.app.clock().now();
        let stored = SigningKey {
            kid: key.kid.clone(),
            alg: key.alg,
            generation: 2,
            sealed_private: key.seal(server.app.master_key()),
            public_jwk: key.public_jwk.clone(),
            created_at: now,
            active_from: now,
            retires_at: None,
            gone_at: None,
            revoked_at: None,
        };
        assert_eq!(
            server
                .store()
                .insert_key(
                    &stored,
                    Predecessors::Retire {
                        gone_at: now.plus(86_400)
                    }
                )
                .await
                .unwrap(),
            KeyWrite::Done
        );
        let spec = ClientSpec::web("shop").metadata(|metadata| metadata.id_token_alg = SigningAlg::Es256);
        let client = server.add_client(spec).await;
        let tokens = server.code_flow(&client, "openid email").await;
        let signer = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &key.private_pkcs8).unwrap();
        let forger = Self {
            server,
            client,
            key,
            signer,
            tokens,
        };
        for place in PLACES {
            let copy = forger.with_claims(place, &json!({}));
            assert!(
                forger.accepts(place, &copy).await,
                "a faithful copy is as good as the token"
            );
        }
        forger
    }

    /// The genuine token of a place.
    fn genuine(&self, place: Place) -> &str {
        match place {
            Place::Userinfo => &self.tokens.access,
            Place::Hint => self.tokens.id.as_deref().unwrap(),
        }
    }

    fn typ(place: Place) -> &'static str {
        match place {
            Place::Userinfo => "at+jwt",
            Place::Hint => "JWT",
        }
    }

    fn header(&self, place: Place) -> Value {
        json!({"alg": "ES256", "kid": self.key.kid, "typ": Self::typ(place)})
    }

    /// Signs this header and payload as they are.
    fn raw(&self, header: &str, payload: &str) -> String {
        let signed = format!("{}.{}", encode(header), encode(payload));
        let signature = self.signer.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", encode(signature))
    }

    fn with_header(&self, place: Place, changes: &Value) -> String {
        let header = changed(self.header(place), changes);
        self.raw(&header.to_string(), &claims(self.genuine(place)).to_string())
    }

    fn with_claims(&self, place: Place, changes: &Value) -> String {
        let payload = changed(claims(self.genuine(place)), changes);
        self.raw(&self.header(place).to_string(), &payload.to_string())
    }

    /// Whether the token is taken. What is refused must be refused in the one right way.
    async fn accepts(&self, place: Place, token: &str) -> bool {
        match place {
            Place::Userinfo => {
                let header_fits = token.bytes().all(|byte| byte.is_ascii_graphic());
                let response = if header_fits {
                    self.server.userinfo(token).await
                } else {
                    self.server.post_form("/userinfo", &[("access_token", token)]).await
                };
                if response.status.as_u16() != 200 {
                    bearer_refused(&response, 401, "invalid_token");
                }
                response.status.as_u16() == 200
            }
            Place::Hint => {
                let request = AuthRequest::new(&self.client, "openid").set("id_token_hint", token);
                let landed = Browser::new(&self.server).authorize(&request).await;
                if let Landed::Callback(callback) = &landed {
                    sent_back(callback, &self.client.redirect_uri, "invalid_request");
                }
                matches!(landed, Landed::Page(page) if page.is_sign_in())
            }
        }
    }

    /// Nobody takes it, and revoking it revokes nothing.
    async fn refused(&self, place: Place, what: &str, token: &str) {
        assert!(!self.accepts(place, token).await, "{what} passes");
        self.server.revoke(&self.client, token).await.expect(200);
        self.server.userinfo(&self.tokens.access).await.expect(200);
    }
}

/// `base` with these members; null takes one out.
fn changed(mut base: Value, changes: &Value) -> Value {
    let members = base.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
    base
}

#[tokio::test(flavor = "multi_thread")]
async fn jw_01_alg_none() {
    let forger = Forger::new().await;
    for place in PLACES {
        for alg in [
            "none", "None", "NONE", "nOnE", "", "ES256 ", "es256", "RS256", "ES384", "EdDSA",
        ] {
            let signed = forger.with_header(place, &json!({"alg": alg}));
            forger.refused(place, alg, &signed).await;
            let [header, payload, _] = segments(&signed);
            forger.refused(place, alg, &format!("{header}.{payload}.")).await;
            forger.refused(place, alg, &format!("{header}.{payload}")).await;
        }
        forger
            .refused(place, "no alg", &forger.with_header(place, &json!({"alg": null})))
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn jw_02_a_mac_with_a_public_key() {
    let forger = Forger::new().await;
    let jwks = forger.server.get("/.well-known/jwks.json").await.json();
    for place in PLACES {
        for jwk in jwks["keys"].as_array().unwrap() {
            let member = |name: &str| jwk[name].as_str().unwrap_or_default().to_owned();
            let secrets = ["n", "x", "y"].map(member);
            let decoded = secrets.clone().map(|text| URL_SAFE_NO_PAD.decode(text).unwrap());
            let point = [&[4], decoded[1].as_slice(), &decoded[2]].concat();
            let pem = format!(
                "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
                STANDARD.encode(&point)
            );
            let others = [jwk.to_string().into_bytes(), point, pem.into_bytes(), Vec::new()];
            for secret in secrets.into_iter().map(String::into_bytes).chain(decoded).chain(others) {
                let header = json!({"alg": "HS256", "kid": jwk["kid"], "typ": Forger::typ(place)});
                let payload = claims(forger.genuine(place));
                let signed = format!("{}.{}", encode(header.to_string()), encode(payload.to_string()));
                let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), signed.as_bytes());
                forger
                    .refused(place, "a MAC", &format!("{signed}.{}", encode(tag)))
                    .await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn jw_03_headers_that_bring_a_key() {
    let forger = Forger::new().await;
    let attacker = generate(SigningAlg::Es256).unwrap();
    let own = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &attacker.private_pkcs8).unwrap();
    // A server that listens would be asked; the address is taken, and nobody answers there.
    let canary = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/keys", canary.local_addr().unwrap());
    for place in PLACES {
        for header in [
            json!({"jwk": attacker.public_jwk}),
            json!({"jku": address}),
            json!({"x5u": address}),
            json!({"x5c": ["MIIB"]}),
            json!({"jwk": attacker.public_jwk, "kid": attacker.kid}),
            json!({"jku": address, "kid": attacker.kid}),
            json!({"kid": address}),
        ] {
            forger
                .refused(place, &header.to_string(), &forger.with_header(place, &header))
                .await;
            let header = changed(forger.header(place), &header);
            let signed = format!(
                "{}.{}",
                encode(header.to_string()),
                encode(claims(forger.genuine(place)).to_string())
            );
            let signature = own.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
            forger
                .refused(place, "another's key", &format!("{signed}.{}", encode(signature)))
                .await;
        }
    }
    let nobody = tokio::time::timeout(std::time::Duration::from_millis(1), canary.accept()).await;
    assert!(nobody.is_err(), "somebody fetched {address}");
}

#[tokio::test(flavor = "multi_thread")]
async fn jw_04_hostile_kids() {
    let forger = Forger::new().await;
    let kid = forger.key.kid.clone();
    for place in PLACES {
        for hostile in [
            json!("../../../../dev/null"),
            json!("' OR 1=1--"),
            json!("%00"),
            json!("\u{0}"),
            json!(format!("{kid}\u{0}")),
            json!(format!("{kid} ")),
            json!(kid.to_lowercase()),
            json!(""),
            json!("x".repeat(11_000)),
            json!([kid]),
            json!({"kid": kid}),
            json!(0),
            json!(true),
            Value::Null,
        ] {
            let token = forger.with_header(place, &json!({"kid": hostile}));
            forger.refused(place, "a hostile kid", &token).await;
        }
        let null = changed(forger.header(place), &json!({"kid": null})).to_string();
        let null = null.replacen('{', "{\"kid\":null,", 1);
        forger
            .refused(
                place,
                "kid null",
                &forger.raw(&null, &claims(forger.genuine(place)).to_string()),
            )
            .await;
    }
    let huge = forger.with_header(Place::Userinfo, &json!({"kid": "x".repeat(64 * 1024)}));
    assert!(!forger.accepts(Place::Userinfo, &huge).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn jw_06_and_07_crit_and_members_twice() {
    let forger = Forger::new().await;
    for place in PLACES {
        for crit in [json!(["exp"]), json!(["b64"]), json!([]), json!("x")] {
            forger
                .refused(
                    place,
                    "crit",
                    &forger.with_header(place, &json!({"crit": crit, "b64": true})),
                )
                .await;
        }
        let (header, payload) = (
            forger.header(place).to_string(),
            claims(forger.genuine(place)).to_string(),
        );
        for name in ["aud", "iss", "sub", "exp", "\\u0061ud", "added"] {
            let twice = payload.replacen('{', &format!("{{\"{name}\":\"x\",\"{name}\":\"x\","), 1);
            forger.refused(place, name, &forger.raw(&header, &twice)).await;
            if name != "added" {
                let before = payload.replacen('{', &format!("{{\"{name}\":\"x\","), 1);
                forger.refused(place, name, &forger.raw(&header, &before)).await;
            }
        }
        for name in ["alg", "kid", "typ"] {
            let twice = header.replacen('{', &format!("{{\"{name}\":\"none\","), 1);
            forger.refused(place, name, &forger.raw(&twice, &payload)).await;
        }
        for not_an_object in ["[]", "null", "\"x\"", "", "{", "{}{}"] {
            forger
                .refused(place, not_an_object, &forger.raw(&header, not_an_object))
                .await;
            forger
                .refused(place, not_an_object, &forger.raw(not_an_object, &payload))
                .await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn jw_08_other_forms_of_a_token() {
    let forger = Forger::new().await;
    for place in PLACES {
        let good = forger.genuine(place).to_owned();
        let [header, payload, signature] = segments(&good);
        for form in [
            format!(" {good}"),
            format!("{good}\t."),
            format!("{header} .{payload}.{signature}"),
            format!("{header}.{payload}\n.{signature}"),
            format!("{header}=.{payload}.{signature}"),
            format!("{header}.{payload}==.{signature}"),
            format!("{good}="),
            format!("{good}=="),
            format!("{good}."),
            format!(".{good}"),
            format!("{good}.{signature}"),
            format!("{header}.{payload}"),
            format!("{header}..{signature}"),
            format!(".{payload}.{signature}"),
            format!("{good}~"),
            format!("{good}%3D"),
            format!("{header}.{payload}.+/+/"),
            json!({"protected": header, "payload": payload, "signature": signature}).to_string(),
            json!({"payload": payload, "signatures": [{"protected": header, "signature": signature}]}).to_string(),
            format!("{good}{}", "A".repeat(20_000)),
        ] {
            // White space around a bearer token belongs to the header, not to the token.
            if place == Place::Userinfo && form.trim() == good {
                continue;
            }
            forger.refused(place, &form, &form).await;
        }
        assert!(forger.accepts(place, &good).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn jw_09_another_type_of_token() {
    let forger = Forger::new().await;
    assert!(!forger.accepts(Place::Userinfo, forger.genuine(Place::Hint)).await);
    assert!(!forger.accepts(Place::Hint, forger.genuine(Place::Userinfo)).await);
    for place in PLACES {
        let other = PLACES.into_iter().find(|other| *other != place).unwrap();
        for typ in [
            json!(Forger::typ(other)),
            json!("logout+jwt"),
            json!("oauth-authz-req+jwt"),
            json!("dpop+jwt"),
            json!("token-introspection+jwt"),
            json!("JOSE"),
            json!("at+jwt,JWT"),
            json!(["at+jwt", "JWT"]),
            json!(1),
            Value::Null,
        ] {
            let token = forger.with_header(place, &json!({"typ": typ}));
            forger.refused(place, &typ.to_string(), &token).await;
        }
        // Case and the long form are the same type (RFC 7515 §4.1.9).
        let long = format!("application/{}", Forger::typ(place)).to_uppercase();
        assert!(
            forger
                .accepts(place, &forger.with_header(place, &json!({"typ": long})))
                .await
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn jw_10_another_issuer_audience_or_client() {
    let forger = Forger::new().await;
    for audience in [
        json!("https://api.example"),
        json!(["https://api.example"]),
        json!([]),
        json!(""),
        json!("https://id.example/"),
        json!("https://ID.example"),
        json!([["https://id.example"]]),
        json!({"https://id.example": 1}),
        json!(1),
        Value::Null,
    ] {
        let token = forger.with_claims(Place::Userinfo, &json!({"aud": audience}));
        assert!(!forger.accepts(Place::Userinfo, &token).await, "{audience}");
    }
    for audience in [
        json!("other"),
        json!(["other"]),
        json!(["shop", "other"]),
        json!("SHOP"),
        json!(1),
        Value::Null,
    ] {
        forger
            .refused(
                Place::Hint,
                &audience.to_string(),
                &forger.with_claims(Place::Hint, &json!({"aud": audience})),
            )
            .await;
    }
    for place in PLACES {
        for issuer in [
            json!("https://id.example/"),
            json!("https://ID.example"),
            json!("https://id.example.attacker.example"),
            json!("http://id.example"),
            json!(["https://id.example"]),
            json!(""),
            Value::Null,
        ] {
            forger
                .refused(
                    place,
                    &issuer.to_string(),
                    &forger.with_claims(place, &json!({"iss": issuer})),
                )
                .await;
        }
        forger
            .refused(place, "no subject", &forger.with_claims(place, &json!({"sub": null})))
            .await;
    }
    for gone in ["jti", "client_id"] {
        forger
            .refused(
                Place::Userinfo,
                gone,
                &forger.with_claims(Place::Userinfo, &json!({gone: null})),
            )
            .await;
    }
    let unknown = forger.with_claims(
        Place::Userinfo,
        &json!({"grant_id": "00000000-0000-0000-0000-000000000000"}),
    );
    assert!(!forger.accepts(Place::Userinfo, &unknown).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn jw_11_dates_that_are_none() {
    let forger = Forger::new().await;
    for place in PLACES {
        for name in ["exp", "iat", "nbf"] {
            for date in [
                "\"1893456000\"",
                "1893456000.5",
                "-1",
                "1e18",
                "1000000000000000000",
                "9223372036854775807",
                "18446744073709551616",
                "null",
                "true",
                "[]",
                "{}",
                "\"\"",
            ] {
                let payload = changed(claims(forger.genuine(place)), &json!({name: null})).to_string();
                let payload = payload.replacen('{', &format!("{{\"{name}\":{date},"), 1);
                let token = forger.raw(&forger.header(place).to_string(), &payload);
                forger.refused(place, &format!("{name} {date}"), &token).await;
            }
        }
        for name in ["exp", "iat"] {
            forger
                .refused(place, name, &forger.with_claims(place, &json!({name: null})))
                .await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn jw_12_the_limits_of_dates() {
    const { assert!(LEEWAY_SECONDS <= 60) };
    let forger = Forger::new().await;
    let now = forger.server.app.clock().now().as_i64();
    for (exp, good) in [(now - 1, false), (now, false), (now + 1, true)] {
        let token = forger.with_claims(Place::Userinfo, &json!({"exp": exp}));
        assert_eq!(forger.accepts(Place::Userinfo, &token).await, good, "exp {}", exp - now);
        // A hint tells who is meant, and may do so for as long as its key is published.
        assert!(
            forger
                .accepts(Place::Hint, &forger.with_claims(Place::Hint, &json!({"exp": exp})))
                .await
        );
    }
    // A clock that is behind the one that issued: the same tolerance at every place.
    for place in PLACES {
        for name in ["iat", "nbf"] {
            for (ahead, good) in [
                (0, true),
                (1, true),
                (LEEWAY_SECONDS, true),
                (LEEWAY_SECONDS + 1, false),
                (3600, false),
            ] {
                let token = forger.with_claims(place, &json!({name: now + ahead}));
                assert_eq!(forger.accepts(place, &token).await, good, "{name} {ahead} s ahead");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn jw_13_signatures_that_are_none() {
    let forger = Forger::new().await;
    for place in PLACES {
        let good = forger.genuine(place).to_owned();
        let [header, payload, signature] = segments(&good);
        let bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let order = "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551";
        let order: Vec<u8> = (0..32)
            .map(|at| u8::from_str_radix(&order[2 * at..2 * at + 2], 16).unwrap())
            .collect();
        let mut flipped = bytes.clone();
        flipped[0] ^= 1;
        let broken = [
            vec![0; 64],
            [vec![0; 32], bytes[32..].to_vec()].concat(),
            [bytes[..32].to_vec(), vec![0; 32]].concat(),
            [order.clone(), order].concat(),
            flipped,
            bytes[..63].to_vec(),
            [bytes.clone(), vec![0]].concat(),
            [vec![0], bytes.clone()].concat(),
            vec![0x30, 0x06, 0x02, 0x01, 0x00, 0x02, 0x01, 0x00],
            vec![0],
        ];
        for signature in broken {
            forger
                .refused(
                    place,
                    "a broken signature",
                    &format!("{header}.{payload}.{}", encode(signature)),
                )
                .await;
        }
        let other = changed(claims(&good), &json!({"sub": "somebody else"})).to_string();
        forger
            .refused(
                place,
                "other claims",
                &format!("{header}.{}.{signature}", encode(other)),
            )
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn jw_15_to_17_encrypted_and_nested_tokens() {
    let forger = Forger::new().await;
    for place in PLACES {
        let inner = forger.genuine(place).to_owned();
        for header in [
            json!({"alg": "dir", "enc": "A256GCM"}),
            json!({"alg": "RSA1_5", "enc": "A128CBC-HS256"}),
            json!({"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2c": 10_000_000, "p2s": "AAAA"}),
            json!({"alg": "dir", "enc": "A256GCM", "zip": "DEF"}),
            json!({"alg": "RSA-OAEP", "enc": "unknown", "kid": forger.key.kid, "typ": Forger::typ(place)}),
        ] {
            let encrypted = format!("{}.AAAA.AAAA.{}.AAAA", encode(header.to_string()), encode(&inner));
            forger.refused(place, "a JWE", &encrypted).await;
        }
        let mut nested = inner;
        for _ in 0..5 {
            let header = changed(forger.header(place), &json!({"cty": "JWT"}));
            nested = forger.raw(&header.to_string(), &nested);
            forger.refused(place, "a nested token", &nested).await;
        }
    }
    // As a request object it is not the client's.
    let request = AuthRequest::new(&forger.client, "openid").set("request", forger.genuine(Place::Hint));
    let callback = Browser::new(&forger.server).authorize(&request).await.callback();
    sent_back(&callback, &forger.client.redirect_uri, "invalid_request_object");
}
