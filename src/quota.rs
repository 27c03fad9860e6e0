//! How often something happened lately, counted in memory and by each node for itself: with n nodes a limit is up to n times
//! what is set. It costs no query, so it suits what must stay fast. What must hold for all nodes together is in the database.
//!
//! The keys are spread over a fixed number of buckets by a hash whose key is drawn at the start, so that however many keys
//! there are, memory stays bounded, and nobody can aim at somebody else's bucket. Two that share one share its limit: among
//! a thousand busy keys, one in 250 shares with another.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher as _, Hash};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota as Cell, RateLimiter};

use crate::config::{LimitsConfig, Rate};
use crate::time::Clock;

/// At some 30 bytes each, the buckets of one quota stay below 10 MB.
const BUCKETS: u64 = 1 << 18;

/// What this node counts.
#[derive(Clone, Debug)]
pub struct Quotas {
    /// Requests of one authenticated client.
    pub client: Quota,
    /// Requests from one address.
    pub address: Quota,
    /// Device authorization requests from one address.
    pub device_codes: Quota,
    /// Registrations of clients from one address.
    pub registrations: Quota,
}

impl Quotas {
    /// Empty counts under the rates of `limits`.
    pub fn new(limits: &LimitsConfig, clock: &Clock) -> Self {
        Self {
            client: Quota::new(limits.requests_per_client, clock),
            address: Quota::new(limits.requests_per_address, clock),
            device_codes: Quota::new(limits.device_codes_per_address, clock),
            registrations: Quota::new(limits.registrations_per_address, clock),
        }
    }

    /// Frees what has grown back. Called now and then; nothing depends on it but memory.
    pub fn tidy(&self) {
        for quota in [&self.client, &self.address, &self.device_codes, &self.registrations] {
            quota.tidy();
        }
    }
}

/// A limit on each of many keys; cheap to clone.
#[derive(Clone)]
pub struct Quota(Option<Arc<Inner>>);

type Limiter = RateLimiter<u32, DashMapStateStore<u32>, NodeClock, NoOpMiddleware<Nanos>>;

struct Inner {
    requests: Limiter,
    /// One in each window: the refusal to report.
    reports: Limiter,
    clock: NodeClock,
    hasher: RandomState,
}

/// That a key has no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// When it will have, in seconds from now: at least 1.
    pub retry_after: i64,
    /// The first refusal for as long as the rate's window: the one to report.
    pub first: bool,
}

impl Quota {
    /// Room for `rate` on each key.
    pub fn new(rate: Rate, clock: &Clock) -> Self {
        let Some(burst) = rate.burst().and_then(NonZeroU32::new) else {
            return Self(None);
        };
        let window = Duration::from_secs(rate.window().unsigned_abs());
        let cells = |period, burst| Cell::with_period(period).map(|cell: Cell| cell.allow_burst(burst));
        let (requests, reports) = (cells(window / burst.get(), burst), cells(window, NonZeroU32::MIN));
        let (Some(requests), Some(reports)) = (requests, reports) else {
            return Self(None);
        };
        let clock = NodeClock {
            clock: clock.clone(),
            started: Instant::now(),
        };
        let limiter = |cell| RateLimiter::dashmap_with_clock(cell, clock.clone());
        Self(Some(Arc::new(Inner {
            requests: limiter(requests),
            reports: limiter(reports),
            clock: clock.clone(),
            hasher: RandomState::new(),
        })))
    }

    /// Whether there is no limit.
    pub fn is_off(&self) -> bool {
        self.0.is_none()
    }

    /// Takes one of `key`.
    pub fn take(&self, key: &impl Hash) -> Result<(), Refused> {
        use governor::clock::Clock as _;

        let Some(inner) = &self.0 else { return Ok(()) };
        let bucket = u32::try_from(inner.hasher.hash_one(key) % BUCKETS).unwrap_or_default();
        inner.requests.check_key(&bucket).map_err(|not_until| {
            let wait = not_until.wait_time_from(inner.clock.now());
            Refused {
                retry_after: i64::try_from(wait.as_millis().div_ceil(1000))
                    .unwrap_or(i64::MAX)
                    .max(1),
                first: inner.reports.check_key(&bucket).is_ok(),
            }
        })
    }

    fn tidy(&self) {
        if let Some(inner) = &self.0 {
            for limiter in [&inner.requests, &inner.reports] {
                limiter.retain_recent();
                limiter.shrink_to_fit();
            }
        }
    }
}

impl fmt::Debug for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Quota")
            .field("off", &self.is_off())
            .finish_non_exhaustive()
    }
}

/// The server's clock, in the terms of the limiter; in place of the machine's the time since the start, which nobody can set
/// back.
#[derive(Clone, Debug)]
struct NodeClock {
    clock: Clock,
    started: Instant,
}

impl governor::clock::Clock for NodeClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        match &self.clock {
            Clock::System => Nanos::from(self.started.elapsed()),
            Clock::Fixed(_) => Nanos::from(self.clock.now().0.unsigned_abs().saturating_mul(1_000_000_000)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    fn quota(rate: &str, clock: &Clock) -> Quota {
        Quota::new(rate.parse().unwrap(), clock)
    }

    fn room(quota: &Quota, key: &str) -> usize {
        (0..1000).take_while(|_| quota.take(&key).is_ok()).count()
    }

    #[test]
    fn a_burst_passes_and_grows_back() {
        let clock = Clock::fixed(Timestamp::new(1_790_000_000));
        let quota = quota("10 per 100s", &clock);
        assert_eq!(room(&quota, "one"), 10);
        assert_eq!(room(&quota, "other"), 10, "another key has its own room");
        assert_eq!(quota.take(&"one").unwrap_err().retry_after, 10);
        clock.advance(9);
        assert_eq!(room(&quota, "one"), 0);
        clock.advance(1);
        assert_eq!(room(&quota, "one"), 1);
        clock.advance(1000);
        assert_eq!(room(&quota, "one"), 10);
    }

    #[test]
    fn one_refusal_in_each_window_is_to_be_reported() {
        let clock = Clock::fixed(Timestamp::new(1_790_000_000));
        let quota = quota("1 per 60s", &clock);
        for _ in 0..3 {
            assert_eq!(quota.take(&"key"), Ok(()));
            let refusals: Vec<_> = (0..5).map(|_| quota.take(&"key").unwrap_err().first).collect();
            assert_eq!(refusals, [true, false, false, false, false]);
            clock.advance(60);
        }
    }

    #[test]
    fn off_is_no_limit() {
        let quota = quota("off", &Clock::default());
        assert!(quota.is_off());
        assert_eq!(room(&quota, "key"), 1000);
    }

    /// BI: a flood of keys takes no more memory than there are buckets, and none once it is over.
    #[test]
    fn memory_is_bounded_and_given_back() {
        let clock = Clock::fixed(Timestamp::new(1_790_000_000));
        let quota = quota("1 per 60s", &clock);
        for key in 0..600_000 {
            let _counted = quota.take(&key);
        }
        let inner = quota.0.as_ref().unwrap();
        let held = inner.requests.len() as u64;
        assert!(held > BUCKETS / 2 && held <= BUCKETS, "{held}");
        clock.advance(120);
        quota.tidy();
        assert!(inner.requests.is_empty() && inner.reports.is_empty());
    }
}
