//! The parameter `claims` (OpenID Connect Core §5.5): claims by name, the person and the context that are demanded, and what
//! becomes of them at consent, in tokens and at userinfo.

use portcullis::protocol::claims_request::{RequestedClaims, parse};
use portcullis::protocol::error::Reason;
use portcullis::protocol::scope::Scope;
use portcullis::protocol::standard_claims::{ClaimSet, SCOPE_CLAIMS};
use serde_json::{Value, json};

use super::answers::refused;
use crate::support::{
    AuthRequest, Browser, ClientSpec, PASSWORD, TestClient, TestDb, TestServer, Tokens, both_stores, claims, scope,
};

async fn setup(db: TestDb) -> (TestServer, TestClient) {
    let server = TestServer::new(db).await;
    server.alice().await;
    let client = server.add_client(ClientSpec::web("shop")).await;
    (server, client)
}

fn asking(client: &TestClient, scope: &str, claims: &Value) -> AuthRequest {
    AuthRequest::new(client, scope).set("claims", &claims.to_string())
}

async fn redeemed(server: &TestServer, client: &TestClient, request: &AuthRequest, code: &str) -> Tokens {
    Tokens::of(server.redeem(client, code, request).await)
}

/// The members of an object, without those that say something about the token or the sign-in.
fn about_the_person(object: &Value) -> Vec<String> {
    let members = object.as_object().unwrap().keys();
    let known = |name: &&String| portcullis::protocol::standard_claims::scope_of(name).is_some();
    members.filter(known).cloned().collect()
}

both_stores! {
    async fn a_claim_is_told_where_it_was_asked_for_and_survives_a_refresh(db: TestDb) {
        let (server, client) = setup(db).await;
        let asked = json!({
            "userinfo": {"name": {"essential": true}, "birthdate": null, "shoe_size": null, "name#de": null},
            "id_token": {"email": null, "updated_at": null, "auth_time": {"essential": true}, "acr": {"essential": true}},
        });
        let request = asking(&client, "openid offline_access", &asked);
        let code = Browser::new(&server).grant(&request, "alice").await.code();
        let first = redeemed(&server, &client, &request, &code).await;
        server.advance(10);
        let second = Tokens::of(server.refresh(&client, first.refresh()).await);
        for tokens in [first, second] {
            let id_token = claims(tokens.id.as_deref().unwrap());
            assert_eq!(about_the_person(&id_token), ["email", "updated_at"]);
            assert_eq!(id_token["email"], "alice@example.com");
            assert_eq!((id_token["acr"].as_str(), id_token["auth_time"].is_i64()), (Some("1"), true));
            let info = server.userinfo(&tokens.access).await.expect(200).json();
            assert_eq!(about_the_person(&info), ["name"], "she has no birthdate");
            assert_eq!(info["name"], "alice Example");
            assert_eq!(tokens.json["scope"], "openid offline_access", "claims are no scope");
        }
        let plain = server.code_flow(&client, "openid").await;
        assert_eq!(about_the_person(&claims(plain.id.as_deref().unwrap())), [""; 0]);
        assert_eq!(about_the_person(&server.userinfo(&plain.access).await.json()), [""; 0], "each request asks for itself");
    }

    async fn cn_03_single_claims_are_shown_allowed_and_remembered(db: TestDb) {
        let (server, client) = setup(db).await;
        let name = json!({"userinfo": {"name": null}, "id_token": {"email": null}});
        let mut browser = Browser::new(&server);
        browser.grant(&AuthRequest::new(&client, "openid email"), "alice").await.code();
        browser.authorize(&asking(&client, "openid", &json!({"id_token": {"email": null}}))).await.callback().code();

        let page = browser.authorize(&asking(&client, "openid email", &name)).await.page();
        assert!(page.is_consent());
        let text = page.response.text();
        assert!(text.contains("See your full name") && text.contains("<code>name</code>"), "{text}");
        assert_eq!(text.matches("See your e-mail address").count(), 1, "{text}");
        let silent = asking(&client, "openid", &name).set("prompt", "none");
        assert_eq!(browser.authorize(&silent).await.callback().get("error"), "consent_required");
        browser.authorize(&asking(&client, "openid email", &name)).await.page();
        browser.consent("allow").await.callback().code();
        browser.authorize(&silent).await.callback().code();

        let more = json!({"userinfo": {"name": null, "gender": null}});
        let page = browser.authorize(&asking(&client, "openid", &more)).await.page();
        assert!(page.is_consent() && page.response.text().contains("See your gender"));
        browser.consent("deny").await.callback();
        assert!(browser.authorize(&asking(&client, "openid", &more)).await.page().is_consent());
        // The scope that carries a claim allows the claim.
        browser.authorize(&AuthRequest::new(&client, "openid profile")).await.page();
        browser.consent("allow").await.callback().code();
        browser.authorize(&asking(&client, "openid", &more)).await.callback().code();
        // And a claim does not allow its scope.
        let bob = server.add_user("bob").await;
        let mut browser = Browser::new(&server);
        browser.grant(&asking(&client, "openid", &name), bob.username.as_str()).await.code();
        assert!(browser.authorize(&AuthRequest::new(&client, "openid email")).await.page().is_consent());
    }

    async fn the_person_sees_single_claims_among_what_an_app_may(db: TestDb) {
        let (server, client) = setup(db).await;
        let mut browser = Browser::new(&server);
        let request = asking(&client, "openid", &json!({"id_token": {"nickname": null}}));
        browser.grant(&request, "alice").await.code();
        let page = browser.open("/account/apps").await.page();
        assert!(page.response.text().contains("See your nickname"), "{}", page.response.text());
    }

    /// By its own name a client gets at nothing that it could not get at by scope.
    async fn a_claim_beyond_the_scopes_of_the_client_is_left_out(db: TestDb) {
        let (server, _) = setup(db).await;
        let spec = ClientSpec::web("narrow").metadata(|metadata| metadata.scope = scope("openid email"));
        let client = server.add_client(spec).await;
        let all = json!({"name": null, "email": null, "address": null, "phone_number": null, "updated_at": null});
        let request = asking(&client, "openid", &json!({"userinfo": all, "id_token": all}));
        let mut browser = Browser::new(&server);
        browser.authorize(&request).await.page();
        let page = browser.sign_in("alice", PASSWORD).await.page();
        assert!(!page.response.text().contains("See your full name"));
        let code = browser.consent("allow").await.callback().code();
        let tokens = redeemed(&server, &client, &request, &code).await;
        assert_eq!(about_the_person(&claims(tokens.id.as_deref().unwrap())), ["email"]);
        assert_eq!(about_the_person(&server.userinfo(&tokens.access).await.json()), ["email"]);
    }

    async fn without_openid_there_is_nowhere_to_tell_a_claim(db: TestDb) {
        let (server, client) = setup(db).await;
        let request = asking(&client, "api:read", &json!({"userinfo": {"name": null}, "id_token": {"name": null}}));
        let code = Browser::new(&server).grant(&request, "alice").await.code();
        let tokens = redeemed(&server, &client, &request, &code).await;
        assert_eq!(tokens.id, None);
        server.userinfo(&tokens.access).await.expect(403);
    }

    async fn az_36_the_claim_sub_demands_one_person_as_a_hint_does(db: TestDb) {
        let (server, client) = setup(db).await;
        let (alice, bob) = (server.alice().await, server.add_user("bob").await);
        let mut browser = Browser::new(&server);
        browser.grant(&AuthRequest::new(&client, "openid"), "alice").await.code();
        let wanted = |sub: Value| asking(&client, "openid", &json!({"id_token": {"sub": sub}}));
        browser.authorize(&wanted(json!({"value": alice.id}))).await.callback().code();
        browser.authorize(&wanted(json!({"values": [bob.id, alice.id]}))).await.callback().code();
        for sub in [json!({"value": bob.id}), json!({"values": [bob.id, "nobody"]})] {
            let silent = wanted(sub.clone()).set("prompt", "none");
            let answer = browser.authorize(&silent).await.callback();
            assert_eq!((answer.get("error"), answer.get("code")), ("login_required", ""));
            assert!(browser.authorize(&wanted(sub.clone())).await.page().is_sign_in());
            let answer = browser.clone().sign_in("alice", PASSWORD).await.callback();
            assert_eq!((answer.get("error"), answer.get("code")), ("login_required", ""));
        }
        let request = wanted(json!({"essential": true, "value": bob.id}));
        let code = Browser::new(&server).grant(&request, "bob").await.code();
        let tokens = redeemed(&server, &client, &request, &code).await;
        assert_eq!(claims(tokens.id.as_deref().unwrap())["sub"], bob.id.to_string());
    }

    async fn an_essential_acr_that_nobody_reaches_is_an_error_and_a_wish_is_not(db: TestDb) {
        let (server, client) = setup(db).await;
        let wanted = |acr: Value| asking(&client, "openid", &json!({"id_token": {"acr": acr}}));
        for acr in [
            json!({"essential": true, "value": "2"}),
            json!({"essential": true, "values": ["phr", "urn:mace:incommon:iap:silver"]}),
        ] {
            refused(&server, &client, &wanted(acr), Reason::AcrUnreachable).await;
        }
        assert_eq!(Reason::AcrUnreachable.code().as_str(), "unmet_authentication_requirements");
        for acr in [
            json!(null),
            json!({"essential": true}),
            json!({"essential": true, "values": ["2", "1"]}),
            json!({"essential": false, "value": "2"}),
            json!({"values": ["2", "3"]}),
        ] {
            let request = wanted(acr.clone()).set("acr_values", "2 3");
            let code = Browser::new(&server).grant(&request, "alice").await.code();
            let tokens = redeemed(&server, &client, &request, &code).await;
            assert_eq!(claims(tokens.id.as_deref().unwrap())["acr"], "1", "{acr}");
        }
        // What the client registered is a wish too.
        let spec = ClientSpec::web("wishes").metadata(|metadata| metadata.authentication.acr_values = vec!["2".to_owned()]);
        let client = server.add_client(spec).await;
        let tokens = server.code_flow(&client, "openid").await;
        assert_eq!(claims(tokens.id.as_deref().unwrap())["acr"], "1");
    }

    async fn az_42_claims_of_another_shape_are_refused(db: TestDb) {
        let (server, client) = setup(db).await;
        let many: Vec<String> = (0..17).map(|n| n.to_string()).collect();
        for wrong in [
            json!({"userinfo": []}),
            json!({"userinfo": "name"}),
            json!({"id_token": {"name": true}}),
            json!({"id_token": {"name": ["essential"]}}),
            json!({"id_token": {"sub": {"value": 7}}}),
            json!({"id_token": {"sub": {"values": []}}}),
            json!({"id_token": {"sub": {"values": "x"}}}),
            json!({"id_token": {"sub": {"values": many}}}),
            json!({"id_token": {"sub": {"value": "x".repeat(256)}}}),
            json!({"id_token": {"sub": {"value": "a", "values": ["a"]}}}),
            json!({"id_token": {"sub": {"value": "a"}}, "userinfo": {"sub": {"value": "b"}}}),
            json!({"id_token": {"acr": {"essential": true, "values": {"a": 1}}}}),
        ] {
            refused(&server, &client, &asking(&client, "openid", &wrong), Reason::ClaimsMalformed).await;
        }
        for fine in [
            json!({}),
            json!({"userinfo": null, "id_token": null, "transaction": [1, 2]}),
            json!({"userinfo": {"name": {"essential": "yes", "purpose": "to greet you"}}}),
            json!({"userinfo": {"": null, "http://example.info/claims/groups": null}}),
        ] {
            Browser::new(&server).grant(&asking(&client, "openid", &fine), "alice").await.code();
        }
    }

    async fn default_max_age_counts_where_the_request_says_nothing(db: TestDb) {
        let (server, _) = setup(db).await;
        let spec = ClientSpec::web("bank").metadata(|metadata| metadata.authentication.max_age = Some(60));
        let client = server.add_client(spec).await;
        let mut browser = Browser::new(&server);
        let request = AuthRequest::new(&client, "openid");
        browser.grant(&request, "alice").await.code();
        server.advance(60);
        browser.authorize(&request).await.callback().code();
        server.advance(1);
        browser.authorize(&request.clone().set("max_age", "1000")).await.callback().code();
        let answer = browser.authorize(&request.clone().set("prompt", "none")).await.callback();
        assert_eq!(answer.get("error"), "login_required");
        assert!(browser.authorize(&request).await.page().is_sign_in());
    }
}

#[test]
fn what_is_asked_of_the_person_is_read_and_the_rest_left_out() {
    let text = r#"{"userinfo":{"name":null,"email":{"essential":true},"x":null,"name#ja":null,"sub":{"values":["a","b"]}},
        "id_token":{"sub":{"values":["b","c"]},"acr":{"essential":true,"values":["1","2"]},"address":null}}"#;
    let request = parse(Some(text)).unwrap();
    assert_eq!(request.claims.userinfo.to_string(), "email name");
    assert_eq!(request.claims.id_token.to_string(), "address");
    assert_eq!(
        (request.subjects, request.essential_acr),
        (vec!["b".to_owned()], vec!["1".to_owned(), "2".to_owned()])
    );
    assert_eq!(
        parse(None),
        Ok(portcullis::protocol::claims_request::ClaimsRequest::default())
    );
}

#[test]
fn a_set_of_claims_is_one_text_and_back() {
    let set: ClaimSet = ["phone_number", "name", "updated_at", "name", "sub", "unknown"]
        .into_iter()
        .collect();
    assert_eq!(set.to_string(), "name phone_number updated_at");
    assert_eq!(ClaimSet::stored(&set.to_string()), set);
    assert!(ClaimSet::stored("").is_empty());
    assert_eq!(set.beyond(&scope("openid profile")).to_string(), "phone_number");
    let request = RequestedClaims {
        userinfo: set,
        id_token: ClaimSet::default(),
    };
    let stored = serde_json::to_value(&request).unwrap();
    assert_eq!(
        stored,
        json!({"userinfo": ["name", "phone_number", "updated_at"], "id_token": []})
    );
    assert_eq!(serde_json::from_value::<RequestedClaims>(stored).unwrap(), request);
    // What a newer version may know is left out by this one.
    assert!(
        serde_json::from_value::<ClaimSet>(json!(["shoe_size"]))
            .unwrap()
            .is_empty()
    );
    let everything = SCOPE_CLAIMS
        .iter()
        .flat_map(|(_, claims)| claims.iter().copied())
        .chain(["updated_at"]);
    let all_scopes = Scope::from_tokens(SCOPE_CLAIMS.iter().map(|(scope, _)| *scope));
    assert_eq!(everything.collect::<ClaimSet>(), ClaimSet::of_scope(&all_scopes));
}
