//! Text that comes in with a command: names that people will read, values of flags, files, and text that is drawn.

use std::path::Path;
use std::str::FromStr;

use anyhow::{Context as _, bail, ensure};
use url::Url;

pub use crate::crypto::random::{BASE62, draw};
use crate::protocol::display_text;

/// Checks a text that will be shown to people.
pub fn label(what: &str, text: &str, max: usize) -> anyhow::Result<String> {
    match display_text::label(text, max) {
        Ok(text) => Ok(text.to_owned()),
        Err(error) => bail!("{what} {error}"),
    }
}

/// Checks the identifier of a resource server (RFC 8707 §2).
pub fn audience(text: &str) -> anyhow::Result<String> {
    const MAX: usize = 2048;
    let written = text.bytes().all(|byte| byte.is_ascii_graphic()) && text.len() <= MAX;
    ensure!(
        written && Url::parse(text).is_ok(),
        "{text:?} is not an absolute URI; an audience looks like https://notes.example/api"
    );
    ensure!(
        !text.contains('#'),
        "an audience has no fragment: remove everything from the # on"
    );
    Ok(text.to_owned())
}

/// Reads one of the strings that a protocol enum knows, for `clap`.
pub fn wire<T: FromStr + Copy + std::fmt::Display>(text: &str, all: &[T]) -> Result<T, String> {
    text.parse().map_err(|_| {
        let names: Vec<String> = all.iter().map(T::to_string).collect();
        format!("use one of {}", names.join(", "))
    })
}

/// Reads a file of at most `max` bytes; `-` is standard input.
pub fn read(path: &Path, max: u64) -> anyhow::Result<Vec<u8>> {
    use std::io::Read as _;

    let mut bytes = Vec::new();
    let more = max.saturating_add(1);
    let outcome = if path == Path::new("-") {
        std::io::stdin().lock().take(more).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(more).read_to_end(&mut bytes))
    };
    outcome.with_context(|| format!("cannot read {}", path.display()))?;
    if bytes.len() as u64 > max {
        bail!("{} is larger than {max} bytes", path.display());
    }
    Ok(bytes)
}

/// Reads a secret: the one line that a file holds.
pub fn read_secret(path: &Path) -> anyhow::Result<String> {
    const MAX: u64 = 4096;
    let shown = path.display();
    let text = String::from_utf8(read(path, MAX)?).map_err(|_| anyhow::anyhow!("{shown} is not UTF-8 text"))?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    ensure!(!line.is_empty(), "{shown} is empty");
    ensure!(
        !line.chars().any(char::is_control),
        "{shown} holds more than one line, or control characters; write the secret on one line"
    );
    Ok(line.to_owned())
}

/// Letters and digits that are not mistaken for each other when read aloud or copied by hand.
pub const READABLE: &[u8] = b"23456789abcdefghjkmnpqrstuvwxyz";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_cannot_disguise_themselves() {
        assert_eq!(label("the name", "  Photo Büro ", 100).unwrap(), "Photo Büro");
        for bad in ["", "  ", "a\nb", "a\u{202e}b", "a\u{2066}b", "a\u{200f}b", "a\u{1b}b"] {
            assert!(label("the name", bad, 100).is_err(), "{bad:?}");
        }
        assert!(label("the name", &"é".repeat(100), 100).is_ok());
        assert!(label("the name", &"é".repeat(101), 100).is_err());
    }

    #[test]
    fn audiences_are_absolute_uris() {
        for good in [
            "https://notes.example",
            "https://notes.example/api?v=1",
            "urn:example:notes",
        ] {
            assert!(audience(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "notes",
            "/api",
            "https://notes.example/#x",
            " https://notes.example",
            "https://a b",
        ] {
            assert!(audience(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_secret_is_one_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        for (content, secret) in [
            ("two words\r\n", Some("two words")),
            ("plain", Some("plain")),
            ("", None),
            ("\n", None),
            ("a\nb\n", None),
        ] {
            std::fs::write(&path, content).unwrap();
            assert_eq!(read_secret(&path).ok().as_deref(), secret, "{content:?}");
        }
        std::fs::write(&path, "x".repeat(5000)).unwrap();
        assert!(read_secret(&path).is_err());
    }

    #[test]
    fn drawn_text_has_the_length_and_the_letters_asked_for() {
        let text = draw(READABLE, 200);
        assert_eq!(text.len(), 200);
        assert!(text.bytes().all(|byte| READABLE.contains(&byte)));
        assert_ne!(draw(BASE62, 16), draw(BASE62, 16));
    }
}
