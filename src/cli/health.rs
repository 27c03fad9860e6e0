//! `portcullis health`: asks a running server whether it is well, for supervisors in containers that have no other client.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use url::{Host, Url};

use super::{output, tls};
use crate::config::{Config, ConfigError, ServerConfig};
use crate::http::paths;

/// Ask a running server whether it is well; fails unless it answers 200.
#[derive(Args, Debug)]
pub struct Command {
    /// What to ask [default: the address that the configuration listens on]
    #[arg(long)]
    url: Option<Url>,
    /// Ask only whether the process is alive, not whether it can do its work
    #[arg(long, conflicts_with = "url")]
    live: bool,
    /// How long to wait, in seconds
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=60))]
    timeout: u64,
}

/// Runs the command. Needs no database, and with an address no configuration.
pub async fn run(
    command: Command,
    config: impl FnOnce() -> Result<Config, ConfigError>,
    json: bool,
) -> anyhow::Result<()> {
    let path = if command.live { paths::HEALTH } else { paths::READY };
    let url = match command.url {
        Some(url) => url,
        None => own_url(&config()?.server, path)?,
    };
    let limit = Duration::from_secs(command.timeout);
    let Ok(answer) = tokio::time::timeout(limit, ask(&url, limit)).await else {
        bail!("{url} did not answer within {} s", command.timeout);
    };
    let status = answer.with_context(|| format!("{url} cannot be asked"))?;
    ensure!(status == 200, "{url} answered {status}");
    output::print(json, &json!({ "url": url, "status": status }), "ok")
}

/// Where this machine reaches the server.
fn own_url(server: &ServerConfig, path: &str) -> anyhow::Result<Url> {
    let scheme = if server.speaks_tls() { "https" } else { "http" };
    let address = match server.listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let address = SocketAddr::new(address, server.listen.port());
    Ok(Url::parse(&format!("{scheme}://{address}{path}"))?)
}

/// One request of HTTP/1.0, so that the answer comes whole; only its first line counts.
async fn ask(url: &Url, limit: Duration) -> anyhow::Result<u16> {
    let host = url.host_str().context("the address has no host")?.to_owned();
    let port = url.port_or_known_default().unwrap_or(80);
    let address = (host.trim_matches(['[', ']']).to_owned(), port);
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let request = format!("GET {target} HTTP/1.0\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n");
    let head = match url.scheme() {
        "http" => plainly(address, &request).await?,
        "https" => {
            // The certificate is for the issuer's name and not for this one, so nobody checks it. That is right only
            // where nobody else can answer.
            ensure!(
                is_here(url),
                "over https only this machine is asked (127.0.0.1, ::1, localhost)"
            );
            tokio::task::spawn_blocking(move || tls::ask(address, &request, limit)).await??
        }
        _ => bail!("it must start with http:// or https://"),
    };
    status(&head).context("that is no HTTP server")
}

/// "HTTP/1.x NNN" is twelve bytes.
pub const STATUS_LINE: u64 = 12;

async fn plainly(address: (String, u16), request: &str) -> anyhow::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut head = Vec::new();
    stream.take(STATUS_LINE).read_to_end(&mut head).await?;
    Ok(head)
}

fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

fn status(head: &[u8]) -> Option<u16> {
    let line = std::str::from_utf8(head).ok()?;
    line.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_is_asked_where_it_listens() {
        let mut server = ServerConfig::default();
        let cases = [
            ("127.0.0.1:8080", "", "http://127.0.0.1:8080/healthz"),
            ("0.0.0.0:80", "", "http://127.0.0.1/healthz"),
            ("[::]:8443", "tls.crt", "https://[::1]:8443/healthz"),
            ("10.1.2.3:443", "tls.crt", "https://10.1.2.3/healthz"),
        ];
        for (listen, certificate, url) in cases {
            server.listen = listen.parse().unwrap();
            server.tls_certificate = certificate.into();
            assert_eq!(own_url(&server, "/healthz").unwrap().as_str(), url);
        }
    }

    #[test]
    fn nobody_else_is_asked_without_looking_at_the_certificate() {
        for (url, here) in [
            ("https://localhost:8443/readyz", true),
            ("https://127.0.0.53/readyz", true),
            ("https://[::1]/readyz", true),
            ("https://10.0.0.1/readyz", false),
            ("https://localhost.example/readyz", false),
        ] {
            assert_eq!(is_here(&url.parse().unwrap()), here, "{url}");
        }
    }

    #[test]
    fn the_status_is_read_from_the_first_line() {
        assert_eq!(status(b"HTTP/1.1 200"), Some(200));
        assert_eq!(status(b"HTTP/1.0 503"), Some(503));
        for other in [&b"SSH-2.0-Open"[..], b"HTTP/1.1", b"", b"HTTP/2 200 O", b"\xff\xff"] {
            assert_eq!(status(other), None, "{other:?}");
        }
    }
}
