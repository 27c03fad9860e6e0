//! How often something may happen, as people write it.

use std::{fmt, str::FromStr};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, Visitor},
};

use super::Span;

/// How often something may happen, written `"10 per 15m"`, or `"off"` for as often as anybody likes.
///
/// It is a bucket: `burst` times at once, after which one grows back every `per / burst`. No stretch of time as long as `per`
/// sees more than twice `burst`, and in the long run it is `burst` in each `per`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate(Option<Bucket>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bucket {
    burst: u32,
    per: Span,
}

/// Text that is no rate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0} is not a rate; write how often and in which time, at most 1000000 in 1s to 30d, such as \"10 per 15m\", or \"off\""
)]
pub struct InvalidRate(String);

const MAX_BURST: u32 = 1_000_000;
const MAX_SECONDS: i64 = 30 * 86_400;

impl Rate {
    /// As often as anybody likes.
    pub const OFF: Self = Self(None);

    pub(super) const fn new(burst: u32, per: Span) -> Self {
        Self(Some(Bucket { burst, per }))
    }

    /// How many may happen at once; `None` when there is no limit.
    pub fn burst(self) -> Option<u32> {
        self.0.map(|bucket| bucket.burst)
    }

    /// Whether there is no limit.
    pub fn is_off(self) -> bool {
        self.0.is_none()
    }

    /// The time in which a whole burst grows back, in seconds; 0 when there is no limit.
    pub fn window(self) -> i64 {
        self.0.map_or(0, |bucket| bucket.per.as_secs())
    }

    /// After how many milliseconds one grows back, rounded up, so that the limit is never exceeded; 0 when there is no limit.
    pub fn interval_ms(self) -> i64 {
        self.0.map_or(0, |bucket| {
            let burst = i64::from(bucket.burst);
            (bucket.per.as_secs() * 1000 + burst - 1) / burst
        })
    }
}

impl FromStr for Rate {
    type Err = InvalidRate;

    fn from_str(text: &str) -> Result<Self, InvalidRate> {
        let invalid = || InvalidRate(format!("{text:?}"));
        if text.trim() == "off" {
            return Ok(Self::OFF);
        }
        let (burst, per) = text.split_once(" per ").ok_or_else(invalid)?;
        let digits = burst.trim();
        let only_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
        let burst = digits.parse::<u32>().ok().filter(|_| only_digits);
        let burst = burst
            .filter(|burst| (1..=MAX_BURST).contains(burst))
            .ok_or_else(invalid)?;
        let per = per.trim().parse::<Span>().map_err(|_| invalid())?;
        if (1..=MAX_SECONDS).contains(&per.as_secs()) {
            Ok(Self::new(burst, per))
        } else {
            Err(invalid())
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(Bucket { burst, per }) => write!(f, "{burst} per {per}"),
            None => f.write_str("off"),
        }
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(RateVisitor)
    }
}

struct RateVisitor;

impl Visitor<'_> for RateVisitor {
    type Value = Rate;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a rate such as \"10 per 15m\", or \"off\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Rate, E> {
        text.parse().map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_parse_and_show_as_they_were_written() {
        let cases = [
            ("10 per 15m", Some(10), 900, 90_000, "10 per 15m"),
            ("1 per 60", Some(1), 60, 60_000, "1 per 1m"),
            (" 7  per 1s ", Some(7), 1, 143, "7 per 1s"),
            ("1000000 per 1s", Some(1_000_000), 1, 1, "1000000 per 1s"),
            ("off", None, 0, 0, "off"),
        ];
        for (text, burst, window, interval, shown) in cases {
            let rate: Rate = text.parse().unwrap();
            assert_eq!(
                (rate.burst(), rate.window(), rate.interval_ms()),
                (burst, window, interval),
                "{text}"
            );
            assert_eq!(rate.to_string(), shown);
            assert_eq!(shown.parse::<Rate>().unwrap(), rate);
        }
    }

    #[test]
    fn what_is_no_rate_is_refused() {
        let wrong = [
            "",
            "10",
            "10 per",
            " per 15m",
            "0 per 15m",
            "-1 per 15m",
            "+1 per 15m",
            "10 per 0s",
            "10 per 31d",
            "10/15m",
            "1000001 per 1s",
            "10 per 15m 10 per 15m",
            "OFF",
        ];
        for text in wrong {
            let refused = text.parse::<Rate>().unwrap_err();
            assert!(refused.to_string().starts_with(&format!("{text:?}")), "{refused}");
        }
    }
}
