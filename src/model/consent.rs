//! A remembered consent: what a person once allowed a client (RFC 6819 §5.1.5.1).

use super::user::UserId;
use crate::protocol::ids::ClientId;
use crate::protocol::scope::Scope;
use crate::time::Timestamp;

/// What is remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consent {
    /// Who allowed it.
    pub user_id: UserId,
    /// To whom.
    pub client_id: ClientId,
    /// Everything allowed so far.
    pub scope: Scope,
    /// When it was last given.
    pub granted_at: Timestamp,
}
