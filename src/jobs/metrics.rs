//! Keeping what was counted small between two scrapes.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::App;

/// Between two rounds: thousands of requests a second then leave some hundred kilobytes of observations.
const INTERVAL: Duration = Duration::from_secs(5);

/// Sorts observations into their buckets until it is told to stop.
pub async fn run(app: App, stop: CancellationToken) {
    while stop.run_until_cancelled(tokio::time::sleep(INTERVAL)).await.is_some() {
        app.metrics().upkeep();
    }
}
