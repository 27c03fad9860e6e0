//! Security events, as the audit trail keeps them. Never a secret, a token or a password; people and clients by their ids.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
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
        /// A client was told at its `backchannel_logout_uri` that a sign-in has ended.
        LogoutDelivered = "logout_delivered",
        /// A client could not be told that a sign-in has ended; it is not tried any more.
        LogoutUndelivered = "logout_undelivered",
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
        /// A client registered itself.
        ClientRegistered = "client_registered",
        /// Somebody without the right token wanted to register a client, or to see or change one.
        RegistrationRefused = "registration_refused",
        /// An initial access token was made or revoked, or a client was given a registration access token.
        RegistrationTokenChanged = "registration_token_changed",
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

impl AuditKind {
    /// Whether equal events that happen within a moment are one event with a count: what anybody, or any machine, can make
    /// happen as often as they like.
    pub const fn is_counted(self) -> bool {
        matches!(
            self,
            Self::SignInFailed
                | Self::ClientAuthFailed
                | Self::Throttled
                | Self::TokensIssued
                | Self::TokenRevoked
                | Self::CodeReplayed
                | Self::RegistrationRefused
        )
    }

    /// Whether strangers can make it happen, so that its rows are rationed.
    pub const fn is_open_to_strangers(self) -> bool {
        matches!(
            self,
            Self::SignInFailed | Self::ClientAuthFailed | Self::Throttled | Self::RegistrationRefused
        )
    }
}

/// Who did it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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

impl Actor {
    /// What kind of actor, as it is stored.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::User(_) => "user",
            Self::Client(_) => "client",
            Self::Operator(_) => "operator",
            Self::System => "system",
        }
    }

    /// Which one: a `sub`, a `client_id`, the name of an account.
    pub fn id(&self) -> Option<String> {
        match self {
            Self::Nobody | Self::System => None,
            Self::User(user) => Some(user.to_string()),
            Self::Client(client) => Some(client.to_string()),
            Self::Operator(name) => Some(name.clone()),
        }
    }
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
    /// How often it happened: more than once for those that [`AuditKind::is_counted`], which then tell of the first time.
    pub count: u64,
    /// What else there is to say.
    pub detail: Map<String, Value>,
}

/// An event under the key that it is stored by. The key is drawn once, so that an event whose storing had no answer can be
/// stored again and is there once.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditRecord {
    /// Its key.
    pub id: AuditEventId,
    /// The event.
    pub event: AuditEvent,
}

/// An event as it was stored. Its words are text, since another version may have written words that this one does not know.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditEntry {
    /// Its place in the trail: rises in the order in which events became visible, on all nodes together.
    pub seq: i64,
    /// Its key.
    pub id: AuditEventId,
    /// When.
    pub at: Timestamp,
    /// What: an [`AuditKind`].
    pub kind: String,
    /// Who did it: [`Actor::kind`].
    pub actor_kind: String,
    /// Who did it: [`Actor::id`].
    pub actor_id: Option<String>,
    /// The person whom it concerns.
    pub subject: Option<UserId>,
    /// The client that it concerns.
    pub client_id: Option<String>,
    /// The grant that it concerns.
    pub grant_id: Option<GrantId>,
    /// From where.
    pub address: Option<String>,
    /// Why, in the words of [`Reason::as_str`].
    pub reason: Option<String>,
    /// The request, as in the log.
    pub request_id: Option<String>,
    /// How often.
    pub count: i64,
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
            count: 1,
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

    /// Whether `other` is the same but for its moment and its request.
    pub fn is_like(&self, other: &Self) -> bool {
        self.likeness() == other.likeness() && self.detail == other.detail
    }

    /// Equal for events that are alike.
    pub fn likeness_hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.likeness().hash(&mut hasher);
        self.detail.hash(&mut hasher);
        hasher.finish()
    }

    #[expect(clippy::type_complexity, reason = "the fields, to compare them")]
    fn likeness(
        &self,
    ) -> (
        AuditKind,
        &Actor,
        Option<UserId>,
        Option<&ClientId>,
        Option<GrantId>,
        Option<IpAddr>,
        Option<Reason>,
    ) {
        (
            self.kind,
            &self.actor,
            self.subject,
            self.client_id.as_ref(),
            self.grant_id,
            self.address,
            self.reason,
        )
    }
}
