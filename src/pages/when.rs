//! Moments as people tell them.

use time::OffsetDateTime;

use super::view::When;
use crate::time::Timestamp;

/// A moment of the past, seen from `now`.
pub fn when(at: Timestamp, now: Timestamp) -> When {
    let (iso, utc) = written(at);
    When {
        ago: ago(now.since(at)),
        iso,
        utc,
    }
}

fn ago(seconds: i64) -> String {
    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    const MONTH: i64 = 30 * DAY;
    const YEAR: i64 = 365 * DAY;
    let (count, unit) = match seconds {
        ..MINUTE => return "just now".to_owned(),
        MINUTE..HOUR => (seconds / MINUTE, "minute"),
        HOUR..DAY => (seconds / HOUR, "hour"),
        DAY..MONTH => (seconds / DAY, "day"),
        MONTH..YEAR => (seconds / MONTH, "month"),
        YEAR.. => (seconds / YEAR, "year"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural} ago")
}

/// For programs (RFC 3339), and for people who want to know exactly. A server does not know their time zone.
fn written(at: Timestamp) -> (String, String) {
    let Ok(at) = OffsetDateTime::from_unix_timestamp(at.as_i64()) else {
        return (String::new(), String::new());
    };
    let (date, (hour, minute, second)) = (at.date(), at.to_hms());
    let (year, month, day) = (date.year(), date.month(), date.day());
    let number = u8::from(month);
    (
        format!("{year:04}-{number:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"),
        format!("{day} {month} {year}, {hour:02}:{minute:02} UTC"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_past_is_told_in_its_largest_unit() {
        for (seconds, words) in [
            (-5, "just now"),
            (59, "just now"),
            (60, "1 minute ago"),
            (3599, "59 minutes ago"),
            (3600, "1 hour ago"),
            (86_399, "23 hours ago"),
            (86_400, "1 day ago"),
            (29 * 86_400, "29 days ago"),
            (30 * 86_400, "1 month ago"),
            (364 * 86_400, "12 months ago"),
            (800 * 86_400, "2 years ago"),
        ] {
            assert_eq!(ago(seconds), words, "{seconds}");
        }
    }

    #[test]
    fn a_moment_is_written_out_in_utc() {
        let told = when(Timestamp(1_791_234_567), Timestamp(1_791_234_567));
        assert_eq!(
            (told.iso.as_str(), told.utc.as_str()),
            ("2026-10-05T21:09:27Z", "5 October 2026, 21:09 UTC")
        );
        assert_eq!(when(Timestamp(i64::MAX), Timestamp(0)).iso, "");
    }
}
