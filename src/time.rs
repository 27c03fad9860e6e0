//! Time as the server stores it, and the clock that only the edges may read.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

/// Seconds since 1970-01-01 UTC: the JWT `NumericDate` (RFC 7519 §2) and the type of every time column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Wraps seconds since the epoch.
    pub const fn new(seconds: i64) -> Self {
        Self(seconds)
    }

    /// A date and a time of day in UTC; `None` if there is no such moment. For times that others write.
    pub fn from_utc((year, month, day): (i32, u8, u8), (hour, minute, second): (u8, u8, u8)) -> Option<Self> {
        let month = time::Month::try_from(month).ok()?;
        let date = time::Date::from_calendar_date(year, month, day).ok()?;
        let moment = date.with_hms(hour, minute, second).ok()?.assume_utc();
        Some(Self(moment.unix_timestamp()))
    }

    /// The seconds, to bind into a statement or write into a claim.
    pub const fn as_i64(self) -> i64 {
        self.0
    }

    /// This moment moved by `seconds` (which may be negative). Saturates, so that a "forever" stays forever.
    #[must_use]
    pub const fn plus(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// Seconds from `earlier` to this moment; negative when `earlier` is later.
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Where `now` comes from. Below the HTTP tier time is an argument; nothing there holds a clock.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The machine's clock.
    #[default]
    System,
    /// A clock that moves only when told to. Clones share the hand.
    Fixed(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands at `now` until [`Clock::advance`] moves it.
    pub fn fixed(now: Timestamp) -> Self {
        Self::Fixed(Arc::new(AtomicI64::new(now.as_i64())))
    }

    /// The current moment.
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => system_now(),
            Self::Fixed(hand) => Timestamp(hand.load(Ordering::SeqCst)),
        }
    }

    /// Moves a fixed clock by `seconds`. The system clock is not ours to move, so there it does nothing.
    pub fn advance(&self, seconds: i64) {
        if let Self::Fixed(hand) = self {
            hand.fetch_add(seconds, Ordering::SeqCst);
        }
    }
}

/// A machine clock set before 1970 reads as 0: every token is then expired or not yet valid, never eternal.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
fn system_now() -> Timestamp {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(Timestamp::new(i64::MAX).plus(1), Timestamp::new(i64::MAX));
        assert_eq!(Timestamp::new(i64::MIN).plus(-1), Timestamp::new(i64::MIN));
        assert_eq!(Timestamp::new(0).since(Timestamp::new(i64::MIN)), i64::MAX);
        assert_eq!(Timestamp::new(10).since(Timestamp::new(25)), -15);
    }

    #[test]
    fn a_date_is_a_moment_or_none() {
        assert_eq!(Timestamp::from_utc((1970, 1, 1), (0, 0, 0)), Some(Timestamp(0)));
        assert_eq!(
            Timestamp::from_utc((2026, 10, 5), (21, 9, 27)),
            Some(Timestamp(1_791_234_567))
        );
        assert_eq!(Timestamp::from_utc((2026, 2, 29), (0, 0, 0)), None);
        assert_eq!(Timestamp::from_utc((2026, 13, 1), (0, 0, 0)), None);
        assert_eq!(Timestamp::from_utc((2026, 1, 1), (24, 0, 0)), None);
    }

    #[test]
    fn clones_of_a_fixed_clock_move_together() {
        let clock = Clock::fixed(Timestamp::new(100));
        let other = clock.clone();
        clock.advance(5);
        assert_eq!(other.now(), Timestamp::new(105));
    }

    #[test]
    fn json_is_the_bare_number() {
        assert_eq!(serde_json::to_string(&Timestamp::new(7)).unwrap(), "7");
    }
}
