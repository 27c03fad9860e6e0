//! SE: sessions, cookies, forged requests, and the headers of every answer.

use axum::http::Method;

use crate::support::{AuthRequest, Browser, ClientSpec, Landed, PASSWORD, TestServer, Tokens, both_stores, seconds};

/// The session cookie on https.
const COOKIE: &str = "__Host-portcullis";

/// A browser at the consent page of an app, alice signed in.
async fn at_consent(server: &TestServer) -> Browser {
    server.alice().await;
    let client = server.add_client(ClientSpec::web("shop")).await;
    let mut browser = Browser::new(server);
    browser.authorize(&AuthRequest::new(&client, "openid")).await.page();
    assert!(browser.sign_in("alice", PASSWORD).await.page().is_consent());
    browser
}

/// A browser in which `user` has signed in for its own sake.
async fn signed_in(server: &TestServer, user: &str) -> Browser {
    let mut browser = Browser::new(server);
    browser.open("/login").await.page();
    assert_eq!(
        browser.sign_in(user, PASSWORD).await.page().heading(),
        "You are signed in"
    );
    browser
}

/// Whether the home page greets somebody.
async fn is_signed_in(browser: &Browser) -> bool {
    let mut copy = browser.clone();
    copy.open("/").await.page().heading() == "You are signed in"
}

async fn count(server: &TestServer, what: &str) -> i64 {
    let mut raw = server.db.raw().await;
    raw.number(&format!("SELECT count(*) FROM {what}")).await
}

both_stores! {
    async fn se_01_the_cookie_is_bound_to_the_host_and_hidden_from_scripts(db: TestDb) {
        let server = TestServer::new(db).await;
        let mut values = std::collections::BTreeSet::new();
        for _ in 0..20 {
            let response = server.get("/login").await.expect(200);
            let cookies: Vec<_> = response.headers.get_all("set-cookie").iter().collect();
            let [cookie] = cookies.as_slice() else { panic!("one cookie: {cookies:?}") };
            let mut parts = cookie.to_str().unwrap().split("; ");
            let (name, value) = parts.next().unwrap().split_once('=').unwrap();
            assert_eq!((name, value.len()), (COOKIE, 22), "128 bits in base64url");
            let mut attributes: Vec<_> = parts.filter(|part| !part.starts_with("Max-Age=")).collect();
            attributes.sort_unstable();
            assert_eq!(attributes, ["HttpOnly", "Path=/", "SameSite=Lax", "Secure"]);
            values.insert(value.to_owned());
        }
        assert_eq!(values.len(), 20);
    }

    async fn se_02_a_planted_cookie_dies_at_sign_in(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let mut attacker = Browser::new(&server);
        attacker.open("/login").await.page();
        let planted = attacker.cookies()[COOKIE].clone();

        let mut victim = attacker.clone();
        victim.sign_in("alice", PASSWORD).await.page();
        assert_ne!(victim.cookies()[COOKIE], planted);
        assert!(is_signed_in(&victim).await);
        assert!(!is_signed_in(&attacker).await);
        assert_eq!(count(&server, "web_session").await, 1, "the old row is gone");
        // What the attacker's browser still holds opens nothing, not even the form that it has open.
        assert_eq!(attacker.sign_in("alice", PASSWORD).await.page().status(), 403);
    }

    async fn se_02_an_invented_cookie_is_never_adopted(db: TestDb) {
        let server = TestServer::new(db).await;
        let invented = "AAAAAAAAAAAAAAAAAAAAAA";
        let mut browser = Browser::new(&server);
        browser.cookies().insert(COOKIE.to_owned(), invented.to_owned());
        browser.open("/login").await.page();
        assert_ne!(browser.cookies()[COOKIE], invented);
    }

    async fn se_03_the_session_id_changes_at_every_step_up(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        server.add_user("bob").await;
        let mut browser = signed_in(&server, "alice").await;
        let first = browser.clone();
        for user in ["alice", "bob"] {
            let before = browser.clone();
            server.advance(60);
            browser.open("/login").await.page();
            browser.sign_in(user, PASSWORD).await.page();
            assert!(is_signed_in(&browser).await && !is_signed_in(&before).await, "{user}");
        }
        assert_eq!(count(&server, "browser_session WHERE ended_at IS NULL").await, 1, "bob replaced alice");
        browser.open("/logout").await.page();
        let before = browser.clone();
        browser.submit(&[]).await.page();
        let left: Vec<_> = browser.cookies().keys().cloned().collect();
        assert_eq!(left, ["__Host-portcullis-known"], "which lets nobody in");
        assert!(!is_signed_in(&before).await && !is_signed_in(&first).await);
        assert_eq!(count(&server, "web_session").await, 0);
    }

    async fn se_04_a_session_id_counts_in_the_cookie_only(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let mut browser = signed_in(&server, "alice").await;
        let id = browser.cookies()[COOKIE].clone();
        for query in [format!("{COOKIE}={id}"), format!("session={id}"), format!("sid={id}")] {
            let response = server.get(&format!("/?{query}")).await.expect(200);
            assert!(response.text().contains("Welcome") && !response.text().contains("alice"), "{query}");
        }
        // Taken for a client that asks by form: it is asked again by address, where the person is asked.
        let response = server.post_form("/logout", &[(COOKIE, &id), ("session", &id)]).await.expect(303);
        assert_eq!(response.header("set-cookie"), "");
        assert!(is_signed_in(&browser).await);
    }

    async fn se_05_two_tabs_each_finish_their_own_request(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let (shop, mail) = (
            server.add_client(ClientSpec::web("shop")).await,
            server.add_client(ClientSpec::web("mail")).await,
        );
        let first_request = AuthRequest::new(&shop, "openid").set("state", "of-the-shop");
        let second_request = AuthRequest::new(&mail, "openid email").set("state", "of-the-mail");
        let mut first = Browser::new(&server);
        first.authorize(&first_request).await.page();
        let mut second = first.clone();
        second.authorize(&second_request).await.page();
        assert_ne!(first.page().path, second.page().path);

        assert!(second.sign_in("alice", PASSWORD).await.page().is_consent());
        *first.cookies() = second.cookies().clone();
        assert!(first.sign_in("alice", PASSWORD).await.page().is_consent());
        *second.cookies() = first.cookies().clone();
        // The sign-in in the first tab confirmed the one in the second: its question is answered as it stands.
        let of_second = second.consent("allow").await.callback();
        let of_first = first.consent("allow").await.callback();
        assert_eq!((of_first.uri.as_str(), of_first.get("state")), (shop.redirect_uri.as_str(), "of-the-shop"));
        assert_eq!((of_second.uri.as_str(), of_second.get("state")), (mail.redirect_uri.as_str(), "of-the-mail"));
        let of_first = Tokens::of(server.redeem(&shop, &of_first.code(), &first_request).await);
        let of_second = Tokens::of(server.redeem(&mail, &of_second.code(), &second_request).await);
        assert_eq!((&of_first.json["scope"], &of_second.json["scope"]), (&"openid".into(), &"openid email".into()));
    }

    async fn se_06_nobody_is_signed_in_by_a_form_from_elsewhere(db: TestDb) {
        let server = TestServer::new(db).await;
        server.add_user("mallory").await;
        let mut own = Browser::new(&server);
        own.open("/login").await.page();
        let token = own.page().form().fields.iter().find(|(name, _)| name == "csrf").unwrap().1.clone();
        let fields = [("csrf", token.as_str()), ("username", "mallory"), ("password", PASSWORD)];
        // The attacker's own token, in a browser without a session and in one with another.
        let mut other = Browser::new(&server);
        other.open("/login").await.page();
        for browser in [Browser::new(&server), other] {
            let request = browser.request(Method::POST, "/login").form(&fields);
            assert!(request.await.expect(403).text().contains("This page was out of date"));
        }
        // The right token and cookie, from another site.
        for (site, origin) in [("cross-site", "https://evil.example"), ("same-site", "https://www.id.example")] {
            let cookie = own.cookie_header();
            let request = server.post_form("/login", &fields).cookie(&cookie);
            let response = request.header("sec-fetch-site", site).origin(origin).await.expect(403);
            assert_eq!(response.header("set-cookie"), "");
            assert!(response.text().contains("This form is out of date"));
        }
        assert_eq!(count(&server, "browser_session").await, 0);
    }

    async fn se_07_a_request_is_finished_in_the_browser_that_began_it(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        let mut attacker = Browser::new(&server);
        let page = attacker.authorize(&AuthRequest::new(&client, "openid")).await.page();
        let consent = page.path.replace("/login", "/consent");
        let mut victim = signed_in(&server, "alice").await;
        for path in [&page.path, &consent, &page.path.replace("/login", "/account")] {
            let landed = victim.open(path).await.page();
            assert_eq!((landed.status(), landed.heading().as_str()), (400, "This sign-in has expired"), "{path}");
        }
        let (_, form) = attacker.submission(&[("username", "alice"), ("password", PASSWORD)]);
        let cookie = victim.cookie_header();
        let mut stolen = form;
        stolen = stolen.without_header("cookie").cookie(&cookie);
        assert_eq!(stolen.await.status, 400);
        assert_eq!(count(&server, "browser_session").await, 1, "nobody was signed in by it");
    }

    async fn se_08_every_form_needs_the_token_of_its_own_page(db: TestDb) {
        let server = TestServer::new(db).await;
        server.add_user("bob").await;
        let consenting = at_consent(&server).await;
        let token_of = |browser: &Browser| {
            let fields = browser.page().form().fields;
            fields.into_iter().find(|(name, _)| name == "csrf").unwrap().1
        };
        let mut leaving = signed_in(&server, "alice").await;
        leaving.open("/logout").await.page();
        let mut bob = signed_in(&server, "bob").await;
        bob.open("/logout").await.page();
        let mut second = signed_in(&server, "alice").await;
        second.open("/logout").await.page();
        let mut before = Browser::new(&server);
        before.open("/login").await.page();
        let mut entering = before.clone();
        let tokens = [
            String::new(),
            "x".repeat(43),
            token_of(&before),
            token_of(&bob),
            token_of(&second),
        ];
        for token in &tokens {
            let page = leaving.clone().submit(&[("csrf", token)]).await.page();
            assert_eq!((page.status(), page.heading().as_str()), (403, "This form is out of date"), "{token}");
            let page = consenting.clone().submit(&[("csrf", token), ("decision", "allow")]).await.page();
            assert_eq!((page.status(), page.heading().as_str()), (403, "This form is out of date"), "{token}");
        }
        for token in tokens.iter().filter(|token| **token != token_of(&before)) {
            let page = entering.clone().submit(&[("csrf", token), ("username", "bob"), ("password", PASSWORD)]).await.page();
            assert_eq!((page.status(), page.is_sign_in()), (403, true), "{token}");
        }
        assert!(is_signed_in(&leaving).await);
        assert_eq!(count(&server, "grants").await + count(&server, "consent").await, 0);
        assert_eq!(count(&server, "browser_session WHERE ended_at IS NOT NULL").await, 0);
        // Nobody consents for somebody else who signed in before them in the same browser.
        let mut taken_over = consenting.clone();
        taken_over.open("/login").await.page();
        taken_over.sign_in("bob", PASSWORD).await.page();
        let mut old_page = consenting.clone();
        *old_page.cookies() = taken_over.cookies().clone();
        assert_eq!(old_page.consent("allow").await.page().status(), 403);
        assert_eq!(count(&server, "grants").await, 0);
        // A token that was given before the sign-in is of no use after it.
        let old = token_of(&consenting);
        entering.sign_in("alice", PASSWORD).await.page();
        entering.open("/logout").await.page();
        assert_eq!(entering.submit(&[("csrf", &old)]).await.page().status(), 403);
    }

    async fn se_10_reading_changes_nothing(db: TestDb) {
        let server = TestServer::new(db).await;
        let browser = at_consent(&server).await;
        let consent = browser.page().path.clone();
        let csrf = browser.page().form().fields[0].1.clone();
        for method in [Method::GET, Method::HEAD] {
            for path in [
                "/logout".to_owned(),
                format!("/logout?csrf={csrf}&confirm=logout"),
                format!("{consent}?csrf={csrf}&decision=allow"),
                format!("/login?csrf={csrf}&username=alice&password=x"),
            ] {
                let response = browser.request(method.clone(), &path).await;
                assert_eq!(response.status, 200, "{method} {path}");
            }
            for path in ["/token", "/revoke"] {
                let response = browser.request(method.clone(), path).await.expect(405);
                assert_eq!(response.header("allow"), "POST", "{method} {path}");
            }
        }
        assert!(is_signed_in(&browser).await);
        assert_eq!(count(&server, "grants").await + count(&server, "consent").await, 0);
    }

    async fn se_11_forms_from_other_sites_are_refused(db: TestDb) {
        let server = TestServer::new(db).await;
        let browser = at_consent(&server).await;
        let (path, _) = browser.submission(&[]);
        let csrf = browser.page().form().fields[0].1.clone();
        let send = |headers: &[(&str, &str)]| {
            let request = server.post_form(&path, &[("csrf", &csrf), ("decision", "deny")]);
            let request = request.cookie(&browser.cookie_header());
            headers.iter().fold(request, |request, (name, value)| request.header(name, value))
        };
        for headers in [
            &[("sec-fetch-site", "cross-site")][..],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "Same-Origin")],
            &[("sec-fetch-site", "cross-site"), ("origin", "null")],
            &[("origin", "https://evil.example")],
            &[("origin", "null")],
            &[("origin", "http://id.example")],
            &[("origin", "https://id.example.evil.example")],
            &[("origin", "https://evil.example"), ("host", "id.example")],
        ] {
            assert_eq!(send(headers).await.status, 403, "{headers:?}");
        }
        assert_eq!(count(&server, "interaction WHERE completed_at IS NOT NULL").await, 0);
        let answered = send(&[("sec-fetch-site", "same-origin"), ("origin", "https://id.example")]).await.expect(303);
        assert!(answered.location().contains("error=access_denied"));
    }

    async fn se_17_idle_and_absolute_timeouts_hold_across_restarts(db: TestDb) {
        let server = TestServer::with(db, |config| {
            config.sessions.idle_timeout = seconds(600);
            config.sessions.absolute_timeout = seconds(1500);
        }).await;
        server.alice().await;
        let mut browser = signed_in(&server, "alice").await;
        server.advance(601);
        assert!(!is_signed_in(&browser).await, "idle");

        browser = signed_in(&server, "alice").await;
        browser.switch_to(&server.second_node().await);
        for _ in 0..3 {
            server.advance(450);
            assert!(is_signed_in(&browser).await, "in use");
        }
        server.advance(151);
        assert!(!is_signed_in(&browser).await, "absolute");
    }

    async fn se_18_an_ended_session_ends_on_every_node(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let other = server.second_node().await;
        let here = signed_in(&server, "alice").await;
        let mut there = here.clone();
        there.switch_to(&other);
        assert!(is_signed_in(&there).await);
        let mut leaving = here.clone();
        leaving.open("/logout").await.page();
        leaving.submit(&[]).await.page();
        assert!(!is_signed_in(&here).await && !is_signed_in(&there).await);
    }

    async fn se_19_a_disabled_user_is_out_everywhere_at_once(db: TestDb) {
        let server = TestServer::new(db).await;
        let alice = server.alice().await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        let mut browsers = [signed_in(&server, "alice").await, signed_in(&server, "alice").await];
        let tokens = Tokens::of({
            let request = AuthRequest::new(&client, "openid offline_access");
            let code = browsers[0].grant(&request, "alice").await.code();
            server.redeem(&client, &code, &request).await
        });
        server.store().disable_user(alice.id, server.app.clock().now()).await.unwrap();
        for browser in &mut browsers {
            assert!(!is_signed_in(browser).await);
            assert!(browser.authorize(&AuthRequest::new(&client, "openid")).await.page().is_sign_in());
            assert_eq!(browser.sign_in("alice", PASSWORD).await.page().status(), 401);
        }
        server.refresh(&client, tokens.refresh()).await.expect_error(400, "invalid_grant");
        server.userinfo(&tokens.access).await.expect_error(401, "invalid_token");
        // Enabled again, what ended stays ended.
        server.store().enable_user(alice.id).await.unwrap();
        for browser in &browsers {
            assert!(!is_signed_in(browser).await);
        }
        server.refresh(&client, tokens.refresh()).await.expect_error(400, "invalid_grant");
    }

    async fn se_20_a_broken_cookie_is_no_cookie(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let good = signed_in(&server, "alice").await.cookies()[COOKIE].clone();
        let mut flipped = good.clone().into_bytes();
        flipped[3] = if flipped[3] == b'A' { b'B' } else { b'A' };
        let broken = [
            String::new(),
            "x".repeat(8 * 1024),
            format!("\"{good}\""),
            good[..21].to_owned(),
            format!("{good}A"),
            String::from_utf8(flipped).unwrap(),
            good.to_lowercase(),
            "%00".to_owned(),
            "é".to_owned(),
            "../../etc/passwd".to_owned(),
            "' OR 1=1 --".to_owned(),
        ];
        for value in &broken {
            for (path, status) in [("/", 200), ("/login", 200), ("/logout", 200), ("/authorize", 400)] {
                let request = server.get(path).cookie(&format!("{COOKIE}={value}"));
                let response = request.await.expect(status);
                assert!(!response.text().contains("You are signed in"), "{value}");
            }
            let response = server.get("/login").cookie(&format!("{COOKIE}={value}")).await;
            assert!(response.header("set-cookie").starts_with(&format!("{COOKIE}=")), "a fresh one: {value}");
        }
        for cookies in [format!("{COOKIE}={good}; {COOKIE}=x"), format!("{COOKIE}=x; {COOKIE}={good}")] {
            server.get("/").cookie(&cookies).await.expect(200);
        }
        server.get("/").header("cookie", &format!("{COOKIE}={good}")).header("cookie", "é").await.expect(200);
    }

    async fn se_21_a_cookie_from_a_sibling_domain_has_no_effect(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        server.add_user("mallory").await;
        let tossed = signed_in(&server, "mallory").await.cookies()[COOKIE].clone();
        let own = signed_in(&server, "alice").await.cookie_header();
        // A sibling cannot set `__Host-` names; any other name is not ours.
        for name in ["portcullis", "__Secure-portcullis", "__host-portcullis", "id"] {
            let response = server.get("/").cookie(&format!("{name}={tossed}; {own}")).await.expect(200);
            assert!(response.text().contains("alice") && !response.text().contains("mallory"), "{name}");
            let response = server.get("/").cookie(&format!("{name}={tossed}")).await.expect(200);
            assert!(!response.text().contains("mallory"), "{name}");
        }
    }

    async fn se_22_a_token_is_no_session(db: TestDb) {
        let server = TestServer::new(db).await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        let tokens = server.code_flow(&client, "openid offline_access").await;
        for token in [tokens.access.as_str(), tokens.refresh(), tokens.id.as_deref().unwrap()] {
            let response = server.get("/").cookie(&format!("{COOKIE}={token}")).await.expect(200);
            assert!(response.text().contains("Welcome"));
            let response = server.get("/").bearer(token).await.expect(200);
            assert!(response.text().contains("Welcome"));
        }
        // Nor is a session a token.
        let id = signed_in(&server, "alice").await.cookies()[COOKIE].clone();
        server.userinfo(&id).await.expect_error(401, "invalid_token");
    }

    async fn se_23_anonymous_visits_leave_little_and_not_for_long(db: TestDb) {
        let server = TestServer::new(db).await;
        for path in ["/", "/logout", "/authorize", "/nowhere", "/healthz"] {
            assert_eq!(server.get(path).await.header("set-cookie"), "", "{path}");
        }
        assert_eq!(count(&server, "web_session").await, 0, "whoever only looks leaves nothing");
        let client = server.add_client(ClientSpec::web("shop")).await;
        for _ in 0..20 {
            Browser::new(&server).authorize(&AuthRequest::new(&client, "openid")).await.page();
        }
        assert_eq!(count(&server, "web_session").await + count(&server, "interaction").await, 40);
        server.advance(15 * 60 + 1);
        portcullis::jobs::sweep::once(&server.app).await.unwrap();
        assert_eq!(count(&server, "web_session").await + count(&server, "interaction").await, 0);
    }
}

/// Every kind of answer: path, request, status.
async fn answers(server: &TestServer) -> Vec<(String, crate::support::TestResponse)> {
    let client = server.add_client(ClientSpec::web("shop")).await;
    let stylesheet = portcullis::http::assets::stylesheet();
    let mut browser = Browser::new(server);
    server.alice().await;
    let authorize = format!("/authorize?{}", AuthRequest::new(&client, "openid").query());
    let mut all = Vec::new();
    for path in [
        "/",
        "/login",
        "/logout",
        "/authorize",
        "/nowhere",
        "/static/nothing.css",
        "/interaction/x/login",
        "/client/nobody/logo",
        "/userinfo",
        "/token",
        "/healthz",
        "/readyz",
        "/.well-known/openid-configuration",
        "/.well-known/jwks.json",
        &stylesheet,
        &authorize,
    ] {
        all.push((path.to_owned(), server.get(path).await));
    }
    for path in ["/token", "/revoke", "/userinfo", "/login", "/authorize", "/"] {
        all.push((
            format!("POST {path}"),
            server.post_form(path, &[("nothing", "much")]).await,
        ));
    }
    let foreign = server
        .post_form("/login", &[])
        .header("sec-fetch-site", "cross-site")
        .await;
    all.push(("foreign POST /login".to_owned(), foreign));
    let big = server
        .request(Method::POST, "/token")
        .body("application/x-www-form-urlencoded", vec![b'a'; 70_000])
        .await;
    all.push(("big POST /token".to_owned(), big));
    let request = AuthRequest::new(&client, "openid offline_access");
    let page = browser.authorize(&request).await.page();
    all.push(("sign-in page".to_owned(), page.response));
    let page = browser.sign_in("alice", PASSWORD).await.page();
    all.push(("consent page".to_owned(), page.response));
    let (_, allow) = browser.submission(&[("decision", "allow")]);
    let redirect = allow.await;
    let code = redirect
        .location()
        .split("code=")
        .nth(1)
        .unwrap()
        .split('&')
        .next()
        .unwrap()
        .to_owned();
    all.push(("redirect to the client".to_owned(), redirect));
    all.push((
        "token answer".to_owned(),
        server.redeem(&client, &code, &request).await.expect(200),
    ));
    let form_post = AuthRequest::new(&client, "openid").set("response_mode", "form_post");
    let query = form_post.query();
    all.push((
        "form_post page".to_owned(),
        browser.request(Method::GET, &format!("/authorize?{query}")).await,
    ));
    all
}

both_stores! {
    async fn se_12_pages_are_fenced_in(db: TestDb) {
        let server = TestServer::new(db).await;
        for (what, response) in answers(&server).await {
            if !response.header("content-type").starts_with("text/html") {
                continue;
            }
            let policy = response.header("content-security-policy");
            for directive in ["default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "form-action "] {
                assert!(policy.contains(directive), "{what}: {policy}");
            }
            for weakness in ["unsafe-", "data:", "*", "http:"] {
                assert!(!policy.contains(weakness), "{what}: {policy}");
            }
            let scripted = response.text().contains("<script");
            assert_eq!(policy.contains("script-src 'sha256-"), scripted, "{what}: {policy}");
        }
    }

    async fn se_14_no_answer_goes_without_its_headers(db: TestDb) {
        let server = TestServer::new(db).await;
        let statuses: std::collections::BTreeSet<u16> = {
            let answers = answers(&server).await;
            for (what, response) in &answers {
                for (name, value) in [
                    ("x-content-type-options", "nosniff"),
                    ("x-frame-options", "DENY"),
                    ("referrer-policy", "no-referrer"),
                    ("cross-origin-opener-policy", "same-origin"),
                    ("strict-transport-security", "max-age=63072000"),
                ] {
                    assert_eq!(response.header(name), value, "{what}: {name}");
                }
                assert!(response.header("content-security-policy").contains("default-src 'none'"), "{what}");
                assert!(!response.header("x-request-id").is_empty(), "{what}");
                assert!(!response.headers.contains_key("server"), "{what}");
            }
            answers.iter().map(|(_, response)| response.status.as_u16()).collect()
        };
        for status in [200, 303, 400, 401, 403, 404, 405, 413] {
            assert!(statuses.contains(&status), "{status} was not among the answers: {statuses:?}");
        }
    }

    async fn se_15_nothing_personal_is_kept_by_caches(db: TestDb) {
        let server = TestServer::new(db).await;
        for (what, response) in answers(&server).await {
            let public = (what.starts_with("/.well-known/") || what.starts_with("/static/portcullis"))
                && response.status.is_success();
            let cache = response.header("cache-control");
            assert_eq!(cache != "no-store", public, "{what}: {cache}");
            assert!(!public || response.header("set-cookie").is_empty(), "{what}");
        }
    }

    async fn se_16_pages_load_nothing_from_elsewhere(db: TestDb) {
        let server = TestServer::new(db).await;
        for (what, response) in answers(&server).await {
            if !response.header("content-type").starts_with("text/html") {
                continue;
            }
            for attribute in [" src=\"", " href=\"", "url(", " srcset=\"", "@import"] {
                for (at, _) in response.text().match_indices(attribute) {
                    let target = &response.text()[at + attribute.len()..];
                    assert!(target.starts_with('/') && !target.starts_with("//"), "{what}: {}", &target[..40]);
                }
            }
        }
    }

    async fn se_24_machine_endpoints_never_redirect(db: TestDb) {
        let server = TestServer::new(db).await;
        for method in [Method::GET, Method::POST] {
            for path in ["/token", "/revoke", "/userinfo", "/.well-known/jwks.json", "/token/", "//token"] {
                let request = server.request(method.clone(), path).header("x-forwarded-proto", "http");
                let response = request.await;
                assert!(!response.status.is_redirection(), "{method} {path}: {}", response.status);
            }
        }
    }

    async fn se_25_other_methods_are_refused(db: TestDb) {
        let server = TestServer::new(db).await;
        for method in ["TRACE", "CONNECT", "DEBUG", "TRACK", "PUT", "DELETE", "PATCH", "PROPFIND"] {
            for path in ["/", "/login", "/logout", "/authorize", "/token", "/userinfo", "/.well-known/jwks.json"] {
                let method = Method::from_bytes(method.as_bytes()).unwrap();
                let response = server.request(method.clone(), path).header("x-canary", "canary").await;
                assert_eq!(response.status, 405, "{method} {path}");
                assert!(!response.text().contains("canary"), "{method} {path}");
            }
        }
    }
}

#[tokio::test]
async fn se_12_a_form_may_lead_to_a_client_on_the_web_and_on_from_there() {
    let server = TestServer::new(crate::support::TestDb::sqlite().await).await;
    let browser = at_consent(&server).await;
    let policy = browser.page().response.header("content-security-policy").to_owned();
    assert!(
        policy.contains("form-action 'self' https:;"),
        "{policy}: Chromium applies it to every redirect that follows"
    );
    let Landed::Page(page) = browser.clone().open("/logout").await else {
        panic!("a page");
    };
    assert!(
        page.response
            .header("content-security-policy")
            .contains("form-action 'self';")
    );
}
