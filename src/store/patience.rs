//! How long an answer of the database is waited for, and what is asked again.

use std::pin::pin;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout};

use super::{Result, StoreError, stats};
use crate::crypto::random;

/// How often a write that met another one is done again.
const RETRIES: u32 = 3;

/// A connection that takes longer to say that it is there is not.
const TEST_LIMIT: Duration = Duration::from_secs(1);

/// Whether a connection answers, and has nothing left to finish.
pub(super) async fn is_there(connection: &mut impl sqlx::Connection) -> bool {
    matches!(timeout(TEST_LIMIT, connection.ping()).await, Ok(Ok(())))
}

/// Does `work`, for so long at most.
pub(super) async fn until<T>(limit: Duration, work: impl Future<Output = Result<T>>) -> Result<T> {
    let outcome = timeout(limit, work).await;
    outcome.unwrap_or_else(|_| Err(StoreError::Unavailable("no answer in time".into())))
}

/// Waits, for others to do something that nobody tells of.
pub(super) async fn pause(time: Duration) {
    sleep(time).await;
}

/// What one request may wait for, and whether its connections can be trusted.
///
/// Postgres ends a statement by itself in time, as long as it can be reached. When packets are dropped on the way there is
/// neither answer nor error, hence a limit on this side, too.
pub(super) struct Patience {
    limit: Duration,
    failed_at: Mutex<Option<Instant>>,
}

impl Patience {
    /// Waits for `limit` at most.
    pub(super) fn new(limit: Duration) -> Self {
        Self {
            limit,
            failed_at: Mutex::new(None),
        }
    }

    /// Does `work` within the limit, less what the request has waited before: one that asks five times is not to wait five
    /// times as long. A failure of the connection, or giving up on it, casts doubt on all of them.
    pub(super) async fn within<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let mut work = pin!(work);
        // Dropped before `work` and the connection in it: that one is then tested when it comes back.
        let unanswered = Unanswered(self);
        let limit = self.limit.saturating_sub(stats::spent());
        let Ok(outcome) = timeout(limit, work.as_mut()).await else {
            return Err(StoreError::Unavailable("no answer in time".into()));
        };
        let answered = !matches!(outcome, Err(StoreError::Unavailable(_)));
        if answered {
            std::mem::forget(unanswered);
        }
        outcome
    }

    /// Whether an answer has failed to come since a connection that was idle for `idle` was last used.
    pub(super) fn doubted_within(&self, idle: Duration) -> bool {
        // A poisoned lock: in doubt, test.
        self.failed_at
            .lock()
            .map_or(true, |at| at.is_some_and(|at| at.elapsed() <= idle))
    }
}

/// Casts doubt when it is dropped: the answer did not come, or nobody waited for it.
struct Unanswered<'a>(&'a Patience);

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        if let Ok(mut at) = self.0.failed_at.lock() {
            *at = Some(Instant::now());
        }
    }
}

/// Counts how often a write was tried.
#[derive(Default)]
pub(super) struct Tries(u32);

impl Tries {
    /// Whether to do it all again, after a pause of random length: the two that met must not meet again. What a conflict
    /// ends is rolled back, so nothing happens twice.
    pub(super) async fn again<T>(&mut self, outcome: &Result<T>) -> bool {
        if !matches!(outcome, Err(StoreError::Conflict)) || self.0 == RETRIES {
            return false;
        }
        self.0 += 1;
        let [jitter] = random::bytes::<1>();
        sleep(Duration::from_millis(u64::from(jitter % 32) * u64::from(self.0))).await;
        true
    }
}
