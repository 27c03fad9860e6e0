//! Pictures of clients that are fetched from their `logo_uri`.

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use portcullis::logos;
use portcullis::model::client::Client;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::support::process::eventually;
use crate::support::{AuthRequest, Browser, ClientSpec, Https, TestClient, TestServer, both_stores, document, seconds};

fn picture() -> Vec<u8> {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "static/demo-app.png"].iter().collect();
    std::fs::read(path).unwrap()
}

fn spec(id: &str, logo_uri: String) -> ClientSpec {
    ClientSpec::web(id).metadata(|metadata| metadata.about.logo_uri = Some(logo_uri))
}

/// The page that asks for a sign-in, as text.
async fn sign_in_page(server: &TestServer, client: &TestClient) -> String {
    let mut browser = Browser::new(server);
    let page = browser.authorize(&AuthRequest::new(client, "openid")).await.page();
    assert!(page.is_sign_in());
    page.response.text().to_owned()
}

async fn stored(server: &TestServer, client: &TestClient) -> Option<(String, Vec<u8>)> {
    server.store().logo(&client.client_id()).await.unwrap()
}

async fn record(server: &TestServer, client: &TestClient) -> Client {
    server.store().client(&client.client_id()).await.unwrap().unwrap()
}

both_stores! {
    /// No page waits for it, it is fetched once, and the next pages show it from here.
    async fn dr_16_a_hundred_pages_cause_one_fetch_of_a_picture(db: TestDb) {
        let gate = Arc::new(Semaphore::new(0));
        let held = gate.clone();
        let https = Https::answering(move || async move {
            held.acquire().await.unwrap().forget();
            document("text/html", picture())
        });
        let server = TestServer::with_fetches(db, &https, |config| config.outbound.timeout = seconds(30)).await;
        let client = server.add_client(spec("shop", https.url("/logo.png"))).await;
        let mut pages = JoinSet::new();
        for _ in 0..100 {
            let (server, client) = (server.clone(), client.clone());
            pages.spawn(async move { sign_in_page(&server, &client).await });
        }
        for page in pages.join_all().await {
            assert!(!page.contains("/client/shop/logo") && !page.contains(&https.address.to_string()));
        }
        gate.add_permits(100);
        let (media_type, image) = eventually(async || stored(&server, &client).await).await.unwrap();
        assert!(media_type == "image/png" && image == picture(), "the type is what the bytes say");
        assert_eq!(https.hits(), 1);
        assert_eq!(https.requests()[0].header("accept"), "image/png, image/webp, image/jpeg");

        let page = sign_in_page(&server, &client).await;
        assert!(page.contains("src=\"/client/shop/logo\"") && !page.contains(&https.address.to_string()), "{page}");
        assert_eq!(https.hits(), 1);
        let shown = server.get("/client/shop/logo").await.expect(200);
        assert_eq!(&shown.body[..], &picture()[..]);
    }

    async fn bi_26_a_fetched_picture_is_served_so_that_it_can_do_nothing(db: TestDb) {
        let https = Https::document("image/svg+xml", picture());
        let server = TestServer::with_fetches(db, &https, |_| {}).await;
        let client = server.add_client(spec("shop", https.url("/logo.svg"))).await;
        server.get("/client/shop/logo").await.expect(404);
        logos::wanted(&server.app, &record(&server, &client).await, server.app.clock().now());
        eventually(async || stored(&server, &client).await).await.unwrap();
        let shown = server.get("/client/shop/logo").cookie("__Host-portcullis=canary").await.expect(200);
        for (name, value) in [
            ("content-type", "image/png"),
            ("x-content-type-options", "nosniff"),
            ("content-security-policy", "default-src 'none'; sandbox"),
            ("cache-control", "public, max-age=300"),
        ] {
            assert_eq!(shown.header(name), value, "{name}");
        }
        assert!(!shown.headers.contains_key("set-cookie"));
    }

    /// What cannot be shown is not stored, and not asked for again before a while has passed.
    async fn dr_16_bi_26_a_picture_that_cannot_be_shown_is_rarely_asked_for(db: TestDb) {
        let cut = picture()[..picture().len() - 1].to_vec();
        let hidden = [picture(), b"<script>alert(1)</script>".to_vec()].concat();
        let router = Router::new()
            .route("/svg", get(|| async { document("image/png", "<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>") }))
            .route("/cut", get(move || async { document("image/png", cut) }))
            .route("/hidden", get(move || async { document("image/png", hidden) }))
            .route("/huge", get(|| async { document("image/png", vec![0; 300 * 1024]) }))
            .route("/error", get(|| async { (StatusCode::INTERNAL_SERVER_ERROR, picture()) }));
        let https = Https::start(router);
        let server = TestServer::with_fetches(db, &https, |_| {}).await;
        for (number, path) in ["/svg", "/cut", "/hidden", "/huge", "/error"].into_iter().enumerate() {
            let client = server.add_client(spec(&format!("c{number}"), https.url(path))).await;
            let client_record = record(&server, &client).await;
            let ask = |seconds: i64| logos::wanted(&server.app, &client_record, server.app.clock().now().plus(seconds));
            ask(0);
            eventually(async || (https.hits_of(path) == 1).then_some(())).await.unwrap();
            // Five minutes later it is asked for once more, as soon as the first attempt has ended; before that never.
            let again = async || {
                ask(299);
                ask(300);
                (https.hits_of(path) == 2).then_some(())
            };
            eventually(again).await.unwrap();
            ask(301);
            assert_eq!(stored(&server, &client).await, None, "{path}");
        }
        assert_eq!(https.hits(), 10);
    }

    async fn ss_01_dr_07_a_picture_inside_is_never_asked_for(db: TestDb) {
        let inside = Https::document("image/png", picture());
        let public = Https::document("image/png", picture());
        let server = TestServer::with_fetches(db, &public, |_| {}).await;
        let refused = [
            inside.url("/logo.png"),
            inside.url_at("localhost", "/logo.png"),
            inside.url_at("2130706433", "/logo.png"),
            format!("http://{}/logo.png", public.address),
            "javascript:alert(1)".to_owned(),
            "data:image/png;base64,AAAA".to_owned(),
        ];
        for (number, logo_uri) in refused.into_iter().enumerate() {
            assert!(server.app.fetch().check(&logo_uri).is_err(), "{logo_uri}");
            let client = server.add_client(spec(&format!("c{number}"), logo_uri.clone())).await;
            assert!(!sign_in_page(&server, &client).await.contains(&logo_uri));
        }
        // One that may be reached comes through the same way, after them.
        let client = server.add_client(spec("shop", public.url("/logo.png"))).await;
        sign_in_page(&server, &client).await;
        eventually(async || stored(&server, &client).await).await.unwrap();
        assert_eq!((inside.hits(), public.hits()), (0, 1));
    }

    async fn another_logo_uri_takes_the_picture_with_it(db: TestDb) {
        let server = TestServer::new(db).await;
        let client = server.add_client(spec("shop", "https://client.test/a.png".to_owned())).await;
        let (store, now) = (server.store(), server.app.clock().now());
        let first = record(&server, &client).await;
        assert!(store.adopt_logo(&first, "image/png", b"a").await.unwrap());
        assert!(!store.adopt_logo(&first, "image/png", b"again").await.unwrap(), "there is one");
        let mut renamed = first.metadata.clone();
        renamed.name = "Another name".to_owned();
        store.update_client(&first, &renamed, now).await.unwrap();
        assert_eq!(stored(&server, &client).await.unwrap().1, b"a");

        let second = record(&server, &client).await;
        let mut moved = second.metadata.clone();
        moved.about.logo_uri = Some("https://client.test/b.png".to_owned());
        store.update_client(&second, &moved, now).await.unwrap();
        assert_eq!(stored(&server, &client).await, None);
        // A fetch that began before the change comes too late.
        assert!(!store.adopt_logo(&second, "image/png", b"a").await.unwrap());
        let third = record(&server, &client).await;
        assert!(!third.has_logo && store.adopt_logo(&third, "image/png", b"b").await.unwrap());
        assert_eq!(stored(&server, &client).await.unwrap().1, b"b");
        // One from the operator counts more than one that is fetched.
        store.set_logo(&client.client_id(), "image/webp", b"c").await.unwrap();
        assert!(!store.adopt_logo(&third, "image/png", b"b").await.unwrap());
        assert_eq!(stored(&server, &client).await.unwrap().1, b"c");
    }
}
