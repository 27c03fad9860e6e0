//! What people do, as the audit trail tells it.

use crate::app::App;
use crate::model::audit_event::{Actor, AuditEvent, AuditKind};
use crate::model::caller::Caller;
use crate::model::interaction::AuthorizationRequest;
use crate::model::user::{User, UserId};
use crate::protocol::error::Reason;
use crate::time::Timestamp;

/// A person signed in; `again`: proved to be there still.
pub fn signed_in(app: &App, user: &User, again: bool, (caller, now): (&Caller, Timestamp)) {
    let event = AuditEvent::new(AuditKind::SignIn, Actor::User(user.id), now)
        .by(caller)
        .subject(user.id);
    app.audit()
        .record(if again { event.detail("again", true) } else { event });
}

/// A sign-in was refused. What was typed is told of accounts alone, and of these the key: people type passwords into the
/// field for the name.
pub fn refused(app: &App, user: Option<&User>, (caller, now): (&Caller, Timestamp)) {
    let reason = match user {
        None => Reason::UsernameUnknown,
        Some(user) if !user.is_enabled() => Reason::AccountDisabled,
        Some(_) => Reason::PasswordWrong,
    };
    let event = AuditEvent::new(AuditKind::SignInFailed, Actor::Nobody, now)
        .by(caller)
        .reason(reason);
    app.audit().record(match user {
        Some(user) => event.subject(user.id),
        None => event,
    });
}

/// A person signed out.
pub fn signed_out(app: &App, user: UserId, (caller, now): (&Caller, Timestamp)) {
    let event = AuditEvent::new(AuditKind::SignOut, Actor::User(user), now);
    app.audit().record(event.by(caller).subject(user));
}

/// A person answered a consent page.
pub fn consent(
    app: &App,
    kind: AuditKind,
    (user, request): (UserId, &AuthorizationRequest),
    (caller, now): (&Caller, Timestamp),
) {
    let event = AuditEvent::new(kind, Actor::User(user), now)
        .by(caller)
        .subject(user)
        .client(&request.client_id)
        .detail("scope", request.scope.to_string());
    let claims = request.claims.all().beyond(&request.scope);
    app.audit().record(match claims.is_empty() {
        true => event,
        false => event.detail("claims", claims.to_string()),
    });
}
