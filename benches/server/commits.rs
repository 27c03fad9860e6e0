//! The limit of everything that writes: one synchronous commit of a single row as large as a token's, over and over, by as
//! many writers at the same time as there are connections.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, PgConnection, SqliteConnection};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use crate::contender::{Contender, Gauges, Load, Role};
use crate::database::{Postgres, connect};
use crate::load::{CONNECTIONS, Outcome};
use crate::workload::Workload;

const TABLE: &str = "CREATE TABLE IF NOT EXISTS single_row (digest BYTEA PRIMARY KEY, grant_id TEXT NOT NULL, \
                     generation BIGINT NOT NULL, created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL)";
const INSERT: &str =
    "INSERT INTO single_row (digest, grant_id, generation, created_at, expires_at) VALUES ($1, $2, 1, $3, $4)";

/// Where rows go. Each is a transaction of its own, on a connection whose statement stays prepared.
enum Writer {
    /// A connection of its own.
    Postgres(Box<PgConnection>),
    /// SQLite has one writer, for which all wait.
    Sqlite(Arc<Mutex<SqliteConnection>>),
}

impl Writer {
    async fn write(&mut self) -> sqlx::Result<()> {
        let (id, now) = (uuid::Uuid::new_v4(), 1_795_000_000_i64);
        let digest = [id.as_bytes().as_slice(), uuid::Uuid::new_v4().as_bytes()].concat();
        let (grant, expires) = (id.to_string(), now + 2_592_000);
        match self {
            Self::Postgres(connection) => {
                let query = sqlx::query(INSERT).bind(digest).bind(grant).bind(now).bind(expires);
                query.execute(&mut **connection).await?;
            }
            Self::Sqlite(connection) => {
                let mut connection = connection.lock().await;
                let query = sqlx::query(INSERT).bind(digest).bind(grant).bind(now).bind(expires);
                query.execute(&mut *connection).await?;
            }
        }
        Ok(())
    }
}

/// All that write at the same time.
pub struct Writers(Vec<Writer>);

impl Writers {
    async fn on_postgres(url: &str) -> anyhow::Result<Self> {
        let mut writers = Vec::new();
        for _ in 0..CONNECTIONS {
            writers.push(Writer::Postgres(Box::new(connect(url).await?)));
        }
        Ok(Self(writers))
    }

    async fn on_sqlite(file: &Path) -> anyhow::Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .disable_statement_logging();
        let mut connection = options.connect().await?;
        sqlx::query(TABLE).execute(&mut connection).await?;
        let connection = Arc::new(Mutex::new(connection));
        let writer = |_| Writer::Sqlite(connection.clone());
        Ok(Self((0..CONNECTIONS).map(writer).collect()))
    }

    /// Commits for so long.
    pub async fn drive(&mut self, length: Duration) -> anyhow::Result<Outcome> {
        let started = Instant::now();
        let mut running = JoinSet::new();
        for mut writer in self.0.drain(..) {
            running.spawn(async move {
                let mut latencies = Vec::new();
                while started.elapsed() < length {
                    let sent = Instant::now();
                    writer.write().await?;
                    latencies.push(u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX));
                }
                anyhow::Ok((writer, latencies))
            });
        }
        let mut latencies = Vec::new();
        while let Some(finished) = running.join_next().await {
            let (writer, micros) = finished??;
            self.0.push(writer);
            latencies.extend(micros);
        }
        let elapsed = started.elapsed();
        latencies.sort_unstable();
        Ok(Outcome { elapsed, latencies })
    }
}

/// Single-row commits as a contender.
pub enum Commits {
    /// On PostgreSQL: the database, and the server's first process.
    Postgres(String, Option<u32>),
    /// On SQLite.
    Sqlite(PathBuf),
}

impl Commits {
    /// On a new database.
    pub async fn on_postgres(postgres: &mut Postgres) -> anyhow::Result<Self> {
        let url = postgres.create().await?;
        sqlx::query(TABLE).execute(&mut connect(&url).await?).await?;
        Ok(Self::Postgres(url, postgres.process))
    }
}

#[async_trait]
impl Contender for Commits {
    fn name(&self) -> String {
        match self {
            Self::Postgres(..) => "limit: row commit, PostgreSQL".to_owned(),
            Self::Sqlite(_) => "limit: row commit, SQLite".to_owned(),
        }
    }

    fn version(&self) -> String {
        "through sqlx, as the server".to_owned()
    }

    fn role(&self) -> Role {
        match self {
            Self::Postgres(..) => Role::CommitOnPostgres,
            Self::Sqlite(_) => Role::CommitOnSqlite,
        }
    }

    async fn prepare(&mut self, workload: Workload) -> anyhow::Result<Option<Load>> {
        let writes = matches!(workload, Workload::Refresh | Workload::CodeFlow | Workload::DeviceStart);
        if !writes {
            return Ok(None);
        }
        let writers = match self {
            Self::Postgres(url, _) => Writers::on_postgres(url).await?,
            Self::Sqlite(file) => Writers::on_sqlite(file).await?,
        };
        Ok(Some(Load::Commits(writers)))
    }

    fn gauges(&self) -> Gauges {
        match self {
            Self::Postgres(url, process) => Gauges {
                postgres: *process,
                database: Some(url.clone()),
                ..Gauges::default()
            },
            Self::Sqlite(_) => Gauges::default(),
        }
    }
}
