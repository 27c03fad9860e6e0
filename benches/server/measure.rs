//! Rounds: each contender in turn, again and again, so that what else the machine does hits all of them alike. What counts
//! are the ratios within a round, and the medians over the rounds.

use std::path::Path;
use std::time::Duration;

use crate::contender::{Contender, Gauges, Load, Role};
use crate::database::CommitCounter;
use crate::load::Outcome;
use crate::process::{cpu_time, cpu_time_of_family, forget_peak_memory, length_of, peak_kib};
use crate::workload::Workload;

/// How long lines of the log may be on their way to the file.
const LOG_SETTLES: Duration = Duration::from_millis(60);

/// How much to measure.
#[derive(Clone, Copy, Debug)]
pub struct Rounds {
    /// How many.
    pub count: usize,
    /// How long each is for each contender.
    pub length: Duration,
    /// How long each contender is driven before the first.
    pub warm_up: Duration,
}

/// One contender in one round.
#[derive(Clone, Debug)]
pub struct Round {
    /// How many units were done.
    pub units: usize,
    /// … a second.
    pub per_second: f64,
    /// The latency that half of them were within, in milliseconds.
    pub p50: f64,
    /// … and 99 of 100.
    pub p99: f64,
    /// Processor time of the server's processes.
    pub cpu: Duration,
    /// Processor time of PostgreSQL's processes.
    pub database_cpu: Option<Duration>,
    /// The most resident memory of the server's processes.
    pub peak_kib: Option<u64>,
    /// Statements that the server sent, begin and commit too: each is a round trip.
    pub round_trips: Option<u64>,
    /// Commits that wrote something.
    pub commits: Option<u64>,
}

impl Round {
    /// `of` all units, for each of them.
    pub fn each(&self, of: u64) -> f64 {
        of as f64 / self.units as f64
    }

    /// Processor seconds that a thousand units cost the server and the database, together.
    pub fn cpu_per_thousand(&self) -> f64 {
        let all = self.cpu + self.database_cpu.unwrap_or_default();
        all.as_secs_f64() * 1e3 / self.units as f64
    }
}

/// One contender in one workload.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Whose.
    pub name: String,
    /// What it is.
    pub role: Role,
    /// Round by round.
    pub rounds: Vec<Round>,
}

impl Entry {
    /// The median over the rounds.
    pub fn median(&self, of: impl Fn(&Round) -> f64) -> f64 {
        median(self.rounds.iter().map(of))
    }

    /// The same where it may not have been measured.
    pub fn median_of(&self, of: impl Fn(&Round) -> Option<f64>) -> Option<f64> {
        let values: Vec<f64> = self.rounds.iter().filter_map(of).collect();
        (!values.is_empty()).then(|| median(values.into_iter()))
    }

    /// The median over the rounds of what this one did against what `base` did in the same round.
    pub fn ratio(&self, base: &Self, of: impl Fn(&Round) -> f64) -> f64 {
        let pairs = self.rounds.iter().zip(&base.rounds);
        median(pairs.map(|(one, other)| of(one) / of(other)))
    }
}

/// Everybody in one workload.
#[derive(Clone, Debug)]
pub struct Table {
    /// Which.
    pub workload: Workload,
    /// In the order in which they ran.
    pub entries: Vec<Entry>,
}

/// Runs a workload with everybody who takes part in it.
pub async fn run(workload: Workload, contenders: &mut [Box<dyn Contender>], rounds: Rounds) -> anyhow::Result<Table> {
    let mut taking_part = Vec::new();
    for contender in contenders {
        if let Some(load) = contender.prepare(workload).await? {
            let entry = Entry {
                name: contender.name(),
                role: contender.role(),
                rounds: Vec::new(),
            };
            taking_part.push((entry, contender.gauges(), load));
        }
    }
    for (_, gauges, load) in &mut taking_part {
        load.drive(rounds.warm_up).await?;
        forget_log(gauges);
    }
    for _ in 0..rounds.count {
        for (entry, gauges, load) in &mut taking_part {
            entry.rounds.push(round(gauges, load, rounds.length).await?);
        }
    }
    let entries = taking_part.into_iter().map(|(entry, ..)| entry).collect();
    Ok(Table { workload, entries })
}

/// Drives a load, and reads what that cost.
pub async fn round(gauges: &Gauges, load: &mut Load, length: Duration) -> anyhow::Result<Round> {
    let commits = match &gauges.database {
        Some(url) => CommitCounter::begin(url).await,
        None => None,
    };
    forget_peak_memory(&gauges.server);
    let before = (cpu_time(&gauges.server)?, database_cpu(gauges)?);
    let outcome = load.drive(length).await?;
    let cpu = cpu_time(&gauges.server)?.saturating_sub(before.0);
    let database_cpu = database_cpu(gauges)?.zip(before.1);
    let peak_kib = (!gauges.server.is_empty())
        .then(|| peak_kib(&gauges.server))
        .transpose()?;
    let commits = match commits {
        Some(counter) => counter.end().await,
        None => None,
    };
    let round_trips = match &gauges.log {
        Some(log) => {
            tokio::time::sleep(LOG_SETTLES).await;
            Some(statements_in(log)?)
        }
        None => None,
    };
    forget_log(gauges);
    Ok(Round {
        units: outcome.latencies.len(),
        per_second: outcome.per_second(),
        p50: outcome.within(0.50),
        p99: outcome.within(0.99),
        cpu,
        database_cpu: database_cpu.map(|(now, before)| now.saturating_sub(before)),
        peak_kib,
        round_trips,
        commits,
    })
}

fn database_cpu(gauges: &Gauges) -> anyhow::Result<Option<Duration>> {
    gauges.postgres.map(cpu_time_of_family).transpose()
}

/// The server appends to it, so it can be emptied under its hands.
fn forget_log(gauges: &Gauges) {
    if let Some(log) = gauges.log.as_ref().filter(|log| length_of(log) > 0) {
        // A log that stays is counted twice, which is seen; a benchmark that stops for that is not better.
        std::fs::File::options()
            .write(true)
            .open(log)
            .and_then(|log| log.set_len(0))
            .ok();
    }
}

/// The sum of `queries=N` over the lines of requests.
fn statements_in(log: &Path) -> anyhow::Result<u64> {
    let text = String::from_utf8_lossy(&std::fs::read(log)?).into_owned();
    let counts = text
        .lines()
        .filter_map(|line| line.split_once(" queries="))
        .map(|(_, rest)| {
            let digits = rest
                .find(|character: char| !character.is_ascii_digit())
                .unwrap_or(rest.len());
            rest[..digits].parse::<u64>().unwrap_or_default()
        });
    Ok(counts.sum())
}

/// Of at least one value.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Latency and rate of one driven load, without its costs.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Units a second.
    pub per_second: f64,
    /// Milliseconds.
    pub p99: f64,
}

impl From<&Outcome> for Pace {
    fn from(outcome: &Outcome) -> Self {
        Self {
            per_second: outcome.per_second(),
            p99: outcome.within(0.99),
        }
    }
}
