//! Security events, as the audit trail keeps them. Never a secret, a token or a password; people and clients by their ids.

use std::net::IpAddr;

use serde_json::{Map, Value};

use super::caller::Caller;
use super::grant::GrantId;
use super::row_id;
use super::user::UserId;
use crate::protocol::error::Reason;
use crate::protocol::ids::ClientId;
use crate::protocol::wire_enum;
use crate::time::Timestamp;

row_id! {
    /// Key of an [`AuditEvent`].
    AuditEventId
}

wire_enum! {
    /// What happened. The text is what `portcullis audit --kind` takes.
    AuditKind {
        /// A person signed in, or proved again to be there.
        SignIn = "sign_in",
        /// A sign-in was refused.
        SignInFailed = "sign_in_failed",
        /// A limit was reached: too many attempts at something.
        Throttled = "throttled",
        /// A person signed out.
        SignOut = "sign_out",
        /// A sign-in was ended from elsewhere: by its owner, an operator, or a new password.
        SessionEnded = "session_ended",
        /// A person allowed a client something.
        ConsentGiven = "consent_given",
        /// A person refused a client.
        ConsentDenied = "consent_denied",
        /// A person took back what they had allowed.
        ConsentWithdrawn = "consent_withdrawn",
        /// A person let a device in.
        DeviceApproved = "device_approved",
        /// A person refused a device.
        DeviceDenied = "device_denied",
        /// Tokens were issued: once for each grant, and for each token of a client's own.
        TokensIssued = "tokens_issued",
        /// A code or device code was used twice; its grant ended.
        CodeReplayed = "code_replayed",
        /// A spent refresh token came back; its grant ended.
        RefreshReused = "refresh_reused",
        /// A token was revoked.
        TokenRevoked = "token_revoked",
        /// A client failed to prove itself.
        ClientAuthFailed = "client_auth_failed",
        /// A password was changed or reset.
        PasswordChanged = "password_changed",
        /// A person's profile was changed.
        ProfileChanged = "profile_changed",
        /// A user was created.
        UserCreated = "user_created",
        /// A user was changed, disabled or enabled by an operator.
        UserChanged = "user_changed",
        /// A user was deleted.
        UserDeleted = "user_deleted",
        /// A client was created.
        ClientCreated = "client_created",
        /// A client was changed, disabled or enabled, or given another secret.
        ClientChanged = "client_changed",
        /// A client was deleted.
        ClientDeleted = "client_deleted",
        /// An API was created, changed or deleted.
        ApiChanged = "api_changed",
        /// A signing key was made or rotated in.
        KeyRotated = "key_rotated",
        /// A signing key was revoked: nothing it signed counts any more.
        KeyRevoked = "key_revoked",
        /// The private keys were sealed again under another master key.
        MasterKeyChanged = "master_key_changed",
        /// Events were lost, because they could not be stored in time; the detail says how many.
        AuditLost = "audit_lost",
    }
}

/// Who did it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// Nobody who proved to be anyone.
    Nobody,
    /// A person.
    User(UserId),
    /// A client.
    Client(ClientId),
    /// An operator at the command line, by the name of their account on the machine.
    Operator(String),
    /// The server itself.
    System,
}

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditEvent {
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: AuditKind,
    /// Who did it.
    pub actor: Actor,
    /// The person whom it concerns.
    pub subject: Option<UserId>,
    /// The client that it concerns.
    pub client_id: Option<ClientId>,
    /// The grant that it concerns.
    pub grant_id: Option<GrantId>,
    /// From where.
    pub address: Option<IpAddr>,
    /// Why, for refusals.
    pub reason: Option<Reason>,
    /// The request, as in the log.
    pub request_id: Option<String>,
    /// What else there is to say.
    pub detail: Map<String, Value>,
}

impl AuditEvent {
    /// An event of which nothing else is known yet.
    pub fn new(kind: AuditKind, actor: Actor, at: Timestamp) -> Self {
        Self {
            at,
            kind,
            actor,
            subject: None,
            client_id: None,
            grant_id: None,
            address: None,
            reason: None,
            request_id: None,
            detail: Map::new(),
        }
    }

    /// In a request of `caller`.
    #[must_use]
    pub fn by(mut self, caller: &Caller) -> Self {
        self.address = caller.address;
        self.request_id = Some(caller.request_id.clone());
        self
    }

    /// About a person.
    #[must_use]
    pub fn subject(mut self, user: UserId) -> Self {
        self.subject = Some(user);
        self
    }

    /// About a client.
    #[must_use]
    pub fn client(mut self, client: &ClientId) -> Self {
        self.client_id = Some(client.clone());
        self
    }

    /// About a grant.
    #[must_use]
    pub fn grant(mut self, grant: GrantId) -> Self {
        self.grant_id = Some(grant);
        self
    }

    /// For this reason.
    #[must_use]
    pub fn reason(mut self, reason: Reason) -> Self {
        self.reason = Some(reason);
        self
    }

    /// With something else to say. Never a secret.
    #[must_use]
    pub fn detail(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.detail.insert(name.to_owned(), value.into());
        self
    }
}
