//! The audit trail through the server: what leaves an event, and what becomes of it.

use std::time::{Duration, Instant};

use portcullis::jobs;
use portcullis::model::audit_event::{Actor, AuditEntry, AuditEvent, AuditKind};
use portcullis::store::AuditFilter;
use portcullis::telemetry::audit::CAPACITY;
use portcullis::time::Timestamp;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::support::{AuthRequest, Browser, ClientSpec, PASSWORD, TestDb, TestServer, Tokens, both_stores, seconds};

const HOME: &str = "203.0.113.5";

/// What an event says, without its keys and its moment.
fn told(entry: &AuditEntry) -> serde_json::Value {
    json!([
        entry.kind,
        entry.actor_kind,
        entry.client_id,
        entry.address,
        entry.reason,
        entry.count,
        entry.detail
    ])
}

fn kinds(trail: &[AuditEntry]) -> Vec<&str> {
    trail.iter().map(|entry| entry.kind.as_str()).collect()
}

both_stores! {
    async fn lk_08_a_person_leaves_an_event_at_each_step(db: TestDb) {
        let server = TestServer::new(db).await;
        let alice = server.alice().await;
        let shop = server.add_client(ClientSpec::web("shop")).await;
        let request = AuthRequest::new(&shop, "openid offline_access");
        let mut browser = Browser::new(&server);
        browser.authorize(&request).await.page();
        for fields in [[("username", "nobody-knows"), ("password", "canary-typed")], [("username", "Alice"), ("password", "canary-typed")]] {
            browser.submission(&fields).1.from(HOME).await.expect(401);
        }
        let (path, sign_in) = browser.submission(&[("username", "alice"), ("password", PASSWORD)]);
        browser.navigate(&path, sign_in.from(HOME)).await.page();
        let (path, deny) = browser.submission(&[("decision", "deny")]);
        assert_eq!(browser.navigate(&path, deny.from(HOME)).await.callback().get("error"), "access_denied");
        browser.authorize(&request).await.page();
        let (path, allow) = browser.submission(&[("decision", "allow")]);
        let code = browser.navigate(&path, allow.from(HOME)).await.callback().code();
        let tokens = Tokens::of(server.redeem(&shop, &code, &request).from(HOME).await);
        server.refresh(&shop, tokens.refresh()).await.expect(200);
        browser.authorize(&request.clone().set("prompt", "login")).await.page();
        let (path, again) = browser.submission(&[("username", "alice"), ("password", PASSWORD)]);
        browser.navigate(&path, again.from(HOME)).await;
        browser.open("/logout").await.page();
        browser.submission(&[]).1.from(HOME).await.expect(200);

        let trail = server.audit_trail().await;
        let said: Vec<_> = trail.iter().map(told).collect();
        let scope = "openid offline_access";
        let expected = [
            json!(["sign_in_failed", "nobody", null, HOME, "no account has the name that was typed", 1, {}]),
            json!(["sign_in_failed", "nobody", null, HOME, "the password is wrong", 1, {}]),
            json!(["sign_in", "user", null, HOME, null, 1, {}]),
            json!(["consent_denied", "user", "shop", HOME, null, 1, {"scope": scope}]),
            json!(["consent_given", "user", "shop", HOME, null, 1, {"scope": scope}]),
            json!(["tokens_issued", "client", "shop", HOME, null, 1, {"scope": scope, "grant_type": "authorization_code"}]),
            json!(["sign_in", "user", null, HOME, null, 1, {"again": true}]),
            json!(["sign_out", "user", null, HOME, null, 1, {}]),
        ];
        assert_eq!(said, expected);
        assert_eq!(trail[0].subject, None);
        assert!(trail[1..].iter().all(|entry| entry.subject == Some(alice.id)));
        let by_user = |entry: &&AuditEntry| entry.actor_kind == "user";
        assert!(trail.iter().filter(by_user).all(|entry| entry.actor_id == Some(alice.id.to_string())));
        assert!(trail.iter().all(|entry| entry.request_id.as_ref().is_some_and(|id| id.len() >= 8)));
        assert!(trail[5].grant_id.is_some() && trail[5].actor_id.as_deref() == Some("shop"));
        assert!(!format!("{trail:?}").contains("canary") && !format!("{trail:?}").contains("nobody-knows"));
    }

    async fn lk_08_what_goes_wrong_with_tokens_leaves_an_event(db: TestDb) {
        let server = TestServer::with(db, |config| config.tokens.refresh_retry_window = seconds(0)).await;
        let alice = server.alice().await;
        let shop = server.add_client(ClientSpec::web("shop")).await;
        let (code, request) = server.code(&shop, "openid offline_access").await;
        let first = Tokens::of(server.redeem(&shop, &code, &request).await);
        server.audit_trail().await;
        let before = server.store().last_audit_event().await.unwrap();

        let next = Tokens::of(server.refresh(&shop, first.refresh()).await);
        server.advance(60);
        server.refresh(&shop, first.refresh()).from(HOME).await.expect(400);
        server.refresh(&shop, next.refresh()).await.expect(400);
        server.redeem(&shop, &code, &request).from(HOME).await.expect(400);
        server.redeem(&shop, &code, &request).from(HOME).await.expect(400);
        let other = server.code_flow(&shop, "openid offline_access").await;
        server.audit_trail().await;
        let flow = server.store().last_audit_event().await.unwrap();
        server.revoke(&shop, &other.access).from(HOME).await.expect(200);
        server.revoke(&shop, other.refresh()).from(HOME).await.expect(200);
        server.revoke(&shop, other.refresh()).from(HOME).await.expect(200);
        server.revoke(&shop, "unknown").from(HOME).await.expect(200);

        let trail = server.audit_trail().await;
        let of = |from: i64, to: i64| -> Vec<_> { trail.iter().filter(|entry| entry.seq > from && entry.seq <= to).collect() };
        let wrong: Vec<_> = of(before, flow).into_iter().filter(|entry| entry.reason.is_some()).collect();
        let replayed = "code was redeemed before: the grant is revoked";
        let reused = "spent refresh token presented again: the grant is revoked";
        assert_eq!(
            wrong.iter().map(|entry| told(entry)).collect::<Vec<_>>(),
            [
                json!(["refresh_reused", "client", "shop", HOME, reused, 1, {}]),
                json!(["code_replayed", "client", "shop", HOME, replayed, 2, {}]),
            ]
        );
        assert!(wrong.iter().all(|entry| entry.subject == Some(alice.id) && entry.grant_id.is_some()));
        let revoked = of(flow, i64::MAX);
        assert_eq!(
            revoked.iter().map(|entry| told(entry)).collect::<Vec<_>>(),
            ["access_token", "refresh_token"].map(|token| json!(["token_revoked", "client", "shop", HOME, null, 1, {"token": token}]))
        );
        assert!(revoked.iter().all(|entry| entry.subject == Some(alice.id) && entry.grant_id.is_some()));
    }

    async fn lk_08_clients_leave_counted_events(db: TestDb) {
        let server = TestServer::new(db).await;
        let batch = server.add_client(ClientSpec::service("batch")).await;
        for _ in 0..20 {
            server.client_credentials(&batch).from(HOME).await.expect(200);
        }
        server.token(&batch, &[("grant_type", "client_credentials"), ("scope", "jobs:run")]).from(HOME).await.expect(200);
        for secret in ["canary-one", "canary-two", "canary-three"] {
            let request = server.post_form("/token", &[("grant_type", "client_credentials")]);
            request.basic("batch", secret).from(HOME).await.expect(401);
        }
        server.post_form("/token", &[("grant_type", "client_credentials")]).basic("ghost", "canary").await.expect(401);
        let trail = server.audit_trail().await;
        let issued = |scope: &str| json!({"scope": scope, "grant_type": "client_credentials"});
        assert_eq!(
            trail.iter().map(told).collect::<Vec<_>>(),
            [
                json!(["tokens_issued", "client", "batch", HOME, null, 20, issued("jobs:run jobs:read")]),
                json!(["tokens_issued", "client", "batch", HOME, null, 1, issued("jobs:run")]),
                json!(["client_auth_failed", "nobody", "batch", HOME, "client secret is wrong", 3, {}]),
                json!(["client_auth_failed", "nobody", "ghost", null, "client is unknown", 1, {}]),
            ]
        );
        assert!(!format!("{trail:?}").contains("canary"));
    }

    async fn lk_08_keys_that_the_server_makes_leave_an_event(db: TestDb) {
        let server = TestServer::without_keys(db, "https://id.example", |_| {}).await;
        jobs::keys::ensure(&server.app).await.unwrap();
        jobs::keys::ensure(&server.app).await.unwrap();
        let trail = server.audit_trail().await;
        let keys = server.store().signing_keys().await.unwrap();
        assert_eq!(trail.len(), keys.len());
        for entry in &trail {
            assert_eq!((entry.kind.as_str(), entry.actor_kind.as_str()), ("key_rotated", "system"));
            assert!(keys.iter().any(|key| entry.detail["kid"] == key.kid.as_str()));
        }
    }

    async fn events_are_stored_and_go_after_a_year(db: TestDb) {
        let server = TestServer::new(db).await;
        let now = server.app.clock().now();
        server.app.audit().record(event(now));
        server.app.audit().record(event(now.plus(86_400)));
        assert_eq!(server.audit_trail().await.len(), 2);
        server.advance(365 * 86_400);
        jobs::sweep::once(&server.app).await.unwrap();
        assert_eq!(server.audit_trail().await.len(), 2, "to the second");
        server.advance(1);
        jobs::sweep::once(&server.app).await.unwrap();
        let kept = server.audit_trail().await;
        assert_eq!((kept.len(), kept[0].at), (1, now.plus(86_400)));
    }

    async fn nothing_tells_addresses_where_that_is_switched_off(db: TestDb) {
        let server = TestServer::with(db, |config| config.audit.record_addresses = false).await;
        let request = server.post_form("/token", &[("grant_type", "client_credentials")]);
        request.basic("ghost", "x").from(HOME).await.expect(401);
        let trail = server.audit_trail().await;
        assert_eq!(kinds(&trail), ["client_auth_failed"]);
        assert_eq!(trail[0].address, None);
    }

    /// Requests are answered, events wait, and are stored once and in order when the table is back.
    async fn ft_47_events_wait_while_the_trail_cannot_be_written(db: TestDb) {
        let server = TestServer::new(db).await;
        let batch = server.add_client(ClientSpec::service("batch")).await;
        let mut raw = server.db.raw().await;
        raw.run("ALTER TABLE audit_event RENAME TO away").await;
        let stop = CancellationToken::new();
        let job = tokio::spawn(jobs::audit::run(server.app.clone(), stop.clone()));
        server.client_credentials(&batch).await.expect(200);
        let deadline = Instant::now() + Duration::from_secs(20);
        while server.app.audit().is_waiting() && Instant::now() < deadline {
            tokio::task::yield_now().await;
        }
        assert!(!server.app.audit().is_waiting(), "the job has it in hand");
        server.app.audit().record(event(server.app.clock().now()));
        raw.run("ALTER TABLE away RENAME TO audit_event").await;
        let all = AuditFilter::default();
        let stored = async || server.store().audit_events_after(&all, 0, 10).await.unwrap();
        while stored().await.len() < 2 && Instant::now() < deadline {
            tokio::task::yield_now().await;
        }
        assert_eq!(kinds(&stored().await), ["tokens_issued", "sign_out"]);
        // What comes last is stored before the job ends.
        server.app.audit().record(event(server.app.clock().now()));
        stop.cancel();
        job.await.unwrap();
        assert_eq!(stored().await.len(), 3);
    }

    /// The room is bounded, and the trail says itself what it lacks.
    async fn ft_47_what_does_not_fit_is_an_event_of_its_own(db: TestDb) {
        let server = TestServer::new(db).await;
        for number in 0..CAPACITY + 7 {
            server.app.audit().record(event(Timestamp(i64::try_from(number).unwrap())));
        }
        let trail = server.audit_trail().await;
        assert_eq!(trail.len(), CAPACITY + 1);
        let lost: Vec<_> = trail.iter().filter(|entry| entry.kind == "audit_lost").collect();
        assert_eq!((lost.len(), lost[0].detail["lost"].as_u64()), (1, Some(7)));
    }
}

fn event(at: Timestamp) -> AuditEvent {
    AuditEvent::new(AuditKind::SignOut, Actor::System, at)
}

/// A server that ends while its database is away says what is lost, and ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ft_47_the_end_of_the_server_does_not_wait_for_a_trail_that_is_away() {
    let server = TestServer::new(TestDb::sqlite().await).await;
    server
        .db
        .raw()
        .await
        .run("ALTER TABLE audit_event RENAME TO away")
        .await;
    let stop = CancellationToken::new();
    stop.cancel();
    server.app.audit().record(event(Timestamp(1)));
    let started = Instant::now();
    jobs::audit::run(server.app.clone(), stop).await;
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    assert!(!server.app.audit().is_waiting());
}
