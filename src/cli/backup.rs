//! `portcullis backup`: a copy of the embedded database, made while the server runs.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use serde_json::json;

use super::cx::{self, migration_state, open_unmigrated};
use super::output;
use crate::config::{Config, Secret};
use crate::crypto::random;
use crate::store::{MigrationState, Store};

/// Copy the SQLite database into a file, while the server runs. The copy is read back before it is called one.
#[derive(Args, Debug)]
pub struct Command {
    /// The file to make
    file: PathBuf,
    /// Replace the file if it exists
    #[arg(long)]
    force: bool,
}

/// Runs the command. It takes the schema as it is: a copy is what one makes before migrating.
pub async fn run(command: Command, config: &Config, json: bool) -> anyhow::Result<()> {
    let store = open_unmigrated(config, false).await?;
    if !store.is_embedded() {
        bail!("{}", instead(config, &command.file));
    }
    let schema = migration_state(config, &store).await?;
    let target = Target::reserve(&command, config)?;
    let copied = target.fill(config, &store, schema).await;
    store.close().await;
    let bytes = target.finish(copied)?;
    let file = command.file.display();
    let key = match &config.keys.master_key {
        Some(_) => "the configuration".to_owned(),
        None => cx::master_key_path(config).display().to_string(),
    };
    let text = format!(
        "Copied the database to {file} ({bytes} bytes) and read it back.\n\n\
         The master key is not in it ({key}): without the key the copy cannot sign. Keep a copy of it in another place.\n\
         After restoring, run `portcullis after-restore` before you start the server."
    );
    output::print(json, &json!({ "file": command.file, "bytes": bytes }), &text)
}

/// PostgreSQL copies itself better than anybody else.
fn instead(config: &Config, file: &Path) -> String {
    format!(
        "nothing was copied: this database is PostgreSQL, which has a tool of its own. Run, with the password in PGPASSWORD or \
         ~/.pgpass:\n\n    pg_dump --format=custom --file={} '{}'\n\nand keep the master key in another place",
        file.display(),
        without_password(config)
    )
}

/// As `pg_dump` takes it.
fn without_password(config: &Config) -> String {
    config.database.redacted_url().replacen(":***@", "@", 1)
}

/// The file that is made: under another name until it is complete.
struct Target {
    path: PathBuf,
    draft: PathBuf,
    /// The file was there before, and an unfinished copy leaves it as it was.
    replaces: bool,
}

impl Target {
    fn reserve(command: &Command, config: &Config) -> anyhow::Result<Self> {
        let path = command.file.clone();
        let name = path.file_name().context("name a file")?.to_string_lossy().into_owned();
        ensure!(
            !path.to_string_lossy().contains('?'),
            "choose a file without a question mark in its name"
        );
        ensure!(!path.is_dir(), "{} is a folder; name a file in it", path.display());
        ensure!(
            !is_same_file(&path, &database_path(config)),
            "{} is the database itself",
            path.display()
        );
        let replaces = path.exists();
        ensure!(
            command.force || !replaces,
            "{} exists already; choose another name, or replace it with --force",
            path.display()
        );
        let draft = path.with_file_name(format!(".{name}.{}.part", random::uuid_v4().simple()));
        let explain = || format!("cannot create {}", path.display());
        if !replaces {
            create(&path).with_context(explain)?;
        }
        create(&draft).with_context(explain)?;
        Ok(Self { path, draft, replaces })
    }

    /// Copies and reads back. The copy must be sound, have the schema of the original, and open as a server opens it.
    async fn fill(&self, config: &Config, store: &Store, schema: MigrationState) -> anyhow::Result<()> {
        store.copy_into(&self.draft).await.context("the copy failed")?;
        let mut copy = config.clone();
        copy.database.url = Secret::new(format!("sqlite://{}", self.draft.display()));
        let copy = open_unmigrated(&copy, false).await?;
        let damage = copy.damage().await?;
        ensure!(damage.is_empty(), "the database is damaged: {}", damage.join("; "));
        ensure!(copy.migration_state().await? == schema, "the copy has another schema");
        copy.close().await;
        Ok(())
    }

    /// Gives the copy its name, or leaves no trace of it. Returns its size.
    fn finish(self, copied: anyhow::Result<()>) -> anyhow::Result<u64> {
        let finished = copied.and_then(|()| self.publish());
        if finished.is_err() {
            // Leftovers are named after the file and hold nothing that the database does not.
            std::fs::remove_file(&self.draft).ok();
            if !self.replaces {
                std::fs::remove_file(&self.path).ok();
            }
        }
        finished
    }

    fn publish(&self) -> anyhow::Result<u64> {
        let file = File::open(&self.draft)?;
        file.sync_all()?;
        std::fs::rename(&self.draft, &self.path)?;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
        Ok(file.metadata()?.len())
    }
}

fn create(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

fn database_path(config: &Config) -> PathBuf {
    let url = config.database.url.expose();
    let path = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:"));
    path.and_then(|path| path.split('?').next()).unwrap_or_default().into()
}

/// Also through a link.
fn is_same_file(a: &Path, b: &Path) -> bool {
    let id = |path: &Path| path.metadata().map(|meta| (meta.dev(), meta.ino())).ok();
    id(a).is_some_and(|a| id(b) == Some(a))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn postgres_is_sent_to_its_own_tool_without_the_password() {
        let mut config = Config::with_defaults("https://id.example".parse().unwrap());
        config.database.url = Secret::new("postgres://u:hunter2@db.example/p".to_owned());
        let text = instead(&config, Path::new("/backups/p.dump"));
        assert!(
            text.contains("pg_dump --format=custom --file=/backups/p.dump 'postgres://u@db.example/p'"),
            "{text}"
        );
        assert!(!text.contains("hunter2"), "{text}");
    }
}
