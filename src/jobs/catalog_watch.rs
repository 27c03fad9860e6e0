//! Keeps what this node holds of clients, APIs and keys current, so that requests on PostgreSQL need not ask for it.

use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::store::{CatalogPace, CatalogWatch, StoreError};

/// Watches until it is told to stop. While it cannot, requests read what they need.
pub async fn run(app: App, pace: CatalogPace, stop: CancellationToken) {
    let mut told = false;
    loop {
        let watching = stop.run_until_cancelled(app.store().watch_catalog(pace)).await;
        let lost = match watching {
            None | Some(Ok(None)) => return,
            Some(Ok(Some(watch))) => hold(watch, pace, &stop, &mut told).await,
            Some(Err(error)) => Err(error),
        };
        match lost {
            Ok(()) => return,
            // Once for each outage.
            Err(error) if !std::mem::replace(&mut told, true) => {
                tracing::warn!(%error, "changes of clients, APIs and keys cannot be watched: each request reads them meanwhile");
            }
            Err(_) => {}
        }
        if stop.run_until_cancelled(tokio::time::sleep(pace.beat)).await.is_none() {
            return;
        }
    }
}

/// Until it is told to stop, or the connection is lost.
async fn hold(
    mut watch: CatalogWatch,
    pace: CatalogPace,
    stop: &CancellationToken,
    told: &mut bool,
) -> Result<(), StoreError> {
    loop {
        watch.look().await?;
        if std::mem::take(told) {
            tracing::info!("changes of clients, APIs and keys are watched again");
        }
        tokio::select! {
            () = stop.cancelled() => return watch.release().await,
            changed = watch.changed() => changed?,
            () = tokio::time::sleep(pace.beat) => {}
        }
    }
}
