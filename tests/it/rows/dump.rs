//! The database as a thief has it: every byte of the files, or every row of every table.

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqliteConnection};

use crate::support::{TestDb, TestServer};

/// What is stored. It is checked that the dump sees anything at all: a name that is there in clear.
pub struct Dump(Vec<u8>);

impl Dump {
    /// Reads everything. `known` is stored in clear and must be found.
    pub async fn of(server: &TestServer, known: &str) -> Self {
        let dump = if server.db.is_postgres() {
            Self(every_row(server.db.url()).await)
        } else {
            Self(every_file(server.db.url()))
        };
        assert!(dump.contains(known.as_bytes()), "the dump does not even show {known}");
        dump
    }

    /// Fails if `secret` is stored, as text, as bytes in hex, or without its prefix and checksum.
    #[track_caller]
    pub fn lacks(&self, what: &str, secret: &str) {
        let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        assert!(!self.contains(secret.as_bytes()), "{what} is stored in clear");
        assert!(!self.contains(hex.as_bytes()), "{what} is stored as bytes");
        let body = secret.strip_prefix("pc_").and_then(|rest| rest.get(3..46));
        assert!(
            !body.is_some_and(|body| self.contains(body.as_bytes())),
            "the random part of {what} is stored"
        );
    }

    /// Whether these bytes are anywhere in it.
    pub fn contains(&self, needle: &[u8]) -> bool {
        self.0.windows(needle.len()).any(|window| window == needle)
    }
}

/// Runs a statement behind the server's back.
pub async fn execute(db: &TestDb, statement: &str) {
    let statement = AssertSqlSafe(statement.to_owned());
    if db.is_postgres() {
        let mut connection = PgConnection::connect(db.url()).await.unwrap();
        connection.execute(statement).await.unwrap();
        connection.close().await.unwrap();
    } else {
        let mut connection = SqliteConnection::connect(db.url()).await.unwrap();
        connection.execute(statement).await.unwrap();
        connection.close().await.unwrap();
    }
}

/// The file with what has not been moved into it yet.
fn every_file(url: &str) -> Vec<u8> {
    let path = url.strip_prefix("sqlite://").unwrap();
    let mut bytes = std::fs::read(path).unwrap();
    for suffix in ["-wal", "-journal", "-shm"] {
        bytes.extend(std::fs::read(format!("{path}{suffix}")).unwrap_or_default());
    }
    bytes
}

async fn every_row(url: &str) -> Vec<u8> {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let tables: Vec<String> = sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'")
        .fetch_all(&mut connection)
        .await
        .unwrap();
    assert!(tables.len() > 10, "{tables:?}");
    let mut text = String::new();
    for table in tables {
        let statement = AssertSqlSafe(format!("SELECT t::text FROM \"{table}\" t"));
        let rows: Vec<String> = sqlx::query_scalar(statement).fetch_all(&mut connection).await.unwrap();
        text.extend(rows);
    }
    connection.close().await.unwrap();
    text.into_bytes()
}
