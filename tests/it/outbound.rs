//! Fetches from addresses that clients name, over real sockets.

use axum::Router;
use axum::http::{Method, StatusCode, Version};
use axum::routing::{get, post};
use portcullis::outbound::{OutboundError, Purpose};

use crate::support::{Https, Received, TestDb, TestServer, document};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_is_fetched_and_a_form_is_sent() {
    let router = Router::new()
        .route(
            "/jwks",
            get(|| async { document("Application/JSON; charset=utf-8", "{\"keys\":[]}") }),
        )
        .route("/told", post(|| async { StatusCode::NO_CONTENT }));
    let https = Https::start(router);
    let server = TestServer::with_fetches(TestDb::sqlite().await, &https, |_| {}).await;

    let fetched = server
        .app
        .fetch()
        .get(Purpose::Jwks, &https.url("/jwks?a=b"), "application/json")
        .await
        .unwrap();
    assert_eq!(
        (fetched.status, fetched.media_type.as_deref()),
        (200, Some("application/json"))
    );
    assert_eq!(fetched.body, b"{\"keys\":[]}");
    let url = https.url_at("localhost", "/told");
    let told = server
        .app
        .fetch()
        .post_form(Purpose::BackchannelLogout, &url, &[("logout_token", "a b")]);
    assert_eq!(told.await.unwrap().status, 204);

    let [read, sent] = &https.requests()[..] else {
        panic!("{:?}", https.requests())
    };
    assert_eq!(
        (&read.method, read.path.as_str(), read.header("accept")),
        (&Method::GET, "/jwks?a=b", "application/json")
    );
    assert_eq!(sent.header("content-type"), "application/x-www-form-urlencoded");
    assert_eq!(sent.field("logout_token").as_deref(), Some("a b"));
    assert_eq!((https.hits(), https.hits_of("/told")), (2, 1));

    // Without its authority, and without leave, nothing comes of it.
    let strict = TestServer::with(TestDb::sqlite().await, |_| {}).await;
    let refused = strict
        .app
        .fetch()
        .get(Purpose::Jwks, &https.url("/jwks"), "application/json")
        .await;
    assert_eq!(refused.unwrap_err(), OutboundError::Refused);
    let distrusting = TestServer::with_fetches(TestDb::sqlite().await, &https, |config| {
        config.outbound.extra_ca = std::path::PathBuf::new();
    });
    let unreachable = distrusting
        .await
        .app
        .fetch()
        .get(Purpose::Jwks, &https.url("/jwks"), "application/json")
        .await;
    assert_eq!(unreachable.unwrap_err(), OutboundError::Unreachable);
    assert_eq!(https.hits(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_servers_may_be_permitted_and_may_go_away() {
    let (one, other) = (
        Https::document("text/plain", "one"),
        Https::document("text/plain", "other"),
    );
    let server = TestServer::with_fetches(TestDb::sqlite().await, &one, |config| other.permit(config)).await;
    let body = async |https: &Https| {
        server
            .app
            .fetch()
            .get(Purpose::Jwks, &https.url("/"), "*/*")
            .await
            .map(|found| found.body)
    };
    assert_eq!(
        (body(&one).await.unwrap(), body(&other).await.unwrap()),
        (b"one".to_vec(), b"other".to_vec())
    );
    let seen: Vec<Received> = other.requests();
    assert_eq!(
        (seen[0].peer.ip(), seen[0].version),
        (other.address.ip(), Version::HTTP_11)
    );
    one.forget();
    one.stop();
    assert!(matches!(
        body(&one).await,
        Err(OutboundError::Unreachable | OutboundError::Broken)
    ));
    assert_eq!((one.hits(), other.hits()), (0, 1));
}
