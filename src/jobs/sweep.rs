//! Sweeping: expired rows go, in batches, on every node.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::model::audit_event::{Actor, AuditEvent, AuditKind};
use crate::store::{StoreError, Swept, counted_in_job};
use crate::time::Timestamp;

/// Between two batches, so that writers who wait get their turn.
const BREATH: Duration = Duration::from_millis(20);

/// Sweeps until it is told to stop.
pub async fn run(app: App, stop: CancellationToken) {
    let interval = app.config().sweep.interval.as_duration();
    while stop.run_until_cancelled(tokio::time::sleep(interval)).await.is_some() {
        app.quotas().tidy();
        app.store().shed_connections();
        // Each batch is a commit of its own, so stopping in the middle loses nothing.
        match stop.run_until_cancelled(once(&app)).await {
            None => return,
            Some(Ok(0)) => {}
            Some(Ok(rows)) => tracing::debug!(rows, "expired rows swept"),
            Some(Err(error)) => tracing::warn!(%error, "sweeping failed; it is tried again"),
        }
    }
}

/// Sweeps everything that has expired by now. Returns how many rows went.
pub async fn once(app: &App) -> Result<u64, StoreError> {
    counted_in_job(app.metrics(), sweep(app)).await
}

async fn sweep(app: &App) -> Result<u64, StoreError> {
    let now = app.clock().now();
    let batch = i64::from(app.config().sweep.batch);
    let remembered = now.plus(-app.config().audit.retention.as_secs());
    let mut rows = app.store().delete_gone_keys(now).await?;
    loop {
        let swept = app.store().sweep(now, batch).await;
        let events = app.store().sweep_audit_events(remembered, batch).await;
        let (swept, events) = (swept?, events?);
        let unused = delete_unused_clients(app, now, batch).await?;
        rows += swept.rows + events.rows + unused.rows;
        if !swept.more && !events.more && !unused.more {
            return Ok(rows);
        }
        tokio::time::sleep(BREATH).await;
    }
}

/// Clients that registered themselves and then did nothing for long.
async fn delete_unused_clients(app: &App, now: Timestamp, batch: i64) -> Result<Swept, StoreError> {
    let lifetime = app.config().registration.unused_lifetime.as_secs();
    if lifetime == 0 {
        return Ok(Swept::default());
    }
    let gone = app.store().sweep_unused_clients(now.plus(-lifetime), batch).await?;
    for client in &gone {
        let event = AuditEvent::new(AuditKind::ClientDeleted, Actor::System, now).client(client);
        app.audit().record(event.detail("unused", true));
    }
    let rows = gone.len() as u64;
    Ok(Swept {
        rows,
        more: rows >= batch.unsigned_abs(),
    })
}
