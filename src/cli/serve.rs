//! `portcullis serve`: the server.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use anyhow::Context as _;
use axum_server::tls_rustls::RustlsConfig;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::cx::{is_first_start, open_master_key, open_unmigrated};
use super::{listen, notify, tls};
use crate::app::App;
use crate::config::Config;
use crate::crypto::keys::KeyRing;
use crate::jobs;
use crate::router::{front, metrics_router};
use crate::store::{CatalogPace, MigrationState, StoreError};
use crate::telemetry;
use crate::telemetry::traces::Traces;
use crate::time::Clock;

/// Between two attempts to reach a database that is away.
const RETRY: Duration = Duration::from_secs(1);
/// How long the last traces may take to be delivered when the server stops.
const LAST_DELIVERY: Duration = Duration::from_secs(2);

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
    let traces = Traces::new(&config.tracing).context("traces cannot be sent to tracing.otlp_endpoint")?;
    telemetry::init::init_with_traces(&config.log, traces.as_ref())?;
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
    let address = listener.local_addr()?;
    let stop = stop_in_order(&app)?;
    let metrics = metrics_listener(&app)?;
    let tls = start_tls(&app, &stop)?;
    tracing::info!(issuer = app.issuer(), %address, tls = tls.is_some(), "listening");
    prepare(&app, address, &stop).await?;
    notify::tell(notify::READY);
    let metering = metrics.map(|listener| tokio::spawn(serve_metrics(listener, app.clone(), stop.clone())));
    let sweeping = tokio::spawn(jobs::sweep::run(app.clone(), stop.clone()));
    let rotating = tokio::spawn(jobs::keys::run(app.clone(), stop.clone()));
    let watching = tokio::spawn(jobs::last_seen::run(app.clone(), stop.clone()));
    let catalog = tokio::spawn(jobs::catalog_watch::run(
        app.clone(),
        CatalogPace::default(),
        stop.clone(),
    ));
    let telling = tokio::spawn(jobs::backchannel_logout::run(app.clone(), stop.clone()));
    // Ends after the requests that may still leave events.
    let served = CancellationToken::new();
    let trail = tokio::spawn(jobs::audit::run(app.clone(), served.clone()));
    let grace = app.config().server.shutdown_grace.as_duration();
    let outcome = listen::serve(listener, tls, front(&app), stop, grace).await;
    telling.await?;
    served.cancel();
    trail.await?;
    outcome?;
    sweeping.await?;
    rotating.await?;
    watching.await?;
    catalog.await?;
    if let Some(metering) = metering {
        metering.await??;
    }
    app.store().close().await;
    if let Some(traces) = traces {
        deliver_last(traces).await;
    }
    Ok(())
}

/// The balancers hear of a stop first, and the server goes on for as long as they take to notice.
fn stop_in_order(app: &App) -> anyhow::Result<CancellationToken> {
    let (delay, stopping) = (app.config().server.shutdown_delay.as_duration(), app.clone());
    listen::stop_after(delay, move || stopping.begin_to_stop())
}

/// Bound before the server is ready, so that a port that is taken stops the start.
fn metrics_listener(app: &App) -> anyhow::Result<Option<TcpListener>> {
    let address = app.config().metrics.listen.0;
    let listener = address.map(listen::bind).transpose();
    listener.context("metrics.listen")
}

/// Answers Prometheus until the server stops. A scrape is short: nobody waits long for the last one.
async fn serve_metrics(listener: TcpListener, app: App, stop: CancellationToken) -> anyhow::Result<()> {
    tracing::info!(address = %listener.local_addr()?, "metrics");
    let router = metrics_router(&app);
    let upkeep = tokio::spawn(jobs::metrics::run(app, stop.clone()));
    listen::serve(listener, None, router.into(), stop, Duration::from_secs(1)).await?;
    upkeep.await?;
    Ok(())
}

/// Sends the last spans from a thread of its own, which is left behind when the collector keeps it waiting.
async fn deliver_last(traces: Traces) {
    let (done, finished) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        traces.finish(LAST_DELIVERY);
        // Nobody listens any more if it took too long.
        done.send(()).unwrap_or_default();
    });
    if tokio::time::timeout(2 * LAST_DELIVERY, finished).await.is_err() {
        tracing::warn!("the collector of traces does not answer; the last ones are lost");
    }
}

/// The certificate, and the one who looks after it. A pair that cannot be served ends the start: nothing is ever served without
/// TLS instead.
fn start_tls(app: &App, stop: &CancellationToken) -> anyhow::Result<Option<RustlsConfig>> {
    let Some(files) = tls::Files::of(&app.config().server) else {
        ignore_hangup()?;
        return Ok(None);
    };
    let first = files.load()?;
    let (serving, watching) = tls::watch(files, first, app.clock().clone(), stop.clone())?;
    tokio::spawn(watching);
    Ok(Some(serving))
}

/// `systemctl reload` means no harm, and a hangup would end the process.
fn ignore_hangup() -> anyhow::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            tracing::info!("there is nothing to load again: settings are read at the start");
        }
    });
    Ok(())
}

/// Schema and keys. A database that is away does not stop the start: requests get 503 meanwhile, and it is tried again.
async fn prepare(app: &App, address: SocketAddr, stop: &CancellationToken) -> anyhow::Result<()> {
    match try_to_prepare(app).await {
        Ok(()) => {
            tell_ready(app, address);
            Ok(())
        }
        Err(error) if is_away(&error) => {
            tracing::warn!(%error, "not ready: the database cannot be reached yet, and requests are answered 503");
            notify::tell("STATUS=waiting for the database");
            let (app, stop) = (app.clone(), stop.clone());
            tokio::spawn(async move {
                while stop.run_until_cancelled(tokio::time::sleep(RETRY)).await.is_some() {
                    match try_to_prepare(&app).await {
                        Ok(()) => return tell_ready(&app, address),
                        Err(error) if is_away(&error) => {}
                        Err(error) => tracing::error!(error = %format!("{error:#}"), "the server cannot become ready"),
                    }
                }
            });
            Ok(())
        }
        Err(error) => Err(error),
    }
}

fn tell_ready(app: &App, address: SocketAddr) {
    tracing::info!(issuer = app.issuer(), %address, "ready");
    notify::tell("STATUS=ready");
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
        MigrationState::Newer(database) => {
            tracing::info!(
                database,
                "the schema is newer than this program, which may go on with it"
            );
        }
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
