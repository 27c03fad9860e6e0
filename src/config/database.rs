//! `[database]`

use serde::{Deserialize, Serialize, Serializer};
use url::Url;

use super::{Hosts, Secret, Span, error::Report, hosts, secret::REDACTED};

/// The database.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseConfig {
    /// `sqlite://…` or `postgres://…`, the latter with one host or several. May hold a password. Follows `server.data_dir` unless set.
    #[serde(serialize_with = "serialize_redacted")]
    pub url: Secret<String>,
    /// Connections in the pool.
    pub max_connections: u32,
    /// How long a request waits for a connection.
    pub acquire_timeout: Span,
    /// How long one statement may run.
    pub statement_timeout: Span,
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self {
            url: Secret::new("sqlite://portcullis-data/portcullis.db".to_owned()),
            max_connections: 10,
            acquire_timeout: Span::from_secs(3),
            statement_timeout: Span::from_secs(4),
        }
    }
}

impl DatabaseConfig {
    /// The URL without its password, for logs and people.
    pub fn redacted_url(&self) -> String {
        redact(self.url.expose())
    }

    pub(super) fn check(&self, report: &mut Report) {
        let scheme = self.url.expose().split_once(':').map(|(scheme, _)| scheme);
        report.require(
            "database.url",
            matches!(scheme, Some("sqlite" | "postgres" | "postgresql")),
            "must start with sqlite:// or postgres://, such as \"postgres://portcullis@localhost/portcullis\"",
        );
        if let (Some("postgres" | "postgresql"), Err(problem)) = (scheme, Hosts::parse(self.url.expose())) {
            report.require("database.url", false, problem);
        }
        let in_range = (1..=1000).contains(&self.max_connections);
        report.require("database.max_connections", in_range, "must lie between 1 and 1000");
        report.require(
            "database.acquire_timeout",
            self.acquire_timeout.as_secs() > 0,
            "must be at least 1s",
        );
        report.require(
            "database.statement_timeout",
            self.statement_timeout.as_secs() > 0,
            "must be at least 1s",
        );
    }
}

fn serialize_redacted<S: Serializer>(url: &Secret<String>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&redact(url.expose()))
}

/// Passwords may stand in the authority or in a query parameter. What cannot be parsed is hidden whole.
fn redact(text: &str) -> String {
    if text.starts_with("sqlite:") {
        return text.to_owned();
    }
    // The URL of one host, which others can parse.
    const ONE: &str = "one-for-all.invalid";
    if let Some((url, several)) = hosts::with_one_for_all(text, ONE) {
        return redact(&url).replacen(ONE, &several, 1);
    }
    let Ok(mut url) = Url::parse(text) else {
        return REDACTED.to_owned();
    };
    if url.password().is_some() && url.set_password(Some(REDACTED)).is_err() {
        return REDACTED.to_owned();
    }
    let hidden = |name: &str| name.to_ascii_lowercase().contains("password");
    if url.query_pairs().any(|(name, _)| hidden(&name)) {
        let pairs: Vec<_> = url.query_pairs().into_owned().collect();
        let shown = pairs
            .iter()
            .map(|(name, value)| (name, if hidden(name) { REDACTED } else { value }));
        url.query_pairs_mut().clear().extend_pairs(shown);
    }
    url.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_hidden_wherever_they_stand() {
        let cases = [
            ("postgres://u:hunter2@db/p", "postgres://u:***@db/p"),
            ("postgres://u@db/p", "postgres://u@db/p"),
            (
                "postgres://db/p?user=u&password=hunter2",
                "postgres://db/p?user=u&password=***",
            ),
            ("postgres://u:hunter2@db:bad port/p", "***"),
            (
                "postgres://u:hunter2@a:1,[::1],c/p?password=hunter2&target_session_attrs=any",
                "postgres://u:***@a:1,[::1],c/p?password=***&target_session_attrs=any",
            ),
            ("postgres://a,b/p", "postgres://a,b/p"),
            ("postgres://u:7,hunter2/@a,b/p", "***"),
            ("postgres://u:hunter2@a,b:port/p", "***"),
            ("sqlite://data/x.db", "sqlite://data/x.db"),
            ("hunter2", "***"),
        ];
        for (url, shown) in cases {
            assert_eq!(redact(url), shown);
        }
    }
}
