//! Watching the clock: whether it jumps, and whether it differs from the database's, by which all nodes can be compared.
//! Nothing that was spent, revoked or ended comes back when a clock is wrong, since those are states; but what expires does so
//! too early or too late, so the operator is told.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::time::Timestamp;

/// Between two looks.
const INTERVAL: Duration = Duration::from_secs(30);
/// From how many seconds on a step of the clock is one: less is what time servers correct every day.
const JUMP: i64 = 5;
/// How many seconds the clocks of two nodes may differ: what tokens from the near future are forgiven.
const DIFFERENCE: i64 = 30;

/// What was seen at the last look.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// The clock.
    pub wall: Timestamp,
    /// The time since, which no one can set.
    pub since: Instant,
}

impl Seen {
    /// By how many seconds the clock has been set in the meantime, when it shows `wall` after `elapsed`; negative: back.
    pub fn jump(&self, wall: Timestamp, elapsed: Duration) -> Option<i64> {
        let expected = self.wall.plus(i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX));
        let jump = wall.since(expected);
        (jump.abs() >= JUMP).then_some(jump)
    }
}

/// By how many seconds our clock is ahead of the database's, if that is more than may be; `None` also when it cannot be
/// asked.
pub async fn difference(app: &App) -> Option<i64> {
    let theirs = app.store().clock().await.ok()?;
    let ahead = app.clock().now().since(theirs);
    (ahead.abs() > DIFFERENCE).then_some(ahead)
}

/// Looks until it is told to stop.
pub async fn run(app: App, stop: CancellationToken) {
    loop {
        if let Some(ahead) = difference(&app).await {
            tracing::warn!(
                ahead,
                "the clock of this node differs from the database's, in seconds: tokens expire at another time here"
            );
        }
        let seen = Seen {
            wall: app.clock().now(),
            since: Instant::now(),
        };
        if stop.run_until_cancelled(tokio::time::sleep(INTERVAL)).await.is_none() {
            return;
        }
        if let Some(seconds) = seen.jump(app.clock().now(), seen.since.elapsed()) {
            tracing::error!(
                seconds,
                "the clock was set: what expires does so that much earlier, or later if it was set back"
            );
        }
    }
}
