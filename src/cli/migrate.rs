//! `portcullis migrate`: the schema of the database.

use anyhow::bail;
use clap::Args;
use serde_json::json;

use super::cx::{migration_state, open_unmigrated};
use super::output;
use crate::config::Config;
use crate::store::MigrationState;

/// Bring the database up to date with this version. An SQLite file that is missing is made.
#[derive(Args, Debug)]
pub struct Command {
    /// Change nothing; fail when migrations are pending
    #[arg(long)]
    check: bool,
}

/// Runs the command. It opens the database itself, since every other command wants a current schema.
pub async fn run(command: Command, config: &Config, json: bool) -> anyhow::Result<()> {
    let store = open_unmigrated(config, !command.check).await?;
    let outcome = match migration_state(config, &store).await? {
        MigrationState::Current => output::print(
            json,
            &json!({ "pending": 0, "applied": 0 }),
            "The database is up to date.",
        ),
        MigrationState::Pending(count) if command.check => {
            bail!("{count} migration(s) are pending; run `portcullis migrate`")
        }
        MigrationState::Pending(count) => {
            store.migrate().await?;
            let text = format!("Applied {count} migration(s). The database is up to date.");
            output::print(json, &json!({ "pending": 0, "applied": count }), &text)
        }
    };
    store.close().await;
    outcome
}
