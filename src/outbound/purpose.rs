//! What is fetched for clients.

use std::fmt;

/// What a fetch is for. Metrics and traces tell fetches apart by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// `jwks_uri`: a client's keys (RFC 7591 §2).
    Jwks,
    /// `request_uri`: a request object (OpenID Connect Core §6.2).
    RequestObject,
    /// `sector_identifier_uri`: the redirect URIs that share a sector (OpenID Connect Core §8.1).
    SectorIdentifier,
    /// `logo_uri`: a client's picture (RFC 7591 §2).
    Logo,
    /// `backchannel_logout_uri`: a client is told that somebody signed out (OpenID Connect Back-Channel Logout §2.5).
    BackchannelLogout,
}

impl Purpose {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Jwks,
        Self::RequestObject,
        Self::SectorIdentifier,
        Self::Logo,
        Self::BackchannelLogout,
    ];

    /// Its name in metrics and traces.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jwks => "jwks",
            Self::RequestObject => "request_object",
            Self::SectorIdentifier => "sector_identifier",
            Self::Logo => "logo",
            Self::BackchannelLogout => "backchannel_logout",
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
