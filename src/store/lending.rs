//! Connections, lent out and taken back.
//!
//! A connection that comes back from finished work is as good as it was and is put aside as it is. One whose work failed, or was
//! given up half-way, is tested first, behind the back of the request: that also ends a transaction that was left open. The pool of
//! sqlx tests every connection every time: one more message to Postgres and back for each statement, one more hand-over to the
//! thread of an SQLite connection, and a task for each.

use std::time::{Duration, Instant};

use deadpool::Runtime;
use deadpool::managed::{
    Manager, Metrics, Object, Pool, PoolConfig, PoolError, QueueMode, RecycleError, RecycleResult, Timeouts,
};
use sqlx::Connection;

use super::patience::is_there;
use super::{Result, StoreError, stats};

/// A connection this old is replaced: what a server keeps for it grows, and a name may mean another server by then.
pub(super) const LONGEST_LIFE: Duration = Duration::from_mins(30);

/// Where connections come from.
pub(super) trait Source: Send + Sync + 'static {
    /// What it makes.
    type Connection: Connection + Send;

    /// Makes one.
    fn connect(&self) -> impl Future<Output = Result<Self::Connection>> + Send;

    /// Whether one that was unused for so long is tested before it is used.
    fn doubts(&self, unused: Duration) -> bool;

    /// Whether one that is in doubt can be used, with nothing left to finish.
    fn is_well(&self, connection: &mut Self::Connection) -> impl Future<Output = bool> + Send {
        is_there(connection)
    }

    /// Whether one of that age is replaced.
    fn outlives(&self, age: Duration) -> bool {
        age < LONGEST_LIFE
    }
}

/// Lends connections, to so many at a time; others wait in the order in which they came.
pub(super) struct Lender<S: Source>(Pool<Keeper<S>>);

struct Keeper<S>(S);

/// A connection and what is known of it.
struct Kept<C> {
    connection: C,
    /// When it was last put aside.
    since: Instant,
}

/// A connection on loan.
pub(super) struct Lease<S: Source>(Option<Object<Keeper<S>>>);

/// How many connections there are.
pub(super) struct Lent {
    pub(super) idle: usize,
    pub(super) in_use: usize,
    pub(super) limit: usize,
}

impl<S: Source> Clone for Lender<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S: Source> Lender<S> {
    /// Lends `limit` connections at most. Nobody waits longer than `patience` for one, nor for one to be made.
    pub(super) fn new(source: S, limit: u32, patience: Duration) -> Result<Self> {
        let mut config = PoolConfig::new(limit as usize);
        config.queue_mode = QueueMode::Lifo;
        config.timeouts = Timeouts {
            wait: Some(patience),
            create: Some(patience),
            recycle: None,
        };
        let pool = Pool::builder(Keeper(source))
            .config(config)
            .runtime(Runtime::Tokio1)
            .build();
        pool.map(Self)
            .map_err(|_| StoreError::File("the connections cannot be looked after".into()))
    }

    /// A connection, until it is dropped.
    pub(super) async fn lend(&self) -> Result<Lease<S>> {
        match self.0.get().await {
            Ok(object) => Ok(Lease(Some(object))),
            Err(PoolError::Backend(error)) => Err(error),
            Err(PoolError::Timeout(_)) => {
                stats::pool_timed_out();
                Err(StoreError::Unavailable("no connection became free in time".into()))
            }
            Err(PoolError::Closed) => Err(StoreError::Unavailable("the pool is closed".into())),
            Err(PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_)) => {
                Err(StoreError::Unavailable("no connection could be made".into()))
            }
        }
    }

    /// Where they come from.
    pub(super) fn source(&self) -> &S {
        &self.0.manager().0
    }

    /// How many there are.
    pub(super) fn lent(&self) -> Lent {
        let status = self.0.status();
        let idle = status.available.min(status.size);
        Lent {
            idle,
            in_use: status.size - idle,
            limit: status.max_size,
        }
    }

    /// Closes those that were unused for `unused`.
    pub(super) fn shed(&self, unused: Duration) {
        self.0.retain(|kept, _| kept.since.elapsed() < unused);
    }

    /// Lends no more, and closes those that are there in an orderly way.
    pub(super) async fn close(&self) {
        let at_once = Timeouts {
            wait: Some(Duration::ZERO),
            ..Timeouts::default()
        };
        while self.0.status().available > 0 {
            let Ok(object) = self.0.timeout_get(&at_once).await else {
                break;
            };
            // What cannot be closed is gone already.
            Object::take(object).connection.close().await.unwrap_or_default();
        }
        self.0.close();
    }
}

impl<S: Source> Manager for Keeper<S> {
    type Type = Kept<S::Connection>;
    type Error = StoreError;

    async fn create(&self) -> Result<Self::Type> {
        // On the heap: there are 7 kB to a connection in the making, and whoever borrows one that is there would carry room for them
        // six times over.
        Ok(Kept {
            connection: Box::pin(self.0.connect()).await?,
            since: Instant::now(),
        })
    }

    async fn recycle(&self, kept: &mut Self::Type, metrics: &Metrics) -> RecycleResult<StoreError> {
        if !self.0.outlives(metrics.age()) {
            return Err(RecycleError::message("too old"));
        }
        if self.0.doubts(kept.since.elapsed()) && !self.0.is_well(&mut kept.connection).await {
            return Err(RecycleError::message("gone"));
        }
        Ok(())
    }
}

impl<S: Source> Lease<S> {
    /// The connection.
    pub(super) fn connection(&mut self) -> Result<&mut S::Connection> {
        let lent = self.0.as_mut().map(|object| &mut object.connection);
        lent.ok_or_else(|| StoreError::Unavailable("the connection was given back".into()))
    }

    /// Closes it: nobody is to use it again.
    pub(super) fn discarded(mut self) {
        if let Some(object) = self.0.take() {
            drop(Object::take(object));
        }
    }

    /// Gives it back as good as it was: everything that was asked of it was answered.
    pub(super) fn settled(mut self) {
        if let Some(mut object) = self.0.take() {
            object.since = Instant::now();
        }
    }
}

impl<S: Source> Drop for Lease<S> {
    fn drop(&mut self) {
        let Some(mut object) = self.0.take() else { return };
        let (Ok(runtime), Some(pool)) = (tokio::runtime::Handle::try_current(), Object::pool(&object)) else {
            drop(Object::take(object));
            return;
        };
        runtime.spawn(async move {
            if pool.manager().0.is_well(&mut object.connection).await {
                object.since = Instant::now();
            } else {
                drop(Object::take(object));
            }
        });
    }
}
