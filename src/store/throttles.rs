//! How often something was tried lately, counted for all nodes together.
//!
//! One number for each key (GCRA, the generic cell rate algorithm of ITU-T I.371): the time at which everything taken will
//! have grown back, the "theoretical arrival time". Taking one moves it on by the rate's interval; there is room while it is
//! less than a burst ahead of now. It is exact, needs no window that starts at a bad moment, and a row whose time has passed
//! means the same as no row, so sweeping forgets nothing. The times are milliseconds, since an interval may be shorter than a
//! second; the clock counts whole seconds.
//!
//! Callers take before they act and give back what turned out honest: however many try at once, no more than the limit act.

use super::{Backend as _, Result, Store, in_transaction, on, statements};
use crate::config::Rate;
use crate::model::throttle::{ThrottleKey, ThrottleKind};
use crate::time::Timestamp;

statements! {
    // A time that no honest clock can have written (`Limit::furthest`) counts as none. Says no by changing no row. The row is locked either way, so those who try at once pass one after the other.
    TAKE_ONE = "INSERT INTO throttle (key_digest, tat_ms, told_until) VALUES ($1, $2, 0)
        ON CONFLICT (key_digest) DO UPDATE
        SET tat_ms = CASE WHEN throttle.tat_ms > $3 AND throttle.tat_ms <= $6 THEN throttle.tat_ms ELSE $3 END + $4
        WHERE throttle.tat_ms <= $5 OR throttle.tat_ms > $6";
    FIND_THROTTLES = "SELECT key_digest, tat_ms, told_until FROM throttle WHERE key_digest IN ($1, $2, $3, $4)";
    GIVE_ONE_BACK = "UPDATE throttle SET tat_ms = tat_ms - $2 WHERE key_digest = $1";
    FORGET_THROTTLE = "DELETE FROM throttle WHERE key_digest = $1";
    // One of all nodes and requests reports.
    TELL_THROTTLED = "UPDATE throttle SET told_until = $2 WHERE key_digest = $1 AND told_until <= $3";
}

/// The most limits that one attempt is under.
pub const MAX_LIMITS: usize = 4;

/// What the clocks of two nodes may differ by, generously.
const CLOCKS_DIFFER_MS: i64 = 60_000;

/// A limit on one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// What is counted.
    pub key: ThrottleKey,
    /// How often it may happen.
    pub rate: Rate,
}

/// Whether there was room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reservation {
    /// Every key had room, and one was taken from each.
    Reserved,
    /// Nothing was taken.
    Refused {
        /// When there will be room, in seconds from now: at least 1.
        retry_after: i64,
        /// The limit with the longest wait.
        which: ThrottleKind,
        /// The first refusal by this key for as long as its rate's window: the one to report.
        first: bool,
    },
}

/// A key that has no room.
struct Full<'a> {
    limit: &'a Limit,
    wait_ms: i64,
    told_until: i64,
}

/// What [`FIND_THROTTLES`] reads: digest, theoretical arrival time, until when a refusal has been reported.
type Row = (Vec<u8>, i64, i64);

impl Limit {
    /// The latest theoretical arrival time at which one may still be taken.
    fn latest(&self, now_ms: i64) -> i64 {
        let others = i64::from(self.rate.burst().unwrap_or(1)) - 1;
        now_ms + others * self.rate.interval_ms()
    }

    /// The furthest theoretical arrival time that taking leads to, and what clocks of nodes may differ by. Beyond it lies what
    /// was taken before a clock was set back: it would refuse everybody until that time comes again.
    fn furthest(&self, now_ms: i64) -> i64 {
        self.latest(now_ms) + self.rate.interval_ms() + CLOCKS_DIFFER_MS
    }
}

impl Store {
    /// Takes one from each of `limits`, at most [`MAX_LIMITS`], or from none. Those that are off do not count.
    pub async fn reserve(&self, limits: &[Limit], now: Timestamp) -> Result<Reservation> {
        let limits = in_order(limits);
        if limits.is_empty() {
            return Ok(Reservation::Reserved);
        }
        // A flood is refused by a read, and does not hold up those who write.
        if let Some(refused) = self.refusal(&limits, now).await? {
            return Ok(refused);
        }
        let Some(outrun_by) = self.take(&limits, now).await? else {
            return Ok(Reservation::Reserved);
        };
        let refused = self.refusal(&limits, now).await?;
        // Given back in the meantime: the next try may pass.
        Ok(refused.unwrap_or(Reservation::Refused {
            retry_after: 1,
            which: outrun_by,
            first: false,
        }))
    }

    /// Gives back one of each of `limits`: what was tried turned out honest, or was not tried after all.
    pub async fn give_back(&self, limits: &[Limit]) -> Result<()> {
        self.forgive(&[], limits).await
    }

    /// Forgets everything that was taken from `forget`, and gives back one of each of `give_back`.
    pub async fn forgive(&self, forget: &[Limit], give_back: &[Limit]) -> Result<()> {
        let mut all: Vec<_> = forget.iter().map(|limit| (limit, true)).collect();
        all.extend(give_back.iter().map(|limit| (limit, false)));
        all.retain(|(limit, _)| !limit.rate.is_off());
        // As those lock who take: otherwise two could wait for each other.
        all.sort_unstable_by_key(|(limit, _)| limit.key.digest);
        if all.is_empty() {
            return Ok(());
        }
        in_transaction!(self, |tx| {
            for (limit, whole) in &all {
                let digest = limit.key.digest.as_slice();
                let query = if *whole {
                    sqlx::query(tx.text(&FORGET_THROTTLE)).bind(digest)
                } else {
                    let back = sqlx::query(tx.text(&GIVE_ONE_BACK));
                    back.bind(digest).bind(limit.rate.interval_ms())
                };
                query.execute(&mut *tx).await?;
            }
        })
    }

    /// `None`: taken from all. Otherwise from none, because this one had no room.
    async fn take(&self, limits: &[Limit], now: Timestamp) -> Result<Option<ThrottleKind>> {
        let now_ms = now.0 * 1000;
        in_transaction!(self, |tx| {
            for limit in limits {
                let interval = limit.rate.interval_ms();
                let taken = sqlx::query(tx.text(&TAKE_ONE))
                    .bind(limit.key.digest.as_slice())
                    .bind(now_ms + interval)
                    .bind(now_ms)
                    .bind(interval)
                    .bind(limit.latest(now_ms))
                    .bind(limit.furthest(now_ms))
                    .execute(&mut *tx)
                    .await?;
                if taken.rows_affected() == 0 {
                    return Ok(Some(limit.key.kind));
                }
            }
            None
        })
    }

    /// The answer if some key is full as the rows stand now.
    async fn refusal(&self, limits: &[Limit], now: Timestamp) -> Result<Option<Reservation>> {
        let digest = |place: usize| limits.get(place).map(|limit| limit.key.digest.as_slice());
        let rows: Vec<Row> = on!(self.reader(), |db| {
            sqlx::query_as(db.text(&FIND_THROTTLES))
                .bind(digest(0))
                .bind(digest(1))
                .bind(digest(2))
                .bind(digest(3))
                .fetch_all(&mut *db)
                .await?
        })?;
        let Some(full) = fullest(limits, &rows, now.0 * 1000) else {
            return Ok(None);
        };
        let first = full.told_until <= now.0 && self.tell(full.limit, now).await?;
        Ok(Some(Reservation::Refused {
            retry_after: ((full.wait_ms + 999) / 1000).max(1),
            which: full.limit.key.kind,
            first,
        }))
    }

    /// Whether this caller is the one to report that `limit` is reached.
    async fn tell(&self, limit: &Limit, now: Timestamp) -> Result<bool> {
        let told = on!(self.writer(), |db| {
            sqlx::query(db.text(&TELL_THROTTLED))
                .bind(limit.key.digest.as_slice())
                .bind(now.plus(limit.rate.window()).0)
                .bind(now.0)
                .execute(&mut *db)
                .await?
                .rows_affected()
        })?;
        Ok(told == 1)
    }
}

/// Those that are on, each once, in the order in which everybody locks them: otherwise two callers could wait for each other.
fn in_order(limits: &[Limit]) -> Vec<Limit> {
    let mut limits: Vec<_> = limits.iter().copied().filter(|limit| !limit.rate.is_off()).collect();
    limits.sort_unstable_by_key(|limit| limit.key.digest);
    limits.dedup_by_key(|limit| limit.key.digest);
    debug_assert!(limits.len() <= MAX_LIMITS, "one statement reads {MAX_LIMITS} keys");
    limits
}

/// Of the keys that have no room, the one with the longest wait.
fn fullest<'a>(limits: &'a [Limit], rows: &[Row], now_ms: i64) -> Option<Full<'a>> {
    let full = |limit: &'a Limit| {
        let (_, tat_ms, told_until) = rows.iter().find(|(digest, ..)| *digest == limit.key.digest)?;
        let wait_ms = tat_ms - limit.latest(now_ms);
        (wait_ms > 0 && *tat_ms <= limit.furthest(now_ms)).then_some(Full {
            limit,
            wait_ms,
            told_until: *told_until,
        })
    };
    limits.iter().filter_map(full).max_by_key(|full| full.wait_ms)
}
