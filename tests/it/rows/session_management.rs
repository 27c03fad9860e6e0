//! OpenID Connect Session Management through the router: `session_state`, the cookie that it is made from, and the frame that
//! compares the two. `tests/browser/session_management.test.js` runs the frame in a browser.

use axum::http::Method;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use portcullis::crypto::digest::sha256;
use portcullis::protocol::redirect_uri::RedirectUri;

use crate::support::{
    AuthRequest, Browser, ClientSpec, PASSWORD, TestClient, TestResponse, TestServer, Tokens, both_stores, claims,
    seconds,
};

const COOKIE: &str = "__Host-portcullis-state";
const SESSION: &str = "__Host-portcullis";
const ORIGIN: &str = "https://shop.example";

/// What the frame answers to the client at `origin`.
fn ask(browser: &mut Browser, origin: &str, session_state: &str) -> &'static str {
    let (digest, salt) = session_state.split_once('.').unwrap();
    let state = browser.cookies().get(COOKIE).map_or("", String::as_str);
    let known = format!("shop {origin} {state} {salt}");
    let same = URL_SAFE_NO_PAD.encode(sha256(known.as_bytes())) == digest;
    if same { "unchanged" } else { "changed" }
}

/// The attributes of our cookie, as a response sets it.
fn set(response: &TestResponse) -> Option<String> {
    let cookies = response.headers.get_all("set-cookie").iter();
    let ours = cookies
        .map(|cookie| cookie.to_str().unwrap())
        .filter(|cookie| cookie.contains("portcullis-state="));
    let ours: Vec<_> = ours.collect();
    assert!(ours.len() < 2, "{ours:?}");
    ours.first().map(|cookie| (*cookie).to_owned())
}

fn shop() -> ClientSpec {
    ClientSpec::web("shop").trusted()
}

/// A browser in which alice is signed in at the shop, and what the shop was told of it.
async fn let_in(server: &TestServer, shop: &TestClient) -> (Browser, String) {
    let mut browser = Browser::new(server);
    let callback = browser.grant(&AuthRequest::new(shop, "openid"), "alice").await;
    let session_state = callback.get("session_state").to_owned();
    assert_eq!(ask(&mut browser, ORIGIN, &session_state), "unchanged", "{callback:?}");
    (browser, session_state)
}

both_stores! {
    async fn oidcc_session_management_an_answer_and_the_cookie_agree(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let shop = server.add_client(shop()).await;
        let mut browser = Browser::new(&server);
        let mut seen = std::collections::BTreeSet::new();
        for mode in ["query", "fragment", "form_post"] {
            let request = AuthRequest::new(&shop, "openid").set("response_mode", mode);
            let callback = browser.grant(&request, "alice").await;
            let session_state = callback.get("session_state").to_owned();
            assert!(!session_state.contains(' '));
            assert_eq!(ask(&mut browser, ORIGIN, &session_state), "unchanged", "{mode}");
            assert_eq!(ask(&mut browser, "https://evil.example", &session_state), "changed");
            assert!(seen.insert(session_state), "each has a salt of its own");
            let tokens = Tokens::of(server.redeem(&shop, &callback.code(), &request).await);
            let sid = claims(&tokens.id.unwrap())["sid"].as_str().unwrap().replace('-', "");
            let cookie = browser.cookies()[COOKIE].clone();
            let bytes = URL_SAFE_NO_PAD.decode(&cookie).unwrap();
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            assert!(bytes.len() == 32 && !hex.contains(&sid) && !cookie.contains(&sid));
        }
    }

    async fn oidcc_session_management_only_those_who_can_ask_are_told(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let shop = server.add_client(shop()).await;
        let app = RedirectUri::register("com.example.app:/callback").unwrap();
        let native = ClientSpec::public("native").metadata(|metadata| metadata.redirect_uris = vec![app]);
        let native = server.add_client(native).await;
        let mut browser = Browser::new(&server);
        let plain = browser.grant(&AuthRequest::new(&shop, "profile"), "alice").await;
        let no_page = browser.grant(&AuthRequest::new(&native, "openid"), "alice").await;
        for told in [plain, no_page] {
            assert!(!told.code().is_empty() && !told.params.contains_key("session_state"), "{told:?}");
        }
        let stranger = AuthRequest::new(&shop, "openid").set("prompt", "none");
        let refused = Browser::new(&server).authorize(&stranger).await.callback();
        assert_eq!(refused.get("error"), "login_required");
        assert!(!refused.params.contains_key("session_state"));
    }

    async fn oidcc_session_management_signing_out_is_a_change(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let shop = server.add_client(shop()).await;
        let (mut browser, session_state) = let_in(&server, &shop).await;
        browser.open("/logout").await.page();
        assert_eq!(ask(&mut browser, ORIGIN, &session_state), "unchanged", "asked, not done");
        let (_, request) = browser.submission(&[("logout", "logout")]);
        let response = request.await.expect(200);
        assert_eq!(set(&response).unwrap(), format!("{COOKIE}=; Path=/; SameSite=None; Secure; Max-Age=0"));
        browser.open("/").await.page();
        assert_eq!(ask(&mut browser, ORIGIN, &session_state), "changed");
        let again = browser.grant(&AuthRequest::new(&shop, "openid"), "alice").await;
        assert_eq!(ask(&mut browser, ORIGIN, again.get("session_state")), "unchanged");
        assert_eq!(ask(&mut browser, ORIGIN, &session_state), "changed", "another sign-in");
    }

    async fn oidcc_session_management_each_check_of_credentials_is_a_change(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        server.add_user("bob").await;
        let shop = server.add_client(shop()).await;
        let (mut browser, first) = let_in(&server, &shop).await;
        server.advance(5);
        let silent = AuthRequest::new(&shop, "openid").set("prompt", "none");
        let same = browser.authorize(&silent).await.callback();
        assert_eq!(ask(&mut browser, ORIGIN, same.get("session_state")), "unchanged");
        assert_eq!(ask(&mut browser, ORIGIN, &first), "unchanged", "to be asked silently changes nothing");

        browser.open("/login").await.page();
        browser.sign_in("alice", "wrong").await.page();
        assert_eq!(ask(&mut browser, ORIGIN, &first), "unchanged");
        browser.sign_in("alice", PASSWORD).await.page();
        assert_eq!(ask(&mut browser, ORIGIN, &first), "changed", "alice again");
        let second = browser.authorize(&silent).await.callback();
        assert_eq!(ask(&mut browser, ORIGIN, second.get("session_state")), "unchanged");

        browser.open("/login").await.page();
        browser.sign_in("bob", PASSWORD).await.page();
        assert_eq!(ask(&mut browser, ORIGIN, second.get("session_state")), "changed", "bob");
        let third = browser.authorize(&silent).await.callback();
        assert_eq!(ask(&mut browser, ORIGIN, third.get("session_state")), "unchanged");
    }

    async fn oidcc_session_management_a_new_password_is_a_change_everywhere(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let shop = server.add_client(shop()).await;
        let (mut browser, here) = let_in(&server, &shop).await;
        let (mut elsewhere, there) = let_in(&server, &shop).await;
        server.advance(5);
        browser.open("/account/password").await.page();
        let new = "three rusty hinges";
        browser.submit(&[("current", "wrong"), ("new", new), ("repeated", new)]).await.page();
        assert_eq!(ask(&mut browser, ORIGIN, &here), "unchanged", "not changed");
        browser.submit(&[("current", PASSWORD), ("new", new), ("repeated", new)]).await.page();
        assert_eq!(ask(&mut browser, ORIGIN, &here), "changed");
        let silent = AuthRequest::new(&shop, "openid").set("prompt", "none");
        let renewed = browser.authorize(&silent).await.callback();
        assert_eq!(ask(&mut browser, ORIGIN, renewed.get("session_state")), "unchanged", "and still signed in");

        let refused = elsewhere.authorize(&silent).await.callback();
        assert_eq!(refused.get("error"), "login_required");
        assert_eq!(ask(&mut elsewhere, ORIGIN, &there), "changed");
    }

    async fn oidcc_session_management_a_sign_in_that_ended_elsewhere_is_found_out(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let shop = server.add_client(shop()).await;
        let (mut browser, kept) = let_in(&server, &shop).await;
        for path in ["/", "/account", "/login", "/device", "/logout"] {
            let (mut ended, session_state) = let_in(&server, &shop).await;
            browser.open("/account/sessions").await.page();
            browser.submit(&[("end", "others")]).await.page();
            ended.open(path).await.page();
            // The page that signs in for its own sake, and the one for devices, ask nobody who they are at first.
            if ["/login", "/device"].contains(&path) {
                ended.open("/").await.page();
            }
            assert_eq!(ask(&mut ended, ORIGIN, &session_state), "changed", "{path}");
        }
        assert_eq!(ask(&mut browser, ORIGIN, &kept), "unchanged");
    }

    async fn oidcc_session_management_a_frame_of_another_site_says_nothing_about_the_sign_in(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let shop = server.add_client(shop()).await;
        let (mut browser, session_state) = let_in(&server, &shop).await;
        // SameSite=Lax keeps the session cookie from it, SameSite=None lets ours through.
        let mut framed = browser.clone();
        framed.cookies().retain(|name, _| name == COOKIE);
        let refused = framed.authorize(&AuthRequest::new(&shop, "openid").set("prompt", "none")).await.callback();
        assert_eq!(refused.get("error"), "login_required");
        assert_eq!(ask(&mut framed, ORIGIN, &session_state), "unchanged");
        // One that does send it is heard: nobody is signed in by this one.
        browser.cookies().insert(SESSION.to_owned(), "AAAAAAAAAAAAAAAAAAAAAA".to_owned());
        browser.open("/").await.page();
        assert_eq!(ask(&mut browser, ORIGIN, &session_state), "changed");
    }

    async fn oidcc_session_management_the_cookie_ends_with_the_sign_in(db: TestDb) {
        let server = TestServer::with(db, |config| {
            config.sessions.idle_timeout = seconds(1000);
            config.sessions.absolute_timeout = seconds(1500);
        })
        .await;
        server.alice().await;
        let shop = server.add_client(shop()).await;
        let (mut browser, session_state) = let_in(&server, &shop).await;
        let silent = AuthRequest::new(&shop, "openid").set("prompt", "none");
        let answer = async |browser: &Browser| {
            let path = format!("/authorize?{}", silent.query());
            set(&browser.request(Method::GET, &path).await.expect(303)).unwrap()
        };
        let value = browser.cookies()[COOKIE].clone();
        let lasting = |seconds: i64| format!("{COOKIE}={value}; Path=/; SameSite=None; Secure; Max-Age={seconds}");
        assert_eq!(answer(&browser).await, lasting(1000));
        server.advance(900);
        let page = browser.request(Method::GET, "/").await.expect(200);
        assert_eq!(set(&page), None, "what the browser has is not sent again by a page");
        assert_eq!(answer(&browser).await, lasting(600));
        browser.cookies().remove(COOKIE);
        let page = browser.request(Method::GET, "/").await.expect(200);
        assert_eq!(set(&page).unwrap(), lasting(600), "what it lost is");
        server.advance(601);
        browser.open("/").await.page();
        assert_eq!(ask(&mut browser, ORIGIN, &session_state), "changed");
    }

    async fn oidcc_session_management_it_can_be_switched_off(db: TestDb) {
        let server = TestServer::with(db, |config| config.sessions.management = false).await;
        server.alice().await;
        let shop = server.add_client(shop()).await;
        let mut browser = Browser::new(&server);
        let callback = browser.grant(&AuthRequest::new(&shop, "openid"), "alice").await;
        assert!(!callback.code().is_empty() && !callback.params.contains_key("session_state"));
        browser.open("/login").await.page();
        browser.sign_in("alice", PASSWORD).await.page();
        assert!(!browser.cookies().contains_key(COOKIE));
        server.get("/session/check").await.expect(404);
        let metadata = server.get("/.well-known/openid-configuration").await.expect(200).json();
        assert_eq!(metadata.get("check_session_iframe"), None);
    }

    async fn oidcc_session_management_the_frame_alone_may_be_embedded(db: TestDb) {
        let server = TestServer::new(db).await;
        let metadata = server.get("/.well-known/openid-configuration").await.expect(200).json();
        let frame = metadata["check_session_iframe"].as_str().unwrap();
        let path = frame.strip_prefix("https://id.example").unwrap();
        let response = server.get(path).header("sec-fetch-site", "cross-site").header("sec-fetch-dest", "iframe").await.expect(200);
        assert_eq!(response.header("content-type"), "text/html; charset=utf-8");
        assert_eq!(response.header("x-frame-options"), "");
        assert_eq!(response.header("set-cookie"), "");
        let script = response.text().split_once("<script>").unwrap().1.split_once("</script>").unwrap().0;
        let hash = STANDARD.encode(sha256(script.as_bytes()));
        let policy = format!(
            "default-src 'none'; script-src 'sha256-{hash}'; form-action 'none'; base-uri 'none'; frame-ancestors http: https:"
        );
        assert_eq!(response.header("content-security-policy"), policy);
        assert!(response.text().contains(&format!("data-cookie=\"{COOKIE}\"")));
        for path in ["/", "/login", "/logout", "/session", "/session/check/more", "/.well-known/openid-configuration"] {
            let response = server.get(path).await;
            assert_eq!(response.header("x-frame-options"), "DENY", "{path}");
            assert!(response.header("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
        }
    }

    /// Nothing in it makes text into code or markup, asks the network, or speaks unasked; an answer goes to who asked, at the
    /// origin that the browser says they have.
    async fn oi_13_the_frame_answers_who_asks_and_does_nothing_else(db: TestDb) {
        let server = TestServer::new(db).await;
        let response = server.get("/session/check").await.expect(200);
        let script = response.text();
        for absent in ["eval", "Function", "innerHTML", "fetch", "XMLHttpRequest", "import", "parent", "top.", "'*'", "\"*\""] {
            assert!(!script.contains(absent), "{absent}");
        }
        assert_eq!(script.matches("postMessage").count(), 1);
        assert!(script.contains("source.postMessage(answer, { targetOrigin: origin })"));
    }

    async fn oidcc_session_management_works_on_localhost(db: TestDb) {
        let server = TestServer::at(db, "http://localhost:8080", |_| {}).await;
        server.alice().await;
        let local = RedirectUri::register("http://localhost:3000/callback").unwrap();
        let shop = shop().metadata(|metadata| metadata.redirect_uris = vec![local]);
        let shop = server.add_client(shop).await;
        let mut browser = Browser::new(&server);
        // The port of a loopback address is chosen by the app as it starts.
        let request = AuthRequest::new(&shop, "openid").set("redirect_uri", "http://localhost:41234/callback");
        let callback = browser.grant(&request, "alice").await;
        let state = browser.cookies()["portcullis-state"].clone();
        browser.cookies().insert(COOKIE.to_owned(), state.clone());
        assert_eq!(ask(&mut browser, "http://localhost:41234", callback.get("session_state")), "unchanged");
        assert_eq!(ask(&mut browser, "http://localhost:3000", callback.get("session_state")), "changed");
        browser.cookies().remove("portcullis-state");
        let page = browser.request(Method::GET, "/").await.expect(200);
        let days = 14 * 86_400;
        assert_eq!(set(&page).unwrap(), format!("portcullis-state={state}; Path=/; SameSite=Lax; Max-Age={days}"));
        let frame = server.get("/session/check").await.expect(200);
        assert!(frame.text().contains("data-cookie=\"portcullis-state\""));
    }

    async fn oidcc_session_management_works_under_a_path(db: TestDb) {
        let server = TestServer::at(db, "https://id.example/tenant", |_| {}).await;
        let metadata = server.get("/tenant/.well-known/openid-configuration").await.expect(200).json();
        assert_eq!(metadata["check_session_iframe"], "https://id.example/tenant/session/check");
        let frame = server.get("/tenant/session/check").await.expect(200);
        assert_eq!(frame.header("x-frame-options"), "");
    }
}
