//! The load: keep-alive connections that each send the next request when the answer is there. One thread drives them all:
//! it needs less than the servers do, and leaves them the other cores.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::ensure;
use tokio::task::JoinSet;

use crate::http::{Answer, Connection};

/// Requests under way at the same time.
pub const CONNECTIONS: usize = 32;

/// What one connection does, over and over. What is measured is a unit: one request, or a flow of several.
pub trait Script: Send {
    /// Appends the next request to `request`, which is empty; or tells to come back later, having appended nothing.
    fn next(&mut self, request: &mut Vec<u8>) -> Next;

    /// Takes the answer. An error ends the whole benchmark: nobody wants figures of refusals.
    fn take(&mut self, answer: &Answer<'_>) -> anyhow::Result<Progress>;
}

/// What [`Script::next`] says.
#[derive(Clone, Copy, Debug)]
pub enum Next {
    /// The request is there.
    Send,
    /// Nothing may be sent before then.
    WaitUntil(Instant),
}

/// What [`Script::take`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The unit goes on with another request.
    Within,
    /// The unit is done.
    Done,
}

/// One for each connection.
pub type Scripts = Vec<Box<dyn Script>>;

/// What happened.
#[derive(Debug)]
pub struct Outcome {
    /// From the first request to the last answer.
    pub elapsed: Duration,
    /// Of each unit, waiting left out, in microseconds; sorted.
    pub latencies: Vec<u32>,
}

impl Outcome {
    /// Units a second.
    pub fn per_second(&self) -> f64 {
        self.latencies.len() as f64 / self.elapsed.as_secs_f64()
    }

    /// The latency that `part` of all units were within, in milliseconds.
    pub fn within(&self, part: f64) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        let at = (self.latencies.len() as f64 * part) as usize;
        self.latencies
            .get(at.min(last))
            .map_or(0.0, |micros| f64::from(*micros) / 1e3)
    }
}

/// Runs the scripts for `length`, each on a connection of its own; a unit that has begun is finished. They go on where they
/// were when they are run again.
pub async fn drive(address: SocketAddr, scripts: &mut Scripts, length: Duration) -> anyhow::Result<Outcome> {
    let mut connections = Vec::with_capacity(scripts.len());
    for script in scripts.drain(..) {
        connections.push((Connection::open(address).await?, script));
    }
    let started = Instant::now();
    let mut running = JoinSet::new();
    for (connection, script) in connections {
        running.spawn(run(connection, script, started + length));
    }
    let mut latencies = Vec::new();
    while let Some(finished) = running.join_next().await {
        let (script, micros) = finished??;
        scripts.push(script);
        latencies.extend(micros);
    }
    let elapsed = started.elapsed();
    latencies.sort_unstable();
    ensure!(!latencies.is_empty(), "nothing was answered");
    Ok(Outcome { elapsed, latencies })
}

async fn run(
    mut connection: Connection,
    mut script: Box<dyn Script>,
    until: Instant,
) -> anyhow::Result<(Box<dyn Script>, Vec<u32>)> {
    let mut latencies = Vec::with_capacity(8192);
    let mut request = Vec::with_capacity(2048);
    while Instant::now() < until {
        let mut begun = None;
        loop {
            request.clear();
            match script.next(&mut request) {
                Next::WaitUntil(moment) if moment >= until && begun.is_none() => return Ok((script, latencies)),
                Next::WaitUntil(moment) => {
                    tokio::time::sleep_until(moment.into()).await;
                    continue;
                }
                Next::Send => {}
            }
            let begun = *begun.get_or_insert_with(Instant::now);
            let answer = connection.exchange(&request).await?;
            if script.take(&answer)? == Progress::Done {
                latencies.push(u32::try_from(begun.elapsed().as_micros()).unwrap_or(u32::MAX));
                break;
            }
        }
    }
    Ok((script, latencies))
}
