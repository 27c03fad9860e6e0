//! Documents that clients publish, kept for a while: fetched when they are needed, by one at a time, and never more often than
//! the interval allows, whatever is asked for (OWASP SSRF; RFC 8725 §3.10).

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::Instrument as _;

use super::{Document, GuardedFetch, OutboundError, Purpose};
use crate::telemetry::lines::carried;
use crate::time::Timestamp;

/// The most documents that are kept. Beyond it the one that nobody has asked for longest goes.
const CAPACITY: usize = 1000;

/// The longest pause after failures, in seconds, unless the interval is longer.
const LONGEST_PAUSE: i64 = 600;

/// Requests that run beside each other read the clock a little apart. Further back, it was set back, and nothing that was noted
/// under it tells anything.
const SKEW: i64 = 60;

/// How long documents count, in seconds.
#[derive(Clone, Copy, Debug)]
pub struct CacheTimes {
    /// The longest that a document is used without asking again.
    pub max_age: i64,
    /// How much longer while there is no answer.
    pub max_stale: i64,
    /// The shortest time between two fetches of one document.
    pub interval: i64,
}

/// What to ask for, and how to read it.
#[derive(Clone, Copy, Debug)]
pub struct CachedKind<T> {
    /// What it is fetched for.
    pub purpose: Purpose,
    /// `Accept`.
    pub accept: &'static str,
    /// `None`: it is not such a document.
    pub read: fn(&[u8]) -> Option<T>,
}

/// Whether what is kept will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// It will.
    AsKept,
    /// It lacks something that a newer one may have.
    Newer,
}

/// There is no document, and it is not the time to ask for it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the document cannot be had")]
pub struct NoDocument;

/// Documents of one kind by their owner and address; cheap to clone.
pub struct CachedFetch<T>(Arc<Inner<T>>);

struct Inner<T> {
    fetch: GuardedFetch,
    kind: CachedKind<T>,
    times: CacheTimes,
    slots: Mutex<Slots<T>>,
}

/// By owner and address.
type Slots<T> = HashMap<(String, String), Arc<Slot<T>>>;

struct Slot<T> {
    used_at: AtomicI64,
    state: Mutex<State<T>>,
    /// Held by the one that fetches.
    flight: Arc<tokio::sync::Mutex<()>>,
}

struct State<T> {
    held: Option<Held<T>>,
    tried_at: Option<Timestamp>,
    /// Since the last success.
    failures: u32,
}

struct Held<T> {
    document: Arc<T>,
    fetched_at: Timestamp,
    /// In seconds.
    max_age: i64,
}

/// What to do for somebody who asks.
enum Next<T> {
    Serve(Arc<T>),
    Fetch { meanwhile: Option<Arc<T>> },
    Nothing,
}

impl<T> Clone for CachedFetch<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Send + Sync + 'static> CachedFetch<T> {
    /// Empty.
    pub fn new(fetch: GuardedFetch, kind: CachedKind<T>, times: CacheTimes) -> Self {
        let slots = Mutex::default();
        Self(Arc::new(Inner {
            fetch,
            kind,
            times,
            slots,
        }))
    }

    /// The document of `owner` at `url`. `Newer` gives the same one again where it is not the time to ask, or nothing new came.
    pub async fn get(&self, owner: &str, url: &str, wanted: Wanted, now: Timestamp) -> Result<Arc<T>, NoDocument> {
        let slot = self.slot(owner, url, now);
        let next = || slot.state().next(wanted, now, &self.0.times);
        let meanwhile = match next() {
            Next::Serve(document) if wanted == Wanted::AsKept => return Ok(document),
            Next::Fetch { meanwhile } if wanted == Wanted::AsKept => meanwhile,
            // What another fetches at this moment is worth waiting for.
            _ => None,
        };
        let turn = match (slot.flight.clone().try_lock_owned(), meanwhile) {
            (Ok(turn), _) => turn,
            (Err(_), Some(document)) => return Ok(document),
            (Err(_), None) => slot.flight.clone().lock_owned().await,
        };
        // Another may have had its turn meanwhile.
        match next() {
            Next::Serve(document) => return Ok(document),
            Next::Nothing => return Err(NoDocument),
            Next::Fetch { .. } => slot.state().tried_at = Some(now),
        }
        let (cache, slot) = (self.clone(), slot.clone());
        let (owner, url) = (owner.to_owned(), url.to_owned());
        let fetch = async move {
            let fetched = cache.fetch(&url).await;
            let document = slot.state().settle(fetched, &owner, now, &cache.0.times);
            drop(turn);
            document
        };
        // By itself, so that a caller who goes away leaves no fetch half done, to be begun again by the next.
        let fetched = tokio::spawn(carried(fetch).in_current_span()).await;
        fetched.unwrap_or(Err(NoDocument))
    }

    async fn fetch(&self, url: &str) -> Result<(T, Option<i64>), String> {
        let Document {
            status, max_age, body, ..
        } = self
            .0
            .fetch
            .get(self.0.kind.purpose, url, self.0.kind.accept)
            .await
            .map_err(|error: OutboundError| error.to_string())?;
        if status != 200 {
            return Err(format!("the server answered {status}"));
        }
        let document = (self.0.kind.read)(&body).ok_or("the document is not what it should be")?;
        Ok((document, max_age))
    }

    fn slot(&self, owner: &str, url: &str, now: Timestamp) -> Arc<Slot<T>> {
        let mut slots = self.0.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (owner.to_owned(), url.to_owned());
        if let Some(slot) = slots.get(&key) {
            slot.used_at.store(now.0, Ordering::Relaxed);
            return slot.clone();
        }
        if slots.len() >= CAPACITY {
            let oldest = slots
                .iter()
                .min_by_key(|(_, slot)| slot.used_at.load(Ordering::Relaxed));
            let oldest = oldest.map(|(key, _)| key.clone());
            oldest.and_then(|key| slots.remove(&key));
        }
        slots.entry(key).or_insert_with(|| Arc::new(Slot::new(now))).clone()
    }
}

impl<T> fmt::Debug for CachedFetch<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedFetch").finish_non_exhaustive()
    }
}

impl<T> Slot<T> {
    fn new(now: Timestamp) -> Self {
        Self {
            used_at: AtomicI64::new(now.0),
            state: Mutex::new(State {
                held: None,
                tried_at: None,
                failures: 0,
            }),
            flight: Arc::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    fn next(&self, wanted: Wanted, now: Timestamp, times: &CacheTimes) -> Next<T> {
        let within = |held: &&Held<T>, seconds: i64| elapsed(held.fetched_at, now) < seconds;
        let fresh = self.held.as_ref().filter(|held| within(held, held.max_age));
        if let Some(held) = fresh.filter(|_| wanted == Wanted::AsKept) {
            return Next::Serve(held.document.clone());
        }
        let usable = self
            .held
            .as_ref()
            .filter(|held| within(held, held.max_age + times.max_stale));
        let usable = usable.map(|held| held.document.clone());
        let may_ask = self.tried_at.is_none_or(|at| elapsed(at, now) >= self.pause(times));
        match usable {
            meanwhile if may_ask => Next::Fetch { meanwhile },
            Some(document) => Next::Serve(document),
            None => Next::Nothing,
        }
    }

    /// Between two fetches: longer with each that failed.
    fn pause(&self, times: &CacheTimes) -> i64 {
        let doublings = self.failures.saturating_sub(1).min(10);
        (times.interval << doublings).min(LONGEST_PAUSE.max(times.interval))
    }

    fn settle(
        &mut self,
        fetched: Result<(T, Option<i64>), String>,
        owner: &str,
        now: Timestamp,
        times: &CacheTimes,
    ) -> Result<Arc<T>, NoDocument> {
        match fetched {
            Ok((document, max_age)) => {
                self.failures = 0;
                let document = Arc::new(document);
                self.held = Some(Held {
                    document: document.clone(),
                    fetched_at: now,
                    max_age: max_age.unwrap_or(times.max_age).clamp(times.interval, times.max_age),
                });
                Ok(document)
            }
            Err(error) => {
                self.failures = self.failures.saturating_add(1);
                tracing::warn!(
                    client = owner,
                    error,
                    failures = self.failures,
                    "what the client publishes cannot be fetched"
                );
                let held = self.held.as_ref();
                let usable = held.filter(|held| elapsed(held.fetched_at, now) < held.max_age + times.max_stale);
                usable.map(|held| held.document.clone()).ok_or(NoDocument)
            }
        }
    }
}

/// Seconds since then; for ever where the clock was set back.
fn elapsed(then: Timestamp, now: Timestamp) -> i64 {
    match now.since(then) {
        seconds if seconds >= 0 => seconds,
        seconds if seconds > -SKEW => 0,
        _ => i64::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::metrics::Metrics;

    const TIMES: CacheTimes = CacheTimes {
        max_age: 3600,
        max_stale: 7200,
        interval: 30,
    };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::new(1_000_000 + seconds)
    }

    /// A slot after these fetches: when, and the document's `max-age`; `None` failed.
    fn after(fetches: &[(i64, Option<Option<i64>>)]) -> State<&'static str> {
        let mut state = Slot::new(at(0)).state.into_inner().unwrap();
        for (when, outcome) in fetches {
            state.tried_at = Some(at(*when));
            let fetched = outcome.map(|max_age| ("document", max_age)).ok_or("away".to_owned());
            let _settled = state.settle(fetched, "client", at(*when), &TIMES);
        }
        state
    }

    fn next(state: &State<&'static str>, wanted: Wanted, now: i64) -> &'static str {
        match state.next(wanted, at(now), &TIMES) {
            Next::Serve(_) => "serve",
            Next::Fetch { meanwhile: Some(_) } => "fetch, serve meanwhile",
            Next::Fetch { meanwhile: None } => "fetch",
            Next::Nothing => "nothing",
        }
    }

    #[test]
    fn a_document_is_used_fresh_then_asked_for_again_then_dropped() {
        let asked = |max_age, now| next(&after(&[(0, Some(max_age))]), Wanted::AsKept, now);
        assert_eq!(next(&after(&[]), Wanted::AsKept, 0), "fetch");
        assert_eq!(asked(None, 3599), "serve");
        assert_eq!(asked(None, 3600), "fetch, serve meanwhile");
        assert_eq!(asked(None, 3600 + 7199), "fetch, serve meanwhile");
        assert_eq!(asked(None, 3600 + 7200), "fetch");
        // `max-age` counts inside the bounds.
        assert_eq!(asked(Some(600), 599), "serve");
        assert_eq!(asked(Some(600), 600), "fetch, serve meanwhile");
        assert_eq!(asked(Some(0), 29), "serve");
        assert_eq!(asked(Some(-5), 30), "fetch, serve meanwhile");
        assert_eq!(asked(Some(i64::MAX), 3600), "fetch, serve meanwhile");
    }

    #[test]
    fn a_newer_one_is_asked_for_once_in_an_interval() {
        let state = after(&[(0, Some(None))]);
        assert_eq!(next(&state, Wanted::Newer, 29), "serve");
        assert_eq!(next(&state, Wanted::Newer, 30), "fetch, serve meanwhile");
        assert_eq!(next(&after(&[]), Wanted::Newer, 0), "fetch");
    }

    #[test]
    fn failures_are_asked_again_less_and_less() {
        assert_eq!(next(&after(&[(0, None)]), Wanted::AsKept, 29), "nothing");
        assert_eq!(next(&after(&[(0, None)]), Wanted::Newer, 29), "nothing");
        assert_eq!(next(&after(&[(0, None)]), Wanted::AsKept, 30), "fetch");
        let twice = after(&[(0, None), (30, None)]);
        assert_eq!(next(&twice, Wanted::AsKept, 30 + 59), "nothing");
        assert_eq!(next(&twice, Wanted::AsKept, 30 + 60), "fetch");
        let often = after(&[(0, None); 50]);
        assert_eq!(next(&often, Wanted::AsKept, 599), "nothing");
        assert_eq!(next(&often, Wanted::AsKept, 600), "fetch");
        let again = after(&[(0, None), (30, None), (90, Some(None)), (120, None)]);
        assert_eq!(next(&again, Wanted::Newer, 149), "serve");
        assert_eq!(next(&again, Wanted::Newer, 150), "fetch, serve meanwhile");
    }

    #[test]
    fn a_clock_set_back_keeps_nothing_for_longer() {
        let state = after(&[(0, Some(None))]);
        assert_eq!(next(&state, Wanted::AsKept, -59), "serve");
        assert_eq!(next(&state, Wanted::AsKept, -60), "fetch");
    }

    #[tokio::test]
    async fn memory_is_bounded() {
        let fetch = GuardedFetch::new(&crate::config::OutboundConfig::default(), Metrics::default()).unwrap();
        let kind = CachedKind {
            purpose: Purpose::Jwks,
            accept: "*/*",
            read: |_| Some(()),
        };
        let cache = CachedFetch::new(fetch, kind, TIMES);
        for number in 0..CAPACITY + 10 {
            cache.slot(&number.to_string(), "https://keys.example", at(number as i64));
            cache.slot("0", "https://keys.example", at(number as i64));
        }
        let slots = cache.0.slots.lock().unwrap();
        assert_eq!(slots.len(), CAPACITY);
        let holds = |owner: &str| slots.contains_key(&(owner.to_owned(), "https://keys.example".to_owned()));
        assert!(holds("0") && !holds("1") && holds(&(CAPACITY + 9).to_string()));
    }
}
