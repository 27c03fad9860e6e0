//! The PostgreSQL servers of one database, of which one takes writes: the primary, wherever it is now.

use std::str::FromStr as _;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Connection as _, Row as _};

use super::lending::{LONGEST_LIFE, Source};
use super::patience::{Patience, is_there, until};
use super::{Backend as _, Result, StoreError, StoreOptions, statements};
use crate::config::Hosts;

/// After this long without use a connection is tested before it is handed out; testing always would double the round
/// trips of a warm server.
const TRUSTED_IDLE: Duration = Duration::from_secs(10);

/// Where there is another host to try, one has this long to let us in, unless `connect_timeout` says otherwise: a host without
/// power says nothing at all.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

statements! {
    // Off on a primary, unless somebody has closed it for writes; always on on a standby.
    READ_ONLY = "SHOW transaction_read_only", "SELECT 'off'";
}

/// Where connections are made to.
pub(super) struct Server {
    hosts: Vec<Host>,
    must_write: bool,
    patience: Arc<Patience>,
    /// The host that let us in last: it is tried first.
    current: AtomicUsize,
    /// When that became another one. What was connected before is not used again: the host before it may be running still, and
    /// take writes that nobody else will see.
    moved_at: Mutex<Option<Instant>>,
    /// How often it became another one.
    moves: AtomicU64,
}

struct Host {
    name: String,
    connect: PgConnectOptions,
    /// How long it may take to let us in; `None` as long as the pool waits.
    limit: Option<Duration>,
}

impl Server {
    /// Reads the URL, and connects to nothing yet.
    pub(super) fn new(options: &StoreOptions, patience: Arc<Patience>) -> Result<Self> {
        let hosts = Hosts::parse(options.url.expose());
        let hosts = hosts.map_err(|problem| StoreError::File(format!("database.url {problem}")))?;
        let count = u32::try_from(hosts.each.len()).unwrap_or(u32::MAX);
        let share = Duration::from_secs(options.acquire_timeout) / count;
        let limit = match hosts.connect_timeout {
            Some(seconds) => Some(Duration::from_secs(seconds)),
            None => (count > 1).then_some(share.min(LONGEST_WAIT)),
        };
        let host = |host: &crate::config::Host| {
            let connect = connect_options(host.url.expose(), options.statement_timeout)?;
            let name = host.name.clone();
            Ok(Host { name, connect, limit })
        };
        Ok(Self {
            hosts: hosts.each.iter().map(host).collect::<Result<_>>()?,
            must_write: hosts.must_write,
            patience,
            current: AtomicUsize::new(0),
            moved_at: Mutex::new(None),
            moves: AtomicU64::new(0),
        })
    }

    /// A connection to one of the hosts, which must take writes if that was asked for.
    async fn connect_to(&self, host: &Host) -> Result<PgConnection> {
        let attempt = async {
            let mut connection = PgConnection::connect_with(&host.connect).await?;
            if self.must_write && is_read_only(&mut connection).await? {
                return Err(StoreError::Unavailable("takes no writes".into()));
            }
            Ok(connection)
        };
        match host.limit {
            Some(limit) => until(limit, attempt).await,
            None => attempt.await,
        }
    }

    /// How to connect to the host that takes writes now.
    pub(super) async fn primary(&self) -> Result<PgConnectOptions> {
        // What cannot be closed is gone already.
        self.connect().await?.close().await.unwrap_or_default();
        let at = self.current.load(Ordering::Acquire);
        Ok(self.hosts[at].connect.clone())
    }

    /// How often the database has turned out to be on another host.
    pub(super) fn moves(&self) -> u64 {
        self.moves.load(Ordering::Acquire)
    }

    /// Notes which host let us in.
    fn arrive(&self, at: usize) {
        if self.current.swap(at, Ordering::AcqRel) == at {
            return;
        }
        self.moves.fetch_add(1, Ordering::AcqRel);
        if let Ok(mut moved_at) = self.moved_at.lock() {
            *moved_at = Some(Instant::now());
        }
        tracing::warn!(host = self.hosts[at].name, "the database is on another host now");
    }
}

impl Source for Server {
    type Connection = PgConnection;

    async fn connect(&self) -> Result<PgConnection> {
        let first = self.current.load(Ordering::Acquire);
        let count = self.hosts.len();
        let mut refusals = Vec::new();
        for at in (first..first + count).map(|number| number % count) {
            match self.connect_to(&self.hosts[at]).await {
                Ok(connection) => {
                    self.arrive(at);
                    return Ok(connection);
                }
                Err(error) if count == 1 => return Err(error),
                Err(StoreError::Unavailable(why)) => refusals.push(format!("{} {why}", self.hosts[at].name)),
                Err(error) => refusals.push(format!("{} {error}", self.hosts[at].name)),
            }
        }
        Err(StoreError::Unavailable(format!(
            "no host will do ({})",
            refusals.join(", ")
        )))
    }

    fn doubts(&self, unused: Duration) -> bool {
        unused > TRUSTED_IDLE || self.patience.doubted_within(unused)
    }

    async fn is_well(&self, connection: &mut PgConnection) -> bool {
        if !self.must_write {
            return is_there(connection).await;
        }
        // A primary that has become a standby answers, too.
        matches!(until(LONGEST_WAIT, is_read_only(connection)).await, Ok(false))
    }

    fn outlives(&self, age: Duration) -> bool {
        // A poisoned lock: in doubt, connect anew.
        let stayed = self
            .moved_at
            .lock()
            .is_ok_and(|at| at.is_none_or(|at| age < at.elapsed()));
        age < LONGEST_LIFE && stayed
    }
}

/// One message and its answer: a prepared statement would take two.
async fn is_read_only(connection: &mut PgConnection) -> Result<bool> {
    let row = sqlx::raw_sql(connection.text(&READ_ONLY))
        .fetch_one(&mut *connection)
        .await?;
    Ok(row.try_get::<&str, _>(0)? != "off")
}

fn connect_options(url: &str, statement_timeout: u64) -> Result<PgConnectOptions> {
    let options = PgConnectOptions::from_str(url)
        .map_err(|_| StoreError::File("database.url is not a valid postgres:// URL".into()))?;
    Ok(options
        .application_name("portcullis")
        .options([
            ("statement_timeout", format!("{statement_timeout}s")),
            ("lock_timeout", format!("{statement_timeout}s")),
            ("idle_in_transaction_session_timeout", "10s".to_owned()),
            // What many wait for finds its rows by an index. A plan that a connection made while a table was small, or before it was
            // analysed, may read all of it instead, and is kept: in a young database a rotation took 0.34 ms of PostgreSQL's
            // processors, and takes 0.06 so. What has no index is still read whole; that is not to be compiled for.
            ("enable_seqscan", "off".to_owned()),
            ("jit", "off".to_owned()),
        ])
        .disable_statement_logging())
}
