//! Everything that commands print: text in aligned columns for people, one JSON document for programs. Nothing else
//! writes to standard output.

use std::io::Write as _;
use std::process::ExitCode;

use serde_json::Value;

use crate::protocol::display_text::is_control;
use crate::time::Timestamp;

/// Prints `document` on one line when programs are listening, else `text`.
pub fn print(json: bool, document: &Value, text: &str) -> anyhow::Result<()> {
    let shown = if json {
        document.to_string()
    } else {
        text.trim_end_matches('\n').to_owned()
    };
    // `println!` would panic when the reader hangs up.
    writeln!(std::io::stdout().lock(), "{shown}")?;
    Ok(())
}

/// An error, with its causes, for people.
pub fn failure(error: &anyhow::Error) -> ExitCode {
    // A standard error that is gone is no reason to panic.
    writeln!(std::io::stderr().lock(), "portcullis: {error:#}").ok();
    ExitCode::FAILURE
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
