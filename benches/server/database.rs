//! The PostgreSQL that everything runs on: databases of one's own on it, and what it has done.

use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Context as _;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection};

/// A PostgreSQL server whose superuser we are.
pub struct Postgres {
    url: String,
    /// Its first process, if it runs here and is known.
    pub process: Option<u32>,
    made: Vec<String>,
}

/// Tells the databases of one run apart.
static NUMBER: AtomicU32 = AtomicU32::new(1);

impl Postgres {
    /// At this address.
    pub fn new(url: String, process: Option<u32>) -> Self {
        Self {
            url,
            process,
            made: Vec::new(),
        }
    }

    /// An empty database; its address.
    pub async fn create(&mut self) -> anyhow::Result<String> {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("portcullis_bench_{}_{number}", std::process::id());
        let mut url: url::Url = self.url.parse().context("not an address of PostgreSQL")?;
        // The name is ours.
        let statement = AssertSqlSafe(format!("CREATE DATABASE {name}"));
        sqlx::query(statement).execute(&mut connect(&self.url).await?).await?;
        url.set_path(&name);
        self.made.push(name);
        Ok(url.into())
    }

    /// What it says that it is.
    pub async fn version(&self) -> anyhow::Result<String> {
        let mut connection = connect(&self.url).await?;
        let version: String = sqlx::query_scalar("SHOW server_version")
            .fetch_one(&mut connection)
            .await?;
        let mut text = format!("PostgreSQL {version}");
        for setting in ["fsync", "synchronous_commit", "shared_buffers"] {
            let value: String = sqlx::query_scalar("SELECT current_setting($1)")
                .bind(setting)
                .fetch_one(&mut connection)
                .await?;
            text += &format!(", {setting} = {value}");
        }
        Ok(text)
    }

    /// Removes the databases that were created here.
    pub async fn clean_up(&mut self) -> anyhow::Result<()> {
        let mut connection = connect(&self.url).await?;
        for name in self.made.drain(..) {
            let statement = AssertSqlSafe(format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
            sqlx::query(statement).execute(&mut connection).await?;
        }
        Ok(())
    }
}

/// A connection for a few statements.
pub async fn connect(url: &str) -> anyhow::Result<PgConnection> {
    let options: PgConnectOptions = url.parse()?;
    Ok(PgConnection::connect_with(&options.disable_statement_logging()).await?)
}

/// Counts commits in the write-ahead log: each that has written something leaves one record there, and reads leave none.
pub struct CommitCounter {
    connection: PgConnection,
    from: String,
}

impl CommitCounter {
    /// Begins to count. `None` where the extension `pg_walinspect` cannot be had.
    pub async fn begin(url: &str) -> Option<Self> {
        let mut connection = connect(url).await.ok()?;
        let create = "CREATE EXTENSION IF NOT EXISTS pg_walinspect";
        sqlx::query(create).execute(&mut connection).await.ok()?;
        let from = flushed(&mut connection).await.ok()?;
        Some(Self { connection, from })
    }

    /// How many there were. `None` if the log has been recycled in between.
    pub async fn end(mut self) -> Option<u64> {
        let to = flushed(&mut self.connection).await.ok()?;
        if to == self.from {
            return Some(0);
        }
        let count: i64 = sqlx::query_scalar(
            "SELECT coalesce(sum(count), 0)::bigint FROM pg_get_wal_stats($1::pg_lsn, $2::pg_lsn, true) \
             WHERE \"resource_manager/record_type\" LIKE 'Transaction/COMMIT%'",
        )
        .bind(&self.from)
        .bind(&to)
        .fetch_one(&mut self.connection)
        .await
        .ok()?;
        self.connection.close().await.ok();
        u64::try_from(count).ok()
    }
}

async fn flushed(connection: &mut PgConnection) -> sqlx::Result<String> {
    sqlx::query_scalar("SELECT pg_current_wal_flush_lsn()::text")
        .fetch_one(connection)
        .await
}
