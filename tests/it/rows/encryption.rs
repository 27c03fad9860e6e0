//! JW-16, JW-18, JW-19, JW-26: what is signed or encrypted for one client.

use axum::Router;
use axum::routing::get;
use portcullis::crypto::jwt::JwtError;
use portcullis::model::client::{ClientMetadata, Encryption, KeySource};
use portcullis::protocol::error::Reason;
use portcullis::protocol::ids::ClientId;
use portcullis::protocol::jwe::{ContentEncryption, KeyManagementAlg};
use portcullis::protocol::signing_alg::SigningAlg;
use serde_json::{Value, json};

use super::jwts::{header, verified};
use crate::support::jwe::{ClientKeys, Opened};
use crate::support::process::{Ended, configure, portcullis, run};
use crate::support::{
    AuthRequest, Browser, ClientSpec, Https, TestClient, TestDb, TestServer, Tokens, both_stores, claims, document,
};

const ECDH: Encryption = Encryption {
    alg: KeyManagementAlg::EcdhEs,
    enc: ContentEncryption::A256Gcm,
};

async fn jwks(server: &TestServer) -> Value {
    server.get("/.well-known/jwks.json").await.json()
}

/// What /userinfo says to a client that has it as a JWT.
async fn userinfo_jwt(server: &TestServer, access_token: &str) -> String {
    let response = server.userinfo(access_token).await.expect(200);
    assert_eq!(response.header("content-type"), "application/jwt");
    assert_eq!(response.header("cache-control"), "no-store");
    response.text().to_owned()
}

async fn change(server: &TestServer, client: &TestClient, change: impl FnOnce(&mut ClientMetadata)) {
    let id = ClientId::parse(&client.id).unwrap();
    let known = server.store().client(&id).await.unwrap().unwrap();
    let mut metadata = known.metadata.clone();
    change(&mut metadata);
    let now = server.app.clock().now();
    server.store().update_client(&known, &metadata, now).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn jw_18_userinfo_is_signed_with_the_registered_algorithm() {
    let server = TestServer::new(TestDb::sqlite().await).await;
    let alice = server.alice().await;
    let (keys, now) = (jwks(&server).await, server.app.clock().now());
    for &alg in SigningAlg::ALL {
        let id = format!("client-{}", alg.as_str().to_lowercase());
        let spec = ClientSpec::web(&id).metadata(|metadata| metadata.userinfo_alg = Some(alg));
        let client = server.add_client(spec).await;
        let tokens = server.code_flow(&client, "openid email").await;
        let answer = userinfo_jwt(&server, &tokens.access).await;
        assert_eq!(
            (&header(&answer)["alg"], &header(&answer)["typ"]),
            (&json!(alg), &json!("JWT"))
        );
        // Signature, issuer and audience are right; only as an ID token it cannot pass.
        assert_eq!(verified(&answer, &keys, "JWT", &id, now), Err(JwtError::Date("exp")));
        let expected = json!({
            "iss": "https://id.example", "aud": id, "iat": now.as_i64(), "sub": alice.id.to_string(),
            "email": "alice@example.com",
        });
        assert_eq!(claims(&answer), expected);
        // A page of the client may read it as it may read the JSON.
        let origin = format!("https://{id}.example");
        let response = server
            .get("/userinfo")
            .bearer(&tokens.access)
            .origin(&origin)
            .await
            .expect(200);
        assert_eq!(response.header("access-control-allow-origin"), origin);
        server.userinfo("nonsense").await.expect_error(401, "invalid_token");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn jw_18_every_encryption_is_opened_by_its_client_alone() {
    let server = TestServer::new(TestDb::sqlite().await).await;
    let (own, other) = (ClientKeys::new(), ClientKeys::new());
    let (keys, now) = (jwks(&server).await, server.app.clock().now());
    for &alg in KeyManagementAlg::ALL {
        for &enc in ContentEncryption::ALL {
            let id = format!("{alg}-{enc}").to_lowercase().replace('+', "-");
            let encryption = Some(Encryption { alg, enc });
            let spec = ClientSpec::web(&id).metadata(|metadata| {
                metadata.keys = Some(KeySource::Jwks(own.jwks()));
                metadata.id_token_encryption = encryption;
                metadata.userinfo_encryption = encryption;
            });
            let client = server.add_client(spec).await;
            let tokens = server.code_flow(&client, "openid email").await;
            let encrypted = tokens.id.as_deref().unwrap();
            let Opened { header, text } = own.open(encrypted);
            let agreed = alg != KeyManagementAlg::RsaOaep256;
            let members: &[&str] = match agreed {
                true => &["alg", "cty", "enc", "epk", "kid", "typ"],
                false => &["alg", "cty", "enc", "kid", "typ"],
            };
            assert_eq!(header.as_object().unwrap().keys().collect::<Vec<_>>(), members);
            assert_eq!((&header["alg"], &header["enc"]), (&json!(alg), &json!(enc)));
            assert_eq!((&header["typ"], &header["cty"]), (&json!("JWT"), &json!("JWT")));
            verified(&text, &keys, "JWT", &id, now).unwrap();

            // Encrypted alone: the claims themselves.
            let told = own.open(&userinfo_jwt(&server, &tokens.access).await);
            assert!(told.header.get("cty").is_none());
            let told: Value = serde_json::from_str(&told.text).unwrap();
            assert_eq!(
                (&told["sub"], &told["email"]),
                (&claims(&text)["sub"], &json!("alice@example.com"))
            );
            assert!(told.get("aud").is_none());

            // Nobody else can, and every token has a key of its own.
            let strangers = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| other.open(encrypted)));
            assert!(strangers.is_err(), "{alg} {enc}");
            let again = server.code_flow(&client, "openid email").await.id.unwrap();
            for part in if agreed { 2..5 } else { 1..5 } {
                assert_ne!(
                    encrypted.split('.').nth(part),
                    again.split('.').nth(part),
                    "{alg} {enc}: {part}"
                );
            }
        }
    }
}

both_stores! {
    async fn jw_19_encrypted_id_tokens_in_every_flow(db: TestDb) {
        let server = TestServer::new(db).await;
        let own = ClientKeys::new();
        let encrypted = |metadata: &mut ClientMetadata| {
            metadata.keys = Some(KeySource::Jwks(own.jwks()));
            metadata.id_token_encryption = Some(ECDH);
            metadata.userinfo_alg = Some(SigningAlg::Es256);
            metadata.userinfo_encryption = Some(Encryption { alg: KeyManagementAlg::RsaOaep256, ..ECDH });
        };
        let shop = server.add_client(ClientSpec::web("shop").metadata(encrypted)).await;
        let tv = server.add_client(ClientSpec::device("tv").metadata(encrypted)).await;
        let tokens = server.code_flow(&shop, "openid offline_access").await;
        let renewed = Tokens::of(server.refresh(&shop, tokens.refresh()).await);
        let device = server.device_flow(&tv, "openid").await;
        let (keys, now) = (jwks(&server).await, server.app.clock().now());
        for (client, tokens) in [("shop", &tokens), ("shop", &renewed), ("tv", &device)] {
            let inner = own.open(tokens.id.as_deref().unwrap()).text;
            verified(&inner, &keys, "JWT", client, now).unwrap();
            // Signed, then encrypted.
            let told = own.open(&userinfo_jwt(&server, &tokens.access).await);
            assert_eq!(told.header["cty"], "JWT");
            assert_eq!(verified(&told.text, &keys, "JWT", client, now), Err(JwtError::Date("exp")));
            assert_eq!(claims(&told.text)["sub"], claims(&inner)["sub"]);
        }
        // Without openid there is nothing to encrypt, and no key is asked for.
        change(&server, &shop, |metadata| metadata.keys = None).await;
        let narrowed = [("grant_type", "refresh_token"), ("refresh_token", renewed.refresh()), ("scope", "offline_access")];
        let narrowed = Tokens::of(server.token(&shop, &narrowed).await);
        assert!(narrowed.id.is_none());
    }

    /// The client decrypts it first (OpenID Connect Core §3.1.2.1).
    async fn az_37_an_encrypted_hint_is_refused_and_what_was_in_it_taken(db: TestDb) {
        let server = TestServer::new(db).await;
        let own = ClientKeys::new();
        let spec = ClientSpec::web("shop").metadata(|metadata| {
            metadata.keys = Some(KeySource::Jwks(own.jwks()));
            metadata.id_token_encryption = Some(ECDH);
        });
        let shop = server.add_client(spec).await;
        let encrypted = server.code_flow(&shop, "openid").await.id.unwrap();
        let inner = own.open(&encrypted).text;
        let mut browser = Browser::new(&server);
        browser.grant(&AuthRequest::new(&shop, "openid"), "alice").await.code();
        let hinted = |hint: &str| AuthRequest::new(&shop, "openid").set("prompt", "none").set("id_token_hint", hint);
        browser.authorize(&hinted(&inner)).await.callback().code();
        assert_eq!(browser.authorize(&hinted(&encrypted)).await.callback().get("error"), "invalid_request");
    }

    async fn a_code_is_not_spent_while_nothing_can_be_encrypted(db: TestDb) {
        let server = TestServer::new(db).await;
        let own = ClientKeys::new();
        let spec = ClientSpec::web("shop").metadata(|metadata| {
            metadata.keys = Some(KeySource::Jwks(json!({ "keys": [own.rsa_jwk()] })));
            metadata.id_token_encryption = Some(ECDH);
        });
        let shop = server.add_client(spec).await;
        let (code, request) = server.code(&shop, "openid").await;
        server.redeem(&shop, &code, &request).await.expect_error(400, "invalid_request");
        // A point that is on no curve is no key either.
        let mut bent = own.ec_jwk();
        bent["x"] = bent["y"].clone();
        change(&server, &shop, |metadata| metadata.keys = Some(KeySource::Jwks(json!({ "keys": [bent] })))).await;
        server.redeem(&shop, &code, &request).await.expect_error(400, "invalid_request");
        change(&server, &shop, |metadata| metadata.keys = Some(KeySource::Jwks(own.jwks()))).await;
        let tokens = Tokens::of(server.redeem(&shop, &code, &request).await);
        own.open(tokens.id.as_deref().unwrap());

        change(&server, &shop, |metadata| {
            metadata.keys = None;
            metadata.userinfo_encryption = Some(ECDH);
        }).await;
        server.userinfo(&tokens.access).await.expect_error(400, "invalid_request");
    }

    async fn keys_are_fetched_where_the_client_publishes_them(db: TestDb) {
        let own = ClientKeys::new();
        let published = own.jwks().to_string();
        let https = Https::start(Router::new().route("/jwks", get(|| async move { document("application/json", published) })));
        let server = TestServer::with_fetches(db, &https, |_| {}).await;
        let encrypted = |path: &str| {
            let uri = https.url(path);
            move |metadata: &mut ClientMetadata| {
                metadata.keys = Some(KeySource::JwksUri(uri));
                metadata.id_token_encryption = Some(ECDH);
                metadata.userinfo_encryption = Some(ECDH);
            }
        };
        let shop = server.add_client(ClientSpec::web("shop").metadata(encrypted("/jwks"))).await;
        let tokens = server.code_flow(&shop, "openid").await;
        own.open(tokens.id.as_deref().unwrap());
        own.open(&userinfo_jwt(&server, &tokens.access).await);
        assert_eq!(https.hits(), 1, "kept");

        let lost = server.add_client(ClientSpec::web("lost").metadata(encrypted("/elsewhere"))).await;
        let (code, request) = server.code(&lost, "openid").await;
        server.redeem(&lost, &code, &request).await.expect_error(503, "temporarily_unavailable");
        change(&server, &lost, |metadata| metadata.keys = Some(KeySource::Jwks(own.jwks()))).await;
        own.open(Tokens::of(server.redeem(&lost, &code, &request).await).id.as_deref().unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encryption_without_a_key_is_not_registered() {
    let server = TestServer::new(TestDb::sqlite().await).await;
    for flag in ["--id-token-encryption-alg", "--userinfo-encryption-alg"] {
        let uri = "https://shop.example/cb";
        let arguments = [
            "client",
            "create",
            "--name",
            "Shop",
            "--redirect-uri",
            uri,
            flag,
            "ECDH-ES+A128KW",
        ];
        let mut command = portcullis(&arguments);
        configure(&mut command, &server, &std::env::temp_dir(), &[]);
        command.args(["--issuer", server.app.issuer()]);
        let Ended { code, stderr, .. } = run(command);
        assert_eq!(code, Some(1), "{stderr}");
        assert!(
            stderr.contains("no public key for encryption with ECDH-ES+A128KW"),
            "{stderr}"
        );
    }
    assert!(server.store().clients().await.unwrap().is_empty());
}

/// What would be refused of others is never made either.
#[test]
fn jw_16_and_26_weak_encryption_cannot_be_expressed() {
    for alg in [
        "RSA1_5",
        "RSA-OAEP",
        "dir",
        "A128KW",
        "A128GCMKW",
        "PBES2-HS256+A128KW",
        "none",
    ] {
        assert!(alg.parse::<KeyManagementAlg>().is_err(), "{alg}");
        assert!(serde_json::from_value::<KeyManagementAlg>(json!(alg)).is_err(), "{alg}");
    }
    for enc in ["A128CBC", "none", "", "DEF"] {
        assert!(enc.parse::<ContentEncryption>().is_err(), "{enc}");
    }
    assert_eq!(Reason::EncryptionKeyMissing.code().status(), 400);
}
