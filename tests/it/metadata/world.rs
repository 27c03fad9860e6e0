//! A server, known by its metadata alone, with alice and as many clients as are wanted.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use axum::http::Method;
use portcullis::config::Config;
use portcullis::crypto::jwt::{Expected, ForeignExpected, JwtError, verify_with_jwk_set};
use portcullis::model::client::ClientMetadata;
use portcullis::protocol::standard_claims::{Address, StandardClaims};
use serde_json::Value;
use url::Url;

use crate::support::jwe::ClientKeys;
use crate::support::{
    AuthRequest, Browser, Callback, ClientSpec, Https, Landed, PASSWORD, TestClient, TestDb, TestRequest, TestServer,
    Tokens, scope,
};

pub const SCOPES: &str = "openid profile email address phone offline_access";

#[derive(Clone)]
pub struct World {
    pub server: TestServer,
    /// The metadata, equal under both names.
    pub document: Value,
    /// Where clients keep request objects and hear of sign-outs. It answers everything with [`Self::leave`].
    pub https: Arc<Https>,
    pub keys: Arc<ClientKeys>,
    left: Arc<Mutex<String>>,
    clients: Arc<AtomicU32>,
}

impl World {
    pub async fn new(db: TestDb, issuer: &str, change: impl FnOnce(&mut Config)) -> Self {
        let left = Arc::<Mutex<String>>::default();
        let kept = left.clone();
        let https = Https::answering(move || {
            let body = kept.lock().unwrap().clone();
            async move { body }
        });
        let server = TestServer::at(db, issuer, |config| {
            https.permit(config);
            change(config);
        })
        .await;
        let mut alice = server.alice().await;
        alice.claims = every_claim();
        server
            .store()
            .set_claims(&alice, server.app.clock().now())
            .await
            .unwrap();
        let document = document(&server).await;
        Self {
            server,
            document,
            https: Arc::new(https),
            keys: Arc::new(ClientKeys::new()),
            left,
            clients: Arc::default(),
        }
    }

    /// Leaves a document at the client's own server.
    pub fn leave(&self, document: &str) {
        document.clone_into(&mut self.left.lock().unwrap());
    }

    pub fn issuer(&self) -> &str {
        self.server.app.issuer()
    }

    pub fn values(&self, member: &str) -> Vec<String> {
        super::values(member, &self.document[member])
    }

    /// The path of the address that a member names, which is one of ours.
    #[track_caller]
    pub fn path(&self, member: &str) -> String {
        let address = self.document[member]
            .as_str()
            .unwrap_or_else(|| panic!("{member} is an address"));
        let url = Url::parse(address).unwrap();
        assert_eq!(
            url.origin().ascii_serialization(),
            self.server.app.config().issuer.origin(),
            "{member}"
        );
        assert_eq!((url.query(), url.fragment()), (None, None), "{member}");
        url.path().to_owned()
    }

    /// A client that is never asked about, with every scope.
    pub async fn client(&self, change: impl FnOnce(&mut ClientMetadata)) -> TestClient {
        self.asked(|metadata| {
            metadata.consent = portcullis::model::client::ConsentPolicy::Trusted;
            change(metadata);
        })
        .await
    }

    /// The same, but people are asked whether it may.
    pub async fn asked(&self, change: impl FnOnce(&mut ClientMetadata)) -> TestClient {
        let id = format!("client-{}", self.clients.fetch_add(1, Ordering::Relaxed));
        let spec = ClientSpec::web(&id).metadata(|metadata| {
            metadata.scope = scope(SCOPES);
            change(metadata);
        });
        self.server.add_client(spec).await
    }

    pub fn browser(&self) -> Browser {
        Browser::new(&self.server)
    }

    /// Where an authorization request is sent.
    pub fn authorize(&self, request: &AuthRequest) -> String {
        format!("{}?{}", self.path("authorization_endpoint"), request.query())
    }

    /// Sends an authorization request.
    pub async fn send(&self, browser: &mut Browser, request: &AuthRequest) -> Landed {
        browser.open(&self.authorize(request)).await
    }

    /// Goes all the way for alice.
    pub async fn grant(&self, browser: &mut Browser, request: &AuthRequest) -> Callback {
        let mut landed = self.send(browser, request).await;
        if matches!(&landed, Landed::Page(page) if page.is_sign_in()) {
            landed = browser.sign_in("alice", PASSWORD).await;
        }
        if matches!(&landed, Landed::Page(page) if page.is_consent()) {
            landed = browser.consent("allow").await;
        }
        landed.callback()
    }

    /// Fails unless the client gets this error and no code, whoever is signed in.
    pub async fn refused(&self, request: &AuthRequest, error: &str) {
        let answer = self.send(&mut self.browser(), request).await.callback();
        assert_eq!(
            (answer.get("error"), answer.get("code")),
            (error, ""),
            "{:?}",
            request.params
        );
        assert_eq!(answer.get("iss"), self.issuer());
    }

    /// A form to the endpoint that `member` names.
    pub fn post(&self, client: &TestClient, member: &str, fields: &[(&str, &str)]) -> TestRequest {
        self.server.post_as(client, &self.path(member), fields)
    }

    /// A token request.
    pub fn token(&self, client: &TestClient, fields: &[(&str, &str)]) -> TestRequest {
        self.post(client, "token_endpoint", fields)
    }

    /// What `request` comes to, in a new browser.
    pub async fn granted(&self, client: &TestClient, request: &AuthRequest) -> Tokens {
        self.granted_in(&mut self.browser(), client, request).await
    }

    pub async fn granted_in(&self, browser: &mut Browser, client: &TestClient, request: &AuthRequest) -> Tokens {
        let code = self.grant(browser, request).await.code();
        Tokens::of(self.token(client, &redemption(client, request, &code)).await)
    }

    pub async fn tokens(&self, client: &TestClient, scope: &str) -> Tokens {
        self.granted(client, &AuthRequest::new(client, scope)).await
    }

    pub fn userinfo(&self, tokens: &Tokens) -> TestRequest {
        let path = self.path("userinfo_endpoint");
        self.server.request(Method::GET, &path).bearer(&tokens.access)
    }

    /// The header of a JWT of the server's, checked as a client does: with the published keys only.
    pub async fn verified(&self, jwt: &str, typ: &str, audience: &str) -> Result<Value, JwtError> {
        let jwks = self.server.get(&self.path("jwks_uri")).await.expect(200).json();
        let expected = ForeignExpected {
            token: Expected {
                typ: &[typ],
                issuer: self.issuer(),
                now: self.server.app.clock().now(),
                leeway_seconds: 0,
                allow_expired: false,
            },
            audience,
        };
        verify_with_jwk_set(jwt, &jwks, &expected).map(|(header, _)| Value::Object(header))
    }
}

/// The fields that redeem a code.
pub fn redemption<'a>(client: &'a TestClient, request: &'a AuthRequest, code: &'a str) -> [(&'a str, &'a str); 4] {
    [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", &client.redirect_uri),
        ("code_verifier", &request.verifier),
    ]
}

/// OpenID Connect Discovery §4 puts the name behind the issuer, RFC 8414 §3.1 before its path.
async fn document(server: &TestServer) -> Value {
    let path = server.app.config().issuer.path().trim_end_matches('/').to_owned();
    let openid = format!("{path}/.well-known/openid-configuration");
    let oauth = format!("/.well-known/oauth-authorization-server{path}");
    let mut both = Vec::new();
    for path in [openid, oauth] {
        let response = server.get(&path).await.expect(200);
        assert_eq!(response.header("content-type"), "application/json");
        both.push(response.json());
    }
    assert_eq!(both[0], both[1]);
    both.swap_remove(0)
}

/// A person of whom everything is known.
fn every_claim() -> StandardClaims {
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
