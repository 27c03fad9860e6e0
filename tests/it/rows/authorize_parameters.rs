//! AZ-06 to AZ-11, AZ-14 to AZ-17, AZ-35, AZ-38, AZ-42, AZ-43: the parameters one by one. The callback is proven, so errors go
//! back to the client.

use std::time::{Duration, Instant};

use portcullis::protocol::error::Reason;
use portcullis::protocol::scope::Scope;

use super::answers::{assert_page, get, post, refused};
use crate::support::{
    AuthRequest, Browser, ClientSpec, PASSWORD, TestClient, TestDb, TestServer, Tokens, both_stores, claims, scope,
};

async fn setup(db: TestDb) -> (TestServer, TestClient) {
    let server = TestServer::new(db).await;
    server.alice().await;
    let client = server.add_client(ClientSpec::web("shop")).await;
    (server, client)
}

/// What a token answer says after the whole flow of `request`.
async fn tokens(server: &TestServer, client: &TestClient, request: &AuthRequest) -> Tokens {
    let code = Browser::new(server).grant(request, "alice").await.code();
    Tokens::of(server.redeem(client, &code, request).await)
}

both_stores! {
    async fn az_06_without_response_type_invalid_request(db: TestDb) {
        let (server, client) = setup(db).await;
        let request = AuthRequest::new(&client, "openid");
        refused(&server, &client, &request.clone().without("response_type"), Reason::ResponseTypeMissing).await;
        refused(&server, &client, &request.clone().set("response_type", ""), Reason::ResponseTypeMissing).await;
        refused(&server, &client, &request.without("response_type").without("state"), Reason::ResponseTypeMissing).await;
    }

    /// Which also says that no access token and no ID token is ever in a front-channel answer: `refused` compares all of it.
    async fn az_07_az_09_every_response_type_but_code_is_refused(db: TestDb) {
        let (server, client) = setup(db).await;
        for response_type in [
            "token",
            "id_token",
            "id_token token",
            "code token",
            "code id_token",
            "code id_token token",
            "none",
            "id_token code",
            "code  id_token",
            "code code",
            "code ",
            " code",
            "Code",
            "code,token",
            "код",
        ] {
            let request = AuthRequest::new(&client, "openid").set("response_type", response_type);
            refused(&server, &client, &request, Reason::ResponseTypeUnsupported).await;
        }
    }

    async fn az_08_a_client_without_the_grant_is_unauthorized(db: TestDb) {
        let (server, _) = setup(db).await;
        let service = ClientSpec::service("batch").metadata(|metadata| {
            metadata.redirect_uris = vec!["https://batch.example/callback"]
                .into_iter()
                .map(|uri| portcullis::protocol::redirect_uri::RedirectUri::register(uri).unwrap())
                .collect();
        });
        let service = server.add_client(service).await;
        refused(&server, &service, &AuthRequest::new(&service, "jobs:run"), Reason::GrantNotRegistered).await;
    }

    async fn az_10_az_43_what_is_unknown_or_only_a_wish_is_ignored(db: TestDb) {
        let (server, client) = setup(db).await;
        for (name, value) in [
            ("foo", "bar"),
            ("error", "x"),
            ("code", "evil"),
            ("ui_locales", "xx-$$ \u{0301}\r\n de"),
            ("claims_locales", "%%%"),
            ("acr_values", "\"urn:mace\" 99 ☃"),
            ("display", "hologram"),
            ("display", "page"),
            ("display", "popup"),
            ("ui_locales", &"a".repeat(20_000)),
        ] {
            let request = AuthRequest::new(&client, "openid").and(name, value);
            let answer = Browser::new(&server).grant(&request, "alice").await;
            assert_eq!(answer.params.keys().collect::<Vec<_>>(), ["code", "iss", "session_state", "state"], "{name}");
            assert_ne!(answer.code(), "evil");
        }
    }

    async fn az_11_an_empty_parameter_is_an_absent_one(db: TestDb) {
        let (server, client) = setup(db).await;
        let empty = AuthRequest::new(&client, "openid")
            .set("state", "")
            .set("nonce", "")
            .set("prompt", "")
            .set("max_age", "")
            .set("claims", "")
            .set("id_token_hint", "")
            .set("response_mode", "")
            .set("request", "")
            .set("resource", "");
        let answer = Browser::new(&server).grant(&empty, "alice").await;
        assert_eq!(answer.params.keys().collect::<Vec<_>>(), ["code", "iss", "session_state"], "no state");
        let tokens_of_empty = Tokens::of(server.redeem(&client, &answer.code(), &empty).await);
        assert_eq!(claims(&tokens_of_empty.id.unwrap()).get("nonce"), None);
        let without_scope = AuthRequest::new(&client, "openid").set("scope", "");
        assert_eq!(tokens(&server, &client, &without_scope).await.json["scope"], "api:read");
        let without_challenge = AuthRequest::new(&client, "openid").set("code_challenge", "");
        refused(&server, &client, &without_challenge, Reason::CodeChallengeMissing).await;
    }

    async fn az_14_without_scope_the_registered_api_scopes_or_invalid_scope(db: TestDb) {
        let (server, client) = setup(db).await;
        let request = AuthRequest::new(&client, "x").without("scope");
        let granted = tokens(&server, &client, &request).await;
        assert_eq!((granted.json["scope"].as_str(), granted.id), (Some("api:read"), None));
        let openid_only = ClientSpec::web("openid-only").metadata(|metadata| metadata.scope = scope("openid email"));
        let openid_only = server.add_client(openid_only).await;
        let request = AuthRequest::new(&openid_only, "x").without("scope");
        refused(&server, &openid_only, &request, Reason::ScopeMissing).await;
    }

    async fn az_15_a_malformed_scope_is_refused(db: TestDb) {
        let (server, client) = setup(db).await;
        for malformed in [
            "openid\temail",
            "openid\nemail",
            "openid\u{a0}email",
            "\"openid\"",
            "openid \\",
            "openid  email",
            " openid",
            "openid ",
            " ",
            "openid é",
            "openid \u{7f}",
        ] {
            let request = AuthRequest::new(&client, malformed);
            refused(&server, &client, &request, Reason::ScopeMalformed).await;
        }
        // A request that holds NUL is not read at all, not even for its redirect URI.
        let request = AuthRequest::new(&client, "openid\0");
        assert_page(&get(&server, &request).await);
        assert_page(&post(&server, &request).await);
    }

    async fn az_16_a_scope_that_the_client_may_not_have_is_refused(db: TestDb) {
        let (server, client) = setup(db).await;
        for wider in ["admin", "openid admin", "openid Email", "jobs:run", "openid phone", "OPENID"] {
            refused(&server, &client, &AuthRequest::new(&client, wider), Reason::ScopeNotAllowed).await;
        }
    }

    /// The bound is generous, for slow machines; what grows with the square would be far beyond it.
    async fn az_17_az_42_oversized_values_are_refused_at_once(db: TestDb) {
        let (server, client) = setup(db).await;
        let many: Vec<String> = (0..4000).map(|n| format!("s{n}")).collect();
        let deep = format!("{{\"a\":{}", "[".repeat(10_000));
        let deep_but_short = format!("{{\"a\":{}{}}}", "[".repeat(2000), "]".repeat(2000));
        let wide = format!("{{\"a\":[{}0]}}", "0,".repeat(10_000));
        let started = Instant::now();
        for (request, reason) in [
            (AuthRequest::new(&client, &many.join(" ")), Reason::ScopeTooLong),
            (AuthRequest::new(&client, &"x".repeat(60 * 1024)), Reason::ScopeTooLong),
            (AuthRequest::new(&client, &many[..129].join(" ")), Reason::ScopeTooLong),
            (AuthRequest::new(&client, "openid").set("claims", &deep), Reason::ClaimsMalformed),
            (AuthRequest::new(&client, "openid").set("claims", &deep_but_short), Reason::ClaimsMalformed),
            (AuthRequest::new(&client, "openid").set("claims", &wide), Reason::ClaimsMalformed),
        ] {
            let response = post(&server, &request).await;
            super::answers::assert_back(&response, &server, &request, reason);
        }
        assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
        // What does not fit into a body is not read.
        let huge = AuthRequest::new(&client, "openid").set("claims", &"x".repeat(1024 * 1024));
        let response = post(&server, &huge).await.expect(413);
        assert_eq!(response.header("location"), "");
    }

    async fn az_35_a_max_age_that_is_no_number_of_seconds_is_refused(db: TestDb) {
        let (server, client) = setup(db).await;
        let wrong = [
            "-1", "abc", "99999999999999999999", "4294967296", "+1", "1.5", "1e3", " 1", "1 ", "0x10", "١", "-0", "NaN",
        ];
        for max_age in wrong {
            let request = AuthRequest::new(&client, "openid").set("max_age", max_age);
            refused(&server, &client, &request, Reason::MaxAgeMalformed).await;
        }
        let largest = AuthRequest::new(&client, "openid").set("max_age", "4294967295");
        tokens(&server, &client, &largest).await;
    }

    async fn az_38_a_hostile_login_hint_fills_in_the_form_or_is_left_out(db: TestDb) {
        let (server, client) = setup(db).await;
        for (hint, shown) in [
            ("a".repeat(20 * 1024), String::new()),
            ("a".repeat(321), String::new()),
            ("\"><img src=x onerror=alert(1)>".to_owned(), "\"><img src=x onerror=alert(1)>".to_owned()),
            ("alice".to_owned(), "alice".to_owned()),
        ] {
            let request = AuthRequest::new(&client, "openid").set("login_hint", &hint);
            let first = get(&server, &request).await.expect(303);
            for cookie in first.headers.get_all("set-cookie") {
                assert!(cookie.len() < 512, "a cookie holds a name, not what was sent");
            }
            let mut browser = Browser::new(&server);
            let page = browser.authorize(&request).await.page();
            let username = page.form().fields.into_iter().find(|(name, _)| name == "username");
            assert_eq!(username, Some(("username".to_owned(), shown)));
            assert!(!page.response.text().contains("<img src=x"));
            assert!(browser.sign_in("alice", PASSWORD).await.page().is_consent());
        }
    }

    async fn az_42_a_claims_parameter_that_is_no_object_is_refused(db: TestDb) {
        let (server, client) = setup(db).await;
        for wrong in ["x", "[]", "null", "1", "\"x\"", "{", "{\"userinfo\":}", "{} {}", "{'a':1}", "\u{feff}{}"] {
            let request = AuthRequest::new(&client, "openid").set("claims", wrong);
            refused(&server, &client, &request, Reason::ClaimsMalformed).await;
        }
        let good = AuthRequest::new(&client, "openid").set("claims", r#"{"userinfo":{"name":{"essential":true}}}"#);
        tokens(&server, &client, &good).await;
    }

    async fn registration_is_refused_rather_than_overlooked(db: TestDb) {
        let (server, client) = setup(db).await;
        let request = AuthRequest::new(&client, "openid").set("registration", "{}");
        refused(&server, &client, &request, Reason::Registration).await;
    }
}

/// The set operations are quadratic, so their input has to be small.
#[test]
fn az_17_a_scope_has_a_bounded_number_of_tokens() {
    let tokens = |count: usize| (0..count).map(|n| format!("s{n}")).collect::<Vec<_>>().join(" ");
    assert!(Scope::parse(&tokens(128)).is_ok());
    assert_eq!(Scope::parse(&tokens(129)), Err(Reason::ScopeTooLong));
    assert_eq!(Scope::parse(&"x".repeat(4097)), Err(Reason::ScopeTooLong));
    assert!(Scope::parse(&"x".repeat(4096)).is_ok());
}
