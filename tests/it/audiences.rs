//! For whom a token is: an API counts only for those who have something to do with it.

use portcullis::model::api::{AccessTokenFormat, ApiSettings};
use portcullis::protocol::signing_alg::SigningAlg;

use crate::support::{AuthRequest, Browser, ClientSpec, PASSWORD, TestServer, api, both_stores, claims, seconds};

const NOTES: &str = "https://notes.example";
const PAYROLL: &str = "https://payroll.example";

async fn with_two_apis(db: crate::support::TestDb, payroll: impl FnOnce(ApiSettings) -> ApiSettings) -> TestServer {
    let server = TestServer::new(db).await;
    server
        .add_api(NOTES, api(NOTES, &["api:read"], AccessTokenFormat::Jwt))
        .await;
    let settings = payroll(api(PAYROLL, &["jobs:read"], AccessTokenFormat::Jwt));
    server.add_api(PAYROLL, settings).await;
    server
}

both_stores! {
    /// Naming an API is not enough to get a token that it takes: many check nothing but the audience.
    async fn co_22_an_api_is_no_audience_for_strangers(db: TestDb) {
        let server = with_two_apis(db, |settings| settings).await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        server.alice().await;
        let asked = AuthRequest::new(&client, "openid api:read").set("resource", PAYROLL);
        assert_eq!(Browser::new(&server).authorize(&asked).await.callback().get("error"), "invalid_target");

        let (code, request) = server.code(&client, "openid api:read offline_access").await;
        let redeem = |resource| [
            ("grant_type", "authorization_code".to_owned()),
            ("code", code.clone()),
            ("redirect_uri", client.redirect_uri.clone()),
            ("code_verifier", request.verifier.clone()),
            ("resource", String::from(resource)),
        ];
        let send = async |fields: &[(&str, String)]| {
            let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
            server.token(&client, &fields).await
        };
        send(&redeem(PAYROLL)).await.expect_error(400, "invalid_target");
        let tokens = send(&redeem(NOTES)).await.expect(200).json();
        let audience = claims(tokens["access_token"].as_str().unwrap())["aud"].clone();
        assert_eq!(audience, serde_json::json!([NOTES, "https://id.example"]));
        let refresh = tokens["refresh_token"].as_str().unwrap();
        let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh), ("resource", PAYROLL)];
        server.token(&client, &fields).await.expect_error(400, "invalid_target");

        let service = server.add_client(ClientSpec::service("export")).await;
        let machine = |resource| [("grant_type", "client_credentials"), ("resource", resource)];
        server.token(&service, &machine(NOTES)).await.expect_error(400, "invalid_target");
        let token = server.token(&service, &machine(PAYROLL)).await.expect(200).json();
        assert_eq!(claims(token["access_token"].as_str().unwrap())["aud"], PAYROLL);
    }

    /// One token has one signature and one life: APIs that disagree are asked for one at a time, and the shorter life counts.
    async fn a_token_for_two_apis_suits_both(db: TestDb) {
        let server = with_two_apis(db, |settings| ApiSettings { lifetime: Some(86_400), ..settings }).await;
        let both = |client: &mut portcullis::model::client::ClientMetadata| {
            client.scope = crate::support::scope("api:read jobs:read");
        };
        let client = server.add_client(ClientSpec::service("export").metadata(both)).await;
        let token = server.client_credentials(&client).await.expect(200).json();
        assert_eq!(token["expires_in"], 900, "the other API relies on the default");

        let apis = server.store().apis().await.unwrap();
        let payroll = apis.iter().find(|api| api.audience == PAYROLL).unwrap();
        let other = ApiSettings { algorithm: SigningAlg::Rs256, ..payroll.settings.clone() };
        server.store().update_api(payroll.id, &other).await.unwrap();
        server.client_credentials(&client).await.expect_error(400, "invalid_target");
        let one = [("grant_type", "client_credentials"), ("resource", PAYROLL)];
        let token = server.token(&client, &one).await.expect(200).json();
        assert_eq!((&token["scope"], &token["expires_in"]), (&"jobs:read".into(), &86_400.into()));
    }

    /// A person who keeps clicking stays signed in, however short the idle timeout is.
    async fn a_short_idle_timeout_counts_from_the_last_click(db: TestDb) {
        let server = TestServer::with(db, |config| config.sessions.idle_timeout = seconds(60)).await;
        server.alice().await;
        let mut browser = Browser::new(&server);
        browser.open("/login").await.page();
        browser.sign_in("alice", PASSWORD).await.page();
        for _ in 0..10 {
            server.advance(20);
            assert_eq!(browser.open("/").await.page().heading(), "You are signed in");
        }
        server.advance(61);
        assert_ne!(browser.open("/").await.page().heading(), "You are signed in");
    }

    async fn supervision_is_outside_of_the_issuers_path(db: TestDb) {
        let server = TestServer::at(db, "https://id.example/tenant", |_| {}).await;
        server.get("/healthz").await.expect(200);
        server.get("/readyz").await.expect(200);
    }

    /// The old password was verified, and then replaced: the sign-in that rests on it comes too late.
    async fn rc_10_a_sign_in_under_way_does_not_outlive_its_password(db: TestDb) {
        let server = TestServer::new(db).await;
        let alice = server.alice().await;
        let now = server.app.clock().now();
        let verified = alice.password.clone().unwrap();
        let session = portcullis::model::browser_session::BrowserSession {
            id: portcullis::model::browser_session::BrowserSessionId(server.app.row_key(now)),
            user_id: alice.id,
            auth_time: now,
            acr: "1".to_owned(),
            amr: vec!["pwd".to_owned()],
            created_at: now,
            expires_at: now.plus(600),
            ended_at: None,
            user_agent: None,
            address: None,
        };
        let new = portcullis::model::user::PasswordHash("$argon2id$another".to_owned());
        server.store().set_password(alice.id, &new, now).await.unwrap();
        assert!(!server.store().insert_browser_session(&session, Some(&verified)).await.unwrap());
        assert!(server.store().insert_browser_session(&session, Some(&new)).await.unwrap());
    }
}
