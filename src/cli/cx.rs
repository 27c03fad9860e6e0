//! What every command works with: the configuration, the database, the clock.

use std::path::PathBuf;

use anyhow::{Context as _, bail};

use crate::app::{App, password_hasher};
use crate::config::{Config, Secret};
use crate::crypto::keys::KeyRing;
use crate::crypto::password::PasswordHasher;
use crate::crypto::seal::MasterKey;
use crate::store::{MigrationState, Store, StoreOptions};
use crate::time::{Clock, Timestamp};

/// The surroundings of a command.
pub struct Cx {
    /// The configuration.
    pub config: Config,
    /// The database, with a current schema.
    pub store: Store,
    /// The clock.
    pub clock: Clock,
    /// Print one JSON document instead of text for people.
    pub json: bool,
}

impl Cx {
    /// Opens the database for a command beside the server. A missing SQLite file is made
    /// before the server's first start only.
    pub async fn open(config: Config, clock: Clock, json: bool) -> anyhow::Result<Self> {
        let store = open_store(&config, is_first_start(&config)).await?;
        Ok(Self {
            config,
            store,
            clock,
            json,
        })
    }

    /// The moment of the command.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The server's state, for commands that handle signing keys. A master key that does not open the stored keys is
    /// refused here, before anything is sealed under it.
    pub async fn app(&self) -> anyhow::Result<App> {
        let keys = self.store.signing_keys().await?;
        let master_key = open_master_key(&self.config, !keys.is_empty())?;
        KeyRing::open(&keys, &master_key)?;
        Ok(App::new(
            self.config.clone(),
            self.store.clone(),
            self.clock.clone(),
            master_key,
        )?)
    }

    /// The master key that new secrets are sealed under: while it changes, the one that signing keys are still sealed under, so
    /// that servers which were not given the next one open them.
    pub async fn sealing_key(&self) -> anyhow::Result<MasterKey> {
        let keys = self.store.signing_keys().await?;
        let master = open_master_key(&self.config, !keys.is_empty())?;
        let Some(key) = keys.last() else { return Ok(master) };
        let sealed_it = master.that_sealed(&key.sealed_private).cloned();
        sealed_it.context("the signing keys are sealed under another master key than the configured one")
    }

    /// Hashes passwords at the configured cost. Needs no master key.
    pub fn passwords(&self) -> anyhow::Result<PasswordHasher> {
        Ok(password_hasher(&self.config.passwords)?)
    }
}

/// Whether a missing SQLite file may be made: at the very first start only, which is when there is no master key yet either. A
/// database that went missing later is a fault, not an empty server.
pub fn is_first_start(config: &Config) -> bool {
    config.keys.master_key.is_none() && !master_key_path(config).exists()
}

/// How the configuration says to open the database.
pub fn store_options(config: &Config, create: bool) -> StoreOptions {
    let database = &config.database;
    let seconds = |span: crate::config::Span| span.as_duration().as_secs();
    StoreOptions {
        url: database.url.clone(),
        max_connections: database.max_connections,
        acquire_timeout: seconds(database.acquire_timeout),
        statement_timeout: seconds(database.statement_timeout),
        create,
    }
}

/// Opens the database and sees to its schema: the embedded one is brought up to date on the spot; a shared one is left to
/// its operator, who decides when. `create` makes a missing SQLite file.
pub async fn open_store(config: &Config, create: bool) -> anyhow::Result<Store> {
    let store = open_unmigrated(config, create).await?;
    let state = migration_state(config, &store).await?;
    match state {
        MigrationState::Current | MigrationState::Newer(_) => {}
        MigrationState::Pending(_) if store.is_embedded() => store.migrate().await?,
        MigrationState::Pending(count) => {
            bail!("the database lacks {count} migration(s) of this version; run `portcullis migrate`")
        }
    }
    Ok(store)
}

/// Opens the database whatever its schema.
pub(super) async fn open_unmigrated(config: &Config, create: bool) -> anyhow::Result<Store> {
    Store::open(&store_options(config, create))
        .await
        .with_context(|| cannot_open(config))
}

/// Where the schema stands. For Postgres this is the first time that anything is sent.
pub(super) async fn migration_state(config: &Config, store: &Store) -> anyhow::Result<MigrationState> {
    store.migration_state().await.with_context(|| cannot_open(config))
}

fn cannot_open(config: &Config) -> String {
    format!("cannot open the database {}", config.database.redacted_url())
}

/// The configured master key, or the one in the data directory, which is made when there is none. With signing keys in the
/// database a missing file is never replaced: a new key could not open them. While the master key changes, the other of the
/// two opens as well.
pub fn open_master_key(config: &Config, keys_exist: bool) -> anyhow::Result<MasterKey> {
    let parse = |key: &Secret<String>, name| MasterKey::parse(key.expose().trim()).context(name);
    let key = match &config.keys.master_key {
        Some(key) => parse(key, "keys.master_key")?,
        None => key_file(config, keys_exist)?,
    };
    Ok(match &config.keys.previous_master_key {
        Some(previous) => key.with_other(parse(previous, "keys.previous_master_key")?),
        None => key,
    })
}

fn key_file(config: &Config, keys_exist: bool) -> anyhow::Result<MasterKey> {
    let (path, next) = (master_key_path(config), next_master_key_path(config));
    if keys_exist && !path.exists() {
        bail!(
            "the signing keys in the database are sealed under a master key, and there is none in {path}; set \
             keys.master_key to the key that the other nodes use, or restore the file from a backup",
            path = path.display()
        );
    }
    let key = MasterKey::load_or_create(&path)?;
    Ok(if next.exists() {
        key.with_other(MasterKey::load_or_create(&next)?)
    } else {
        key
    })
}

/// Where the master key is kept unless it is configured.
pub fn master_key_path(config: &Config) -> PathBuf {
    config.server.data_dir.join("master.key")
}

/// Where the next key lies while everything is sealed again.
pub(super) fn next_master_key_path(config: &Config) -> PathBuf {
    config.server.data_dir.join("master.key.next")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(dir: &std::path::Path) -> Config {
        let mut config = Config::with_defaults("https://id.example".parse().unwrap());
        config.server.data_dir = dir.to_owned();
        config.database.url = Secret::new(format!("sqlite://{}/portcullis.db", dir.display()));
        config
    }

    #[test]
    fn a_lost_master_key_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let config = config(dir.path());
        let error = open_master_key(&config, true).unwrap_err().to_string();
        assert!(error.contains("set keys.master_key"), "{error}");
        assert!(!master_key_path(&config).exists());

        let made = open_master_key(&config, false).unwrap();
        assert_eq!(open_master_key(&config, true).unwrap().id(), made.id());
    }

    #[tokio::test]
    async fn a_missing_file_is_made_only_when_asked() {
        let dir = tempfile::tempdir().unwrap();
        let config = config(&dir.path().join("data"));
        assert!(open_store(&config, false).await.is_err());
        let store = open_store(&config, true).await.unwrap();
        assert_eq!(store.migration_state().await.unwrap(), MigrationState::Current);
        store.close().await;
        open_store(&config, false).await.unwrap().close().await;
    }
}
