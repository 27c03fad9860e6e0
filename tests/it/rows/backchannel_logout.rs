//! OI, FT, SS, JW: telling clients in the back channel that somebody signed out (OpenID Connect Back-Channel Logout).

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use portcullis::crypto::jwt::{self, Expected};
use portcullis::jobs::backchannel_logout;
use portcullis::model::browser_session::BrowserSessionId;
use portcullis::model::client::LogoutChannel;
use portcullis::model::user::PasswordHash;
use portcullis::protocol::signing_alg::SigningAlg;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::support::process::eventually;
use crate::support::{
    AuthRequest, Browser, ClientSpec, Https, PASSWORD, TestClient, TestDb, TestServer, Tokens, both_stores, claims,
    seconds,
};

/// A shop that listens for sign-outs, and answers with `status`.
struct World {
    server: TestServer,
    shop: TestClient,
    listening: Https,
    status: Arc<AtomicU16>,
}

fn listening_at(uri: &str) -> Option<LogoutChannel> {
    Some(LogoutChannel {
        uri: uri.to_owned(),
        session_required: true,
    })
}

fn answer(status: u16) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    (status, [(header::LOCATION, "/elsewhere")], "whatever").into_response()
}

impl World {
    async fn new(db: TestDb) -> Self {
        let status = Arc::new(AtomicU16::new(200));
        let answering = status.clone();
        let listening = Https::answering(move || async move { answer(answering.load(Ordering::SeqCst)) });
        let server = TestServer::with_fetches(db, &listening, |config| {
            config.sessions.idle_timeout = seconds(7 * 86_400);
        })
        .await;
        server.alice().await;
        let uri = listening.url("/signed-out");
        let shop = ClientSpec::web("shop").trusted().metadata(|metadata| {
            metadata.logout.backchannel = listening_at(&uri);
        });
        let shop = server.add_client(shop).await;
        Self {
            server,
            shop,
            listening,
            status,
        }
    }

    /// Alice signs in at the shop, in a new browser. With the claims of her ID token.
    async fn sign_in(&self) -> (Browser, Value) {
        let mut browser = Browser::new(&self.server);
        let request = AuthRequest::new(&self.shop, "openid");
        let code = browser.grant(&request, "alice").await.code();
        let tokens = Tokens::of(self.server.redeem(&self.shop, &code, &request).await);
        (browser, claims(tokens.id.as_deref().unwrap()))
    }

    async fn tell(&self) {
        backchannel_logout::once(&self.server.app).await.unwrap();
    }

    async fn waiting(&self) -> i64 {
        self.server
            .db
            .raw()
            .await
            .number("SELECT count(*) FROM logout_notice")
            .await
    }

    /// The logout tokens that came in, in order.
    fn tokens(&self) -> Vec<String> {
        let requests = self.listening.requests();
        requests
            .iter()
            .map(|request| request.field("logout_token").unwrap())
            .collect()
    }

    /// Events of this kind in the trail, by their details.
    async fn told(&self, kind: &str) -> Vec<Value> {
        let trail = self.server.audit_trail().await;
        trail
            .into_iter()
            .filter(|entry| entry.kind == kind)
            .map(|entry| Value::Object(entry.detail))
            .collect()
    }
}

async fn sign_out(browser: &mut Browser) {
    browser.open("/logout").await.page();
    assert_eq!(browser.submit(&[]).await.page().heading(), "You are signed out");
}

fn session(id_token: &Value) -> BrowserSessionId {
    BrowserSessionId(Uuid::parse_str(id_token["sid"].as_str().unwrap()).unwrap())
}

both_stores! {
    async fn oi_10_a_logout_token_tells_who_signed_out(db: TestDb) {
        let world = World::new(db).await;
        let (mut browser, id_token) = world.sign_in().await;
        world.tell().await;
        assert_eq!(world.listening.hits(), 0, "nobody signed out");
        sign_out(&mut browser).await;
        assert_eq!(world.listening.hits(), 0, "the person waits for nobody");
        world.tell().await;
        world.tell().await;
        let [request] = <[_; 1]>::try_from(world.listening.requests()).unwrap();
        assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/signed-out"));
        assert_eq!(request.header("content-type"), "application/x-www-form-urlencoded");
        assert_eq!(url::form_urlencoded::parse(&request.body).count(), 1, "logout_token and nothing else");
        let token = request.field("logout_token").unwrap();
        let now = world.server.app.clock().now();
        let ring = world.server.app.key_ring(&world.server.store().catalog().await.unwrap()).unwrap();
        let expected = Expected { typ: &["logout+jwt"], issuer: "https://id.example", now, leeway_seconds: 0, allow_expired: false };
        let verified = jwt::verify(&ring, &token, &expected).unwrap();
        let jti = verified["jti"].as_str().unwrap().to_owned();
        assert!(jti.len() >= 32);
        assert_eq!(Value::Object(verified), json!({
            "iss": "https://id.example",
            "sub": id_token["sub"],
            "aud": "shop",
            "iat": now.0,
            "exp": now.0 + 120,
            "jti": jti,
            "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
            "sid": id_token["sid"],
        }));
        assert_eq!(world.waiting().await, 0);
        assert_eq!(world.told("logout_delivered").await, [json!({"session": id_token["sid"], "tries": 1})]);
    }

    async fn oi_10_whatever_ends_a_sign_in_tells_of_it(db: TestDb) {
        let world = World::new(db).await;
        let (store, now) = (world.server.store().clone(), world.server.app.clock().now());
        let alice = world.server.alice().await;
        world.server.add_user("bob").await;
        let hash = PasswordHash(alice.password.clone().unwrap().0);
        for end in 0..8 {
            let (mut browser, id_token) = world.sign_in().await;
            match end {
                0 => {
                    browser.open("/login").await.page();
                    browser.sign_in("bob", PASSWORD).await.page();
                }
                1 => assert!(store.end_session_of(alice.id, session(&id_token), now).await.unwrap()),
                2 => assert_eq!(store.end_other_sessions(alice.id, None, now).await.unwrap(), 1),
                3 => drop(store.change_password(alice.id, (&hash, &hash), None, now).await.unwrap()),
                4 => drop(store.set_password(alice.id, &hash, now).await.unwrap()),
                5 => {
                    store.disable_user(alice.id, now).await.unwrap();
                    store.enable_user(alice.id).await.unwrap();
                }
                6 => drop(store.end_everything(now).await.unwrap()),
                _ => drop(store.delete_user(alice.id, now).await.unwrap()),
            }
            assert_eq!(world.waiting().await, 1, "{end}");
            world.listening.forget();
            world.tell().await;
            let token = claims(&world.tokens().concat());
            assert_eq!(token["sid"], id_token["sid"], "{end}");
            let sub = if end == 7 { &Value::Null } else { &id_token["sub"] };
            assert_eq!(&token["sub"], sub, "who is deleted has no sub any more, and the sign-in names them");
        }
    }

    async fn oi_10_only_those_who_were_there_and_want_to_know_are_told(db: TestDb) {
        let world = World::new(db).await;
        let other = ClientSpec::web("other").metadata(|metadata| {
            metadata.logout.backchannel = listening_at(&world.listening.url("/other"));
        });
        world.server.add_client(other).await;
        let quiet = world.server.add_client(ClientSpec::web("quiet").trusted()).await;
        let (mut browser, _) = world.sign_in().await;
        browser.grant(&AuthRequest::new(&quiet, "openid"), "alice").await.code();
        // Twice at the shop, once for good: still one sign-in, of which it is told once.
        let request = AuthRequest::new(&world.shop, "openid offline_access");
        let code = browser.grant(&request, "alice").await.code();
        let offline = Tokens::of(world.server.redeem(&world.shop, &code, &request).await);
        let (_elsewhere, _) = world.sign_in().await;
        // What was granted is over and swept long before the sign-in is.
        world.server.advance(2 * 86_400);
        portcullis::jobs::sweep::once(&world.server.app).await.unwrap();
        sign_out(&mut browser).await;
        world.tell().await;
        let paths: Vec<_> = world.listening.requests().into_iter().map(|request| request.path).collect();
        assert_eq!(paths, ["/signed-out"]);
        Tokens::of(world.server.refresh(&world.shop, offline.refresh()).await);
    }

    async fn oi_11_ft_45_a_client_that_is_down_is_told_later_or_given_up(db: TestDb) {
        let world = World::new(db).await;
        world.status.store(500, Ordering::SeqCst);
        let (mut browser, id_token) = world.sign_in().await;
        sign_out(&mut browser).await;
        let began = world.server.app.clock().now();
        let mut tried_at = Vec::new();
        for _ in 0..(25 * 60) {
            let before = world.listening.hits();
            world.tell().await;
            if world.listening.hits() > before {
                tried_at.push(world.server.app.clock().now().since(began) / 60);
            }
            world.server.advance(60);
        }
        // In minutes, looked at once a minute; the last one when a day is over.
        assert_eq!(tried_at[..7], [0, 1, 2, 7, 22, 52, 112]);
        assert_eq!((tried_at.len(), tried_at.last()), (30, Some(&1440)));
        assert_eq!(world.waiting().await, 0);
        let given_up = json!({"session": id_token["sid"], "tries": 30, "status": 500});
        assert_eq!(world.told("logout_undelivered").await, [given_up]);
        assert!(world.told("logout_delivered").await.is_empty());
        let mut names: Vec<_> = world.tokens().iter().map(|token| claims(token)["jti"].to_string()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 30, "each is a token of its own");
    }

    async fn ft_45_what_is_due_outlives_the_server_that_knew_of_it(db: TestDb) {
        let world = World::new(db).await;
        world.status.store(503, Ordering::SeqCst);
        let (mut browser, _) = world.sign_in().await;
        sign_out(&mut browser).await;
        world.tell().await;
        // One node was told to deliver, took it and died.
        world.server.advance(11);
        let now = world.server.app.clock().now();
        let shop = world.shop.client_id();
        let notice = world.server.store().next_logout_notice(&shop, now).await.unwrap().unwrap();
        assert!(world.server.store().claim_logout_notice(&notice, now.plus(60)).await.unwrap());
        assert!(!world.server.store().claim_logout_notice(&notice, now.plus(60)).await.unwrap());
        let restarted = world.server.second_node().await;
        world.status.store(204, Ordering::SeqCst);
        backchannel_logout::once(&restarted.app).await.unwrap();
        assert_eq!(world.listening.hits(), 1, "it may still be on its way");
        world.server.advance(60);
        backchannel_logout::once(&restarted.app).await.unwrap();
        assert_eq!((world.listening.hits(), world.waiting().await), (2, 0));
    }

    async fn oi_11_only_a_success_counts_and_nothing_is_followed(db: TestDb) {
        let world = World::new(db).await;
        for status in [302, 307, 400, 401, 404, 500] {
            world.status.store(status, Ordering::SeqCst);
            let (mut browser, _) = world.sign_in().await;
            sign_out(&mut browser).await;
            world.tell().await;
            assert_eq!(world.waiting().await, 1, "{status}");
            assert_eq!(world.listening.hits_of("/elsewhere"), 0, "{status}");
            world.status.store(200, Ordering::SeqCst);
            world.server.advance(11);
            world.tell().await;
            assert_eq!(world.waiting().await, 0, "{status}");
        }
    }

    async fn oi_11_a_client_that_wants_no_more_is_not_asked(db: TestDb) {
        let world = World::new(db).await;
        let (mut browser, _) = world.sign_in().await;
        sign_out(&mut browser).await;
        let now = world.server.app.clock().now();
        let shop = world.server.store().client(&world.shop.client_id()).await.unwrap().unwrap();
        let mut changed = shop.metadata.clone();
        changed.logout.backchannel = None;
        world.server.store().update_client(&shop, &changed, now).await.unwrap();
        world.tell().await;
        assert_eq!((world.listening.hits(), world.waiting().await), (0, 0));
        assert!(world.told("logout_undelivered").await.is_empty());
    }

    async fn oi_10_many_nodes_tell_once(db: TestDb) {
        let world = World::new(db).await;
        let nodes = [world.server.clone(), world.server.second_node().await, world.server.second_node().await];
        let mut sids = Vec::new();
        for _ in 0..4 {
            let (mut browser, id_token) = world.sign_in().await;
            sign_out(&mut browser).await;
            sids.push(id_token["sid"].to_string());
        }
        let [one, two, three] = nodes.each_ref().map(|node| backchannel_logout::once(&node.app));
        let (one, two, three) = tokio::join!(one, two, three);
        for outcome in [one, two, three] {
            outcome.unwrap();
        }
        let mut told: Vec<_> = world.tokens().iter().map(|token| claims(token)["sid"].to_string()).collect();
        told.sort_unstable();
        sids.sort_unstable();
        assert_eq!(told, sids);
    }

    async fn jw_09_a_logout_token_passes_for_nothing_else(db: TestDb) {
        let world = World::new(db).await;
        let (mut browser, _) = world.sign_in().await;
        sign_out(&mut browser).await;
        world.tell().await;
        let token = world.tokens().concat();
        world.server.userinfo(&token).await.expect_error(401, "invalid_token");
        let hinted = AuthRequest::new(&world.shop, "openid").set("prompt", "none").set("id_token_hint", &token);
        let (mut browser, _) = world.sign_in().await;
        assert_eq!(browser.authorize(&hinted).await.callback().get("error"), "invalid_request");
        let page = browser.open(&format!("/logout?id_token_hint={token}")).await.page();
        assert_eq!(page.heading(), "Sign out?");
        let asked = world.server.introspect(&world.shop, &token).await;
        assert_eq!(asked.expect(200).json(), json!({"active": false}));
    }

    async fn ss_12_where_to_is_never_chosen_by_a_request(db: TestDb) {
        let world = World::new(db).await;
        let evil = world.listening.url("/evil");
        let mut request = AuthRequest::new(&world.shop, "openid");
        for name in ["backchannel_logout_uri", "client_session_host", "client_session_state", "logout_uri"] {
            request = request.set(name, &evil);
        }
        let mut browser = Browser::new(&world.server);
        let code = browser.grant(&request, "alice").await.code();
        let redeemed = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", &world.shop.redirect_uri),
            ("code_verifier", &request.verifier),
            ("client_session_host", &evil),
            ("backchannel_logout_uri", &evil),
        ];
        Tokens::of(world.server.token(&world.shop, &redeemed).await);
        let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("backchannel_logout_uri", &evil).finish();
        browser.open(&format!("/logout?{query}")).await.page();
        browser.submit(&[("backchannel_logout_uri", &evil)]).await.page();
        world.tell().await;
        assert_eq!((world.listening.hits_of("/signed-out"), world.listening.hits()), (1, 1));
    }

    async fn oi_11_an_address_inside_is_never_asked(db: TestDb) {
        let world = World::new(db).await;
        let inside = Https::answering(|| async { StatusCode::OK });
        let spec = ClientSpec::web("inside").trusted().metadata(|metadata| {
            metadata.logout.backchannel = listening_at(&inside.url("/signed-out"));
        });
        let client = world.server.add_client(spec).await;
        let mut browser = Browser::new(&world.server);
        browser.grant(&AuthRequest::new(&client, "openid"), "alice").await.code();
        sign_out(&mut browser).await;
        world.tell().await;
        assert_eq!((inside.hits(), world.waiting().await), (0, 1));
    }
}

/// As it runs in a server: told at once, and one client that never answers keeps no other waiting, nor the person.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn oi_11_a_client_that_never_answers_keeps_nobody_waiting() {
    let world = World::new(TestDb::sqlite().await).await;
    let stuck = Https::answering(std::future::pending::<StatusCode>);
    let server = world.server.over(world.server.db.open().await, |config| {
        world.listening.permit(config);
        stuck.permit(config);
    });
    let spec = ClientSpec::web("a-stuck-one").trusted().metadata(|metadata| {
        metadata.logout.backchannel = listening_at(&stuck.url("/signed-out"));
    });
    let stuck_client = server.add_client(spec).await;
    let stop = CancellationToken::new();
    let job = tokio::spawn(backchannel_logout::run(server.app.clone(), stop.clone()));
    for round in 1..=3 {
        let (mut browser, _) = world.sign_in().await;
        browser
            .grant(&AuthRequest::new(&stuck_client, "openid"), "alice")
            .await
            .code();
        browser.switch_to(&server);
        sign_out(&mut browser).await;
        let told = eventually(async || (world.listening.hits() == round).then_some(())).await;
        assert!(told.is_some(), "told in round {round}");
    }
    assert!(eventually(async || (stuck.hits() >= 1).then_some(())).await.is_some());
    stop.cancel();
    job.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn oi_10_a_logout_token_is_signed_as_the_client_has_its_id_tokens_signed() {
    let world = World::new(TestDb::sqlite().await).await;
    let now = world.server.app.clock().now();
    for alg in SigningAlg::ALL {
        let store = world.server.store();
        let shop = store.client(&world.shop.client_id()).await.unwrap().unwrap();
        let mut changed = shop.metadata.clone();
        changed.id_token_alg = *alg;
        store.update_client(&shop, &changed, now).await.unwrap();
        let (mut browser, _) = world.sign_in().await;
        sign_out(&mut browser).await;
        world.listening.forget();
        world.tell().await;
        let header = jsonwebtoken::decode_header(world.tokens().concat()).unwrap();
        assert_eq!(format!("{:?}", header.alg).to_uppercase(), alg.as_str().to_uppercase());
        assert_eq!(header.typ.as_deref(), Some("logout+jwt"));
    }
}
