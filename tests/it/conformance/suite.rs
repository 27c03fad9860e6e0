//! The suite's side: a provider set up as `config/examples/conformance.toml` says, clients that register themselves with it, a
//! browser without script, and what every module checks.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::http::{StatusCode, Uri};
use axum::response::IntoResponse as _;
use portcullis::config::{self, Config, LoadArgs};
use portcullis::crypto::random;
use portcullis::protocol::standard_claims::StandardClaims;
use serde_json::{Value, json};

use super::checks::{
    self, Verified, assert_description, assert_id_token_claims, assert_public_keys, assert_unguessable, half_hash,
};
use crate::support::assertion::{ClientKey, JWT_BEARER, mac};
use crate::support::{
    AuthRequest, Browser, Callback, Https, Landed, PASSWORD, Page, TestDb, TestRequest, TestResponse, TestServer,
    Tokens, challenge, document, verifier,
};
use portcullis::protocol::signing_alg::SigningAlg;

/// What a plan runs its modules with.
#[derive(Clone, Copy, Debug)]
pub struct Variant {
    /// `token_endpoint_auth_method` of the clients.
    pub auth: &'static str,
    /// `response_mode` of the requests; `None` leaves it out.
    pub mode: Option<&'static str>,
}

impl Variant {
    pub const BASIC: Self = Self {
        auth: "client_secret_basic",
        mode: None,
    };
    pub const FORM_POST: Self = Self {
        auth: "client_secret_basic",
        mode: Some("form_post"),
    };
    pub const PRIVATE_KEY_JWT: Self = Self {
        auth: "private_key_jwt",
        mode: None,
    };

    fn by_form(self) -> bool {
        self.mode == Some("form_post")
    }
}

type Published = Arc<Mutex<BTreeMap<String, (&'static str, Vec<u8>)>>>;

/// One run of the suite against one provider.
pub struct Suite {
    pub server: TestServer,
    pub variant: Variant,
    /// What discovery told at the start.
    pub metadata: Value,
    /// Where the suite is reached by the provider.
    pub https: Https,
    published: Published,
    /// The registrations that have to be deleted at the end.
    registered: Mutex<Vec<Value>>,
}

const ISSUER: &str = "https://op.internal:9443";

impl Suite {
    pub async fn new(db: TestDb, variant: Variant) -> Self {
        let published = Published::default();
        let there = published.clone();
        let https = Https::answering(move |uri: Uri| async move {
            match there.lock().unwrap().get(uri.path()).cloned() {
                Some((media_type, body)) => document(media_type, body),
                None => StatusCode::OK.into_response(),
            }
        });
        let server = TestServer::at(db, ISSUER, |config| {
            take_over(config, &example());
            https.permit(config);
        })
        .await;
        give_every_claim(&server).await;
        let found = server.get("/.well-known/openid-configuration").await.expect(200);
        assert_eq!(found.header("content-type"), "application/json");
        let suite = Self {
            metadata: found.json(),
            server,
            variant,
            https,
            published,
            registered: Mutex::default(),
        };
        assert_eq!(suite.metadata["issuer"], ISSUER);
        assert_public_keys(&suite.jwks().await);
        suite
    }

    /// Where a member of the metadata leads, at this provider.
    pub fn path(&self, member: &str) -> String {
        let url = self.metadata[member].as_str().unwrap_or_else(|| panic!("no {member}"));
        url.strip_prefix(ISSUER)
            .unwrap_or_else(|| panic!("{member}: {url}"))
            .to_owned()
    }

    /// Whether a list of the metadata has this value.
    pub fn supports(&self, member: &str, value: &str) -> bool {
        let list = self.metadata[member].as_array();
        list.is_some_and(|list| list.iter().any(|known| known == value))
    }

    /// The provider's keys as they are now.
    pub async fn jwks(&self) -> Value {
        self.server.get(&self.path("jwks_uri")).await.expect(200).json()
    }

    /// An address of the suite.
    pub fn url(&self, path: &str) -> String {
        self.https.url(&format!("/test/a/portcullis{path}"))
    }

    /// Serves a document at [`Self::url`] of the same path.
    pub fn publish(&self, path: &str, media_type: &'static str, body: impl Into<Vec<u8>>) {
        let path = format!("/test/a/portcullis{path}");
        self.published.lock().unwrap().insert(path, (media_type, body.into()));
    }

    /// A browser that has never been here.
    pub fn browser(&self) -> Browser {
        Browser::new(&self.server)
    }

    /// What the suite registers, with the members of `more` over it.
    pub fn registration(&self, rp: &Rp<'_>, more: &Value) -> Value {
        let mut document = json!({
            "client_name": "OIDF Conformance Test x7VvUqLzXc",
            "grant_types": ["authorization_code"],
            "jwks": rp.jwks(),
            "token_endpoint_auth_method": rp.auth,
            "response_types": ["code"],
            "redirect_uris": [rp.redirect_uri],
            "contacts": ["certification@oidf.org"],
        });
        let members = document.as_object_mut().unwrap();
        for (name, value) in more.as_object().unwrap() {
            match value {
                Value::Null => drop(members.remove(name)),
                value => drop(members.insert(name.clone(), value.clone())),
            }
        }
        document
    }

    pub fn post_registration(&self, document: &Value) -> TestRequest {
        let path = self.path("registration_endpoint");
        self.server
            .request(axum::http::Method::POST, &path)
            .body("application/json", document.to_string())
    }

    /// A registration that has to be refused: 400 with this error.
    pub async fn refuse_registration(&self, more: Value, error: &str) {
        let rp = Rp::new(self, self.variant.auth);
        let refused = self.post_registration(&self.registration(&rp, &more)).await;
        assert_eq!(refused.header("content-type"), "application/json");
        let refused = refused.expect_error(400, error);
        assert_description(refused.json()["error_description"].as_str().unwrap());
    }

    /// A client that authenticates as the plan has it.
    pub async fn register(&self, more: Value) -> Rp<'_> {
        Rp::new(self, self.variant.auth).register(more).await
    }

    /// Deletes the clients (RFC 7592 §2.3): the end of every module.
    pub async fn finish(&self) {
        let registered = std::mem::take(&mut *self.registered.lock().unwrap());
        for client in registered {
            self.manage("DELETE", &client).await.expect(204);
        }
    }

    /// A request to where a client is managed.
    pub fn manage(&self, method: &str, registered: &Value) -> TestRequest {
        let uri = registered["registration_client_uri"].as_str().unwrap();
        let path = uri.strip_prefix(ISSUER).expect("https at the issuer");
        self.server
            .request(method.parse().unwrap(), path)
            .header("accept", "application/json")
            .bearer(registered["registration_access_token"].as_str().unwrap())
    }

    /// Signs alice in and allows what is asked, as far as pages ask: by what the suite's browser finds on them.
    pub async fn answer(&self, browser: &mut Browser, mut landed: Landed) -> Landed {
        if matches!(&landed, Landed::Page(page) if page.is_sign_in()) {
            assert_sign_in_page(&landed.page());
            landed = browser.sign_in("alice", PASSWORD).await;
        }
        if matches!(&landed, Landed::Page(page) if page.is_consent()) {
            assert_eq!(landed.page().buttons("decision"), ["deny", "allow"]);
            landed = browser.consent("allow").await;
        }
        landed
    }
}

/// A sign-in page as it has to be for the suite's browser.
#[track_caller]
pub fn assert_sign_in_page(page: &Page) {
    assert!(page.is_sign_in(), "{}", page.heading());
    let fields: Vec<_> = page.form().fields.into_iter().map(|(name, _)| name).collect();
    assert!(fields.iter().any(|name| name == "username") && fields.iter().any(|name| name == "password"));
    let text = page.response.text();
    assert!(
        text.contains("id=\"login-submit\"") && text.contains("Sign in"),
        "{text}"
    );
}

/// A page that says what is wrong; nobody is sent anywhere.
#[track_caller]
pub fn assert_error_page(landed: Landed) {
    let page = landed.page();
    assert_eq!(page.status(), 400, "{}", page.heading());
    assert!(page.response.header("content-type").starts_with("text/html"));
    assert_eq!(page.response.header("location"), "");
}

fn root(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn example() -> Config {
    let args = LoadArgs {
        file: Some(root("config/examples/conformance.toml")),
        env: std::iter::empty(),
        overrides: Vec::new(),
    };
    config::load(args).unwrap()
}

/// What the example changes, but for where this machine's files are.
fn take_over(config: &mut Config, example: &Config) {
    assert_eq!(example.issuer.to_string(), ISSUER);
    config.limits = example.limits.clone();
    config.sessions = example.sessions.clone();
    config.registration = example.registration.clone();
    config.requests = example.requests.clone();
    config.client_keys = example.client_keys.clone();
    config.outbound = example.outbound.clone();
    config.logout = example.logout.clone();
}

/// The example's person.
async fn give_every_claim(server: &TestServer) {
    let mut user = server.alice().await;
    let claims = std::fs::read_to_string(root("config/examples/user.json")).unwrap();
    user.claims = serde_json::from_str::<StandardClaims>(&claims).unwrap();
    server
        .store()
        .set_claims(&user, server.app.clock().now())
        .await
        .unwrap();
}

/// Letters and digits, and in a long one the other characters that need no escape.
pub fn draw(length: usize) -> String {
    match length {
        0..=10 => random::draw(random::BASE62, length),
        longer => random::draw(random::BASE62, longer - 4) + "-._~",
    }
}

/// A client of the suite.
pub struct Rp<'a> {
    suite: &'a Suite,
    pub auth: &'static str,
    pub key: ClientKey,
    /// Whether the key goes by a name. Those that are registered by value do not.
    pub named: bool,
    pub redirect_uri: String,
    /// The answer to the registration.
    pub registered: Value,
}

/// What a whole flow gave.
pub struct Flow {
    pub tokens: Tokens,
    pub id_token: Verified,
}

impl Flow {
    pub fn claim(&self, name: &str) -> &Value {
        &self.id_token.claims[name]
    }

    pub fn raw(&self) -> &str {
        self.tokens.id.as_deref().unwrap()
    }
}

impl<'a> Rp<'a> {
    /// Not registered yet.
    pub fn new(suite: &'a Suite, auth: &'static str) -> Self {
        Self {
            suite,
            auth,
            key: ClientKey::rsa(SigningAlg::Rs256),
            named: false,
            redirect_uri: suite.url("/callback"),
            registered: Value::Null,
        }
    }

    /// Its public key, as it registers or publishes it.
    pub fn jwks(&self) -> Value {
        let mut jwk = self.key.jwk();
        if !self.named {
            jwk.as_object_mut().unwrap().remove("kid");
        }
        json!({ "keys": [jwk] })
    }

    pub async fn register(mut self, more: Value) -> Self {
        let sent = self.suite.registration(&self, &more);
        let answer = self.suite.post_registration(&sent).await.expect(201);
        assert_eq!(answer.header("content-type"), "application/json");
        let told = answer.json();
        assert!(told.get("error").is_none());
        assert!(told["client_id"].is_string());
        assert_eq!(
            told.get("client_secret").is_some(),
            told.get("client_secret_expires_at").is_some()
        );
        assert_eq!(
            told.get("client_secret").is_some(),
            self.auth.starts_with("client_secret")
        );
        assert!(
            told["registration_client_uri"]
                .as_str()
                .unwrap()
                .starts_with("https://")
        );
        assert!(told["registration_access_token"].is_string());
        for (name, value) in sent.as_object().unwrap() {
            assert_eq!(told[name], *value, "{name} is registered as it was sent");
        }
        self.suite.registered.lock().unwrap().push(told.clone());
        self.registered = told;
        self
    }

    pub fn id(&self) -> &str {
        self.registered["client_id"].as_str().unwrap()
    }

    /// Without PKCE, but where a server has to insist: of clients without a secret (RFC 9700 §2.1.1).
    pub fn request(&self, scope: &str) -> AuthRequest {
        let mut request = AuthRequest {
            params: Vec::new(),
            verifier: String::new(),
        }
        .and("client_id", self.id())
        .and("redirect_uri", &self.redirect_uri)
        .and("scope", scope)
        .and("state", &draw(10))
        .and("nonce", &draw(10))
        .and("response_type", "code");
        if let Some(mode) = self.suite.variant.mode {
            request = request.and("response_mode", mode);
        }
        if self.auth == "none" {
            with_pkce(request)
        } else {
            request
        }
    }

    /// Sends a request; a page may be the answer.
    pub async fn visit(&self, browser: &mut Browser, request: &AuthRequest) -> Landed {
        let path = format!("{}?{}", self.suite.path("authorization_endpoint"), request.query());
        browser.open(&path).await
    }

    /// Sends a request, and answers all questions.
    pub async fn authorize(&self, browser: &mut Browser, request: &AuthRequest) -> Callback {
        let landed = self.visit(browser, request).await;
        self.suite.answer(browser, landed).await.callback()
    }

    /// The answer came to the right place by the right way, and is for this request.
    #[track_caller]
    fn assert_answer(&self, request: &AuthRequest, answer: &Callback, members: &[&str]) {
        assert_eq!(answer.by_form, self.suite.variant.by_form(), "{answer:?}");
        let uri = request.params.iter().find(|(name, _)| name == "redirect_uri");
        let (base, query) = match uri.unwrap().1.split_once('?') {
            Some((base, query)) => (base, query),
            None => (uri.unwrap().1.as_str(), ""),
        };
        assert!(answer.uri.starts_with(base), "{answer:?}");
        let state = request.params.iter().find(|(name, _)| name == "state");
        assert_eq!(answer.params.get("state"), state.map(|(_, value)| value));
        assert_eq!(answer.get("iss"), ISSUER);
        for name in answer.params.keys() {
            let own = query.split('&').any(|pair| pair.split('=').next() == Some(name));
            let known = ["state", "iss", "session_state"].contains(&name.as_str());
            assert!(own || known || members.contains(&name.as_str()), "{answer:?}");
        }
    }

    /// A code as it should be.
    #[track_caller]
    pub fn code(&self, request: &AuthRequest, answer: &Callback) -> String {
        let code = answer.code();
        self.assert_answer(request, answer, &["code"]);
        assert_unguessable("the code", &code);
        code
    }

    /// An error for the client, one of `expected`.
    #[track_caller]
    pub fn assert_error(&self, request: &AuthRequest, answer: &Callback, expected: &[&str]) {
        assert!(expected.contains(&answer.get("error")), "{answer:?}");
        self.assert_answer(request, answer, &["error", "error_description", "error_uri"]);
        assert_description(answer.get("error_description"));
    }

    /// An error that says that a page would have been needed.
    #[track_caller]
    pub fn assert_interaction_needed(&self, request: &AuthRequest, answer: &Callback) {
        let errors = [
            "login_required",
            "interaction_required",
            "consent_required",
            "account_selection_required",
        ];
        self.assert_error(request, answer, &errors);
    }

    /// A token request, authenticated as registered.
    pub fn token(&self, fields: &[(&str, &str)]) -> TestRequest {
        self.token_asserting(fields, self.suite.metadata["token_endpoint"].as_str().unwrap())
    }

    /// The same, an assertion being for `audience`.
    pub fn token_asserting(&self, fields: &[(&str, &str)], audience: &str) -> TestRequest {
        let path = self.suite.path("token_endpoint");
        let secret = self.registered["client_secret"].as_str().unwrap_or_default();
        let post = |more: &[(&str, &str)]| self.suite.server.post_form(&path, &[fields, more].concat());
        match self.auth {
            "client_secret_basic" => post(&[]).basic(self.id(), secret),
            "client_secret_post" => post(&[("client_id", self.id()), ("client_secret", secret)]),
            "none" => post(&[("client_id", self.id())]),
            _ => {
                let assertion = self.assertion(audience);
                post(&[("client_assertion_type", JWT_BEARER), ("client_assertion", &assertion)])
            }
        }
    }

    fn assertion(&self, audience: &str) -> String {
        let now = self.suite.server.app.clock().now().as_i64();
        let claims = json!({
            "iss": self.id(), "sub": self.id(), "aud": audience, "jti": random::draw(random::BASE62, 20),
            "nbf": now, "iat": now, "exp": now + 60,
        });
        match self.auth {
            "client_secret_jwt" => {
                let secret = self.registered["client_secret"].as_str().unwrap();
                mac(secret.as_bytes(), &json!({"alg": "HS256"}), &claims)
            }
            "private_key_jwt" => self.sign(&claims),
            other => panic!("{other}"),
        }
    }

    /// A JWS by its key, with nothing in the header that is not needed.
    pub fn sign(&self, claims: &Value) -> String {
        let mut header = json!({"alg": "RS256"});
        if self.named {
            header["kid"] = self.key.kid.as_str().into();
        }
        self.key.sign_with(&header, claims)
    }

    pub fn redeem(&self, request: &AuthRequest, code: &str) -> TestRequest {
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.redirect_uri),
        ];
        if !request.verifier.is_empty() {
            fields.push(("code_verifier", &request.verifier));
        }
        self.token(&fields)
    }

    /// A refusal of the token endpoint, in its form (RFC 6749 §5.2).
    pub async fn assert_token_refused(&self, request: TestRequest, error: &str) {
        let response = request.await;
        assert_eq!(response.header("content-type"), "application/json");
        let refused = response.expect_error(400, error).json();
        assert_description(refused["error_description"].as_str().unwrap());
    }

    /// The whole flow: request, questions, code, tokens, userinfo.
    pub async fn flow(&self, browser: &mut Browser, request: &AuthRequest) -> Flow {
        let answer = self.authorize(browser, request).await;
        self.complete(request, &answer).await
    }

    /// From the answer on.
    pub async fn complete(&self, request: &AuthRequest, answer: &Callback) -> Flow {
        let code = self.code(request, answer);
        let tokens = self.tokens(self.redeem(request, &code).await);
        self.check_tokens(request, tokens).await
    }

    /// A token answer as it should be (RFC 6749 §5.1).
    #[track_caller]
    pub fn tokens(&self, response: TestResponse) -> Tokens {
        assert_eq!(response.status, 200, "{}", response.text());
        assert_eq!(response.header("content-type"), "application/json");
        assert_eq!(response.header("cache-control"), "no-store");
        let tokens = Tokens::of(response);
        assert_eq!(tokens.json["token_type"], "Bearer");
        assert!(tokens.json["expires_in"].as_i64().is_some_and(|seconds| seconds > 0));
        assert_unguessable("the access token", &tokens.access);
        if let Some(refresh) = &tokens.refresh {
            assert_unguessable("the refresh token", refresh);
        }
        tokens
    }

    /// The ID token as every module checks it, and userinfo of the same person.
    async fn check_tokens(&self, request: &AuthRequest, tokens: Tokens) -> Flow {
        let id_token = self.check_id_token(tokens.id.as_deref().expect("an ID token")).await;
        let nonce = request.params.iter().find(|(name, _)| name == "nonce");
        assert_eq!(
            id_token.claims["nonce"].as_str(),
            nonce.map(|(_, value)| value.as_str())
        );
        assert_eq!(id_token.claims["at_hash"], half_hash(&tokens.access));
        let flow = Flow { tokens, id_token };
        if self.registered.get("userinfo_signed_response_alg").is_none() {
            let info = self.userinfo(
                self.suite
                    .server
                    .get(&self.suite.path("userinfo_endpoint"))
                    .bearer(&flow.tokens.access),
            );
            assert_eq!(info.await["sub"], *flow.claim("sub"));
        }
        flow
    }

    pub async fn check_id_token(&self, token: &str) -> Verified {
        let verified = checks::verify(&self.suite.jwks().await, token);
        let claims = &verified.claims;
        let now = self.suite.server.app.clock().now().as_i64();
        assert_eq!((&claims["iss"], &claims["aud"]), (&ISSUER.into(), &self.id().into()));
        assert_eq!(claims["iat"], now);
        assert!(claims["exp"].as_i64().unwrap() > now);
        let sub = claims["sub"].as_str().unwrap();
        assert!(!sub.is_empty() && sub.len() <= 255 && sub.is_ascii());
        assert_id_token_claims(claims);
        verified
    }

    /// An answer of userinfo as JSON.
    pub async fn userinfo(&self, request: TestRequest) -> Value {
        let response = request.await.expect(200);
        assert_eq!(response.header("content-type"), "application/json");
        response.json()
    }
}

/// The same with a challenge for a fresh verifier.
pub fn with_pkce(mut request: AuthRequest) -> AuthRequest {
    request.verifier = verifier();
    let challenge = challenge(&request.verifier);
    request
        .and("code_challenge", &challenge)
        .and("code_challenge_method", "S256")
}
