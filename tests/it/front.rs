//! The documents that are kept ready, and the endpoints that are called at once: nobody can tell them from those of the routes.

use axum::Router;
use axum::http::Method;
use portcullis::jobs::keys::{Handover, rotate};
use portcullis::protocol::signing_alg::SigningAlg;
use portcullis::router::router;

use crate::support::{ClientSpec, TestDb, TestRequest, TestResponse, TestServer, both_stores};

const METADATA: &str = "/.well-known/openid-configuration";
const KEYS: &str = "/.well-known/jwks.json";

/// Status, headers and body, without what differs from one answer to the next.
fn shown(response: &TestResponse) -> String {
    let mut headers: Vec<_> = response
        .headers
        .iter()
        .filter(|(name, _)| *name != "x-request-id")
        // RFC 9110 §8.6: not that of an empty body, where there would be another. The length of a body that is there is added
        // by the HTTP server where it is missing.
        .filter(|(name, value)| {
            let told = *name == "content-length" && **value == response.text().len().to_string();
            !(told || response.status == 304 && *name == "content-length")
        })
        .map(|(name, value)| format!("{name}: {value:?}"))
        .collect();
    headers.sort();
    format!("{} {} {}", response.status, headers.join("\n"), body(response))
}

/// What a token says differs each time, and so does the moment at which it ends.
fn body(response: &TestResponse) -> String {
    let is_token = response.status == 200 && response.text().contains("access_token");
    match is_token {
        true => format!("{:?}", response.json().as_object().unwrap().keys()),
        false => response.text().to_owned(),
    }
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

/// What a browser adds for a site that a client is at, and for one that nobody knows.
const ORIGINS: [Option<&str>; 3] = [None, Some("https://app.example"), Some("https://other.example")];

async fn endpoints_are_alike(issuer: &str, under: &str) {
    let server = TestServer::at(TestDb::sqlite().await, issuer, |_| {}).await;
    let service = server.add_client(ClientSpec::service("jobs")).await;
    // The browser of the tests knows no issuer with a path.
    let access = match under {
        "" => {
            let app = server.add_client(ClientSpec::web("app")).await;
            server.code_flow(&app, "openid profile").await.access
        }
        _ => "stranger".to_owned(),
    };
    let secret = service.secret.clone().unwrap();
    let token = [("token", access.as_str())];
    let forms: [(&str, &[(&str, &str)]); 3] = [
        ("/token", &[("grant_type", "client_credentials")]),
        ("/introspect", &token),
        ("/userinfo", &[]),
    ];
    for (path, form) in forms {
        let path = &format!("{under}{path}");
        for origin in ORIGINS {
            let sent = |method: Method| {
                let (secret, access) = (&secret, &access);
                move |router: &Router| {
                    let request = TestRequest::new(router, method.clone(), path);
                    let request = origin.into_iter().fold(request, TestRequest::origin);
                    match path.ends_with("/userinfo") {
                        true => request.bearer(access),
                        false => request.basic("jobs", secret).form(form),
                    }
                }
            };
            let userinfo = path.ends_with("/userinfo");
            let posted = if userinfo && access == "stranger" { 401 } else { 200 };
            both(&server, sent(Method::POST)).await.expect(posted);
            let read = both(&server, sent(Method::GET)).await;
            read.expect(if userinfo { posted } else { 405 });
            both(&server, sent(Method::HEAD)).await;
            both(&server, sent(Method::PUT)).await.expect(405);
            let wrong = both(&server, |router| {
                sent(Method::POST)(router).header("authorization", "Basic eDp5")
            })
            .await;
            assert!(wrong.status.is_client_error(), "{}", wrong.status);
            let preflight = |router: &Router| {
                let request = TestRequest::new(router, Method::OPTIONS, path);
                let request = request.header("access-control-request-method", "POST");
                origin.into_iter().fold(request, TestRequest::origin)
            };
            both(&server, preflight).await;
        }
        server.get(&format!("{path}/")).await.expect(404);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn endpoints_that_are_called_at_once_are_those_of_the_routes() {
    endpoints_are_alike("https://id.example", "").await;
    endpoints_are_alike("https://id.example/tenant", "/tenant").await;
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
