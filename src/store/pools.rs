//! How busy the connections are.

use std::time::Duration;

use super::lending::Lent;
use super::{Db, Store};
use crate::telemetry::metrics::{Metrics, names};

/// A connection that nobody has needed for so long is closed.
const UNUSED: Duration = Duration::from_mins(10);

impl Store {
    /// Tells how busy the connections are: SQLite has a pool for readers and one for the writer, PostgreSQL one for all.
    pub fn observe_pools(&self, metrics: &Metrics) {
        match &self.db {
            Db::Postgres(pg) => observe(metrics, "all", &pg.lent()),
            Db::Sqlite(pools) => {
                observe(metrics, "readers", &pools.readers.lent());
                observe(metrics, "writer", &pools.writer.lent());
            }
        }
    }

    /// Closes connections to the server, and readers of the file, that were not needed for a while.
    pub fn shed_connections(&self) {
        match &self.db {
            Db::Postgres(pg) => pg.shed(UNUSED),
            Db::Sqlite(pools) => pools.readers.shed(UNUSED),
        }
    }
}

fn observe(metrics: &Metrics, name: &str, lent: &Lent) {
    let set = |state, count: usize| {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        metrics.set(&names::CONNECTIONS, &[("pool", name), ("state", state)], count.into());
    };
    set("idle", lent.idle);
    set("in_use", lent.in_use);
    let limit = u32::try_from(lent.limit).unwrap_or(u32::MAX);
    metrics.set(&names::CONNECTION_LIMIT, &[("pool", name)], limit.into());
}
