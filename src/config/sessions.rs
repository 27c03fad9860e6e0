//! `[sessions]`

use serde::{Deserialize, Serialize};

use super::{Span, error::Report};

/// Browser sessions.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SessionsConfig {
    /// A session that is not used for so long ends.
    pub idle_timeout: Span,
    /// The longest life of a session.
    pub absolute_timeout: Span,
    /// How long after signing in a person may do what needs a recent sign-in.
    pub recent: Span,
    /// How long a person may take between an authorization request and its answer.
    pub interaction_lifetime: Span,
    /// Whether apps may watch over a sign-in in a frame (OpenID Connect Session Management).
    pub management: bool,
}

impl Default for SessionsConfig {
    fn default() -> Self {
        Self {
            idle_timeout: Span::from_days(14),
            absolute_timeout: Span::from_days(60),
            recent: Span::from_mins(10),
            interaction_lifetime: Span::from_mins(15),
            management: true,
        }
    }
}

impl SessionsConfig {
    pub(super) fn check(&self, report: &mut Report) {
        report.require(
            "sessions.idle_timeout",
            self.idle_timeout.as_secs() >= 60,
            "must be at least 1m",
        );
        let absolute = self.absolute_timeout >= self.idle_timeout;
        report.require(
            "sessions.absolute_timeout",
            absolute,
            "must not be shorter than sessions.idle_timeout",
        );
        let recent = (60..=86_400).contains(&self.recent.as_secs());
        report.require("sessions.recent", recent, "must lie between 1m and 1d");
        let interaction = (60..=86_400).contains(&self.interaction_lifetime.as_secs());
        report.require(
            "sessions.interaction_lifetime",
            interaction,
            "must lie between 1m and 1d",
        );
    }
}
