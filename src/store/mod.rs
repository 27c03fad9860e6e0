//! The database: one text for two of them.
//!
//! A method is a whole transaction and returns an outcome; nothing above knows which database answered. The default is
//! one SQL text for both; where they must differ, two texts stand side by side in one [`Statement`]. Every statement is
//! declared through `statements!`, so that a test can prepare all of them on both databases.

mod access_tokens;
mod apis;
mod audit;
mod backup;
mod browser_sessions;
mod catalog;
mod catalog_lease;
mod client_assertions;
mod client_logos;
mod client_use;
mod clients;
mod coalesce;
mod consents;
mod device_grants;
mod device_pace;
mod error;
mod grants;
mod group_commit;
mod inspection;
mod interactions;
mod introspection;
mod leaves;
mod lending;
mod logouts;
mod migrate;
mod patience;
mod pools;
mod postgres;
mod recovery;
mod refresh_tokens;
mod registrations;
mod rotations;
mod rows;
mod schema;
mod servers;
mod signing_keys;
mod sqlite;
mod standing_feed;
mod standings;
mod stats;
mod sweep;
mod throttles;
mod users;
mod web_sessions;

use std::sync::Arc;

use sqlx::{PgConnection, SqliteConnection};
use tokio::sync::Notify;

pub use access_tokens::TokenStanding;
pub use apis::ApiWrite;
pub use audit::AuditFilter;
pub use browser_sessions::{SessionOfUser, SignedIn};
pub use catalog::{Catalog, ClientLookup};
pub use catalog_lease::{CatalogPace, CatalogWatch};
pub use client_assertions::AssertionUse;
pub use clients::{ClientChange, ClientWrite, SecretRotation};
pub use consents::{AppOfUser, Withdrawal};
pub use device_grants::{DeviceAnswer, DeviceApproval, DeviceStart, LiveDevices, LoadedDeviceGrant};
pub use error::StoreError;
pub use grants::{CodeOutcome, ConsentUse, IssueOutcome, LoadedCode, NewCode, NewGrant, NewTokens};
pub use inspection::{Commits, Inspection, Registered};
pub use interactions::InteractionWrite;
pub use introspection::{Info, OpaqueInfo, OpaqueStanding, PersonStanding, Standing};
pub use leaves::RememberedRefreshToken;
pub use logouts::LogoutNotice;
pub use migrate::table_columns;
pub use recovery::{DatabaseMark, Ended};
pub use refresh_tokens::{LoadedRefreshToken, NewRefreshToken, RefreshOutcome, Successor};
pub use registrations::{NewRegistration, RegistrationOutcome};
pub use schema::{Migration, MigrationState, Schema};
pub use signing_keys::{KeyWrite, Predecessors, Resealed, Resealing};
pub use stats::{QueryStats, counted, counted_in_job};
pub use sweep::Swept;
pub use throttles::{Limit, MAX_LIMITS, Reservation};
pub use users::{PasswordChange, UserWrite};
pub use web_sessions::{WebSessions, expiry_at};

/// What a store method returns.
pub type Result<T> = std::result::Result<T, StoreError>;

/// The database, with what is kept in memory of its slow-moving part.
#[derive(Clone)]
pub struct Store {
    db: Db,
    cache: Arc<catalog::Cache>,
    lease: Arc<catalog_lease::Lease>,
    pace: Arc<device_pace::DevicePace>,
    client_use: Arc<client_use::ClientUse>,
    standings: Arc<introspection::Reads>,
    feed: Arc<standing_feed::Feed>,
    leaves: Arc<leaves::Leaves>,
    /// That this process has ended a sign-in.
    ended: Arc<Notify>,
}

/// The closed set of backends.
#[derive(Clone)]
enum Db {
    Postgres(postgres::Pg),
    Sqlite(sqlite::Pools),
}

/// A pool for one kind of work: SQLite has many readers and one writer, Postgres makes no difference.
enum Pool<'a> {
    Postgres(&'a postgres::Pg),
    Sqlite(&'a lending::Lender<sqlite::File>),
    /// The one connection of SQLite that writes.
    Writer(&'a group_commit::Writer),
}

/// How to open a database.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// `sqlite://path` or `postgres://…`. May hold a password: never logged.
    pub url: crate::config::Secret<String>,
    /// The most connections (readers, on SQLite).
    pub max_connections: u32,
    /// How long a request waits for a connection, in seconds.
    pub acquire_timeout: u64,
    /// How long one statement may take, in seconds. Postgres has one more to say so.
    pub statement_timeout: u64,
    /// Whether a missing SQLite file is made. Only the first start may do that: a file that went missing later is a
    /// fault, not an empty database.
    pub create: bool,
}

impl Store {
    /// Opens the database of `options.url`. Nothing is migrated.
    pub async fn open(options: &StoreOptions) -> Result<Self> {
        let url = options.url.expose();
        let db = if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Db::Postgres(postgres::open(options)?)
        } else if let Some(path) = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:")) {
            Db::Sqlite(sqlite::open(path, options).await?)
        } else {
            return Err(StoreError::Unsupported);
        };
        Ok(Self {
            db,
            cache: Arc::default(),
            lease: Arc::default(),
            pace: Arc::default(),
            client_use: Arc::default(),
            standings: Arc::default(),
            feed: Arc::default(),
            leaves: Arc::default(),
            ended: Arc::default(),
        })
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<()> {
        self.version().await.map(drop)
    }

    /// Whether the database is the embedded one.
    pub fn is_embedded(&self) -> bool {
        matches!(self.db, Db::Sqlite(_))
    }

    /// Closes every connection.
    pub async fn close(&self) {
        match &self.db {
            Db::Postgres(pg) => pg.close().await,
            Db::Sqlite(pools) => pools.close().await,
        }
    }

    fn reader(&self) -> Pool<'_> {
        match &self.db {
            Db::Postgres(pg) => Pool::Postgres(pg),
            Db::Sqlite(pools) => Pool::Sqlite(&pools.readers),
        }
    }

    fn writer(&self) -> Pool<'_> {
        match &self.db {
            Db::Postgres(pg) => Pool::Postgres(pg),
            Db::Sqlite(pools) => Pool::Writer(&pools.writer),
        }
    }
}

/// One SQL statement by name, in the text of each database.
pub struct Statement {
    /// For reports.
    pub name: &'static str,
    /// What Postgres is sent.
    pub postgres: &'static str,
    /// What SQLite is sent.
    pub sqlite: &'static str,
}

/// Every statement of every file, for the test that prepares them all.
pub fn all_statements() -> Vec<&'static Statement> {
    [
        access_tokens::STATEMENTS,
        apis::STATEMENTS,
        audit::STATEMENTS,
        backup::STATEMENTS,
        browser_sessions::STATEMENTS,
        catalog::STATEMENTS,
        catalog_lease::STATEMENTS,
        client_assertions::STATEMENTS,
        client_logos::STATEMENTS,
        clients::STATEMENTS,
        consents::STATEMENTS,
        device_grants::STATEMENTS,
        grants::STATEMENTS,
        group_commit::STATEMENTS,
        inspection::STATEMENTS,
        interactions::STATEMENTS,
        introspection::STATEMENTS,
        logouts::STATEMENTS,
        migrate::STATEMENTS,
        postgres::STATEMENTS,
        recovery::STATEMENTS,
        refresh_tokens::STATEMENTS,
        registrations::STATEMENTS,
        rotations::STATEMENTS,
        servers::STATEMENTS,
        signing_keys::STATEMENTS,
        standing_feed::STATEMENTS,
        sweep::STATEMENTS,
        throttles::STATEMENTS,
        users::STATEMENTS,
        web_sessions::STATEMENTS,
    ]
    .concat()
}

/// Picks a statement's text for a connection, to be run at once: from here on it is counted and timed.
trait Backend {
    fn text(&self, statement: &'static Statement) -> &'static str;
}

impl Backend for PgConnection {
    fn text(&self, statement: &'static Statement) -> &'static str {
        stats::begin(statement, "postgresql");
        statement.postgres
    }
}

impl Backend for SqliteConnection {
    fn text(&self, statement: &'static Statement) -> &'static str {
        stats::begin(statement, "sqlite");
        statement.sqlite
    }
}

/// Declares a file's statements: `NAME = "text for both";`, or `NAME = "text for Postgres", "text for SQLite";`.
macro_rules! statements {
    ($($name:ident = $text:expr $(, $sqlite:expr)?;)+) => {
        $(pub(super) static $name: $crate::store::Statement = $crate::store::statements!(@one $name $text $(, $sqlite)?);)+
        pub(super) const STATEMENTS: &[&$crate::store::Statement] = &[$(&$name),+];
    };
    (@one $name:ident $text:expr) => {
        $crate::store::Statement { name: stringify!($name), postgres: $text, sqlite: $text }
    };
    (@one $name:ident $postgres:expr, $sqlite:expr) => {
        $crate::store::Statement { name: stringify!($name), postgres: $postgres, sqlite: $sqlite }
    };
}
use statements;

/// Does the work of a store method, and again if another write was in its way. On the heap: the work of sqlx is large, and would
/// make large whatever waits for it.
macro_rules! attempts {
    ($work:expr) => {{
        let mut tries = $crate::store::patience::Tries::default();
        loop {
            let outcome = $crate::store::stats::timed(Box::pin($work)).await;
            if !tries.again(&outcome).await {
                break outcome;
            }
        }
    }};
}
use attempts;

/// Expands a method's body once for each backend, so that sqlx sees concrete types, and times it.
macro_rules! on {
    ($pool:expr, |$db:ident| $body:expr) => {
        $crate::store::attempts!(async {
            match $pool {
                $crate::store::Pool::Postgres(pg) => {
                    pg.patience
                        .within(async {
                            let mut lease = pg.lend().await?;
                            let $db = lease.connection()?;
                            let value = $body;
                            lease.settled();
                            Ok::<_, $crate::store::StoreError>(value)
                        })
                        .await
                }
                $crate::store::Pool::Sqlite(lender) => {
                    let mut lease = lender.lend().await?;
                    let $db = lease.connection()?;
                    let value = $body;
                    lease.settled();
                    Ok::<_, $crate::store::StoreError>(value)
                }
                $crate::store::Pool::Writer(writer) => {
                    let mut turn = writer.statements().await?;
                    let $db = turn.connection()?;
                    let value = $body;
                    turn.commit().await?;
                    Ok::<_, $crate::store::StoreError>(value)
                }
            }
        })
    };
}
use on;

/// Expands a body once for each backend inside a transaction. The body ends in a value to commit with; an early `?` rolls
/// back. On SQLite the transaction takes the write lock at once, since a reader that turns writer fails with BUSY.
macro_rules! in_transaction {
    ($store:expr, |$tx:ident| $body:expr) => {
        $crate::store::attempts!(async {
            match &$store.db {
                $crate::store::Db::Postgres(pg) => {
                    pg.patience
                        .within(async {
                            let mut lease = pg.lend().await?;
                            $crate::store::stats::count();
                            let mut $tx = sqlx::Connection::begin(lease.connection()?).await?;
                            let value = $body;
                            $crate::store::stats::count();
                            $tx.commit().await?;
                            lease.settled();
                            Ok::<_, $crate::store::StoreError>(value)
                        })
                        .await
                }
                $crate::store::Db::Sqlite(pools) => {
                    let mut turn = pools.writer.transaction().await?;
                    let $tx = turn.connection()?;
                    let value = $body;
                    turn.commit().await?;
                    Ok::<_, $crate::store::StoreError>(value)
                }
            }
        })
    };
}
use in_transaction;
