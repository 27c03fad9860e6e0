//! Moments as people tell them.

use time::OffsetDateTime;

use super::text::Message;
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

/// How long ago, in words.
pub fn ago(seconds: i64) -> Message {
    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    const MONTH: i64 = 30 * DAY;
    const YEAR: i64 = 365 * DAY;
    let (key, unit) = match seconds {
        ..MINUTE => return Message::new("just-now"),
        MINUTE..HOUR => ("ago-minutes", MINUTE),
        HOUR..DAY => ("ago-hours", HOUR),
        DAY..MONTH => ("ago-days", DAY),
        MONTH..YEAR => ("ago-months", MONTH),
        YEAR.. => ("ago-years", YEAR),
    };
    Message::new(key).with("count", seconds / unit)
}

/// For programs (RFC 3339), and for people who want to know exactly. A server does not know their time zone.
fn written(at: Timestamp) -> (String, Message) {
    let Ok(at) = OffsetDateTime::from_unix_timestamp(at.as_i64()) else {
        return (String::new(), Message::verbatim(""));
    };
    let (date, (hour, minute, second)) = (at.date(), at.to_hms());
    let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
    let moment = Message::new("moment")
        .with("day", i64::from(day))
        .with("month", i64::from(month))
        .with("year", i64::from(year))
        .with("time", format!("{hour:02}:{minute:02}"));
    let iso = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z");
    (iso, moment)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::text::Language;

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
            assert_eq!(Language::english().text(ago(seconds)), words, "{seconds}");
        }
    }

    #[test]
    fn a_moment_is_written_out_in_utc() {
        let told = when(Timestamp(1_791_234_567), Timestamp(1_791_234_567));
        assert_eq!(told.iso, "2026-10-05T21:09:27Z");
        for (tag, words) in [
            ("en", "5 October 2026, 21:09 UTC"),
            ("de", "5. Oktober 2026, 21:09 Uhr UTC"),
            ("fr", "5 octobre 2026, 21:09 UTC"),
            ("es", "5 de octubre de 2026, 21:09 UTC"),
            ("ja", "2026 年 10 月 5 日 21:09 (UTC)"),
        ] {
            assert_eq!(Language::of_tag(tag).unwrap().text(&told.utc), words);
        }
        assert_eq!(when(Timestamp(i64::MAX), Timestamp(0)).iso, "");
    }
}
