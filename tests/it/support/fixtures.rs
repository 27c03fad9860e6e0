//! Users, clients, APIs, and the requests that clients make.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis::crypto::client_secret;
use portcullis::crypto::digest::sha256;
use portcullis::crypto::opaque::{Kind, OpaqueToken};
use portcullis::crypto::random;
use portcullis::model::api::{AccessTokenFormat, Api, ApiId, ApiScope, ApiSettings};
use portcullis::model::client::{Client, ClientMetadata, ClientSecret, ConsentPolicy, SecretVerifier};
use portcullis::model::user::{PairwiseSalt, PasswordHash, User, UserId, Username};
use portcullis::protocol::client_auth_method::ClientAuthMethod;
use portcullis::protocol::grant_type::GrantType;
use portcullis::protocol::ids::ClientId;
use portcullis::protocol::redirect_uri::RedirectUri;
use portcullis::protocol::scope::Scope;
use portcullis::protocol::signing_alg::SigningAlg;
use portcullis::protocol::standard_claims::StandardClaims;
use portcullis::store::{ApiWrite, ClientWrite, SecretRotation, UserWrite};
use serde_json::Value;

use super::browser::{AuthRequest, Browser};
use super::http::{TestRequest, TestResponse};
use super::server::TestServer;

/// The password of every test user.
pub const PASSWORD: &str = "correct horse battery staple";

/// A scope from its text.
pub fn scope(text: &str) -> Scope {
    Scope::parse(text).unwrap()
}

/// A client about to be registered.
pub struct ClientSpec {
    id: String,
    metadata: ClientMetadata,
    with_secret: bool,
}

impl ClientSpec {
    /// A confidential web app: `https://<id>.example/callback`, `openid profile email offline_access api:read`.
    pub fn web(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            metadata: ClientMetadata {
                auth_methods: vec![ClientAuthMethod::ClientSecretBasic, ClientAuthMethod::ClientSecretPost],
                redirect_uris: vec![RedirectUri::register(&format!("https://{id}.example/callback")).unwrap()],
                grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
                scope: scope("openid profile email offline_access api:read"),
                ..ClientMetadata::new(format!("The {id} app"))
            },
            with_secret: true,
        }
    }

    /// The same without a secret.
    pub fn public(id: &str) -> Self {
        let mut spec = Self::web(id);
        spec.metadata.auth_methods = vec![ClientAuthMethod::None];
        spec.with_secret = false;
        spec
    }

    /// A program that acts for itself: client credentials, `jobs:run jobs:read`.
    pub fn service(id: &str) -> Self {
        Self::web(id).metadata(|metadata| {
            metadata.redirect_uris = Vec::new();
            metadata.grant_types = vec![GrantType::ClientCredentials];
            metadata.scope = scope("jobs:run jobs:read");
        })
    }

    /// An app on a device without a browser, which keeps no secret: `openid profile email offline_access api:read`.
    pub fn device(id: &str) -> Self {
        Self::public(id).metadata(|metadata| {
            metadata.redirect_uris = Vec::new();
            metadata.grant_types = vec![GrantType::DeviceCode, GrantType::RefreshToken];
        })
    }

    /// Never asks for consent.
    pub fn trusted(self) -> Self {
        self.metadata(|metadata| metadata.consent = ConsentPolicy::Trusted)
    }

    /// Changes anything.
    pub fn metadata(mut self, change: impl FnOnce(&mut ClientMetadata)) -> Self {
        change(&mut self.metadata);
        self
    }
}

/// A registered client, with the secret that only it knows.
#[derive(Clone, Debug)]
pub struct TestClient {
    pub id: String,
    pub secret: Option<String>,
    pub redirect_uri: String,
}

impl TestClient {
    /// Its name as the server has it.
    pub fn client_id(&self) -> ClientId {
        ClientId::parse(&self.id).unwrap()
    }
}

/// What a token endpoint gave out.
#[derive(Clone, Debug)]
pub struct Tokens {
    pub access: String,
    pub refresh: Option<String>,
    pub id: Option<String>,
    /// The whole answer.
    pub json: Value,
}

impl Tokens {
    /// Reads a token answer; fails unless it is one.
    #[track_caller]
    pub fn of(response: TestResponse) -> Self {
        let json = response.expect(200).json();
        let text = |name: &str| json[name].as_str().map(str::to_owned);
        Self {
            access: text("access_token").expect("an access token"),
            refresh: text("refresh_token"),
            id: text("id_token"),
            json,
        }
    }

    /// The refresh token; fails if there is none.
    #[track_caller]
    pub fn refresh(&self) -> &str {
        self.refresh.as_deref().expect("a refresh token")
    }
}

/// The claims of a JWT, unverified.
pub fn claims(jwt: &str) -> Value {
    let payload = jwt.split('.').nth(1).expect("a JWT");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// The S256 challenge of a verifier (RFC 7636 §4.2).
pub fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(sha256(verifier.as_bytes()))
}

/// A fresh verifier (RFC 7636 §4.1).
pub fn verifier() -> String {
    URL_SAFE_NO_PAD.encode(random::bytes::<32>())
}

/// An API with these scopes.
pub fn api(audience: &str, scopes: &[&str], format: AccessTokenFormat) -> ApiSettings {
    let describe = |name: &&str| ApiScope {
        name: (*name).to_owned(),
        description: format!("Use {name}"),
    };
    ApiSettings {
        name: audience.to_owned(),
        scopes: scopes.iter().map(describe).collect(),
        format,
        algorithm: SigningAlg::Es256,
        lifetime: None,
    }
}

impl TestServer {
    /// A user whose password is [`PASSWORD`].
    pub async fn add_user(&self, name: &str) -> User {
        let now = self.app.clock().now();
        let user = User {
            id: UserId(self.app.row_key(now)),
            username: Username::register(name).unwrap(),
            password: Some(PasswordHash(self.app.passwords().hash(PASSWORD).await.unwrap())),
            claims: StandardClaims {
                name: Some(format!("{name} Example")),
                email: Some(format!("{name}@example.com")),
                ..StandardClaims::default()
            },
            is_admin: false,
            pairwise_salt: PairwiseSalt(random::bytes()),
            created_at: now,
            updated_at: now,
            disabled_at: None,
        };
        assert_eq!(self.store().insert_user(&user).await.unwrap(), UserWrite::Done);
        user
    }

    /// The user `alice`, who is made when first needed.
    pub async fn alice(&self) -> User {
        let name = Username::register("alice").unwrap();
        match self.store().user_by_name(&name).await.unwrap() {
            Some(user) => user,
            None => self.add_user("alice").await,
        }
    }

    /// Registers a client.
    pub async fn add_client(&self, spec: ClientSpec) -> TestClient {
        let now = self.app.clock().now();
        let with_secret = spec.with_secret && spec.metadata.has_secret();
        let secret = with_secret.then(|| OpaqueToken::generate(Kind::ClientSecret));
        let id = ClientId::parse(&spec.id).unwrap();
        let stored = secret
            .as_ref()
            .map(|secret| self.new_secret(&id, &spec.metadata, secret));
        let redirect_uri = spec.metadata.redirect_uris.first();
        let registered = TestClient {
            id: spec.id.clone(),
            secret: secret.map(|secret| secret.expose().to_owned()),
            redirect_uri: redirect_uri.map(|uri| uri.as_str().to_owned()).unwrap_or_default(),
        };
        let client = Client {
            client_id: registered.client_id(),
            revision: 1,
            metadata: spec.metadata,
            secrets: stored.into_iter().collect(),
            has_logo: false,
            created_at: now,
            updated_at: now,
            disabled_at: None,
        };
        assert_eq!(self.store().insert_client(&client).await.unwrap(), ClientWrite::Done);
        registered
    }

    /// `secret` as it is stored.
    fn new_secret(&self, client: &ClientId, metadata: &ClientMetadata, secret: &OpaqueToken) -> ClientSecret {
        let now = self.app.clock().now();
        let id = self.app.row_key(now);
        let seal = || client_secret::seal(self.app.master_key(), client, id, secret.expose().as_bytes());
        ClientSecret {
            id,
            verifier: SecretVerifier::Digest(secret.digest()),
            sealed: metadata.has_mac_secret().then(seal),
            created_at: now,
            expires_at: None,
        }
    }

    /// Gives a client another secret; the present one counts for `overlap` seconds more.
    pub async fn rotate_sealed(&self, client: &mut TestClient, overlap: i64) {
        let stored = self.store().client(&client.client_id()).await.unwrap().unwrap();
        let fresh = OpaqueToken::generate(Kind::ClientSecret);
        let secret = self.new_secret(&stored.client_id, &stored.metadata, &fresh);
        let rotation = SecretRotation {
            client: &stored,
            secret: &secret,
            overlap_until: secret.created_at.plus(overlap),
        };
        assert_eq!(self.store().rotate_secret(&rotation).await.unwrap(), ClientWrite::Done);
        client.secret = Some(fresh.expose().to_owned());
    }

    /// Registers an API; see [`api`] for settings.
    pub async fn add_api(&self, audience: &str, settings: ApiSettings) -> ApiId {
        let now = self.app.clock().now();
        let api = Api {
            id: ApiId(self.app.row_key(now)),
            audience: audience.to_owned(),
            settings,
            created_at: now,
        };
        assert_eq!(self.store().insert_api(&api).await.unwrap(), ApiWrite::Done);
        api.id
    }

    /// A form to `path`, authenticated the client's own way: Basic, or by name alone.
    pub fn post_as(&self, client: &TestClient, path: &str, fields: &[(&str, &str)]) -> TestRequest {
        match &client.secret {
            Some(secret) => self.post_form(path, fields).basic(&client.id, secret),
            None => {
                let mut fields = fields.to_vec();
                fields.push(("client_id", &client.id));
                self.post_form(path, &fields)
            }
        }
    }

    /// A token request.
    pub fn token(&self, client: &TestClient, fields: &[(&str, &str)]) -> TestRequest {
        self.post_as(client, "/token", fields)
    }

    /// Redeems a code that `request` got.
    pub fn redeem(&self, client: &TestClient, code: &str, request: &AuthRequest) -> TestRequest {
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &client.redirect_uri),
            ("code_verifier", &request.verifier),
        ];
        self.token(client, &fields)
    }

    /// Uses a refresh token.
    pub fn refresh(&self, client: &TestClient, token: &str) -> TestRequest {
        self.token(client, &[("grant_type", "refresh_token"), ("refresh_token", token)])
    }

    /// Asks for the client's own token.
    pub fn client_credentials(&self, client: &TestClient) -> TestRequest {
        self.token(client, &[("grant_type", "client_credentials")])
    }

    /// Revokes a token.
    pub fn revoke(&self, client: &TestClient, token: &str) -> TestRequest {
        self.post_as(client, "/revoke", &[("token", token)])
    }

    /// Asks about a token.
    pub fn introspect(&self, client: &TestClient, token: &str) -> TestRequest {
        self.post_as(client, "/introspect", &[("token", token)])
    }

    /// Asks about the person behind an access token.
    pub fn userinfo(&self, access_token: &str) -> TestRequest {
        self.get("/userinfo").bearer(access_token)
    }

    /// A code for alice in a new browser: signs in, consents. Returns the request too, for its verifier.
    pub async fn code(&self, client: &TestClient, scope: &str) -> (String, AuthRequest) {
        self.alice().await;
        let request = AuthRequest::new(client, scope);
        let callback = Browser::new(self).grant(&request, "alice").await;
        (callback.code(), request)
    }

    /// The whole happy path for alice in a new browser.
    pub async fn code_flow(&self, client: &TestClient, scope: &str) -> Tokens {
        let (code, request) = self.code(client, scope).await;
        Tokens::of(self.redeem(client, &code, &request).await)
    }
}
