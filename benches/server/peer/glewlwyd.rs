//! Debian's glewlwyd on SQLite, with its database in WAL mode: its own default is slower. One instance of its OpenID Connect plugin
//! for each algorithm, as each has one key. All its access tokens are JWTs, so it has no part in what is about opaque ones; it
//! rotates refresh tokens, used once, and finds every JWT in its database again when asked.
//!
//! An installation is described by `benches/peers/glewlwyd/unpack.sh`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::ensure;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::{Value, json};
use sqlx::{Connection as _, SqliteConnection};

use super::{CALLBACK, Client, PERSON, Peer, SCOPE, Site, source};
use crate::http::{Connection, Cookies};
use crate::load::CONNECTIONS;
use crate::process::{Process, free_address};

const CLIENT: &str = "bench";
const SECRET: &str = "a-secret-of-the-benchmark-and-of-nothing-else";
const PASSWORD: &str = "correct horse battery staple";
/// As its database begins.
const ADMINISTRATOR: [&str; 2] = ["admin", "password"];
const TOKENS: usize = 1_000;

/// Starts it with an empty database, if it is unpacked in `$BENCHMARK_GLEWLWYD`, by default `target/glewlwyd`.
pub async fn start(folder: &Path) -> anyhow::Result<Option<Peer>> {
    let home = std::env::var_os("BENCHMARK_GLEWLWYD").map_or_else(|| source("target/glewlwyd"), PathBuf::from);
    let Ok(schema) = std::fs::read_to_string(home.join("init.sql")) else {
        return Ok(None);
    };
    let folder = folder.join("glewlwyd");
    std::fs::create_dir_all(folder.join("empty"))?;
    let database = format!("sqlite://{}?mode=rwc", folder.join("glewlwyd.db").display());
    let mut connection = SqliteConnection::connect(&database).await?;
    sqlx::raw_sql("PRAGMA journal_mode = WAL")
        .execute(&mut connection)
        .await?;
    sqlx::raw_sql(sqlx::AssertSqlSafe(schema))
        .execute(&mut connection)
        .await?;
    connection.close().await?;

    let address = free_address()?;
    let configuration = folder.join("glewlwyd.conf");
    std::fs::write(&configuration, configured(&home, &folder, address.port()))?;
    let mut command = Command::new(home.join("usr/bin/glewlwyd"));
    command.arg(format!("--config-file={}", configuration.display()));
    command.env("LD_LIBRARY_PATH", libraries(&home)?);
    command
        .stdout(std::fs::File::create(folder.join("log"))?)
        .stderr(Stdio::null());
    let (process, _) = Process::answering(&mut command, address, "/config").await?;
    let host = format!("127.0.0.1:{}", address.port());
    set_up(&process, &host).await?;
    let mut sessions = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut administration = Administration::new(&process, &host).await?;
        administration.sign_in([PERSON, PASSWORD]).await?;
        sessions.push(administration.cookies);
    }
    Ok(Some(Peer {
        name: "glewlwyd, SQLite".to_owned(),
        version: version(&home),
        process,
        site: site(),
        sessions,
    }))
}

/// As the package was called.
fn version(home: &Path) -> String {
    std::fs::read_to_string(home.join("version"))
        .map_or_else(|_| "of unknown version".to_owned(), |text| text.trim().to_owned())
}

/// The folder of the libraries that came along.
fn libraries(home: &Path) -> anyhow::Result<PathBuf> {
    for entry in std::fs::read_dir(home.join("usr/lib"))? {
        let path = entry?.path();
        if path.to_string_lossy().ends_with("-linux-gnu") {
            return Ok(path);
        }
    }
    // All of them were installed.
    Ok(home.join("usr/lib"))
}

fn configured(home: &Path, folder: &Path, port: u16) -> String {
    let (home, folder) = (home.display(), folder.display());
    format!(
        r#"port = {port}
bind_address = "127.0.0.1"
external_url = "http://127.0.0.1:{port}"
login_url = "login.html"
api_prefix = "api"
static_files_path = "{folder}/empty"
log_mode = "console"
log_level = "ERROR"
cookie_domain = "127.0.0.1"
cookie_secure = 0
session_expiration = 2419200
session_key = "GLEWLWYD2_SESSION_ID"
login_api_enabled = true
max_post_size = 16778240
admin_scope = "g_admin"
profile_scope = "g_profile"
user_module_path = "{home}/usr/lib/glewlwyd/user"
user_middleware_module_path = "{folder}/empty"
client_module_path = "{home}/usr/lib/glewlwyd/client"
user_auth_scheme_module_path = "{home}/usr/lib/glewlwyd/scheme"
plugin_module_path = "{home}/usr/lib/glewlwyd/plugin"
hash_algorithm = "SHA512"
database = {{ type = "sqlite3" path = "{folder}/glewlwyd.db" }};
"#
    )
}

/// Registers what the workloads need, as its administrator would; and the person allows the client.
async fn set_up(process: &Process, host: &str) -> anyhow::Result<()> {
    let mut administrator = Administration::new(process, host).await?;
    administrator.sign_in(ADMINISTRATOR).await?;
    let es256 = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let rs256 = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?;
    for (name, kind, key) in [("es256", "ecdsa", es256), ("rs256", "rsa", rs256)] {
        administrator
            .send("POST", "/api/mod/plugin/", &plugin(host, name, kind, &key))
            .await?;
    }
    let scope = |name: &str| json!({ "name": name, "display_name": name, "description": name, "password_required": false, "scheme": {} });
    administrator.send("POST", "/api/scope/", &scope(SCOPE)).await?;
    administrator.send("PUT", "/api/scope/openid", &scope("openid")).await?;
    let client = json!({
        "client_id": CLIENT, "name": CLIENT, "client_secret": SECRET, "confidential": true, "enabled": true,
        "authorization_type": ["code", "client_credentials", "refresh_token", "device_authorization"],
        "redirect_uri": [CALLBACK], "token_endpoint_auth_method": ["client_secret_basic"], "scope": [SCOPE],
    });
    administrator.send("POST", "/api/client/", &client).await?;
    let person = json!({
        "username": PERSON, "name": "Alice Example", "email": "alice@example.com", "password": PASSWORD, "enabled": true,
        "scope": ["openid", SCOPE, "g_profile"],
    });
    administrator.send("POST", "/api/user/", &person).await?;
    let mut person = Administration::new(process, host).await?;
    person.sign_in([PERSON, PASSWORD]).await?;
    let allowed = json!({ "scope": format!("openid {SCOPE}") });
    person.send("PUT", &format!("/api/auth/grant/{CLIENT}"), &allowed).await
}

fn plugin(host: &str, name: &str, kind: &str, key: &KeyPair) -> Value {
    json!({ "module": "oidc", "name": name, "display_name": name, "enabled": true, "parameters": {
        "iss": format!("http://{host}/api/{name}"),
        "jwt-type": kind, "jwt-key-size": "256", "key": key.serialize_pem(), "cert": key.public_key_pem(),
        "access-token-duration": 3600, "refresh-token-duration": 1_209_600, "code-duration": 60,
        "refresh-token-rolling": true, "refresh-token-one-use": "always",
        "allow-non-oidc": true, "auth-type-code-enabled": true, "auth-type-client-enabled": true,
        "auth-type-refresh-enabled": true, "auth-type-device-enabled": true, "auth-type-token-enabled": false,
        "auth-type-password-enabled": false,
        "device-authorization-expiration": 1800, "device-authorization-interval": 5,
        "jwks-show": true, "pkce-allowed": true, "pkce-required": true,
        "introspection-revocation-allowed": true, "introspection-revocation-allow-target-client": true,
        "name-claim": "on-demand", "email-claim": "mandatory", "scope-claim": "no",
    } })
}

/// Somebody who uses its REST interface.
struct Administration {
    connection: Connection,
    host: String,
    cookies: Cookies,
}

impl Administration {
    async fn new(process: &Process, host: &str) -> anyhow::Result<Self> {
        Ok(Self {
            connection: Connection::open(process.address).await?,
            host: host.to_owned(),
            cookies: Cookies::default(),
        })
    }

    async fn sign_in(&mut self, [username, password]: [&str; 2]) -> anyhow::Result<()> {
        self.send(
            "POST",
            "/api/auth/",
            &json!({ "username": username, "password": password }),
        )
        .await
    }

    async fn send(&mut self, method: &str, path: &str, body: &Value) -> anyhow::Result<()> {
        let body = body.to_string();
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\n", self.host).into_bytes();
        self.cookies.write(&mut request);
        let rest = format!(
            "content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        request.extend_from_slice(rest.as_bytes());
        let answer = self.connection.exchange(&request).await?;
        ensure!(
            answer.status == 200,
            "{method} {path}: {}\n{}",
            answer.head,
            answer.text()
        );
        self.cookies.keep(&answer);
        Ok(())
    }
}

fn client(scope: &str) -> Client {
    Client {
        id: CLIENT,
        secret: SECRET,
        // It asks nobody who has signed in and allowed the scope before.
        fields: vec![("scope", scope.to_owned()), ("g_continue", String::new())],
    }
}

fn site() -> Site {
    let machine = |plugin: &str| Some((format!("/api/{plugin}/token"), client(SCOPE)));
    let with_id_token = format!("openid {SCOPE}");
    Site {
        discovery: "/api/es256/.well-known/openid-configuration".to_owned(),
        jwks: "/api/es256/jwks".to_owned(),
        authorize: "/api/es256/auth".to_owned(),
        token: "/api/es256/token".to_owned(),
        introspection: "/api/es256/introspect".to_owned(),
        userinfo: "/api/es256/userinfo".to_owned(),
        machine: [machine("es256"), machine("rs256"), None],
        web: client(&with_id_token),
        offline: client(&with_id_token),
        lookup: (false, TOKENS, client(&with_id_token)),
        device: ("/api/es256/device_authorization".to_owned(), client(&with_id_token)),
    }
}
