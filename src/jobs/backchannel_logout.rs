//! Telling clients that somebody signed out (OpenID Connect Back-Channel Logout §2.5), from a queue in the database.
//!
//! A person who signs out waits for none of it. Each notice is claimed before it is told, for longer than telling can take, so
//! that of many nodes one tells it; one that dies with it leaves it to be told again. A client is told one thing at a time, and
//! one that cannot be told waits while others get their turn.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::logout::backchannel::{Told, is_last, next_try, tell};
use crate::model::audit_event::{Actor, AuditEvent, AuditKind};
use crate::protocol::ids::ClientId;
use crate::store::{LogoutNotice, StoreError, counted_in_job};
use crate::time::Timestamp;

/// How often it is looked for what other processes ended, and for what is due again.
const INTERVAL: Duration = Duration::from_secs(5);
/// How long a client is left alone after it could not be told, in seconds.
const REST: i64 = 10;
/// How many clients are told at the same time.
const AT_ONCE: usize = 16;

/// Tells until it is told to stop; what is being told then is brought to its end.
pub async fn run(app: App, stop: CancellationToken) {
    let mut running = JoinSet::new();
    let mut busy = HashMap::new();
    let mut resting = HashMap::new();
    while !stop.is_cancelled() {
        if let Err(error) = start(&app, (&mut running, &mut busy, &mut resting), &stop).await {
            tracing::warn!(%error, "clients cannot be told of sign-outs just now; it is tried again");
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = app.store().sign_in_ended() => {}
            () = tokio::time::sleep(INTERVAL) => {}
            Some(done) = running.join_next_with_id() => {
                let (id, told) = done.unwrap_or_else(|error| (error.id(), false));
                if let Some(client) = busy.remove(&id).filter(|_| !told) {
                    resting.insert(client, app.clock().now().plus(REST));
                }
            }
        }
    }
    while running.join_next().await.is_some() {}
}

/// Tasks, each of which tells one client; `false`: it could not be told.
type Running = JoinSet<bool>;
/// Whom they tell.
type Busy = HashMap<Id, ClientId>;
/// Who is left alone, and until when.
type Resting = HashMap<ClientId, Timestamp>;

/// Begins to tell those that nobody here is telling yet.
async fn start(
    app: &App,
    (running, busy, resting): (&mut Running, &mut Busy, &mut Resting),
    stop: &CancellationToken,
) -> Result<(), StoreError> {
    let now = app.clock().now();
    resting.retain(|_, until| now < *until);
    let waiting = counted_in_job(app.metrics(), app.store().clients_to_tell(now)).await?;
    let taken: HashSet<ClientId> = busy.values().chain(resting.keys()).cloned().collect();
    for client in waiting {
        if running.len() < AT_ONCE && !taken.contains(&client) {
            let (app, stop, telling) = (app.clone(), stop.clone(), client.clone());
            let task = running.spawn(async move {
                tell_all(&app, &telling, &stop).await.unwrap_or_else(|error| {
                    tracing::warn!(%error, client_id = telling.as_str(), "a client cannot be told of sign-outs just now");
                    false
                })
            });
            busy.insert(task.id(), client);
        }
    }
    Ok(())
}

/// Tells everybody what there is to tell by now, once. For those who run no job.
pub async fn once(app: &App) -> Result<(), StoreError> {
    for client in app.store().clients_to_tell(app.clock().now()).await? {
        while !matches!(tell_next(app, &client).await?, Next::Nothing) {}
    }
    Ok(())
}

/// `false`: it could not be told, and what else there is for it waits.
async fn tell_all(app: &App, client: &ClientId, stop: &CancellationToken) -> Result<bool, StoreError> {
    while !stop.is_cancelled() {
        match counted_in_job(app.metrics(), tell_next(app, client)).await? {
            Next::Settled => {}
            Next::Nothing => break,
            Next::Failed => return Ok(false),
        }
    }
    Ok(true)
}

/// What came of the next notice.
enum Next {
    /// It is settled, here or by another node.
    Settled,
    /// None is due.
    Nothing,
    /// It is due again later.
    Failed,
}

async fn tell_next(app: &App, client: &ClientId) -> Result<Next, StoreError> {
    let now = app.clock().now();
    let give_up_after = app.config().logout.give_up_after.as_secs();
    // The keys to encrypt to may have to be fetched first.
    let longest_try = 2 * app.config().outbound.timeout.as_secs();
    let Some(notice) = app.store().next_logout_notice(client, now).await? else {
        return Ok(Next::Nothing);
    };
    let again = next_try(&notice, (longest_try, give_up_after), now);
    if !app.store().claim_logout_notice(&notice, again).await? {
        return Ok(Next::Settled);
    }
    let told = tell(app, &notice, now).await.unwrap_or_else(|error| {
        tracing::warn!(reason = error.reason.as_str(), "a logout token could not be made");
        Told::Unreachable
    });
    let kind = match told {
        Told::Yes => Some(AuditKind::LogoutDelivered),
        Told::NotWanted => None,
        _ if is_last(&notice, give_up_after, now) => Some(AuditKind::LogoutUndelivered),
        // It is due again already.
        _ => return Ok(Next::Failed),
    };
    if app.store().finish_logout_notice(&notice).await?
        && let Some(kind) = kind
    {
        app.audit().record(event(kind, &notice, told, now));
    }
    Ok(Next::Settled)
}

fn event(kind: AuditKind, notice: &LogoutNotice, told: Told, now: Timestamp) -> AuditEvent {
    let event = AuditEvent::new(kind, Actor::System, now)
        .subject(notice.user)
        .client(&notice.client_id)
        .detail("session", notice.session.to_string())
        .detail("tries", notice.tries + 1);
    match told {
        Told::Refused(status) => event.detail("status", status),
        _ => event,
    }
}
