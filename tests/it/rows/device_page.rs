//! Devices as people see them: the code, the question, the answer (RFC 8628 §3.3, §5).

use portcullis::model::audit_event::AuditKind;
use portcullis::protocol::scope::Scope;

use super::dump::execute;
use crate::support::{
    Browser, ClientSpec, Device, PASSWORD, Page, TestClient, TestDb, TestServer, Tokens, both_stores,
};

const CONFIRM: &str = "Is this in front of you?";
const CONNECTED: &str = "Your device is connected";
const USED: &str = "This code was already used";
const GONE: &str = "This device is not waiting any more";
const STALE: &str = "This form is out of date";

/// What a wrong code is told: the status, and the page without the parts that differ with each request.
fn told(page: &Page) -> (u16, String) {
    let text = page.response.text();
    let csrf = page
        .form()
        .fields
        .into_iter()
        .find(|(name, _)| name == "csrf")
        .unwrap()
        .1;
    (page.status(), text.replace(&csrf, "").replace(typed(page).as_str(), ""))
}

fn typed(page: &Page) -> String {
    let fields = page.form().fields;
    fields.into_iter().find(|(name, _)| name == "user_code").unwrap().1
}

async fn waits(server: &TestServer, device: &Device) {
    server.advance(5);
    server.poll(device).await.expect_error(400, "authorization_pending");
}

/// Somebody who tries one code after the other.
struct Guesser {
    server: TestServer,
    tried: u32,
    looked_at: u32,
    throttled: u32,
}

impl Guesser {
    fn new(server: &TestServer) -> Self {
        Self {
            server: server.clone(),
            tried: 0,
            looked_at: 0,
            throttled: 0,
        }
    }

    /// One that was not used before.
    fn address(&self) -> String {
        format!("10.7.0.{}", self.tried)
    }

    async fn guess(&mut self, browser: &mut Browser) {
        let letter = |at: u32| char::from(b"BCDFGHJKLM"[usize::try_from(at % 10).unwrap()]);
        let code = format!("BBBBBB{}{}", letter(self.tried / 10), letter(self.tried));
        self.tried += 1;
        let page = browser.enter_code(&code).await;
        match page.status() {
            400 => self.looked_at += 1,
            429 => {
                let wait: i64 = page.response.header("retry-after").parse().unwrap();
                assert!((1..=900).contains(&wait), "{wait}");
                self.throttled += 1;
            }
            status => panic!("{status} {}", page.heading()),
        }
    }

    /// A device of somebody else.
    async fn live(&self, client: &TestClient) -> Device {
        self.server.start_device(client, "openid").await
    }
}

both_stores! {
    async fn a_device_is_let_in(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let tv = server.add_client(ClientSpec::device("tv")).await;
        let device = server.start_device(&tv, "openid offline_access").await;
        let mut browser = Browser::new(&server);
        let entered = browser.enter_code(&device.user_code).await;
        assert!(entered.is_sign_in(), "{}", entered.path);
        assert!(entered.response.text().contains("The tv app"), "says what it is for");
        let question = browser.sign_in("alice", PASSWORD).await.page();
        assert_eq!((question.heading().as_str(), question.buttons("decision")), (CONFIRM, vec!["deny".into(), "allow".into()]));
        assert_eq!(browser.submit(&[("decision", "allow")]).await.page().heading(), CONNECTED);
        let tokens = Tokens::of(server.poll(&device).await);
        server.refresh(&tv, tokens.refresh()).await.expect(200);
        // Whoever is signed in is not asked for a password again, but about each device.
        let second = server.start_device(&tv, "openid").await;
        assert_eq!(browser.enter_code(&second.user_code).await.heading(), CONFIRM);
    }

    async fn dv_11_a_link_with_the_code_fills_in_the_form_and_no_more(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let tv = server.add_client(ClientSpec::device("tv").trusted()).await;
        let device = server.start_device(&tv, "openid profile offline_access").await;
        let complete = device.json["verification_uri_complete"].as_str().unwrap().to_owned();
        let link = complete.strip_prefix("https://id.example").unwrap();
        let mut browser = Browser::new(&server);
        for _ in 0..2 {
            let page = browser.open(link).await.page();
            assert_eq!((page.path.as_str(), typed(&page)), ("/device", device.user_code.clone()));
            assert!(page.buttons("decision").is_empty());
        }
        waits(&server, &device).await;
        let sign_in = browser.submit(&[]).await.page();
        assert!(sign_in.is_sign_in() && !sign_in.path.contains(&device.user_code));
        waits(&server, &device).await;
        // Asked for trusted clients too.
        let question = browser.sign_in("alice", PASSWORD).await.page();
        assert_eq!(question.heading(), CONFIRM);
        let text = question.response.text();
        for shown in [
            "The tv app",
            device.user_code.as_str(),
            "See your name and the rest of your public profile",
            "Stay connected while you are away",
            "alice Example",
            "Any program can call itself by the name of this app.",
        ] {
            assert!(text.contains(shown), "{shown} is not shown");
        }
        waits(&server, &device).await;
        // Neither opening the question again nor a decision in its address is an answer.
        let path = question.path.clone();
        browser.open(&format!("{path}?decision=allow")).await.page();
        waits(&server, &device).await;
        browser.submit(&[("decision", "allow")]).await;
        Tokens::of(server.poll(&device).await);
    }

    async fn dv_12_forms_without_the_token_of_their_page(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let tv = server.add_client(ClientSpec::device("tv")).await;
        let device = server.start_device(&tv, "openid").await;
        let mut browser = Browser::new(&server);
        browser.open("/device").await;
        for csrf in ["", "x"] {
            let entry = browser.submit(&[("user_code", &device.user_code), ("csrf", csrf)]).await.page();
            assert_eq!((entry.status(), entry.path.as_str()), (403, "/device"));
            assert_eq!(typed(&entry), device.user_code, "what was typed is kept");
        }
        browser.visit_device(&device.user_code, "alice").await;
        let mut stranger = Browser::new(&server);
        stranger.visit_device(&device.user_code, "alice").await;
        let foreign = stranger.page().form().fields.into_iter().find(|(name, _)| name == "csrf").unwrap().1;
        for csrf in ["", "x", &foreign] {
            let (path, request) = browser.submission(&[("decision", "allow"), ("csrf", csrf)]);
            let refused = browser.clone().navigate(&path, request).await.page();
            assert_eq!((refused.status(), refused.heading().as_str()), (403, STALE));
        }
        for decision in ["", "yes", "Allow"] {
            let (path, request) = browser.submission(&[("decision", decision)]);
            assert_eq!(browser.clone().navigate(&path, request).await.page().status(), 403);
        }
        let (_, request) = browser.submission(&[("decision", "allow")]);
        let cross_site = request.without_header("sec-fetch-site").header("sec-fetch-site", "cross-site");
        cross_site.without_header("origin").origin("https://evil.example").await.expect(403);
        // The question of one browser is no other's, not even with its form.
        let (path, _) = browser.submission(&[]);
        let elsewhere = stranger.open(&path).await.page();
        assert_eq!((elsewhere.status(), elsewhere.heading().as_str()), (400, GONE));
        waits(&server, &device).await;
        browser.submit(&[("decision", "allow")]).await;
        Tokens::of(server.poll(&device).await);
    }

    async fn dv_12_the_answer_of_one_person_with_the_form_of_another(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        server.add_user("mallory").await;
        let tv = server.add_client(ClientSpec::device("tv")).await;
        let device = server.start_device(&tv, "openid").await;
        let mut browser = Browser::new(&server);
        browser.visit_device(&device.user_code, "mallory").await;
        let (path, of_mallory) = browser.submission(&[("decision", "allow")]);
        let sign_in = path.replace("/confirm", "/login");
        browser.open(&sign_in).await;
        browser.sign_in("alice", PASSWORD).await.page();
        let cookies = browser.cookie_header();
        let refused = of_mallory.without_header("cookie").cookie(&cookies).await;
        assert_eq!(refused.status, 403);
        waits(&server, &device).await;
    }

    async fn dv_14_wrong_expired_and_used_codes_are_told_the_same(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let tv = server.add_client(ClientSpec::device("tv")).await;
        let expired = server.start_device(&tv, "openid").await;
        server.advance(600);
        let [approved, denied, redeemed, live] = [
            server.start_device(&tv, "openid").await,
            server.start_device(&tv, "openid").await,
            server.start_device(&tv, "openid").await,
            server.start_device(&tv, "openid").await,
        ];
        let mut browser = Browser::new(&server);
        browser.answer_device(&approved.user_code, "alice", "allow").await;
        browser.answer_device(&denied.user_code, "alice", "deny").await;
        browser.answer_device(&redeemed.user_code, "alice", "allow").await;
        Tokens::of(server.poll(&redeemed).await);
        let wrong = if live.user_code == "BBBB-BBBB" { "CCCC-CCCC" } else { "BBBB-BBBB" };
        let mut answers = Vec::new();
        for code in [wrong, &expired.user_code, &approved.user_code, &denied.user_code, &redeemed.user_code] {
            let page = browser.enter_code(code).await;
            assert_eq!(page.path, "/device");
            answers.push(told(&page));
        }
        assert_eq!(answers[0].0, 400);
        assert!(answers[0].1.contains("No device is waiting under this code."));
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
        Browser::new(&server).visit_device(&live.user_code, "alice").await;
    }

    async fn dv_15_guessing_is_slowed_by_browser_account_address_and_altogether(db: TestDb) {
        let server = TestServer::with(db, |config| {
            config.limits.user_code_overall = "30 per 15m".parse().unwrap();
        }).await;
        server.alice().await;
        let tv = server.add_client(ClientSpec::device("tv")).await;
        let others = Browser::new(&server).at("192.0.2.200");

        let mut session = Guesser::new(&server);
        let mut one_browser = Browser::new(&server);
        for _ in 0..50 {
            one_browser = one_browser.at(&session.address());
            session.guess(&mut one_browser).await;
        }
        assert_eq!((session.looked_at, session.throttled), (5, 45));
        let live = session.live(&tv).await;
        others.clone().visit_device(&live.user_code, "alice").await;
        let page = one_browser.enter_code(&live.user_code).await;
        assert_eq!((page.status(), page.path.as_str()), (429, "/device"));
        assert!(page.response.text().contains("Too many codes were tried."));

        server.advance(7200);
        let mut account = Guesser::new(&server);
        for _ in 0..14 {
            let mut browser = Browser::new(&server).at(&account.address());
            browser.open("/login").await;
            browser.sign_in("alice", PASSWORD).await;
            account.guess(&mut browser).await;
        }
        assert_eq!((account.looked_at, account.throttled), (10, 4));

        server.advance(7200);
        let mut address = Guesser::new(&server);
        for _ in 0..50 {
            address.guess(&mut Browser::new(&server).at("198.51.100.7")).await;
        }
        assert_eq!((address.looked_at, address.throttled), (20, 30));
        let live = address.live(&tv).await;
        others.clone().visit_device(&live.user_code, "alice").await;

        server.advance(7200);
        let mut everybody = Guesser::new(&server);
        for _ in 0..50 {
            let address = everybody.address();
            everybody.guess(&mut Browser::new(&server).at(&address)).await;
        }
        assert_eq!((everybody.looked_at, everybody.throttled), (30, 20));
        // Whoever waits goes on waiting, and what was allowed is given.
        let live = everybody.live(&tv).await;
        waits(&server, &live).await;
        server.advance(120);
        let mut person = others.clone();
        person.answer_device(&live.user_code, "alice", "allow").await;
        Tokens::of(server.poll(&live).await);
        let events = server.app.audit().take(1000).events;
        let throttled = events.iter().filter(|event| event.kind == AuditKind::Throttled).count();
        assert!((1..=8).contains(&throttled), "a flood of guesses is no flood of events: {throttled}");
    }

    async fn dv_17_the_second_answer_changes_nothing(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let tv = server.add_client(ClientSpec::device("tv")).await;
        for (first, second, outcome) in [
            ("allow", "allow", None),
            ("allow", "deny", None),
            ("deny", "allow", Some("access_denied")),
            ("deny", "deny", Some("access_denied")),
        ] {
            let device = server.start_device(&tv, "openid").await;
            let mut one = Browser::new(&server);
            one.visit_device(&device.user_code, "alice").await;
            let mut other = Browser::new(&server);
            other.visit_device(&device.user_code, "alice").await;
            let mut same = one.clone();
            one.submit(&[("decision", first)]).await.page();
            for again in [&mut same, &mut other] {
                let page = again.submit(&[("decision", second)]).await.page();
                assert_eq!((page.status(), page.heading().as_str()), (409, USED), "{first} {second}");
            }
            let path = other.page().path.clone();
            assert_eq!(other.open(&path).await.page().heading(), USED);
            let polled = server.poll(&device).await;
            match outcome {
                None => drop(Tokens::of(polled)),
                Some(error) => assert_eq!(polled.error(), error),
            }
        }
    }

    async fn dv_20_the_page_says_whose_account_it_is_and_lets_go_of_it(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let mallory = server.add_user("mallory").await;
        let tv = server.add_client(ClientSpec::device("tv")).await;
        let device = server.start_device(&tv, "openid").await;
        let mut browser = Browser::new(&server);
        let question = browser.visit_device(&device.user_code, "mallory").await;
        let text = question.response.text();
        assert!(text.contains("mallory Example") && text.contains("Not you?"));
        let switch = question.path.replace("/confirm", "/login");
        assert!(text.contains(&format!("href=\"{switch}\"")));
        browser.open(&switch).await;
        let question = browser.sign_in("alice", PASSWORD).await.page();
        assert!(question.response.text().contains("alice Example"));
        browser.submit(&[("decision", "allow")]).await;
        let tokens = Tokens::of(server.poll(&device).await);
        let told = server.userinfo(&tokens.access).await.json();
        assert_ne!(told["sub"], mallory.id.to_string());
    }

    async fn another_network_is_pointed_out_and_the_device_is_named(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let tv = server.add_client(ClientSpec::device("tv")).await;
        let warning = "This request comes from another network than yours.";
        for (device_at, person_at, elsewhere) in [
            ("203.0.113.5", "203.0.113.77", false),
            ("203.0.113.5", "198.51.100.7", true),
            ("2001:db8:1:2::3", "2001:db8:1:9::1", false),
            ("2001:db8:1:2::3", "2001:db8:2:2::3", true),
            ("203.0.113.5", "2001:db8::1", true),
        ] {
            let started = server
                .device_request(&tv, &[("scope", "openid")])
                .from(device_at)
                .header("user-agent", "Mozilla/5.0 (Web0S; Linux/SmartTV) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/108.0.0.0")
                .await
                .expect(200);
            let device = Device::of(&tv, started.json());
            server.advance(130);
            let mut browser = Browser::new(&server).at(person_at);
            let question = browser.visit_device(&device.user_code, "alice").await;
            let text = question.response.text();
            for shown in [device_at, "Chrome on a TV", "2 minutes ago"] {
                assert!(text.contains(shown), "{shown} is not shown");
            }
            assert_eq!(text.contains(warning), elsewhere, "{device_at} {person_at}");
        }
    }

    async fn a_code_that_expires_while_somebody_reads_is_not_answered(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let tv = server.add_client(ClientSpec::device("tv")).await;
        let device = server.start_device(&tv, "openid").await;
        let mut browser = Browser::new(&server);
        browser.visit_device(&device.user_code, "alice").await;
        server.advance(600);
        let page = browser.submit(&[("decision", "allow")]).await.page();
        assert_eq!((page.status(), page.heading().as_str()), (400, GONE));
        server.poll(&device).await.expect_error(400, "expired_token");
        assert!(!server.app.audit().take(1000).events.iter().any(|event| event.kind == AuditKind::DeviceApproved));
    }

    async fn a_client_that_was_disabled_meanwhile_is_let_in_by_nobody(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let tv = server.add_client(ClientSpec::device("tv")).await;
        let device = server.start_device(&tv, "openid").await;
        let mut browser = Browser::new(&server);
        browser.visit_device(&device.user_code, "alice").await;
        execute(&server.db, "UPDATE client SET disabled_at = 1 WHERE client_id = 'tv'").await;
        let page = browser.submit(&[("decision", "allow")]).await.page();
        assert_eq!((page.status(), page.heading().as_str()), (400, GONE));
        server.poll(&device).await.expect_error(401, "invalid_client");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dv_13_however_the_code_is_typed() {
    let server = TestServer::new(TestDb::sqlite().await).await;
    server.alice().await;
    let tv = server.add_client(ClientSpec::device("tv")).await;
    let device = server.start_device(&tv, "openid").await;
    let letters = device.user_code.replace('-', "");
    let spaced: String = letters.chars().flat_map(|letter| [letter, ' ']).collect();
    let mut browser = Browser::new(&server);
    browser.visit_device(&device.user_code, "alice").await;
    for typed in [
        letters.to_lowercase(),
        spaced,
        format!("  {}.", device.user_code.to_lowercase()),
    ] {
        assert_eq!(browser.enter_code(&typed).await.heading(), CONFIRM, "{typed:?}");
    }
    let full_width: String = letters
        .chars()
        .map(|letter| char::from_u32(u32::from(letter) + 0xfee0).unwrap())
        .collect();
    let dotted = format!("{letters}\u{307}");
    for typed in [
        full_width,
        dotted,
        letters[..7].to_owned(),
        format!("{letters}B"),
        String::new(),
    ] {
        assert_eq!(browser.enter_code(&typed).await.path, "/device", "{typed:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dv_18_no_page_about_devices_can_be_framed() {
    let server = TestServer::new(TestDb::sqlite().await).await;
    server.alice().await;
    let tv = server.add_client(ClientSpec::device("tv")).await;
    let device = server.start_device(&tv, "openid").await;
    let mut browser = Browser::new(&server);
    let mut pages = vec![
        browser.open("/device").await.page(),
        browser.enter_code(&device.user_code).await,
    ];
    pages.push(browser.sign_in("alice", PASSWORD).await.page());
    pages.push(browser.submit(&[("decision", "allow")]).await.page());
    for page in pages {
        let policy = page.response.header("content-security-policy");
        assert!(policy.contains("frame-ancestors 'none'"), "{}", page.path);
        assert!(
            !policy.contains("script-src") && policy.contains("default-src 'none'"),
            "{}",
            page.path
        );
        assert!(policy.contains("form-action 'self'"), "{}", page.path);
        assert_eq!(page.response.header("x-frame-options"), "DENY");
        assert_eq!(page.response.header("cache-control"), "no-store");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dv_19_a_code_is_escaped_in_pages() {
    let server = TestServer::new(TestDb::sqlite().await).await;
    let mut browser = Browser::new(&server);
    let hostile = "\"><script>alert(1)</script>";
    let page = browser.enter_code(hostile).await;
    assert!(!page.response.text().contains("<script"));
    assert_eq!(typed(&page), hostile);
    let linked = browser
        .open("/device?user_code=%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E")
        .await
        .page();
    assert_eq!(
        (linked.status(), typed(&linked)),
        (200, String::new()),
        "only a code is filled in"
    );
    for query in ["user_code=%ff", "user_code=BCDF&user_code=BCDG", "user_code="] {
        let page = browser.open(&format!("/device?{query}")).await.page();
        assert_eq!((page.status(), typed(&page)), (200, String::new()), "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_is_what_is_shown() {
    let server = TestServer::new(TestDb::sqlite().await).await;
    server.alice().await;
    let tv = server.add_client(ClientSpec::device("tv")).await;
    let device = server.start_device(&tv, "openid email").await;
    let mut browser = Browser::new(&server);
    let question = browser.visit_device(&device.user_code, "alice").await;
    assert!(question.response.text().contains("See your e-mail address"));
    // Nothing in the form can add to it.
    let more = [("decision", "allow"), ("scope", "openid email profile offline_access")];
    browser.submit(&more).await;
    let tokens = Tokens::of(server.poll(&device).await);
    let given: Scope = Scope::parse(tokens.json["scope"].as_str().unwrap()).unwrap();
    assert_eq!(given.to_string(), "openid email");
}
