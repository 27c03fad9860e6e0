//! What people take back: sessions (SE) and the access of apps (CN), and the forms of all account pages (SE, OI, XS).

use axum::http::Method;
use portcullis::model::api::AccessTokenFormat;
use portcullis::model::audit_event::{AuditEvent, AuditKind};
use portcullis::protocol::scope::Scope;
use portcullis::store::{ConsentUse, NewCode, NewGrant};

use super::account::{PAGES, signed_in};
use super::answers::count;
use crate::support::{AuthRequest, Browser, ClientSpec, PASSWORD, TestServer, Tokens, api, both_stores, scope};

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
const IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                      Version/18.5 Mobile/15E148 Safari/604.1";

/// A browser that calls itself `agent` and signs in from `address`.
async fn signed_in_from(server: &TestServer, user: &str, agent: &str, address: &str) -> Browser {
    let mut browser = Browser::new(server);
    browser.open("/login").await.page();
    let (path, request) = browser.submission(&[("username", user), ("password", PASSWORD)]);
    let request = request
        .without_header("user-agent")
        .header("user-agent", agent)
        .from(address);
    assert_eq!(
        browser.navigate(&path, request).await.page().heading(),
        "You are signed in"
    );
    browser
}

async fn is_signed_in(browser: &Browser) -> bool {
    browser.clone().open("/account").await.page().path == "/account"
}

fn events(server: &TestServer, kind: AuditKind) -> Vec<AuditEvent> {
    let events = server.app.audit().take(1000).events;
    events.into_iter().filter(|event| event.kind == kind).collect()
}

/// The token of the form that is open.
fn csrf(browser: &Browser) -> String {
    let fields = browser.page().form().fields;
    fields.into_iter().find(|(name, _)| name == "csrf").unwrap().1
}

both_stores! {
    async fn sessions_are_listed_in_words(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        server.add_user("bob").await;
        signed_in_from(&server, "bob", FIREFOX, "192.0.2.1").await;
        signed_in_from(&server, "alice", IPHONE, "2001:db8::7").await;
        server.advance(2 * 3600);
        let mut browser = signed_in_from(&server, "alice", FIREFOX, "203.0.113.5").await;
        let page = browser.open("/account/sessions").await.page();
        let text = page.response.text();
        for shown in ["Firefox on Linux", "203.0.113.5", "this one", "Safari on iPhone", "2001:db8::7", "2 hours ago"] {
            assert!(text.contains(shown), "{shown} in {text}");
        }
        assert!(!text.contains("192.0.2.1") && !text.contains("Mozilla"), "{text}");
        assert!(text.find("Firefox").unwrap() < text.find("Safari").unwrap(), "the present one leads");
        assert_eq!(page.buttons("end").len(), 2, "the other one, and all others");
        // In use elsewhere, it is listed there.
        server.advance(301);
        let moved = browser.request(Method::GET, "/account").from("198.51.100.7");
        moved.await.expect(200);
        assert!(browser.open("/account/sessions").await.page().response.text().contains("198.51.100.7"));
        // What was idle for too long does not count, and is not listed.
        let idle = server.app.config().sessions.idle_timeout.as_secs();
        server.advance(idle - 1000);
        let mut fresh = signed_in_from(&server, "alice", IPHONE, "192.0.2.9").await;
        let text = fresh.open("/account/sessions").await.page().response.text().to_owned();
        assert!(text.contains("192.0.2.9") && text.contains("198.51.100.7") && !text.contains("2001:db8::7"), "{text}");
    }

    async fn se_18_a_person_ends_a_session_on_every_node(db: TestDb) {
        let server = TestServer::new(db).await;
        let alice = server.alice().await;
        let node = server.second_node().await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        let mut lost = signed_in(&server, "alice").await;
        let mut tokens = Vec::new();
        for scope in ["openid", "openid offline_access"] {
            let request = AuthRequest::new(&client, scope);
            let code = lost.grant(&request, "alice").await.code();
            tokens.push(Tokens::of(server.redeem(&client, &code, &request).await));
        }
        server.advance(10);
        let mut third = signed_in(&server, "alice").await;
        third.switch_to(&node);
        let mut browser = signed_in(&node, "alice").await;
        let page = browser.open("/account/sessions").await.page();
        let ids = page.buttons("end");
        assert_eq!((ids.len(), ids.last().map(String::as_str)), (3, Some("others")));
        let lost_id = server.store().sessions_of_user(alice.id, server.app.clock().now()).await.unwrap();
        let lost_id = lost_id.iter().map(|known| known.session.id).min_by_key(|id| id.0).unwrap().to_string();
        assert!(ids.contains(&lost_id));
        let page = browser.submit(&[("end", &lost_id)]).await.page();
        assert!(page.response.text().contains("That device is signed out."));
        assert!(!is_signed_in(&lost).await && is_signed_in(&third).await && is_signed_in(&browser).await);
        lost.switch_to(&node);
        assert!(!is_signed_in(&lost).await);
        server.userinfo(&tokens[0].access).await.expect_error(401, "invalid_token");
        let kept = Tokens::of(node.refresh(&client, tokens[1].refresh()).await);
        let told = events(&node, AuditKind::SessionEnded);
        assert_eq!((told.len(), told[0].detail["session"].as_str()), (1, Some(lost_id.as_str())));

        browser.submit(&[("end", &lost_id)]).await.page();
        assert!(browser.page().response.text().contains("was signed out already"));
        let page = browser.submit(&[("end", "others")]).await.page();
        assert!(page.response.text().contains("signed out everywhere else"));
        assert!(!is_signed_in(&third).await && is_signed_in(&browser).await);
        assert_eq!(page.buttons("end").len(), 0);
        Tokens::of(node.refresh(&client, kept.refresh()).await);
        assert_eq!(events(&node, AuditKind::SessionEnded).len(), 1);
    }

    async fn se_18_nobody_ends_the_session_of_somebody_else(db: TestDb) {
        let server = TestServer::new(db).await;
        let alice = server.alice().await;
        server.add_user("mallory").await;
        let victim = signed_in(&server, "alice").await;
        let id = server.store().sessions_of_user(alice.id, server.app.clock().now()).await.unwrap()[0].session.id.to_string();
        let mut mallory = signed_in(&server, "mallory").await;
        mallory.open("/account/sessions").await.page();
        let strange = ["", "x", "others ", "00000000-0000-0000-0000-000000000000", "' OR 1=1 --"];
        for end in strange.into_iter().chain([id.as_str()]) {
            let page = mallory.submit(&[("end", end)]).await.page();
            assert!(page.response.text().contains("was signed out already"), "{end}: one answer for all of them");
        }
        mallory.submit(&[("end", "others")]).await.page();
        assert!(is_signed_in(&victim).await && is_signed_in(&mallory).await);
        assert!(events(&server, AuditKind::SessionEnded).is_empty());
    }

    /// A session that is being used while it is ended does not come back by that use.
    async fn se_18_a_session_in_use_ends_all_the_same(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let mut browser = signed_in(&server, "alice").await;
        for _ in 0..5 {
            let other = signed_in(&server, "alice").await;
            server.advance(301);
            browser.open("/login?to=sessions").await.page();
            browser.sign_in("alice", PASSWORD).await.page();
            let (_, end) = browser.submission(&[("end", "others")]);
            let uses = (0..6).map(|_| other.request(Method::GET, "/account"));
            let mut tasks = tokio::task::JoinSet::new();
            for request in uses.chain([end]) {
                tasks.spawn(async move { request.await.status.as_u16() });
            }
            let statuses = tasks.join_all().await;
            assert!(statuses.iter().all(|status| [200, 303].contains(status)), "{statuses:?}");
            assert!(!is_signed_in(&other).await);
        }
    }

    async fn se_19_a_disabled_user_sees_nothing_of_the_account(db: TestDb) {
        let server = TestServer::new(db).await;
        let alice = server.alice().await;
        let mut browser = signed_in(&server, "alice").await;
        browser.open("/account/profile").await.page();
        server.store().disable_user(alice.id, server.app.clock().now()).await.unwrap();
        assert_eq!(browser.submission(&[("nickname", "Al")]).1.await.expect(303).location(), "/login?to=profile");
        for (path, _) in PAGES {
            assert_eq!(browser.open(path).await.page().path, "/login", "{path}");
        }
    }

    async fn apps_are_listed_with_what_they_may_do(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        server.add_user("bob").await;
        server.add_api("https://api.example", api("https://api.example", &["api:read"], AccessTokenFormat::Jwt)).await;
        let shop = server.add_client(ClientSpec::web("shop")).await;
        let own = server.add_client(ClientSpec::web("own").trusted()).await;
        server.add_client(ClientSpec::web("unused")).await;
        server.store().set_logo(&shop.client_id(), "image/png", b"png").await.unwrap();
        server.code_flow(&shop, "openid email offline_access").await;
        server.advance(3 * 86_400);
        server.code_flow(&own, "openid").await;
        let more = server.code_flow(&shop, "openid api:read").await;
        let mut browser = signed_in(&server, "alice").await;
        let text = browser.open("/account/apps").await.page().response.text().to_owned();
        for shown in [
            "The shop app", "/client/shop/logo", "See your e-mail address", "Stay connected while you are away", "Use api:read",
            "3 days ago", "The own app", "Knows only that you are signed in",
        ] {
            assert!(text.contains(shown), "{shown} in {text}");
        }
        assert!(!text.contains("The unused app"));
        assert!(text.find("The own app").unwrap() < text.find("The shop app").unwrap(), "by name");
        let mut bob = signed_in(&server, "bob").await;
        assert!(bob.open("/account/apps").await.page().response.text().contains("No app can use your account."));
        assert_eq!(bob.open("/account/apps/shop").await.page().status(), 404);
        assert_eq!(browser.open("/account/apps/unused").await.page().status(), 404);
        assert_eq!(browser.open("/account/apps/%3Cscript%3E").await.page().status(), 404);
        let asked = browser.open("/account/apps/own").await.page();
        assert!(asked.response.text().contains("it gets access without asking"));
        let asked = browser.open("/account/apps/shop").await.page();
        assert!(asked.response.text().contains("it has to ask you"));
        server.userinfo(&more.access).await.expect(200);
    }

    async fn cn_09_an_app_is_out_at_once_and_has_to_ask_again(db: TestDb) {
        let server = TestServer::new(db).await;
        let alice = server.alice().await;
        let node = server.second_node().await;
        server.add_api("https://api.example", api("https://api.example", &["api:read"], AccessTokenFormat::Opaque)).await;
        let (shop, mail) = (
            server.add_client(ClientSpec::web("shop")).await,
            server.add_client(ClientSpec::web("mail")).await,
        );
        let request = AuthRequest::new(&shop, "openid offline_access");
        let jwt = server.code_flow(&shop, "openid offline_access").await;
        let opaque = server.code_flow(&shop, "openid offline_access api:read").await;
        let untouched = server.code_flow(&mail, "openid offline_access").await;
        let (unredeemed, unredeemed_request) = server.code(&shop, "openid").await;
        let mut browser = signed_in(&server, "alice").await;
        let code = browser.authorize(&request).await.callback().code();
        Tokens::of(server.redeem(&shop, &code, &request).await);

        let page = browser.open("/account/apps/shop").await.page();
        assert_eq!((page.heading().as_str(), page.form().action.as_str()), ("Remove access?", "/account/apps/shop"));
        let page = browser.submit(&[]).await.page();
        assert!(page.response.text().contains("can no longer use your account"));
        assert!(!page.response.text().contains("The shop app") && page.response.text().contains("The mail app"));
        for server in [&server, &node] {
            server.userinfo(&jwt.access).await.expect_error(401, "invalid_token");
            for tokens in [&jwt, &opaque] {
                server.refresh(&shop, tokens.refresh()).await.expect_error(400, "invalid_grant");
            }
            server.redeem(&shop, &unredeemed, &unredeemed_request).await.expect_error(400, "invalid_grant");
            server.userinfo(&untouched.access).await.expect(200);
        }
        let told = events(&server, AuditKind::ConsentWithdrawn);
        assert_eq!((told.len(), told[0].client_id.as_ref(), told[0].subject), (1, Some(&shop.client_id()), Some(alice.id)));
        // The person is still signed in, and the app has to ask.
        assert!(browser.authorize(&request).await.page().is_consent());
        assert!(browser.consent("allow").await.callback().get("error").is_empty());
        // Taking back what is not there is no error, and tells of nothing.
        browser.open("/account/apps").await.page();
        let again = browser.open("/account/apps/mail").await.page().form();
        let form = [("csrf", again.fields[0].1.as_str())];
        for path in ["/account/apps/nobody", "/account/apps/mail", "/account/apps/mail"] {
            let request = browser.request(Method::POST, path).form(&form);
            assert_eq!(request.await.expect(303).location(), "/account/apps?done=withdrawn", "{path}");
        }
        assert_eq!(events(&server, AuditKind::ConsentWithdrawn).len(), 1);
    }

    /// 300 apps and 100 sessions: a page shows some of them, and what is asked for by number exists or is the nearest.
    async fn bi_21_bi_22_long_lists_come_in_pages(db: TestDb) {
        let server = TestServer::new(db).await;
        let alice = server.alice().await;
        let now = server.app.clock().now();
        let mut browser = signed_in(&server, "alice").await;
        let session = server.store().sessions_of_user(alice.id, now).await.unwrap()[0].session.clone();
        for number in 0..45 {
            let client = server.add_client(ClientSpec::web(&format!("app-{number:03}"))).await;
            allow(&server, &session, &client, &scope("openid email")).await;
            let mut other = session.clone();
            other.id = portcullis::model::browser_session::BrowserSessionId(server.app.row_key(now));
            assert!(server.store().insert_browser_session(&other, None).await.unwrap());
        }
        for (list, entry, first, last) in [
            ("/account/apps", "Remove access of ", 20, 5),
            ("/account/sessions", "name=\"end\" value=\"0", 19, 6),
        ] {
            for (query, shown, page) in [
                ("", first, 1),
                ("?page=2", 20, 2),
                ("?page=3", last, 3),
                ("?page=4", last, 3),
                ("?page=0", first, 1),
                ("?page=-1", first, 1),
                ("?page=9223372036854775808", last, 3),
                ("?page=1e308", first, 1),
                ("?page=%27%20OR%201=1&sort=password_hash&filter=x", first, 1),
            ] {
                let landed = browser.open(&format!("{list}{query}")).await.page();
                let text = landed.response.text();
                assert_eq!((landed.status(), text.matches(entry).count()), (200, shown), "{list}{query}");
                assert!(text.contains(&format!("Page {page} of 3")), "{list}{query}");
            }
        }
    }

    async fn se_03_a_confirmed_sign_in_has_another_session_id(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let mut browser = signed_in(&server, "alice").await;
        server.advance(3600);
        let before = browser.clone();
        browser.open("/account/contact").await.page();
        assert_eq!(browser.sign_in("alice", PASSWORD).await.page().path, "/account/contact");
        assert_eq!(count(&server, "web_session").await, 1, "the old row is gone");
        assert!(is_signed_in(&browser).await && !is_signed_in(&before).await);
        assert_eq!(count(&server, "browser_session").await, 1, "it is the same sign-in");
    }

    async fn se_08_every_account_form_needs_its_token(db: TestDb) {
        let server = TestServer::new(db).await;
        let alice = server.alice().await;
        server.add_user("bob").await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        let tokens = server.code_flow(&client, "openid offline_access").await;
        let mut entering = Browser::new(&server);
        entering.open("/login").await.page();
        let before_sign_in = csrf(&entering);
        let mut browser = entering.clone();
        browser.sign_in("alice", PASSWORD).await.page();
        let mut others = [signed_in(&server, "bob").await, signed_in(&server, "alice").await];
        let sessions = count(&server, "browser_session WHERE ended_at IS NULL").await;
        let forms = [
            ("/account/profile", [("nickname", "Eve"), ("x", "")], "/account/password"),
            ("/account/contact", [("email", "eve@example.com"), ("x", "")], "/account/profile"),
            ("/account/password", [("current", PASSWORD), ("new", "three rusty hinges")], "/account/profile"),
            ("/account/sessions", [("end", "others"), ("x", "")], "/account/apps/shop"),
            ("/account/apps/shop", [("x", ""), ("y", "")], "/account/sessions"),
        ];
        for (path, fields, other_page) in forms {
            let mut wrong = vec![String::new(), "x".repeat(43), before_sign_in.clone()];
            browser.open(other_page).await.page();
            wrong.push(csrf(&browser));
            for other in &mut others {
                // Bob has no app, so his token of that page is that of the list of sign-ins.
                let page = other.open(path).await.page();
                if page.status() == 200 {
                    wrong.push(csrf(other));
                }
            }
            browser.open(path).await.page();
            wrong.retain(|token| *token != csrf(&browser));
            for token in &wrong {
                let repeated = [("csrf", token.as_str()), ("repeated", "three rusty hinges"), fields[0], fields[1]];
                let page = browser.clone().submit(&repeated).await.page();
                assert_eq!((page.status(), page.heading().as_str()), (403, "This form is out of date"), "{path} {token}");
            }
            assert!(wrong.len() >= 5, "{path}: {}", wrong.len());
            // The right token, from another site.
            let (_, request) = browser.submission(&fields);
            let foreign = request.without_header("sec-fetch-site").header("sec-fetch-site", "cross-site");
            let foreign = foreign.without_header("origin").origin("https://evil.example");
            foreign.await.expect(403);
        }
        let stored = server.store().user(alice.id).await.unwrap().unwrap();
        assert!(stored.claims == alice.claims && stored.password == alice.password);
        assert_eq!(count(&server, "browser_session WHERE ended_at IS NULL").await, sessions);
        Tokens::of(server.refresh(&client, tokens.refresh()).await);
    }

    async fn se_10_looking_at_the_account_changes_nothing(db: TestDb) {
        let server = TestServer::new(db).await;
        let alice = server.alice().await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        let tokens = server.code_flow(&client, "openid offline_access").await;
        signed_in(&server, "alice").await;
        let mut browser = signed_in(&server, "alice").await;
        let sessions = count(&server, "browser_session WHERE ended_at IS NULL").await;
        for (path, fields) in [
            ("/account/profile", "nickname=Eve"),
            ("/account/contact", "email=eve%40example.com"),
            ("/account/password", "current=x&new=three+rusty+hinges&repeated=three+rusty+hinges"),
            ("/account/sessions", "end=others"),
            ("/account/apps/shop", "decision=remove"),
        ] {
            browser.open(path).await.page();
            let query = format!("{path}?csrf={}&{fields}", csrf(&browser));
            for method in [Method::GET, Method::HEAD] {
                let response = browser.request(method.clone(), &query).await.expect(200);
                assert!(!response.text().contains("class=\"notice\""), "{method} {path}");
            }
            for method in [Method::PUT, Method::PATCH, Method::DELETE] {
                browser.request(method, path).await.expect(405);
            }
        }
        let stored = server.store().user(alice.id).await.unwrap().unwrap();
        assert!(stored.claims == alice.claims && stored.password == alice.password);
        assert_eq!(count(&server, "browser_session WHERE ended_at IS NULL").await, sessions);
        Tokens::of(server.refresh(&client, tokens.refresh()).await);
    }

    async fn se_15_no_account_page_is_kept(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        server.code_flow(&client, "openid").await;
        let mut browser = signed_in(&server, "alice").await;
        let pages = PAGES.iter().map(|(path, _)| *path).chain(["/account/apps/shop", "/account/apps/none"]);
        for path in pages {
            let page = browser.open(path).await.page();
            assert_eq!(page.path, path);
            assert_eq!(page.response.header("cache-control"), "no-store", "{path}");
            assert_eq!(page.response.header("x-frame-options"), "DENY", "{path}");
            let policy = page.response.header("content-security-policy");
            assert!(policy.contains("default-src 'none'") && policy.contains("form-action 'self';"), "{path}: {policy}");
            assert!(!page.response.text().contains("<script"), "{path}");
            server.get(path).await.expect(303);
        }
    }

    async fn oi_07_after_signing_out_the_account_shows_nothing(db: TestDb) {
        let server = TestServer::new(db).await;
        let alice = server.alice().await;
        let mut browser = signed_in(&server, "alice").await;
        browser.open("/account/profile").await.page();
        let before = browser.clone();
        browser.open("/account").await.page();
        assert_eq!(browser.submit(&[]).await.page().heading(), "You are signed out");
        for old in [&before, &browser] {
            for (path, name) in PAGES {
                let response = old.request(Method::GET, path).await.expect(303);
                assert_eq!(response.location(), format!("/login?to={name}"), "{path}");
                assert!(!response.text().contains("alice"), "{path}");
            }
        }
        // Nor does a form that was left open do anything.
        assert_eq!(before.submission(&[("nickname", "Eve")]).1.await.expect(303).location(), "/login?to=profile");
        assert!(server.store().user(alice.id).await.unwrap().unwrap().claims == alice.claims);
        assert_eq!(before.clone().open("/login?to=profile").await.page().form().fields[1].1, "", "no name is known any more");
    }
}

/// As if `client` had been allowed `scope` in `session`, and had fetched its tokens.
async fn allow(
    server: &TestServer,
    session: &portcullis::model::browser_session::BrowserSession,
    client: &crate::support::TestClient,
    scope: &Scope,
) {
    let (store, now) = (server.store(), server.app.clock().now());
    let digest = portcullis::crypto::opaque::OpaqueToken::generate(portcullis::crypto::opaque::Kind::Code).digest();
    let code = NewCode {
        digest,
        redirect_uri: portcullis::protocol::redirect_uri::RedirectUri::stored(client.redirect_uri.clone()),
        challenge: None,
        nonce: None,
        expires_at: now.plus(60),
    };
    let grant = portcullis::model::grant::Grant {
        id: portcullis::model::grant::GrantId(server.app.row_key(now)),
        user_id: session.user_id,
        client_id: client.client_id(),
        session_id: session.id,
        scope: scope.clone(),
        resources: Vec::new(),
        claims: portcullis::protocol::claims_request::RequestedClaims::default(),
        authentication: portcullis::model::grant::Authentication {
            auth_time: now,
            acr: "1".to_owned(),
            amr: Vec::new(),
        },
        created_at: now,
        expires_at: now.plus(3600),
        ended: None,
    };
    let new = NewGrant {
        grant: &grant,
        offline: false,
        code: &code,
        consent: Some(ConsentUse::Remembered {
            before: None,
            now: &portcullis::model::consent::Allowed {
                scope: scope.clone(),
                claims: portcullis::protocol::standard_claims::ClaimSet::default(),
            },
        }),
        interaction: None,
    };
    store.issue_code(&new).await.unwrap();
}
