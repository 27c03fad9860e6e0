//! The crate `oauth2` as the client on a device: start, poll at the pace that it is told, tokens or the person's refusal.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use oauth2::basic::{BasicClient, BasicTokenResponse};
use oauth2::{
    ClientId, DeviceAuthorizationUrl, DeviceCodeErrorResponse, DeviceCodeErrorResponseType, RequestTokenError, Scope,
    StandardDeviceAuthorizationResponse, TokenResponse as _, TokenUrl,
};

use crate::openidconnect_client::send;
use crate::support::{Browser, ClientSpec, TestServer, both_stores};

type Outcome = Result<BasicTokenResponse, RequestTokenError<std::convert::Infallible, DeviceCodeErrorResponse>>;

/// Runs the library against `server`. Where it would sleep, time goes by for the server: `early` is what the library cheats by
/// the first time, in seconds; before its third poll somebody answers `decision`. Returns what the library made of it, and how
/// long it meant to wait each time.
async fn device_flow(server: &TestServer, early: i64, decision: Option<&'static str>) -> (Outcome, Vec<u64>) {
    let http = |request| send(server.clone(), request);
    let client = BasicClient::new(ClientId::new("tv".to_owned()))
        .set_token_uri(TokenUrl::new("https://id.example/token".to_owned()).unwrap())
        .set_device_authorization_url(
            DeviceAuthorizationUrl::new("https://id.example/device/code".to_owned()).unwrap(),
        );
    let started: StandardDeviceAuthorizationResponse = client
        .exchange_device_code()
        .add_scope(Scope::new("openid".to_owned()))
        .add_scope(Scope::new("offline_access".to_owned()))
        .request_async(&http)
        .await
        .unwrap();
    assert_eq!(started.interval(), Duration::from_secs(5));
    assert_eq!(started.expires_in(), Duration::from_secs(600));
    assert_eq!(started.verification_uri().as_str(), "https://id.example/device");
    assert!(started.verification_uri_complete().is_some());
    let user_code = started.user_code().secret().clone();
    let waits = Arc::new(Mutex::new(Vec::new()));
    let sleep = |wait: Duration| {
        let (server, waits, user_code) = (server.clone(), waits.clone(), user_code.clone());
        async move {
            let seconds = wait.as_secs();
            let polls = {
                let mut waits = waits.lock().unwrap();
                waits.push(seconds);
                waits.len()
            };
            let cheated = if polls == 1 { early } else { 0 };
            server.advance(i64::try_from(seconds).unwrap() - cheated);
            if let (3, Some(decision)) = (polls, decision) {
                Browser::new(&server).answer_device(&user_code, "alice", decision).await;
            }
            if decision.is_none() {
                server.advance(600);
            }
        }
    };
    let outcome = client
        .exchange_device_access_token(&started)
        .request_async(&http, sleep, None)
        .await;
    let waits = waits.lock().unwrap().clone();
    (outcome, waits)
}

#[track_caller]
fn refused(outcome: Outcome) -> DeviceCodeErrorResponseType {
    match outcome {
        Err(RequestTokenError::ServerResponse(response)) => response.error().clone(),
        other => panic!("not an error of RFC 8628: {other:?}"),
    }
}

both_stores! {
    async fn a_device_gets_its_tokens(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        server.add_client(ClientSpec::device("tv")).await;
        let (outcome, waits) = device_flow(&server, 0, Some("allow")).await;
        let tokens = outcome.unwrap();
        assert_eq!(waits, [5, 5, 5]);
        assert!(tokens.refresh_token().is_some());
        assert_eq!(tokens.expires_in(), Some(Duration::from_secs(900)));
        let scopes: Vec<_> = tokens.scopes().unwrap().iter().map(|scope| scope.as_str()).collect();
        assert_eq!(scopes, ["openid", "offline_access"]);
        server.userinfo(tokens.access_token().secret()).await.expect(200);
    }

    async fn a_device_in_a_hurry_is_slowed_down(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        server.add_client(ClientSpec::device("tv")).await;
        let (outcome, waits) = device_flow(&server, 4, Some("allow")).await;
        outcome.unwrap();
        assert_eq!(waits, [5, 10, 10], "the library heard slow_down");
    }

    async fn a_refusal_and_an_expiry_end_it(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        server.add_client(ClientSpec::device("tv")).await;
        let denied = refused(device_flow(&server, 0, Some("deny")).await.0);
        assert_eq!(denied.to_string(), "access_denied");
        let expired = refused(device_flow(&server, 0, None).await.0);
        assert_eq!(expired, DeviceCodeErrorResponseType::ExpiredToken);
    }
}
