//! What a request is made of, function by function, where no network and no disk is in the way: `cargo bench --bench
//! functions`. The database is a SQLite file that nobody changes.

use std::sync::LazyLock;

use divan::{Bencher, black_box};
use portcullis::app::App;
use portcullis::authorize::request::assemble;
use portcullis::authorize::validate::{ValidateCx, validate};
use portcullis::client_auth::{Presented, authenticate};
use portcullis::config::{Config, Secret};
use portcullis::crypto::jwt::{Expected, verify};
use portcullis::crypto::keys::{KeyRing, generate};
use portcullis::crypto::opaque::{Kind, OpaqueToken};
use portcullis::crypto::seal::MasterKey;
use portcullis::model::api::AccessTokenFormat;
use portcullis::model::caller::Caller;
use portcullis::model::client::{Client, ClientMetadata, ClientSecret, SecretVerifier};
use portcullis::model::signing_key::SigningKey;
use portcullis::protocol::client_auth_method::ClientAuthMethod;
use portcullis::protocol::grant_type::GrantType;
use portcullis::protocol::ids::ClientId;
use portcullis::protocol::params::Params;
use portcullis::protocol::redirect_uri::RedirectUri;
use portcullis::protocol::scope::Scope;
use portcullis::protocol::signing_alg::SigningAlg;
use portcullis::store::{Predecessors, Store, StoreOptions};
use portcullis::time::{Clock, Timestamp};
use portcullis::tokens::access::{self, Mint, Subject};
use portcullis::tokens::audience::Target;
use tokio::runtime::Runtime;

/// As in the server's own binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ISSUER: &str = "https://id.example";
const CLIENT: &str = "web";
const AUTHORIZATION_REQUEST: &str = "response_type=code&client_id=web&redirect_uri=https%3A%2F%2Fweb.example%2Fcallback\
    &scope=openid+profile+email+offline_access&state=a-state-of-a-usual-length&nonce=a-nonce-of-a-usual-length\
    &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";
const PASSWORD: &str = "correct horse battery staple";

fn main() {
    divan::main();
}

/// A server that knows one client, with one key of each kind.
struct Fixture {
    runtime: Runtime,
    app: App,
    ring: KeyRing,
    client: Client,
    secret: String,
    now: Timestamp,
    _folder: tempfile::TempDir,
}

static FIXTURE: LazyLock<Fixture> = LazyLock::new(|| Fixture::new().unwrap_or_else(|error| panic!("{error:#}")));

impl Fixture {
    fn new() -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let folder = tempfile::tempdir()?;
        let now = Clock::System.now();
        let (client, secret) = client(now)?;
        let master = MasterKey::new([7; 32]);
        let keys = keys(&master, now)?;
        let ring = KeyRing::open(&keys, &master)?;
        let options = StoreOptions {
            url: Secret::new(format!("sqlite://{}", folder.path().join("portcullis.db").display())),
            max_connections: 2,
            acquire_timeout: 3,
            statement_timeout: 4,
            create: true,
        };
        let store = runtime.block_on(async {
            let store = Store::open(&options).await?;
            store.migrate().await?;
            store.insert_client(&client).await?;
            for key in &keys {
                store.insert_key(key, Predecessors::Retire { gone_at: now }).await?;
            }
            anyhow::Ok(store)
        })?;
        let config = Config::with_defaults(ISSUER.parse()?);
        let app = {
            let _inside = runtime.enter();
            App::new(config, store, Clock::System, master)?
        };
        Ok(Self {
            runtime,
            app,
            ring,
            client,
            secret,
            now,
            _folder: folder,
        })
    }

    fn mint<'a>(&'a self, target: &'a Target) -> Mint<'a> {
        Mint {
            issuer: ISSUER,
            client: &self.client,
            subject: Subject::Client,
            target,
            now: self.now,
            expires_at: self.now.plus(target.lifetime),
        }
    }

    fn token(&self, alg: SigningAlg) -> String {
        let target = target(alg);
        let signer = self.ring.signer(alg, self.now);
        let token = signer.and_then(|signer| self.mint(&target).jwt(signer, JTI).ok());
        token.unwrap_or_else(|| panic!("no key signs {alg:?}"))
    }
}

const JTI: &str = "00000000-0000-4000-8000-000000000000";

fn client(now: Timestamp) -> anyhow::Result<(Client, String)> {
    let secret = OpaqueToken::generate(Kind::ClientSecret);
    let found = |what: Option<ClientId>| what.ok_or_else(|| anyhow::anyhow!("not a client id"));
    let client = Client {
        client_id: found(ClientId::parse(CLIENT))?,
        revision: 1,
        metadata: ClientMetadata {
            auth_methods: vec![ClientAuthMethod::ClientSecretBasic, ClientAuthMethod::ClientSecretPost],
            redirect_uris: vec![
                RedirectUri::register("https://web.example/callback").map_err(|error| anyhow::anyhow!("{error:?}"))?,
            ],
            grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
            scope: scope("openid profile email offline_access orders:read"),
            ..ClientMetadata::new("Web")
        },
        secrets: vec![ClientSecret {
            id: uuid::Uuid::from_u128(1),
            verifier: SecretVerifier::Digest(secret.digest()),
            sealed: None,
            created_at: now,
            expires_at: None,
        }],
        has_logo: false,
        created_at: now,
        updated_at: now,
        disabled_at: None,
    };
    Ok((client, secret.expose().to_owned()))
}

fn keys(master: &MasterKey, now: Timestamp) -> anyhow::Result<Vec<SigningKey>> {
    let mut keys = Vec::new();
    for alg in [SigningAlg::Es256, SigningAlg::Rs256] {
        let key = generate(alg)?;
        keys.push(SigningKey {
            kid: key.kid.clone(),
            alg,
            generation: 1,
            sealed_private: key.seal(master),
            public_jwk: key.public_jwk,
            created_at: now,
            active_from: now,
            retires_at: None,
            gone_at: None,
            revoked_at: None,
        });
    }
    Ok(keys)
}

fn scope(text: &str) -> Scope {
    Scope::parse(text).unwrap_or_else(|_| panic!("{text} is no scope"))
}

fn target(algorithm: SigningAlg) -> Target {
    Target {
        audience: vec!["https://orders.example".to_owned()],
        scope: scope("orders:read"),
        format: AccessTokenFormat::Jwt,
        algorithm,
        lifetime: 900,
    }
}

/// Claims to a whole access token, its signature included.
#[divan::bench(args = [SigningAlg::Es256, SigningAlg::Rs256])]
fn mint_access_token(bencher: Bencher<'_, '_>, alg: SigningAlg) {
    let fixture = &*FIXTURE;
    let target = target(alg);
    let Some(signer) = fixture.ring.signer(alg, fixture.now) else {
        panic!("no key signs {alg:?}");
    };
    bencher.bench(|| fixture.mint(black_box(&target)).jwt(signer, JTI));
}

/// The signature of an access token alone.
#[divan::bench(args = [SigningAlg::Es256, SigningAlg::Rs256])]
fn sign(bencher: Bencher<'_, '_>, alg: SigningAlg) {
    let fixture = &*FIXTURE;
    let Some(signer) = fixture.ring.signer(alg, fixture.now) else {
        panic!("no key signs {alg:?}");
    };
    // The least that there can be around it.
    let claims = serde_json::json!({});
    bencher.bench(|| portcullis::crypto::jwt::sign(signer, access::TYP, black_box(&claims)));
}

/// An access token of our own, signature and claims.
#[divan::bench(args = [SigningAlg::Es256, SigningAlg::Rs256])]
fn verify_access_token(bencher: Bencher<'_, '_>, alg: SigningAlg) {
    let fixture = &*FIXTURE;
    let token = fixture.token(alg);
    let expected = Expected {
        typ: &[access::TYP],
        issuer: ISSUER,
        now: fixture.now,
        leeway_seconds: 0,
        allow_expired: false,
    };
    assert!(verify(&fixture.ring, &token, &expected).is_ok());
    bencher.bench(|| verify(&fixture.ring, black_box(&token), &expected));
}

/// An opaque token and the digest that it is stored as.
#[divan::bench]
fn opaque_token() -> (OpaqueToken, portcullis::model::digest::TokenDigest) {
    let token = OpaqueToken::generate(Kind::Refresh);
    let digest = token.digest();
    (token, digest)
}

/// A client that presents its generated secret by HTTP Basic, and is known already.
#[divan::bench]
fn authenticate_client(bencher: Bencher<'_, '_>) {
    use base64::Engine as _;
    let fixture = &*FIXTURE;
    let pair = format!("{CLIENT}:{}", fixture.secret);
    let header = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair));
    let caller = Caller::default();
    let once = || {
        let params = Params::parse(b"grant_type=client_credentials").ok()?;
        let presented = Presented::from_request(&[header.as_bytes()], &params, Vec::new).ok()?;
        let authenticated = authenticate(&fixture.app, &presented, &caller, fixture.now);
        fixture.runtime.block_on(authenticated).ok()
    };
    assert!(once().is_some());
    bencher.bench(once);
}

/// An authorization request from its query to what may be acted upon.
#[divan::bench]
fn authorization_request(bencher: Bencher<'_, '_>) {
    let fixture = &*FIXTURE;
    let once = || {
        let params = Params::parse(black_box(AUTHORIZATION_REQUEST.as_bytes())).ok()?;
        let assembled = fixture
            .runtime
            .block_on(assemble(&fixture.app, params, fixture.now))
            .ok()?;
        let cx = ValidateCx {
            client: &assembled.client,
            catalog: &assembled.catalog,
            ring: &fixture.ring,
            issuer: ISSUER,
            now: fixture.now,
        };
        validate(&cx, &assembled.callback, &assembled.params).ok()
    };
    assert!(once().is_some());
    bencher.bench(once);
}

/// One password hash at the default cost, the way to the blocking threads and back included.
#[divan::bench(sample_count = 20)]
fn argon2id(bencher: Bencher<'_, '_>) {
    let fixture = &*FIXTURE;
    bencher.bench(|| {
        fixture
            .runtime
            .block_on(fixture.app.passwords().hash(black_box(PASSWORD)))
            .is_ok()
    });
}
