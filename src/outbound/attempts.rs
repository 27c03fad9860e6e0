//! What was tried lately, so that one thing is not fetched twice at once, nor what fails again and again.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::time::Timestamp;

/// How many things are remembered at most. When all of them count, nothing new is tried.
const REMEMBERED: usize = 10_000;
/// How many may be under way at once.
const AT_ONCE: usize = 8;
/// How long nothing is tried again that worked, in seconds: by then everybody sees what came of it.
const AFTER_SUCCESS: i64 = 60;
/// How long nothing is tried again that failed once, in seconds; twice as long with each failure.
const AFTER_FAILURE: i64 = 300;
/// The longest such time, in seconds.
const AFTER_FAILURES: i64 = 86_400;

/// The attempts of this node; cheap to clone.
#[derive(Clone, Default)]
pub struct Attempts(Arc<Mutex<HashMap<String, Entry>>>);

struct Entry {
    running: bool,
    failures: u32,
    not_before: Timestamp,
}

/// One attempt. Dropped, it failed.
#[must_use]
pub struct Attempt {
    attempts: Attempts,
    key: String,
    began: Timestamp,
}

impl Attempts {
    /// Begins, unless the same is under way, failed or worked a short while ago, or too much is under way.
    pub fn begin(&self, key: String, now: Timestamp) -> Option<Attempt> {
        let mut entries = self.entries();
        let running = entries.values().filter(|entry| entry.running).count();
        let refused = entries
            .get(&key)
            .is_some_and(|entry| entry.running || now < entry.not_before);
        if refused || running >= AT_ONCE {
            return None;
        }
        if entries.len() >= REMEMBERED && !entries.contains_key(&key) {
            entries.retain(|_, entry| entry.running || now < entry.not_before);
            if entries.len() >= REMEMBERED {
                return None;
            }
        }
        let entry = entries.entry(key.clone()).or_insert(Entry {
            running: false,
            failures: 0,
            not_before: now,
        });
        entry.running = true;
        Some(Attempt {
            attempts: self.clone(),
            key,
            began: now,
        })
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt {
    /// It worked.
    pub fn succeeded(self) {
        if let Some(entry) = self.attempts.entries().get_mut(&self.key) {
            entry.running = false;
            entry.failures = 0;
            entry.not_before = self.began.plus(AFTER_SUCCESS);
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        let mut entries = self.attempts.entries();
        if let Some(entry) = entries.get_mut(&self.key).filter(|entry| entry.running) {
            let pause = AFTER_FAILURE << entry.failures.min(16);
            entry.running = false;
            entry.failures += 1;
            entry.not_before = self.began.plus(pause.min(AFTER_FAILURES));
        }
    }
}

impl fmt::Debug for Attempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempts").finish_non_exhaustive()
    }
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000);

    fn begins(attempts: &Attempts, key: &str, seconds: i64) -> Option<Attempt> {
        attempts.begin(key.to_owned(), NOW.plus(seconds))
    }

    #[test]
    fn the_same_is_tried_once_at_a_time_and_rarely_when_it_fails() {
        let attempts = Attempts::default();
        let first = begins(&attempts, "a", 0).unwrap();
        assert!(begins(&attempts, "a", 0).is_none() && begins(&attempts, "a", 90_000).is_none());
        let other = begins(&attempts, "b", 0).unwrap();
        drop(first);
        assert!(begins(&attempts, "a", AFTER_FAILURE - 1).is_none());
        drop(begins(&attempts, "a", AFTER_FAILURE).unwrap());
        assert!(begins(&attempts, "a", 3 * AFTER_FAILURE - 1).is_none(), "twice as long");
        let mut at = 3 * AFTER_FAILURE;
        for _ in 0..40 {
            drop(begins(&attempts, "a", at).unwrap());
            at += AFTER_FAILURES;
        }
        begins(&attempts, "a", at).unwrap().succeeded();
        assert!(begins(&attempts, "a", at + AFTER_SUCCESS - 1).is_none());
        drop(begins(&attempts, "a", at + AFTER_SUCCESS).unwrap());
        assert!(
            begins(&attempts, "a", at + AFTER_SUCCESS + AFTER_FAILURE).is_some(),
            "a success forgives"
        );
        other.succeeded();
    }

    #[test]
    fn little_is_under_way_and_little_remembered() {
        let attempts = Attempts::default();
        let held: Vec<_> = (0..AT_ONCE)
            .map(|n| begins(&attempts, &n.to_string(), 0).unwrap())
            .collect();
        assert!(begins(&attempts, "one more", 0).is_none());
        drop(held);
        for n in 0..REMEMBERED {
            drop(begins(&attempts, &format!("x{n}"), 0));
        }
        assert!(begins(&attempts, "one more", 0).is_none());
        assert_eq!(attempts.entries().len(), REMEMBERED);
        drop(begins(&attempts, "one more", AFTER_FAILURE).unwrap());
        assert_eq!(attempts.entries().len(), 1, "what counts no longer is forgotten");
    }
}
