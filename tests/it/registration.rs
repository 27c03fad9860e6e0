//! Clients that register themselves (RFC 7591) and look after it (RFC 7592), through the router.

mod command;
mod managing;
mod metadata;
mod outside;
mod pages;
mod registering;

use portcullis::config::{Config, RegistrationMode};
use portcullis::crypto::opaque::{Kind, OpaqueToken};
use portcullis::crypto::random;
use portcullis::model::registration::{InitialAccessToken, InitialTokenId};
use serde_json::{Value, json};

use crate::support::{TestClient, TestDb, TestRequest, TestResponse, TestServer};

/// Lets everybody register as many clients as they like.
fn open(config: &mut Config) {
    config.registration.mode = RegistrationMode::Open;
    config.limits.registrations_per_address = "off".parse().unwrap();
}

async fn open_server(db: TestDb) -> TestServer {
    TestServer::with(db, open).await
}

/// A web app of `shop.example`.
pub fn web() -> Value {
    json!({ "client_name": "The shop", "redirect_uris": ["https://shop.example/callback"] })
}

/// `web()` with members put over it.
fn web_with(members: Value) -> Value {
    with(web(), members)
}

/// `document` with members put over it.
fn with(mut document: Value, members: Value) -> Value {
    let Value::Object(members) = members else {
        panic!("not an object: {members}")
    };
    document.as_object_mut().unwrap().extend(members);
    document
}

pub fn post(server: &TestServer, document: &Value) -> TestRequest {
    server
        .request(axum::http::Method::POST, "/register")
        .body("application/json", document.to_string())
}

/// Registers a client, which has to succeed.
async fn register(server: &TestServer, document: &Value) -> Value {
    let response = post(server, document).await;
    response.expect(201).json()
}

/// A registered client, for the helpers that act as one.
fn client(registered: &Value) -> TestClient {
    TestClient {
        id: registered["client_id"].as_str().unwrap().to_owned(),
        secret: registered["client_secret"].as_str().map(str::to_owned),
        redirect_uri: registered["redirect_uris"][0].as_str().unwrap_or_default().to_owned(),
    }
}

/// A request to where the client is managed, with its token.
fn manage(server: &TestServer, method: &str, registered: &Value) -> TestRequest {
    let uri = registered["registration_client_uri"].as_str().unwrap();
    let path = uri.strip_prefix("https://id.example").unwrap();
    server
        .request(method.parse().unwrap(), path)
        .bearer(registered["registration_access_token"].as_str().unwrap())
}

/// Fails unless it is a refusal of a registration: a code of RFC 7591 §3.2.2, and words about this member.
#[track_caller]
fn assert_refused(response: TestResponse, code: &str, member: &str) {
    let json = response.expect_error(400, code).json();
    let description = json["error_description"].as_str().unwrap();
    assert!(description.starts_with(&format!("{member}: ")), "{description}");
    let allowed = |byte: u8| matches!(byte, 0x20 | 0x21 | 0x23..=0x5B | 0x5D..=0x7E);
    assert!(description.bytes().all(allowed), "RFC 6749 section 5.2: {description}");
}

/// An initial access token in the database.
pub async fn initial_token(
    server: &TestServer,
    max_uses: Option<i64>,
    lifetime: Option<i64>,
) -> (InitialTokenId, OpaqueToken) {
    let now = server.app.clock().now();
    let token = OpaqueToken::generate(Kind::InitialAccess);
    let stored = InitialAccessToken {
        id: InitialTokenId(random::uuid_v7(now)),
        digest: token.digest(),
        label: "for the shop".to_owned(),
        created_at: now,
        expires_at: lifetime.map(|seconds| now.plus(seconds)),
        max_uses,
        uses: 0,
    };
    server.store().insert_initial_token(&stored).await.unwrap();
    (stored.id, token)
}
