//! Limits on how often something is tried: sign-in (LG-07 to LG-11, LG-31), client authentication (CA-25), requests (RC-32).

use axum::http::Method;
use portcullis::config::Config;
use portcullis::crypto::opaque::{Kind, OpaqueToken};
use portcullis::limits::Permit;
use portcullis::limits::user_code::{self, Guess};
use portcullis::model::audit_event::{AuditEvent, AuditKind};
use portcullis::model::caller::Caller;
use portcullis::model::client::{ClientSecret, SecretVerifier};
use portcullis::model::interaction::BrowserId;
use portcullis::model::user::{PasswordHash, UserId};
use portcullis::protocol::error::Reason;
use portcullis::store::{ClientWrite, SecretRotation};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::dump::Dump;
use crate::support::{
    AuthRequest, Browser, ClientSpec, PASSWORD, TestClient, TestRequest, TestResponse, TestServer, both_stores,
};

const HERE: &str = "203.0.113.5";
const GRANT: (&str, &str) = ("grant_type", "client_credentials");

/// A sign-in form, filled in.
async fn form(browser: &mut Browser, name: &str, password: &str) -> TestRequest {
    browser.open("/login").await.page();
    browser.submission(&[("username", name), ("password", password)]).1
}

/// A sign-in in a new browser.
async fn attempt(server: &TestServer, from: &str, name: &str, password: &str) -> TestResponse {
    form(&mut Browser::new(server), name, password).await.from(from).await
}

async fn statuses(server: &TestServer, from: &str, name: &str, password: &str, times: usize) -> Vec<u16> {
    let mut all = Vec::new();
    for _ in 0..times {
        all.push(attempt(server, from, name, password).await.status.as_u16());
    }
    all
}

/// The address of another house.
fn elsewhere(number: impl TryInto<usize>) -> String {
    let number: usize = number.try_into().unwrap_or_default();
    format!("198.51.{}.{}", 100 + number / 250, 1 + number % 250)
}

fn throttled(server: &TestServer) -> Vec<AuditEvent> {
    let events = server.app.audit().take(1000).events;
    events
        .into_iter()
        .filter(|event| event.kind == AuditKind::Throttled)
        .collect()
}

#[track_caller]
fn assert_throttled_page(response: &TestResponse, seconds: &str, words: &str) {
    assert_eq!(response.status, 429);
    assert_eq!(response.header("retry-after"), seconds);
    let text = response.text();
    assert!(text.contains("Too many attempts.") && text.contains(words), "{text}");
    assert!(text.contains("name=\"password\""), "the form is still there");
    assert_eq!(response.header("set-cookie"), "");
}

async fn chosen_secret(server: &TestServer, client: &TestClient, secret: &str) {
    let now = server.app.clock().now();
    let stored = server.store().client(&client.client_id()).await.unwrap().unwrap();
    let secret = ClientSecret {
        sealed: None,
        id: server.app.row_key(now),
        verifier: SecretVerifier::Password(server.app.passwords().hash(secret).await.unwrap()),
        created_at: now,
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
}

/// A token request that authenticates with `secret`.
fn token(server: &TestServer, from: &str, client: &str, secret: &str) -> TestRequest {
    server.post_form("/token", &[GRANT]).basic(client, secret).from(from)
}

both_stores! {
    async fn lg_07_wrong_passwords_for_one_account_are_throttled_without_a_hash(db: TestDb) {
        let server = TestServer::new(db).await;
        let alice = server.alice().await;
        assert_eq!(statuses(&server, HERE, "alice", "wrong", 10).await, [401; 10]);
        let begun = server.app.passwords().begun();
        let refused = attempt(&server, HERE, "alice", "wrong").await;
        assert_throttled_page(&refused, "90", "Try again in 2 minutes.");
        // The right password is not looked at either, from wherever it comes.
        for from in [HERE, "192.0.2.77"] {
            assert_throttled_page(&attempt(&server, from, "alice", PASSWORD).await, "90", "Try again in 2 minutes.");
        }
        assert_eq!(server.app.passwords().begun(), begun, "no hash was begun");
        assert_eq!(statuses(&server, HERE, "bob", "wrong", 1).await, [401], "others may go on");

        server.advance(90);
        assert_eq!(statuses(&server, HERE, "alice", "wrong", 2).await, [401, 429]);
        server.advance(90);
        let events = throttled(&server);
        assert_eq!(events.len(), 1, "one for the window, however many were refused: {events:?}");
        assert_eq!((events[0].subject, events[0].reason), (Some(alice.id), Some(Reason::SignInThrottled)));
        assert_eq!(events[0].detail["limit"], "sign_in_account");
        assert_eq!(events[0].address, Some(HERE.parse().unwrap()));
        // The right one brings the count back to nothing.
        assert_eq!(statuses(&server, HERE, "alice", PASSWORD, 12).await, [303; 12]);
        assert_eq!(statuses(&server, HERE, "alice", "wrong", 11).await[9..], [401, 429]);
    }

    async fn lg_07_the_owners_browser_is_let_in_while_others_guess(db: TestDb) {
        let server = TestServer::new(db).await;
        let alice = server.alice().await;
        let mut own = Browser::new(&server);
        let response = form(&mut own, "alice", PASSWORD).await.from(HERE).await;
        let cookie = response.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap());
        let cookie = cookie.filter(|value| value.starts_with("__Host-portcullis-known=")).collect::<Vec<_>>();
        let [cookie] = cookie[..] else { panic!("{cookie:?}") };
        assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax; Max-Age=15552000; Secure"), "{cookie}");
        own.navigate("/", server.get("/")).await;
        let known = cookie.split(['=', ';']).nth(1).unwrap().to_owned();
        own.cookies().insert("__Host-portcullis-known".to_owned(), known.clone());

        // Guesses from everywhere, from the owner's own address too.
        assert!(statuses(&server, HERE, "alice", "wrong", 12).await.contains(&429));
        let mut late = own.clone();
        late.cookies().remove("__Host-portcullis");
        let response = form(&mut late.clone(), "alice", PASSWORD).await.from(HERE).await;
        assert_eq!(response.status, 303, "the account knows this browser");
        assert_eq!(statuses(&server, HERE, "alice", PASSWORD, 1).await, [429], "and its success frees nobody else");

        // Its own tries are limited as well, and do not touch those of others.
        let mut own_tries = Vec::new();
        for _ in 0..12 {
            own_tries.push(form(&mut late.clone(), "alice", "wrong").await.from(HERE).await.status.as_u16());
        }
        assert_eq!(own_tries, [[401; 10].as_slice(), &[429, 429]].concat());

        // It is worth nothing for another account, altered, or after a new password.
        server.add_user("bob").await;
        assert_eq!(statuses(&server, "192.0.2.1", "bob", "wrong", 10).await, [401; 10]);
        let mut altered = late.clone();
        let flipped = if known.starts_with('A') { known.replacen('A', "B", 1) } else { format!("A{}", &known[1..]) };
        altered.cookies().insert("__Host-portcullis-known".to_owned(), flipped);
        for (browser, name) in [(&late, "bob"), (&altered, "alice")] {
            let response = form(&mut browser.clone(), name, PASSWORD).await.from("192.0.2.9").await;
            assert_eq!(response.status, 429, "{name}");
        }
        server.advance(900);
        let hash = PasswordHash(server.app.passwords().hash("another password").await.unwrap());
        server.store().set_password(alice.id, &hash, server.app.clock().now()).await.unwrap();
        assert_eq!(statuses(&server, "192.0.2.9", "alice", "wrong", 11).await[9..], [401, 429]);
        let response = form(&mut late, "alice", "another password").await.from("192.0.2.9").await;
        assert_eq!(response.status, 429, "the account no longer knows the browser");
    }

    async fn lg_08_one_account_from_many_addresses(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let mut answers = Vec::new();
        for number in 0..30 {
            answers.push(attempt(&server, &elsewhere(number), "alice", "wrong").await.status.as_u16());
        }
        assert_eq!(answers, [[401; 10].as_slice(), &[429; 20]].concat());
    }

    async fn lg_09_many_accounts_from_one_address(db: TestDb) {
        let server = TestServer::with(db, |config| {
            config.limits.sign_in_per_address = "20 per 15m".parse().unwrap();
        })
        .await;
        server.alice().await;
        let spray = async |from: &str, first: usize, count: usize| {
            let mut answers = Vec::new();
            for number in first..first + count {
                answers.push(attempt(&server, from, &format!("user{number}"), "Spring2026!").await.status.as_u16());
            }
            answers
        };
        // Signing in to an account of one's own does not wash the address clean.
        let mut answers = spray(HERE, 0, 10).await;
        assert_eq!(attempt(&server, HERE, "alice", PASSWORD).await.status, 303);
        answers.extend(spray(HERE, 10, 15).await);
        assert_eq!(answers, [[401; 20].as_slice(), &[429; 5]].concat());
        assert_eq!(spray("192.0.2.1", 30, 1).await, [401], "other addresses go on");
        let events = throttled(&server);
        assert_eq!(events.len(), 1);
        assert_eq!((events[0].subject, &events[0].detail["limit"]), (None, &"sign_in_address".into()));

        // A /64 network is one address: that is the least that one person has.
        for number in 100..120 {
            let from = format!("2001:db8:1:2:{number:x}::");
            assert_eq!(spray(&from, number, 1).await, [401]);
        }
        assert_eq!(attempt(&server, "2001:db8:1:2:ffff::1", "fresh", "wrong").await.status, 429);
        assert_eq!(attempt(&server, "2001:db8:1:3::1", "fresh", "wrong").await.status, 401);
    }

    async fn lg_10_rc_20_parallel_guesses_are_counted_before_they_are_hashed(db: TestDb) {
        let server = TestServer::with(db, |config| {
            config.limits.sign_in_per_account = "5 per 15m".parse().unwrap();
            config.passwords.queue = 200;
        })
        .await;
        server.alice().await;
        let nodes = [server.clone(), server.second_node().await];
        let mut requests = Vec::new();
        for number in 0..50 {
            requests.push(form(&mut Browser::new(&nodes[number % 2]), "alice", "wrong").await);
        }
        let before = nodes.each_ref().map(|node| node.app.passwords().begun());
        let mut guesses = JoinSet::new();
        for request in requests {
            guesses.spawn(async move { request.await.status.as_u16() });
        }
        let answers = guesses.join_all().await;
        assert_eq!(answers.iter().filter(|status| **status == 401).count(), 5, "{answers:?}");
        assert_eq!(answers.iter().filter(|status| **status == 429).count(), 45, "{answers:?}");
        let begun: u64 = nodes.iter().zip(before).map(|(node, before)| node.app.passwords().begun() - before).sum();
        assert_eq!(begun, 5);
    }

    async fn lg_11_one_count_for_every_spelling_of_a_name(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        for known in [true, false] {
            let spelled = if known {
                ["alice", "ALICE", " alice ", "ａｌｉｃｅ", "Alice\u{a0}"]
            } else {
                ["nobody", "NOBODY", " nobody ", "ｎｏｂｏｄｙ", "Nobody\u{a0}"]
            };
            let mut answers = Vec::new();
            for number in 0..12 {
                let name = spelled[number % spelled.len()];
                answers.push(attempt(&server, HERE, name, "wrong").await.status.as_u16());
            }
            assert_eq!(answers, [[401; 10].as_slice(), &[429, 429]].concat());
        }
    }

    /// NOLEAK: whether a name exists, whether an account is disabled, and whether its password was right cannot be told.
    async fn lg_01_limits_tell_no_more_than_answers(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let bob = server.add_user("bob").await;
        server.store().disable_user(bob.id, server.app.clock().now()).await.unwrap();
        let mut seen = Vec::new();
        for (name, password) in [("alice", "wrong"), ("nobody", "wrong"), ("bob", PASSWORD)] {
            let mut browser = Browser::new(&server);
            let mut answers = Vec::new();
            for _ in 0..12 {
                let response = form(&mut browser, name, password).await.from(HERE).await;
                let names: Vec<_> = response.headers.keys().map(ToString::to_string).collect();
                let text = response.text().replace(name, "");
                let text = text.split("name=\"csrf\"").next().unwrap().to_owned();
                answers.push((response.status.as_u16(), response.header("retry-after").to_owned(), names, text));
            }
            seen.push(answers);
        }
        assert_eq!(seen[0][11].0, 429);
        assert_eq!(seen[0], seen[1]);
        assert_eq!(seen[0], seen[2]);
    }

    async fn lg_07_the_page_of_a_waiting_request_is_limited_too(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        let mut browser = Browser::new(&server);
        browser.authorize(&AuthRequest::new(&client, "openid")).await.page();
        for _ in 0..10 {
            assert_eq!(browser.sign_in("alice", "wrong").await.page().status(), 401);
        }
        let page = browser.sign_in("alice", PASSWORD).await.page();
        assert_throttled_page(&page.response, "90", "Try again in 2 minutes.");
        server.advance(90);
        let landed = browser.sign_in("alice", PASSWORD).await.page();
        assert!(landed.is_consent(), "the request still waits");
        assert!(browser.cookies().contains_key("__Host-portcullis-known"));
    }

    async fn what_was_not_hashed_does_not_count(db: TestDb) {
        let server = TestServer::with(db, |config| {
            config.passwords.memory_kib = 64 * 1024;
            config.passwords.iterations = 4;
            config.passwords.permits = 1;
            config.passwords.queue = 0;
            config.limits.sign_in_per_account = "2 per 15m".parse().unwrap();
        })
        .await;
        let mut requests = Vec::new();
        for _ in 0..4 {
            requests.push(form(&mut Browser::new(&server), "alice", "wrong").await);
        }
        let others = async {
            let mut answers = Vec::new();
            for request in requests {
                answers.push(request.await.status.as_u16());
            }
            answers
        };
        let (held, busy) = tokio::join!(server.app.passwords().hash("x"), others);
        held.unwrap();
        assert!(busy.iter().filter(|status| **status == 503).count() >= 2, "{busy:?}");
        let counted = busy.iter().filter(|status| **status == 401).count();
        assert_eq!(statuses(&server, HERE, "alice", "wrong", 3 - counted).await.last(), Some(&429));
    }

    async fn lg_31_limits_go_by_the_address_that_can_be_believed(db: TestDb) {
        let few = |config: &mut Config| {
            config.limits.sign_in_per_address = "3 per 15m".parse().unwrap();
            config.server.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
        };
        let server = TestServer::with(db, few).await;
        let guess = async |peer: &str, says: &str, name: usize| {
            let request = form(&mut Browser::new(&server), &format!("user{name}"), "wrong").await;
            request.from(peer).header("x-forwarded-for", says).await.status.as_u16()
        };
        // A stranger's header changes nothing: neither escapes a limit nor spends somebody else's.
        let mut answers = Vec::new();
        for number in 0..5 {
            answers.push(guess(HERE, &elsewhere(number), number).await);
        }
        assert_eq!(answers, [401, 401, 401, 429, 429]);
        assert_eq!(guess(HERE, "a", 10).await, 429);
        assert_eq!(guess(&elsewhere(0), "", 11).await, 401);
        // Behind a trusted proxy the client's address counts, however much the client put in front of it.
        let mut answers = Vec::new();
        for number in 20..25 {
            answers.push(guess("10.1.1.1", &format!("{}, 192.0.2.50", elsewhere(number)), number).await);
        }
        assert_eq!(answers, [401, 401, 401, 429, 429]);
        assert_eq!(guess("10.1.1.1", "192.0.2.51", 30).await, 401, "another client of the same proxy");
        assert_eq!(guess("10.2.2.2", "192.0.2.50", 31).await, 429, "another proxy, the same client");
    }

    async fn ca_25_wrong_secrets_are_throttled_and_the_right_one_is_not_locked_out(db: TestDb) {
        let server = TestServer::new(db).await;
        let client = server.add_client(ClientSpec::service("batch")).await;
        let right = client.secret.clone().unwrap();
        let wrong = OpaqueToken::generate(Kind::ClientSecret).expose().to_owned();
        let mut answers = Vec::new();
        for _ in 0..25 {
            answers.push(token(&server, HERE, "batch", &wrong).await.status.as_u16());
        }
        assert_eq!(answers, [[401; 20].as_slice(), &[429; 5]].concat());
        let refused = token(&server, HERE, "batch", &wrong).await;
        assert_eq!(refused.error(), "too_many_requests");
        assert_eq!((refused.header("retry-after"), refused.header("www-authenticate")), ("15", ""));
        for from in [HERE, "192.0.2.1"] {
            token(&server, from, "batch", &right).await.expect(200);
        }
        token(&server, "192.0.2.1", "batch", &wrong).await.expect_error(401, "invalid_client");
        // Every endpoint that clients authenticate at is one.
        let elsewhere = server.post_form("/revoke", &[("token", "x")]).basic("batch", &wrong).from(HERE);
        elsewhere.await.expect_error(429, "too_many_requests");

        let events = throttled(&server);
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].client_id, Some(client.client_id()));
        assert_eq!(events[0].detail["limit"], "client_auth_client");
    }

    async fn ca_25_chosen_secrets_are_counted_before_they_are_hashed(db: TestDb) {
        let server = TestServer::with(db, |config| {
            config.limits.client_auth_per_client = "5 per 5m".parse().unwrap();
            config.passwords.queue = 200;
        })
        .await;
        let client = server.add_client(ClientSpec::service("batch")).await;
        chosen_secret(&server, &client, "a secret of my own").await;
        for _ in 0..8 {
            token(&server, HERE, "batch", "a secret of my own").await.expect(200);
        }
        let begun = server.app.passwords().begun();
        let mut guesses = JoinSet::new();
        for _ in 0..40 {
            let request = token(&server, HERE, "batch", "a secret of theirs");
            guesses.spawn(async move { request.await.status.as_u16() });
        }
        let answers = guesses.join_all().await;
        assert_eq!(answers.iter().filter(|status| **status == 401).count(), 5, "{answers:?}");
        assert_eq!(server.app.passwords().begun() - begun, 5);
        // Whom this node knows is neither hashed nor counted; another node looks for itself.
        token(&server, HERE, "batch", "a secret of my own").await.expect(200);
        assert_eq!(server.app.passwords().begun() - begun, 5);
        let other = server.second_node().await;
        token(&other, HERE, "batch", "a secret of my own").await.expect_error(429, "too_many_requests");
        token(&other, "192.0.2.1", "batch", "a secret of my own").await.expect(200);
        assert_eq!(other.app.passwords().begun(), 1);
        // A secret that was replaced is known no more.
        chosen_secret(&server, &client, "another secret of mine").await;
        token(&server, "192.0.2.2", "batch", "a secret of my own").await.expect_error(401, "invalid_client");
    }

    async fn ca_25_names_of_clients_cannot_be_tried_without_end(db: TestDb) {
        let server = TestServer::with(db, |config| {
            config.limits.client_auth_per_address = "30 per 5m".parse().unwrap();
        })
        .await;
        let mut answers = Vec::new();
        for number in 0..33 {
            answers.push(token(&server, HERE, &format!("client{number}"), "x").await.status.as_u16());
        }
        assert_eq!(answers, [[401; 30].as_slice(), &[429; 3]].concat());
    }

    async fn user_codes_are_limited_by_each_key_and_overall(db: TestDb) {
        let server = TestServer::with(db, |config| {
            config.limits.user_code_overall = "50 per 15m".parse().unwrap();
        })
        .await;
        let guess = async |browser: u128, user: u128, from: String| {
            let caller = Caller { address: Some(from.parse().unwrap()), ..Caller::default() };
            let guess = Guess {
                browser: Some(BrowserId(Uuid::from_u128(browser))),
                user: Some(UserId(Uuid::from_u128(user))),
                caller: &caller,
            };
            user_code::permit(&server.app, &guess, server.app.clock().now()).await.unwrap()
        };
        let passed = async |guesses: Vec<(u128, u128, String)>| {
            let mut passed = 0;
            for (browser, user, from) in guesses {
                passed += usize::from(matches!(guess(browser, user, from).await, Permit::Granted(_)));
            }
            passed
        };
        let ids = |first: u128| first..first + 60;
        assert_eq!(passed(ids(1).map(|n| (1, n, elsewhere(n))).collect()).await, 5, "one browser");
        assert_eq!(passed(ids(100).map(|n| (n, 100, elsewhere(n))).collect()).await, 10, "one person");
        assert_eq!(passed(ids(200).map(|n| (n, n, HERE.to_owned())).collect()).await, 20, "one address");
        assert_eq!(passed(ids(300).map(|n| (n, n, elsewhere(n))).collect()).await, 15, "the rest of 50");
        let kinds: Vec<_> = throttled(&server).iter().map(|event| event.detail["limit"].clone()).collect();
        assert_eq!(kinds, ["user_code_browser", "user_code_account", "user_code_address", "user_code_overall"]);
        // A right code gives back its own part, and no more: everybody can have a right code of their own device.
        server.advance(900);
        assert_eq!(passed(vec![(1, 1, HERE.to_owned()); 4]).await, 4);
        for _ in 0..3 {
            let Permit::Granted(taken) = guess(1, 1, HERE.to_owned()).await else { panic!("throttled") };
            taken.right(&server.app).await;
        }
        assert_eq!(passed(vec![(1, 1, HERE.to_owned()); 4]).await, 1);
    }

    async fn rc_32_requests_of_a_client_and_from_an_address_are_limited_on_each_node(db: TestDb) {
        let server = TestServer::with(db, |config| {
            config.limits.requests_per_client = "5 per 1m".parse().unwrap();
            config.limits.requests_per_address = "8 per 1m".parse().unwrap();
        })
        .await;
        let nodes = [server.clone(), server.second_node().await];
        let one = server.add_client(ClientSpec::service("one")).await;
        let two = server.add_client(ClientSpec::service("two")).await;
        let ask = async |node: &TestServer, from: &str, client: &TestClient| {
            token(node, from, &client.id, client.secret.as_deref().unwrap()).await
        };
        let mut passed = 0;
        for number in 0..20 {
            let response = ask(&nodes[number % 2], &elsewhere(number), &one).await;
            passed += usize::from(response.status == 200);
            if response.status != 200 {
                assert_eq!(response.error(), "too_many_requests");
                assert_eq!(response.header("retry-after"), "12");
            }
        }
        assert_eq!(passed, 10, "the limit, times the nodes");
        ask(&server, HERE, &two).await.expect(200);
        // Whoever cannot prove to be the client does not use up its share.
        for number in 0..10 {
            token(&server, &elsewhere(number), "two", "wrong").await.expect_error(401, "invalid_client");
        }
        for _ in 0..4 {
            ask(&server, &elsewhere(50), &two).await.expect(200);
        }
        assert_eq!(ask(&server, &elsewhere(50), &two).await.status, 429);
        server.advance(12);
        ask(&server, &elsewhere(51), &two).await.expect(200);

        let node = &nodes[1];
        let mut answers = Vec::new();
        for path in ["/token", "/revoke", "/userinfo", "/token", "/token", "/token", "/token", "/token", "/token"] {
            answers.push(node.request(Method::POST, path).from("192.0.2.1").form(&[]).await);
        }
        assert!(answers[..8].iter().all(|response| response.status != 429));
        assert_eq!((answers[8].error(), answers[8].header("retry-after")), ("too_many_requests".to_owned(), "8"));
        let page = node.get("/authorize?client_id=one").from("192.0.2.1").await;
        assert_eq!((page.status.as_u16(), page.header("retry-after")), (429, "8"));
        assert!(page.text().contains("Too many attempts"));
        node.get("/.well-known/openid-configuration").from("192.0.2.1").await.expect(200);
        assert_eq!(throttled(&server).len() + throttled(node).len(), 4);
    }

    /// The database tells neither who was tried nor from where.
    async fn counters_hold_no_names_and_no_addresses(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        for name in ["victim.example", "somebody.else"] {
            attempt(&server, HERE, name, "wrong").await;
        }
        token(&server, HERE, "some-client", "x").await;
        let dump = Dump::of(&server, "alice@example.com").await;
        for clear in ["victim.example", "somebody.else", HERE, "some-client"] {
            dump.lacks("the table of counters", clear);
        }
    }
}
