//! Identifiers that cross the wire.

use serde::{Deserialize, Serialize, Serializer};

/// `client_id` (RFC 6749 §2.2): text, 1 to 128 characters of the unreserved set, so that it needs no escaping anywhere.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct ClientId(Box<str>);

impl ClientId {
    /// The longest `client_id` that can be registered or presented.
    pub const MAX_LEN: usize = 128;

    /// Accepts `A-Z a-z 0-9 - . _ ~`; anything else cannot be the name of a client here.
    pub fn parse(text: &str) -> Option<Self> {
        let unreserved = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
        let fits = (1..=Self::MAX_LEN).contains(&text.len());
        (fits && text.bytes().all(unreserved)).then(|| Self(text.into()))
    }

    /// The identifier as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for ClientId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for ClientId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("a client_id is 1 to 128 characters of A-Z a-z 0-9 - . _ ~")
    }
}

impl Serialize for ClientId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}
