//! Each address answers what it is for.

use axum::http::Method;
use serde_json::{Value, json};
use url::Url;

use super::world::{World, redemption};
use crate::support::{AuthRequest, ClientSpec, DEVICE_GRANT, PASSWORD, TestClient, Tokens, claims};

/// The path and query of an address.
fn path_of(address: &Value) -> String {
    let url = Url::parse(address.as_str().unwrap()).unwrap();
    url[url::Position::BeforePath..].to_owned()
}

pub async fn issuer(world: &World) {
    assert_eq!(world.document["issuer"], world.issuer());
    let client = world.client(|_| {}).await;
    let tokens = world.tokens(&client, "openid").await;
    assert_eq!(claims(tokens.id.as_deref().unwrap())["iss"], world.document["issuer"]);
}

pub async fn authorization(world: &World) {
    let client = world.client(|_| {}).await;
    let request = AuthRequest::new(&client, "openid");
    let mut browser = world.browser();
    let answer = world.grant(&mut browser, &request).await;
    assert_eq!(
        (answer.uri.as_str(), answer.get("state")),
        (client.redirect_uri.as_str(), "the-state")
    );
    answer.code();
    let path = world.path("authorization_endpoint");
    let pairs: Vec<_> = request
        .params
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let posted = browser.request(Method::POST, &path).form(&pairs);
    browser.navigate(&path, posted).await.callback().code();
    world.server.request(Method::PUT, &path).await.expect(405);
}

pub async fn token(world: &World) {
    let client = world.client(|_| {}).await;
    let request = AuthRequest::new(&client, "openid");
    let code = world.grant(&mut world.browser(), &request).await.code();
    let tokens = Tokens::of(world.token(&client, &redemption(&client, &request, &code)).await);
    assert_eq!(tokens.json["token_type"], "Bearer");
    let again = world.token(&client, &redemption(&client, &request, &code)).await;
    again.expect_error(400, "invalid_grant");
    world.server.get(&world.path("token_endpoint")).await.expect(405);
}

/// The tokens of a device that alice lets in.
pub async fn device(world: &World) -> (TestClient, Tokens) {
    let client = world
        .server
        .add_client(ClientSpec::device(&format!("tv-{}", rand_id())))
        .await;
    let asked = world
        .post(&client, "device_authorization_endpoint", &[("scope", "openid")])
        .await;
    let asked = asked.expect(200).json();
    let poll = [
        ("grant_type", DEVICE_GRANT),
        ("device_code", asked["device_code"].as_str().unwrap()),
    ];
    world
        .token(&client, &poll)
        .await
        .expect_error(400, "authorization_pending");
    let mut browser = world.browser();
    browser.open(&path_of(&asked["verification_uri"])).await.page();
    let entered = [("user_code", asked["user_code"].as_str().unwrap())];
    assert!(browser.submit(&entered).await.page().is_sign_in());
    browser.sign_in("alice", PASSWORD).await.page();
    browser.submit(&[("decision", "allow")]).await.page();
    world.server.advance(5);
    let tokens = Tokens::of(world.token(&client, &poll).await);
    (client, tokens)
}

fn rand_id() -> String {
    let bytes = portcullis::crypto::random::bytes::<8>();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub async fn userinfo(world: &World) {
    let client = world.client(|_| {}).await;
    let tokens = world.tokens(&client, "openid").await;
    let sub = &claims(tokens.id.as_deref().unwrap())["sub"];
    let path = world.path("userinfo_endpoint");
    for method in [Method::GET, Method::POST] {
        let told = world.server.request(method, &path).bearer(&tokens.access).await;
        assert_eq!(&told.expect(200).json()["sub"], sub);
    }
    world.server.get(&path).await.expect(401);
}

pub async fn revocation(world: &World) {
    let client = world.client(|_| {}).await;
    let tokens = world.tokens(&client, "openid offline_access").await;
    world.userinfo(&tokens).await.expect(200);
    let ended = [("token", tokens.refresh())];
    world.post(&client, "revocation_endpoint", &ended).await.expect(200);
    world.userinfo(&tokens).await.expect_error(401, "invalid_token");
}

pub async fn introspection(world: &World) {
    let client = world.client(|_| {}).await;
    let tokens = world.tokens(&client, "openid").await;
    let about = [("token", tokens.access.as_str())];
    let told = world
        .post(&client, "introspection_endpoint", &about)
        .await
        .expect(200)
        .json();
    assert_eq!((&told["active"], &told["client_id"]), (&json!(true), &json!(client.id)));
    let nonsense = world.post(&client, "introspection_endpoint", &[("token", "x")]).await;
    assert_eq!(nonsense.expect(200).json(), json!({"active": false}));
}

pub async fn jwks(world: &World) {
    let client = world.client(|_| {}).await;
    let tokens = world.tokens(&client, "openid").await;
    world
        .verified(tokens.id.as_deref().unwrap(), "JWT", &client.id)
        .await
        .unwrap();
    world.verified(&tokens.access, "at+jwt", world.issuer()).await.unwrap();
}

/// A client that registered itself signs alice in, and looks after its registration.
pub async fn registration(world: &World) {
    let document = json!({"client_name": "The shop", "redirect_uris": ["https://shop.example/callback"]});
    let path = world.path("registration_endpoint");
    let asked = world
        .server
        .request(Method::POST, &path)
        .body("application/json", document.to_string());
    let registered = asked.await.expect(201).json();
    let text = |name: &str| registered[name].as_str().unwrap().to_owned();
    let client = TestClient {
        id: text("client_id"),
        secret: Some(text("client_secret")),
        redirect_uri: "https://shop.example/callback".to_owned(),
    };
    world.tokens(&client, "openid").await;
    let one = path_of(&registered["registration_client_uri"]);
    let one = |method| {
        world
            .server
            .request(method, &one)
            .bearer(registered["registration_access_token"].as_str().unwrap())
    };
    assert_eq!(one(Method::GET).await.expect(200).json()["client_id"], client.id);
    one(Method::DELETE).await.expect(204);
}

/// What is not advertised is not there.
pub async fn no_registration(world: &World) {
    assert_eq!(world.document.get("registration_endpoint"), None);
    let asked = world
        .server
        .request(Method::POST, "/register")
        .body("application/json", "{}");
    asked.await.expect(404);
}
