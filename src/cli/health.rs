//! `portcullis health`: asks a running server whether it is well, for supervisors in containers that have no other client.

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use url::Url;

use super::output;

/// Ask a running server whether it is well; fails unless it answers 200.
#[derive(Args, Debug)]
pub struct Command {
    /// What to ask: an http:// address
    #[arg(long, default_value = "http://127.0.0.1:8080/readyz")]
    url: Url,
    /// How long to wait, in seconds
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=60))]
    timeout: u64,
}

/// Runs the command. Needs no configuration and no database.
pub async fn run(command: Command, json: bool) -> anyhow::Result<()> {
    let url = &command.url;
    ensure!(
        url.scheme() == "http",
        "{url} must start with http://: this asks the server directly, not through a proxy"
    );
    let limit = Duration::from_secs(command.timeout);
    let Ok(answer) = tokio::time::timeout(limit, ask(url)).await else {
        bail!("{url} did not answer within {} s", command.timeout);
    };
    let status = answer.with_context(|| format!("{url} cannot be asked"))?;
    ensure!(status == 200, "{url} answered {status}");
    output::print(json, &json!({ "url": url, "status": status }), "ok")
}

/// One request of HTTP/1.0, so that the answer comes whole; only its first line counts.
async fn ask(url: &Url) -> anyhow::Result<u16> {
    let host = url.host_str().context("the address has no host")?;
    let port = url.port_or_known_default().unwrap_or(80);
    let mut stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await?;
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let request = format!("GET {target} HTTP/1.0\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut head = Vec::new();
    // "HTTP/1.x NNN" is twelve bytes.
    stream.take(12).read_to_end(&mut head).await?;
    status(&head).context("that is no HTTP server")
}

fn status(head: &[u8]) -> Option<u16> {
    let line = std::str::from_utf8(head).ok()?;
    line.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_read_from_the_first_line() {
        assert_eq!(status(b"HTTP/1.1 200"), Some(200));
        assert_eq!(status(b"HTTP/1.0 503"), Some(503));
        for other in [&b"SSH-2.0-Open"[..], b"HTTP/1.1", b"", b"HTTP/2 200 O", b"\xff\xff"] {
            assert_eq!(status(other), None, "{other:?}");
        }
    }
}
