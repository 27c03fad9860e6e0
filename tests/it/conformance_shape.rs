//! What the OpenID Foundation's conformance suite (basic certification profile, response type `code`) asks of a provider,
//! module by module, under the modules' own names. The suite itself is the judge; this is what it would say, in seconds.

use serde_json::{Value, json};

use portcullis::model::client::PkcePolicy;
use portcullis::model::user::User;
use portcullis::protocol::standard_claims::{Address, StandardClaims};

use crate::support::{
    AuthRequest, Browser, Callback, ClientSpec, PASSWORD, TestClient, TestDb, TestServer, Tokens, both_stores, claims,
    scope,
};

const SCOPES: &str = "openid profile email address phone offline_access";

/// A provider with a client as the suite registers it: confidential, PKCE left to the client, every scope.
struct Suite {
    server: TestServer,
    client: TestClient,
    user: User,
}

impl Suite {
    async fn new(db: TestDb) -> Self {
        let server = TestServer::new(db).await;
        let mut user = server.alice().await;
        user.claims = every_claim();
        server
            .store()
            .set_claims(&user, server.app.clock().now())
            .await
            .unwrap();
        let spec = ClientSpec::web("suite").metadata(|metadata| {
            metadata.pkce = PkcePolicy::Optional;
            metadata.scope = scope(SCOPES);
        });
        let client = server.add_client(spec).await;
        Self { server, client, user }
    }

    /// Most modules send no code challenge.
    fn request(&self, scope: &str) -> AuthRequest {
        let mut request = AuthRequest::new(&self.client, scope)
            .without("code_challenge")
            .without("code_challenge_method");
        request.verifier.clear();
        request
    }

    fn browser(&self) -> Browser {
        Browser::new(&self.server)
    }

    async fn redeem(&self, request: &AuthRequest, answer: &Callback) -> Tokens {
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("redirect_uri", &self.client.redirect_uri),
        ];
        let code = answer.code();
        fields.push(("code", &code));
        if !request.verifier.is_empty() {
            fields.push(("code_verifier", &request.verifier));
        }
        Tokens::of(self.server.token(&self.client, &fields).await)
    }

    /// The whole flow, with the checks that every module makes. The ID token's claims come with the tokens.
    async fn flow(&self, browser: &mut Browser, request: &AuthRequest) -> (Tokens, Value) {
        let answer = browser.grant(request, "alice").await;
        self.check(request, &answer).await
    }

    async fn check(&self, request: &AuthRequest, answer: &Callback) -> (Tokens, Value) {
        let sent = |name: &str| {
            request
                .params
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, value)| value.as_str())
        };
        assert_eq!(answer.get("state"), sent("state").unwrap_or_default());
        assert_eq!(answer.get("iss"), "https://id.example");
        let tokens = self.redeem(request, answer).await;
        assert_eq!(tokens.json["token_type"], "Bearer");
        assert!(tokens.json["expires_in"].as_i64().unwrap() > 0);
        let id_token = claims(tokens.id.as_deref().unwrap());
        assert_eq!(id_token["iss"], "https://id.example");
        assert_eq!(id_token["aud"], self.client.id);
        assert_eq!(id_token["sub"], self.user.id.to_string());
        assert_eq!(id_token.get("nonce").and_then(Value::as_str), sent("nonce"));
        let now = self.server.app.clock().now().0;
        assert_eq!(id_token["iat"], now);
        assert!(id_token["exp"].as_i64().unwrap() > now);
        let info = self.server.userinfo(&tokens.access).await.expect(200).json();
        assert_eq!(info["sub"], id_token["sub"]);
        (tokens, id_token)
    }

    async fn userinfo(&self, scope: &str) -> Value {
        let (tokens, _) = self.flow(&mut self.browser(), &self.request(scope)).await;
        self.server.userinfo(&tokens.access).await.expect(200).json()
    }
}

pub fn every_claim() -> StandardClaims {
    let text = |text: &str| Some(text.to_owned());
    StandardClaims {
        name: text("Alice Example"),
        given_name: text("Alice"),
        family_name: text("Example"),
        middle_name: text("Quinn"),
        nickname: text("Al"),
        preferred_username: text("alice"),
        profile: text("https://alice.example/about"),
        picture: text("https://alice.example/picture.png"),
        website: text("https://alice.example/"),
        gender: text("female"),
        birthdate: text("1990-04-01"),
        zoneinfo: text("Europe/Paris"),
        locale: text("en-GB"),
        email: text("alice@example.com"),
        email_verified: Some(true),
        phone_number: text("+1 202 555 0142"),
        phone_number_verified: Some(false),
        address: Some(Address {
            formatted: text("1 Main Street"),
            country: text("US"),
            ..Address::default()
        }),
    }
}

const PROFILE: [&str; 14] = [
    "name",
    "given_name",
    "family_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "picture",
    "website",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
    "updated_at",
];
const EMAIL: [&str; 2] = ["email", "email_verified"];
const PHONE: [&str; 2] = ["phone_number", "phone_number_verified"];

/// Exactly these claims beside `sub`.
#[track_caller]
fn assert_claims(info: &Value, expected: &[&str]) {
    let mut names: Vec<&str> = info.as_object().unwrap().keys().map(String::as_str).collect();
    let mut wanted: Vec<&str> = expected.iter().copied().chain(["sub"]).collect();
    names.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(names, wanted);
}

both_stores! {
    async fn oidcc_server(db: TestDb) {
        let suite = Suite::new(db).await;
        let (_, id_token) = suite.flow(&mut suite.browser(), &suite.request("openid")).await;
        assert_eq!(id_token.get("name"), None, "no claim that was not asked for");
    }

    async fn oidcc_response_type_missing(db: TestDb) {
        let suite = Suite::new(db).await;
        let answer = suite.browser().authorize(&suite.request("openid").without("response_type")).await.callback();
        assert_eq!((answer.get("error"), answer.get("state")), ("invalid_request", "the-state"));
        assert_eq!(answer.get("code"), "");
    }

    async fn oidcc_idtoken_signature(db: TestDb) {
        use base64::Engine as _;
        let suite = Suite::new(db).await;
        let (tokens, _) = suite.flow(&mut suite.browser(), &suite.request("openid")).await;
        let header = tokens.id.unwrap().split('.').next().unwrap().to_owned();
        let header = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(header).unwrap();
        let header: Value = serde_json::from_slice(&header).unwrap();
        assert_eq!(header["alg"], "RS256");
        let jwks = suite.server.get("/.well-known/jwks.json").await.expect(200).json();
        let keys = jwks["keys"].as_array().unwrap();
        assert_eq!(keys.iter().filter(|key| key["kid"] == header["kid"]).count(), 1);
        assert!(keys.iter().all(|key| key.get("d").is_none()));
    }

    async fn oidcc_userinfo_get_post_header_post_body(db: TestDb) {
        let suite = Suite::new(db).await;
        let (tokens, id_token) = suite.flow(&mut suite.browser(), &suite.request("openid")).await;
        let server = &suite.server;
        for request in [
            server.get("/userinfo").bearer(&tokens.access),
            server.request(axum::http::Method::POST, "/userinfo").bearer(&tokens.access),
            server.post_form("/userinfo", &[("access_token", &tokens.access)]),
        ] {
            assert_eq!(request.await.expect(200).json()["sub"], id_token["sub"]);
        }
    }

    /// The suite also leaves the nonce out; a client without PKCE may not here (RFC 9700 §2.1.1), one with PKCE may.
    async fn oidcc_ensure_request_without_nonce_succeeds_for_code_flow(db: TestDb) {
        let suite = Suite::new(db).await;
        let request = AuthRequest::new(&suite.client, "openid").without("nonce");
        suite.flow(&mut suite.browser(), &request).await;
    }

    async fn oidcc_scope_profile_email_address_phone_all(db: TestDb) {
        let suite = Suite::new(db).await;
        assert_claims(&suite.userinfo("openid").await, &[]);
        let profile = suite.userinfo("openid profile").await;
        assert_claims(&profile, &PROFILE);
        assert!(profile["updated_at"].is_number());
        assert_claims(&suite.userinfo("openid email").await, &EMAIL);
        assert_claims(&suite.userinfo("openid address").await, &["address"]);
        assert_claims(&suite.userinfo("openid phone").await, &PHONE);
        let all: Vec<&str> = [&PROFILE[..], &EMAIL, &PHONE, &["address"]].concat();
        assert_claims(&suite.userinfo("openid profile email address phone").await, &all);
        assert_claims(&suite.userinfo("phone address email openid profile").await, &all);
    }

    async fn oidcc_alternate_happy_flow(db: TestDb) {
        let suite = Suite::new(db).await;
        let mut request = suite.request("email openid");
        request.params.reverse();
        suite.flow(&mut suite.browser(), &request).await;
    }

    async fn oidcc_display_login_hint_locales_acr_values_unknown_parameter(db: TestDb) {
        let suite = Suite::new(db).await;
        for (name, value) in [
            ("display", "page"),
            ("display", "popup"),
            ("login_hint", "alice"),
            ("ui_locales", "se"),
            ("claims_locales", "se"),
            ("extra", "foobar"),
        ] {
            suite.flow(&mut suite.browser(), &suite.request("openid").set(name, value)).await;
        }
        let metadata = suite.server.get("/.well-known/openid-configuration").await.expect(200).json();
        let request = suite.request("openid").set("acr_values", "1 2");
        let (_, id_token) = suite.flow(&mut suite.browser(), &request).await;
        assert!(metadata["acr_values_supported"].as_array().unwrap().contains(&id_token["acr"]));
    }

    async fn oidcc_prompt_login(db: TestDb) {
        let suite = Suite::new(db).await;
        let mut browser = suite.browser();
        let (_, first) = suite.flow(&mut browser, &suite.request("openid")).await;
        suite.server.advance(1);
        let again = suite.request("openid").set("prompt", "login");
        assert!(browser.authorize(&again).await.page().is_sign_in());
        let answer = browser.sign_in("alice", PASSWORD).await.callback();
        let (_, second) = suite.check(&again, &answer).await;
        assert!(second["auth_time"].as_i64() > first["auth_time"].as_i64());
    }

    async fn oidcc_prompt_none_not_logged_in(db: TestDb) {
        let suite = Suite::new(db).await;
        let state = "s".repeat(128);
        let request = suite.request("openid").set("prompt", "none").set("state", &state);
        let answer = suite.browser().authorize(&request).await.callback();
        assert_eq!((answer.get("error"), answer.get("state")), ("login_required", state.as_str()));
    }

    async fn oidcc_prompt_none_logged_in(db: TestDb) {
        let suite = Suite::new(db).await;
        let mut browser = suite.browser();
        let (_, first) = suite.flow(&mut browser, &suite.request("openid")).await;
        suite.server.advance(5);
        let silent = suite.request("openid").set("prompt", "none");
        let answer = browser.authorize(&silent).await.callback();
        let (_, second) = suite.check(&silent, &answer).await;
        assert_eq!((&second["sub"], &second["auth_time"]), (&first["sub"], &first["auth_time"]));
    }

    async fn oidcc_max_age_1(db: TestDb) {
        let suite = Suite::new(db).await;
        let mut browser = suite.browser();
        let (_, first) = suite.flow(&mut browser, &suite.request("openid")).await;
        suite.server.advance(2);
        let again = suite.request("openid").set("max_age", "1");
        assert!(browser.authorize(&again).await.page().is_sign_in());
        let answer = browser.sign_in("alice", PASSWORD).await.callback();
        let (_, second) = suite.check(&again, &answer).await;
        assert_eq!(second["auth_time"].as_i64(), first["auth_time"].as_i64().map(|time| time + 2));
    }

    async fn oidcc_max_age_10000(db: TestDb) {
        let suite = Suite::new(db).await;
        let mut browser = suite.browser();
        let request = suite.request("openid").set("max_age", "10000");
        let (_, first) = suite.flow(&mut browser, &request).await;
        suite.server.advance(1);
        let answer = browser.authorize(&request).await.callback();
        let (_, second) = suite.check(&request, &answer).await;
        assert!(first["auth_time"].is_number());
        assert_eq!(first["auth_time"], second["auth_time"]);
    }

    async fn oidcc_id_token_hint(db: TestDb) {
        let suite = Suite::new(db).await;
        let mut browser = suite.browser();
        let (tokens, first) = suite.flow(&mut browser, &suite.request("openid")).await;
        let hinted = suite.request("openid").set("prompt", "none").set("id_token_hint", tokens.id.as_deref().unwrap());
        let answer = browser.authorize(&hinted).await.callback();
        let (_, second) = suite.check(&hinted, &answer).await;
        assert_eq!(first["sub"], second["sub"]);
    }

    async fn oidcc_codereuse(db: TestDb) {
        let suite = Suite::new(db).await;
        for wait in [0, 30] {
            let request = suite.request("openid");
            let answer = suite.browser().grant(&request, "alice").await;
            let (tokens, _) = suite.check(&request, &answer).await;
            suite.server.advance(wait);
            let fields = [
                ("grant_type", "authorization_code"),
                ("code", &answer.code()),
                ("redirect_uri", &suite.client.redirect_uri),
            ];
            suite.server.token(&suite.client, &fields).await.expect_error(400, "invalid_grant");
            suite.server.userinfo(&tokens.access).await.expect_error(401, "invalid_token");
        }
    }

    async fn oidcc_ensure_registered_redirect_uri(db: TestDb) {
        let suite = Suite::new(db).await;
        let request = suite.request("openid").set("redirect_uri", "https://suite.example/callback/other");
        assert_eq!(suite.browser().authorize(&request).await.page().status(), 400);
    }

    async fn oidcc_ensure_post_request_succeeds(db: TestDb) {
        let suite = Suite::new(db).await;
        suite.flow(&mut suite.browser(), &suite.request("openid")).await;
        let request = suite.request("openid");
        let pairs: Vec<_> = request.params.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let mut browser = suite.browser();
        browser.navigate("/authorize", suite.server.post_form("/authorize", &pairs)).await.page();
        let answer = browser.sign_in("alice", PASSWORD).await.callback();
        suite.check(&request, &answer).await;
    }

    async fn oidcc_server_client_secret_post(db: TestDb) {
        let suite = Suite::new(db).await;
        let answer = suite.browser().grant(&suite.request("openid"), "alice").await;
        let response = suite.server.post_form("/token", &[
            ("grant_type", "authorization_code"),
            ("code", &answer.code()),
            ("redirect_uri", &suite.client.redirect_uri),
            ("client_id", &suite.client.id),
            ("client_secret", suite.client.secret.as_deref().unwrap()),
        ]);
        Tokens::of(response.await);
    }

    async fn oidcc_request_uri_and_request_rejected_as_unsupported(db: TestDb) {
        let suite = Suite::new(db).await;
        for (name, value, error) in [
            ("request", "eyJhbGciOiJub25lIn0.e30.", "invalid_request_object"),
            ("request_uri", "https://suite.example/object", "request_uri_not_supported"),
        ] {
            let answer = suite.browser().authorize(&suite.request("openid").set(name, value)).await.callback();
            assert_eq!((answer.get("error"), answer.get("state")), (error, "the-state"));
        }
    }

    async fn oidcc_claims_essential(db: TestDb) {
        let suite = Suite::new(db).await;
        let asked = json!({"userinfo": {"name": {"essential": true}}}).to_string();
        let (tokens, id_token) = suite.flow(&mut suite.browser(), &suite.request("openid").set("claims", &asked)).await;
        assert_eq!(id_token.get("name"), None);
        assert_eq!(suite.server.userinfo(&tokens.access).await.json()["name"], "Alice Example");
        let metadata = suite.server.get("/.well-known/openid-configuration").await.expect(200).json();
        assert_eq!(metadata["claims_parameter_supported"], true);
    }

    async fn oidcc_refresh_token(db: TestDb) {
        let suite = Suite::new(db).await;
        let request = suite.request("openid offline_access").set("prompt", "consent");
        let (tokens, first) = suite.flow(&mut suite.browser(), &request).await;
        suite.server.advance(1);
        let response = suite.server.refresh(&suite.client, tokens.refresh()).await;
        assert_eq!(response.header("cache-control"), "no-store");
        let renewed = Tokens::of(response);
        assert_eq!(renewed.json["token_type"], "Bearer");
        let second = claims(renewed.id.as_deref().unwrap());
        for same in ["iss", "sub", "aud", "auth_time"] {
            assert_eq!(second[same], first[same], "{same}");
        }
        assert!(second["iat"].as_i64() > first["iat"].as_i64());
        let other = suite.server.add_client(ClientSpec::web("second")).await;
        suite.server.refresh(&other, renewed.refresh()).await.expect_error(400, "invalid_grant");
        let metadata = suite.server.get("/.well-known/openid-configuration").await.expect(200).json();
        assert!(metadata["grant_types_supported"].as_array().unwrap().contains(&json!("refresh_token")));
    }

    async fn oidcc_ensure_request_with_valid_pkce_succeeds(db: TestDb) {
        let suite = Suite::new(db).await;
        suite.flow(&mut suite.browser(), &AuthRequest::new(&suite.client, "openid")).await;
    }

    /// The plan of the same name runs all modules by form; success, an error, and an error after a question stand for them.
    async fn oidcc_formpost_basic(db: TestDb) {
        let suite = Suite::new(db).await;
        let request = suite.request("openid").set("response_mode", "form_post");
        let mut browser = suite.browser();
        suite.flow(&mut browser, &request).await;
        let response = browser
            .request(axum::http::Method::GET, &format!("/authorize?{}", request.query()))
            .await
            .expect(200);
        assert_eq!(response.header("location"), "", "nothing in a query");
        let answer = suite.browser().authorize(&request.clone().set("prompt", "none")).await.callback();
        assert_eq!((answer.get("error"), answer.get("state")), ("login_required", "the-state"));
        let answer = suite.browser().authorize(&request.without("response_type")).await.callback();
        assert_eq!((answer.get("error"), answer.get("state")), ("invalid_request", "the-state"));
    }
}

both_stores! {
    /// RFC 7009 §2.2: the body means nothing. Clients that read JSON refuse another media type, and take none.
    async fn the_answer_to_a_revocation_names_no_media_type(db: TestDb) {
        let server = TestServer::new(db).await;
        let client = server.add_client(ClientSpec::web("web")).await;
        let tokens = server.code_flow(&client, "openid offline_access").await;
        let answer = server.revoke(&client, tokens.refresh()).await;
        let answer = answer.expect(200);
        assert_eq!((answer.text(), answer.headers.get("content-type")), ("", None));
    }
}
