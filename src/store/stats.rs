//! What the database work of a request came to: for its log line, for the metrics, and as spans of its trace.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use tracing::{Instrument as _, Span};

use super::{Result, Statement, StoreError};
use crate::telemetry::metrics::Metrics;

/// The database work of one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueryStats {
    /// Statements sent.
    pub count: u32,
    /// Time spent waiting for them, connections included.
    pub time: Duration,
}

/// What is kept for one request, or for one round of a job.
struct Watched {
    stats: Cell<QueryStats>,
    metrics: Metrics,
    /// Somebody waits for the answer, and not for ever.
    is_request: bool,
}

tokio::task_local! {
    static WATCHED: Watched;
    /// The statement that runs in a store method.
    static RUNNING: RefCell<Option<Running>>;
}

/// A statement from the moment its text was taken until the next one's, or the method's end.
struct Running {
    statement: &'static Statement,
    since: Instant,
    span: Span,
}

/// Runs a request and tells what database work it did; its statements count in `metrics`.
pub async fn counted<T>(metrics: &Metrics, work: impl Future<Output = T>) -> (T, QueryStats) {
    watching(metrics, true, work).await
}

/// Runs a round of a job, whose statements count in `metrics`. It may take longer than a request.
pub async fn counted_in_job<T>(metrics: &Metrics, work: impl Future<Output = T>) -> T {
    watching(metrics, false, work).await.0
}

async fn watching<T>(metrics: &Metrics, is_request: bool, work: impl Future<Output = T>) -> (T, QueryStats) {
    let watched = Watched {
        stats: Cell::default(),
        metrics: metrics.clone(),
        is_request,
    };
    let with_stats = async {
        let value = work.await;
        (value, WATCHED.with(|watched| watched.stats.get()))
    };
    WATCHED.scope(watched, with_stats).await
}

/// How long this request has waited for the database so far; nothing outside a request.
pub(super) fn spent() -> Duration {
    let of_request = |watched: &Watched| watched.is_request.then(|| watched.stats.get().time);
    WATCHED.try_with(of_request).ok().flatten().unwrap_or_default()
}

/// Waits for a statement that several requests share. Each counts it as one of its own, with the time that it waited.
pub(super) async fn shared<T>(work: impl Future<Output = T>) -> T {
    let started = Instant::now();
    count();
    let value = work.await;
    add(QueryStats {
        count: 0,
        time: started.elapsed(),
    });
    value
}

/// Where a statement is counted and traced that runs beside the requests that wait for it.
pub(super) struct Witness {
    metrics: Metrics,
    span: Span,
}

/// The present request.
pub(super) fn witness() -> Witness {
    Witness {
        metrics: WATCHED.try_with(|watched| watched.metrics.clone()).unwrap_or_default(),
        span: Span::current(),
    }
}

impl Witness {
    /// Does the work. How long the request has waited before is not held against it: others wait for it, too.
    pub(super) async fn over<T>(self, work: impl Future<Output = T>) -> T {
        counted_in_job(&self.metrics, work).instrument(self.span).await
    }
}

/// Counts one round trip that is no statement of ours: a transaction's begin or commit.
pub(super) fn count() {
    add(QueryStats {
        count: 1,
        time: Duration::ZERO,
    });
}

/// Counts a statement, and ends the one before it. `system` is the database's name by the conventions of OpenTelemetry.
pub(super) fn begin(statement: &'static Statement, system: &'static str) {
    count();
    let next = Running {
        statement,
        since: Instant::now(),
        span: tracing::info_span!(
            target: "portcullis::trace",
            "statement",
            otel.name = statement.name,
            otel.kind = "client",
            db.system.name = system,
            db.query.summary = statement.name,
            otel.status_code = tracing::field::Empty,
            error.type = tracing::field::Empty,
        ),
    };
    // A statement of which only the text is wanted runs nowhere.
    let before = RUNNING.try_with(|running| running.replace(Some(next)));
    if let Ok(Some(before)) = before {
        before.end(None);
    }
}

/// Runs a store method: adds the time that it takes, and ends its last statement.
pub(super) async fn timed<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let started = Instant::now();
    let until_the_last = async {
        let value = work.await;
        let last = RUNNING.with(RefCell::take);
        if let Some(last) = last {
            last.end(value.as_ref().err());
        }
        value
    };
    let value = RUNNING.scope(RefCell::default(), until_the_last).await;
    add(QueryStats {
        count: 0,
        time: started.elapsed(),
    });
    value
}

/// Nobody gave back a connection in time.
pub(super) fn pool_timed_out() {
    watched(|watched| watched.metrics.pool_timed_out());
}

/// Expired rows went, by this statement.
pub(super) fn swept(table: &'static str, rows: u64) {
    watched(|watched| watched.metrics.swept(table, rows));
}

impl Running {
    fn end(self, error: Option<&StoreError>) {
        if let Some(kind) = error.and_then(failure) {
            self.span.record("otel.status_code", "ERROR");
            self.span.record("error.type", kind);
        }
        let took = self.since.elapsed();
        watched(|watched| watched.metrics.statement(self.statement.name, took));
    }
}

/// What went wrong, if anything did; a value that is taken, or a row that is gone, is an answer.
fn failure(error: &StoreError) -> Option<&'static str> {
    match error {
        StoreError::Gone | StoreError::Taken => None,
        StoreError::Unavailable(_) => Some("unavailable"),
        StoreError::Conflict => Some("conflict"),
        StoreError::Corrupt(_) => Some("corrupt"),
        _ => Some("failed"),
    }
}

fn add(more: QueryStats) {
    watched(|watched| {
        let old = watched.stats.get();
        watched.stats.set(QueryStats {
            count: old.count + more.count,
            time: old.time + more.time,
        });
    });
}

/// Outside of requests and jobs (the command line) nobody asks, and nothing is counted.
fn watched(tell: impl FnOnce(&Watched)) {
    WATCHED.try_with(tell).unwrap_or_default();
}
