//! The issuer identifier.

use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer};
use url::{Host, Url};

/// The issuer identifier (OpenID Connect Discovery §3, RFC 8414 §2): an https URL without query and fragment. Clients
/// compare it as a string, so it is kept exactly as configured, and only its canonical spelling is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    text: String,
    /// How much of `text` is the origin.
    origin: usize,
}

/// Why text is not an issuer. The message says what to change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidIssuer(String);

impl Issuer {
    /// The identifier itself.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Scheme, host and port: what browsers send as `Origin`.
    pub fn origin(&self) -> &str {
        &self.text[..self.origin]
    }

    /// The path below which everything is served: empty, or like `/tenant`.
    pub fn path(&self) -> &str {
        &self.text[self.origin..]
    }

    /// The address of `path`, which starts with a slash, at this issuer.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.text)
    }

    /// Whether cookies can be `Secure`. False only for development on the loopback interface.
    pub fn is_https(&self) -> bool {
        self.text.starts_with("https:")
    }
}

impl FromStr for Issuer {
    type Err = InvalidIssuer;

    fn from_str(text: &str) -> Result<Self, InvalidIssuer> {
        let url = Url::parse(text)
            .map_err(|error| InvalidIssuer(format!("{text:?} is not a URL ({error}); write it like \"{EXAMPLE}\"")))?;
        check_scheme(&url)?;
        check_parts(&url)?;
        // `Url` gives an empty path a slash; ours is written without.
        let canonical = url.as_str().trim_end_matches('/');
        if text != canonical {
            let problem = if text.ends_with('/') {
                "must not end with a slash"
            } else {
                "is not in canonical form"
            };
            return Err(InvalidIssuer(format!("{text:?} {problem}; write \"{canonical}\"")));
        }
        let origin = url.origin().ascii_serialization().len();
        Ok(Self {
            text: text.to_owned(),
            origin,
        })
    }
}

/// Plain http lets anyone on the way read codes and tokens; on the loopback interface there is no way.
fn check_scheme(url: &Url) -> Result<(), InvalidIssuer> {
    let loopback = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    match url.scheme() {
        "https" => Ok(()),
        "http" if loopback => Ok(()),
        "http" => Err(InvalidIssuer(format!(
            "\"{url}\" must use https; plain http is for 127.0.0.0/8, [::1] and localhost only"
        ))),
        other => Err(InvalidIssuer(format!(
            "an issuer uses https, not {other}; write it like \"{EXAMPLE}\""
        ))),
    }
}

fn check_parts(url: &Url) -> Result<(), InvalidIssuer> {
    let extra = [
        ("a query", url.query().is_some()),
        ("a fragment", url.fragment().is_some()),
        (
            "a user name or password",
            !url.username().is_empty() || url.password().is_some(),
        ),
    ];
    match extra.into_iter().find(|(_, present)| *present) {
        Some((part, _)) => Err(InvalidIssuer(format!(
            "an issuer has no {}; remove it",
            part.trim_start_matches("a ")
        ))),
        None => Ok(()),
    }
}

const EXAMPLE: &str = "https://id.example.com";

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Issuer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issuers_fall_apart_into_origin_and_path() {
        let cases = [
            ("https://id.example.com", "https://id.example.com", ""),
            ("https://id.example.com:8443", "https://id.example.com:8443", ""),
            ("https://example.com/tenant/a", "https://example.com", "/tenant/a"),
            ("http://localhost:8080", "http://localhost:8080", ""),
            ("http://127.0.0.1:8080/x", "http://127.0.0.1:8080", "/x"),
            ("http://127.9.9.9", "http://127.9.9.9", ""),
            ("http://[::1]:8080", "http://[::1]:8080", ""),
            ("https://localhost", "https://localhost", ""),
        ];
        for (text, origin, path) in cases {
            let issuer: Issuer = text.parse().unwrap();
            assert_eq!((issuer.as_str(), issuer.origin(), issuer.path()), (text, origin, path));
            assert_eq!(issuer.url("/token"), format!("{text}/token"));
            assert_eq!(issuer.is_https(), text.starts_with("https"));
        }
    }

    #[test]
    fn refusals_say_what_to_write() {
        let cases = [
            ("", "is not a URL"),
            ("id.example.com", "is not a URL"),
            ("http://id.example.com", "must use https"),
            ("http://10.0.0.1", "must use https"),
            ("http://localhost.example.com", "must use https"),
            ("http://128.0.0.1", "must use https"),
            ("ftp://id.example.com", "uses https, not ftp"),
            ("localhost:8080", "uses https, not localhost"),
            ("https://id.example.com/", r#"write "https://id.example.com""#),
            ("https://id.example.com/a/", r#"write "https://id.example.com/a""#),
            ("https://id.example.com/?x=1", "has no query"),
            ("https://id.example.com?", "has no query"),
            ("https://id.example.com#x", "has no fragment"),
            ("https://user@id.example.com", "has no user name"),
            ("https://:pw@id.example.com", "has no user name"),
            ("HTTPS://id.example.com", r#"write "https://id.example.com""#),
            ("https://ID.example.com", r#"write "https://id.example.com""#),
            ("https://id.example.com:443", r#"write "https://id.example.com""#),
            ("https://id.example.com/a/../b", r#"write "https://id.example.com/b""#),
            (" https://id.example.com", r#"write "https://id.example.com""#),
        ];
        for (text, part) in cases {
            let message = text.parse::<Issuer>().unwrap_err().to_string();
            assert!(message.contains(part), "{text}: {message}");
            assert!(!message.contains('\n'));
        }
    }
}
