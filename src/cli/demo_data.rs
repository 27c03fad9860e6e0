//! What the demo starts with: a person, three clients, an API. Secrets are drawn at the first start and kept beside the
//! database, in a file that only its owner can read; no other command does such a thing.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::app::App;
use crate::crypto::digest::token_digest;
use crate::crypto::opaque::{Kind, OpaqueToken};
use crate::crypto::random;
use crate::model::api::{AccessTokenFormat, Api, ApiId, ApiScope, ApiSettings};
use crate::model::client::{Client, ClientMetadata, ClientSecret, SecretVerifier};
use crate::model::user::{PairwiseSalt, PasswordHash, User, UserId, Username};
use crate::protocol::client_auth_method::ClientAuthMethod as Method;
use crate::protocol::grant_type::GrantType;
use crate::protocol::ids::ClientId;
use crate::protocol::redirect_uri::RedirectUri;
use crate::protocol::scope::Scope;
use crate::protocol::signing_alg::SigningAlg;
use crate::protocol::standard_claims::{Address, StandardClaims};

/// The person.
pub const USERNAME: &str = "alice";
/// The web app: confidential, code and refresh.
pub const WEB: &str = "demo-web";
/// The machine: client credentials.
pub const SERVICE: &str = "demo-service";
/// The device: public.
pub const DEVICE: &str = "demo-device";
/// What the web app may ask for.
pub const WEB_SCOPE: &str = "openid profile email address phone offline_access notes:read";
/// What the playground asks for.
pub const PLAYGROUND_SCOPE: &str = "openid profile email offline_access notes:read";
/// What the machine may ask for.
pub const SERVICE_SCOPE: &str = "notes:read notes:write";
/// The API that owns the notes.
const AUDIENCE: &str = "https://notes.example";
const LOGO: &[u8] = include_bytes!("../../static/demo-app.png");

/// What the demo draws at its first start.
#[derive(Serialize, Deserialize)]
pub struct Secrets {
    /// Of the person.
    pub password: String,
    /// Of the web app.
    pub web: String,
    /// Of the machine.
    pub service: String,
}

/// The demo, ready.
pub struct Demo {
    /// Where the server is.
    pub issuer: String,
    /// Where the playground is.
    pub playground: String,
    /// Where everything is kept.
    pub data: std::path::PathBuf,
    /// What was drawn.
    pub secrets: Secrets,
}

/// Makes whatever is missing, and brings the rest up to date with where the playground is now.
pub async fn ensure(app: &App, playground: &str) -> anyhow::Result<Demo> {
    let path = app.config().server.data_dir.join("demo.json");
    let (secrets, fresh) = match fs::read_to_string(&path) {
        Ok(text) => (
            serde_json::from_str(&text).with_context(|| format!("{} is damaged: delete it", path.display()))?,
            false,
        ),
        Err(_) => (draw(), true),
    };
    if fresh {
        for client in [WEB, SERVICE, DEVICE] {
            app.store().delete_client(&client_id(client)?).await?;
        }
    }
    ensure_api(app).await?;
    ensure_user(app, &secrets, fresh).await?;
    ensure_clients(app, &secrets, playground).await?;
    if fresh {
        keep(&path, &secrets)?;
    }
    Ok(Demo {
        issuer: app.issuer().to_owned(),
        playground: playground.to_owned(),
        data: app.config().server.data_dir.clone(),
        secrets,
    })
}

fn draw() -> Secrets {
    let secret = || OpaqueToken::generate(Kind::ClientSecret).expose().to_owned();
    Secrets {
        password: password(),
        web: secret(),
        service: secret(),
    }
}

/// Three groups of four: 60 bits, and easy to type.
fn password() -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz23456789w";
    let letters: Vec<char> = random::bytes::<12>()
        .iter()
        .filter_map(|byte| ALPHABET.get(usize::from(byte % 32)).map(|b| char::from(*b)))
        .collect();
    letters
        .chunks(4)
        .map(|group| group.iter().collect::<String>())
        .collect::<Vec<_>>()
        .join("-")
}

fn keep(path: &Path, secrets: &Secrets) -> anyhow::Result<()> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(serde_json::to_string_pretty(secrets)?.as_bytes())?;
    Ok(file.sync_all()?)
}

async fn ensure_api(app: &App) -> anyhow::Result<()> {
    let now = app.clock().now();
    let scope = |name: &str, description: &str| ApiScope {
        name: name.to_owned(),
        description: description.to_owned(),
    };
    let settings = ApiSettings {
        name: "Notes".to_owned(),
        scopes: vec![
            scope("notes:read", "Read your notes"),
            scope("notes:write", "Change your notes"),
        ],
        format: AccessTokenFormat::Jwt,
        algorithm: SigningAlg::Es256,
        lifetime: None,
    };
    let api = Api {
        id: ApiId(app.row_key(now)),
        audience: AUDIENCE.to_owned(),
        settings,
        created_at: now,
    };
    app.store().insert_api(&api).await?;
    Ok(())
}

async fn ensure_user(app: &App, secrets: &Secrets, fresh: bool) -> anyhow::Result<()> {
    let username = Username::register(USERNAME)?;
    let known = app.store().user_by_name(&username).await?;
    if known.is_some() && !fresh {
        return Ok(());
    }
    let now = app.clock().now();
    let hash = PasswordHash(app.passwords().hash(&secrets.password).await?);
    if let Some(user) = known {
        app.store().set_password(user.id, &hash, now).await?;
        return Ok(());
    }
    let user = User {
        id: UserId(random::uuid_v4()),
        username,
        password: Some(hash),
        claims: claims(),
        is_admin: false,
        pairwise_salt: PairwiseSalt(random::bytes()),
        created_at: now,
        updated_at: now,
        disabled_at: None,
    };
    app.store().insert_user(&user).await?;
    Ok(())
}

/// Every standard claim, so that an app under test sees each of them.
fn claims() -> StandardClaims {
    let text = |text: &str| Some(text.to_owned());
    StandardClaims {
        name: text("Alice Example"),
        given_name: text("Alice"),
        family_name: text("Example"),
        middle_name: text("Quinn"),
        nickname: text("Al"),
        preferred_username: text(USERNAME),
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
            formatted: text("1 Main Street\nSpringfield 12345\nUS"),
            street_address: text("1 Main Street"),
            locality: text("Springfield"),
            region: text("Illinois"),
            postal_code: text("12345"),
            country: text("US"),
        }),
    }
}

async fn ensure_clients(app: &App, secrets: &Secrets, playground: &str) -> anyhow::Result<()> {
    let confidential = vec![Method::ClientSecretBasic, Method::ClientSecretPost];
    let web = ClientMetadata {
        redirect_uris: vec![RedirectUri::register(&format!("{playground}/callback"))?],
        ..metadata(
            "Playground",
            confidential.clone(),
            &[GrantType::AuthorizationCode, GrantType::RefreshToken],
            WEB_SCOPE,
        )?
    };
    let service = metadata(
        "Demo service",
        confidential,
        &[GrantType::ClientCredentials],
        SERVICE_SCOPE,
    )?;
    let grants = [GrantType::DeviceCode, GrantType::RefreshToken];
    let device = metadata(
        "Demo device",
        vec![Method::None],
        &grants,
        "openid profile offline_access",
    )?;
    ensure_client(app, WEB, web, Some(&secrets.web)).await?;
    app.store().set_logo(&client_id(WEB)?, "image/png", LOGO).await?;
    ensure_client(app, SERVICE, service, Some(&secrets.service)).await?;
    ensure_client(app, DEVICE, device, None).await
}

fn metadata(
    name: &str,
    auth_methods: Vec<Method>,
    grant_types: &[GrantType],
    scope: &str,
) -> anyhow::Result<ClientMetadata> {
    Ok(ClientMetadata {
        auth_methods,
        grant_types: grant_types.to_vec(),
        scope: Scope::try_from(scope.to_owned()).map_err(anyhow::Error::msg)?,
        ..ClientMetadata::new(name)
    })
}

async fn ensure_client(app: &App, id: &str, metadata: ClientMetadata, secret: Option<&String>) -> anyhow::Result<()> {
    let now = app.clock().now();
    let client_id = client_id(id)?;
    if let Some(known) = app.store().client(&client_id).await? {
        if known.metadata != metadata {
            app.store().update_client(&known, &metadata, now).await?;
        }
        return Ok(());
    }
    let secret = secret.map(|secret| ClientSecret {
        sealed: None,
        id: app.row_key(now),
        verifier: SecretVerifier::Digest(token_digest(secret)),
        created_at: now,
        expires_at: None,
    });
    let client = Client {
        client_id,
        revision: 1,
        metadata,
        secrets: secret.into_iter().collect(),
        has_logo: false,
        created_at: now,
        updated_at: now,
        disabled_at: None,
    };
    app.store().insert_client(&client).await?;
    Ok(())
}

fn client_id(text: &str) -> anyhow::Result<ClientId> {
    ClientId::parse(text).context("not a client_id")
}

impl Demo {
    /// Everything, for programs.
    pub fn to_json(&self) -> Value {
        let callback = format!("{}/callback", self.playground);
        json!({
            "issuer": self.issuer,
            "playground": self.playground,
            "user": { "username": USERNAME, "password": self.secrets.password },
            "clients": {
                "web": {
                    "client_id": WEB,
                    "client_secret": self.secrets.web,
                    "redirect_uris": [callback],
                    "grant_types": ["authorization_code", "refresh_token"],
                    "scope": WEB_SCOPE,
                },
                "service": {
                    "client_id": SERVICE,
                    "client_secret": self.secrets.service,
                    "grant_types": ["client_credentials"],
                    "scope": SERVICE_SCOPE,
                    "audience": AUDIENCE,
                },
                "device": {
                    "client_id": DEVICE,
                    "grant_types": ["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"],
                    "scope": "openid profile offline_access",
                },
            },
        })
    }

    /// What to do next, for people.
    pub fn welcome(&self) -> String {
        let Self {
            issuer,
            playground,
            data,
            secrets,
        } = self;
        format!(
            "
  Portcullis is running.

  Open      {playground}
  Sign in   {USERNAME}   {password}

  Your own app
    issuer         {issuer}
    client_id      {WEB}
    client_secret  {web}
    redirect_uri   {playground}/callback

  A token for a machine
    curl -u {SERVICE}:{service} \\
         -d grant_type=client_credentials -d scope=notes:read {issuer}/token

  A login for a device: a television, a command-line program
    portcullis token --issuer {issuer} --client-id {DEVICE} --scope openid
    curl -d client_id={DEVICE} -d scope=openid {issuer}/device/code
    curl -d grant_type=urn:ietf:params:oauth:grant-type:device_code \\
         -d client_id={DEVICE} -d device_code=… {issuer}/token

  What the server offers
    curl {issuer}/.well-known/openid-configuration

  Everything is kept in the folder {data}. Delete it to start anew. Stop with Ctrl-C.
",
            data = data.display(),
            password = secrets.password,
            web = secrets.web,
            service = secrets.service,
        )
    }
}
