//! What the playground remembers of each browser: in memory, for half an hour, and never too much.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::device::DeviceLogin;
use super::flow::{Attempt, Callback};
use super::steps::{MachineOutcome, Outcome};
use crate::crypto::random;
use crate::time::Timestamp;

const MAX_RUNS: usize = 1000;
const LIFETIME_SECONDS: i64 = 30 * 60;
/// Sign-ins under way in one browser, as from several tabs.
const MAX_WAITING: usize = 4;

/// One browser.
#[derive(Default)]
pub(super) struct Run {
    /// Shown on the start page, not sent yet.
    pub prepared: Option<Attempt>,
    waiting: VecDeque<Attempt>,
    /// The last sign-in that came back.
    pub outcome: Option<Outcome>,
    /// The last token without a person.
    pub machine: Option<MachineOutcome>,
    /// The last device login.
    pub device: Option<DeviceLogin>,
}

impl Run {
    /// Remembers a request that is being sent; the oldest of too many is forgotten.
    pub fn send(&mut self, attempt: Attempt) {
        if self.waiting.len() >= MAX_WAITING {
            self.waiting.pop_front();
        }
        self.waiting.push_back(attempt);
    }

    /// The request that this answers. It is taken out: a second answer finds nothing.
    pub fn take_answered(&mut self, callback: &Callback) -> Option<Attempt> {
        let found = self
            .waiting
            .iter()
            .position(|attempt| callback.answers(&attempt.secrets.state))?;
        self.waiting.remove(found)
    }

    /// Whether this answer is the one that brought the result.
    pub fn was_used(&self, callback: &Callback) -> bool {
        self.outcome
            .as_ref()
            .is_some_and(|outcome| callback.answers(&outcome.attempt.secrets.state))
    }
}

struct Entry {
    run: Run,
    touched: Timestamp,
}

/// All browsers, by the value of their cookie.
#[derive(Default)]
pub(super) struct Runs(Mutex<HashMap<String, Entry>>);

impl Runs {
    /// Does something with the run of this cookie, if there is one and it is recent. Never waits inside `work`.
    pub fn with<T>(&self, cookie: &str, now: Timestamp, work: impl FnOnce(&mut Run) -> T) -> Option<T> {
        let mut entries = self.entries();
        let entry = entries.get_mut(cookie).filter(|entry| is_recent(entry, now))?;
        entry.touched = now;
        Some(work(&mut entry.run))
    }

    /// Like [`Runs::with`], but starts a run where there is none, and then returns its cookie. Drops what is too old,
    /// and the oldest of too many.
    pub fn with_or_start(&self, cookie: Option<&str>, now: Timestamp, work: impl FnOnce(&mut Run)) -> Option<String> {
        let mut entries = self.entries();
        entries.retain(|_, entry| is_recent(entry, now));
        if let Some(entry) = cookie.and_then(|cookie| entries.get_mut(cookie)) {
            entry.touched = now;
            work(&mut entry.run);
            return None;
        }
        if entries.len() >= MAX_RUNS {
            let oldest = entries
                .iter()
                .min_by_key(|(_, entry)| entry.touched)
                .map(|(cookie, _)| cookie.clone());
            oldest.and_then(|cookie| entries.remove(&cookie));
        }
        let mut run = Run::default();
        work(&mut run);
        let cookie = URL_SAFE_NO_PAD.encode(random::bytes::<32>());
        entries.insert(cookie.clone(), Entry { run, touched: now });
        Some(cookie)
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_recent(entry: &Entry, now: Timestamp) -> bool {
    now.since(entry.touched) < LIFETIME_SECONDS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::playground::flow::{Secrets, sample_attempt};

    fn start(runs: &Runs, now: Timestamp) -> String {
        runs.with_or_start(None, now, |_| ()).unwrap()
    }

    fn callback(attempt: &Attempt) -> Callback {
        Callback::parse(&format!("code=c&state={}", attempt.secrets.state)).unwrap()
    }

    #[test]
    fn runs_end_after_half_an_hour_without_a_visit() {
        let runs = Runs::default();
        let cookie = start(&runs, Timestamp::new(0));
        assert!(runs.with(&cookie, Timestamp::new(1799), |_| ()).is_some());
        assert!(runs.with(&cookie, Timestamp::new(3598), |_| ()).is_some());
        assert!(runs.with(&cookie, Timestamp::new(5398), |_| ()).is_none());
        assert!(runs.with("other", Timestamp::new(0), |_| ()).is_none());
    }

    #[test]
    fn the_oldest_makes_room() {
        let runs = Runs::default();
        let first = start(&runs, Timestamp::new(0));
        for _ in 0..MAX_RUNS {
            start(&runs, Timestamp::new(1));
        }
        assert_eq!(runs.entries().len(), MAX_RUNS);
        assert!(runs.with(&first, Timestamp::new(1), |_| ()).is_none());
    }

    #[test]
    fn an_answer_is_taken_once_and_only_by_the_browser_that_asked() {
        let (mine, other) = (sample_attempt(Secrets::draw()), sample_attempt(Secrets::draw()));
        let mut run = Run::default();
        run.send(mine.clone());
        assert!(run.take_answered(&callback(&other)).is_none());
        assert!(run.take_answered(&callback(&mine)).is_some());
        assert!(run.take_answered(&callback(&mine)).is_none());
    }

    #[test]
    fn a_browser_cannot_fill_the_memory() {
        let mut run = Run::default();
        let first = sample_attempt(Secrets::draw());
        run.send(first.clone());
        for _ in 0..MAX_WAITING {
            run.send(sample_attempt(Secrets::draw()));
        }
        assert_eq!(run.waiting.len(), MAX_WAITING);
        assert!(run.take_answered(&callback(&first)).is_none());
    }
}
