//! The two ways in which the authorization endpoint refuses: by a page, or by an answer to the client.

use std::collections::BTreeMap;

use portcullis::authorize::callback;
use portcullis::authorize::validate::{ValidateCx, validate};
use portcullis::protocol::error::Reason;
use portcullis::protocol::params::Params;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};
use url::{Url, form_urlencoded};

use crate::support::{AuthRequest, TestClient, TestRequest, TestResponse, TestServer};

/// PAGE: a page for the person with status 400 that leads nowhere.
#[track_caller]
pub fn assert_page(response: &TestResponse) {
    let text = response.text();
    assert_eq!(response.status, 400, "{text}");
    assert_eq!(response.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(response.header("cache-control"), "no-store");
    for absent in ["location", "refresh", "set-cookie", "access-control-allow-origin"] {
        assert_eq!(response.header(absent), "", "{absent}");
    }
    for absent in ["http-equiv", "<form", "<script", "<a ", "javascript:"] {
        assert!(!text.contains(absent), "{absent} in {text}");
    }
    assert_headers_of_a_page(response);
}

/// What every page carries.
#[track_caller]
pub fn assert_headers_of_a_page(response: &TestResponse) {
    let policy = response.header("content-security-policy");
    for part in ["default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(response.header("x-content-type-options"), "nosniff");
    assert_eq!(response.header("x-frame-options"), "DENY");
    assert_eq!(response.header("referrer-policy"), "no-referrer");
    assert_eq!(response.header("cross-origin-opener-policy"), "same-origin");
}

/// The parameters of an answer that goes to `redirect_uri` by `303 See Other`, each once.
#[track_caller]
pub fn redirected_to(response: &TestResponse, redirect_uri: &str) -> BTreeMap<String, String> {
    assert_eq!(response.status, 303, "{}", response.text());
    assert_eq!(response.body, b"", "nothing for a browser to show");
    assert_eq!(response.header("access-control-allow-origin"), "");
    assert_eq!(response.header("cache-control"), "no-store");
    assert_eq!(response.header("referrer-policy"), "no-referrer");
    let location = response.location();
    let added = location.strip_prefix(redirect_uri).expect("the exact redirect URI");
    let added = added
        .strip_suffix('#')
        .expect("an empty fragment, in place of an attacker's");
    assert!(Url::parse(location).is_ok(), "{location}");
    let separator = if redirect_uri.contains('?') { '&' } else { '?' };
    let query = added.strip_prefix(separator).expect("the parameters follow");
    assert!(!query.contains('?') && !query.contains('#'), "{query}");
    let pairs: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let params: BTreeMap<_, _> = pairs.iter().cloned().collect();
    assert_eq!(params.len(), pairs.len(), "each parameter once: {query}");
    params
}

/// BACK(code): the error goes to the client with its state and our name, and no code with it.
#[track_caller]
pub fn assert_back(response: &TestResponse, server: &TestServer, request: &AuthRequest, reason: Reason) {
    let of_request = |name: &str| {
        let mut values = request.params.iter().filter(|(known, _)| known == name);
        match (values.next(), values.next()) {
            (Some((_, only)), None) if !only.is_empty() => Some(only.clone()),
            _ => None,
        }
    };
    let mut answer = redirected_to(response, &of_request("redirect_uri").expect("a redirect URI"));
    let description = answer.remove("error_description").expect("a description");
    let allowed = |byte: u8| matches!(byte, 0x20..=0x21 | 0x23..=0x5B | 0x5D..=0x7E);
    assert!(description.bytes().all(allowed), "{description}");
    let mut expected = BTreeMap::from([
        ("error".to_owned(), reason.code().as_str().to_owned()),
        ("iss".to_owned(), server.app.issuer().to_owned()),
    ]);
    expected.extend(of_request("state").map(|state| ("state".to_owned(), state)));
    assert_eq!(answer, expected, "{reason:?}");
}

/// BACK, the same for GET and POST, and for exactly this reason.
pub async fn refused(server: &TestServer, client: &TestClient, request: &AuthRequest, reason: Reason) {
    assert_back(&get(server, request).await, server, request, reason);
    assert_back(&post(server, request).await, server, request, reason);
    let found = server.store().find_client(&client.client_id()).await.unwrap();
    let known = found.client.unwrap();
    let params = Params::parse(request.query().as_bytes()).unwrap();
    let callback = callback::establish(&params, &known, server.app.issuer()).unwrap();
    let ring = server.app.key_ring(&found.catalog).unwrap();
    let cx = ValidateCx {
        client: &known,
        catalog: &found.catalog,
        ring: &ring,
        issuer: server.app.issuer(),
        now: server.app.clock().now(),
    };
    assert_eq!(validate(&cx, &callback, &params).unwrap_err(), reason);
}

/// The request by GET, in a browser that has never been here.
pub fn get(server: &TestServer, request: &AuthRequest) -> TestRequest {
    server.get(&format!("/authorize?{}", request.query()))
}

/// The request by POST.
pub fn post(server: &TestServer, request: &AuthRequest) -> TestRequest {
    let pairs: Vec<_> = request
        .params
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    server.post_form("/authorize", &pairs)
}

/// How many rows a table has.
pub async fn count(server: &TestServer, table: &str) -> i64 {
    let query = AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
    let url = server.db.url();
    if server.db.is_postgres() {
        let mut connection = PgConnection::connect(url).await.unwrap();
        sqlx::query_scalar(query).fetch_one(&mut connection).await.unwrap()
    } else {
        let mut connection = SqliteConnection::connect(url).await.unwrap();
        sqlx::query_scalar(query).fetch_one(&mut connection).await.unwrap()
    }
}
