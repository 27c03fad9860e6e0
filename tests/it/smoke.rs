//! The happy path, once through everything.

use serde_json::Value;

use crate::support::{AuthRequest, Browser, ClientSpec, PASSWORD, TestServer, Tokens, both_stores, claims};

both_stores! {
    /// Each answer of each step is looked at a little; the tests of each part look closer.
    async fn the_happy_path(db: TestDb) {
        let server = TestServer::new(db).await;
        let alice = server.add_user("alice").await;
        let client = server.add_client(ClientSpec::web("shop")).await;

        let mut browser = Browser::new(&server);
        let request = AuthRequest::new(&client, "openid email offline_access");
        let page = browser.authorize(&request).await.page();
        assert_eq!((page.is_sign_in(), page.status()), (true, 200));
        let page = browser.sign_in("alice", "not the password").await.page();
        assert_eq!((page.is_sign_in(), page.status()), (true, 401));
        let page = browser.sign_in("Alice", PASSWORD).await.page();
        assert!(page.is_consent(), "{}", page.path);
        assert_eq!(page.buttons("decision"), ["deny", "allow"]);
        let callback = browser.consent("allow").await.callback();
        assert_eq!(callback.uri, client.redirect_uri);
        assert_eq!((callback.get("state"), callback.get("iss")), ("the-state", "https://id.example"));

        let tokens = Tokens::of(server.redeem(&client, &callback.code(), &request).await);
        let id_token = claims(tokens.id.as_deref().unwrap());
        assert_eq!(id_token["sub"], alice.id.to_string());
        assert_eq!(id_token["nonce"], "the-nonce");
        assert_eq!(server.userinfo(&tokens.access).await.expect(200).json()["email"], "alice@example.com");

        let renewed = Tokens::of(server.refresh(&client, tokens.refresh()).await);
        assert_ne!(renewed.refresh, tokens.refresh);
        assert_eq!(server.userinfo(&renewed.access).await.expect(200).json()["sub"], alice.id.to_string());

        server.revoke(&client, renewed.refresh()).await.expect(200);
        server.refresh(&client, renewed.refresh()).await.expect_error(400, "invalid_grant");
        server.userinfo(&renewed.access).await.expect_error(401, "invalid_token");

        let again = browser.authorize(&AuthRequest::new(&client, "openid")).await.callback();
        assert!(!again.code().is_empty(), "signed in and consented before: no page");
    }

    async fn a_service_gets_its_own_token(db: TestDb) {
        let server = TestServer::at(db, "http://localhost:8080", |_| {}).await;
        let service = server.add_client(ClientSpec::service("batch")).await;
        let tokens = Tokens::of(server.client_credentials(&service).await);
        let access = claims(&tokens.access);
        assert_eq!((&access["sub"], &access["client_id"]), (&Value::from("batch"), &Value::from("batch")));
        assert_eq!(tokens.json["scope"], "jobs:run jobs:read");
        assert_eq!(tokens.refresh, None);
        assert_eq!(access["exp"].as_i64().unwrap() - access["iat"].as_i64().unwrap(), 900);
    }

    async fn a_public_client_and_a_second_node(db: TestDb) {
        let server = TestServer::new(db).await;
        let client = server.add_client(ClientSpec::public("spa")).await;
        let other = server.second_node().await;
        let tokens = server.code_flow(&client, "openid offline_access").await;
        let renewed = Tokens::of(other.refresh(&client, tokens.refresh()).await);
        server.advance(3600);
        other.userinfo(&renewed.access).await.expect_error(401, "invalid_token");
        server.userinfo(&Tokens::of(server.refresh(&client, renewed.refresh()).await).access).await.expect(200);
    }

    async fn sign_out(db: TestDb) {
        let server = TestServer::at(db, "https://id.example/tenant", |_| {}).await;
        server.add_user("alice").await;
        let mut browser = Browser::new(&server);
        browser.open("/tenant/login").await.page();
        assert_eq!(browser.sign_in("alice", PASSWORD).await.page().heading(), "You are signed in");
        browser.open("/tenant/logout").await.page();
        assert_eq!(browser.submit(&[("confirm", "logout")]).await.page().heading(), "You are signed out");
        assert_eq!(browser.open("/tenant").await.page().heading(), "Welcome");
        assert!(!browser.cookies().contains_key("__Host-portcullis"));
    }
}
