//! LG: signing in with a password.

use std::time::Duration;

use axum::http::Method;
use portcullis::crypto::password::{HashParams, PasswordHasher};
use portcullis::crypto::policy::check_new_password;
use portcullis::model::user::{PasswordHash, User, Username};

use crate::support::{
    AuthRequest, Browser, ClientSpec, PASSWORD, TestDb, TestRequest, TestResponse, TestServer, Tokens, both_stores,
};

/// A sign-in in a browser of its own, up to the form's answer.
async fn attempt(server: &TestServer, username: &str, password: &str) -> TestResponse {
    let mut browser = Browser::new(server);
    browser.open("/login").await.page();
    let (_, request) = browser.submission(&[("username", username), ("password", password)]);
    request.await
}

fn is_success(response: &TestResponse) -> bool {
    assert!(
        response.status == 303 || response.status == 401,
        "{}: {}",
        response.status,
        response.text()
    );
    response.status == 303
}

/// A page without what differs on each visit: the form's token, and what was typed (with it, the length).
fn masked(response: &TestResponse, typed: &str) -> (u16, Vec<(String, String)>, String) {
    let mut text = response.text().to_owned();
    let at = text.find("name=\"csrf\" value=\"").unwrap() + 19;
    text.replace_range(at..at + 43, "");
    let masked = ["x-request-id", "content-length"];
    let headers = response
        .headers
        .iter()
        .filter(|(name, _)| !masked.contains(&name.as_str()));
    let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    (response.status.as_u16(), headers.collect(), text.replace(typed, ""))
}

async fn set_password(server: &TestServer, user: &User, password: &str) {
    let hash = PasswordHash(server.app.passwords().hash(password).await.unwrap());
    store_hash(server, user, &hash).await;
}

async fn store_hash(server: &TestServer, user: &User, hash: &PasswordHash) {
    let now = server.app.clock().now();
    server.store().set_password(user.id, hash, now).await.unwrap();
}

/// A hash that takes long enough for others to arrive meanwhile.
fn slow(config: &mut portcullis::config::Config) {
    config.passwords.memory_kib = 64 * 1024;
    config.passwords.iterations = 4;
    config.passwords.permits = 1;
    config.passwords.queue = 0;
}

both_stores! {
    async fn lg_01_an_unknown_name_and_a_wrong_password_look_the_same(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        let wrong = masked(&attempt(&server, "alice", "wrong").await, "alice");
        assert_eq!(wrong.0, 401);
        for name in ["nobody", "alicf", "admin", "' OR 1=1 --", "\u{202e}ecila"] {
            let unknown = masked(&attempt(&server, name, "wrong").await, name);
            // The one place where they may differ is the name itself, which is escaped.
            assert_eq!((wrong.0, &wrong.1), (unknown.0, &unknown.1), "{name}");
            if name.chars().all(char::is_alphanumeric) {
                assert_eq!(wrong.2, unknown.2, "{name}");
            }
        }
        let request = AuthRequest::new(&client, "openid");
        let mut pages = Vec::new();
        for name in ["alice", "nobody"] {
            let mut browser = Browser::new(&server);
            let path = browser.authorize(&request).await.page().path;
            let page = browser.sign_in(name, "wrong").await.page();
            let masked = masked(&page.response, name);
            pages.push((masked.0, masked.1, masked.2.replace(&path, "")));
        }
        assert_eq!(pages[0], pages[1]);
    }

    async fn lg_02_disabled_and_passwordless_accounts_look_like_wrong_passwords(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let bob = server.add_user("bob").await;
        server.store().disable_user(bob.id, server.app.clock().now()).await.unwrap();
        let federated = User {
            id: portcullis::model::user::UserId(server.app.row_key(server.app.clock().now())),
            username: Username::register("carol").unwrap(),
            password: None,
            ..server.alice().await
        };
        server.store().insert_user(&federated).await.unwrap();
        let wrong = masked(&attempt(&server, "alice", "wrong").await, "alice");
        for (name, password) in [("bob", "wrong"), ("bob", PASSWORD), ("carol", ""), ("carol", PASSWORD)] {
            assert_eq!(masked(&attempt(&server, name, password).await, name), wrong, "{name} {password}");
        }
    }

    async fn lg_03_the_form_tells_nothing_about_a_hinted_name(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        let mut pages = Vec::new();
        for name in ["alice", "nobody"] {
            let mut browser = Browser::new(&server);
            let request = AuthRequest::new(&client, "openid").set("login_hint", name);
            let page = browser.authorize(&request).await.page();
            let masked = masked(&page.response, name);
            pages.push((masked.0, masked.1, masked.2.replace(&page.path, "")));
        }
        assert_eq!(pages[0], pages[1]);
    }

    async fn lg_06_there_is_no_side_door_for_passwords(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        let fields = [("grant_type", "password"), ("username", "alice"), ("password", PASSWORD)];
        server.token(&client, &fields).await.expect_error(400, "unsupported_grant_type");
        let fields = [("grant_type", "client_credentials")];
        server.post_form("/token", &fields).basic("alice", PASSWORD).await.expect_error(401, "invalid_client");
        let response = server.get("/").basic("alice", PASSWORD).await.expect(200);
        assert!(response.text().contains("Welcome"));
        server.get("/userinfo").basic("alice", PASSWORD).await.expect(401);
    }

    async fn lg_12_one_name_however_it_is_spelled(db: TestDb) {
        let server = TestServer::new(db).await;
        server.add_user("zoë").await;
        server.add_user("office").await;
        server.add_user("alice").await;
        for spelled in [
            "alice", "Alice", "ALICE ", " alice", "alice\u{a0}", "ａｌｉｃｅ", "zoë", "zoe\u{308}", "ZOË", "ZOE\u{308}",
            "oﬃce", "oﬀice",
        ] {
            assert!(is_success(&attempt(&server, spelled, PASSWORD).await), "{spelled:?}");
            let twin = User {
                id: portcullis::model::user::UserId(server.app.row_key(server.app.clock().now())),
                username: Username::register(spelled).unwrap(),
                ..server.alice().await
            };
            let outcome = server.store().insert_user(&twin).await.unwrap();
            assert_eq!(outcome, portcullis::store::UserWrite::Taken, "no second account {spelled:?}");
        }
        for other in ["аlice", "al ice", "alice\u{200b}", "a\u{200d}lice", "zoe", "alıce"] {
            assert!(!is_success(&attempt(&server, other, PASSWORD).await), "{other:?}");
        }
    }

    async fn lg_13_impossible_names_are_ordinary_failures(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let long = "x".repeat(10 * 1024);
        for name in [
            "alice\r\n", "al\tice", "\u{200b}alice", "\u{202e}alice", "аlice", "👩‍👩‍👧", "\u{feff}alice", "%00", "\\ud800",
            long.as_str(), "",
        ] {
            let response = attempt(&server, name, "wrong").await;
            assert_eq!(response.status, 401, "{name:?}");
        }
        let response = attempt(&server, "ali\0ce", PASSWORD).await;
        assert_eq!(response.status, 400, "NUL is refused with the request");
        assert!(!response.text().contains('\0'));
    }

    async fn lg_14_a_name_like_an_address_is_nobody_elses(db: TestDb) {
        let server = TestServer::new(db).await;
        let alice = server.alice().await;
        let impostor = server.add_user("alice@example.com").await;
        set_password(&server, &impostor, "the impostor's own password").await;
        assert_eq!(alice.claims.email.as_deref(), Some("alice@example.com"));
        assert!(!is_success(&attempt(&server, "alice@example.com", PASSWORD).await));
        let client = server.add_client(ClientSpec::web("shop")).await;
        let request = AuthRequest::new(&client, "openid");
        let mut browser = Browser::new(&server);
        browser.authorize(&request).await.page();
        browser.sign_in("alice@example.com", "the impostor's own password").await.page();
        let callback = browser.consent("allow").await.callback();
        let tokens = Tokens::of(server.redeem(&client, &callback.code(), &request).await);
        assert_eq!(crate::support::claims(&tokens.access)["sub"], impostor.id.to_string());
    }

    async fn lg_15_odd_addresses_are_told_as_they_are(db: TestDb) {
        let server = TestServer::new(db).await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        let mut alice = server.alice().await;
        for email in ["victim@x.example@evil.example", "\"a b\"@x.example", "用户@例え.jp", "a@b\r\nBcc: c@d"] {
            alice.claims.email = Some(email.to_owned());
            server.store().set_claims(&alice, server.app.clock().now()).await.unwrap();
            let tokens = server.code_flow(&client, "openid email").await;
            assert_eq!(server.userinfo(&tokens.access).await.expect(200).json()["email"], email);
        }
    }

    async fn lg_16_long_and_unusual_passwords_count_in_full(db: TestDb) {
        let server = TestServer::new(db).await;
        let alice = server.alice().await;
        let twin = "x".repeat(72);
        let cases = [
            ("a".repeat(64), "a".repeat(63)),
            ("b".repeat(128), "b".repeat(127)),
            ("c".repeat(256), "c".repeat(255)),
            (format!("{twin}one"), format!("{twin}two")),
            (" spaces  kept ".to_owned(), "spaces  kept".to_owned()),
            ("pässwörd 密码 🔑 пароль".to_owned(), "password 密码 🔑 пароль".to_owned()),
            ("Case Matters Here".to_owned(), "case matters here".to_owned()),
            ("x² is not x2".to_owned(), "x2 is not x2".to_owned()),
        ];
        for (password, other) in &cases {
            set_password(&server, &alice, password).await;
            assert!(is_success(&attempt(&server, "alice", password).await), "{password}");
            assert!(!is_success(&attempt(&server, "alice", other).await), "{other}");
        }
    }

    async fn lg_18_one_password_however_it_is_composed(db: TestDb) {
        let server = TestServer::new(db).await;
        let alice = server.alice().await;
        for (set, typed) in [("p\u{e4}ssword kept", "pa\u{308}ssword kept"), ("pa\u{308}ssword kept", "p\u{e4}ssword kept"), ("two\u{a0}words here", "two words here")] {
            set_password(&server, &alice, set).await;
            assert!(is_success(&attempt(&server, "alice", typed).await), "{typed:?}");
        }
    }

    async fn lg_22_an_old_hash_is_renewed_once(db: TestDb) {
        let server = TestServer::new(db).await;
        let alice = server.alice().await;
        let cost = HashParams { memory_kib: 16, iterations: 1, parallelism: 1 };
        let old = PasswordHash(PasswordHasher::new(cost, 1, 10).unwrap().hash(PASSWORD).await.unwrap());
        store_hash(&server, &alice, &old).await;
        let stored = async || server.store().user(alice.id).await.unwrap().unwrap().password.unwrap();
        assert!(!is_success(&attempt(&server, "alice", "wrong").await));
        assert_eq!(stored().await.0, old.0, "a wrong password renews nothing");

        let (first, second, third) = tokio::join!(
            attempt(&server, "alice", PASSWORD),
            attempt(&server, "alice", PASSWORD),
            attempt(&server, "alice", PASSWORD),
        );
        assert!(is_success(&first) && is_success(&second) && is_success(&third));
        let renewed = stored().await.0;
        assert!(renewed.contains("m=8,t=1,p=1"), "{renewed}");
        assert!(is_success(&attempt(&server, "alice", PASSWORD).await));
        assert_eq!(stored().await.0, renewed, "once");
    }

    async fn lg_23_a_damaged_hash_is_a_failed_sign_in(db: TestDb) {
        let server = TestServer::new(db).await;
        let alice = server.alice().await;
        let wrong = masked(&attempt(&server, "alice", "wrong").await, "alice");
        for hash in [
            "",
            "plain text",
            "$argon2id$",
            "$argon2id$v=19$m=4294967295,t=4294967295,p=16777215$c2FsdHNhbHRzYWx0$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "$argon2id$v=19$m=10485760,t=1,p=1$c2FsdHNhbHRzYWx0$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "$argon2id$v=19$m=8,t=1,p=1$$",
            "$2b$12$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "$scrypt$ln=30,r=8,p=1$c2FsdA$AAAA",
            "\u{fffd}\u{fffd}",
        ] {
            store_hash(&server, &alice, &PasswordHash(hash.to_owned())).await;
            let response = attempt(&server, "alice", PASSWORD).await;
            assert_eq!(masked(&response, "alice"), wrong, "{hash}");
        }
    }

    async fn lg_29_no_step_can_be_skipped(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        let mut browser = Browser::new(&server);
        let sign_in = browser.authorize(&AuthRequest::new(&client, "openid")).await.page();
        let csrf = sign_in.form().fields[0].1.clone();
        // With the token of the sign-in form, without having signed in.
        for (page, fields) in [
            ("consent", vec![("csrf", csrf.as_str()), ("decision", "allow")]),
            ("consent", vec![("decision", "allow")]),
            ("account", vec![("csrf", csrf.as_str()), ("account", "00000000-0000-0000-0000-000000000000")]),
        ] {
            let path = sign_in.path.replace("login", page);
            let response = browser.request(Method::POST, &path).form(&fields).await;
            let asked_to_sign_in = response.status == 303 && response.location() == sign_in.path;
            assert!(asked_to_sign_in || response.status == 403, "{page}: {}", response.status);
        }
        let landed = browser.open(&sign_in.path.replace("login", "consent")).await.page();
        assert!(landed.is_sign_in());
        // The cookie from before the sign-in means nothing to the authorization endpoint.
        assert!(browser.authorize(&AuthRequest::new(&client, "openid")).await.page().is_sign_in());
        let callback = browser.authorize(&AuthRequest::new(&client, "openid").set("prompt", "none")).await.callback();
        assert_eq!(callback.get("error"), "login_required");
    }

    async fn lg_30_an_empty_form_passes_no_stage(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        let mut browser = Browser::new(&server);
        browser.authorize(&AuthRequest::new(&client, "openid")).await.page();
        assert_eq!(browser.submit(&[("username", ""), ("password", "")]).await.page().status(), 401);
        assert_eq!(browser.submit(&[("username", "alice")]).await.page().status(), 401);
        let path = browser.page().path.clone();
        let empty = async |browser: &Browser, path: &str| {
            let form = "application/x-www-form-urlencoded";
            browser.request(Method::POST, path).body(form, "").await
        };
        assert_eq!(empty(&browser, &path).await.status, 403);
        assert_eq!(browser.request(Method::POST, &path).await.status, 400, "no body at all");
        browser.open(&path).await.page();
        assert!(browser.sign_in("alice", PASSWORD).await.page().is_consent());
        for path in [path.replace("login", "consent"), path.replace("login", "account")] {
            assert_eq!(empty(&browser, &path).await.status, 403, "{path}");
        }
        assert_eq!(browser.submit(&[]).await.page().status(), 403, "a token, and no decision");
        let mut raw = server.db.raw().await;
        assert_eq!(raw.number("SELECT count(*) FROM grants").await, 0);
    }

    async fn lg_31_forwarding_headers_change_nothing(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        for value in ["a", "", "127.0.0.1", "10.0.0.1, unknown, _hidden", "[::1", "999.9.9.9", "\"", "for=\"[2001:db8::1]:x\""] {
            for (password, right) in [("wrong", false), (PASSWORD, true)] {
                let mut browser = Browser::new(&server);
                browser.open("/login").await.page();
                let (_, request) = browser.submission(&[("username", "alice"), ("password", password)]);
                let response = request
                    .from("192.0.2.1")
                    .header("x-forwarded-for", value)
                    .header("forwarded", value)
                    .header("x-real-ip", value)
                    .await;
                assert_eq!(is_success(&response), right, "{value}");
            }
        }
    }

    async fn lg_38_a_new_server_has_no_account_and_no_setup_page(db: TestDb) {
        let server = TestServer::new(db).await;
        assert_eq!(server.store().users().await.unwrap().len(), 0);
        for name in ["admin", "root", "administrator", "portcullis", "demo", "test", ""] {
            for password in ["", "admin", "password", "portcullis", "changeme", "demo", name] {
                assert!(!is_success(&attempt(&server, name, password).await), "{name} {password}");
            }
        }
        for path in ["/setup", "/install", "/admin", "/register", "/initial-setup", "/users", "/api"] {
            for method in [Method::GET, Method::POST] {
                let request = server.request(method, path);
                request.await.expect(404);
            }
        }
    }
}

#[test]
fn lg_13_impossible_names_cannot_be_registered() {
    let long = "x".repeat(10 * 1024);
    for name in [
        "",
        " ",
        "a\0b",
        "a\r\nb",
        "a\tb",
        "a\u{200b}b",
        "a\u{202e}b",
        "аdmin",
        "pаypal",
        "👩‍👩‍👧",
        "a\u{feff}b",
        long.as_str(),
        ".well-known",
        "..",
        "a..b",
        "a/b",
        "a\\b",
        "<b>",
        "a%00",
        "a b",
    ] {
        assert!(Username::register(name).is_err(), "{name:?}");
    }
}

#[test]
fn lg_14_names_of_the_system_are_reserved() {
    for name in [
        "admin",
        "Admin",
        "root",
        "ROOT",
        "administrator",
        "system",
        "me",
        "ｒｏｏｔ",
        "portcullis",
        ".well-known",
        "..",
        "a..b",
    ] {
        assert!(Username::register(name).is_err(), "{name}");
    }
}

#[test]
fn lg_19_passwords_that_attackers_try_first_are_refused_with_a_reason() {
    let about = ["alice", "alice@example.com"];
    for password in [
        "short",
        "password",
        "Password1!",
        "12345678",
        "qwertyuiop",
        "aaaaaaaaaaaa",
        "portcullis2024",
        "alice123",
    ] {
        let refused = check_new_password(password, &about).unwrap_err().to_string();
        assert!(
            refused.ends_with('.') && !refused.contains('\n'),
            "{password}: {refused}"
        );
    }
    assert_eq!(check_new_password("a few unrelated words", &about), Ok(()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lg_01_every_attempt_costs_one_hash() {
    let server = TestServer::with(TestDb::sqlite().await, slow).await;
    server.alice().await;
    // While the only permit is taken, whoever wants a hash is turned away: that tells that one was wanted.
    let asked = async |name: &str| {
        let mut browser = Browser::new(&server);
        browser.open("/login").await.page();
        let (_, request) = browser.submission(&[("username", name), ("password", "wrong")]);
        let (held, response) = tokio::join!(server.app.passwords().hash("x"), request);
        held.unwrap();
        response.status.as_u16()
    };
    assert_eq!(asked("alice").await, 503);
    assert_eq!(asked("nobody").await, 503);
    assert_eq!(asked(&"x".repeat(2000)).await, 503);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lg_17_huge_passwords_are_refused_before_any_work() {
    let server = TestServer::with(TestDb::sqlite().await, slow).await;
    server.alice().await;
    let sign_in = async |password: &str| {
        let mut browser = Browser::new(&server);
        browser.open("/login").await.page();
        browser.submission(&[("username", "alice"), ("password", password)]).1
    };
    let over: TestRequest = sign_in(&"x".repeat(513)).await;
    let (held, response) = tokio::join!(server.app.passwords().hash("x"), over);
    held.unwrap();
    assert_eq!(
        response.status, 401,
        "no hash was asked for: it would have been turned away"
    );
    for size in [64 * 1024, 1024 * 1024, 20 * 1024 * 1024] {
        let response = sign_in(&"x".repeat(size)).await.await;
        assert_eq!(response.status, 413, "{size}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lg_24_a_flood_of_sign_ins_is_turned_away_and_others_are_served() {
    let server = TestServer::with(TestDb::sqlite().await, slow).await;
    server.alice().await;
    let service = server.add_client(ClientSpec::service("batch")).await;
    let client = server.add_client(ClientSpec::web("shop")).await;
    let mut own = Browser::new(&server);
    own.open("/login").await.page();
    let mut for_app = Browser::new(&server);
    for_app.authorize(&AuthRequest::new(&client, "openid")).await.page();
    let fields = [("username", "alice"), ("password", PASSWORD)];
    let (held, first, second, token) = tokio::join!(
        server.app.passwords().hash("x"),
        own.submission(&fields).1,
        for_app.submission(&fields).1,
        server.client_credentials(&service),
    );
    held.unwrap();
    token.expect(200);
    for response in [first, second] {
        assert_eq!((response.status.as_u16(), response.header("retry-after")), (503, "2"));
        assert!(response.text().contains("Wait a minute, then try again."));
        assert_eq!(response.header("set-cookie"), "");
    }
    assert_eq!(own.submission(&fields).1.await.status, 303, "once there is room again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lg_25_who_hangs_up_leaves_the_queue() {
    let server = TestServer::with(TestDb::sqlite().await, |config| {
        slow(config);
        config.passwords.queue = 1;
    })
    .await;
    server.alice().await;
    let mut browser = Browser::new(&server);
    browser.open("/login").await.page();
    let sign_in = || browser.submission(&[("username", "alice"), ("password", "wrong")]).1;
    let (held, response) = tokio::join!(server.app.passwords().hash("x"), async {
        let gave_up = tokio::time::timeout(Duration::from_millis(50), sign_in().send()).await;
        assert!(gave_up.is_err(), "it waits for the hash before it");
        sign_in().await
    });
    held.unwrap();
    assert_eq!(response.status, 401, "the only place in the queue was free again");
}
