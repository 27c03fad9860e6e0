//! CN: what a person is asked to allow, and what comes of the answer.

use portcullis::model::api::AccessTokenFormat;
use portcullis::protocol::redirect_uri::RedirectUri;

use super::answers::{assert_headers_of_a_page, count};
use crate::support::{
    AuthRequest, Browser, ClientSpec, Landed, PASSWORD, Page, TestClient, TestDb, TestServer, Tokens, api, both_stores,
};

/// A browser on the consent page for `request`.
async fn asked(server: &TestServer, request: &AuthRequest) -> Browser {
    server.alice().await;
    let mut browser = Browser::new(server);
    browser.authorize(request).await.page();
    assert!(browser.sign_in("alice", PASSWORD).await.page().is_consent());
    browser
}

async fn setup(db: TestDb) -> (TestServer, TestClient, AuthRequest, Browser) {
    let server = TestServer::new(db).await;
    let client = server.add_client(ClientSpec::web("shop")).await;
    let request = AuthRequest::new(&client, "openid email");
    let browser = asked(&server, &request).await;
    (server, client, request, browser)
}

#[track_caller]
fn assert_stale(page: &Page) {
    assert_eq!(
        (page.status(), page.heading().as_str()),
        (403, "This form is out of date")
    );
    assert_eq!(page.response.header("location"), "");
}

both_stores! {
    async fn cn_01_the_first_use_asks_and_says_who_where_and_what(db: TestDb) {
        let server = TestServer::new(db).await;
        server.add_api("https://api.example", api("https://api.example", &["api:read"], AccessTokenFormat::Jwt)).await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        let browser = asked(&server, &AuthRequest::new(&client, "openid email offline_access api:read")).await;
        let text = browser.page().response.text();
        for shown in [
            "The shop app",
            "shop.example",
            "alice Example",
            "alice@example.com",
            "See your e-mail address",
            "Stay connected while you are away",
            "Use api:read",
            "<code>api:read</code>",
        ] {
            assert!(text.contains(shown), "{shown} in {text}");
        }
        assert_eq!(browser.page().buttons("decision"), ["deny", "allow"]);
        assert_eq!(count(&server, "grants").await, 0);
    }

    async fn cn_02_only_the_stored_request_counts(db: TestDb) {
        let (server, client, request, mut browser) = setup(db).await;
        let bob = server.add_user("bob").await;
        let other = server.add_client(ClientSpec::web("other")).await;
        let forged = [
            ("decision", "allow"),
            ("scope", "openid email profile offline_access api:read"),
            ("client_id", &other.id),
            ("redirect_uri", &other.redirect_uri),
            ("user_id", &bob.id.to_string()),
            ("sub", &bob.id.to_string()),
            ("state", "evil"),
        ];
        let answer = browser.submit(&forged).await.callback();
        assert_eq!((answer.uri.as_str(), answer.get("state")), (client.redirect_uri.as_str(), "the-state"));
        server.redeem(&other, &answer.code(), &request).await.expect_error(400, "invalid_grant");
        let tokens = Tokens::of(server.redeem(&client, &answer.code(), &request).await);
        assert_eq!((tokens.json["scope"].as_str(), tokens.refresh), (Some("openid email"), None));
        assert_eq!(server.userinfo(&tokens.access).await.json()["email"], "alice@example.com");
    }

    async fn cn_02_a_form_for_another_request_or_without_its_token_is_refused(db: TestDb) {
        let (server, client, _, mut browser) = setup(db).await;
        let first = csrf(browser.page());
        browser.authorize(&AuthRequest::new(&client, "openid email profile offline_access")).await.page();
        let second = csrf(browser.page());
        let action = browser.page().form().action;
        let swapped = browser.clone().submit(&[("csrf", &first), ("decision", "allow")]).await.page();
        assert_stale(&swapped);
        for wrong in ["", "x", &format!("{second}x"), &second.to_uppercase()] {
            assert_stale(&browser.clone().submit(&[("csrf", wrong), ("decision", "allow")]).await.page());
        }
        for decision in [&["maybe"][..], &["ALLOW"], &["deny", "allow"], &["allow", "allow"], &[""], &[]] {
            let fields: Vec<_> = decision.iter().map(|value| ("decision", *value)).collect();
            assert_stale(&browser.clone().submit(&fields).await.page());
        }
        // Another browser has nothing to do with it, whatever it knows.
        let mut stranger = Browser::new(&server);
        stranger.authorize(&AuthRequest::new(&client, "openid")).await.page();
        stranger.sign_in("alice", PASSWORD).await.page();
        let request = stranger.request(axum::http::Method::POST, &action).origin("https://id.example");
        let page = stranger.navigate(&action, request.form(&[("csrf", &second), ("decision", "allow")])).await;
        assert_eq!(page.page().heading(), "This sign-in has expired");
        assert_eq!(count(&server, "grants").await, 0);
    }

    async fn cn_03_more_than_was_allowed_before_is_asked_again_less_is_not(db: TestDb) {
        let (server, client, _, mut browser) = setup(db).await;
        browser.consent("allow").await.callback().code();
        browser.authorize(&AuthRequest::new(&client, "openid")).await.callback().code();
        browser.authorize(&AuthRequest::new(&client, "email openid")).await.callback().code();
        let more = AuthRequest::new(&client, "openid email profile");
        assert!(browser.authorize(&more).await.page().is_consent());
        browser.clone().consent("deny").await.callback();
        assert!(browser.authorize(&more).await.page().is_consent(), "what was refused is not remembered as allowed");
        browser.consent("allow").await.callback().code();
        browser.authorize(&more).await.callback().code();
        // Another person allowed nothing.
        server.add_user("bob").await;
        let mut bob = Browser::new(&server);
        bob.authorize(&AuthRequest::new(&client, "openid")).await.page();
        assert!(bob.sign_in("bob", PASSWORD).await.page().is_consent());
    }

    async fn cn_04_a_public_client_on_this_machine_is_asked_each_time(db: TestDb) {
        let server = TestServer::new(db).await;
        let with = |spec: ClientSpec, uri: &str| {
            spec.metadata(|metadata| metadata.redirect_uris = vec![RedirectUri::register(uri).unwrap()])
        };
        for (id, uri, public, asked_again) in [
            ("loopback", "http://127.0.0.1/cb", true, true),
            ("scheme", "com.example.app:/cb", true, true),
            ("web", "https://web.example/cb", true, false),
            ("with-secret", "http://127.0.0.1/cb", false, false),
        ] {
            let spec = if public { ClientSpec::public(id) } else { ClientSpec::web(id) };
            let client = server.add_client(with(spec, uri)).await;
            let request = AuthRequest::new(&client, "openid");
            let mut browser = asked(&server, &request).await;
            let says_so = browser.page().response.text().contains("You will be asked each time.");
            assert_eq!(says_so, asked_again, "{id}");
            browser.consent("allow").await.callback().code();
            let silent = browser.authorize(&request.clone().set("prompt", "none")).await.callback();
            assert_eq!(silent.get("error"), if asked_again { "consent_required" } else { "" }, "{id}");
            let landed = browser.authorize(&request).await;
            assert_eq!(matches!(landed, Landed::Page(page) if page.is_consent()), asked_again, "{id}");
        }
    }

    async fn cn_05_deny_is_access_denied_and_leaves_nothing(db: TestDb) {
        let (server, client, request, mut browser) = setup(db).await;
        let (path, again) = browser.submission(&[("decision", "allow")]);
        let (_, deny) = browser.submission(&[("decision", "deny")]);
        super::answers::assert_back(&deny.await, &server, &request, portcullis::protocol::error::Reason::Denied);
        for table in ["grants", "code", "consent", "refresh_token"] {
            assert_eq!(count(&server, table).await, 0, "{table}");
        }
        let page = browser.navigate(&path, again).await.page();
        assert_eq!((page.status(), page.heading().as_str()), (409, "This request was answered already"));
        assert!(browser.authorize(&AuthRequest::new(&client, "openid")).await.page().is_consent());
        assert_eq!(count(&server, "grants").await, 0);
    }

    /// A frame is refused; a window that another site opened is cut off from it (`same-origin`), so nothing can swap the
    /// window under the second click of a double click. Enter presses nothing unless the person has moved to it.
    async fn cn_06_the_page_cannot_be_framed_or_pressed_by_accident(db: TestDb) {
        let (_, _, _, browser) = setup(db).await;
        let response = &browser.page().response;
        assert_headers_of_a_page(response);
        let text = response.text();
        assert!(!text.contains("autofocus") && !text.contains("accesskey"), "{text}");
        assert_eq!(browser.page().buttons("decision").first().map(String::as_str), Some("deny"), "Enter presses the first");
        assert!(!text.contains("type=\"text\"") && !text.contains("type=\"password\""), "no field submits by Enter");
        assert!(browser.page().form().fields.iter().all(|(name, _)| name != "decision"));
    }

    async fn cn_07_two_answers_to_one_question_give_one_code(db: TestDb) {
        let (server, _, _, mut browser) = setup(db).await;
        let other_node = server.second_node().await;
        let mut elsewhere = browser.clone();
        elsewhere.switch_to(&other_node);
        let (path, first) = browser.submission(&[("decision", "allow")]);
        let (_, second) = elsewhere.submission(&[("decision", "allow")]);
        let (_, third) = browser.submission(&[("decision", "allow")]);
        let (first, second) = tokio::join!(first.send(), second.send());
        let codes = [&first, &second].iter().filter(|answer| answer.header("location").contains("code=")).count();
        assert_eq!(codes, 1, "{first:?} {second:?}");
        let loser = if first.status == 303 { &second } else { &first };
        assert_eq!((loser.status.as_u16(), loser.header("location")), (409, ""));
        assert!(loser.text().contains("This request was answered already"));
        assert_eq!(browser.navigate(&path, third).await.page().status(), 409);
        assert_eq!((count(&server, "grants").await, count(&server, "code").await), (1, 1));
    }

    async fn cn_07_allow_in_one_tab_and_deny_in_the_other_is_one_answer(db: TestDb) {
        let (server, _, _, browser) = setup(db).await;
        let (_, allow) = browser.submission(&[("decision", "allow")]);
        let (_, deny) = browser.submission(&[("decision", "deny")]);
        let (allowed, denied) = tokio::join!(allow.send(), deny.send());
        let mut statuses = [allowed.status.as_u16(), denied.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [303, 409], "{allowed:?} {denied:?}");
        let given = i64::from(allowed.status == 303);
        assert_eq!((count(&server, "grants").await, count(&server, "code").await), (given, given));
    }

    async fn cn_08_nobody_consents_for_somebody_else(db: TestDb) {
        let (server, client, request, mut browser) = setup(db).await;
        server.add_user("bob").await;
        let path = browser.page().path.clone();
        // The page that alice left open in one tab; bob has signed in in another.
        let mut other_tab = browser.clone();
        other_tab.open("/login").await.page();
        assert_eq!(other_tab.sign_in("bob", PASSWORD).await.page().heading(), "You are signed in");
        *browser.cookies() = other_tab.cookies().clone();
        assert_stale(&browser.clone().consent("allow").await.page());
        assert_stale(&browser.clone().consent("deny").await.page());
        assert_eq!(count(&server, "grants").await, 0);
        let page = browser.open(&path).await.page();
        assert!(page.is_consent() && page.response.text().contains("bob Example"));
        // Asked anew, bob may answer for himself.
        let answer = browser.consent("allow").await.callback();
        let tokens = Tokens::of(server.redeem(&client, &answer.code(), &request).await);
        assert_eq!(server.userinfo(&tokens.access).await.json()["email"], "bob@example.com");
    }

    async fn cn_08_a_sign_in_that_has_ended_allows_nothing(db: TestDb) {
        let (server, _, _, mut browser) = setup(db).await;
        let alice = server.alice().await;
        server.store().disable_user(alice.id, server.app.clock().now()).await.unwrap();
        assert!(browser.consent("allow").await.page().is_sign_in());
        assert_eq!(count(&server, "grants").await, 0);
    }

    /// Markup stays text; `bdi` keeps an override from turning what stands around the name.
    async fn cn_10_a_hostile_name_is_shown_as_text(db: TestDb) {
        let server = TestServer::new(db).await;
        for (index, name) in [
            "<script>alert(1)</script>",
            "\"><img src=x onerror=alert(1)>",
            "\u{202e}gnihton\u{2066} evil",
            "</bdi><h1>Portcullis</h1>",
            &"Extraordinarily long ".repeat(500),
        ]
        .iter()
        .enumerate()
        {
            let id = format!("client-{index}");
            let spec = ClientSpec::web(&id).metadata(|metadata| metadata.name = (*name).to_owned());
            let client = server.add_client(spec).await;
            let browser = asked(&server, &AuthRequest::new(&client, "openid")).await;
            let text = browser.page().response.text();
            for absent in ["<script", "<img src=x", "</bdi><h1>"] {
                assert!(!text.contains(absent), "{absent} in {text}");
            }
            let escaped = askama_escaped(name);
            let shown = text.split("<span class=\"sub\"><bdi>").nth(1).unwrap().split("</bdi>").next().unwrap();
            assert_eq!(shown, escaped);
            assert!(text.contains(&format!("{id}.example")), "the host, which nobody can make up");
        }
    }
}

/// The token of a page's form.
fn csrf(page: &Page) -> String {
    let fields = page.form().fields;
    fields.into_iter().find(|(name, _)| name == "csrf").unwrap().1
}

/// What askama makes of it.
fn askama_escaped(text: &str) -> String {
    text.replace('&', "&#38;")
        .replace('<', "&#60;")
        .replace('>', "&#62;")
        .replace('"', "&#34;")
        .replace('\'', "&#39;")
}
