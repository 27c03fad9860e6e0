//! A device, and the person who lets it in.

use serde_json::Value;

use super::browser::{Browser, Landed, Page};
use super::fixtures::{PASSWORD, TestClient, Tokens};
use super::http::TestRequest;
use super::server::TestServer;

/// The grant type of devices (RFC 8628 §3.4).
pub const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// A device that waits.
#[derive(Clone, Debug)]
pub struct Device {
    pub client: TestClient,
    pub device_code: String,
    pub user_code: String,
    /// What it was told.
    pub json: Value,
}

impl Device {
    /// Reads the answer of the device authorization endpoint.
    pub fn of(client: &TestClient, json: Value) -> Self {
        let text = |name: &str| json[name].as_str().expect("a string").to_owned();
        Self {
            client: client.clone(),
            device_code: text("device_code"),
            user_code: text("user_code"),
            json,
        }
    }
}

impl TestServer {
    /// A device authorization request.
    pub fn device_request(&self, client: &TestClient, fields: &[(&str, &str)]) -> TestRequest {
        self.post_as(client, "/device/code", fields)
    }

    /// A device that asks for `scope`.
    pub async fn start_device(&self, client: &TestClient, scope: &str) -> Device {
        let started = self.device_request(client, &[("scope", scope)]).await.expect(200);
        Device::of(client, started.json())
    }

    /// A device asks whether it was let in.
    pub fn poll(&self, device: &Device) -> TestRequest {
        self.token(
            &device.client,
            &[("grant_type", DEVICE_GRANT), ("device_code", &device.device_code)],
        )
    }

    /// A device of alice's, let in and with tokens.
    pub async fn device_flow(&self, client: &TestClient, scope: &str) -> Tokens {
        self.alice().await;
        let device = self.start_device(client, scope).await;
        Browser::new(self)
            .answer_device(&device.user_code, "alice", "allow")
            .await;
        Tokens::of(self.poll(&device).await)
    }
}

impl Browser {
    /// Opens the page for devices and enters a code.
    pub async fn enter_code(&mut self, user_code: &str) -> Page {
        self.open("/device").await;
        self.submit(&[("user_code", user_code)]).await.page()
    }

    /// Enters a code and signs in if asked: ends at the question.
    pub async fn visit_device(&mut self, user_code: &str, user: &str) -> Page {
        let page = self.enter_code(user_code).await;
        let landed = if page.is_sign_in() {
            self.sign_in(user, PASSWORD).await
        } else {
            Landed::Page(page)
        };
        let page = landed.page();
        assert!(page.path.ends_with("/confirm"), "{}: {}", page.path, page.heading());
        page
    }

    /// Goes all the way for `user`: `allow` or `deny`.
    pub async fn answer_device(&mut self, user_code: &str, user: &str, decision: &str) -> Page {
        self.visit_device(user_code, user).await;
        self.submit(&[("decision", decision)]).await.page()
    }
}
