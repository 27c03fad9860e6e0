//! Everything that commands print: text in aligned columns for people, one JSON document for programs. Nothing else
//! writes to standard output.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::Value;

use crate::protocol::display_text::is_control;
use crate::time::Timestamp;

/// Prints `document` on one line when programs are listening, else `text`.
pub fn print(json: bool, document: &Value, text: &str) -> anyhow::Result<()> {
    let shown = if json {
        json_line(document)
    } else {
        text.trim_end_matches('\n').to_owned()
    };
    // `println!` would panic when the reader hangs up.
    writeln!(std::io::stdout().lock(), "{shown}")?;
    Ok(())
}

/// JSON on one line, in which what a terminal would obey is escaped.
pub fn json_line(document: &Value) -> String {
    let mut line = String::new();
    for c in document.to_string().chars() {
        if is_control(c) {
            // Controls stand in strings alone, and those there are take two bytes of UTF-16 (RFC 8259 §7).
            line.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            line.push(c);
        }
    }
    line
}

/// Something to know while a command goes on.
pub fn remark(text: &str) -> anyhow::Result<()> {
    writeln!(std::io::stderr().lock(), "portcullis: {}", clean(text))?;
    Ok(())
}

/// An outcome that programs tell from a failure, by the exit status.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Outcome {
    /// The exit status.
    pub status: u8,
    /// What it means, for people.
    pub message: String,
}

/// An error, with its causes, for people.
pub fn failure(error: &anyhow::Error) -> ExitCode {
    // A standard error that is gone is no reason to panic.
    writeln!(std::io::stderr().lock(), "portcullis: {error:#}").ok();
    let outcome = error.downcast_ref::<Outcome>();
    outcome.map_or(ExitCode::FAILURE, |outcome| ExitCode::from(outcome.status))
}

/// Asks a person at the terminal. Without one the answer is no.
pub fn confirm(question: &str) -> anyhow::Result<bool> {
    use std::io::IsTerminal as _;

    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    write!(std::io::stderr().lock(), "{} [y/N] ", clean(question))?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// `key: value` lines with aligned values. Empty values are left out.
pub fn card(rows: &[(&str, String)]) -> String {
    let rows = || rows.iter().filter(|(_, value)| !value.is_empty());
    let width = rows().map(|(key, _)| key.len() + 1).max().unwrap_or_default();
    rows()
        .map(|(key, value)| format!("{:width$}  {}\n", format!("{key}:"), clean(value)))
        .collect()
}

/// Columns under a header, or `empty` when there are no rows.
pub fn table(header: &[&str], rows: &[Vec<String>], empty: &str) -> String {
    if rows.is_empty() {
        return format!("{empty}\n");
    }
    let head: Vec<String> = header.iter().map(|title| (*title).to_owned()).collect();
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.iter().map(|cell| clean(cell)).collect())
        .collect();
    let width = |column: usize| {
        std::iter::once(&head)
            .chain(&rows)
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
    };
    let widths: Vec<usize> = (0..head.len())
        .map(|column| width(column).unwrap_or_default())
        .collect();
    std::iter::once(&head)
        .chain(&rows)
        .map(|row| {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
            format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
        })
        .collect()
}

/// A secret on a line of its own.
pub fn secret(label: &str, secret: &str) -> String {
    format!("\n{label} (shown once, store it now):\n\n    {secret}\n")
}

/// The moment that a text names: so long before `now` (`90m`), a day, or a minute or second of one, in UTC.
pub fn moment(text: &str, now: Timestamp) -> anyhow::Result<Timestamp> {
    if let Ok(span) = text.parse::<crate::config::Span>() {
        return Ok(now.plus(-span.as_secs()));
    }
    let moment = parse_date(text).with_context(|| {
        format!(
            "{text:?} is no moment; write 90m, 24h or 7d for so long ago, or 2026-11-22, or 2026-11-22T16:30 in UTC"
        )
    })?;
    Ok(moment)
}

/// `YYYY-MM-DD`, then perhaps `T` or a space and `HH:MM` or `HH:MM:SS`, then perhaps `Z`.
fn parse_date(text: &str) -> Option<Timestamp> {
    let text = text.strip_suffix('Z').unwrap_or(text);
    let (date, clock) = text.split_once(['T', ' ']).unwrap_or((text, "00:00"));
    let date = numbers(date, '-')?;
    let [year, month, day] = date.try_into().ok()?;
    let mut clock = numbers(clock, ':')?;
    if clock.len() == 2 {
        clock.push(0);
    }
    let [hour, minute, second] = clock.try_into().ok()?;
    let small = |number: u16| u8::try_from(number).ok();
    let month = time::Month::try_from(small(month)?).ok()?;
    let date = time::Date::from_calendar_date(i32::from(year), month, small(day)?).ok()?;
    let moment = date.with_hms(small(hour)?, small(minute)?, small(second)?).ok()?;
    Some(Timestamp(moment.assume_utc().unix_timestamp()))
}

fn numbers(text: &str, separator: char) -> Option<Vec<u16>> {
    let digits = |part: &str| part.len() >= 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    let number = |part: &str| digits(part).then(|| part.parse().ok()).flatten();
    text.split(separator).map(number).collect()
}

/// RFC 3339 in UTC.
pub fn date(at: Timestamp) -> String {
    let Ok(at) = time::OffsetDateTime::from_unix_timestamp(at.as_i64()) else {
        return "never".to_owned();
    };
    let (date, (hour, minute, second)) = (at.date(), at.to_hms());
    let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// [`date`], or nothing.
pub fn maybe_date(at: Option<Timestamp>) -> String {
    at.map(date).unwrap_or_default()
}

/// Without the line breaks that some messages have.
pub fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A stored text may hold what a terminal would obey.
pub fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if is_control(c) { '\u{FFFD}' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_rfc_3339_in_utc() {
        assert_eq!(date(Timestamp(0)), "1970-01-01T00:00:00Z");
        assert_eq!(date(Timestamp(1_791_234_567)), "2026-10-05T21:09:27Z");
        assert_eq!(date(Timestamp(i64::MAX)), "never");
    }

    #[test]
    fn moments_are_dates_or_ages() {
        let now = Timestamp(1_791_234_567);
        for (text, expected) in [
            ("90m", 1_791_234_567 - 5400),
            ("7d", 1_791_234_567 - 7 * 86_400),
            ("1970-01-02", 86_400),
            ("1970-01-01T01:02", 3720),
            ("1970-01-01 01:02:03", 3723),
            ("2026-10-05T21:09:27Z", 1_791_234_567),
        ] {
            assert_eq!(moment(text, now).unwrap(), Timestamp(expected), "{text}");
        }
        for bad in [
            "",
            "soon",
            "2026-13-01",
            "2026-02-30",
            "2026-10-05T25:00",
            "2026-10-05T",
            "26-10-05T1:00",
            "2026/10/05",
            "-1d",
        ] {
            assert!(moment(bad, now).is_err(), "{bad}");
        }
    }

    #[test]
    fn columns_and_values_are_aligned() {
        let rows = [
            vec!["alice".to_owned(), "yes".to_owned()],
            vec!["bo".to_owned(), String::new()],
        ];
        assert_eq!(
            table(&["USERNAME", "ADMIN"], &rows, "none"),
            "USERNAME  ADMIN\nalice     yes\nbo\n"
        );
        assert_eq!(table(&["USERNAME"], &[], "No users."), "No users.\n");
        assert_eq!(
            card(&[("id", "7".into()), ("gone", String::new()), ("name", "x".into())]),
            "id:    7\nname:  x\n"
        );
    }

    #[test]
    fn nothing_that_a_terminal_obeys_is_printed() {
        assert_eq!(
            card(&[("name", "a\u{1b}[2J\u{202e}b".into())]),
            "name:  a\u{FFFD}[2J\u{FFFD}b\n"
        );
    }
}
