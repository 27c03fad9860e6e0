//! What a node remembers about waiting devices: when each one last polled, and how many there are.
//!
//! A poll must not cost a write, so the moment of the last one is kept here and not in the row. Nodes do not share it: a device
//! whose polls reach several nodes is noticed as soon as one of them sees two that are too close. That is written down then,
//! with the longer interval, and holds on every node. What is forgotten here (a restart, a full map) is one early poll that
//! goes unnoticed.

use std::collections::HashMap;
use std::sync::Mutex;

use crate::model::digest::TokenDigest;
use crate::time::Timestamp;

/// The most devices that are remembered; some megabytes.
const CAPACITY: usize = 50_000;

/// Whoever has not polled for so long, in seconds, is forgotten first.
const FORGOTTEN_AFTER: i64 = 120;

/// See the module.
#[derive(Default)]
pub(super) struct DevicePace {
    polls: Mutex<HashMap<TokenDigest, Timestamp>>,
    live: Mutex<Option<(Timestamp, u64)>>,
}

impl DevicePace {
    /// Notes a poll. Returns when the one before it was.
    pub(super) fn note(&self, device: &TokenDigest, now: Timestamp) -> Option<Timestamp> {
        let mut polls = self.polls.lock().ok()?;
        if polls.len() >= CAPACITY && !polls.contains_key(device) {
            polls.retain(|_, at| now.since(*at) < FORGOTTEN_AFTER);
            if polls.len() >= CAPACITY {
                polls.clear();
            }
        }
        polls.insert(*device, now)
    }

    /// The number of waiting devices, if it was counted in this very second.
    pub(super) fn live(&self, now: Timestamp) -> Option<u64> {
        let (at, count) = (*self.live.lock().ok()?)?;
        (at == now).then_some(count)
    }

    /// Remembers the number of waiting devices.
    pub(super) fn remember_live(&self, now: Timestamp, count: u64) {
        if let Ok(mut live) = self.live.lock() {
            *live = Some((now, count));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(number: usize) -> TokenDigest {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        TokenDigest::new(bytes)
    }

    #[test]
    fn the_memory_is_bounded_and_forgets_the_idle_first() {
        let pace = DevicePace::default();
        for number in 0..CAPACITY {
            let at = if number < 10 { 1000 } else { 0 };
            assert_eq!(pace.note(&device(number), Timestamp(at)), None);
        }
        pace.note(&device(CAPACITY), Timestamp(1001));
        assert!(pace.polls.lock().unwrap().len() < 20);
        assert_eq!(pace.note(&device(3), Timestamp(1002)), Some(Timestamp(1000)));
        assert_eq!(pace.note(&device(20), Timestamp(1002)), None);
    }

    #[test]
    fn a_flood_of_new_devices_does_not_grow_it() {
        let pace = DevicePace::default();
        for number in 0..=CAPACITY * 2 {
            pace.note(&device(number), Timestamp(0));
        }
        assert!(pace.polls.lock().unwrap().len() <= CAPACITY);
    }
}
