//! Races over one device: many polls, many answers, many starts.

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

use portcullis::authorize::device::start::{DeviceRequest, StartCx, begin};
use portcullis::crypto::user_code::{self, draw};
use portcullis::model::audit_event::AuditKind;
use portcullis::model::caller::Caller;
use portcullis::protocol::user_code::UserCode;
use portcullis::store::DeviceAnswer;
use tokio::task::JoinSet;

use crate::support::{Browser, ClientSpec, Device, TestServer, both_stores, scope};

/// So many polls at once, over two nodes. Returns how often each answer came, and how long the slowest took.
async fn polls(server: &TestServer, device: &Device, count: usize) -> (BTreeMap<String, usize>, Duration) {
    let nodes = [server.clone(), server.second_node().await];
    let mut running = JoinSet::new();
    for index in 0..count {
        let (node, device) = (nodes[index % 2].clone(), device.clone());
        running.spawn(async move {
            let started = Instant::now();
            let response = node.poll(&device).await;
            let answer = if response.status == 200 {
                "tokens".to_owned()
            } else {
                response.error()
            };
            (answer, started.elapsed())
        });
    }
    let (mut answers, mut slowest) = (BTreeMap::new(), Duration::ZERO);
    while let Some(done) = running.join_next().await {
        let (answer, took) = done.unwrap();
        *answers.entry(answer).or_default() += 1;
        slowest = slowest.max(took);
    }
    (answers, slowest)
}

both_stores! {
    async fn rc_12_many_polls_at_the_instant_of_approval(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let tv = server.add_client(ClientSpec::device("tv")).await;
        for _ in 0..5 {
            let device = server.start_device(&tv, "openid offline_access").await;
            let mut browser = Browser::new(&server);
            browser.visit_device(&device.user_code, "alice").await;
            let early = polls(&server, &device, 5).await.0;
            assert!(!early.contains_key("tokens"), "{early:?}");
            browser.submit(&[("decision", "allow")]).await.page();
            let (answers, _) = polls(&server, &device, 20).await;
            let expected = BTreeMap::from([("tokens".to_owned(), 1), ("invalid_grant".to_owned(), 19)]);
            assert_eq!(answers, expected);
        }
    }

    async fn rc_12_approval_while_the_device_polls(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let tv = server.add_client(ClientSpec::device("tv")).await;
        let device = server.start_device(&tv, "openid").await;
        let mut browser = Browser::new(&server);
        browser.visit_device(&device.user_code, "alice").await;
        let answer = [("decision", "allow")];
        let ((answers, _), page) = tokio::join!(polls(&server, &device, 20), browser.submit(&answer));
        assert_eq!(page.page().status(), 200);
        let tokens = answers.get("tokens").copied().unwrap_or_default();
        assert!(tokens <= 1, "{answers:?}");
        let known = ["tokens", "invalid_grant", "slow_down", "authorization_pending"];
        assert!(answers.keys().all(|answer| known.contains(&answer.as_str())), "{answers:?}");
        if tokens == 0 {
            server.poll(&device).await.expect(200);
        }
    }

    async fn rc_13_allow_and_deny_at_once(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let other = server.second_node().await;
        let tv = server.add_client(ClientSpec::device("tv")).await;
        for _ in 0..8 {
            let device = server.start_device(&tv, "openid").await;
            let [mut one, mut two, mut three] = [Browser::new(&server), Browser::new(&other), Browser::new(&server)];
            for browser in [&mut one, &mut two, &mut three] {
                browser.visit_device(&device.user_code, "alice").await;
            }
            server.app.audit().take(1000);
            other.app.audit().take(1000);
            let (allow, deny) = ([("decision", "allow")], [("decision", "deny")]);
            let (first, second, third) = tokio::join!(one.submit(&allow), two.submit(&deny), three.submit(&allow));
            let pages = [first.page(), second.page(), third.page()];
            let statuses: Vec<_> = pages.iter().map(super::support::Page::status).collect();
            assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
            assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 2, "{statuses:?}");
            let denied = pages[1].status() == 200;
            let polled = server.poll(&device).await;
            assert_eq!(polled.status == 200, !denied, "{}", polled.text());
            assert!(!denied || polled.error() == "access_denied");
            let mut events = server.app.audit().take(1000).events;
            events.extend(other.app.audit().take(1000).events);
            let kinds = [AuditKind::DeviceApproved, AuditKind::DeviceDenied];
            assert_eq!(events.iter().filter(|event| kinds.contains(&event.kind)).count(), 1, "{events:?}");
        }
        // An answer that did not count left nothing behind.
        let mut raw = server.db.raw().await;
        let grants = raw.number("SELECT count(*) FROM grants").await;
        assert_eq!(grants, raw.number("SELECT count(*) FROM device_grant WHERE decision = 'allow'").await);
    }

    async fn rc_14_an_approval_in_the_second_of_expiry(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let tv = server.add_client(ClientSpec::device("tv")).await;
        let [in_time, late] = [server.start_device(&tv, "openid").await, server.start_device(&tv, "openid").await];
        let mut browser = Browser::new(&server);
        server.advance(599);
        browser.answer_device(&in_time.user_code, "alice", "allow").await;
        let mut second = browser.clone();
        second.visit_device(&late.user_code, "alice").await;
        server.advance(1);
        assert_eq!(second.submit(&[("decision", "allow")]).await.page().status(), 400);
        server.poll(&in_time).await.expect_error(400, "expired_token");
        server.poll(&late).await.expect_error(400, "expired_token");
        // Nor by an answer that was read before that second and is written in it.
        let user_code = UserCode::parse(&late.user_code).unwrap();
        let digest = user_code::digest(server.app.user_code_key(), &user_code);
        let stored = server.store().device_by_user_code(&digest).await.unwrap().unwrap();
        let now = server.app.clock().now();
        assert_eq!(server.store().deny_device(stored.id, now).await.unwrap(), DeviceAnswer::TooLate);
    }

    async fn rc_15_many_fast_polls_lose_no_increment_and_do_not_pile_up(db: TestDb) {
        let server = TestServer::new(db).await;
        let tv = server.add_client(ClientSpec::device("tv")).await;
        let device = server.start_device(&tv, "openid").await;
        server.poll(&device).await.expect_error(400, "authorization_pending");
        let (answers, slowest) = polls(&server, &device, 100).await;
        let slowed = answers.get("slow_down").copied().unwrap_or_default();
        assert!(slowed >= 99, "{answers:?}");
        let mut raw = server.db.raw().await;
        let interval = raw.number("SELECT poll_interval FROM device_grant").await;
        assert_eq!(interval, 5 + 5 * i64::try_from(slowed).unwrap());
        assert!(slowest < Duration::from_secs(5), "{slowest:?}");
        // A device that never listens is not written about for ever: the interval ends at the request's life.
        let (answers, _) = polls(&server, &device, 60).await;
        assert_eq!(answers.get("slow_down"), Some(&60), "{answers:?}");
        assert_eq!(raw.number("SELECT poll_interval FROM device_grant").await, 600);
    }

    async fn rc_16_user_codes_that_collide(db: TestDb) {
        let server = TestServer::new(db).await;
        let tv = server.add_client(ClientSpec::device("tv")).await;
        let found = server.store().find_client(&tv.client_id()).await.unwrap();
        let client = found.client.unwrap();
        let mut starts = JoinSet::new();
        for worker in 0..10 {
            let (server, client, catalog) = (server.clone(), client.clone(), found.catalog.clone());
            starts.spawn(async move {
                let caller = Caller::default();
                let cx = StartCx { app: &server.app, client: &client, catalog: &catalog, caller: &caller, now: server.app.clock().now() };
                let mut given = Vec::new();
                for index in 0..100 {
                    let request = DeviceRequest { scope: scope(&format!("s{worker}-{index}")), resources: Vec::new() };
                    let asked = request.scope.clone();
                    // 256 codes of eight letters for a thousand devices.
                    let started = begin(&cx, request, |length| draw(b"BC", length)).await.unwrap();
                    given.push((started, asked));
                }
                given
            });
        }
        let mut codes = HashSet::new();
        while let Some(given) = starts.join_next().await {
            for (started, asked) in given.unwrap() {
                assert!(codes.insert(started.user_code.letters().to_owned()), "given to two devices");
                let digest = user_code::digest(server.app.user_code_key(), &started.user_code);
                let found = server.store().device_by_user_code(&digest).await.unwrap().unwrap();
                assert_eq!((found.digest, found.scope), (started.device_code.digest(), asked));
            }
        }
        assert_eq!(codes.len(), 1000);
        assert!(codes.iter().any(|code| code.len() > 8), "the short ones ran out");
    }
}
