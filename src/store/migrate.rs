//! Migrations: embedded, numbered alike for both databases, run under a lock.

use sqlx::Connection as _;
use sqlx::migrate::{MigrateError, Migrator};

use super::lending::Lender;
use super::schema::{Migration, MigrationState, Schema};
use super::{Backend as _, Db, Result, Store, StoreError, on, statements};
use super::{postgres, schema, sqlite};

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

impl Store {
    /// Brings the schema up to date. Two nodes at once: the second waits, then finds nothing to do. A schema that a later
    /// version left in a state that suits this one stays as it is.
    pub async fn migrate(&self) -> Result<()> {
        let ran = match &self.db {
            Db::Postgres(pg) => migrate_postgres(pg).await,
            Db::Sqlite(pools) => migrate_sqlite(&pools.writer).await,
        };
        match ran {
            Err(StoreError::Schema(_)) if matches!(self.migration_state().await, Ok(MigrationState::Newer(_))) => {
                Ok(())
            }
            ran => ran,
        }
    }

    /// Compares the schema with what this binary knows. An error of the kind [`StoreError::Schema`] tells that this binary must
    /// not work on it.
    pub async fn migration_state(&self) -> Result<MigrationState> {
        self.schema().await?.state()
    }

    /// What this binary knows, and what was applied.
    pub async fn schema(&self) -> Result<Schema> {
        let migrator = if self.is_embedded() { &SQLITE } else { &POSTGRES };
        let known = migrator.iter().map(|migration| Migration {
            version: migration.version,
            description: migration.description.to_string(),
            checksum: migration.checksum.to_vec(),
        });
        Ok(Schema {
            known: known.collect(),
            applied: self.applied_migrations().await?,
        })
    }

    async fn applied_migrations(&self) -> Result<Vec<Migration>> {
        let exists: i64 = on!(self.reader(), |db| {
            sqlx::query_scalar(db.text(&HAS_MIGRATIONS)).fetch_one(&mut *db).await?
        })?;
        if exists == 0 {
            return Ok(Vec::new());
        }
        // Not among the statements that a test prepares: the table is sqlx's own.
        let read = "SELECT version, description, checksum FROM _sqlx_migrations WHERE success ORDER BY version";
        let rows: Vec<(i64, String, Vec<u8>)> =
            on!(self.reader(), |db| sqlx::query_as(read).fetch_all(&mut *db).await?)?;
        let applied = rows.into_iter().map(|(version, description, checksum)| Migration {
            version,
            description,
            checksum,
        });
        Ok(applied.collect())
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
        MigrateError::VersionMissing(version) => schema::unknown(*version),
        MigrateError::VersionMismatch(version) => schema::changed(*version),
        MigrateError::Dirty(version) => StoreError::Schema(format!(
            "migration {version} stopped half-way: restore the database from a backup"
        )),
        other => StoreError::Schema(other.to_string()),
    }
}
