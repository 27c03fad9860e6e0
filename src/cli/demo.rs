//! `portcullis demo`: everything that it takes to see a token, on this machine only.

use std::net::{Ipv6Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::cx::open_master_key;
use super::demo_data::{self, Demo};
use super::{cx, listen, output, serve};
use crate::app::App;
use crate::config::{Config, Issuer, Secret};
use crate::jobs;
use crate::playground::{DemoUser, MachineClient, Playground, PlaygroundConfig};
use crate::router::{Front, front};
use crate::telemetry;
use crate::time::Clock;

/// Options of `demo`.
#[derive(clap::Args)]
pub struct Arguments {
    /// The server's address; loopback only
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// The playground's address; loopback only
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8081")]
    playground: SocketAddr,
}

/// Where the demo keeps its things unless told otherwise.
const DATA_DIR: &str = "portcullis-demo";
const GRACE: Duration = Duration::from_secs(3);

/// Runs until it is told to stop.
pub async fn run(arguments: Arguments, data: Option<PathBuf>, json: bool) -> anyhow::Result<()> {
    for address in [arguments.listen, arguments.playground] {
        anyhow::ensure!(
            address.ip().is_loopback(),
            "the demo listens on this machine only, and {address} is beyond it. For a server that others reach, use \
             `portcullis serve` with an https issuer"
        );
    }
    let servers = bind_both_families(arguments.listen)?;
    let playgrounds = bind_both_families(arguments.playground)?;
    let issuer = format!("http://localhost:{}", port(&servers)?);
    let playground = format!("http://localhost:{}", port(&playgrounds)?);
    let app = open(&issuer, data.unwrap_or_else(|| DATA_DIR.into())).await?;
    let demo = demo_data::ensure(&app, &playground).await?;

    let stop = listen::stop_on_signal()?;
    let mut tasks = JoinSet::new();
    let mut spawn = |listeners: Vec<TcpListener>, front: Front| {
        for listener in listeners {
            tasks.spawn(listen::serve(listener, None, front.clone(), stop.clone(), GRACE));
        }
    };
    spawn(servers, front(&app));
    spawn(playgrounds, client_of(&app, &demo, &playground).router().into());
    tokio::spawn(jobs::sweep::run(app.clone(), stop.clone()));
    tokio::spawn(jobs::keys::run(app.clone(), stop.clone()));
    let served = CancellationToken::new();
    let trail = tokio::spawn(jobs::audit::run(app.clone(), served.clone()));
    output::print(json, &demo.to_json(), &demo.welcome())?;
    while let Some(task) = tasks.join_next().await {
        task??;
    }
    served.cancel();
    trail.await?;
    app.store().close().await;
    Ok(())
}

/// `localhost` is both loopback addresses, and a browser may try either first. The second one is a courtesy: a machine
/// without IPv6 does without.
fn bind_both_families(address: SocketAddr) -> anyhow::Result<Vec<TcpListener>> {
    let first = listen::bind(address)?;
    let other = SocketAddr::from((Ipv6Addr::LOCALHOST, first.local_addr()?.port()));
    let second = if address.is_ipv4() {
        listen::bind(other).ok()
    } else {
        None
    };
    Ok(std::iter::once(first).chain(second).collect())
}

fn port(listeners: &[TcpListener]) -> anyhow::Result<u16> {
    Ok(listeners.first().context("nothing is bound")?.local_addr()?.port())
}

async fn open(issuer: &str, data: PathBuf) -> anyhow::Result<App> {
    let mut config = Config::with_defaults(issuer.parse::<Issuer>()?);
    config.database.url = Secret::new(format!("sqlite://{}", data.join("portcullis.db").display()));
    config.server.data_dir = data;
    config.log.level = "warn".to_owned();
    telemetry::init::init(&config.log)?;
    telemetry::init::silence_panic_messages();
    let master_key = open_master_key(&config, false)?;
    let store = cx::open_store(&config, true).await?;
    let app = App::new(config, store, Clock::System, master_key)?;
    serve::prepare_now(&app).await?;
    Ok(app)
}

fn client_of(app: &App, demo: &Demo, origin: &str) -> Playground {
    let config = PlaygroundConfig {
        issuer: app.issuer().to_owned(),
        origin: origin.to_owned(),
        client_id: demo_data::WEB.to_owned(),
        client_secret: demo.secrets.web.clone(),
        scope: demo_data::PLAYGROUND_SCOPE.to_owned(),
        device_client_id: Some(demo_data::DEVICE.to_owned()),
        clock: Clock::System,
    };
    Playground::new(config)
        .with_machine(MachineClient {
            client_id: demo_data::SERVICE.to_owned(),
            client_secret: demo.secrets.service.clone(),
            scope: demo_data::SERVICE_SCOPE.to_owned(),
        })
        .with_user(DemoUser {
            username: demo_data::USERNAME.to_owned(),
            password: demo.secrets.password.clone(),
        })
}
