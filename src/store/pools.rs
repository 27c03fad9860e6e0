//! How busy the connections are.

use sqlx::{Database, Pool};

use super::{Db, Store};
use crate::telemetry::metrics::{Metrics, names};

impl Store {
    /// Tells how busy the connections are: SQLite has a pool for readers and one for the writer, PostgreSQL one for all.
    pub fn observe_pools(&self, metrics: &Metrics) {
        match &self.db {
            Db::Postgres(pool) => observe(metrics, "all", pool),
            Db::Sqlite(pools) => {
                observe(metrics, "readers", &pools.readers);
                observe(metrics, "writer", &pools.writer);
            }
        }
    }
}

fn observe<DB: Database>(metrics: &Metrics, name: &str, pool: &Pool<DB>) {
    let idle = u32::try_from(pool.num_idle()).unwrap_or(u32::MAX);
    // The two numbers are not read at one moment.
    let in_use = pool.size().saturating_sub(idle);
    for (state, count) in [("idle", idle), ("in_use", in_use)] {
        metrics.set(&names::CONNECTIONS, &[("pool", name), ("state", state)], count.into());
    }
    let limit = pool.options().get_max_connections();
    metrics.set(&names::CONNECTION_LIMIT, &[("pool", name)], limit.into());
}
