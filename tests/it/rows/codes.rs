//! CO: redeeming authorization codes, and PKCE.

use axum::http::Method;
use portcullis::crypto::opaque::{Kind, OpaqueToken};
use portcullis::model::api::AccessTokenFormat;
use portcullis::model::client::{ClientSecret, PkcePolicy, SecretVerifier};
use portcullis::model::user::PasswordHash;
use portcullis::protocol::grant_type::GrantType;
use portcullis::protocol::redirect_uri::RedirectUri;
use portcullis::store::{ClientWrite, SecretRotation};
use url::form_urlencoded::byte_serialize;

use super::dump::execute;
use super::refusals::{refused, sent_back, unauthenticated};
use crate::support::{
    AuthRequest, Browser, ClientSpec, PASSWORD, TestClient, TestDb, TestRequest, TestServer, Tokens, api, both_stores,
    verifier,
};

const SCOPE: &str = "openid email offline_access";

/// The request that redeems `code`, with these parameters in place of the right ones; an empty value leaves one out.
fn redeem_with(
    server: &TestServer,
    client: &TestClient,
    code: &str,
    request: &AuthRequest,
    changes: &[(&str, &str)],
) -> TestRequest {
    let right = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", client.redirect_uri.as_str()),
        ("code_verifier", request.verifier.as_str()),
    ];
    let changed = |name: &str| changes.iter().any(|(known, _)| *known == name);
    let kept = right.into_iter().filter(|(name, _)| !changed(name));
    let added = changes.iter().copied().filter(|(_, value)| !value.is_empty());
    server.token(client, &kept.chain(added).collect::<Vec<_>>())
}

/// Everything that came of an exchange is dead.
async fn all_dead(server: &TestServer, client: &TestClient, tokens: &Tokens) {
    server.userinfo(&tokens.access).await.expect_error(401, "invalid_token");
    refused(&server.refresh(client, tokens.refresh()).await, "invalid_grant");
}

async fn all_alive(server: &TestServer, client: &TestClient, tokens: &Tokens) {
    server.userinfo(&tokens.access).await.expect(200);
    server.refresh(client, tokens.refresh()).await.expect(200);
}

/// A browser in which alice has allowed `client` everything: codes for the asking.
async fn signed_in(server: &TestServer, client: &TestClient) -> Browser {
    server.alice().await;
    let mut browser = Browser::new(server);
    browser.grant(&AuthRequest::new(client, SCOPE), "alice").await;
    browser
}

async fn code_from(browser: &mut Browser, client: &TestClient) -> (String, AuthRequest) {
    let request = AuthRequest::new(client, SCOPE);
    let callback = browser.authorize(&request).await.callback();
    (callback.code(), request)
}

both_stores! {
    async fn co_01_valid_exchange(db: TestDb) {
        let server = TestServer::new(db).await;
        for client in [
            server.add_client(ClientSpec::web("shop")).await,
            server.add_client(ClientSpec::public("spa")).await,
        ] {
            let (code, request) = server.code(&client, SCOPE).await;
            let response = server.redeem(&client, &code, &request).await.expect(200);
            assert_eq!(response.header("content-type"), "application/json");
            assert_eq!(
                (response.header("cache-control"), response.header("pragma")),
                ("no-store", "no-cache")
            );
            assert_eq!(response.header("set-cookie"), "");
            let body = response.json();
            let members: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(
                members,
                [
                    "access_token",
                    "expires_in",
                    "id_token",
                    "refresh_token",
                    "scope",
                    "token_type"
                ]
            );
            assert_eq!(
                (&body["token_type"], &body["expires_in"], &body["scope"]),
                (&"Bearer".into(), &900.into(), &SCOPE.into())
            );
        }
    }

    async fn co_02_real_replay_revokes(db: TestDb) {
        let server = TestServer::new(db).await;
        for client in [
            server.add_client(ClientSpec::web("shop")).await,
            server.add_client(ClientSpec::public("spa")).await,
        ] {
            let (code, request) = server.code(&client, SCOPE).await;
            let tokens = Tokens::of(server.redeem(&client, &code, &request).await);
            let renewed = Tokens::of(server.refresh(&client, tokens.refresh()).await);
            server.advance(1);
            refused(&server.redeem(&client, &code, &request).await, "invalid_grant");
            all_dead(&server, &client, &tokens).await;
            all_dead(&server, &client, &renewed).await;
        }
    }

    async fn co_02_real_replay_revokes_late_and_on_another_node(db: TestDb) {
        let server = TestServer::new(db).await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        let (code, request) = server.code(&client, SCOPE).await;
        let tokens = Tokens::of(server.redeem(&client, &code, &request).await);
        server.advance(600);
        let other = server.second_node().await;
        refused(&other.redeem(&client, &code, &request).await, "invalid_grant");
        all_dead(&server, &client, &tokens).await;
    }

    async fn co_02_replay_kills_opaque_tokens_too(db: TestDb) {
        let server = TestServer::new(db).await;
        server
            .add_api(
                "https://api.example",
                api("https://api.example", &["api:read"], AccessTokenFormat::Opaque),
            )
            .await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        let (code, request) = server.code(&client, "openid offline_access api:read").await;
        let tokens = Tokens::of(server.redeem(&client, &code, &request).await);
        assert!(tokens.access.starts_with("pc_at_"));
        server.userinfo(&tokens.access).await.expect(200);
        refused(&server.redeem(&client, &code, &request).await, "invalid_grant");
        all_dead(&server, &client, &tokens).await;
    }

    async fn co_03_unproven_replay_leaves_the_tokens(db: TestDb) {
        let server = TestServer::new(db).await;
        let thief = server.add_client(ClientSpec::public("thief")).await;
        for client in [
            server.add_client(ClientSpec::web("shop")).await,
            server.add_client(ClientSpec::public("spa")).await,
        ] {
            let (code, request) = server.code(&client, SCOPE).await;
            let tokens = Tokens::of(server.redeem(&client, &code, &request).await);
            for changes in [
                &[("code_verifier", verifier().as_str())][..],
                &[("code_verifier", "")],
                &[("code_verifier", "short")],
                &[("redirect_uri", "https://shop.example/other")],
                &[("redirect_uri", "")],
            ] {
                refused(
                    &redeem_with(&server, &client, &code, &request, changes).await,
                    "invalid_grant",
                );
            }
            refused(
                &redeem_with(&server, &thief, &code, &request, &[]).await,
                "invalid_grant",
            );
            all_alive(&server, &client, &tokens).await;
        }
    }

    async fn co_04_code_of_another_client(db: TestDb) {
        let server = TestServer::new(db).await;
        let clients = [
            server.add_client(ClientSpec::web("web-a")).await,
            server.add_client(ClientSpec::web("web-b")).await,
            server.add_client(ClientSpec::public("spa-a")).await,
            server.add_client(ClientSpec::public("spa-b")).await,
        ];
        for owner in &clients {
            let (code, request) = server.code(owner, SCOPE).await;
            for thief in clients.iter().filter(|thief| thief.id != owner.id) {
                refused(&server.redeem(thief, &code, &request).await, "invalid_grant");
                let owners_uri = [("redirect_uri", owner.redirect_uri.as_str())];
                refused(
                    &redeem_with(&server, thief, &code, &request, &owners_uri).await,
                    "invalid_grant",
                );
            }
            server.redeem(owner, &code, &request).await.expect(200);
        }
    }

    async fn co_05_code_past_its_lifetime(db: TestDb) {
        let server = TestServer::new(db).await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        let mut browser = signed_in(&server, &client).await;
        let (in_time, first) = code_from(&mut browser, &client).await;
        let (too_late, second) = code_from(&mut browser, &client).await;
        server.advance(59);
        server.redeem(&client, &in_time, &first).await.expect(200);
        server.advance(1);
        refused(&server.redeem(&client, &too_late, &second).await, "invalid_grant");
    }

    async fn co_06_codes_that_are_none(db: TestDb) {
        let server = TestServer::new(db).await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        let (code, request) = server.code(&client, SCOPE).await;
        let unknown = OpaqueToken::generate(Kind::Code);
        for wrong in [
            unknown.expose(),
            "x",
            "pc_ac_",
            &code[..54],
            &format!("{code}0"),
            &"x".repeat(60_000),
            "é€𝄞",
            "' OR 1=1 --",
        ] {
            refused(&server.redeem(&client, wrong, &request).await, "invalid_grant");
        }
        // An empty value is an absent one (RFC 6749 §3.1); what is not text is no request.
        refused(
            &redeem_with(&server, &client, "", &request, &[]).await,
            "invalid_request",
        );
        refused(
            &redeem_with(&server, &client, &code, &request, &[("code", "")]).await,
            "invalid_request",
        );
        for not_text in ["%00", "abc%00", "%FF%FE", "%", "%zz"] {
            let body = format!("grant_type=authorization_code&code={not_text}");
            let sent = server
                .request(Method::POST, "/token")
                .body("application/x-www-form-urlencoded", body);
            refused(
                &sent.basic(&client.id, client.secret.as_deref().unwrap()).await,
                "invalid_request",
            );
        }
        let huge = server.redeem(&client, &"x".repeat(100 * 1024), &request).await;
        huge.expect_error(413, "invalid_request");
        server.redeem(&client, &code, &request).await.expect(200);
    }

    async fn co_07_another_redirect_uri(db: TestDb) {
        let server = TestServer::new(db).await;
        let two = ["https://shop.example/callback", "https://shop.example/second"];
        let client = server
            .add_client(ClientSpec::web("shop").metadata(|metadata| {
                metadata.redirect_uris = two.map(|uri| RedirectUri::register(uri).unwrap()).into();
            }))
            .await;
        let (code, request) = server.code(&client, SCOPE).await;
        for wrong in [
            two[1],
            "https://shop.example/callback/",
            "https://shop.example/callback?",
            "https://SHOP.example/callback",
            "https://attacker.example/",
            "x",
        ] {
            refused(
                &redeem_with(&server, &client, &code, &request, &[("redirect_uri", wrong)]).await,
                "invalid_grant",
            );
        }
        server.redeem(&client, &code, &request).await.expect(200);
    }

    async fn co_08_redirect_uri_left_out(db: TestDb) {
        let server = TestServer::new(db).await;
        let strict = server.add_client(ClientSpec::web("strict")).await;
        let (code, request) = server.code(&strict, SCOPE).await;
        refused(
            &redeem_with(&server, &strict, &code, &request, &[("redirect_uri", "")]).await,
            "invalid_grant",
        );

        let modern = server
            .add_client(ClientSpec::web("modern").metadata(|metadata| metadata.redirect_uri_at_token = false))
            .await;
        let (code, request) = server.code(&modern, SCOPE).await;
        refused(
            &redeem_with(
                &server,
                &modern,
                &code,
                &request,
                &[("redirect_uri", "https://modern.example/x")],
            )
            .await,
            "invalid_grant",
        );
        redeem_with(&server, &modern, &code, &request, &[("redirect_uri", "")])
            .await
            .expect(200);
        let (code, request) = server.code(&modern, SCOPE).await;
        server.redeem(&modern, &code, &request).await.expect(200);
    }

    async fn co_10_confidential_client_without_challenge(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let strict = server.add_client(ClientSpec::web("strict")).await;
        let without = |client: &TestClient| {
            AuthRequest::new(client, SCOPE)
                .without("code_challenge")
                .without("code_challenge_method")
        };
        let mut browser = Browser::new(&server);
        sent_back(
            &browser.authorize(&without(&strict)).await.callback(),
            &strict.redirect_uri,
            "invalid_request",
        );

        let basic = server
            .add_client(ClientSpec::web("basic").metadata(|metadata| metadata.pkce = PkcePolicy::Optional))
            .await;
        // Not even a nonce: only a client that compares it is safer for it, and plain OAuth has none.
        let no_nonce = without(&basic).without("nonce");
        let code = browser.grant(&no_nonce, "alice").await.code();
        let tokens = redeem_with(&server, &basic, &code, &no_nonce, &[("code_verifier", "")]).await;
        assert_eq!(crate::support::claims(&Tokens::of(tokens).id.unwrap()).get("nonce"), None);
        let request = without(&basic);
        let code = browser.grant(&request, "alice").await.code();
        redeem_with(&server, &basic, &code, &request, &[("code_verifier", "")])
            .await
            .expect(200);
        // With a challenge all of PKCE holds for it too.
        let request = AuthRequest::new(&basic, SCOPE);
        let code = browser.authorize(&request).await.callback().code();
        refused(
            &redeem_with(&server, &basic, &code, &request, &[("code_verifier", "")]).await,
            "invalid_grant",
        );
        server.redeem(&basic, &code, &request).await.expect(200);
    }

    async fn co_15_to_17_and_20_verifiers_that_do_not_fit(db: TestDb) {
        let server = TestServer::new(db).await;
        for client in [
            server.add_client(ClientSpec::web("shop")).await,
            server.add_client(ClientSpec::public("spa")).await,
        ] {
            let mut browser = signed_in(&server, &client).await;
            let wrong = verifier();
            let (short, long) = ("a".repeat(42), "a".repeat(129));
            let illegal = format!("{}é", "a".repeat(43));
            let padded = format!("{}=", "a".repeat(43));
            for bad in [
                "",
                wrong.as_str(),
                &short,
                &long,
                &illegal,
                &padded,
                &format!("{} ", "a".repeat(43)),
            ] {
                let (code, request) = code_from(&mut browser, &client).await;
                let sent = redeem_with(&server, &client, &code, &request, &[("code_verifier", bad)]).await;
                refused(&sent, "invalid_grant");
                server.redeem(&client, &code, &request).await.expect(200);
            }
            // Sent, but empty (CO-16): the same as absent.
            let (code, request) = code_from(&mut browser, &client).await;
            let body = format!(
                "grant_type=authorization_code&code={code}&code_verifier=&client_id={}&redirect_uri={}",
                client.id,
                byte_serialize(client.redirect_uri.as_bytes()).collect::<String>(),
            );
            let mut sent = server
                .request(Method::POST, "/token")
                .body("application/x-www-form-urlencoded", body);
            if let Some(secret) = &client.secret {
                sent = sent.basic(&client.id, secret);
            }
            refused(&sent.await, "invalid_grant");
            // The challenge itself is not the verifier.
            let challenge = crate::support::challenge(&request.verifier);
            refused(
                &redeem_with(&server, &client, &code, &request, &[("code_verifier", &challenge)]).await,
                "invalid_grant",
            );
        }
    }

    async fn co_18_a_code_dies_after_three_wrong_verifiers(db: TestDb) {
        let server = TestServer::new(db).await;
        let other = server.second_node().await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        let mut browser = signed_in(&server, &client).await;
        let (code, request) = code_from(&mut browser, &client).await;
        for node in [&server, &other, &server] {
            let guess = verifier();
            refused(
                &redeem_with(node, &client, &code, &request, &[("code_verifier", &guess)]).await,
                "invalid_grant",
            );
        }
        refused(&server.redeem(&client, &code, &request).await, "invalid_grant");
        // Another client cannot use up the tries.
        let thief = server.add_client(ClientSpec::public("thief")).await;
        let (code, request) = code_from(&mut browser, &client).await;
        for _ in 0..5 {
            refused(
                &redeem_with(&server, &thief, &code, &request, &[("code_verifier", &verifier())]).await,
                "invalid_grant",
            );
        }
        server.redeem(&client, &code, &request).await.expect(200);
    }

    async fn co_19_a_verifier_without_a_challenge(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let client = server
            .add_client(ClientSpec::web("basic").metadata(|metadata| metadata.pkce = PkcePolicy::Optional))
            .await;
        let request = AuthRequest::new(&client, SCOPE)
            .without("code_challenge")
            .without("code_challenge_method");
        let code = Browser::new(&server).grant(&request, "alice").await.code();
        refused(&server.redeem(&client, &code, &request).await, "invalid_request");
    }

    async fn co_21_scope_in_the_exchange_is_ignored(db: TestDb) {
        let server = TestServer::new(db).await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        let (code, request) = server.code(&client, "openid").await;
        let more = [("scope", "openid profile email api:read offline_access")];
        let tokens = Tokens::of(redeem_with(&server, &client, &code, &request, &more).await);
        assert_eq!((&tokens.json["scope"], tokens.refresh), (&"openid".into(), None));
        let userinfo = server.userinfo(&tokens.access).await.expect(200).json();
        assert_eq!(userinfo.as_object().unwrap().keys().collect::<Vec<_>>(), ["sub"]);
    }

    async fn co_22_a_resource_that_was_not_granted(db: TestDb) {
        let server = TestServer::new(db).await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        for audience in ["https://one.example", "https://two.example"] {
            server
                .add_api(audience, api(audience, &["api:read"], AccessTokenFormat::Jwt))
                .await;
        }
        server.alice().await;
        let mut browser = Browser::new(&server);
        let request = AuthRequest::new(&client, "openid api:read").and("resource", "https://one.example");
        let code = browser.grant(&request, "alice").await.code();
        for wrong in [
            "https://two.example",
            "https://unknown.example",
            "https://one.example#x",
            "not a uri",
            "https://one.example/",
        ] {
            refused(
                &redeem_with(&server, &client, &code, &request, &[("resource", wrong)]).await,
                "invalid_target",
            );
        }
        let both = [("resource", "https://one.example"), ("resource", "https://two.example")];
        refused(
            &redeem_with(&server, &client, &code, &request, &both).await,
            "invalid_target",
        );
        // `audience` is no parameter here: it changes nothing.
        let right = [("resource", "https://one.example"), ("audience", "https://two.example")];
        let tokens = Tokens::of(redeem_with(&server, &client, &code, &request, &right).await);
        assert_eq!(
            crate::support::claims(&tokens.access)["aud"],
            serde_json::json!(["https://one.example", "https://id.example"])
        );
    }

    async fn co_24_a_grant_that_the_client_is_not_registered_for(db: TestDb) {
        let server = TestServer::new(db).await;
        let web = server
            .add_client(
                ClientSpec::web("shop").metadata(|metadata| metadata.grant_types = vec![GrantType::AuthorizationCode]),
            )
            .await;
        let service = server.add_client(ClientSpec::service("batch")).await;
        let unknown = OpaqueToken::generate(Kind::Refresh);
        refused(&server.client_credentials(&web).await, "unauthorized_client");
        refused(&server.refresh(&web, unknown.expose()).await, "unauthorized_client");
        refused(
            &server
                .token(&service, &[("grant_type", "authorization_code"), ("code", "x")])
                .await,
            "unauthorized_client",
        );
        // Not registered for refresh tokens: none is issued, whatever the scope.
        assert_eq!(server.code_flow(&web, SCOPE).await.refresh, None);
    }

    async fn co_27_the_user_is_gone(db: TestDb) {
        let server = TestServer::new(db).await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        let alice = server.alice().await;
        let now = server.app.clock().now();

        let (code, request) = server.code(&client, SCOPE).await;
        server
            .store()
            .set_password(
                alice.id,
                &PasswordHash(server.app.passwords().hash(PASSWORD).await.unwrap()),
                now,
            )
            .await
            .unwrap();
        refused(&server.redeem(&client, &code, &request).await, "invalid_grant");

        let (code, request) = server.code(&client, SCOPE).await;
        server.store().disable_user(alice.id, now).await.unwrap();
        refused(&server.redeem(&client, &code, &request).await, "invalid_grant");
        server.store().enable_user(alice.id).await.unwrap();
        refused(&server.redeem(&client, &code, &request).await, "invalid_grant");

        let (code, request) = server.code(&client, SCOPE).await;
        execute(&server.db, "DELETE FROM users WHERE username = 'alice'").await;
        refused(&server.redeem(&client, &code, &request).await, "invalid_grant");
    }

    async fn co_28_the_client_is_disabled_or_its_secret_replaced(db: TestDb) {
        let server = TestServer::new(db).await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        let now = server.app.clock().now();
        let (code, request) = server.code(&client, SCOPE).await;
        server
            .store()
            .set_client_enabled(&client.client_id(), false, now)
            .await
            .unwrap();
        unauthenticated(&server.redeem(&client, &code, &request).await);
        server
            .store()
            .set_client_enabled(&client.client_id(), true, now)
            .await
            .unwrap();

        let stored = server.store().client(&client.client_id()).await.unwrap().unwrap();
        let fresh = OpaqueToken::generate(Kind::ClientSecret);
        let secret = ClientSecret {
            sealed: None,
            id: server.app.row_key(now),
            verifier: SecretVerifier::Digest(fresh.digest()),
            created_at: now.plus(1),
            expires_at: None,
        };
        let rotation = SecretRotation {
            client: &stored,
            secret: &secret,
            overlap_until: now,
        };
        assert_eq!(
            server.store().rotate_secret(&rotation).await.unwrap(),
            ClientWrite::Done
        );
        unauthenticated(&server.redeem(&client, &code, &request).await);
        let renewed = TestClient {
            secret: Some(fresh.expose().to_owned()),
            ..client
        };
        server.redeem(&renewed, &code, &request).await.expect(200);
    }

    async fn co_29_signed_out_before_the_exchange(db: TestDb) {
        let server = TestServer::new(db).await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        for scope in ["openid", "openid offline_access"] {
            server.alice().await;
            let mut browser = Browser::new(&server);
            let request = AuthRequest::new(&client, scope);
            let code = browser.grant(&request, "alice").await.code();
            browser.open("/logout").await.page();
            browser.submit(&[("confirm", "logout")]).await.page();
            refused(&server.redeem(&client, &code, &request).await, "invalid_grant");
        }
    }

    async fn co_30_secrets_of_other_kinds(db: TestDb) {
        let server = TestServer::new(db).await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        let (code, request) = server.code(&client, SCOPE).await;
        refused(&server.refresh(&client, &code).await, "invalid_grant");
        server.userinfo(&code).await.expect_error(401, "invalid_token");
        let tokens = Tokens::of(server.redeem(&client, &code, &request).await);
        let (secret, id_token) = (client.secret.clone().unwrap(), tokens.id.clone().unwrap());
        for other in [tokens.refresh(), &tokens.access, &id_token, &secret] {
            refused(&server.redeem(&client, other, &request).await, "invalid_grant");
        }
        for kind in Kind::ALL {
            let relabelled = tokens.refresh().replacen("pc_rt_", kind.prefix(), 1);
            refused(&server.redeem(&client, &relabelled, &request).await, "invalid_grant");
        }
        all_alive(&server, &client, &tokens).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn co_09_and_11_to_14_challenges_that_are_refused() {
    let server = TestServer::new(TestDb::sqlite().await).await;
    let public = server.add_client(ClientSpec::public("spa")).await;
    let web = server.add_client(ClientSpec::web("shop")).await;
    // Without this switch PKCE would be asked for anyway; with it a challenge that is there must still be right.
    let basic = server
        .add_client(ClientSpec::web("basic").metadata(|metadata| metadata.pkce = PkcePolicy::Optional))
        .await;
    let good = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    let cases = [
        (None, None),
        (None, Some("S256")),
        (Some(good), Some("plain")),
        (Some(good), None),
        (Some(good), Some("s256")),
        (Some(good), Some("S512")),
        (Some(good), Some("")),
        (Some(&good[..42]), Some("S256")),
        (Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM="), Some("S256")),
        (Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM"), Some("S256")),
        (Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw/cM"), Some("S256")),
        // The last character has spare bits: not what any encoder writes.
        (Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cN"), Some("S256")),
    ];
    let long = "a".repeat(129);
    let cases = cases.into_iter().chain([(Some(long.as_str()), Some("S256"))]);
    for (challenge, method) in cases {
        for client in [&public, &web, &basic] {
            let mut request = AuthRequest::new(client, "openid")
                .without("code_challenge")
                .without("code_challenge_method");
            if (challenge, method) == (None, None) && client.id == "basic" {
                continue;
            }
            for (name, value) in [("code_challenge", challenge), ("code_challenge_method", method)] {
                request = value
                    .into_iter()
                    .fold(request, |request, value| request.and(name, value));
            }
            let callback = Browser::new(&server).authorize(&request).await.callback();
            sent_back(&callback, &client.redirect_uri, "invalid_request");
        }
    }
    let metadata = server.get("/.well-known/openid-configuration").await.expect(200).json();
    assert_eq!(
        metadata["code_challenge_methods_supported"],
        serde_json::json!(["S256"])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn co_23_grant_types_that_are_not_offered() {
    let server = TestServer::new(TestDb::sqlite().await).await;
    let client = server.add_client(ClientSpec::web("shop")).await;
    refused(&server.token(&client, &[]).await, "invalid_request");
    refused(&server.token(&client, &[("grant_type", "")]).await, "invalid_request");
    for unknown in [
        "password",
        "implicit",
        "token",
        "Authorization_Code",
        "authorization_code ",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "urn:ietf:params:oauth:grant-type:token-exchange",
        "device_code",
    ] {
        let fields = [("grant_type", unknown), ("username", "alice"), ("password", PASSWORD)];
        refused(&server.token(&client, &fields).await, "unsupported_grant_type");
    }
    let twice = [("grant_type", "authorization_code"), ("grant_type", "refresh_token")];
    refused(&server.token(&client, &twice).await, "invalid_request");
}

#[tokio::test(flavor = "multi_thread")]
async fn co_25_parameters_in_the_url() {
    let server = TestServer::new(TestDb::sqlite().await).await;
    let client = server.add_client(ClientSpec::web("shop")).await;
    let (code, request) = server.code(&client, "openid").await;
    let (verifier, uri) = (&request.verifier, "https%3A%2F%2Fshop.example%2Fcallback");
    let query = format!("grant_type=authorization_code&code={code}&redirect_uri={uri}&code_verifier={verifier}");
    let secret = client.secret.as_deref().unwrap();
    let all_in_url = server
        .post_form(&format!("/token?{query}"), &[])
        .basic(&client.id, secret);
    refused(&all_in_url.await, "invalid_request");
    let half = server.post_form(&format!("/token?code={code}"), &[("grant_type", "authorization_code")]);
    refused(&half.basic(&client.id, secret).await, "invalid_request");
    server.redeem(&client, &code, &request).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn co_26_methods_other_than_post() {
    let server = TestServer::new(TestDb::sqlite().await).await;
    let client = server.add_client(ClientSpec::service("batch")).await;
    for method in [Method::GET, Method::PUT, Method::DELETE, Method::PATCH, Method::HEAD] {
        for path in ["/token", "/token?grant_type=client_credentials", "/revoke"] {
            let sent = server.request(method.clone(), path);
            let response = sent.basic(&client.id, client.secret.as_deref().unwrap()).await;
            assert_eq!(
                (response.status.as_u16(), response.header("allow")),
                (405, "POST"),
                "{method} {path}"
            );
            assert!(response.body.is_empty());
        }
    }
}
