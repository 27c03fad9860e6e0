//! OI, RU: clients that ask to sign somebody out (OpenID Connect RP-Initiated Logout), through the router.

use axum::http::Method;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis::model::audit_event::AuditKind;
use portcullis::protocol::redirect_uri::RedirectUri;
use url::form_urlencoded::Serializer;

use crate::support::{
    AuthRequest, Browser, ClientSpec, Landed, PASSWORD, TestClient, TestDb, TestServer, Tokens, both_stores,
};

const BYE: &str = "https://shop.example/bye";

/// A shop, alice signed in there, and the ID token that it got.
struct World {
    server: TestServer,
    shop: TestClient,
    browser: Browser,
    id_token: String,
}

fn shop() -> ClientSpec {
    ClientSpec::web("shop").metadata(|metadata| {
        metadata.logout.redirect_uris = vec![RedirectUri::register(BYE).unwrap()];
    })
}

impl World {
    async fn new(db: TestDb) -> Self {
        let server = TestServer::new(db).await;
        server.alice().await;
        let shop = server.add_client(shop()).await;
        let mut world = Self {
            browser: Browser::new(&server),
            server,
            shop,
            id_token: String::new(),
        };
        world.id_token = world.sign_in("alice").await;
        world
    }

    /// An ID token of `user`, who is signed in from now on.
    async fn sign_in(&mut self, user: &str) -> String {
        let request = AuthRequest::new(&self.shop, "openid").set("prompt", "login");
        let code = self.browser.grant(&request, user).await.code();
        let tokens = Tokens::of(self.server.redeem(&self.shop, &code, &request).await);
        tokens.id.unwrap()
    }

    async fn logout(&mut self, params: &[(&str, &str)]) -> Landed {
        self.browser.open(&path(params)).await
    }

    fn proven(&self) -> Vec<(&str, &str)> {
        vec![
            ("id_token_hint", &self.id_token),
            ("post_logout_redirect_uri", BYE),
            ("state", "the-state"),
        ]
    }

    /// As a client finds out: without asking anybody.
    async fn is_signed_in(&self) -> bool {
        let request = AuthRequest::new(&self.shop, "openid").set("prompt", "none");
        let callback = self.browser.clone().authorize(&request).await.callback();
        match callback.get("error") {
            "" => true,
            error => {
                assert_eq!(error, "login_required");
                false
            }
        }
    }

    /// The question is put, and only its answer signs out.
    async fn asks(&mut self, params: &[(&str, &str)]) -> Landed {
        let page = self.logout(params).await.page();
        assert_eq!(
            (page.status(), page.heading().as_str()),
            (200, "Sign out?"),
            "{params:?}"
        );
        assert_eq!(page.buttons("confirm"), ["logout"]);
        assert!(self.is_signed_in().await, "nothing happens before the answer");
        self.browser.submit(&[("confirm", "logout")]).await
    }
}

fn path(params: &[(&str, &str)]) -> String {
    let query = Serializer::new(String::new()).extend_pairs(params).finish();
    format!("/logout?{query}")
}

fn says_signed_out(landed: Landed) {
    let page = landed.page();
    assert_eq!((page.status(), page.heading().as_str()), (200, "You are signed out"));
    assert!(!page.response.text().contains(BYE));
}

/// The same token with another payload or header, its signature as it was.
fn altered(token: &str, part: usize, from: &str, to: &str) -> String {
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(&parts[part]).unwrap()).unwrap();
    assert!(text.contains(from), "{text}");
    parts[part] = URL_SAFE_NO_PAD.encode(text.replace(from, to));
    parts.join(".")
}

both_stores! {
    async fn oi_01_a_proven_request_signs_out_and_leads_back(db: TestDb) {
        let mut world = World::new(db).await;
        let state = "s".repeat(128);
        let hint = world.id_token.clone();
        let params = [("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", BYE), ("state", &state)];
        let callback = world.logout(&params).await.callback();
        assert_eq!(callback.uri, BYE);
        assert_eq!(callback.params.into_iter().collect::<Vec<_>>(), [("state".to_owned(), state)]);
        assert!(!world.is_signed_in().await);
        let trail = world.server.audit_trail().await;
        assert_eq!(trail.iter().filter(|event| event.kind == AuditKind::SignOut.as_str()).count(), 1);
        // Without a state none comes back.
        world.id_token = world.sign_in("alice").await;
        let params = world.proven()[..2].to_vec();
        let callback = world.browser.clone().open(&path(&params)).await.callback();
        assert!(callback.params.is_empty());
        assert!(!world.is_signed_in().await);
    }

    async fn oi_01_a_form_that_another_site_posts_comes_without_cookies(db: TestDb) {
        let mut world = World::new(db).await;
        let posted = world.server.post_form("/logout", &world.proven()).header("sec-fetch-site", "cross-site").await;
        let again = posted.expect(303).location().to_owned();
        assert!(again.starts_with("/logout?"));
        assert_eq!(world.browser.open(&again).await.callback().uri, BYE);
        assert!(!world.is_signed_in().await);
    }

    async fn oi_02_without_proof_the_person_is_asked(db: TestDb) {
        let mut world = World::new(db).await;
        for params in [
            vec![],
            vec![("state", "the-state")],
            vec![("post_logout_redirect_uri", BYE), ("state", "the-state")],
            vec![("client_id", "nobody"), ("post_logout_redirect_uri", BYE)],
            vec![("client_id", "not a client id"), ("post_logout_redirect_uri", BYE)],
            vec![("logout_hint", "alice")],
        ] {
            says_signed_out(world.asks(&params).await);
            assert!(!world.is_signed_in().await);
            world.id_token = world.sign_in("alice").await;
        }
        // A client that only says who it is can be returned to once the person has said yes.
        let named = [("client_id", "shop"), ("post_logout_redirect_uri", BYE), ("state", "x")];
        let callback = world.asks(&named).await.callback();
        assert_eq!((callback.uri.as_str(), callback.get("state")), (BYE, "x"));
    }

    async fn oi_03_a_hint_that_does_not_verify_proves_nothing(db: TestDb) {
        let mut world = World::new(db).await;
        let bob = world.server.add_user("bob").await;
        let alice = world.server.alice().await;
        let good = world.id_token.clone();
        let (signed, _) = good.rsplit_once('.').unwrap();
        let other_server = World::new(TestDb::sqlite().await).await;
        for (_what, hint) in [
            ("payload", altered(&good, 1, &alice.id.to_string(), &bob.id.to_string())),
            ("issuer", altered(&good, 1, "https://id.example", "https://id.example.evil")),
            ("alg none", format!("{}.", altered(signed, 0, "RS256", "none"))),
            ("alg", altered(&good, 0, "RS256", "HS256")),
            ("foreign", altered(&other_server.id_token, 1, &other_server.server.alice().await.id.to_string(), &alice.id.to_string())),
            ("unsigned", format!("{signed}.")),
            ("no token", "x".to_owned()),
        ] {
            let params = [("id_token_hint", hint.as_str()), ("client_id", "shop"), ("post_logout_redirect_uri", BYE)];
            says_signed_out(world.asks(&params).await);
            world.sign_in("alice").await;
        }
        // The hint of another client than it says to be.
        let params = [("id_token_hint", good.as_str()), ("client_id", "other"), ("post_logout_redirect_uri", BYE)];
        says_signed_out(world.asks(&params).await);
    }

    async fn oi_03_an_access_token_is_no_hint(db: TestDb) {
        let mut world = World::new(db).await;
        let request = AuthRequest::new(&world.shop, "openid");
        let code = world.browser.grant(&request, "alice").await.code();
        let access = Tokens::of(world.server.redeem(&world.shop, &code, &request).await).access;
        says_signed_out(world.asks(&[("id_token_hint", &access), ("post_logout_redirect_uri", BYE)]).await);
    }

    async fn oi_04_an_expired_hint_is_as_good(db: TestDb) {
        let mut world = World::new(db).await;
        let lifetime = world.server.app.config().tokens.id_token_lifetime.as_secs();
        world.server.advance(lifetime + 1);
        let params = world.proven();
        let path = path(&params);
        assert_eq!(world.browser.open(&path).await.callback().uri, BYE);
        assert!(!world.is_signed_in().await);
    }

    async fn oi_05_the_hint_of_somebody_else_is_asked_about(db: TestDb) {
        let mut world = World::new(db).await;
        world.server.add_user("bob").await;
        let of_alice = world.id_token.clone();
        world.sign_in("bob").await;
        let params = [("id_token_hint", of_alice.as_str()), ("post_logout_redirect_uri", BYE), ("state", "x")];
        let callback = world.asks(&params).await.callback();
        assert_eq!((callback.uri.as_str(), callback.get("state")), (BYE, "x"));
        assert!(!world.is_signed_in().await);
    }

    async fn oi_06_what_nobody_sees_signs_nobody_out_even_with_a_hint(db: TestDb) {
        let world = World::new(db).await;
        let path = path(&world.proven());
        let cookie = world.browser.cookie_header();
        for (method, mode, dest) in [
            (Method::GET, "no-cors", "image"),
            (Method::GET, "cors", "empty"),
            (Method::GET, "navigate", "iframe"),
            (Method::HEAD, "navigate", "document"),
            (Method::POST, "no-cors", "empty"),
        ] {
            let request = world.server.request(method.clone(), &path).cookie(&cookie);
            let request = request.header("sec-fetch-mode", mode).header("sec-fetch-dest", dest);
            let request = if method == Method::POST { request.form(&[]) } else { request };
            let response = request.await.expect(200);
            assert_eq!(response.header("set-cookie"), "", "{method} {mode} {dest}");
            assert!(world.is_signed_in().await, "{method} {mode} {dest}");
        }
    }

    async fn oi_09_asking_twice_is_no_error(db: TestDb) {
        let mut world = World::new(db).await;
        let path = path(&world.proven());
        let (mut one, mut other) = (world.browser.clone(), world.browser.clone());
        let (first, second) = tokio::join!(one.open(&path), other.open(&path));
        for landed in [first, second, world.browser.open(&path).await] {
            assert_eq!(landed.callback().uri, BYE);
        }
        // Who is not signed in can be led back only by proof; a client's name is worth a link.
        let named = [("client_id", "shop"), ("post_logout_redirect_uri", BYE)];
        let page = world.logout(&named).await.page();
        assert_eq!(page.heading(), "You are signed out");
        assert!(page.response.text().contains("href=\"https://shop.example/bye#\""));
        let trail = world.server.audit_trail().await;
        let told = trail.iter().filter(|event| event.kind == AuditKind::SignOut.as_str()).count();
        assert!((1..=2).contains(&told), "{told}: at most once for each of the two that met");
    }

    async fn ru_16_an_unregistered_uri_is_an_error_page(db: TestDb) {
        let mut world = World::new(db).await;
        let hint = world.id_token.clone();
        for uri in ["https://shop.example/bye?foo=bar", "https://evil.example/", "https://shop.example/callback"] {
            for proof in [("id_token_hint", hint.as_str()), ("client_id", "shop")] {
                let page = world.logout(&[proof, ("post_logout_redirect_uri", uri), ("state", "x")]).await.page();
                assert_eq!(page.status(), 400);
                assert!(page.response.text().contains("post_logout_redirect_uri"));
                assert!(!page.response.text().contains(uri));
                assert!(world.is_signed_in().await);
            }
        }
        let twice = [("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", BYE), ("post_logout_redirect_uri", BYE)];
        assert_eq!(world.logout(&twice).await.page().status(), 400);
    }

    async fn a_disabled_client_is_not_returned_to(db: TestDb) {
        let mut world = World::new(db).await;
        let now = world.server.app.clock().now();
        world.server.store().set_client_enabled(&world.shop.client_id(), false, now).await.unwrap();
        let path = path(&world.proven());
        says_signed_out(world.browser.open(&path).await);
    }

    async fn the_question_is_answered_on_its_own_page_alone(db: TestDb) {
        let mut world = World::new(db).await;
        world.logout(&[]).await.page();
        let stale = world.browser.submit(&[("csrf", "of-another-page")]).await.page();
        assert_eq!(stale.status(), 403);
        assert!(world.is_signed_in().await);
        // A page that was left open over a sign-in as somebody else.
        world.logout(&[]).await.page();
        let (_, left_open) = world.browser.submission(&[]);
        world.server.add_user("bob").await;
        world.sign_in("bob").await;
        let request = left_open.without_header("cookie").cookie(&world.browser.cookie_header());
        request.await.expect(403);
        assert!(world.is_signed_in().await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_question_lets_the_browser_go_on_to_the_app() {
    let mut world = World::new(TestDb::sqlite().await).await;
    let named = [("client_id", "shop"), ("post_logout_redirect_uri", BYE)];
    let page = world.logout(&named).await.page();
    let policy = page.response.header("content-security-policy");
    assert!(policy.contains("form-action 'self' https:"), "{policy}");
    let text = page.response.text();
    assert!(text.contains("The shop app") && text.contains("shop.example"));
    let page = world.logout(&[]).await.page();
    assert!(
        page.response
            .header("content-security-policy")
            .contains("form-action 'self';")
    );
    world.browser.open("/login").await.page();
    world.browser.sign_in("alice", PASSWORD).await.page();
}
