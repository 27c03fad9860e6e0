//! CA: client authentication.

use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use portcullis::crypto::digest::token_digest;
use portcullis::crypto::opaque::{Kind, OpaqueToken};
use portcullis::model::client::{ClientSecret, SecretVerifier};
use portcullis::protocol::client_auth_method::ClientAuthMethod;
use portcullis::store::{ClientWrite, SecretRotation};
use url::form_urlencoded::byte_serialize;

use super::dump::Dump;
use super::refusals::{refused, unauthenticated};
use crate::support::{ClientSpec, TestClient, TestDb, TestRequest, TestResponse, TestServer, both_stores};

const GRANT: (&str, &str) = ("grant_type", "client_credentials");

async fn service(db: TestDb) -> (TestServer, TestClient) {
    let server = TestServer::new(db).await;
    let client = server.add_client(ClientSpec::service("batch")).await;
    (server, client)
}

/// A request for the client's own token, with this Authorization header.
fn with_header(server: &TestServer, header: &str) -> TestRequest {
    server.post_form("/token", &[GRANT]).header("authorization", header)
}

fn basic(pair: &str) -> String {
    format!("Basic {}", STANDARD.encode(pair))
}

/// Gives `client` another secret; the one before counts for `overlap` seconds more.
async fn rotate(server: &TestServer, client: &TestClient, verifier: SecretVerifier, overlap: i64) {
    let now = server.app.clock().now();
    let stored = server.store().client(&client.client_id()).await.unwrap().unwrap();
    let secret = ClientSecret {
        sealed: None,
        id: server.app.row_key(now),
        verifier,
        created_at: now,
        expires_at: None,
    };
    let rotation = SecretRotation {
        client: &stored,
        secret: &secret,
        overlap_until: now.plus(overlap),
    };
    assert_eq!(
        server.store().rotate_secret(&rotation).await.unwrap(),
        ClientWrite::Done
    );
}

/// Everything that a caller can see, save for what differs between any two answers.
fn visible(response: &TestResponse) -> (u16, HeaderMap, Vec<u8>) {
    let mut headers = response.headers.clone();
    headers.remove("x-request-id");
    headers.remove("date");
    (response.status.as_u16(), headers, response.body.clone())
}

both_stores! {
    async fn ca_01_and_02_wrong_secret(db: TestDb) {
        let (server, client) = service(db).await;
        let right = client.secret.clone().unwrap();
        let other = OpaqueToken::generate(Kind::ClientSecret);
        let (short, long) = (&right[..54], format!("{right}x"));
        for wrong in [
            other.expose(),
            "x",
            short,
            &long,
            &right.to_ascii_lowercase(),
            " ",
            "batch",
            &"x".repeat(513),
            &"x".repeat(50_000),
        ] {
            unauthenticated(&server.post_form("/token", &[GRANT]).basic("batch", wrong).await);
            unauthenticated(
                &server
                    .post_form("/token", &[GRANT, ("client_id", "batch"), ("client_secret", wrong)])
                    .await,
            );
            unauthenticated(
                &server
                    .post_form("/revoke", &[("token", "x")])
                    .basic("batch", wrong)
                    .await,
            );
        }
        server
            .post_form("/token", &[GRANT, ("client_id", "batch"), ("client_secret", &right)])
            .await
            .expect(200);
        server.client_credentials(&client).await.expect(200);
    }

    async fn ca_03_unknown_client_and_wrong_secret_look_the_same(db: TestDb) {
        let (server, _) = service(db).await;
        let disabled = server.add_client(ClientSpec::service("disabled")).await;
        server
            .store()
            .set_client_enabled(&disabled.client_id(), false, server.app.clock().now())
            .await
            .unwrap();
        server
            .add_client(ClientSpec::service("basic-only").metadata(|metadata| {
                metadata.auth_methods = vec![ClientAuthMethod::ClientSecretBasic];
            }))
            .await;
        for path in ["/token", "/revoke"] {
            let by_basic = async |id: &str| {
                visible(
                    &server
                        .post_form(path, &[GRANT, ("token", "x")])
                        .basic(id, "wrong")
                        .await,
                )
            };
            let by_post = async |id: &str| {
                visible(
                    &server
                        .post_form(
                            path,
                            &[GRANT, ("token", "x"), ("client_id", id), ("client_secret", "wrong")],
                        )
                        .await,
                )
            };
            let (unknown, posted) = (by_basic("nobody").await, by_post("nobody").await);
            assert_eq!(unknown.0, 401);
            assert_eq!(unknown, posted);
            for id in ["batch", "disabled", "basic-only", "not a client id", "é"] {
                assert_eq!(by_basic(id).await, unknown, "{id}");
                assert_eq!(by_post(id).await, posted, "{id}");
            }
        }
        // Those who do know the secret may learn more, but a disabled client does not.
        unauthenticated(&server.client_credentials(&disabled).await);
    }

    async fn ca_04_two_mechanisms_at_once(db: TestDb) {
        let (server, client) = service(db).await;
        let secret = client.secret.as_deref().unwrap();
        let both = [GRANT, ("client_id", "batch"), ("client_secret", secret)];
        refused(
            &server.post_form("/token", &both).basic("batch", secret).await,
            "invalid_request",
        );
        refused(
            &server
                .post_form("/token", &[GRANT, ("client_secret", secret)])
                .basic("batch", secret)
                .await,
            "invalid_request",
        );
        refused(
            &server
                .post_form("/token", &[GRANT])
                .basic("batch", secret)
                .basic("batch", secret)
                .await,
            "invalid_request",
        );
        refused(
            &server
                .post_form("/token", &both)
                .header("authorization", "Bearer x")
                .await,
            "invalid_request",
        );
        refused(
            &server
                .post_form("/revoke", &[both[1], both[2], ("token", "x")])
                .basic("batch", secret)
                .await,
            "invalid_request",
        );
    }

    async fn ca_05_two_names(db: TestDb) {
        let (server, client) = service(db).await;
        server.add_client(ClientSpec::service("other")).await;
        let secret = client.secret.as_deref().unwrap();
        for name in ["other", "BATCH", "batch ", "nobody"] {
            refused(
                &server
                    .post_form("/token", &[GRANT, ("client_id", name)])
                    .basic("batch", secret)
                    .await,
                "invalid_request",
            );
        }
        server
            .post_form("/token", &[GRANT, ("client_id", "batch")])
            .basic("batch", secret)
            .await
            .expect(200);
    }

    async fn ca_06_both_halves_are_form_encoded(db: TestDb) {
        let server = TestServer::new(db).await;
        let client = server.add_client(ClientSpec::service("a-b.c_d~1")).await;
        for chosen in [
            "with:colon",
            "100%",
            "a+b c",
            "%41",
            "pä$$wörd€𝄞",
            "&=?#/",
            "\"quoted\"\\",
        ] {
            let hash = server.app.passwords().hash(chosen).await.unwrap();
            for verifier in [
                SecretVerifier::Digest(token_digest(chosen)),
                SecretVerifier::Password(hash),
            ] {
                rotate(&server, &client, verifier, 0).await;
                server
                    .post_form("/token", &[GRANT])
                    .basic(&client.id, chosen)
                    .await
                    .expect(200);
                // Every byte escaped, the name too, is the same.
                let escaped = |text: &str| text.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
                with_header(&server, &basic(&format!("{}:{}", escaped(&client.id), escaped(chosen))))
                    .await
                    .expect(200);
                server
                    .post_form("/token", &[GRANT, ("client_id", &client.id), ("client_secret", chosen)])
                    .await
                    .expect(200);
                // Encoded twice is another secret.
                let twice: String = byte_serialize(chosen.as_bytes()).collect();
                unauthenticated(&server.post_form("/token", &[GRANT]).basic(&client.id, &twice).await);
            }
        }
        // A raw colon can only be the first of the pair; what follows belongs to the secret.
        rotate(&server, &client, SecretVerifier::Digest(token_digest("x:y:z")), 0).await;
        with_header(&server, &basic(&format!("{}:x:y:z", client.id)))
            .await
            .expect(200);
    }

    async fn ca_07_malformed_headers(db: TestDb) {
        let (server, client) = service(db).await;
        let pair = format!("batch:{}", client.secret.as_deref().unwrap());
        let good = STANDARD.encode(&pair);
        for malformed in [
            "Basic".to_owned(),
            "Basic ".to_owned(),
            "Basic !!!!".to_owned(),
            basic("batch"),
            basic(":"),
            basic(&format!(":{}", client.secret.as_deref().unwrap())),
            basic("batch:%zz"),
            basic("batch:%00"),
            basic("%ff%fe:x"),
            format!("Basic {good} trailing"),
            format!("Basic {good},"),
            format!("Basic {good}===="),
            format!("Basic {}", good.trim_end_matches('=').to_owned() + "*"),
            format!("Basic\t{good}"),
            format!("Basic{good}"),
            format!("Digest {good}"),
            "Bearer abc".to_owned(),
            "Negotiate".to_owned(),
            "é".to_owned(),
            format!("Basic {}", "A".repeat(50_000)),
        ] {
            unauthenticated(&with_header(&server, &malformed).await);
            // It does not fall back on a name in the body.
            let named = server
                .post_form("/token", &[GRANT, ("client_id", "batch")])
                .header("authorization", &malformed);
            let status = named.await.status.as_u16();
            assert!([400, 401].contains(&status), "{malformed}: {status}");
        }
        let two = with_header(&server, &format!("Basic {good}"))
            .header("authorization", "Bearer x")
            .await;
        refused(&two, "invalid_request");
        for scheme in ["basic", "BASIC", "bAsIc"] {
            with_header(&server, &format!("{scheme} {good}")).await.expect(200);
        }
    }

    async fn ca_08_confidential_client_that_only_names_itself(db: TestDb) {
        let server = TestServer::new(db).await;
        let service = server.add_client(ClientSpec::service("batch")).await;
        let web = server.add_client(ClientSpec::web("shop")).await;
        let (code, request) = server.code(&web, "openid").await;
        unauthenticated(&server.post_form("/token", &[GRANT, ("client_id", &service.id)]).await);
        unauthenticated(
            &server
                .post_form("/token", &[GRANT, ("client_id", &service.id), ("client_secret", "")])
                .await,
        );
        unauthenticated(&with_header(&server, &basic("batch:")).await);
        unauthenticated(&server.post_form("/token", &[GRANT]).await);
        unauthenticated(
            &server
                .post_form("/revoke", &[("token", "x"), ("client_id", &service.id)])
                .await,
        );
        let nameless = TestClient {
            secret: None,
            ..web.clone()
        };
        unauthenticated(&server.redeem(&nameless, &code, &request).await);
        server.redeem(&web, &code, &request).await.expect(200);
    }

    async fn ca_09_public_client_with_a_secret(db: TestDb) {
        let server = TestServer::new(db).await;
        let client = server.add_client(ClientSpec::public("spa")).await;
        let (code, request) = server.code(&client, "openid").await;
        for secret in ["x", "spa"] {
            let pretending = TestClient {
                secret: Some(secret.to_owned()),
                ..client.clone()
            };
            unauthenticated(&server.redeem(&pretending, &code, &request).await);
            let posted = [
                ("grant_type", "authorization_code"),
                ("code", code.as_str()),
                ("client_id", "spa"),
                ("client_secret", secret),
            ];
            unauthenticated(&server.post_form("/token", &posted).await);
        }
        // An empty secret is none (RFC 6749 §2.3.1), which a confidential client does not get far with.
        let named = with_header(&server, &basic("spa:")).await;
        assert_eq!((named.status.as_u16(), named.error().as_str()), (400, "unauthorized_client"));
        server.add_client(ClientSpec::service("batch")).await;
        unauthenticated(&with_header(&server, &basic("batch:")).await);
        server.redeem(&client, &code, &request).await.expect(200);
    }

    async fn ca_10_another_method_than_the_registered(db: TestDb) {
        let server = TestServer::new(db).await;
        let only = |method| {
            move |metadata: &mut portcullis::model::client::ClientMetadata| metadata.auth_methods = vec![method]
        };
        let by_basic = server
            .add_client(ClientSpec::service("by-basic").metadata(only(ClientAuthMethod::ClientSecretBasic)))
            .await;
        let by_post = server
            .add_client(ClientSpec::service("by-post").metadata(only(ClientAuthMethod::ClientSecretPost)))
            .await;
        let post = |client: &TestClient| {
            server.post_form(
                "/token",
                &[
                    GRANT,
                    ("client_id", &client.id),
                    ("client_secret", client.secret.as_deref().unwrap()),
                ],
            )
        };
        unauthenticated(&post(&by_basic).await);
        server.client_credentials(&by_basic).await.expect(200);
        unauthenticated(&server.client_credentials(&by_post).await);
        post(&by_post).await.expect(200);
    }

    async fn ca_23_a_stolen_database_holds_no_client_secret(db: TestDb) {
        let (server, client) = service(db).await;
        let first = client.secret.clone().unwrap();
        let fresh = OpaqueToken::generate(Kind::ClientSecret);
        rotate(&server, &client, SecretVerifier::Digest(fresh.digest()), 3600).await;
        let chosen = "a secret that somebody chose";
        let other = server.add_client(ClientSpec::service("other")).await;
        let hash = server.app.passwords().hash(chosen).await.unwrap();
        rotate(&server, &other, SecretVerifier::Password(hash), 0).await;
        server
            .post_form("/token", &[GRANT])
            .basic("other", chosen)
            .await
            .expect(200);
        server
            .post_form("/token", &[GRANT])
            .basic("batch", "a wrong secret")
            .await
            .expect(401);
        let dump = Dump::of(&server, "The batch app").await;
        for secret in [&first, fresh.expose(), chosen, "a wrong secret"] {
            dump.lacks("a client secret", secret);
        }
    }

    async fn ca_24_old_and_new_secret_during_the_overlap(db: TestDb) {
        let (server, client) = service(db).await;
        let other = server.second_node().await;
        // Both nodes know the client by now.
        server.client_credentials(&client).await.expect(200);
        other.client_credentials(&client).await.expect(200);
        let fresh = OpaqueToken::generate(Kind::ClientSecret);
        rotate(&server, &client, SecretVerifier::Digest(fresh.digest()), 3600).await;
        let renewed = TestClient {
            secret: Some(fresh.expose().to_owned()),
            ..client.clone()
        };
        for node in [&server, &other] {
            node.client_credentials(&client).await.expect(200);
            node.client_credentials(&renewed).await.expect(200);
        }
        server.advance(3599);
        other.client_credentials(&client).await.expect(200);
        server.advance(1);
        for node in [&server, &other] {
            unauthenticated(&node.client_credentials(&client).await);
            node.client_credentials(&renewed).await.expect(200);
        }
        // A third secret ends what was left of the first at once.
        let third = OpaqueToken::generate(Kind::ClientSecret);
        rotate(&server, &client, SecretVerifier::Digest(third.digest()), 3600).await;
        unauthenticated(&other.client_credentials(&client).await);
        other.client_credentials(&renewed).await.expect(200);
    }

    async fn ca_26_secret_in_the_url(db: TestDb) {
        let (server, client) = service(db).await;
        let secret = client.secret.as_deref().unwrap();
        let path = format!("/token?client_id=batch&client_secret={secret}");
        refused(&server.post_form(&path, &[GRANT]).await, "invalid_request");
        refused(
            &server.post_form(&path, &[GRANT]).basic("batch", secret).await,
            "invalid_request",
        );
        refused(
            &server
                .post_form(
                    &format!("/revoke?client_secret={secret}"),
                    &[("token", "x"), ("client_id", "batch")],
                )
                .await,
            "invalid_request",
        );
    }
}

/// Time itself cannot be tested; that there is one comparison, and that it is the constant-time one, can.
#[test]
fn ca_22_secrets_are_compared_in_constant_time() {
    let source = include_str!("../../../src/client_auth/secret.rs");
    assert!(source.contains("equal(stored.as_bytes(), &digest)"));
    assert!(!source.contains("==") && !source.contains("!="), "another comparison");
    let digest = include_str!("../../../src/crypto/digest.rs");
    assert!(digest.contains("a.ct_eq(b).into()"));
    let code = include_str!("../../../src/grants/authorization_code.rs");
    assert!(code.contains("equal(challenge.digest(), &sha256(verifier.as_bytes()))"));
}
