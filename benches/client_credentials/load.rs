//! The load: keep-alive connections that each send the next request when the answer is there.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Requests under way at the same time.
pub const CONNECTIONS: usize = 32;
/// An answer that takes longer is a failure.
const PATIENCE: Duration = Duration::from_secs(10);
const LARGEST_ANSWER: usize = 64 * 1024;

/// When to stop.
#[derive(Clone, Copy)]
pub enum Limit {
    /// After this long.
    Time(Duration),
    /// After this many requests.
    Count(u64),
}

/// What happened.
pub struct Outcome {
    /// From the first request to the last answer.
    pub elapsed: Duration,
    /// Of each answer.
    pub latencies: Vec<Duration>,
}

/// Sends `request` over and over. Any answer other than 200 is an error.
pub async fn drive(address: SocketAddr, request: &[u8], limit: Limit) -> anyhow::Result<Outcome> {
    let request: Arc<[u8]> = request.into();
    let (length, count) = match limit {
        Limit::Time(length) => (length, u64::MAX),
        Limit::Count(count) => (Duration::from_secs(30), count),
    };
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        connections.push(Connection::open(address).await?);
    }
    let left = Arc::new(AtomicU64::new(count));
    let started = Instant::now();
    let mut running = JoinSet::new();
    for mut connection in connections {
        let (request, left) = (request.clone(), left.clone());
        running.spawn(async move {
            let mut latencies = Vec::new();
            while started.elapsed() < length && take_one(&left) {
                let sent = Instant::now();
                connection.exchange(&request).await?;
                latencies.push(sent.elapsed());
            }
            anyhow::Ok(latencies)
        });
    }
    let mut latencies = Vec::new();
    while let Some(finished) = running.join_next().await {
        latencies.extend(finished??);
    }
    let all_sent = matches!(limit, Limit::Time(_)) || latencies.len() as u64 == count;
    ensure!(
        all_sent && !latencies.is_empty(),
        "only {} requests were answered",
        latencies.len()
    );
    Ok(Outcome {
        elapsed: started.elapsed(),
        latencies,
    })
}

fn take_one(left: &AtomicU64) -> bool {
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
        .is_ok()
}

/// Just enough HTTP/1.1 for our own answers, which all carry their length.
pub struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Connection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.context("cannot connect")?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            answer: Vec::with_capacity(4096),
        })
    }

    /// Sends a request and returns the body of its answer, which must be a 200.
    pub async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<&[u8]> {
        timeout(PATIENCE, self.exchange_at_leisure(request))
            .await
            .context("no answer in time")?
    }

    async fn exchange_at_leisure(&mut self, request: &[u8]) -> anyhow::Result<&[u8]> {
        self.send(request).await?;
        self.answer.clear();
        let body = loop {
            self.receive().await?;
            if let Some(body) = body_of(&self.answer)? {
                break body;
            }
        };
        Ok(&self.answer[body..])
    }

    async fn send(&self, mut rest: &[u8]) -> anyhow::Result<()> {
        while !rest.is_empty() {
            match self.stream.try_write(rest) {
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.stream.writable().await?,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    async fn receive(&mut self) -> anyhow::Result<()> {
        ensure!(self.answer.len() < LARGEST_ANSWER, "the answer is too long");
        loop {
            self.stream.readable().await?;
            match self.stream.try_read_buf(&mut self.answer) {
                Ok(0) => bail!("the connection was closed before the answer was complete"),
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Where the body begins, once the answer is complete.
fn body_of(answer: &[u8]) -> anyhow::Result<Option<usize>> {
    let Some(end) = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = std::str::from_utf8(&answer[..end]).context("the head of the answer is not text")?;
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap_or_default();
    ensure!(status.starts_with("HTTP/1.1 200 "), "the answer is {status}");
    let length = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .context("the answer does not tell its length")?;
    let length: usize = length
        .1
        .trim()
        .parse()
        .context("the length of the answer is not a number")?;
    let body = end + 4;
    ensure!(answer.len() <= body + length, "there is more than one answer");
    Ok((answer.len() == body + length).then_some(body))
}
