//! `[registration]`

use std::{fmt, path::PathBuf, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{Span, error::Report};
use crate::protocol::client_auth_method::ClientAuthMethod;
use crate::protocol::grant_type::GrantType;
use crate::protocol::scope::{OPENID_SCOPES, Scope};

/// Clients that register themselves (RFC 7591).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RegistrationConfig {
    /// Who may.
    pub mode: RegistrationMode,
    /// Where they may have people sent back to. Empty: anywhere.
    pub redirect_hosts: Vec<HostPattern>,
    /// The scopes that they may ask for.
    pub scopes: Vec<String>,
    /// The grants that they may use.
    pub grant_types: Vec<GrantType>,
    /// How they may authenticate. Empty: in every way there is.
    pub auth_methods: Vec<ClientAuthMethod>,
    /// Whether those that keep a secret may leave PKCE out.
    pub pkce: RegistrationPkce,
    /// The most that there may be.
    pub max_clients: u32,
    /// How long one may go without asking for anything before it is deleted. Zero: for ever.
    pub unused_lifetime: Span,
    /// Whose software statements are believed.
    pub software_statement_issuers: Vec<StatementIssuer>,
    /// Whether a client must bring one.
    pub software_statement_required: bool,
}

/// Who may register a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RegistrationMode {
    /// Nobody.
    #[default]
    Off,
    /// Who presents an initial access token.
    Token,
    /// Everybody.
    Open,
}

/// Whether a code challenge is asked of self-registered clients that keep a secret.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RegistrationPkce {
    /// As of all.
    #[default]
    Required,
    /// They may leave it out.
    Optional,
}

impl Default for RegistrationConfig {
    fn default() -> Self {
        Self {
            mode: RegistrationMode::Off,
            redirect_hosts: Vec::new(),
            scopes: OPENID_SCOPES.iter().map(|scope| (*scope).to_owned()).collect(),
            grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
            auth_methods: Vec::new(),
            pkce: RegistrationPkce::Required,
            max_clients: 1000,
            unused_lifetime: Span::from_days(90),
            software_statement_issuers: Vec::new(),
            software_statement_required: false,
        }
    }
}

impl RegistrationConfig {
    pub(super) fn check(&self, report: &mut Report) {
        let well_formed = |scope: &String| Scope::parse(scope).is_ok_and(|parsed| parsed.iter().count() == 1);
        report.require(
            "registration.scopes",
            self.scopes.iter().all(well_formed) && self.scopes.len() <= Scope::MAX_TOKENS,
            "must be a list of scopes, such as [\"openid\", \"notes:read\"]",
        );
        report.require(
            "registration.max_clients",
            self.max_clients <= 1_000_000,
            "must be at most 1000000",
        );
        let lifetime = self.unused_lifetime.as_secs();
        report.require(
            "registration.unused_lifetime",
            lifetime == 0 || lifetime >= 86_400,
            "must be at least 1d, or 0s for ever",
        );
        report.require(
            "registration.software_statement_required",
            !self.software_statement_required || !self.software_statement_issuers.is_empty(),
            "needs somebody in registration.software_statement_issuers",
        );
    }
}

/// "app.example.com", "*.example.com", or the private scheme "com.example.app:".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum HostPattern {
    /// One host, or a private scheme with its colon.
    Exact(String),
    /// Every host below this domain; not the domain itself.
    Below(String),
}

impl HostPattern {
    /// Whether a host, as a redirect URI shows it, is meant.
    pub fn matches(&self, host: &str) -> bool {
        match self {
            Self::Exact(name) => name.eq_ignore_ascii_case(host),
            Self::Below(domain) => {
                let host = host.to_ascii_lowercase();
                host.strip_suffix(domain.as_str())
                    .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
            }
        }
    }
}

/// Text that is no such pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a host such as \"app.example.com\", \"*.example.com\", or a scheme such as \"com.example.app:\", found \"{0}\""
)]
pub struct InvalidPattern(String);

impl FromStr for HostPattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, InvalidPattern> {
        let lower = text.to_ascii_lowercase();
        let is_name = |name: &str| {
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
            !name.is_empty() && name.bytes().all(fits) && !name.starts_with('.')
        };
        let is_address = |name: &str| name.starts_with('[') && name.ends_with(']');
        if let Some(domain) = lower.strip_prefix("*.").filter(|domain| is_name(domain)) {
            return Ok(Self::Below(domain.to_owned()));
        }
        let name = lower.strip_suffix(':').unwrap_or(&lower);
        if is_name(name) || is_address(&lower) {
            return Ok(Self::Exact(lower));
        }
        Err(InvalidPattern(text.to_owned()))
    }
}

impl TryFrom<String> for HostPattern {
    type Error = InvalidPattern;

    fn try_from(text: String) -> Result<Self, InvalidPattern> {
        text.parse()
    }
}

impl From<HostPattern> for String {
    fn from(pattern: HostPattern) -> Self {
        pattern.to_string()
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => f.write_str(name),
            Self::Below(domain) => write!(f, "*.{domain}"),
        }
    }
}

/// "https://directory.example /etc/portcullis/directory.jwks.json": an issuer, and the file with its JWK Set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StatementIssuer {
    /// `iss` of its statements.
    pub issuer: String,
    /// Its public keys.
    pub keys: PathBuf,
}

/// Text that is no such pair.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected an issuer, a space and a file, such as \"https://directory.example /etc/portcullis/directory.jwks.json\", found \"{0}\""
)]
pub struct InvalidStatementIssuer(String);

impl TryFrom<String> for StatementIssuer {
    type Error = InvalidStatementIssuer;

    fn try_from(text: String) -> Result<Self, InvalidStatementIssuer> {
        match text.trim().split_once(' ') {
            Some((issuer, file)) if !file.trim().is_empty() => Ok(Self {
                issuer: issuer.to_owned(),
                keys: file.trim().into(),
            }),
            _ => Err(InvalidStatementIssuer(text)),
        }
    }
}

impl From<StatementIssuer> for String {
    fn from(pair: StatementIssuer) -> Self {
        format!("{} {}", pair.issuer, pair.keys.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_one_host_or_all_below_a_domain() {
        let matches = |pattern: &str, host: &str| pattern.parse::<HostPattern>().unwrap().matches(host);
        for (pattern, host, expected) in [
            ("app.example.com", "app.example.com", true),
            ("App.Example.com", "app.example.COM", true),
            ("app.example.com", "evil-app.example.com", false),
            ("*.example.com", "app.example.com", true),
            ("*.example.com", "a.b.example.com", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", ".example.com", false),
            ("*.example.com", "evilexample.com", false),
            ("*.example.com", "app.example.com.evil.test", false),
            ("localhost", "localhost", true),
            ("[::1]", "[::1]", true),
            ("com.example.app:", "com.example.app:", true),
            ("com.example.app:", "com.example.app", false),
        ] {
            assert_eq!(matches(pattern, host), expected, "{pattern} {host}");
        }
        for bad in [
            "",
            "*",
            "*.",
            "https://app.example.com",
            "app.example.com/x",
            "a*b",
            "*.*.example.com",
        ] {
            assert!(bad.parse::<HostPattern>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_statement_issuer_names_its_keys() {
        let pair = StatementIssuer::try_from("https://directory.example /etc/keys and more.json".to_owned()).unwrap();
        assert_eq!(pair.issuer, "https://directory.example");
        assert_eq!(pair.keys, PathBuf::from("/etc/keys and more.json"));
        assert_eq!(String::from(pair), "https://directory.example /etc/keys and more.json");
        for bad in ["", "https://directory.example", "https://directory.example  "] {
            assert!(StatementIssuer::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
