//! Looking at an installation. Nothing is changed, made or repaired.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::statvfs;
use rustix::process::{Resource, getrlimit};

use crate::cli::tls::{self, Validity};
use crate::cli::{cx, output};
use crate::config::Config;
use crate::crypto::keys::KeyRing;
use crate::http::paths;
use crate::jobs::last_seen;
use crate::model::signing_key::SigningKey;
use crate::outbound::{Outbound, OutboundError, count_authorities};
use crate::store::{Inspection, MigrationState, Registered, Store, StoreError};
use crate::time::{Clock, Timestamp};

/// What was found.
pub struct Facts {
    /// The configuration.
    pub config: Config,
    /// The time on this machine's clock.
    pub now: Timestamp,
    /// What the issuer answered.
    pub issuer: Result<Answer, OutboundError>,
    /// The database; an error is why it cannot be opened.
    pub database: Result<Database, String>,
    /// The master key; an error is why it cannot be had. `None`: there is none yet.
    pub master_key: Option<Result<MasterKeyFound, String>>,
    /// The certificate that the configuration names.
    pub certificate: Option<Result<CertificateFound, String>>,
    /// How many authorities `outbound.extra_ca` holds; an error is why it cannot be used.
    pub authorities: Result<usize, String>,
    /// The data directory, unless there is none.
    pub data_dir: Option<Directory>,
    /// How many files this process may have open, if that is bounded.
    pub open_files: Option<u64>,
    /// Since when an older database is suspected.
    pub doubted_since: Option<Timestamp>,
}

/// The issuer's answer to a request for its discovery document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The `issuer` that the document names.
    pub issuer: Option<String>,
    /// Its clock.
    pub date: Option<Timestamp>,
}

/// The database.
pub struct Database {
    /// What it is.
    pub inspection: Inspection,
    /// The schema; an error is one that this binary does not know.
    pub schema: Result<MigrationState, String>,
    /// Whether a write works; asked for with a current schema only, like what follows.
    pub write: Option<Result<(), String>>,
    /// What is registered.
    pub registered: Option<Registered>,
    /// The signing keys.
    pub keys: Option<Vec<SigningKey>>,
}

/// Where the master key came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MasterKeyFound {
    /// For people.
    pub source: String,
    /// Whether the stored signing keys open with it.
    pub opens: Result<(), String>,
}

/// The certificate and the file of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CertificateFound {
    /// When it counts.
    pub validity: Validity,
    /// The permission bits of the key's file.
    pub key_mode: u32,
}

/// The data directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Directory {
    /// Its permission bits.
    pub mode: u32,
    /// Bytes that may still be written, if that is known.
    pub free: Option<u64>,
}

impl Facts {
    /// Looks at everything.
    pub async fn gather(config: Config) -> Self {
        let now = Clock::System.now();
        let issuer = ask_issuer(&config).await;
        let database = look_into_database(&config).await;
        let keys = database.as_ref().ok().and_then(|database| database.keys.as_deref());
        Self {
            master_key: find_master_key(&config, keys.unwrap_or_default()),
            certificate: find_certificate(&config),
            authorities: count_authorities(&config.outbound.extra_ca).map_err(|error| error.to_string()),
            data_dir: look_at(&config.server.data_dir),
            open_files: getrlimit(Resource::Nofile).current,
            doubted_since: last_seen::doubted_since(&config),
            config,
            now,
            issuer,
            database,
        }
    }
}

/// Over the network, by its public name, as clients do.
async fn ask_issuer(config: &Config) -> Result<Answer, OutboundError> {
    let url = config.issuer.url(paths::OPENID_CONFIGURATION);
    let fetched = Outbound::new().get_json(&url).await?;
    let document: Option<serde_json::Value> = serde_json::from_str(&fetched.body).ok();
    let issuer = document.and_then(|document| Some(document.get("issuer")?.as_str()?.to_owned()));
    Ok(Answer {
        status: fetched.status,
        issuer,
        date: fetched.date,
    })
}

async fn look_into_database(config: &Config) -> Result<Database, String> {
    let explain = |error: anyhow::Error| output::one_line(&format!("{error:#}"));
    let store = cx::open_unmigrated(config, false).await.map_err(explain)?;
    let inspection = store.inspect().await.map_err(|error| error.to_string())?;
    let schema = store.migration_state().await.map_err(|error| error.to_string());
    let mut database = Database {
        inspection,
        schema,
        write: None,
        registered: None,
        keys: None,
    };
    if matches!(database.schema, Ok(MigrationState::Current | MigrationState::Newer(_))) {
        database.write = Some(store.try_to_write().await.map_err(|error| error.to_string()));
        read_rows(&store, &mut database)
            .await
            .map_err(|error| error.to_string())?;
    }
    store.close().await;
    Ok(database)
}

async fn read_rows(store: &Store, database: &mut Database) -> Result<(), StoreError> {
    database.registered = Some(store.registered().await?);
    database.keys = Some(store.signing_keys().await?);
    Ok(())
}

fn find_master_key(config: &Config, keys: &[SigningKey]) -> Option<Result<MasterKeyFound, String>> {
    let path = cx::master_key_path(config);
    let source = match &config.keys.master_key {
        Some(_) => "the configuration".to_owned(),
        None if !path.exists() => return None,
        None => path.display().to_string(),
    };
    // As the server opens it: while the key is being changed, two of them.
    let key = cx::open_master_key(config, true).map_err(|error| output::one_line(&format!("{error:#}")));
    let judge = |key| KeyRing::open(keys, &key).map(drop).map_err(|error| error.to_string());
    Some(key.map(|key| MasterKeyFound {
        source,
        opens: judge(key),
    }))
}

fn find_certificate(config: &Config) -> Option<Result<CertificateFound, String>> {
    let files = tls::Files::of(&config.server)?;
    let mode = mode_of(&files.key).unwrap_or_default();
    let identity = files.load().map_err(|error| error.to_string());
    Some(identity.map(|identity| CertificateFound {
        validity: identity.validity,
        key_mode: mode,
    }))
}

fn look_at(directory: &Path) -> Option<Directory> {
    let mode = mode_of(directory)?;
    let free = statvfs(directory)
        .ok()
        .map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize));
    Some(Directory { mode, free })
}

fn mode_of(path: &Path) -> Option<u32> {
    let meta = path.metadata().ok()?;
    Some(meta.mode() & 0o777)
}
