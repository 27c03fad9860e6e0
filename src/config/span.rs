//! Lengths of time as people write them.

use std::{fmt, str::FromStr, time::Duration};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, Visitor},
};

/// A length of time in whole seconds, written `"10s"`, `"15m"`, `"1h"`, `"30d"`, or as a number of seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(u32);

/// Text that is not a length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a duration; write a whole number and s, m, h or d, at most 100 years, such as \"15m\"")]
pub struct InvalidSpan(String);

impl Span {
    /// A number of seconds.
    pub const fn from_secs(seconds: u32) -> Self {
        Self(seconds)
    }

    /// A number of minutes.
    pub(super) const fn from_mins(minutes: u32) -> Self {
        Self(minutes * 60)
    }

    /// A number of hours.
    pub(super) const fn from_hours(hours: u32) -> Self {
        Self(hours * 3600)
    }

    /// A number of days.
    pub(super) const fn from_days(days: u32) -> Self {
        Self(days * 86_400)
    }

    /// Seconds, as [`crate::time::Timestamp::plus`] takes them.
    pub const fn as_secs(self) -> i64 {
        self.0 as i64
    }

    /// For timers.
    pub const fn as_duration(self) -> Duration {
        Duration::from_secs(self.0 as u64)
    }
}

/// 100 years, far from any overflow when added to a date.
const MAX_SECONDS: u32 = 100 * 365 * 86_400;

const UNITS: [(char, u32); 4] = [('d', 86_400), ('h', 3600), ('m', 60), ('s', 1)];

impl FromStr for Span {
    type Err = InvalidSpan;

    fn from_str(text: &str) -> Result<Self, InvalidSpan> {
        let unit = UNITS
            .into_iter()
            .find_map(|(name, seconds)| Some((text.strip_suffix(name)?, seconds)));
        let (digits, seconds) = unit.unwrap_or((text, 1));
        let only_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let number = only_digits.then(|| digits.parse::<u32>().ok()).flatten();
        number
            .and_then(|number| number.checked_mul(seconds))
            .filter(|total| *total <= MAX_SECONDS)
            .map(Self)
            .ok_or_else(|| InvalidSpan(format!("{text:?}")))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |(_, seconds): &(char, u32)| self.0 != 0 && self.0.is_multiple_of(*seconds);
        let (name, seconds) = UNITS.into_iter().find(fits).unwrap_or(('s', 1));
        write!(f, "{}{name}", self.0 / seconds)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SpanVisitor)
    }
}

struct SpanVisitor;

impl Visitor<'_> for SpanVisitor {
    type Value = Span;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration such as \"15m\", or a number of seconds")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Span, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, seconds: i64) -> Result<Span, E> {
        let number = u32::try_from(seconds).ok().filter(|seconds| *seconds <= MAX_SECONDS);
        number
            .map(Span)
            .ok_or_else(|| E::custom(InvalidSpan(seconds.to_string())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_parse_and_show_in_the_largest_whole_unit() {
        let cases = [
            ("10s", 10, "10s"),
            ("90s", 90, "90s"),
            ("60s", 60, "1m"),
            ("15m", 900, "15m"),
            ("24h", 86_400, "1d"),
            ("30d", 2_592_000, "30d"),
            ("0s", 0, "0s"),
            ("45", 45, "45s"),
        ];
        for (text, seconds, shown) in cases {
            let span: Span = text.parse().unwrap();
            assert_eq!((span.as_secs(), span.to_string().as_str()), (seconds, shown), "{text}");
        }
    }

    #[test]
    fn other_text_is_refused() {
        for text in [
            "",
            "s",
            "15x",
            "1.5h",
            "-1s",
            "+1s",
            "15 m",
            " 15m",
            "1h30m",
            "99999999999d",
            "101y",
            "40000d",
            "µs",
            "5M",
        ] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_are_seconds() {
        #[derive(Deserialize)]
        struct Holder {
            span: Span,
        }
        let parse = |text: &str| toml::from_str::<Holder>(text).map(|holder| holder.span.as_secs());
        assert_eq!(parse("span = 90"), Ok(90));
        for text in [
            "span = -1",
            "span = 4000000000000",
            "span = 1.5",
            "span = true",
            "span = \"x\"",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
