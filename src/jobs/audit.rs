//! Storing what requests leave for the audit trail: in batches, as it arrives.
//!
//! While the database takes no events they wait in memory, and the error log tells of it; what does not fit any more is
//! counted and shows in the trail as an event of its own. Requests never wait for the trail. A process that is killed loses
//! what it gathered in the last half second.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::crypto::random;
use crate::model::audit_event::{Actor, AuditEvent, AuditEventId, AuditKind, AuditRecord};
use crate::store::StoreError;

/// How long the first event of a batch waits for others: a burst is then one commit, and equal events are one row.
const GATHER: Duration = Duration::from_millis(500);
/// The most events of one commit.
const BATCH: usize = 500;
/// Between two attempts to store a batch: at first, and at most.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(15));
/// How long one attempt may take; the end of the server waits for the last one.
const PATIENCE: Duration = Duration::from_secs(5);

/// Stores events until it is told to stop, and then what still waits.
pub async fn run(app: App, stop: CancellationToken) {
    loop {
        let going_on = stop.run_until_cancelled(app.audit().arrived()).await.is_some();
        if going_on {
            stop.run_until_cancelled(tokio::time::sleep(GATHER)).await;
        }
        while let Some(batch) = next(&app) {
            if !persist(&app, &batch, &stop).await {
                return given_up(&app, batch.len());
            }
            // What has come meanwhile gathers as well, or a steady stream would be a commit for each event.
            if going_on && batch.len() < BATCH {
                break;
            }
        }
        if !going_on {
            return;
        }
    }
}

/// Stores everything that waits, once. For those who run no job.
pub async fn flush(app: &App) -> Result<(), StoreError> {
    while let Some(batch) = next(app) {
        app.store().insert_audit_records(&batch).await?;
    }
    Ok(())
}

/// The next batch, each event under the key that it keeps however often it is tried.
fn next(app: &App) -> Option<Vec<AuditRecord>> {
    let batch = app.audit().take(BATCH);
    let lost = (batch.lost > 0).then(|| {
        tracing::error!(
            events = batch.lost,
            "audit events are lost: too many waited to be stored"
        );
        AuditEvent::new(AuditKind::AuditLost, Actor::System, app.clock().now()).detail("lost", batch.lost)
    });
    let record = |event: AuditEvent| AuditRecord {
        id: AuditEventId(random::uuid_v7(event.at)),
        event,
    };
    let records: Vec<_> = batch.events.into_iter().chain(lost).map(record).collect();
    (!records.is_empty()).then_some(records)
}

/// Tries until the batch is stored. `false`: it could not be, and the server ends.
async fn persist(app: &App, batch: &[AuditRecord], stop: &CancellationToken) -> bool {
    let mut pause = PAUSES.0;
    let mut told = false;
    loop {
        let last = stop.is_cancelled();
        let storing = app.store().insert_audit_records(batch);
        let error = match tokio::time::timeout(PATIENCE, storing).await {
            Ok(Ok(())) if told => {
                tracing::info!("audit events are stored again");
                return true;
            }
            Ok(Ok(())) => return true,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the database did not answer".to_owned(),
        };
        if last {
            return false;
        }
        // Once for each outage.
        if !std::mem::replace(&mut told, true) {
            tracing::error!(error, "audit events cannot be stored; they wait in memory");
        }
        stop.run_until_cancelled(tokio::time::sleep(pause)).await;
        pause = (pause * 2).min(PAUSES.1);
    }
}

fn given_up(app: &App, in_hand: usize) {
    let waiting = app.audit().take(usize::MAX);
    let events = waiting.lost + u64::try_from(waiting.events.len() + in_hand).unwrap_or(u64::MAX);
    tracing::error!(
        events,
        "audit events are lost: the server ends and they cannot be stored"
    );
}
