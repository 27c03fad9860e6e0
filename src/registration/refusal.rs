//! Why a registration is refused, told so that a developer can mend it: the member and what would be right, in fixed words.

use std::fmt;

use crate::protocol::error::{OAuthError, Reason};
use crate::protocol::redirect_uri::RedirectUriError;
use crate::store::StoreError;

/// A member that cannot be registered. Its text never repeats what was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// For the log; its code goes to the client (RFC 7591 §3.2.2).
    pub reason: Reason,
    /// The member.
    pub member: &'static str,
    /// What would be right.
    pub why: String,
}

impl Refusal {
    /// Of a member of the metadata (`invalid_client_metadata`).
    pub fn metadata(member: &'static str, why: impl Into<String>) -> Self {
        Self::because(Reason::RegistrationMetadata, member, why)
    }

    /// Of `redirect_uris` (`invalid_redirect_uri`).
    pub fn redirect_uri(why: impl Into<String>) -> Self {
        Self::because(Reason::RegistrationRedirectUri, "redirect_uris", why)
    }

    /// For another reason.
    pub fn because(reason: Reason, member: &'static str, why: impl Into<String>) -> Self {
        Self {
            reason,
            member,
            why: why.into(),
        }
    }
}

impl From<RedirectUriError> for Refusal {
    fn from(error: RedirectUriError) -> Self {
        Self::redirect_uri(error.to_string())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.member, self.why)
    }
}

impl std::error::Error for Refusal {}

/// What a registration can end in, other than well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistrationError {
    /// No token was presented where one is needed (RFC 6750 §3.1).
    TokenMissing,
    /// What was sent cannot be registered.
    Refused(Refusal),
    /// Everything else.
    Failed(OAuthError),
}

impl RegistrationError {
    /// The reason, for the audit trail.
    pub fn reason(&self) -> Option<Reason> {
        match self {
            Self::TokenMissing => None,
            Self::Refused(refusal) => Some(refusal.reason),
            Self::Failed(error) => Some(error.reason),
        }
    }
}

impl From<Refusal> for RegistrationError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Reason> for RegistrationError {
    fn from(reason: Reason) -> Self {
        Self::Failed(reason.into())
    }
}

impl From<OAuthError> for RegistrationError {
    fn from(error: OAuthError) -> Self {
        Self::Failed(error)
    }
}

impl From<StoreError> for RegistrationError {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}
