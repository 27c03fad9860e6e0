//! Who is calling: client authentication (RFC 6749 §2.3, §3.2.1).

pub mod assertion;
mod presented;
mod secret;

use std::sync::Arc;

pub use presented::Presented;

use crate::app::App;
use crate::limits::{self, Permit};
use crate::model::audit_event::{Actor, AuditEvent, AuditKind};
use crate::model::caller::Caller;
use crate::model::client::Client;
use crate::protocol::client_auth_method::ClientAuthMethod;
use crate::protocol::error::{ErrorCode, OAuthError, Reason};
use crate::protocol::ids::ClientId;
use crate::store::Catalog;
use crate::time::Timestamp;

/// A client that proved who it is, as far as it can.
#[derive(Clone, Debug)]
pub struct Authenticated {
    /// The client.
    pub client: Arc<Client>,
    /// The APIs and keys that were current with it.
    pub catalog: Arc<Catalog>,
}

/// Authenticates the client that `presented` names, for `caller`. An unknown client and a wrong generated secret
/// cost and look the same.
pub async fn authenticate(
    app: &App,
    presented: &Presented,
    caller: &Caller,
    now: Timestamp,
) -> Result<Authenticated, OAuthError> {
    let outcome = check(app, presented, caller, now).await;
    if let Err(error) = &outcome
        && error.code == ErrorCode::InvalidClient
    {
        let event = AuditEvent::new(AuditKind::ClientAuthFailed, Actor::Nobody, now)
            .by(caller)
            .client(presented.client_id())
            .reason(error.reason);
        app.audit().record(event);
    }
    outcome
}

async fn check(app: &App, presented: &Presented, caller: &Caller, now: Timestamp) -> Result<Authenticated, OAuthError> {
    let found = app.store().find_client(presented.client_id()).await?;
    let Some(client) = found.client else {
        secret::waste_a_comparison(presented.secret());
        return Err(failed(app, presented.client_id(), Reason::ClientUnknown, caller, now).await);
    };
    if let Err(reason) = check_method(&client, presented) {
        return Err(failed(app, &client.client_id, reason, caller, now).await);
    }
    if let Some(presented) = presented.secret() {
        secret::check(app, &client, presented, caller, now).await?;
    }
    if let Some(presented) = presented.assertion() {
        Box::pin(assertion::check(app, &client, presented, caller, now)).await?;
    }
    check_enabled(&client)?;
    limits::requests::permit_client(app, &client.client_id, caller, now)?;
    note_use(app, &client, now).await;
    Ok(Authenticated {
        client,
        catalog: found.catalog,
    })
}

/// A client that registered itself lives as long as it is used. That it cannot be noted today is no reason to refuse it.
async fn note_use(app: &App, client: &Client, now: Timestamp) {
    if client.metadata.about.self_registered
        && let Err(error) = app.store().note_client_use(&client.client_id, now).await
    {
        tracing::warn!(%error, "the use of a client cannot be noted");
    }
}

/// Counts a failure, and gives what to answer: `reason`, or that there were too many.
async fn failed(app: &App, client: &ClientId, reason: Reason, caller: &Caller, now: Timestamp) -> OAuthError {
    match Box::pin(limits::client_auth::permit(app, client, caller, now)).await {
        Ok(Permit::Throttled { retry_after }) => OAuthError::until(Reason::ClientAuthThrottled, retry_after),
        // A failure that cannot be counted is still one.
        Ok(Permit::Granted(_)) | Err(_) => reason.into(),
    }
}

/// Only a method that the client is registered for; a secret that nobody asked for is not overlooked.
fn check_method(client: &Client, presented: &Presented) -> Result<(), Reason> {
    let registered = |method| client.metadata.auth_methods.contains(&method);
    match presented.method() {
        ClientAuthMethod::None if client.is_public() => Ok(()),
        ClientAuthMethod::None => Err(Reason::ClientSecretMissing),
        _ if client.is_public() => Err(Reason::ClientSecretUnexpected),
        method if registered(method) => Ok(()),
        _ => Err(Reason::ClientAuthMethodWrong),
    }
}

/// Last, so that only those who know the secret learn that the client is disabled.
fn check_enabled(client: &Client) -> Result<(), Reason> {
    if client.is_enabled() {
        Ok(())
    } else {
        Err(Reason::ClientDisabled)
    }
}
