//! JW: what is issued, and the keys it is signed with.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use portcullis::crypto::jwt::{Expected, ForeignExpected, JwtError, verify_with_jwk_set};
use portcullis::crypto::keys::{KeyRing, generate};
use portcullis::crypto::seal::MasterKey;
use portcullis::jobs::{keys, keys::Handover, sweep};
use portcullis::model::signing_key::SigningKey;
use portcullis::protocol::signing_alg::SigningAlg;
use portcullis::store::Predecessors;
use portcullis::time::Timestamp;
use ring::digest::{SHA256, SHA512, digest};
use serde_json::Value;

use super::dump::{Dump, execute};
use super::refusals::bearer_refused;
use crate::support::{AuthRequest, Browser, ClientSpec, TestDb, TestServer, Tokens, both_stores, claims, seconds};

const ISSUER: &str = "https://id.example";

fn encode(text: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// The segments of a compact JWS.
fn segments(token: &str) -> [&str; 3] {
    token.split('.').collect::<Vec<_>>().try_into().unwrap()
}

/// The header of a JWT, unverified.
pub(super) fn header(jwt: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(segments(jwt)[0]).unwrap()).unwrap()
}

/// Checks as a resource server does: with the published keys only.
pub(super) fn verified(jwt: &str, jwks: &Value, typ: &str, audience: &str, now: Timestamp) -> Result<(), JwtError> {
    let expected = ForeignExpected {
        token: Expected {
            typ: &[typ],
            issuer: ISSUER,
            now,
            leeway_seconds: 0,
            allow_expired: false,
        },
        audience,
    };
    verify_with_jwk_set(jwt, jwks, &expected).map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn jw_18_and_19_id_tokens() {
    let server = TestServer::new(TestDb::sqlite().await).await;
    let alice = server.alice().await;
    let jwks = server.get("/.well-known/jwks.json").await.json();
    let now = server.app.clock().now();
    for &alg in SigningAlg::ALL {
        let id = format!("client-{}", alg.as_str().to_lowercase());
        let spec = ClientSpec::web(&id).metadata(|metadata| metadata.id_token_alg = alg);
        let client = server.add_client(spec).await;
        let tokens = server.code_flow(&client, "openid email").await;
        let id_token = tokens.id.as_deref().unwrap();
        let header = header(id_token);
        assert_eq!(
            header.as_object().unwrap().keys().collect::<Vec<_>>(),
            ["alg", "kid", "typ"]
        );
        assert_eq!((&header["alg"], &header["typ"]), (&alg.as_str().into(), &"JWT".into()));
        verified(id_token, &jwks, "JWT", &id, now).unwrap();

        let body = claims(id_token);
        assert_eq!((&body["iss"], &body["aud"]), (&ISSUER.into(), &id.as_str().into()));
        assert_eq!(
            (&body["nonce"], &body["sub"]),
            (&"the-nonce".into(), &alice.id.to_string().into())
        );
        assert_eq!(body["iat"], now.as_i64());
        assert_eq!(body["auth_time"], now.as_i64());
        assert_eq!(body["exp"], now.as_i64() + 900);
        let sub = body["sub"].as_str().unwrap();
        assert!(sub.is_ascii() && sub.len() <= 255);
        let (hash, half) = match alg {
            SigningAlg::EdDsa => (&SHA512, 32),
            _ => (&SHA256, 16),
        };
        let expected = encode(&digest(hash, tokens.access.as_bytes()).as_ref()[..half]);
        assert_eq!(body["at_hash"], expected, "{alg}");
    }
    assert!("none".parse::<SigningAlg>().is_err());
    assert!(serde_json::from_str::<SigningAlg>("\"none\"").is_err());

    // No nonce is made up for a request without one.
    let client = server.add_client(ClientSpec::web("shop")).await;
    let request = AuthRequest::new(&client, "openid").without("nonce");
    let code = Browser::new(&server).grant(&request, "alice").await.code();
    let tokens = Tokens::of(server.redeem(&client, &code, &request).await);
    assert!(claims(tokens.id.as_deref().unwrap()).get("nonce").is_none());
}

both_stores! {
    async fn jw_20_a_subject_is_never_given_again(db: TestDb) {
        let server = TestServer::new(db).await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        let before = server.code_flow(&client, "openid").await;
        execute(&server.db, "DELETE FROM users WHERE username = 'alice'").await;
        let after = server.code_flow(&client, "openid").await;
        let subject = |tokens: &Tokens| claims(tokens.id.as_deref().unwrap())["sub"].clone();
        assert_ne!(subject(&before), subject(&after));
        bearer_refused(&server.userinfo(&before.access).await, 401, "invalid_token");
    }

    async fn jw_21_a_client_named_like_a_user_learns_nothing(db: TestDb) {
        let server = TestServer::new(db).await;
        let alice = server.alice().await;
        let service = server.add_client(ClientSpec::service(&alice.id.to_string())).await;
        let tokens = Tokens::of(server.client_credentials(&service).await);
        bearer_refused(&server.userinfo(&tokens.access).await, 403, "insufficient_scope");
        // What tells the two apart for others: only a person's token has a sign-in behind it.
        let own = claims(&tokens.access);
        let web = server.add_client(ClientSpec::web("shop")).await;
        let hers = claims(&server.code_flow(&web, "openid").await.access);
        for name in ["auth_time", "grant_id", "sid"] {
            assert!(own.get(name).is_none() && hers.get(name).is_some(), "{name}");
        }
        assert_ne!(own["client_id"], hers["client_id"]);
    }

    async fn jw_23_the_published_keys(db: TestDb) {
        let server = TestServer::new(db).await;
        keys::rotate(&server.app, SigningAlg::Es256, Handover::After(3600)).await.unwrap();
        let response = server.get("/.well-known/jwks.json").await.expect(200);
        assert_eq!(response.header("content-type"), "application/jwk-set+json");
        assert_eq!(response.header("cache-control"), "public, max-age=300");
        let jwks = response.json();
        let published = jwks["keys"].as_array().unwrap();
        assert_eq!(
            published.len(),
            SigningAlg::ALL.len() + 1,
            "the one that does not sign yet included"
        );
        let mut kids = BTreeMap::new();
        for key in published {
            assert_eq!(key["use"], "sig");
            assert!(key["alg"].as_str().unwrap().parse::<SigningAlg>().is_ok());
            for name in key.as_object().unwrap().keys() {
                assert!(
                    ["kty", "use", "alg", "kid", "n", "e", "crv", "x", "y"].contains(&name.as_str()),
                    "{name}"
                );
            }
            kids.insert(key["kid"].as_str().unwrap(), key);
        }
        assert_eq!(kids.len(), published.len(), "every kid once");
        let unchanged = server
            .get("/.well-known/jwks.json")
            .header("if-none-match", response.header("etag"))
            .await;
        assert_eq!((unchanged.status.as_u16(), unchanged.body.len()), (304, 0));
    }

    async fn jw_24_every_token_verifies_at_every_instant_of_a_rotation(db: TestDb) {
        const STEP: i64 = 300;
        let server = TestServer::with(db, |config| {
            config.keys.publication_lead = seconds(600);
            config.keys.retirement = seconds(900);
        })
        .await;
        let other = server.second_node().await;
        let client = server
            .add_client(ClientSpec::web("shop").metadata(|metadata| metadata.id_token_alg = SigningAlg::EdDsa))
            .await;
        let mut tokens = server.code_flow(&client, "openid offline_access").await;
        let start = header(&tokens.access)["kid"].clone();
        let jwks = async |node: &TestServer| node.get("/.well-known/jwks.json").await.expect(200).json();
        let names = |jwks: &Value, kid: &Value| jwks["keys"].as_array().unwrap().iter().any(|key| key["kid"] == *kid);

        let mut issued: Vec<(String, &str, &str)> = Vec::new();
        let mut signed_by: Vec<Value> = Vec::new();
        let mut fetched: Vec<Value> = vec![jwks(&server).await; 3];
        // Each five minutes, and the two seconds before: the last that a key signs is a second older than its
        // successor.
        for instant in 0..48 {
            if instant % 15 == 3 {
                for alg in [SigningAlg::Es256, SigningAlg::EdDsa] {
                    let node = if instant == 3 { &server } else { &other };
                    keys::rotate(&node.app, alg, Handover::After(600)).await.unwrap();
                }
            }
            let node = if instant % 2 == 0 { &server } else { &other };
            tokens = Tokens::of(node.refresh(&client, tokens.refresh()).await);
            signed_by.push(header(&tokens.access)["kid"].clone());
            let fresh = [
                (tokens.access.clone(), "at+jwt", ISSUER),
                (tokens.id.clone().unwrap(), "JWT", "shop"),
            ];
            let now = server.app.clock().now();
            let check = |jwks: &Value, (jwt, typ, audience): &(String, &str, &str)| {
                verified(jwt, jwks, typ, audience, now).unwrap_or_else(|error| panic!("instant {instant}: {error}"));
            };
            // Who fetched the keys five minutes ago, and may keep them so long, knows these already.
            fresh.iter().for_each(|token| check(&fetched[fetched.len() - 3], token));
            issued.extend(fresh);
            issued.retain(|(jwt, ..)| claims(jwt)["exp"].as_i64().unwrap() > now.as_i64());
            sweep::once(&server.app).await.unwrap();
            for node in [&server, &other] {
                let published = jwks(node).await;
                issued.iter().for_each(|token| check(&published, token));
                for (jwt, ..) in issued.iter().filter(|(_, typ, _)| *typ == "at+jwt") {
                    node.userinfo(jwt).await.expect(200);
                }
            }
            fetched.push(jwks(&server).await);
            server.advance(if instant % 3 == 0 { STEP - 2 } else { 1 });
        }
        let first_use = |kid: &Value| signed_by.iter().position(|known| known == kid).unwrap();
        signed_by.iter().fold(0, |last, kid| {
            assert!(first_use(kid) >= last, "a key that was replaced never signs again");
            first_use(kid)
        });
        let distinct: std::collections::BTreeSet<_> = signed_by.iter().map(Value::to_string).collect();
        assert_eq!(distinct.len(), 4, "three rotations were seen to take effect");
        assert!(!names(&jwks(&server).await, &start), "the first key is gone in the end");
        let left = server.store().signing_keys().await.unwrap();
        assert!(left.iter().all(|key| start != key.kid));
    }

    async fn jw_25_a_stolen_database_cannot_sign(db: TestDb) {
        let server = TestServer::without_keys(db, ISSUER, |_| {}).await;
        let mut private = Vec::new();
        for &alg in SigningAlg::ALL {
            let key = generate(alg).unwrap();
            let now = server.app.clock().now();
            let stored = SigningKey {
                kid: key.kid.clone(),
                alg,
                generation: 1,
                sealed_private: key.seal(server.app.master_key()),
                public_jwk: key.public_jwk.clone(),
                created_at: now,
                active_from: now,
                retires_at: None,
                gone_at: None,
                revoked_at: None,
            };
            server.store().insert_key(&stored, Predecessors::Retire { gone_at: now }).await.unwrap();
            private.push(key);
        }
        let client = server.add_client(ClientSpec::service("batch")).await;
        server.client_credentials(&client).await.expect(200);
        let dump = Dump::of(&server, &private[0].kid).await;
        for key in &private {
            // Any 24 bytes of the end, where the secret numbers are, in whatever notation.
            let pkcs8 = key.private_pkcs8.as_slice();
            for chunk in pkcs8[40..].chunks_exact(24) {
                // What is public is also in there.
                let public = ["n", "x", "y"].iter().filter_map(|name| key.public_jwk[name].as_str());
                let mut public = public.map(|text| URL_SAFE_NO_PAD.decode(text).unwrap());
                if public.any(|bytes| {
                    bytes
                        .windows(12)
                        .any(|window| chunk.windows(12).any(|part| part == window))
                }) {
                    continue;
                }
                let hex: String = chunk.iter().map(|byte| format!("{byte:02x}")).collect();
                for needle in [
                    chunk.to_vec(),
                    hex.into_bytes(),
                    STANDARD.encode(chunk).into_bytes(),
                    encode(chunk).into_bytes(),
                ] {
                    assert!(
                        !dump.contains(&needle),
                        "a private key of {} is stored in clear",
                        key.alg
                    );
                }
            }
        }
        let rows = server.store().signing_keys().await.unwrap();
        assert!(KeyRing::open(&rows, &MasterKey::new([8; 32])).is_err());
        KeyRing::open(&rows, server.app.master_key()).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn jw_26_what_is_not_offered_is_not_promised() {
    let server = TestServer::new(TestDb::sqlite().await).await;
    let metadata = server.get("/.well-known/openid-configuration").await.json();
    for what in ["id_token", "userinfo"] {
        let values = |list: &str| metadata[format!("{what}_encryption_{list}_values_supported")].clone();
        let algorithms = ["RSA-OAEP-256", "ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A256KW"];
        assert_eq!(values("alg"), serde_json::json!(algorithms));
        assert_eq!(
            values("enc"),
            serde_json::json!(["A128CBC-HS256", "A128GCM", "A256GCM"])
        );
    }
    let names: Vec<_> = metadata.as_object().unwrap().keys().cloned().collect();
    let decrypted = |name: &&String| name.starts_with("request_object_encryption");
    assert!(!names.iter().any(|name| decrypted(&name)), "{names:?}");
    assert_eq!(
        metadata["subject_types_supported"],
        serde_json::json!(["public", "pairwise"])
    );
    assert_eq!(metadata["request_parameter_supported"], Value::Bool(true));
    assert_eq!(metadata["request_uri_parameter_supported"], Value::Bool(false));
    let algorithms = metadata["id_token_signing_alg_values_supported"].as_array().unwrap();
    assert!(
        !algorithms
            .iter()
            .any(|alg| alg == "none" || alg.as_str().unwrap().starts_with("HS"))
    );
}
