//! The members of a registration, read strictly: of the right type and bounded, or refused. `null` is absent (RFC 7592 §2.2).

use std::str::FromStr;

use serde_json::Value;

use super::refusal::Refusal;
use crate::crypto::jwt::JsonObject;

/// The longest text of a member.
const MAX_TEXT: usize = 2048;

/// A registration as it was sent.
#[derive(Clone, Copy)]
pub struct Members<'a>(pub &'a JsonObject);

impl<'a> Members<'a> {
    /// The value, unless absent.
    pub fn value(self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A text of at most 2048 bytes. Empty text is absent.
    pub fn text(self, name: &'static str) -> Result<Option<&'a str>, Refusal> {
        let Some(value) = self.value(name) else { return Ok(None) };
        let text = value
            .as_str()
            .ok_or_else(|| Refusal::metadata(name, "must be a string"))?;
        if text.len() > MAX_TEXT {
            return Err(Refusal::metadata(name, "is too long"));
        }
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    /// `true` or `false`; absent is `false`.
    pub fn flag(self, name: &'static str) -> Result<bool, Refusal> {
        match self.value(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(Refusal::metadata(name, "must be true or false")),
        }
    }

    /// A list of at most `max` texts.
    pub fn list(self, name: &'static str, max: usize) -> Result<Option<Vec<&'a str>>, Refusal> {
        let Some(value) = self.value(name) else { return Ok(None) };
        let list = value
            .as_array()
            .ok_or_else(|| Refusal::metadata(name, "must be an array of strings"))?;
        if list.len() > max {
            return Err(Refusal::metadata(name, format!("holds more than {max} values")));
        }
        let text = |value: &'a Value| value.as_str().filter(|text| text.len() <= MAX_TEXT);
        let texts: Option<Vec<&str>> = list.iter().map(text).collect();
        let texts =
            texts.ok_or_else(|| Refusal::metadata(name, "must be an array of strings, none of them too long"))?;
        Ok(Some(texts))
    }

    /// One of the words that an enum knows.
    pub fn word<T: FromStr + Copy + std::fmt::Display>(
        self,
        name: &'static str,
        all: &[T],
    ) -> Result<Option<T>, Refusal> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        match text.parse() {
            Ok(word) => Ok(Some(word)),
            Err(_) => Err(Refusal::metadata(name, format!("must be one of {}", words(all)))),
        }
    }
}

/// The words, for a description.
pub fn words<T: std::fmt::Display>(all: &[T]) -> String {
    all.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
}
