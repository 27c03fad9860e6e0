//! `portcullis serve`: the server.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;

use super::cx::{is_first_start, open_master_key, open_unmigrated};
use super::listen;
use crate::app::App;
use crate::config::Config;
use crate::crypto::keys::KeyRing;
use crate::jobs;
use crate::router::router;
use crate::store::{MigrationState, StoreError};
use crate::telemetry;
use crate::time::Clock;

/// Between two attempts to reach a database that is away.
const RETRY: Duration = Duration::from_secs(1);

/// Options of `serve`.
#[derive(clap::Args)]
pub struct Arguments {
    /// The address to listen on, such as 0.0.0.0:8080
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
}

impl Arguments {
    /// What the options say in terms of configuration keys.
    pub fn overrides(&self) -> Vec<(String, String)> {
        self.listen
            .iter()
            .map(|address| ("server.listen".to_owned(), address.to_string()))
            .collect()
    }
}

/// Runs until it is told to stop.
pub async fn run(config: Config) -> anyhow::Result<()> {
    telemetry::init::init(&config.log)?;
    telemetry::init::silence_panic_messages();
    let store = open_unmigrated(&config, is_first_start(&config)).await?;
    // While a shared database is away there may be keys in it; then no master key is made up.
    let keys_exist = store
        .signing_keys()
        .await
        .map_or(!store.is_embedded(), |keys| !keys.is_empty());
    let master_key = open_master_key(&config, keys_exist)?;
    let app = App::new(config, store, Clock::System, master_key)?;
    let listener = listen::bind(app.config().server.listen)?;
    let stop = listen::stop_on_signal()?;
    prepare(&app, &stop).await?;
    let sweeping = tokio::spawn(jobs::sweep::run(app.clone(), stop.clone()));
    let rotating = tokio::spawn(jobs::keys::run(app.clone(), stop.clone()));
    tracing::info!(issuer = app.issuer(), address = %listener.local_addr()?, "ready");
    let grace = app.config().server.shutdown_grace.as_duration();
    listen::serve(listener, router(&app), stop, grace).await?;
    sweeping.await?;
    rotating.await?;
    app.store().close().await;
    Ok(())
}

/// Schema and keys. A database that is away does not stop the start: requests get 503 meanwhile, and it is tried again.
async fn prepare(app: &App, stop: &CancellationToken) -> anyhow::Result<()> {
    match try_to_prepare(app).await {
        Err(error) if is_away(&error) => {
            tracing::warn!(%error, "the database cannot be reached yet");
            let (app, stop) = (app.clone(), stop.clone());
            tokio::spawn(async move {
                while stop.run_until_cancelled(tokio::time::sleep(RETRY)).await.is_some() {
                    match try_to_prepare(&app).await {
                        Ok(()) => return tracing::info!("the database is there"),
                        Err(error) if is_away(&error) => {}
                        Err(error) => tracing::error!(error = %format!("{error:#}"), "the server cannot become ready"),
                    }
                }
            });
            Ok(())
        }
        outcome => outcome,
    }
}

fn is_away(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<StoreError>()
            .is_some_and(StoreError::is_unavailable)
    })
}

async fn try_to_prepare(app: &App) -> anyhow::Result<()> {
    match app.store().migration_state().await? {
        MigrationState::Current => {}
        MigrationState::Pending(_) if app.store().is_embedded() => app.store().migrate().await?,
        MigrationState::Pending(count) => anyhow::bail!(
            "the database lacks {count} migration(s): run `portcullis migrate` with the same configuration, then start again"
        ),
    }
    jobs::keys::ensure(app).await?;
    let keys = app.store().signing_keys().await?;
    KeyRing::open(&keys, app.master_key()).context("the signing keys cannot be used")?;
    Ok(())
}

/// What [`run`] does before it listens, for the demo.
pub async fn prepare_now(app: &App) -> anyhow::Result<()> {
    try_to_prepare(app).await
}
