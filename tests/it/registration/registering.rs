//! `POST /register`: who may, what comes back, and that the client works.

use portcullis::config::RegistrationMode;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{assert_refused, client, initial_token, open, open_server, post, register, web, web_with};
use crate::support::{AuthRequest, Browser, PASSWORD, TestDb, TestServer, both_stores};

both_stores! {
    /// OpenID Connect Registration §3: register, sign somebody in, look who it is.
    async fn a_client_registers_itself_and_signs_people_in(db: TestDb) {
        let server = open_server(db).await;
        let response = post(&server, &web_with(json!({ "grant_types": ["authorization_code", "refresh_token"] }))).await;
        assert_eq!(response.header("cache-control"), "no-store");
        let registered = response.expect(201).json();
        assert_eq!(registered["client_name"], "The shop");
        assert_eq!(registered["client_secret_expires_at"], 0);
        assert_eq!(registered["client_id_issued_at"], server.app.clock().now().0);
        assert_eq!(registered["token_endpoint_auth_method"], "client_secret_basic");
        assert!(registered["registration_access_token"].as_str().unwrap().starts_with("pc_ra_"));

        server.alice().await;
        let shop = client(&registered);
        let tokens = server.code_flow(&shop, "openid profile offline_access").await;
        assert!(tokens.id.is_some() && tokens.refresh.is_some());
        assert_eq!(server.userinfo(&tokens.access).await.expect(200).json()["preferred_username"], "alice");
    }

    async fn a_public_client_gets_no_secret_and_must_use_pkce(db: TestDb) {
        let server = TestServer::with(db, |config| {
            open(config);
            config.registration.pkce = portcullis::config::RegistrationPkce::Optional;
        })
        .await;
        server.alice().await;
        let app = register(&server, &web_with(json!({ "token_endpoint_auth_method": "none" }))).await;
        assert_eq!(app["client_secret"], Value::Null);
        assert_eq!(app["client_secret_expires_at"], Value::Null);
        let without = |registered: &Value| {
            AuthRequest::new(&client(registered), "openid").without("code_challenge").without("code_challenge_method")
        };
        let mut stranger = Browser::new(&server);
        assert_eq!(stranger.authorize(&without(&app)).await.page().status(), 400, "told here, since nobody is signed in");
        // Those that keep a secret may leave it out here.
        let shop = register(&server, &web()).await;
        let mut browser = Browser::new(&server);
        browser.authorize(&without(&shop)).await.page();
        browser.sign_in("alice", PASSWORD).await;
        assert!(!browser.consent("allow").await.callback().get("code").is_empty());
    }

    /// Nobody tidies up after clients that only tried: they go, and those that are used stay.
    async fn dr_11_clients_that_nobody_uses_are_deleted(db: TestDb) {
        let server = TestServer::with(db, |config| {
            open(config);
            config.registration.unused_lifetime = crate::support::seconds(10 * 86_400);
        })
        .await;
        server.alice().await;
        let (used, unused) = (register(&server, &web()).await, register(&server, &web()).await);
        let operators = server.add_client(crate::support::ClientSpec::web("photos")).await;
        for _ in 0..3 {
            server.advance(6 * 86_400);
            server.code_flow(&client(&used), "openid").await;
            portcullis::jobs::sweep::once(&server.app).await.unwrap();
        }
        let there = async |id| server.store().client(&id).await.unwrap().is_some();
        assert!(there(client(&used).client_id()).await && there(operators.client_id()).await);
        assert!(!there(client(&unused).client_id()).await);
        let events = server.audit_trail().await;
        let deleted: Vec<_> = events.iter().filter(|event| event.kind == "client_deleted").collect();
        assert_eq!((deleted.len(), deleted[0].actor_kind.as_str()), (1, "system"));
        assert_eq!(deleted[0].client_id.as_deref(), unused["client_id"].as_str());
    }

    async fn dr_01_without_a_good_initial_token_nobody_registers(db: TestDb) {
        let server = TestServer::with(db, |config| config.registration.mode = RegistrationMode::Token).await;
        let missing = post(&server, &web()).await;
        assert_eq!(missing.status, 401);
        assert!(missing.header("www-authenticate").starts_with("Bearer"), "{missing:?}");
        let (_, good) = initial_token(&server, None, Some(60)).await;
        let (revoked, gone) = initial_token(&server, None, None).await;
        assert!(server.store().revoke_initial_token(revoked).await.unwrap());
        let never = portcullis::crypto::opaque::OpaqueToken::generate(portcullis::crypto::opaque::Kind::InitialAccess);
        for bad in ["x", gone.expose(), never.expose()] {
            let response = post(&server, &web()).bearer(bad).await;
            assert!(response.header("www-authenticate").contains("error=\"invalid_token\""));
            response.expect_error(401, "invalid_token");
        }
        post(&server, &web()).bearer(good.expose()).await.expect(201);
        server.advance(61);
        post(&server, &web()).bearer(good.expose()).await.expect_error(401, "invalid_token");
    }

    /// Two nodes and eight requests at once: a token for three clients registers three.
    async fn dr_01_an_initial_token_is_used_up_exactly(db: TestDb) {
        let server = TestServer::with(db, |config| {
            config.registration.mode = RegistrationMode::Token;
            config.limits.registrations_per_address = "off".parse().unwrap();
        })
        .await;
        let other = server.second_node().await;
        let (_, token) = initial_token(&server, Some(3), None).await;
        let mut all = JoinSet::new();
        for number in 0..8 {
            let node = if number % 2 == 0 { server.clone() } else { other.clone() };
            let request = post(&node, &web()).bearer(token.expose());
            all.spawn(async move { request.await.status.as_u16() });
        }
        let statuses = all.join_all().await;
        let count = |status| statuses.iter().filter(|known| **known == status).count();
        assert_eq!((count(201), count(401)), (3, 5), "{statuses:?}");
        assert_eq!(server.store().initial_tokens().await.unwrap()[0].uses, 3);
        assert_eq!(server.store().count_self_registered().await.unwrap(), 3);
    }

    /// DR-11: with room for four, ten at once on two nodes become four.
    async fn dr_11_no_more_clients_than_there_is_room_for(db: TestDb) {
        let server = TestServer::with(db, |config| {
            open(config);
            config.registration.max_clients = 4;
        })
        .await;
        let other = server.second_node().await;
        let mut all = JoinSet::new();
        for number in 0..10 {
            let request = post(if number % 2 == 0 { &server } else { &other }, &web());
            all.spawn(async move { request.await.status.as_u16() });
        }
        let statuses = all.join_all().await;
        let count = |status| statuses.iter().filter(|known| **known == status).count();
        assert_eq!((count(201), count(429)), (4, 6), "{statuses:?}");
        assert_eq!(server.store().count_self_registered().await.unwrap(), 4);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn by_default_nobody_registers_anything() {
    let server = TestServer::new(TestDb::sqlite().await).await;
    assert_eq!(post(&server, &web()).await.status, 404);
    let discovery = server.get("/.well-known/openid-configuration").await.json();
    assert_eq!(discovery.get("registration_endpoint"), None);
    let server = open_server(TestDb::sqlite().await).await;
    let discovery = server.get("/.well-known/openid-configuration").await.json();
    assert_eq!(discovery["registration_endpoint"], "https://id.example/register");
}

#[tokio::test(flavor = "multi_thread")]
async fn dr_11_one_address_registers_so_many_and_no_more() {
    let server = TestServer::with(TestDb::sqlite().await, |config| {
        config.registration.mode = RegistrationMode::Open;
        config.limits.registrations_per_address = "2 per 60m".parse().unwrap();
    })
    .await;
    let from = |address: &str| post(&server, &web()).from(address);
    from("203.0.113.5").await.expect(201);
    // What is refused counts as well: otherwise the rules could be tried out for nothing.
    assert_refused(
        post(&server, &json!({})).from("203.0.113.5").await,
        "invalid_redirect_uri",
        "redirect_uris",
    );
    let refused = from("203.0.113.5").await;
    let refused = refused.expect_error(429, "too_many_requests");
    assert!(refused.header("retry-after").parse::<u32>().unwrap() > 0);
    from("203.0.113.6").await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn dr_06_the_operators_names_are_taken() {
    let server = open_server(TestDb::sqlite().await).await;
    server.add_client(crate::support::ClientSpec::web("photos")).await;
    for taken in ["The photos app", "  the PHOTOS app", "The-photos-app", "Portcullis"] {
        let response = post(&server, &web_with(json!({ "client_name": taken }))).await;
        assert_refused(response, "invalid_client_metadata", "client_name");
    }
    let hidden = json!({ "client_name#de": "The Photos App" });
    assert_refused(
        post(&server, &web_with(hidden)).await,
        "invalid_client_metadata",
        "client_name",
    );
    // Of each other they may take them: nobody vouches for either.
    register(&server, &web()).await;
    register(&server, &web()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bi_03_only_one_json_object_is_read() {
    let server = open_server(TestDb::sqlite().await).await;
    let send = |content_type: &str, body: &[u8]| {
        server
            .request(axum::http::Method::POST, "/register")
            .body(content_type, body)
    };
    let good = web().to_string();
    for content_type in [
        "application/x-www-form-urlencoded",
        "text/plain",
        "application/json; charset=latin1",
        "multipart/form-data",
    ] {
        send(content_type, good.as_bytes())
            .await
            .expect_error(400, "invalid_request");
    }
    send("application/json;charset=UTF-8", good.as_bytes())
        .await
        .expect(201);
    let deep = format!("{{\"contacts\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let bom = format!("\u{feff}{good}");
    let twice = r#"{"redirect_uris":["https://shop.example/a"],"redirect_uris":["https://shop.example/b"]}"#;
    let nested = r#"{"redirect_uris":["https://shop.example/a"],"jwks":{"keys":[],"keys":[]}}"#;
    let many: String = (0..5000).map(|number| format!("\"m{number}\":1,")).collect();
    let many_twice = format!("{{{many}\"m0\":1}}");
    for body in [
        "",
        "null",
        "[]",
        "\"text\"",
        "1",
        "{",
        "{}{}",
        r#"{"a":1,}"#,
        r#"{"default_max_age":1e400}"#,
        &deep,
        &bom,
        twice,
        nested,
        &many_twice,
    ] {
        let response = send("application/json", body.as_bytes()).await;
        response.expect_error(400, "invalid_client_metadata");
    }
    send("application/json", b"{\"client_name\":\"\xff\"}")
        .await
        .expect_error(400, "invalid_client_metadata");
    let large = format!("{{\"contacts\":[\"{}\"]}}", "x".repeat(65_536));
    assert_eq!(send("application/json", large.as_bytes()).await.status, 413);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_is_in_the_trail_without_its_secrets() {
    let server = TestServer::with(TestDb::sqlite().await, |config| {
        config.registration.mode = RegistrationMode::Token;
    })
    .await;
    let (id, token) = initial_token(&server, None, None).await;
    let registered = post(&server, &web()).bearer(token.expose()).await.expect(201).json();
    post(&server, &web()).bearer("pc_ia_wrong").await;
    let events = server.audit_trail().await;
    let registration = events.iter().find(|event| event.kind == "client_registered").unwrap();
    assert_eq!(registration.client_id.as_deref(), registered["client_id"].as_str());
    assert_eq!(registration.detail["initial_token"], id.to_string());
    let refusal = events
        .iter()
        .find(|event| event.kind == "registration_refused")
        .unwrap();
    assert_eq!(
        refusal.reason.as_deref(),
        Some("initial access token is malformed, unknown, expired, revoked or used up")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_asks_for_is_answered_by_what_it_got() {
    let server = open_server(TestDb::sqlite().await).await;
    let registered = register(
        &server,
        &web_with(json!({
            "scope": "openid email admin jobs:run",
            "grant_types": ["implicit", "authorization_code", "password", "client_credentials"],
            "response_types": ["code", "id_token", "code id_token token"],
            "default_max_age": null,
            "whatever": { "else": true },
        })),
    )
    .await;
    assert_eq!(registered["scope"], "openid email");
    assert_eq!(registered["grant_types"], json!(["authorization_code"]));
    assert_eq!(registered["response_types"], json!(["code"]));
    assert_eq!(registered.get("default_max_age"), None);
    assert_eq!(registered.get("whatever"), None);
}
