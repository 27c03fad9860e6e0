//! `[tokens]`

use serde::{Deserialize, Serialize};

use super::{Span, error::Report};

/// Lifetimes of codes and tokens.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokensConfig {
    /// Access tokens.
    pub access_lifetime: Span,
    /// ID tokens.
    pub id_token_lifetime: Span,
    /// Authorization codes (RFC 6749 §4.1.2 allows ten minutes at most).
    pub code_lifetime: Span,
    /// A refresh token that is not used for so long ends.
    pub refresh_idle_lifetime: Span,
    /// The longest life of a grant, however often it is refreshed.
    pub refresh_absolute_lifetime: Span,
    /// How long the immediate predecessor of a refresh token is still answered, for a lost response.
    pub refresh_retry_window: Span,
    /// How far away the end of a client's assertion may be. So long it is remembered, to be used once.
    pub client_assertion_lifetime: Span,
}

impl Default for TokensConfig {
    fn default() -> Self {
        Self {
            access_lifetime: Span::from_mins(15),
            id_token_lifetime: Span::from_mins(15),
            code_lifetime: Span::from_secs(60),
            refresh_idle_lifetime: Span::from_days(30),
            refresh_absolute_lifetime: Span::from_days(180),
            refresh_retry_window: Span::from_secs(10),
            client_assertion_lifetime: Span::from_hours(1),
        }
    }
}

impl TokensConfig {
    pub(super) fn check(&self, report: &mut Report) {
        let day = Span::from_days(1);
        let short = |span: Span| span.as_secs() > 0 && span <= day;
        report.require(
            "tokens.access_lifetime",
            short(self.access_lifetime),
            "must lie between 1s and 1d",
        );
        report.require(
            "tokens.id_token_lifetime",
            short(self.id_token_lifetime),
            "must lie between 1s and 1d",
        );
        let code = (1..=600).contains(&self.code_lifetime.as_secs());
        report.require(
            "tokens.code_lifetime",
            code,
            "must lie between 1s and 10m (RFC 6749 section 4.1.2)",
        );
        let idle = self.refresh_idle_lifetime.as_secs() > 0;
        report.require("tokens.refresh_idle_lifetime", idle, "must be at least 1s");
        let absolute = self.refresh_absolute_lifetime >= self.refresh_idle_lifetime;
        let message = "must not be shorter than tokens.refresh_idle_lifetime";
        report.require("tokens.refresh_absolute_lifetime", absolute, message);
        let retry = self.refresh_retry_window.as_secs() <= 60;
        report.require("tokens.refresh_retry_window", retry, "must lie between 0s and 60s");
        report.require(
            "tokens.client_assertion_lifetime",
            short(self.client_assertion_lifetime),
            "must lie between 1s and 1d",
        );
    }
}
