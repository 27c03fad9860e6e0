//! The grant: the lasting record that this user authorized this client for this scope in this sign-in. Codes, refresh
//! tokens and access tokens name their grant; when it ends, all of them are dead.

use serde::{Deserialize, Serialize};

use super::browser_session::BrowserSessionId;
use super::row_id;
use super::user::UserId;
use crate::protocol::claims_request::RequestedClaims;
use crate::protocol::ids::ClientId;
use crate::protocol::scope::Scope;
use crate::time::Timestamp;

row_id! {
    /// Key of a [`Grant`].
    GrantId
}

/// A grant.
#[derive(Clone, Debug)]
pub struct Grant {
    /// Its key.
    pub id: GrantId,
    /// Who authorized.
    pub user_id: UserId,
    /// Whom.
    pub client_id: ClientId,
    /// In which sign-in.
    pub session_id: BrowserSessionId,
    /// For what.
    pub scope: Scope,
    /// The resources asked for (RFC 8707); empty when the scope alone decides.
    pub resources: Vec<String>,
    /// Single claims that the client asked for, beside those of the scope.
    pub claims: RequestedClaims,
    /// The sign-in as it was.
    pub authentication: Authentication,
    /// When it was given.
    pub created_at: Timestamp,
    /// Absolute end of its refresh tokens; rotation never moves it.
    pub expires_at: Timestamp,
    /// When and why it ended.
    pub ended: Option<Ended>,
}

/// What tokens say about the sign-in behind a grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authentication {
    /// `auth_time`.
    pub auth_time: Timestamp,
    /// `acr`.
    pub acr: String,
    /// `amr` (RFC 8176).
    pub amr: Vec<String>,
}

/// The end of a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub why: EndReason,
}

/// Why a grant ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// A code or device code was redeemed twice.
    CodeReplay,
    /// A spent refresh token came back.
    RefreshReplay,
    /// The client or the user revoked it.
    Revoked,
    /// The person signed out and had not granted offline access.
    SignedOut,
    /// The account was disabled or its password changed.
    Account,
    /// The database came back from a backup.
    Restored,
    /// The person took back what they had allowed.
    Withdrawn,
}

impl EndReason {
    /// The text that is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CodeReplay => "code_replay",
            Self::RefreshReplay => "refresh_replay",
            Self::Revoked => "revoked",
            Self::SignedOut => "signed_out",
            Self::Account => "account",
            Self::Restored => "restored",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// The reason behind a stored text. What a newer version wrote still means that the grant has ended.
    pub fn from_stored(text: &str) -> Self {
        let all = [
            Self::CodeReplay,
            Self::RefreshReplay,
            Self::SignedOut,
            Self::Account,
            Self::Restored,
            Self::Withdrawn,
        ];
        all.into_iter()
            .find(|reason| reason.as_str() == text)
            .unwrap_or(Self::Revoked)
    }
}
