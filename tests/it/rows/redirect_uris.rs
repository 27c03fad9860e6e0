//! RU: redirect URIs, registered and attempted. `tests/data/redirect_uris.tsv` holds the strings.

use std::collections::BTreeMap;

use axum::http::Method;
use portcullis::authorize::callback;
use portcullis::model::client::ClientMetadata;
use portcullis::protocol::error::Reason;
use portcullis::protocol::grant_type::GrantType;
use portcullis::protocol::params::Params;
use portcullis::protocol::redirect_uri::RedirectUri;
use portcullis::store::ClientWrite;

use super::answers::{assert_page, get, post};
use crate::support::{
    AuthRequest, Browser, ClientSpec, PASSWORD, TestClient, TestDb, TestServer, Tokens, both_stores, scope,
};

struct Row {
    registered: String,
    attempted: String,
    accept: bool,
    why: String,
}

/// The table. A registered URI that cannot be registered stands beside rejected attempts only.
fn table() -> Vec<Row> {
    let lines = include_str!("../../data/redirect_uris.tsv").lines();
    let rows = lines.filter(|line| !line.starts_with('#')).map(|line| {
        let columns: Vec<&str> = line.split('\t').collect();
        let [registered, attempted, expect, why] = columns[..] else {
            panic!("four columns: {line}");
        };
        assert!(["accept", "reject"].contains(&expect), "{line}");
        Row {
            registered: unescape(registered),
            attempted: unescape(attempted),
            accept: expect == "accept",
            why: why.to_owned(),
        }
    });
    rows.collect()
}

/// `\\`, `\0`, `\t`, `\r`, `\n` and `\uXXXX`.
fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        out.push(match rest.next().unwrap() {
            '\\' => '\\',
            '0' => '\0',
            't' => '\t',
            'r' => '\r',
            'n' => '\n',
            'u' => {
                let hex: String = rest.by_ref().take(4).collect();
                char::from_u32(u32::from_str_radix(&hex, 16).unwrap()).unwrap()
            }
            other => panic!("unknown escape {other} in {text}"),
        });
    }
    out
}

fn is_wildcard(row: &Row) -> bool {
    row.registered.contains('*')
}

/// One client for each registered URI of the table.
async fn clients(server: &TestServer) -> BTreeMap<String, TestClient> {
    let mut clients = BTreeMap::new();
    for row in table().iter().filter(|row| !is_wildcard(row)) {
        if !clients.contains_key(&row.registered) {
            let spec = client_with(&format!("client-{}", clients.len()), &[&row.registered]);
            clients.insert(row.registered.clone(), server.add_client(spec).await);
        }
    }
    clients
}

fn client_with(id: &str, uris: &[&str]) -> ClientSpec {
    ClientSpec::web(id).metadata(|metadata| {
        metadata.redirect_uris = uris.iter().map(|uri| RedirectUri::register(uri).unwrap()).collect();
    })
}

both_stores! {
    async fn ru_01_ru_11_to_ru_14_every_rejected_attempt_gets_a_page(db: TestDb) {
        let server = TestServer::new(db).await;
        let clients = clients(&server).await;
        for row in table().iter().filter(|row| !row.accept && !is_wildcard(row)) {
            let request = AuthRequest::new(&clients[&row.registered], "openid").set("redirect_uri", &row.attempted);
            for response in [get(&server, &request).await, post(&server, &request).await] {
                assert_eq!(response.status, 400, "{}: {}", row.attempted.escape_debug(), row.why);
                assert_page(&response);
            }
        }
    }

    async fn ru_02_every_accepted_attempt_gets_its_code_where_it_asked(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let clients = clients(&server).await;
        for row in table().iter().filter(|row| row.accept) {
            let client = TestClient { redirect_uri: row.attempted.clone(), ..clients[&row.registered].clone() };
            let request = AuthRequest::new(&client, "openid");
            let mut browser = Browser::new(&server);
            browser.authorize(&request).await.page();
            browser.sign_in("alice", PASSWORD).await.page();
            let (_, consent) = browser.submission(&[("decision", "allow")]);
            let answer = super::answers::redirected_to(&consent.await, &row.attempted);
            Tokens::of(server.redeem(&client, &answer["code"], &request).await);
        }
    }

    async fn ru_10_no_redirect_uri_is_ever_learned(db: TestDb) {
        let server = TestServer::new(db).await;
        let client = server.add_client(client_with("empty", &[])).await;
        for _ in 0..2 {
            let request = AuthRequest::new(&client, "openid").set("redirect_uri", "https://first.example/seen");
            assert_page(&get(&server, &request).await);
            assert_page(&get(&server, &request.set("redirect_uri", "")).await);
        }
        let stored = server.store().client(&client.client_id()).await.unwrap().unwrap();
        assert!(stored.metadata.redirect_uris.is_empty());
    }

    async fn ru_15_a_code_keeps_the_uri_that_it_was_given_for(db: TestDb) {
        let server = TestServer::new(db).await;
        let client = server.add_client(client_with("moving", &["https://old.example/cb"])).await;
        let (code, request) = server.code(&client, "openid").await;
        update(&server, &client, |metadata| {
            metadata.redirect_uris = vec![RedirectUri::register("https://new.example/cb").unwrap()];
        })
        .await;
        let moved = TestClient { redirect_uri: "https://new.example/cb".to_owned(), ..client.clone() };
        server.redeem(&moved, &code, &request).await.expect_error(400, "invalid_grant");
        Tokens::of(server.redeem(&client, &code, &request).await);
        assert_page(&get(&server, &AuthRequest::new(&client, "openid")).await);
    }

    /// Whoever takes something away from a client means it, for requests that wait as well.
    async fn ru_15_a_waiting_request_does_not_outlive_what_it_asked_for(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let changes: [(&str, Change); 3] = [
            ("uri", |metadata| metadata.redirect_uris = vec![RedirectUri::register("https://new.example/cb").unwrap()]),
            ("scope", |metadata| metadata.scope = scope("openid profile")),
            ("grant", |metadata| metadata.grant_types = vec![GrantType::RefreshToken]),
        ];
        for (id, change) in changes {
            let client = server.add_client(client_with(id, &["https://old.example/cb"])).await;
            let mut browser = Browser::new(&server);
            browser.authorize(&AuthRequest::new(&client, "openid email")).await.page();
            browser.sign_in("alice", PASSWORD).await.page();
            update(&server, &client, change).await;
            for decision in ["allow", "deny"] {
                let page = browser.clone().consent(decision).await.page();
                assert_page(&page.response);
            }
            assert_eq!(super::answers::count(&server, "grants").await, 0, "{id}");
        }
    }

    /// There is no such parameter, so there is nothing to tamper with.
    async fn ru_17_nothing_says_where_sign_in_and_sign_out_lead(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        for target in [
            "//evil.example", "/\\evil.example", "/%09/evil.example", "https:evil.example", "/..//evil.example",
            "\\\\evil.example", "/@evil.example", "javascript:alert(1)", "https://evil.example/",
        ] {
            let names = ["return_to", "next", "redirect", "redirect_uri", "continue", "url", "post_logout_redirect_uri"];
            let query = url::form_urlencoded::Serializer::new(String::new())
                .extend_pairs(names.map(|name| (name, target)))
                .finish();
            let mut browser = Browser::new(&server);
            let page = browser.open(&format!("/login?{query}")).await.page();
            assert_eq!(page.form().action, "/login");
            assert!(!page.response.text().contains("evil"));
            let mut fields = names.map(|name| (name, target)).to_vec();
            fields.extend([("username", "alice"), ("password", PASSWORD)]);
            let page = browser.submit(&fields).await.page();
            assert_eq!((page.path.as_str(), page.heading().as_str()), ("/", "You are signed in"));
            let page = browser.open(&format!("/logout?{query}")).await.page();
            assert_eq!(page.form().action, "/logout");
            let mut fields = names.map(|name| (name, target)).to_vec();
            fields.push(("confirm", "logout"));
            let (_, logout) = browser.submission(&fields);
            let response = logout.await.expect(200);
            assert_eq!((response.header("location"), response.header("refresh")), ("", ""));
            assert!(!response.text().contains("evil"));
        }
    }
}

type Change = fn(&mut ClientMetadata);

async fn update(server: &TestServer, client: &TestClient, change: impl FnOnce(&mut ClientMetadata)) {
    let stored = server.store().client(&client.client_id()).await.unwrap().unwrap();
    let mut metadata = stored.metadata.clone();
    change(&mut metadata);
    let now = server.app.clock().now();
    let written = server.store().update_client(&stored, &metadata, now).await.unwrap();
    assert_eq!(written, ClientWrite::Done);
}

/// The verdicts again, where they are made: `matches`, and `callback::establish` through it.
#[test]
fn ru_01_ru_02_the_table_against_the_comparison_itself() {
    let rows = table();
    assert!(rows.len() >= 99, "the table is whole");
    for row in &rows {
        let registered = RedirectUri::register(&row.registered);
        assert_eq!(registered.is_err(), is_wildcard(row), "{}", row.registered);
        let Ok(registered) = registered else {
            assert!(!row.accept);
            continue;
        };
        let matched = registered.matches(&row.attempted).map(|uri| uri.as_str().to_owned());
        assert_eq!(
            matched,
            row.accept.then(|| row.attempted.clone()),
            "{}: {}",
            row.attempted,
            row.why
        );
    }
}

#[tokio::test]
async fn ru_02_the_callback_of_an_accepted_attempt_is_the_attempt() {
    let server = TestServer::new(TestDb::sqlite().await).await;
    for (uri, client) in clients(&server).await {
        let known = server.store().client(&client.client_id()).await.unwrap().unwrap();
        for row in table()
            .iter()
            .filter(|row| row.registered == uri && !row.attempted.contains('\0'))
        {
            let encoded = url::form_urlencoded::Serializer::new(String::new())
                .append_pair("redirect_uri", &row.attempted)
                .finish();
            let params = Params::parse(encoded.as_bytes()).unwrap();
            let established = callback::establish(&params, &known, "https://id.example");
            match established {
                Ok(callback) => assert_eq!(
                    (callback.redirect_uri().as_str(), row.accept),
                    (row.attempted.as_str(), true)
                ),
                Err(reason) => assert_eq!(
                    (reason, row.accept),
                    (Reason::RedirectUriUnregistered, false),
                    "{}",
                    row.why
                ),
            }
        }
    }
}

/// Text from a URL that was never unescaped: what a browser shows is not what a browser sends.
#[tokio::test(flavor = "multi_thread")]
async fn ru_01_broken_encodings_of_a_registered_uri_get_a_page() {
    let server = TestServer::new(TestDb::sqlite().await).await;
    let client = server
        .add_client(client_with("client", &["https://client.example/cb"]))
        .await;
    let rest = AuthRequest::new(&client, "openid").without("redirect_uri").query();
    for broken in [
        "https://client.example/cb%",
        "https://client.example/cb%2",
        "https://client.example/cb%ff",
        "https://client.example/cb%c0%af",
        "https://client.example/cb%00",
        "https://client.example/cb%zz",
    ] {
        let path = format!("/authorize?redirect_uri={broken}&{rest}");
        assert_page(&server.request(Method::GET, &path).await);
    }
}
