//! IN: introspection (RFC 7662).

use axum::http::Method;
use portcullis::crypto::opaque::{Kind, OpaqueToken};
use portcullis::model::api::AccessTokenFormat;
use portcullis::store::Withdrawal;
use serde_json::{Value, json};

use super::dump::execute;
use super::refusals::unauthenticated;
use crate::support::{ClientSpec, TestClient, TestDb, TestServer, Tokens, api, both_stores, claims};

const ORDERS: &str = "https://orders.example";
const STOCK: &str = "https://stock.example";

/// A shop that people use, a program, and the resource servers of two APIs.
struct World {
    server: TestServer,
    shop: TestClient,
    batch: TestClient,
    orders: TestClient,
    stock: TestClient,
}

impl World {
    /// `format` is that of both APIs.
    async fn new(db: TestDb, format: AccessTokenFormat) -> Self {
        let server = TestServer::new(db).await;
        for (audience, scopes) in [
            (ORDERS, ["orders:read", "orders:write"]),
            (STOCK, ["stock:read", "stock:write"]),
        ] {
            server.add_api(audience, api(audience, &scopes, format)).await;
        }
        let scope = crate::support::scope("openid profile offline_access orders:read stock:read");
        let shop = ClientSpec::web("shop").metadata(|metadata| metadata.scope = scope.clone());
        let batch =
            ClientSpec::service("batch").metadata(|metadata| metadata.scope = scope.filter(|s| s == "orders:read"));
        let resource_server = |id: &str, audience: &str| {
            let audience = audience.to_owned();
            ClientSpec::service(id).metadata(|metadata| {
                metadata.grant_types.clear();
                metadata.resource_server_for = vec![audience];
            })
        };
        Self {
            shop: server.add_client(shop).await,
            batch: server.add_client(batch).await,
            orders: server.add_client(resource_server("orders-api", ORDERS)).await,
            stock: server.add_client(resource_server("stock-api", STOCK)).await,
            server,
        }
    }

    async fn ask(&self, client: &TestClient, token: &str) -> Value {
        let response = self.server.introspect(client, token).await.expect(200);
        assert_eq!(response.header("content-type"), "application/json");
        assert_eq!(response.header("cache-control"), "no-store");
        response.json()
    }

    async fn active(&self, client: &TestClient, token: &str) -> Value {
        let answer = self.ask(client, token).await;
        assert_eq!(answer["active"], true, "{answer}");
        answer
    }

    /// Nothing but `{"active":false}`, to the client itself and to a resource server.
    async fn dead(server: &TestServer, client: &TestClient, token: &str, why: &str) {
        let answer = server.introspect(client, token).await.expect(200);
        assert_eq!(answer.text(), r#"{"active":false}"#, "{why}");
    }

    async fn flow(&self) -> Tokens {
        self.server
            .code_flow(&self.shop, "openid profile offline_access orders:read stock:read")
            .await
    }
}

both_stores! {
    async fn in_10_each_caller_is_told_its_part(db: TestDb) {
        let world = World::new(db, AccessTokenFormat::Jwt).await;
        let alice = world.server.alice().await;
        let tokens = world.flow().await;
        let jwt = claims(&tokens.access);
        let full = world.active(&world.shop, &tokens.access).await;
        assert_eq!(full, json!({
            "active": true, "token_type": "Bearer", "iss": "https://id.example", "client_id": "shop",
            "sub": alice.id.to_string(), "username": "alice", "scope": jwt["scope"], "aud": jwt["aud"],
            "exp": jwt["exp"], "iat": jwt["iat"], "jti": jwt["jti"], "auth_time": jwt["auth_time"], "acr": jwt["acr"],
        }));
        let part = world.active(&world.orders, &tokens.access).await;
        assert_eq!((&part["scope"], &part["aud"]), (&json!("orders:read"), &json!(ORDERS)));
        assert!(part.get("username").is_none(), "the profile is none of its business");
        assert_eq!((&part["sub"], &part["client_id"]), (&full["sub"], &full["client_id"]));
        let part = world.active(&world.stock, &tokens.access).await;
        assert_eq!((&part["scope"], &part["aud"]), (&json!("stock:read"), &json!(STOCK)));

        let bystander = world.server.add_client(ClientSpec::web("bystander")).await;
        for stranger in [&world.batch, &bystander] {
            World::dead(&world.server, stranger, &tokens.access, "a stranger").await;
            World::dead(&world.server, stranger, tokens.refresh(), "a stranger").await;
        }
        let own = Tokens::of(world.server.client_credentials(&world.batch).await).access;
        let answer = world.active(&world.orders, &own).await;
        assert_eq!((&answer["sub"], &answer["scope"]), (&json!("batch"), &json!("orders:read")));
        assert!(answer.get("username").is_none() && answer.get("auth_time").is_none());
        World::dead(&world.server, &world.stock, &own, "it is for orders").await;
        World::dead(&world.server, &world.shop, &own, "it is of another client").await;
    }

    async fn in_10_an_opaque_token_says_the_same(db: TestDb) {
        let world = World::new(db, AccessTokenFormat::Opaque).await;
        let alice = world.server.alice().await;
        let tokens = world.flow().await;
        let now = world.server.app.clock().now().as_i64();
        let full = world.active(&world.shop, &tokens.access).await;
        assert_eq!(full, json!({
            "active": true, "token_type": "Bearer", "iss": "https://id.example", "client_id": "shop",
            "sub": alice.id.to_string(), "username": "alice", "scope": tokens.json["scope"],
            "aud": [ORDERS, STOCK, "https://id.example"], "exp": now + tokens.json["expires_in"].as_i64().unwrap(),
            "iat": now, "auth_time": now, "acr": "1",
        }));
        let part = world.active(&world.stock, &tokens.access).await;
        assert_eq!((&part["scope"], &part["aud"]), (&json!("stock:read"), &json!(STOCK)));
        World::dead(&world.server, &world.batch, &tokens.access, "a stranger").await;
        let own = Tokens::of(world.server.client_credentials(&world.batch).await).access;
        assert_eq!(world.active(&world.orders, &own).await["sub"], "batch");
        assert_eq!(world.active(&world.batch, &own).await["aud"], ORDERS);
        World::dead(&world.server, &world.stock, &own, "it is for orders").await;
    }

    async fn in_10_a_refresh_token_is_its_clients_alone(db: TestDb) {
        let world = World::new(db, AccessTokenFormat::Jwt).await;
        let tokens = world.flow().await;
        let answer = world.active(&world.shop, tokens.refresh()).await;
        assert_eq!((&answer["client_id"], &answer["username"]), (&json!("shop"), &json!("alice")));
        assert!(answer["scope"].as_str().unwrap().contains("offline_access"));
        assert!(answer.get("token_type").is_none() && answer.get("aud").is_none());
        assert!(answer["exp"].as_i64() > answer["iat"].as_i64());
        for api in [&world.orders, &world.stock, &world.batch] {
            World::dead(&world.server, api, tokens.refresh(), "a refresh token is no API's business").await;
        }
        let next = Tokens::of(world.server.refresh(&world.shop, tokens.refresh()).await);
        World::dead(&world.server, &world.shop, tokens.refresh(), "it is spent").await;
        world.active(&world.shop, next.refresh()).await;
        world.server.advance(answer["exp"].as_i64().unwrap() - answer["iat"].as_i64().unwrap());
        World::dead(&world.server, &world.shop, next.refresh(), "it has expired").await;
    }

    async fn in_09_what_does_not_count_is_inactive_and_no_more(db: TestDb) {
        let world = World::new(db, AccessTokenFormat::Jwt).await;
        let tokens = world.flow().await;
        let other = TestServer::at(TestDb::sqlite().await, "https://other.example", |_| {}).await;
        let client = other.add_client(ClientSpec::web("shop")).await;
        let foreign = other.code_flow(&client, "openid").await;
        let (code, _) = world.server.code(&world.shop, "openid").await;
        let unknown = [Kind::Access, Kind::Refresh, Kind::Code, Kind::Device].map(OpaqueToken::generate);
        let mut garbage: Vec<&str> = unknown.iter().map(OpaqueToken::expose).collect();
        let tampered = format!("{}x", tokens.access);
        let long = "x".repeat(50_000);
        garbage.extend(["x", "..", "é", &tampered, &long, &foreign.access, &code, tokens.id.as_deref().unwrap()]);
        for token in garbage {
            World::dead(&world.server, &world.shop, token, token).await;
        }
        world.active(&world.shop, &tokens.access).await;
        world.server.advance(tokens.json["expires_in"].as_i64().unwrap());
        World::dead(&world.server, &world.shop, &tokens.access, "it has expired").await;
    }

    async fn in_08_only_clients_that_prove_who_they_are(db: TestDb) {
        let world = World::new(db, AccessTokenFormat::Jwt).await;
        let spa = world.server.add_client(ClientSpec::public("spa")).await;
        let tokens = world.server.code_flow(&spa, "openid").await;
        unauthenticated(&world.server.introspect(&spa, &tokens.access).await);
        let post = |fields: &[(&str, &str)]| world.server.post_form("/introspect", fields);
        unauthenticated(&post(&[("token", &tokens.access)]).await);
        unauthenticated(&post(&[("token", &tokens.access), ("client_id", "shop")]).await);
        unauthenticated(&post(&[("token", &tokens.access)]).basic("shop", "wrong").await);
        unauthenticated(&post(&[("token", &tokens.access)]).bearer(&tokens.access).await);
        world.server.store().set_client_enabled(&world.orders.client_id(), false, world.server.app.clock().now()).await.unwrap();
        unauthenticated(&world.server.introspect(&world.orders, &tokens.access).await);
    }

    async fn in_11_in_13_a_jwt_that_ends_elsewhere_is_inactive_here_at_once(db: TestDb) {
        what_ends_a_token(db, AccessTokenFormat::Jwt).await;
    }

    async fn in_11_in_13_an_opaque_token_that_ends_elsewhere_is_inactive_here_at_once(db: TestDb) {
        what_ends_a_token(db, AccessTokenFormat::Opaque).await;
    }

    async fn in_11_a_clients_own_jwt_ends_with_it(db: TestDb) {
        what_ends_a_clients_own_token(db, AccessTokenFormat::Jwt).await;
    }

    async fn in_11_a_clients_own_opaque_token_ends_with_it(db: TestDb) {
        what_ends_a_clients_own_token(db, AccessTokenFormat::Opaque).await;
    }
    async fn in_18_hints_change_nothing(db: TestDb) {
        let world = World::new(db, AccessTokenFormat::Jwt).await;
        let tokens = world.flow().await;
        for hint in ["access_token", "refresh_token", "id_token", "junk", "é", ""] {
            for token in [&tokens.access, tokens.refresh()] {
                let fields = [("token", token), ("token_type_hint", hint)];
                let answer = world.server.post_as(&world.shop, "/introspect", &fields).await.expect(200);
                assert_eq!(answer.json()["active"], true, "{hint}");
            }
        }
    }

    async fn rt_18_a_refresh_token_is_told_from_an_access_token(db: TestDb) {
        let world = World::new(db, AccessTokenFormat::Jwt).await;
        let tokens = world.flow().await;
        let answer = world.active(&world.shop, tokens.refresh()).await;
        assert!(answer.get("token_type").is_none(), "only what opens a resource is a bearer token");
        assert_eq!(world.active(&world.shop, &tokens.access).await["token_type"], "Bearer");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_12_not_by_get_and_not_in_the_url() {
    let world = World::new(TestDb::sqlite().await, AccessTokenFormat::Jwt).await;
    let token = world.flow().await.access;
    let (id, secret) = (world.shop.id.as_str(), world.shop.secret.as_deref().unwrap());
    let path = format!("/introspect?token={token}");
    world.server.get(&path).basic(id, secret).await.expect(405);
    let post = world.server.request(Method::POST, &path).basic(id, secret);
    post.form(&[]).await.expect_error(400, "invalid_request");
    let missing = world.server.post_as(&world.shop, "/introspect", &[]).await;
    missing.expect_error(400, "invalid_request");
    let twice = [("token", token.as_str()), ("token", token.as_str())];
    world
        .server
        .post_as(&world.shop, "/introspect", &twice)
        .await
        .expect_error(400, "invalid_request");
    let metadata = world.server.get("/.well-known/openid-configuration").await.json();
    assert_eq!(metadata["introspection_endpoint"], "https://id.example/introspect");
    let methods = &metadata["introspection_endpoint_auth_methods_supported"];
    assert_eq!(
        *methods,
        json!([
            "client_secret_basic",
            "client_secret_post",
            "private_key_jwt",
            "client_secret_jwt"
        ])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn in_13_while_the_database_is_away_nobody_is_told_anything() {
    let world = World::new(TestDb::sqlite().await, AccessTokenFormat::Jwt).await;
    let token = world.flow().await.access;
    let broken = world.server.second_node().await;
    broken.store().close().await;
    let response = broken.introspect(&world.shop, &token).await;
    response.expect_error(503, "temporarily_unavailable");
}

/// What a token does not name cannot be looked up: the grant is gone, and with it the answer.
#[tokio::test(flavor = "multi_thread")]
async fn in_11_a_token_without_its_grant_is_inactive() {
    let world = World::new(TestDb::sqlite().await, AccessTokenFormat::Jwt).await;
    let token = world.flow().await.access;
    execute(&world.server.db, "DELETE FROM grants").await;
    World::dead(&world.server, &world.shop, &token, "its grant is gone").await;
}

/// Everything that ends a person's tokens does so on another node in the same moment, and touches nobody else's.
async fn what_ends_a_token(db: TestDb, format: AccessTokenFormat) {
    let world = World::new(db, format).await;
    let (here, there) = (world.server.clone(), world.server.second_node().await);
    let now = here.app.clock().now();
    let alice = here.alice().await;
    let (user, shop) = (alice.id, world.shop.client_id());
    let hash = alice.password.clone().unwrap();
    for end in 0..7 {
        let tokens = world.flow().await;
        let online = here.code_flow(&world.shop, "openid orders:read").await;
        let mine = Tokens::of(here.client_credentials(&world.batch).await).access;
        for token in [&tokens.access, &online.access, &mine] {
            there.introspect(&world.orders, token).await.expect(200);
            assert_eq!(
                there.introspect(&world.orders, token).await.json()["active"],
                true,
                "{end}"
            );
        }
        let store = here.store();
        match end {
            0 => drop(here.revoke(&world.shop, tokens.refresh()).await.expect(200)),
            1 => drop(here.revoke(&world.shop, &tokens.access).await.expect(200)),
            2 => assert!(matches!(
                store.withdraw_consent(user, &shop, now).await.unwrap(),
                Withdrawal::Done { .. }
            )),
            3 => drop(store.set_password(user, &hash, now).await.unwrap()),
            4 => {
                store.disable_user(user, now).await.unwrap();
                store.enable_user(user).await.unwrap();
            }
            5 => drop(store.set_client_enabled(&shop, false, now).await.unwrap()),
            _ => drop(store.delete_user(user, now).await.unwrap()),
        }
        World::dead(&there, &world.orders, &tokens.access, &format!("{format:?} {end}")).await;
        if end >= 2 {
            World::dead(
                &there,
                &world.orders,
                &online.access,
                &format!("{format:?} {end} online"),
            )
            .await;
        }
        if end == 5 {
            store.set_client_enabled(&shop, true, now).await.unwrap();
        }
        let own = there.introspect(&world.orders, &mine).await.json();
        assert_eq!(own["active"], true, "{end} has nothing to do with it");
    }
}

async fn what_ends_a_clients_own_token(db: TestDb, format: AccessTokenFormat) {
    let world = World::new(db, format).await;
    let there = world.server.second_node().await;
    let store = world.server.store();
    let now = world.server.app.clock().now();
    let [revoked, kept] = [(); 2].map(|()| world.server.client_credentials(&world.batch));
    let [revoked, kept] = [Tokens::of(revoked.await).access, Tokens::of(kept.await).access];
    world.server.revoke(&world.batch, &revoked).await.expect(200);
    World::dead(&there, &world.orders, &revoked, "revoked").await;
    world.active(&world.orders, &kept).await;
    store
        .set_client_enabled(&world.batch.client_id(), false, now)
        .await
        .unwrap();
    World::dead(&there, &world.orders, &kept, "its client is disabled").await;
    store.delete_client(&world.batch.client_id()).await.unwrap();
    World::dead(&there, &world.orders, &kept, "its client is deleted").await;
}
