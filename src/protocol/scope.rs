//! `scope` (RFC 6749 §3.3): a set of case-sensitive tokens, in the order in which they were asked.

use serde::{Deserialize, Serialize, Serializer};

use super::error::Reason;

/// `openid`: makes the request an OpenID Connect one (Core §3.1.2.1).
pub const OPENID: &str = "openid";
/// `offline_access`: asks for a refresh token (OpenID Connect Core §11).
pub const OFFLINE_ACCESS: &str = "offline_access";
/// The scopes that OpenID Connect Core defines (§5.4, §11); every other scope belongs to a resource server.
pub const OPENID_SCOPES: &[&str] = &[OPENID, "profile", "email", "address", "phone", OFFLINE_ACCESS];

/// A parsed scope. Small by construction: at most [`Scope::MAX_TOKENS`] tokens in [`Scope::MAX_LEN`] bytes, so the
/// quadratic set operations below stay cheap.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Scope(Vec<Box<str>>);

impl Scope {
    /// The longest scope parameter that is read.
    pub const MAX_LEN: usize = 4096;
    /// The most tokens in one scope.
    pub const MAX_TOKENS: usize = 128;

    /// Reads `scope-token *( SP scope-token )` strictly; a token twice counts once.
    pub fn parse(text: &str) -> Result<Self, Reason> {
        if text.len() > Self::MAX_LEN {
            return Err(Reason::ScopeTooLong);
        }
        let mut tokens: Vec<Box<str>> = Vec::new();
        for token in text.split(' ') {
            if token.is_empty() || !token.bytes().all(is_scope_byte) {
                return Err(Reason::ScopeMalformed);
            }
            if tokens.len() == Self::MAX_TOKENS {
                return Err(Reason::ScopeTooLong);
            }
            if !tokens.iter().any(|known| **known == *token) {
                tokens.push(token.into());
            }
        }
        Ok(Self(tokens))
    }

    /// Builds a scope from tokens that are known to be well formed, leaving out what is not.
    pub fn from_tokens<'a>(tokens: impl IntoIterator<Item = &'a str>) -> Self {
        let mut scope = Self::default();
        for token in tokens {
            if !token.is_empty() && token.bytes().all(is_scope_byte) && !scope.contains(token) {
                scope.0.push(token.into());
            }
        }
        scope
    }

    /// Whether `token` is in the set.
    pub fn contains(&self, token: &str) -> bool {
        self.0.iter().any(|known| **known == *token)
    }

    /// Whether every token of `other` is in this set.
    pub fn covers(&self, other: &Self) -> bool {
        other.iter().all(|token| self.contains(token))
    }

    /// The tokens for which `keep` holds, in order.
    pub fn filter(&self, keep: impl Fn(&str) -> bool) -> Self {
        Self(self.0.iter().filter(|token| keep(token)).cloned().collect())
    }

    /// The tokens of both, this one's first.
    pub fn union(&self, other: &Self) -> Self {
        Self::from_tokens(self.iter().chain(other.iter()))
    }

    /// The tokens, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// Whether the set is empty, which cannot be written on the wire.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// `%x21 / %x23-5B / %x5D-7E` (RFC 6749 §3.3).
fn is_scope_byte(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E)
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, token) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(token)?;
        }
        Ok(())
    }
}

impl TryFrom<String> for Scope {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        Self::parse(&text).map_err(|_| "not a scope (RFC 6749 section 3.3)")
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
