//! Migrations: embedded, numbered alike for both databases, run under a lock.

use sqlx::Connection as _;
use sqlx::migrate::{MigrateError, Migrator};

use super::lending::Lender;
use super::{Backend as _, Db, Result, Store, StoreError, on, statements};
use super::{postgres, sqlite};

static POSTGRES: Migrator = sqlx::migrate!("./migrations/postgres");
static SQLITE: Migrator = sqlx::migrate!("./migrations/sqlite");

statements! {
    HAS_MIGRATIONS = "SELECT count(*) FROM information_schema.tables
            WHERE table_schema = current_schema() AND table_name = '_sqlx_migrations'",
        "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = '_sqlx_migrations'";
    TABLE_COLUMNS = "SELECT table_name || '.' || column_name || CASE is_nullable WHEN 'NO' THEN '!' ELSE '' END
            FROM information_schema.columns
            WHERE table_schema = current_schema() AND table_name <> '_sqlx_migrations' ORDER BY 1",
        "SELECT m.name || '.' || c.name || CASE WHEN c.\"notnull\" = 1 OR c.pk > 0 THEN '!' ELSE '' END
            FROM sqlite_master m, pragma_table_info(m.name) c
            WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name <> '_sqlx_migrations' ORDER BY 1";
}

/// Where the schema stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MigrationState {
    /// What this binary knows is there, and nothing else.
    Current,
    /// This many migrations are still to run.
    Pending(usize),
}

impl Store {
    /// Brings the schema up to date. Two nodes at once: the second waits, then finds nothing to do.
    pub async fn migrate(&self) -> Result<()> {
        match &self.db {
            Db::Postgres(pg) => migrate_postgres(pg).await,
            Db::Sqlite(pools) => migrate_sqlite(&pools.writer).await,
        }
    }

    /// Compares the schema with what this binary knows. An older binary over a newer schema is an error.
    pub async fn migration_state(&self) -> Result<MigrationState> {
        let migrator = if self.is_embedded() { &SQLITE } else { &POSTGRES };
        let known: Vec<_> = migrator.iter().collect();
        let applied = self.applied_migrations().await?;
        for (version, checksum) in &applied {
            match known.iter().find(|migration| migration.version == *version) {
                None => return Err(explain(&MigrateError::VersionMissing(*version))),
                Some(migration) if migration.checksum.as_ref() != checksum => {
                    return Err(explain(&MigrateError::VersionMismatch(*version)));
                }
                Some(_) => {}
            }
        }
        match known.len() - applied.len() {
            0 => Ok(MigrationState::Current),
            pending => Ok(MigrationState::Pending(pending)),
        }
    }

    async fn applied_migrations(&self) -> Result<Vec<(i64, Vec<u8>)>> {
        let exists: i64 = on!(self.reader(), |db| {
            sqlx::query_scalar(db.text(&HAS_MIGRATIONS)).fetch_one(&mut *db).await?
        })?;
        if exists == 0 {
            return Ok(Vec::new());
        }
        // Not among the statements that a test prepares: the table is sqlx's own.
        let read = "SELECT version, checksum FROM _sqlx_migrations WHERE success ORDER BY version";
        on!(self.reader(), |db| sqlx::query_as(read).fetch_all(&mut *db).await?)
    }
}

/// On a connection without the time limits of requests: a node waits here for another that migrates, and an index on a large
/// table takes its time. The connection is closed afterwards, so that its limits are nobody else's.
async fn migrate_postgres(pg: &postgres::Pg) -> Result<()> {
    let mut connection = pg.open_connection().await?;
    sqlx::raw_sql("SET statement_timeout = 0; SET lock_timeout = 0")
        .execute(&mut connection)
        .await?;
    POSTGRES
        .run_direct(None, &mut connection, false)
        .await
        .map_err(|error| explain(&error))?;
    Ok(connection.close().await?)
}

/// In one transaction that takes the write lock first: sqlx locks nothing here, and two processes that start at the same
/// moment would both find an empty file.
async fn migrate_sqlite(writer: &Lender<sqlite::File>) -> Result<()> {
    let mut lease = writer.lend().await?;
    let mut tx = lease.connection()?.begin_with("BEGIN IMMEDIATE").await?;
    SQLITE
        .run_direct(None, &mut *tx, false)
        .await
        .map_err(|error| explain(&error))?;
    tx.commit().await?;
    lease.settled();
    Ok(())
}

/// `table.column`, with `!` behind those that are never null: what the two schemas are compared by.
pub async fn table_columns(store: &Store) -> Result<Vec<String>> {
    on!(store.reader(), |db| sqlx::query_scalar(db.text(&TABLE_COLUMNS))
        .fetch_all(&mut *db)
        .await?)
}

fn explain(error: &MigrateError) -> StoreError {
    match error {
        MigrateError::Execute(_) | MigrateError::ExecuteMigration(..) => {
            StoreError::Schema(format!("a migration failed and was rolled back: {error}"))
        }
        MigrateError::VersionMissing(version) => StoreError::Schema(format!(
            "the database is at migration {version}, which this binary does not know: run a newer portcullis"
        )),
        MigrateError::VersionMismatch(version) => StoreError::Schema(format!(
            "migration {version} was applied with other contents than this binary's: do not edit migrations"
        )),
        MigrateError::Dirty(version) => StoreError::Schema(format!(
            "migration {version} stopped half-way: restore the database from a backup"
        )),
        other => StoreError::Schema(other.to_string()),
    }
}
