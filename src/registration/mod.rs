//! Clients that register themselves, and look after what was registered (RFC 7591, RFC 7592, OpenID Connect Dynamic Client
//! Registration). What may be registered is decided in [`metadata`] and [`rules`], for the command line as well.

mod about;
pub mod answer;
pub mod manage;
mod members;
pub mod metadata;
mod names;
mod policy;
mod refusal;
pub mod register;
pub mod rules;
mod sector;
mod statement;

pub use policy::Policy;
pub use refusal::{Refusal, RegistrationError};

use crate::app::App;
use crate::model::audit_event::{Actor, AuditEvent, AuditKind};
use crate::model::caller::Caller;
use crate::protocol::error::Reason;
use crate::protocol::ids::ClientId;
use crate::time::Timestamp;

/// What a decision about a registration works with.
#[derive(Clone, Copy)]
pub struct RegistrationCx<'a> {
    /// The server's state.
    pub app: &'a App,
    /// Who asks.
    pub caller: &'a Caller,
    /// When.
    pub now: Timestamp,
}

impl RegistrationCx<'_> {
    /// Notes that a wrong token was presented, and gives what to answer.
    fn refused_token(&self, reason: Reason, client: Option<&ClientId>) -> RegistrationError {
        let event = AuditEvent::new(AuditKind::RegistrationRefused, Actor::Nobody, self.now)
            .by(self.caller)
            .reason(reason);
        self.app.audit().record(match client {
            Some(client) => event.client(client),
            None => event,
        });
        reason.into()
    }
}
