//! `portcullis migrate`: the schema of the database.

use clap::Args;
use serde_json::{Value, json};

use super::cx::{migration_state, open_unmigrated};
use super::output::{self, Outcome};
use crate::config::Config;
use crate::store::{Migration, MigrationState, Schema, StoreError};

/// Exit status of `--check`: migrations of this version are still to run.
const PENDING: u8 = 3;
/// Exit status of `--check`: a newer version was here, and this one may go on.
const NEWER: u8 = 4;
/// Exit status of `--check`: this version must not work on the database.
const UNSUITABLE: u8 = 5;

/// Bring the database up to date with this version. An SQLite file that is missing is made.
#[derive(Args, Debug)]
pub struct Command {
    /// Change nothing and tell by the exit status: 0 up to date, 3 migrations are pending, 4 the database is newer and suits
    /// this version as well, 5 it does not suit this version, 1 it could not be looked at
    #[arg(long)]
    check: bool,
}

/// Runs the command. It opens the database itself, since every other command wants a schema that suits it.
pub async fn run(command: Command, config: &Config, json: bool) -> anyhow::Result<()> {
    let store = open_unmigrated(config, !command.check).await?;
    let state = migration_state(config, &store).await;
    let outcome = if command.check {
        match state {
            Err(error) if !error.chain().any(is_about_schema) => Err(error),
            _ => check(&store.schema().await?, json),
        }
    } else {
        let applied = match state? {
            MigrationState::Current | MigrationState::Newer(_) => 0,
            MigrationState::Pending(count) => count,
        };
        store.migrate().await?;
        let text = match store.migration_state().await? {
            MigrationState::Newer(version) => {
                format!("The database is at migration {version}, made by a newer version. This one may go on.")
            }
            _ if applied == 0 => "The database is up to date.".to_owned(),
            _ => format!("Applied {applied} migration(s). The database is up to date."),
        };
        output::print(json, &json!({ "pending": 0, "applied": applied }), &text)
    };
    store.close().await;
    outcome
}

fn is_about_schema(cause: &(dyn std::error::Error + 'static)) -> bool {
    matches!(cause.downcast_ref(), Some(StoreError::Schema(_)))
}

/// Says where the schema stands. Whatever else than "up to date" is an error with a status of its own.
fn check(schema: &Schema, json: bool) -> anyhow::Result<()> {
    let state = schema.state();
    let program = newest(&schema.known);
    let (word, status, message) = match &state {
        Ok(MigrationState::Current) => (
            "current",
            0,
            format!("The database is up to date, at migration {program}."),
        ),
        Ok(MigrationState::Pending(count)) => (
            "pending",
            PENDING,
            format!("{count} migration(s) are pending; run `portcullis migrate`"),
        ),
        Ok(MigrationState::Newer(version)) => (
            "newer",
            NEWER,
            format!("the database is at migration {version}; this version knows {program} and may go on"),
        ),
        Err(error) => ("unsuitable", UNSUITABLE, error.to_string()),
    };
    let document = json!({
        "state": word,
        "database": newest(&schema.applied),
        "program": program,
        "pending": schema.pending().map(document).collect::<Vec<_>>(),
        "unknown": schema.unknown().map(document).collect::<Vec<_>>(),
    });
    if status == 0 {
        return output::print(json, &document, &message);
    }
    let mut lines = String::new();
    let pending = schema.pending().map(|migration| ("pending", migration));
    for (what, migration) in pending.chain(schema.unknown().map(|migration| ("unknown", migration))) {
        let name = output::clean(&migration.description);
        lines.push_str(&format!("{what}  {:04} {name}\n", migration.version));
    }
    if json || !lines.is_empty() {
        output::print(json, &document, &lines)?;
    }
    Err(Outcome { status, message }.into())
}

fn newest(migrations: &[Migration]) -> i64 {
    migrations.last().map_or(0, |migration| migration.version)
}

fn document(migration: &Migration) -> Value {
    json!({ "version": migration.version, "name": migration.description })
}
