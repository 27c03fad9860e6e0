//! Listening: sockets, deadlines on slow senders, and an orderly end.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use anyhow::Context as _;
use axum_server::Handle;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio_util::sync::CancellationToken;

use super::notify;
use crate::router::Front;
use crate::telemetry;

/// How long the head of a request may take. Without a timer hyper would wait for ever.
const HEAD_DEADLINE: Duration = Duration::from_secs(5);
/// How long a TLS handshake may take.
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(5);
/// How large the head of a request may be: four times what a browser or a proxy lets through.
const MAX_HEAD: usize = 64 * 1024;
/// How often an idle HTTP/2 connection is asked whether it is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// How many requests one HTTP/2 connection may have under way.
const MAX_STREAMS: u32 = 100;

/// Binds an address, and says what to do when that fails.
pub fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).with_context(|| {
        format!("cannot listen on {address}: is another program there? Choose another address with --listen")
    })?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Serves until `stop`, then finishes what is under way, for at most `grace`. With `tls` there is no other way in.
pub async fn serve(
    listener: TcpListener,
    tls: Option<RustlsConfig>,
    front: Front,
    stop: CancellationToken,
    grace: Duration,
) -> anyhow::Result<()> {
    let handle = Handle::new();
    let mut server = axum_server::from_tcp(listener)?.handle(handle.clone());
    set_limits(server.http_builder());
    let ending = tokio::spawn(async move {
        stop.cancelled().await;
        handle.graceful_shutdown(Some(grace));
    });
    let service = front.into_connections();
    let served = match tls {
        None => server.serve(service).await,
        Some(tls) => {
            let acceptor = RustlsAcceptor::new(tls).handshake_timeout(HANDSHAKE_DEADLINE);
            server.acceptor(acceptor).serve(service).await
        }
    };
    ending.abort();
    served.context("the server stopped")
}

fn set_limits(builder: &mut Builder<TokioExecutor>) {
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_DEADLINE)
        // Head and body of an answer in one piece: to copy a body as small as ours costs less than to hand over two pieces.
        .writev(false)
        .max_buf_size(MAX_HEAD);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEP_ALIVE)
        .max_concurrent_streams(MAX_STREAMS);
}

/// A token that is cancelled by SIGTERM or SIGINT. A second signal ends the process at once.
pub fn stop_on_signal() -> anyhow::Result<CancellationToken> {
    stop_after(Duration::ZERO, || {})
}

/// As [`stop_on_signal`], but `announce` is called first, and after SIGTERM the token waits for `delay`, in which balancers
/// notice. SIGINT comes from a person at a terminal: nobody else has to hear of it.
pub fn stop_after(delay: Duration, announce: impl FnOnce() + Send + 'static) -> anyhow::Result<CancellationToken> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = CancellationToken::new();
    let told = stop.clone();
    tokio::spawn(async move {
        let delay = tokio::select! { _ = terminate.recv() => delay, _ = interrupt.recv() => Duration::ZERO };
        announce();
        notify::tell(notify::STOPPING);
        tokio::spawn(async move {
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
            telemetry::output::flush();
            std::process::exit(130);
        });
        if !delay.is_zero() {
            tracing::info!(seconds = delay.as_secs(), "stopping: no longer ready, still serving");
            tokio::time::sleep(delay).await;
        }
        tracing::info!("stopping: finishing what is under way");
        told.cancel();
    });
    Ok(stop)
}
