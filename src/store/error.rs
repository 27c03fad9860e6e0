//! What can go wrong in the database, as far as callers differ.

use crate::protocol::error::{OAuthError, Reason};

/// A failure of the store. Its text never holds a value or the connection string.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// Cannot be reached, is starting or stopping, is full, locked, or too slow: try again later.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// Another transaction was in the way, and this one was rolled back.
    #[error("the database is unavailable: too many writes at once")]
    Conflict,
    /// A row does not hold what it should.
    #[error("a row in the database is corrupt: {0}")]
    Corrupt(&'static str),
    /// A row that this write refers to has gone in the meantime.
    #[error("a row that the write refers to is gone")]
    Gone,
    /// A unique value is taken.
    #[error("the value is taken")]
    Taken,
    /// The schema is not the one that this binary knows.
    #[error("{0}")]
    Schema(String),
    /// The URL names no database that is supported.
    #[error("database.url must start with sqlite:// or postgres://")]
    Unsupported,
    /// The file or its directory cannot be used.
    #[error("{0}")]
    File(String),
    /// A fault of this program: a statement that the database does not take.
    #[error("the database refused a statement: {0}")]
    Statement(String),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(database) => from_database(database.as_ref()),
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::ColumnNotFound(_) => {
                Self::Corrupt("a column cannot be read")
            }
            sqlx::Error::PoolTimedOut => {
                super::stats::pool_timed_out();
                Self::Unavailable("no connection became free in time".into())
            }
            sqlx::Error::PoolClosed => Self::Unavailable("the pool is closed".into()),
            sqlx::Error::Io(io) => Self::Unavailable(io.kind().to_string()),
            sqlx::Error::Tls(_) => Self::Unavailable("TLS failed".into()),
            sqlx::Error::WorkerCrashed => Self::Unavailable("the SQLite worker stopped".into()),
            _ => Self::Unavailable("the connection failed".into()),
        }
    }
}

/// Messages of the database quote values in `DETAIL`, never in the code and the constraint: only those are kept.
fn from_database(error: &dyn sqlx::error::DatabaseError) -> StoreError {
    if error.is_foreign_key_violation() {
        return StoreError::Gone;
    }
    if error.is_unique_violation() {
        return StoreError::Taken;
    }
    let code = error.code().unwrap_or_default();
    match code.as_ref() {
        // serialization_failure, deadlock_detected; SQLITE_BUSY_SNAPSHOT.
        "40001" | "40P01" | "517" => StoreError::Conflict,
        // Syntax, undefined table or column, type mismatch: ours to mend. SQLite's 1 is the same.
        "1" | "42601" | "42P01" | "42703" | "42804" | "42883" | "42P18" => {
            StoreError::Statement(error.message().to_owned())
        }
        code => StoreError::Unavailable(format!("code {code}")),
    }
}

impl StoreError {
    /// Whether trying again later may help.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Conflict)
    }
}

/// What a client is told: that it may try again, or that something is wrong here. The cause goes to the log, once.
impl From<StoreError> for OAuthError {
    fn from(error: StoreError) -> Self {
        if error.is_unavailable() {
            tracing::warn!(%error, "database unavailable");
            return Reason::StoreUnavailable.into();
        }
        tracing::error!(%error, "database failed");
        Reason::Internal.into()
    }
}
