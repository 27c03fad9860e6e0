//! Settings that may be left empty.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A value, or `""` for none: every key has a default that can be written down, and an environment variable can be empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    try_from = "String",
    into = "String",
    bound(serialize = "T: Clone + fmt::Display", deserialize = "T: FromStr<Err: fmt::Display>")
)]
pub struct Optional<T>(pub Option<T>);

impl<T> Default for Optional<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: FromStr> TryFrom<String> for Optional<T> {
    type Error = T::Err;

    fn try_from(text: String) -> Result<Self, T::Err> {
        if text.is_empty() {
            return Ok(Self(None));
        }
        text.parse().map(|value| Self(Some(value)))
    }
}

impl<T: fmt::Display> From<Optional<T>> for String {
    fn from(optional: Optional<T>) -> Self {
        optional.0.map(|value| value.to_string()).unwrap_or_default()
    }
}
