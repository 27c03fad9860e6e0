//! Devices as machines see them: the device authorization endpoint and the polls (RFC 8628 §3.1 to §3.5).

use portcullis::model::api::AccessTokenFormat;
use portcullis::model::audit_event::AuditKind;
use portcullis::model::client::ClientMetadata;
use portcullis::protocol::grant_type::GrantType;
use portcullis::store::ClientWrite;
use serde_json::json;

use super::dump::{Dump, execute};
use crate::support::process::Process;
use crate::support::{
    Browser, ClientSpec, DEVICE_GRANT, Device, TestClient, TestDb, TestResponse, TestServer, Tokens, api, both_stores,
    claims, scope, seconds,
};

/// Not yet an answer; fails on anything else.
async fn pending(server: &TestServer, device: &Device) {
    server.poll(device).await.expect_error(400, "authorization_pending");
}

/// One more slow poll, as the device was told.
async fn poll_after(server: &TestServer, device: &Device, wait: i64) -> TestResponse {
    server.advance(wait);
    server.poll(device).await
}

async fn change_client(server: &TestServer, client: &TestClient, change: impl FnOnce(&mut ClientMetadata)) {
    let known = server.store().find_client(&client.client_id()).await.unwrap().client;
    let known = known.unwrap();
    let mut metadata = known.metadata.clone();
    change(&mut metadata);
    let now = server.app.clock().now();
    let written = server.store().update_client(&known, &metadata, now).await.unwrap();
    assert_eq!(written, ClientWrite::Done);
}

/// So many devices that wait, without asking for each.
async fn add_waiting(server: &TestServer, count: u32, now: i64) {
    let columns = "(id, digest, user_code, client_id, scope, resources, poll_interval, created_at, expires_at)";
    let statement = if server.db.is_postgres() {
        format!(
            "INSERT INTO device_grant {columns} SELECT gen_random_uuid(), uuid_send(gen_random_uuid()),
             uuid_send(gen_random_uuid()), 'tv', 'openid', '[]', 5, {now}, {now} + 600 FROM generate_series(1, {count})"
        )
    } else {
        format!(
            "INSERT INTO device_grant {columns} WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})
             SELECT randomblob(16), randomblob(32), randomblob(32), 'tv', 'openid', '[]', 5, {now}, {now} + 600
             FROM n WHERE {count} > 0"
        )
    };
    execute(&server.db, &statement).await;
}

both_stores! {
    async fn rc_31_what_the_client_lost_while_the_device_waited_is_not_given(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let tv = server.add_client(ClientSpec::device("tv")).await;
        let [some, none] = [server.start_device(&tv, "openid offline_access").await, server.start_device(&tv, "profile").await];
        for device in [&some, &none] {
            Browser::new(&server).answer_device(&device.user_code, "alice", "allow").await;
        }
        change_client(&server, &tv, |metadata| metadata.scope = scope("openid")).await;
        let tokens = Tokens::of(server.poll(&some).await);
        assert_eq!((tokens.json["scope"].as_str(), tokens.refresh), (Some("openid"), None));
        server.poll(&none).await.expect_error(400, "invalid_scope");
    }

    async fn dv_01_who_may_start(db: TestDb) {
        let server = TestServer::new(db).await;
        let tv = server.add_client(ClientSpec::device("tv")).await;
        let shop = server.add_client(ClientSpec::web("shop")).await;
        server.post_form("/device/code", &[]).await.expect_error(401, "invalid_client");
        let unknown = [("client_id", "nobody"), ("scope", "openid")];
        server.post_form("/device/code", &unknown).await.expect_error(401, "invalid_client");
        let unproven = [("client_id", shop.id.as_str())];
        server.post_form("/device/code", &unproven).await.expect_error(401, "invalid_client");
        server.device_request(&shop, &[]).await.expect_error(400, "unauthorized_client");
        let spec = ClientSpec::device("box").metadata(|metadata| metadata.grant_types = vec![GrantType::RefreshToken]);
        let without = server.add_client(spec).await;
        server.device_request(&without, &[]).await.expect_error(400, "unauthorized_client");
        server.device_request(&tv, &[("scope", "openid")]).await.expect(200);
        server.get("/device/code").await.expect(405);
        let twice = [("scope", "openid"), ("scope", "openid")];
        server.device_request(&tv, &twice).await.expect_error(400, "invalid_request");
    }

    async fn dv_02_the_answer_to_a_start(db: TestDb) {
        let server = TestServer::new(db).await;
        let secretive = server.add_client(ClientSpec::web("shop").metadata(|metadata| {
            metadata.grant_types = vec![GrantType::DeviceCode];
        })).await;
        for client in [server.add_client(ClientSpec::device("tv")).await, secretive] {
            let response = server.device_request(&client, &[("scope", "openid")]).await.expect(200);
            assert_eq!(response.header("cache-control"), "no-store");
            assert_eq!(response.header("content-type"), "application/json");
            let device = Device::of(&client, response.json());
            let complete = format!("https://id.example/device?user_code={}", device.user_code);
            let expected = json!({
                "device_code": device.device_code,
                "user_code": device.user_code,
                "verification_uri": "https://id.example/device",
                "verification_uri_complete": complete,
                "expires_in": 600,
                "interval": 5,
            });
            assert_eq!(device.json, expected);
        }
    }

    async fn dv_03_codes_are_long_enough_and_stored_as_what_they_are_recognised_by(db: TestDb) {
        let server = TestServer::new(db).await;
        let tv = server.add_client(ClientSpec::device("tv")).await;
        let device = server.start_device(&tv, "openid").await;
        assert!(device.device_code.starts_with("pc_dc_") && device.device_code.len() == 55);
        let letters = device.user_code.replace('-', "");
        assert_eq!((device.user_code.len(), letters.len()), (9, 8));
        assert!(letters.bytes().all(|byte| b"BCDFGHJKLMNPQRSTVWXZ".contains(&byte)));
        Browser::new(&server).enter_code(&device.user_code).await;
        let dump = Dump::of(&server, "The tv app").await;
        dump.lacks("the device code", &device.device_code);
        dump.lacks("the user code", &letters);
        dump.lacks("the user code", &device.user_code);
        let plain_digest = portcullis::crypto::digest::sha256(letters.as_bytes());
        let hex: String = plain_digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(!dump.contains(&plain_digest) && !dump.contains(hex.as_bytes()), "a digest without a key");
    }

    async fn dv_04_a_poll_before_the_answer(db: TestDb) {
        let server = TestServer::new(db).await;
        let tv = server.add_client(ClientSpec::device("tv")).await;
        let device = server.start_device(&tv, "openid").await;
        for _ in 0..5 {
            pending(&server, &device).await;
            server.advance(5);
        }
        let error = server.poll(&device).await;
        assert_eq!(error.header("cache-control"), "no-store");
        server.token(&tv, &[("grant_type", DEVICE_GRANT)]).await.expect_error(400, "invalid_request");
    }

    async fn dv_05_a_fast_poll_slows_the_device_down_for_good_on_every_node(db: TestDb) {
        let server = TestServer::new(db).await;
        let other = server.second_node().await;
        let tv = server.add_client(ClientSpec::device("tv")).await;
        let device = server.start_device(&tv, "openid").await;
        pending(&server, &device).await;
        poll_after(&server, &device, 3).await.expect_error(400, "slow_down");
        // Ten seconds from now on, also where the device was never seen before.
        poll_after(&other, &device, 5).await.expect_error(400, "slow_down");
        // Fifteen by now.
        poll_after(&server, &device, 13).await.expect_error(400, "slow_down");
        poll_after(&other, &device, 20).await.expect_error(400, "authorization_pending");
        poll_after(&other, &device, 18).await.expect_error(400, "slow_down");
        poll_after(&server, &device, 25).await.expect_error(400, "authorization_pending");
        // A second early is let pass: requests take different times on their way.
        poll_after(&server, &device, 24).await.expect_error(400, "authorization_pending");
        // Another device is not concerned.
        let calm = server.start_device(&tv, "openid").await;
        pending(&server, &calm).await;
        assert_eq!(poll_after(&server, &calm, 5).await.error(), "authorization_pending");
    }

    async fn dv_05_a_fast_device_is_let_in_all_the_same(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let tv = server.add_client(ClientSpec::device("tv")).await;
        let device = server.start_device(&tv, "openid").await;
        pending(&server, &device).await;
        server.poll(&device).await.expect_error(400, "slow_down");
        Browser::new(&server).answer_device(&device.user_code, "alice", "allow").await;
        Tokens::of(server.poll(&device).await);
    }

    async fn dv_06_a_poll_after_denial_and_after_expiry(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let tv = server.add_client(ClientSpec::device("tv")).await;
        let [denied, forgotten, late] = [
            server.start_device(&tv, "openid").await,
            server.start_device(&tv, "openid").await,
            server.start_device(&tv, "openid").await,
        ];
        Browser::new(&server).answer_device(&denied.user_code, "alice", "deny").await;
        for _ in 0..2 {
            server.poll(&denied).await.expect_error(400, "access_denied");
        }
        server.advance(599);
        pending(&server, &forgotten).await;
        Browser::new(&server).answer_device(&late.user_code, "alice", "allow").await;
        server.advance(1);
        for device in [&forgotten, &late] {
            server.poll(device).await.expect_error(400, "expired_token");
        }
        assert_eq!(server.poll(&denied).await.error(), "access_denied");
    }

    async fn dv_07_unknown_codes_and_codes_of_others(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let [tv, thief] = [
            server.add_client(ClientSpec::device("tv")).await,
            server.add_client(ClientSpec::device("thief")).await,
        ];
        let device = server.start_device(&tv, "openid").await;
        let foreign = portcullis::crypto::opaque::OpaqueToken::generate(portcullis::crypto::opaque::Kind::Device);
        for unknown in ["x", foreign.expose(), &device.user_code] {
            let fields = [("grant_type", DEVICE_GRANT), ("device_code", unknown)];
            server.token(&tv, &fields).await.expect_error(400, "invalid_grant");
        }
        let stolen = Device { client: thief, ..device.clone() };
        // The thief's polls cost the device nothing, neither time nor its tokens.
        for _ in 0..3 {
            server.poll(&stolen).await.expect_error(400, "invalid_grant");
        }
        pending(&server, &device).await;
        Browser::new(&server).answer_device(&device.user_code, "alice", "allow").await;
        server.poll(&stolen).await.expect_error(400, "invalid_grant");
        let tokens = Tokens::of(server.poll(&device).await);
        server.poll(&stolen).await.expect_error(400, "invalid_grant");
        server.userinfo(&tokens.access).await.expect(200);
    }

    async fn dv_08_a_redeemed_code_that_comes_back_ends_the_grant(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        server.add_api("https://api.example", api("https://api.example", &["api:read"], AccessTokenFormat::Opaque)).await;
        let tv = server.add_client(ClientSpec::device("tv")).await;
        for asked in ["openid offline_access", "openid offline_access api:read"] {
            let device = server.start_device(&tv, asked).await;
            Browser::new(&server).answer_device(&device.user_code, "alice", "allow").await;
            let tokens = Tokens::of(server.poll(&device).await);
            server.userinfo(&tokens.access).await.expect(200);
            server.app.audit().take(1000);
            // However late: the grant outlives the device code by months.
            server.advance(86_400);
            let refreshed = Tokens::of(server.refresh(&tv, tokens.refresh()).await);
            server.poll(&device).await.expect_error(400, "invalid_grant");
            server.userinfo(&refreshed.access).await.expect(401);
            server.refresh(&tv, refreshed.refresh()).await.expect_error(400, "invalid_grant");
            let events = server.app.audit().take(1000).events;
            let replayed = events.iter().find(|event| event.kind == AuditKind::CodeReplayed).expect("an event");
            assert!(replayed.grant_id.is_some() && replayed.subject.is_some() && replayed.reason.is_some());
        }
    }

    async fn dv_09_scope_and_resource_are_checked_at_the_start(db: TestDb) {
        let server = TestServer::new(db).await;
        server.add_api("https://api.example", api("https://api.example", &["api:read"], AccessTokenFormat::Jwt)).await;
        server.add_api("https://other.example", api("https://other.example", &["other"], AccessTokenFormat::Jwt)).await;
        let tv = server.add_client(ClientSpec::device("tv")).await;
        for (fields, error) in [
            (vec![("scope", "openid admin")], "invalid_scope"),
            (vec![("scope", "openid \"")], "invalid_scope"),
            (vec![("scope", "openid other")], "invalid_scope"),
            (vec![("scope", "openid"), ("resource", "https://nowhere.example")], "invalid_target"),
            (vec![("scope", "openid"), ("resource", "not a uri")], "invalid_target"),
            (vec![("scope", "openid"), ("resource", "https://other.example")], "invalid_target"),
        ] {
            server.device_request(&tv, &fields).await.expect_error(400, error);
        }
        server.device_request(&tv, &[("scope", "api:read"), ("resource", "https://api.example")]).await.expect(200);
        // Without a scope, the API scopes of the client are its default, as for authorization requests.
        server.alice().await;
        let started = server.device_request(&tv, &[]).await.expect(200);
        let device = Device::of(&tv, started.json());
        Browser::new(&server).answer_device(&device.user_code, "alice", "allow").await;
        assert_eq!(Tokens::of(server.poll(&device).await).json["scope"], "api:read");
    }

    async fn dv_09_what_the_client_loses_while_it_waits_it_does_not_get(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let tv = server.add_client(ClientSpec::device("tv")).await;
        let device = server.start_device(&tv, "openid email").await;
        let mut browser = Browser::new(&server);
        browser.visit_device(&device.user_code, "alice").await;
        change_client(&server, &tv, |metadata| metadata.scope = scope("openid")).await;
        let refused = browser.submit(&[("decision", "allow")]).await.page();
        assert_eq!((refused.status(), refused.heading().as_str()), (400, "This device is not waiting any more"));
        pending(&server, &device).await;
    }

    async fn dv_10_a_disabled_person_lets_nobody_in(db: TestDb) {
        let server = TestServer::new(db).await;
        let alice = server.alice().await;
        let tv = server.add_client(ClientSpec::device("tv")).await;
        let [before, after] = [
            server.start_device(&tv, "openid").await,
            server.start_device(&tv, "openid").await,
        ];
        let mut browser = Browser::new(&server);
        browser.answer_device(&before.user_code, "alice", "allow").await;
        browser.visit_device(&after.user_code, "alice").await;
        let disable = format!("UPDATE users SET disabled_at = {}", server.app.clock().now().0);
        execute(&server.db, &disable).await;
        server.poll(&before).await.expect_error(400, "access_denied");
        assert!(browser.submit(&[("decision", "allow")]).await.page().is_sign_in(), "not signed in any more");
        pending(&server, &after).await;
        execute(&server.db, "UPDATE users SET disabled_at = NULL").await;
        assert_eq!(alice.username.as_str(), "alice");
        Tokens::of(server.poll(&before).await);
    }

    async fn dv_10_what_was_withdrawn_before_the_poll_is_denied(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let tv = server.add_client(ClientSpec::device("tv")).await;
        let [signed_out, ended] = [
            server.start_device(&tv, "openid").await,
            server.start_device(&tv, "openid offline_access").await,
        ];
        let mut browser = Browser::new(&server);
        browser.answer_device(&signed_out.user_code, "alice", "allow").await;
        browser.answer_device(&ended.user_code, "alice", "allow").await;
        execute(&server.db, "UPDATE grants SET ended_at = 1, end_reason = 'revoked' WHERE offline").await;
        server.poll(&ended).await.expect_error(400, "access_denied");
        browser.open("/logout").await;
        browser.submit(&[]).await;
        server.poll(&signed_out).await.expect_error(400, "access_denied");
    }

    async fn dv_21_the_id_token_tells_of_the_approving_sign_in(db: TestDb) {
        let server = TestServer::new(db).await;
        let alice = server.alice().await;
        let tv = server.add_client(ClientSpec::device("tv")).await;
        let signed_in_at = server.app.clock().now().0;
        let mut browser = Browser::new(&server);
        let first = server.start_device(&tv, "openid offline_access").await;
        browser.answer_device(&first.user_code, "alice", "allow").await;
        server.advance(300);
        let device = server.start_device(&tv, "openid profile").await;
        browser.answer_device(&device.user_code, "alice", "allow").await;
        let tokens = Tokens::of(server.poll(&device).await);
        let id = claims(tokens.id.as_deref().unwrap());
        assert_eq!(id["sub"], alice.id.to_string());
        assert_eq!((&id["aud"], &id["iss"]), (&json!("tv"), &json!("https://id.example")));
        assert_eq!(id["auth_time"], signed_in_at);
        assert_eq!((&id["acr"], &id["amr"]), (&json!("1"), &json!(["pwd"])));
        assert!(id.get("nonce").is_none());
        assert!(tokens.refresh.is_none(), "offline_access was not asked for");
        assert_eq!(tokens.json["token_type"], "Bearer");
        assert_eq!(tokens.json["scope"], "openid profile");
        let access = claims(&tokens.access);
        assert_eq!((&access["sid"], &access["client_id"]), (&id["sid"], &json!("tv")));
        let told = server.userinfo(&tokens.access).await.expect(200).json();
        assert_eq!(told["name"], "alice Example");

        let offline = Tokens::of(server.poll(&first).await);
        assert_eq!(claims(offline.id.as_deref().unwrap())["sid"], id["sid"]);
        let renewed = Tokens::of(server.refresh(&tv, offline.refresh()).await);
        assert_eq!(claims(renewed.id.as_deref().unwrap())["auth_time"], signed_in_at);
        // Without offline access the tokens end with the sign-in.
        browser.open("/logout").await;
        browser.submit(&[]).await;
        server.userinfo(&tokens.access).await.expect(401);
        server.userinfo(&renewed.access).await.expect(200);
    }

    async fn dv_16_ten_thousand_live_codes_raise_the_alarm(db: TestDb) {
        let server = TestServer::new(db).await;
        let process = Process::serve(&server, &[]);
        let node = process.node(&server);
        let tv = server.add_client(ClientSpec::device("tv")).await;
        let now = server.app.clock().now().0;
        for (added, letters) in [(0, 8), (490, 8), (100, 9), (9_500, 10)] {
            add_waiting(&server, added, now).await;
            // Nodes count once a second: another one has not counted yet.
            let device = server.second_node().await.start_device(&tv, "openid").await;
            assert_eq!(device.user_code.replace('-', "").len(), letters, "{added} more");
        }
        let device = node.start_device(&tv, "openid").await;
        assert_eq!(device.user_code, device.user_code.to_uppercase());
        assert!(process.logs("very many devices wait for a person"), "{}", process.log());
        // The long code works as any other.
        server.alice().await;
        Browser::new(&server).answer_device(&device.user_code, "alice", "allow").await;
        Tokens::of(server.poll(&device).await);
    }

    async fn what_was_issued_is_on_record(db: TestDb) {
        let server = TestServer::new(db).await;
        let alice = server.alice().await;
        let tv = server.add_client(ClientSpec::device("tv")).await;
        let device = server.start_device(&tv, "openid").await;
        let refused = server.start_device(&tv, "openid").await;
        Browser::new(&server).answer_device(&device.user_code, "alice", "allow").await;
        Browser::new(&server).answer_device(&refused.user_code, "alice", "deny").await;
        Tokens::of(server.poll(&device).await);
        let events = server.app.audit().take(1000).events;
        for kind in [AuditKind::DeviceApproved, AuditKind::DeviceDenied, AuditKind::TokensIssued] {
            let event = events.iter().find(|event| event.kind == kind).unwrap_or_else(|| panic!("no {kind}"));
            assert_eq!((event.subject, event.client_id.as_ref()), (Some(alice.id), Some(&tv.client_id())));
            assert_eq!(event.grant_id.is_some(), kind != AuditKind::DeviceDenied);
            let told = format!("{event:?}");
            for secret in [&device.device_code, &device.user_code, &refused.user_code] {
                assert!(!told.contains(secret.as_str()), "{told}");
            }
        }
    }

    async fn the_sweep_takes_what_nobody_needs_and_keeps_what_a_replay_would_meet(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let tv = server.add_client(ClientSpec::device("tv")).await;
        let asked = "openid offline_access";
        let [pending_one, denied, unredeemed, redeemed] = [
            server.start_device(&tv, asked).await,
            server.start_device(&tv, asked).await,
            server.start_device(&tv, asked).await,
            server.start_device(&tv, asked).await,
        ];
        let mut browser = Browser::new(&server);
        browser.answer_device(&denied.user_code, "alice", "deny").await;
        browser.answer_device(&unredeemed.user_code, "alice", "allow").await;
        browser.answer_device(&redeemed.user_code, "alice", "allow").await;
        let tokens = Tokens::of(server.poll(&redeemed).await);
        server.advance(600 + 599);
        portcullis::jobs::sweep::once(&server.app).await.unwrap();
        for device in [&pending_one, &unredeemed] {
            server.poll(device).await.expect_error(400, "expired_token");
        }
        server.advance(1);
        portcullis::jobs::sweep::once(&server.app).await.unwrap();
        for device in [&pending_one, &denied, &unredeemed] {
            server.poll(device).await.expect_error(400, "invalid_grant");
        }
        let mut raw = server.db.raw().await;
        assert_eq!(raw.number("SELECT count(*) FROM device_grant").await, 1);
        assert_eq!(raw.number("SELECT count(*) FROM grants").await, 1);
        assert_eq!(raw.number("SELECT count(*) FROM device_visit").await, 1);
        server.poll(&redeemed).await.expect_error(400, "invalid_grant");
        server.refresh(&tv, tokens.refresh()).await.expect_error(400, "invalid_grant");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_reach_the_device() {
    let server = TestServer::with(TestDb::sqlite().await, |config| {
        config.device.lifetime = seconds(120);
        config.device.interval = seconds(30);
        config.device.user_code_length = 12;
    })
    .await;
    let tv = server.add_client(ClientSpec::device("tv")).await;
    let device = server.start_device(&tv, "openid").await;
    assert_eq!(
        (&device.json["expires_in"], &device.json["interval"]),
        (&json!(120), &json!(30))
    );
    assert_eq!(device.user_code.len(), "WDJB-MJHT-BCDF".len());
    pending(&server, &device).await;
    assert_eq!(poll_after(&server, &device, 20).await.error(), "slow_down");
    assert_eq!(poll_after(&server, &device, 100).await.error(), "expired_token");
}

#[tokio::test(flavor = "multi_thread")]
async fn under_a_path_the_addresses_carry_it() {
    let server = TestServer::at(TestDb::sqlite().await, "https://id.example/tenant", |_| {}).await;
    server.alice().await;
    let tv = server.add_client(ClientSpec::device("tv")).await;
    let started = server
        .post_as(&tv, "/tenant/device/code", &[("scope", "openid")])
        .await
        .expect(200);
    let device = Device::of(&tv, started.json());
    assert_eq!(device.json["verification_uri"], "https://id.example/tenant/device");
    let metadata = server
        .get("/tenant/.well-known/openid-configuration")
        .await
        .expect(200)
        .json();
    assert_eq!(
        metadata["device_authorization_endpoint"],
        "https://id.example/tenant/device/code"
    );
    let mut browser = Browser::new(&server);
    browser.open("/tenant/device").await;
    browser.submit(&[("user_code", &device.user_code)]).await;
    browser.sign_in("alice", crate::support::PASSWORD).await;
    let done = browser.submit(&[("decision", "allow")]).await.page();
    assert_eq!(done.heading(), "Your device is connected");
}
