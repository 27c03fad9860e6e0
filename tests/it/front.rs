//! The documents that are kept ready: nobody can tell them from those that the routes would write.

use axum::Router;
use axum::http::Method;
use portcullis::jobs::keys::{Handover, rotate};
use portcullis::protocol::signing_alg::SigningAlg;
use portcullis::router::router;

use crate::support::{TestDb, TestRequest, TestResponse, TestServer, both_stores};

const METADATA: &str = "/.well-known/openid-configuration";
const KEYS: &str = "/.well-known/jwks.json";

/// Status, headers and body, without what differs from one answer to the next.
fn shown(response: &TestResponse) -> String {
    let mut headers: Vec<_> = response
        .headers
        .iter()
        .filter(|(name, _)| *name != "x-request-id")
        // RFC 9110 §8.6: not that of an empty body, where there would be another.
        .filter(|(name, _)| !(response.status == 304 && *name == "content-length"))
        .map(|(name, value)| format!("{name}: {value:?}"))
        .collect();
    headers.sort();
    format!("{} {} {}", response.status, headers.join("\n"), response.text())
}

async fn both(server: &TestServer, request: impl Fn(&Router) -> TestRequest) -> TestResponse {
    let ready = request(&server.router).await;
    let written = request(&router(&server.app)).await;
    assert_eq!(shown(&ready), shown(&written));
    assert!(ready.header("x-request-id").len() == 36 && ready.header("x-request-id") != written.header("x-request-id"));
    ready
}

async fn answers_are_alike(issuer: &str, paths: &[&str]) {
    let server = TestServer::at(TestDb::sqlite().await, issuer, |_| {}).await;
    for path in paths {
        let whole = both(&server, |router| TestRequest::new(router, Method::GET, path))
            .await
            .expect(200);
        let tag = whole.header("etag").to_owned();
        both(&server, |router| {
            TestRequest::new(router, Method::GET, &format!("{path}?x=1"))
        })
        .await
        .expect(200);
        let head = both(&server, |router| TestRequest::new(router, Method::HEAD, path))
            .await
            .expect(200);
        assert_eq!(
            (head.text(), head.header("content-length")),
            ("", &*whole.text().len().to_string())
        );
        for known in [tag.clone(), format!("\"x\", W/{tag}"), "*".to_owned()] {
            let ask = |router: &Router| TestRequest::new(router, Method::GET, path).header("if-none-match", &known);
            both(&server, ask).await.expect(304);
        }
        let other = |router: &Router| TestRequest::new(router, Method::GET, path).header("if-none-match", "\"other\"");
        both(&server, other).await.expect(200);
        for method in [Method::POST, Method::PUT, Method::DELETE] {
            let refused = both(&server, |router| TestRequest::new(router, method.clone(), path))
                .await
                .expect(405);
            assert_eq!(refused.header("allow"), "GET,HEAD");
        }
        let preflight = |router: &Router| {
            TestRequest::new(router, Method::OPTIONS, path)
                .origin("https://app.example")
                .header("access-control-request-method", "GET")
        };
        both(&server, preflight).await.expect(204);
        server.get(&format!("{path}/")).await.expect(404);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_ready_is_what_the_routes_write() {
    let names = [METADATA, "/.well-known/oauth-authorization-server", KEYS];
    answers_are_alike("https://id.example", &names).await;
    answers_are_alike("http://localhost:8080", &names).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_it_is_under_an_issuer_with_a_path() {
    let paths = [
        "/tenant/.well-known/openid-configuration",
        "/tenant/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration/tenant",
        "/.well-known/oauth-authorization-server/tenant",
        "/tenant/.well-known/jwks.json",
    ];
    answers_are_alike("https://id.example/tenant", &paths).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callers_request_id_comes_back() {
    let server = TestServer::new(TestDb::sqlite().await).await;
    for path in [METADATA, KEYS] {
        let answer = server.get(path).header("x-request-id", "proxy-12345").await.expect(200);
        assert_eq!(answer.header("x-request-id"), "proxy-12345");
    }
}

both_stores! {
    /// That keys go by the clock alone is shown by rc_28.
    async fn a_new_key_is_published_on_every_node_at_once(db: TestDb) {
        let server = TestServer::new(db).await;
        let other = server.second_node().await;
        let before = other.get(KEYS).await.expect(200);
        assert_eq!(server.get(KEYS).await.expect(200).json(), before.json());
        rotate(&server.app, SigningAlg::Es256, Handover::After(3600)).await.unwrap();
        let after = other.get(KEYS).await.expect(200);
        let count = |answer: &TestResponse| answer.json()["keys"].as_array().unwrap().len();
        assert_eq!(count(&after), count(&before) + 1);
        assert_ne!(after.header("etag"), before.header("etag"));
    }
}
