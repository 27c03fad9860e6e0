//! How many statements a request sent and how long they took, for its log line.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// The database work of one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueryStats {
    /// Statements sent.
    pub count: u32,
    /// Time spent waiting for them, connections included.
    pub time: Duration,
}

tokio::task_local! {
    static STATS: Cell<QueryStats>;
}

/// Runs a request and tells what database work it did.
pub async fn counted<T>(work: impl Future<Output = T>) -> (T, QueryStats) {
    STATS
        .scope(Cell::default(), async {
            let value = work.await;
            (value, STATS.with(Cell::get))
        })
        .await
}

/// How long this request has waited for the database so far; nothing outside a request.
pub(super) fn spent() -> Duration {
    STATS.try_with(|stats| stats.get().time).unwrap_or_default()
}

/// Counts one statement. Outside a request (jobs, the command line) nobody asks, and nothing is counted.
pub(super) fn count() {
    add(QueryStats {
        count: 1,
        time: Duration::ZERO,
    });
}

/// Adds the time that `work` takes.
pub(super) async fn timed<T>(work: impl Future<Output = T>) -> T {
    let started = Instant::now();
    let value = work.await;
    add(QueryStats {
        count: 0,
        time: started.elapsed(),
    });
    value
}

fn add(more: QueryStats) {
    let sum = |stats: &Cell<QueryStats>| {
        let old = stats.get();
        stats.set(QueryStats {
            count: old.count + more.count,
            time: old.time + more.time,
        });
    };
    // Without a request there is no counter to add to, and that is the answer too.
    STATS.try_with(sum).unwrap_or_default();
}
