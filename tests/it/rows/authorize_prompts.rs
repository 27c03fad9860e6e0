//! AZ-30 to AZ-34, AZ-36, AZ-37: what a request demands of the sign-in.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis::crypto::jwt;
use portcullis::crypto::keys::{KeyRing, generate};
use portcullis::crypto::seal::MasterKey;
use portcullis::model::signing_key::SigningKey;
use portcullis::protocol::error::Reason;
use portcullis::protocol::signing_alg::SigningAlg;
use serde_json::{Value, json};

use super::answers::{count, get, refused};
use crate::support::{
    AuthRequest, Browser, Callback, ClientSpec, PASSWORD, TestClient, TestDb, TestServer, Tokens, both_stores, claims,
};

/// A browser that alice has signed in and consented with.
async fn setup(db: TestDb) -> (TestServer, TestClient, Browser) {
    let server = TestServer::new(db).await;
    server.alice().await;
    let client = server.add_client(ClientSpec::web("shop")).await;
    let mut browser = Browser::new(&server);
    browser.grant(&AuthRequest::new(&client, "openid email"), "alice").await;
    (server, client, browser)
}

async fn id_token(server: &TestServer, client: &TestClient, request: &AuthRequest, answer: &Callback) -> Value {
    let tokens = Tokens::of(server.redeem(client, &answer.code(), request).await);
    claims(&tokens.id.unwrap())
}

/// An answer by redirect that tells the error, and gives no code.
#[track_caller]
fn assert_error(answer: &Callback, error: &str) {
    assert_eq!((answer.get("error"), answer.get("code")), (error, ""));
    assert_eq!(
        (answer.get("state"), answer.get("iss")),
        ("the-state", "https://id.example")
    );
}

both_stores! {
    async fn az_30_prompt_none_without_a_sign_in_is_login_required(db: TestDb) {
        let (server, client, _) = setup(db).await;
        let request = AuthRequest::new(&client, "openid").set("prompt", "none");
        let response = get(&server, &request).await;
        super::answers::assert_back(&response, &server, &request, Reason::NotSignedIn);
        assert_eq!(response.header("set-cookie"), "");
        assert_error(&Browser::new(&server).authorize(&request).await.callback(), "login_required");
        assert_eq!(count(&server, "interaction").await, 1, "that of the setup: nothing waits for an answer");
    }

    async fn az_31_prompt_none_without_consent_is_consent_required(db: TestDb) {
        let (server, client, mut browser) = setup(db).await;
        let silent = |scope: &str| AuthRequest::new(&client, scope).set("prompt", "none");
        assert_error(&browser.authorize(&silent("openid profile")).await.callback(), "consent_required");
        browser.authorize(&silent("openid")).await.callback().code();
        let other = server.add_client(ClientSpec::web("other")).await;
        let never = AuthRequest::new(&other, "openid").set("prompt", "none");
        assert_error(&browser.authorize(&never).await.callback(), "consent_required");
    }

    async fn az_32_prompt_none_beside_another_is_refused(db: TestDb) {
        let (server, client, _) = setup(db).await;
        for prompt in ["none login", "login none", "none consent", "none select_account", "None", "create", "login foo"] {
            let request = AuthRequest::new(&client, "openid").set("prompt", prompt);
            refused(&server, &client, &request, Reason::PromptInvalid).await;
        }
    }

    /// The account first: whoever chooses theirs still proves that it is them, and is then asked for consent. Each once.
    async fn all_prompts_together_are_asked_once_each(db: TestDb) {
        let (_, client, mut browser) = setup(db).await;
        let request = AuthRequest::new(&client, "openid").set("prompt", "consent  select_account login");
        let page = browser.authorize(&request).await.page();
        assert!(page.path.ends_with("/account"), "{}", page.path);
        let mine = page.buttons("account")[0].clone();
        assert!(browser.submit(&[("account", &mine)]).await.page().is_sign_in());
        assert!(browser.sign_in("alice", PASSWORD).await.page().is_consent());
        browser.consent("allow").await.callback().code();
        // A fresh sign-in is a choice of account.
        browser.cookies().clear();
        assert!(browser.authorize(&request).await.page().is_sign_in());
        assert!(browser.sign_in("alice", PASSWORD).await.page().is_consent());
        browser.consent("allow").await.callback().code();
    }

    async fn az_33_prompt_login_asks_for_the_password_each_time(db: TestDb) {
        let (server, client, mut browser) = setup(db).await;
        let before = server.app.clock().now();
        server.advance(100);
        let request = AuthRequest::new(&client, "openid").set("prompt", "login");
        let page = browser.authorize(&request).await.page();
        assert!(page.is_sign_in());
        // Going past the page leads back to it: no consent page, no code without the password.
        let consent = page.path.replace("/login", "/consent");
        let skipped = browser.open(&consent).await.page();
        let skipped = if skipped.is_consent() { browser.consent("allow").await.page() } else { skipped };
        assert!(skipped.is_sign_in(), "{}", skipped.path);
        let answer = browser.sign_in("alice", PASSWORD).await.callback();
        let token = id_token(&server, &client, &request, &answer).await;
        assert_eq!(token["auth_time"], before.0 + 100);
        // Back to the form, or to the old request: neither gives another code.
        assert_eq!(browser.open(&page.path).await.page().status(), 409);
        assert!(browser.authorize(&request).await.page().is_sign_in());
        browser.authorize(&request.set("prompt", "none")).await.callback().code();
    }

    async fn az_34_max_age_asks_again_once_the_sign_in_is_older(db: TestDb) {
        let (server, client, mut browser) = setup(db).await;
        let signed_in_at = server.app.clock().now();
        server.advance(2);
        for max_age in ["0", "1"] {
            let request = AuthRequest::new(&client, "openid").set("max_age", max_age);
            let silent = request.clone().set("prompt", "none");
            assert_error(&browser.authorize(&silent).await.callback(), "login_required");
            assert!(browser.authorize(&request).await.page().is_sign_in());
            let answer = browser.sign_in("alice", PASSWORD).await.callback();
            let token = id_token(&server, &client, &request, &answer).await;
            assert_eq!(token["auth_time"], server.app.clock().now().0);
            server.advance(2);
        }
        let young_enough = AuthRequest::new(&client, "openid").set("max_age", "10000");
        let answer = browser.authorize(&young_enough).await.callback();
        let token = id_token(&server, &client, &young_enough, &answer).await;
        assert!(token["auth_time"].as_i64().unwrap() > signed_in_at.0, "that of the last sign-in");
    }

    /// `max_age=0` is never met by a session alone, not even in the second in which it began.
    async fn az_34_max_age_0_asks_even_at_once(db: TestDb) {
        let (_, client, mut browser) = setup(db).await;
        let request = AuthRequest::new(&client, "openid").set("max_age", "0");
        assert!(browser.authorize(&request).await.page().is_sign_in());
        browser.sign_in("alice", PASSWORD).await.callback().code();
        assert!(browser.authorize(&request).await.page().is_sign_in());
        browser.authorize(&request.set("max_age", "1")).await.callback().code();
    }

    async fn az_36_a_hint_for_somebody_else_never_gives_a_code_for_the_session(db: TestDb) {
        let (server, client, mut browser) = setup(db).await;
        let bob = server.add_user("bob").await;
        let request = AuthRequest::new(&client, "openid");
        let mut bobs_browser = Browser::new(&server);
        let answer = bobs_browser.grant(&request, "bob").await;
        let hint = Tokens::of(server.redeem(&client, &answer.code(), &request).await).id.unwrap();
        let request = request.set("id_token_hint", &hint);

        bobs_browser.authorize(&request).await.callback().code();
        assert_error(&browser.authorize(&request.clone().set("prompt", "none")).await.callback(), "login_required");
        assert!(browser.authorize(&request).await.page().is_sign_in());
        assert_error(&browser.sign_in("alice", PASSWORD).await.callback(), "login_required");
        let other = AuthRequest::new(&client, "openid").set("id_token_hint", &hint);
        assert!(browser.authorize(&other).await.page().is_sign_in());
        let answer = browser.sign_in("bob", PASSWORD).await.callback();
        assert_eq!(id_token(&server, &client, &other, &answer).await["sub"], bob.id.to_string());
    }

    async fn az_37_a_hint_that_is_not_our_id_token_for_this_client_is_refused(db: TestDb) {
        let (server, client, _) = setup(db).await;
        let other = server.add_client(ClientSpec::web("other")).await;
        let own = server.code_flow(&client, "openid offline_access").await;
        let hint = own.id.clone().unwrap();
        let parts: Vec<&str> = hint.split('.').collect();
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let none = encode(&json!({"alg": "none", "typ": "JWT"}));
        let mut altered = claims(&hint);
        altered["sub"] = json!("somebody else");
        for (why, wrong) in [
            ("alg none", format!("{none}.{}.", parts[1])),
            ("alg none, signature kept", format!("{none}.{}.{}", parts[1], parts[2])),
            ("no signature", format!("{}.{}.", parts[0], parts[1])),
            ("other claims", format!("{}.{}.{}", parts[0], encode(&altered), parts[2])),
            ("foreign key", signed_by_a_stranger(&claims(&hint))),
            ("another client", server.code_flow(&other, "openid").await.id.unwrap()),
            ("an access token", own.access.clone()),
            ("a refresh token", own.refresh().to_owned()),
            ("no token", "x".to_owned()),
            ("no token", "..".to_owned()),
            ("too long", "x".repeat(30_000)),
        ] {
            let request = AuthRequest::new(&client, "openid").set("id_token_hint", &wrong);
            assert!(get(&server, &request).await.location().contains("error=invalid_request"), "{why}");
            refused(&server, &client, &request, Reason::IdTokenHintInvalid).await;
        }
        // Expired is fine (OpenID Connect Core §3.1.2.1).
        server.advance(3600);
        let request = AuthRequest::new(&client, "openid").set("id_token_hint", &hint);
        Browser::new(&server).grant(&request, "alice").await.code();
    }
}

/// The same claims under a key that is not ours.
fn signed_by_a_stranger(claims: &Value) -> String {
    let now = portcullis::time::Clock::System.now();
    let master = MasterKey::new([9; 32]);
    let key = generate(SigningAlg::Es256).unwrap();
    let row = SigningKey {
        kid: key.kid.clone(),
        alg: key.alg,
        generation: 1,
        sealed_private: key.seal(&master),
        public_jwk: key.public_jwk,
        created_at: now,
        active_from: now,
        retires_at: None,
        gone_at: None,
        revoked_at: None,
    };
    let ring = KeyRing::open(&[row], &master).unwrap();
    jwt::sign(ring.signer(SigningAlg::Es256, now).unwrap(), "JWT", claims).unwrap()
}
