//! Requests as such, right or wrong: of one client, from one address. Counted by each node for itself ([`crate::quota`]), since
//! it must cost nothing; off unless an operator sets a rate. An answer is 429 with `Retry-After` (RFC 6585 §4).

use super::{network, throttled};
use crate::app::App;
use crate::model::audit_event::AuditEvent;
use crate::model::caller::Caller;
use crate::model::throttle::ThrottleKind;
use crate::protocol::error::{OAuthError, Reason};
use crate::protocol::ids::ClientId;
use crate::quota::{Quota, Refused};
use crate::time::Timestamp;

/// One more request of a client that has proven itself: nobody else can use up its share.
pub fn permit_client(app: &App, client: &ClientId, caller: &Caller, now: Timestamp) -> Result<(), OAuthError> {
    let taken = app.quotas().client.take(client);
    taken.map_err(|refused| {
        let event = || throttled(Reason::ClientThrottled, caller, now).client(client);
        refusal(
            app,
            refused,
            ThrottleKind::RequestsClient,
            Reason::ClientThrottled,
            event,
        )
    })
}

/// One more request from an address.
pub fn permit_address(app: &App, caller: &Caller, now: Timestamp) -> Result<(), OAuthError> {
    of_address(app, &app.quotas().address, ThrottleKind::RequestsAddress, caller, now)
}

/// One more device authorization request (RFC 8628 §3.1) from an address. On by default: anybody may ask, and each answer is
/// a row and a code in the pool.
pub fn permit_device_code(app: &App, caller: &Caller, now: Timestamp) -> Result<(), OAuthError> {
    of_address(
        app,
        &app.quotas().device_codes,
        ThrottleKind::DeviceCodesAddress,
        caller,
        now,
    )
}

/// One more registration of a client (RFC 7591 §5) from an address, right or wrong.
pub fn permit_registration(app: &App, caller: &Caller, now: Timestamp) -> Result<(), OAuthError> {
    of_address(
        app,
        &app.quotas().registrations,
        ThrottleKind::RegistrationsAddress,
        caller,
        now,
    )
}

fn of_address(app: &App, quota: &Quota, kind: ThrottleKind, caller: &Caller, now: Timestamp) -> Result<(), OAuthError> {
    let Some(address) = caller.address else { return Ok(()) };
    let taken = quota.take(&network(address));
    taken.map_err(|refused| {
        let event = || throttled(Reason::AddressThrottled, caller, now);
        refusal(app, refused, kind, Reason::AddressThrottled, event)
    })
}

fn refusal(
    app: &App,
    refused: Refused,
    kind: ThrottleKind,
    reason: Reason,
    event: impl FnOnce() -> AuditEvent,
) -> OAuthError {
    if refused.first {
        app.audit().record(event().detail("limit", kind.as_str()));
    }
    OAuthError::until(reason, refused.retry_after)
}
