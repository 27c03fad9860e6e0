//! IN: userinfo, revocation, metadata, cross-origin access.

use axum::http::Method;
use portcullis::crypto::opaque::{Kind, OpaqueToken};
use portcullis::model::api::AccessTokenFormat;
use portcullis::protocol::redirect_uri::RedirectUri;

use super::dump::execute;
use super::refusals::{bearer_refused, refused, unauthenticated};
use crate::support::{ClientSpec, TestDb, TestResponse, TestServer, Tokens, api, both_stores, claims};

const SCOPE: &str = "openid email offline_access";

/// 401 that names no error, since no token was presented (RFC 6750 §3.1).
#[track_caller]
fn no_token(response: &TestResponse) {
    assert_eq!(response.status.as_u16(), 401);
    assert_eq!(response.header("www-authenticate"), "Bearer realm=\"portcullis\"");
    assert_eq!(response.header("cache-control"), "no-store");
    assert_eq!(response.error(), "");
}

both_stores! {
    async fn in_02_tokens_that_do_not_count(db: TestDb) {
        let server = TestServer::new(db).await;
        server
            .add_api(
                "https://api.example",
                api("https://api.example", &["api:read"], AccessTokenFormat::Opaque),
            )
            .await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        let jwt = server.code_flow(&client, SCOPE).await;
        let opaque = server.code_flow(&client, "openid api:read").await;
        let unknown = OpaqueToken::generate(Kind::Access);
        for garbage in [
            "x",
            "a.b.c",
            "..",
            unknown.expose(),
            &format!("{}x", jwt.access),
            &format!("{}x", opaque.access),
            &opaque.access[..54],
            &"x".repeat(50_000),
            jwt.id.as_deref().unwrap(),
        ] {
            bearer_refused(&server.userinfo(garbage).await, 401, "invalid_token");
        }
        for header in ["Bearer", "Bearer ", "Bearer  "] {
            let response = server.get("/userinfo").header("authorization", header).await;
            assert_eq!(response.status.as_u16(), 401, "{header:?}");
        }
        server
            .get("/userinfo")
            .header("authorization", &format!("bEARER {}", jwt.access))
            .await
            .expect(200);
        for token in [&jwt.access, &opaque.access] {
            server.userinfo(token).await.expect(200);
            server.advance(1);
            server.revoke(&client, token).await.expect(200);
            bearer_refused(&server.userinfo(token).await, 401, "invalid_token");
        }
    }

    async fn in_02_expired_tokens(db: TestDb) {
        let server = TestServer::new(db).await;
        server
            .add_api(
                "https://api.example",
                api("https://api.example", &["api:read"], AccessTokenFormat::Opaque),
            )
            .await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        let jwt = server.code_flow(&client, SCOPE).await;
        let opaque = server.code_flow(&client, "openid api:read").await;
        server.advance(899);
        server.userinfo(&jwt.access).await.expect(200);
        server.userinfo(&opaque.access).await.expect(200);
        server.advance(1);
        bearer_refused(&server.userinfo(&jwt.access).await, 401, "invalid_token");
        bearer_refused(&server.userinfo(&opaque.access).await, 401, "invalid_token");
    }

    async fn in_03_token_without_openid(db: TestDb) {
        let server = TestServer::new(db).await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        let tokens = server.code_flow(&client, "email offline_access").await;
        assert_eq!(tokens.id, None);
        bearer_refused(&server.userinfo(&tokens.access).await, 403, "insufficient_scope");
    }

    async fn in_05_a_token_in_two_places(db: TestDb) {
        let server = TestServer::new(db).await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        let tokens = server.code_flow(&client, SCOPE).await;
        let form = [("access_token", tokens.access.as_str())];
        server.post_form("/userinfo", &form).await.expect(200);
        server
            .request(Method::POST, "/userinfo")
            .bearer(&tokens.access)
            .await
            .expect(200);
        bearer_refused(
            &server.post_form("/userinfo", &form).bearer(&tokens.access).await,
            400,
            "invalid_request",
        );
        bearer_refused(
            &server
                .get("/userinfo")
                .bearer(&tokens.access)
                .bearer(&tokens.access)
                .await,
            400,
            "invalid_request",
        );
        let twice = [form[0], form[0]];
        bearer_refused(&server.post_form("/userinfo", &twice).await, 400, "invalid_request");
        // Only a form presents a token; another body says nothing, and does not spoil a good header.
        let json = || server.request(Method::POST, "/userinfo").body("application/json", "{\"access_token\":\"x\"}");
        assert_eq!(json().await.expect(401).header("www-authenticate"), "Bearer realm=\"portcullis\"");
        json().bearer(&tokens.access).await.expect(200);
        for method in [Method::PUT, Method::DELETE] {
            server
                .request(method, "/userinfo")
                .bearer(&tokens.access)
                .await
                .expect(405);
        }
    }

    async fn in_06_a_clients_own_token_at_userinfo(db: TestDb) {
        let server = TestServer::new(db).await;
        let service = server
            .add_client(ClientSpec::service("batch").metadata(|metadata| {
                metadata.scope = crate::support::scope("openid profile email jobs:run");
            }))
            .await;
        let tokens = Tokens::of(server.client_credentials(&service).await);
        assert_eq!(
            (&tokens.json["scope"], &tokens.id, &tokens.refresh),
            (&"jobs:run".into(), &None, &None)
        );
        let response = server.userinfo(&tokens.access).await;
        bearer_refused(&response, 403, "insufficient_scope");
        for scope in ["openid", "openid jobs:run", "profile", "offline_access"] {
            let fields = [("grant_type", "client_credentials"), ("scope", scope)];
            refused(&server.token(&service, &fields).await, "invalid_scope");
        }
    }

    async fn in_07_the_user_is_disabled_or_deleted(db: TestDb) {
        let server = TestServer::new(db).await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        let tokens = server.code_flow(&client, SCOPE).await;
        let alice = server.alice().await;
        server
            .store()
            .disable_user(alice.id, server.app.clock().now())
            .await
            .unwrap();
        bearer_refused(&server.userinfo(&tokens.access).await, 401, "invalid_token");
        server.store().enable_user(alice.id).await.unwrap();
        bearer_refused(&server.userinfo(&tokens.access).await, 401, "invalid_token");
        let tokens = server.code_flow(&client, SCOPE).await;
        execute(&server.db, "DELETE FROM users WHERE username = 'alice'").await;
        bearer_refused(&server.userinfo(&tokens.access).await, 401, "invalid_token");
    }

    async fn in_14_revoking_what_is_unknown(db: TestDb) {
        let server = TestServer::new(db).await;
        let web = server.add_client(ClientSpec::web("shop")).await;
        let public = server.add_client(ClientSpec::public("spa")).await;
        let (refresh, access) = (
            OpaqueToken::generate(Kind::Refresh),
            OpaqueToken::generate(Kind::Access),
        );
        let expired = server.code_flow(&web, SCOPE).await;
        server.advance(1000);
        for client in [&web, &public] {
            for token in [
                "x",
                "a.b.c",
                refresh.expose(),
                access.expose(),
                &expired.access,
                "é",
                &"x".repeat(60_000),
            ] {
                let response = server.revoke(client, token).await.expect(200);
                assert!(response.body.is_empty());
            }
            refused(&server.post_as(client, "/revoke", &[]).await, "invalid_request");
        }
        unauthenticated(&server.post_form("/revoke", &[("token", "x")]).await);
        unauthenticated(
            &server
                .post_form("/revoke", &[("token", "x"), ("client_id", "nobody")])
                .await,
        );
    }

    async fn in_15_revoking_another_clients_token(db: TestDb) {
        let server = TestServer::new(db).await;
        server
            .add_api(
                "https://api.example",
                api("https://api.example", &["api:read"], AccessTokenFormat::Opaque),
            )
            .await;
        let owner = server.add_client(ClientSpec::web("shop")).await;
        let thieves = [
            server.add_client(ClientSpec::public("spa")).await,
            server.add_client(ClientSpec::service("batch")).await,
        ];
        for scope in [SCOPE, "openid offline_access api:read"] {
            let tokens = server.code_flow(&owner, scope).await;
            for thief in &thieves {
                for token in [&tokens.access, tokens.refresh()] {
                    let response = server.revoke(thief, token).await.expect(200);
                    assert!(response.body.is_empty(), "it cannot be told from an unknown one");
                }
            }
            server.userinfo(&tokens.access).await.expect(200);
            server.refresh(&owner, tokens.refresh()).await.expect(200);
        }
    }

    async fn in_16_revoking_a_refresh_token_ends_the_grant(db: TestDb) {
        let server = TestServer::new(db).await;
        let other = server.second_node().await;
        for client in [
            server.add_client(ClientSpec::web("shop")).await,
            server.add_client(ClientSpec::public("spa")).await,
        ] {
            let first = server.code_flow(&client, SCOPE).await;
            let second = Tokens::of(server.refresh(&client, first.refresh()).await);
            let untouched = server.code_flow(&client, SCOPE).await;
            // A spent token of the family names it as well as the newest.
            server.revoke(&client, first.refresh()).await.expect(200);
            for tokens in [&first, &second] {
                bearer_refused(&other.userinfo(&tokens.access).await, 401, "invalid_token");
                refused(&other.refresh(&client, tokens.refresh()).await, "invalid_grant");
            }
            other.userinfo(&untouched.access).await.expect(200);
            server.revoke(&client, second.refresh()).await.expect(200);
        }
    }

    async fn in_17_revoking_an_access_token_leaves_the_grant(db: TestDb) {
        let server = TestServer::new(db).await;
        let other = server.second_node().await;
        server
            .add_api(
                "https://api.example",
                api("https://api.example", &["api:read"], AccessTokenFormat::Opaque),
            )
            .await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        for scope in [SCOPE, "openid offline_access api:read"] {
            let tokens = server.code_flow(&client, scope).await;
            server.revoke(&client, &tokens.access).await.expect(200);
            bearer_refused(&other.userinfo(&tokens.access).await, 401, "invalid_token");
            let renewed = Tokens::of(other.refresh(&client, tokens.refresh()).await);
            server.userinfo(&renewed.access).await.expect(200);
            bearer_refused(&server.userinfo(&tokens.access).await, 401, "invalid_token");
            // Sweeping does not bring it back while it would still be unexpired.
            server.advance(800);
            portcullis::jobs::sweep::once(&server.app).await.unwrap();
            bearer_refused(&server.userinfo(&tokens.access).await, 401, "invalid_token");
        }
    }

    async fn in_18_wrong_and_unknown_hints(db: TestDb) {
        let server = TestServer::new(db).await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        for hint in ["access_token", "refresh_token", "id_token", "junk", "é", ""] {
            let tokens = server.code_flow(&client, SCOPE).await;
            for token in [&tokens.access, tokens.refresh()] {
                let fields = [("token", token), ("token_type_hint", hint)];
                server.post_as(&client, "/revoke", &fields).await.expect(200);
            }
            bearer_refused(&server.userinfo(&tokens.access).await, 401, "invalid_token");
            refused(&server.refresh(&client, tokens.refresh()).await, "invalid_grant");
        }
    }

    async fn in_19_revoking_while_the_database_is_down(db: TestDb) {
        let server = TestServer::new(db).await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        let tokens = server.code_flow(&client, SCOPE).await;
        let broken = server.second_node().await;
        broken.store().close().await;
        for token in [tokens.refresh(), &tokens.access, "x"] {
            let response = broken
                .revoke(&client, token)
                .await
                .expect_error(503, "temporarily_unavailable");
            assert!(!response.header("retry-after").is_empty());
            assert_eq!(response.header("cache-control"), "no-store");
        }
        let response = broken
            .userinfo(&tokens.access)
            .await
            .expect_error(503, "temporarily_unavailable");
        assert!(!response.header("retry-after").is_empty());
        server.userinfo(&tokens.access).await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_01_and_04_no_token_and_a_token_in_the_url() {
    let server = TestServer::new(TestDb::sqlite().await).await;
    let client = server.add_client(ClientSpec::web("shop")).await;
    let tokens = server.code_flow(&client, SCOPE).await;
    no_token(&server.get("/userinfo").await);
    no_token(&server.request(Method::POST, "/userinfo").await);
    no_token(&server.post_form("/userinfo", &[("other", "x")]).await);
    no_token(
        &server
            .get("/userinfo")
            .basic("shop", client.secret.as_deref().unwrap())
            .await,
    );
    no_token(
        &server
            .get("/userinfo")
            .cookie(&format!("access_token={}", tokens.access))
            .await,
    );
    for name in ["access_token", "token", "bearer_token"] {
        let path = format!("/userinfo?{name}={}", tokens.access);
        no_token(&server.get(&path).await);
        no_token(&server.request(Method::POST, &path).await);
    }
    // Beside a good token it changes nothing.
    let path = format!("/userinfo?access_token={}", tokens.access);
    server.get(&path).bearer(&tokens.access).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn in_20_the_issuer_is_what_the_operator_set() {
    for issuer in [
        "https://id.example",
        "https://id.example/tenant",
        "http://localhost:8080",
    ] {
        let server = TestServer::at(TestDb::sqlite().await, issuer, |_| {}).await;
        let prefix = server.app.config().issuer.path().trim_end_matches('/').to_owned();
        let documents = [
            format!("{prefix}/.well-known/openid-configuration"),
            format!("/.well-known/oauth-authorization-server{prefix}"),
        ];
        for path in &documents {
            let plain = server.get(path).await.expect(200);
            let metadata = plain.json();
            assert_eq!(metadata["issuer"], issuer);
            for (name, value) in metadata.as_object().unwrap() {
                let is_address = name.ends_with("_endpoint") || name.ends_with("_uri");
                let text = value.as_str().unwrap_or_default();
                assert!(!is_address || text.starts_with(&format!("{issuer}/")), "{name}: {text}");
            }
            for (name, value) in [
                ("host", "attacker.example"),
                ("x-forwarded-host", "attacker.example"),
                ("x-forwarded-proto", "http"),
                ("x-forwarded-port", "1234"),
                ("x-forwarded-prefix", "/attacker"),
                ("forwarded", "host=attacker.example;proto=http"),
                ("x-original-url", "/attacker"),
                ("x-real-ip", "203.0.113.1"),
            ] {
                let asked = server.get(path).header(name, value).await.expect(200);
                assert_eq!(asked.body, plain.body, "{name}");
            }
        }
        let client = server.add_client(ClientSpec::service("batch")).await;
        let own = server.post_form(&format!("{prefix}/token"), &[("grant_type", "client_credentials")]);
        let own = own
            .basic("batch", client.secret.as_deref().unwrap())
            .header("host", "attacker.example");
        assert_eq!(claims(&Tokens::of(own.await).access)["iss"], issuer);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_21_metadata_of_issuers_that_are_not_here() {
    for (issuer, wrong) in [
        (
            "https://id.example",
            &[
                "/.well-known/openid-configuration/other",
                "/.well-known/oauth-authorization-server/other",
                "/other/.well-known/openid-configuration",
                "/.well-known/openid-configuration/",
                "/.well-known/webfinger",
            ][..],
        ),
        (
            "https://id.example/tenant",
            &[
                "/.well-known/openid-configuration",
                "/.well-known/oauth-authorization-server",
                "/.well-known/oauth-authorization-server/other",
                "/other/.well-known/openid-configuration",
                "/tenant/other/.well-known/openid-configuration",
                "/Tenant/.well-known/openid-configuration",
            ],
        ),
    ] {
        let server = TestServer::at(TestDb::sqlite().await, issuer, |_| {}).await;
        for path in wrong {
            let sent = server.get(path).header("host", "attacker.example");
            let response = sent.header("x-forwarded-host", "attacker.example").await;
            assert_eq!(response.status.as_u16(), 404, "{path}");
            assert!(!response.text().contains("attacker"), "{path}");
            assert_eq!(response.header("location"), "");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_22_a_token_for_one_api_at_another() {
    use portcullis::crypto::jwt::{Expected, ForeignExpected, JwtError, verify_with_jwk_set};
    let server = TestServer::new(TestDb::sqlite().await).await;
    for (audience, scope) in [("https://one.example", "api:read"), ("https://two.example", "other")] {
        server
            .add_api(audience, api(audience, &[scope], AccessTokenFormat::Jwt))
            .await;
    }
    let client = server.add_client(ClientSpec::web("shop")).await;
    let tokens = server.code_flow(&client, "offline_access api:read").await;
    let jwks = server.get("/.well-known/jwks.json").await.json();
    let at = |token: &str, audience| {
        let expected = ForeignExpected {
            token: Expected {
                typ: &["at+jwt"],
                issuer: "https://id.example",
                now: server.app.clock().now(),
                leeway_seconds: 0,
                allow_expired: false,
            },
            audience,
        };
        verify_with_jwk_set(token, &jwks, &expected).map(drop)
    };
    assert_eq!(at(&tokens.access, "https://one.example"), Ok(()));
    assert_eq!(at(&tokens.access, "https://two.example"), Err(JwtError::Audience));
    assert_eq!(at(&tokens.access, "https://id.example"), Err(JwtError::Audience));
    // Refreshed for another audience: the token for the first does not become one for it.
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", tokens.refresh()),
        ("resource", "https://one.example"),
    ];
    let renewed = Tokens::of(server.token(&client, &fields).await);
    assert_eq!(claims(&renewed.access)["aud"], "https://one.example");
    assert_eq!(at(&renewed.access, "https://two.example"), Err(JwtError::Audience));
}

#[tokio::test(flavor = "multi_thread")]
async fn in_23_cross_origin_access() {
    let server = TestServer::new(TestDb::sqlite().await).await;
    let spa = server.add_client(ClientSpec::public("spa")).await;
    let app = ClientSpec::public("app").metadata(|metadata| {
        metadata.redirect_uris = vec![RedirectUri::register("com.example.app:/callback").unwrap()];
    });
    server.add_client(app).await;
    let disabled = server.add_client(ClientSpec::public("disabled")).await;
    let now = server.app.clock().now();
    server
        .store()
        .set_client_enabled(&disabled.client_id(), false, now)
        .await
        .unwrap();
    let tokens = server.code_flow(&spa, SCOPE).await;

    let allowed = |response: &TestResponse| response.header("access-control-allow-origin").to_owned();
    for path in ["/token", "/userinfo", "/revoke"] {
        let preflight = |origin: &str| {
            let asked = server.request(Method::OPTIONS, path).origin(origin);
            asked.header("access-control-request-method", "POST")
        };
        let good = preflight("https://spa.example").await.expect(204);
        assert_eq!(allowed(&good), "https://spa.example");
        assert_eq!(
            good.header("access-control-allow-headers"),
            "authorization, content-type"
        );
        let post = server.request(Method::POST, path).origin("https://spa.example").await;
        assert_eq!(
            (allowed(&post).as_str(), post.header("vary")),
            ("https://spa.example", "origin")
        );
        assert_eq!(post.header("access-control-allow-credentials"), "");
        for wrong in [
            "null",
            "https://attacker.example",
            "https://spa.example.attacker.example",
            "https://spa.example:444",
            "https://SPA.example",
            "https://spa.example/",
            "http://spa.example",
            "https://disabled.example",
            "com.example.app:",
            "*",
            "é",
            "",
        ] {
            for response in [
                preflight(wrong).await,
                server.request(Method::POST, path).origin(wrong).await,
                server
                    .request(Method::POST, path)
                    .origin(wrong)
                    .bearer(&tokens.access)
                    .await,
            ] {
                for name in ["origin", "credentials", "methods", "headers"] {
                    let name = format!("access-control-allow-{name}");
                    assert_eq!(response.header(&name), "", "{wrong} at {path}: {name}");
                }
            }
        }
    }
    for path in ["/.well-known/jwks.json", "/.well-known/openid-configuration"] {
        for origin in ["https://attacker.example", "null", "https://spa.example"] {
            let response = server.get(path).origin(origin).await.expect(200);
            assert_eq!(
                (
                    allowed(&response).as_str(),
                    response.header("access-control-allow-credentials")
                ),
                ("*", "")
            );
        }
    }
    for path in ["/authorize", "/login", "/logout", "/"] {
        for method in [Method::GET, Method::POST, Method::OPTIONS] {
            let asked = server.request(method, path).origin("https://spa.example");
            let response = asked.header("access-control-request-method", "POST").await;
            assert_eq!(allowed(&response), "", "{path}");
        }
    }
}
