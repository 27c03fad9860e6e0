//! What was measured, as Markdown.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "printing is what a benchmark is for"
)]

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use crate::bars::{judge, limit_of, megabytes};
use crate::contender::Role;
use crate::load::CONNECTIONS;
use crate::measure::{Entry, Round, Table};
use crate::mix::Mix;
use crate::starts::Starts;

/// Everything.
#[derive(Default)]
pub struct Report {
    /// The command that made it.
    pub command: String,
    /// Of the machine.
    pub machine: Vec<(&'static str, String)>,
    /// Of contenders and databases.
    pub versions: Vec<(String, String)>,
    /// A line on how much was measured.
    pub plan: String,
    /// Workload by workload.
    pub tables: Vec<Table>,
    /// Sign-ins beside introspection.
    pub mixes: Vec<Mix>,
    /// Workloads on databases of different sizes.
    pub growth: Vec<Table>,
    /// Starts and idle memory.
    pub starts: Vec<Starts>,
    /// How long all of it took.
    pub took: Duration,
}

impl Report {
    /// The whole file.
    pub fn markdown(&self) -> String {
        // Writing to a string cannot fail.
        let mut text = String::new();
        self.write(&mut text).ok();
        text
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        writeln!(
            out,
            "# Benchmark\n\n`{}`, {:.0} minutes.\n",
            self.command,
            self.took.as_secs_f64() / 60.0
        )?;
        for (name, value) in &self.machine {
            writeln!(out, "- {name}: {value}")?;
        }
        for (name, version) in &self.versions {
            writeln!(out, "- {name}: {version}")?;
        }
        writeln!(
            out,
            "\n{} The load comes from one thread on the same machine, over {CONNECTIONS} connections that each send the next \
             request when the answer is there. Figures are medians over the rounds; ratios are medians of the ratios within \
             each round. Processor seconds are those of the server's processes, and behind the plus those of PostgreSQL, for \
             1,000 requests (or flows). Round trips are the server's own count of statements, begin and commit included; \
             commits are records in PostgreSQL's write-ahead log, those of background jobs included.",
            self.plan
        )?;
        self.write_bars(out)?;
        if !self.tables.is_empty() {
            writeln!(out, "\n## Workloads\n")?;
            writeln!(out, "{HEADER}")?;
        }
        for table in &self.tables {
            for entry in &table.entries {
                writeln!(out, "{}", row(table, entry))?;
            }
        }
        self.write_mixes(out)?;
        self.write_growth(out)?;
        self.write_starts(out)
    }

    fn write_bars(&self, out: &mut String) -> std::fmt::Result {
        let bars = judge(self);
        if bars.is_empty() {
            return Ok(());
        }
        writeln!(out, "\n## Bars\n\n| bar | measured | |\n|---|---:|---|")?;
        for bar in bars {
            writeln!(
                out,
                "| {} | {} | {} |",
                bar.text,
                bar.measured,
                if bar.met { '✔' } else { '✘' }
            )?;
        }
        Ok(())
    }

    fn write_mixes(&self, out: &mut String) -> std::fmt::Result {
        if self.mixes.is_empty() {
            return Ok(());
        }
        writeln!(out, "\n## Sign-ins (argon2id) beside introspection\n")?;
        writeln!(
            out,
            "| server | introspections/s alone | p99 alone | … beside sign-ins | p99 | sign-ins/s | p99 | peak memory |\n\
             |---|---:|---:|---:|---:|---:|---:|---:|"
        )?;
        for mix in &self.mixes {
            writeln!(
                out,
                "| {} | {} | {:.2} ms | {} | {:.2} ms | {:.1} | {:.0} ms | {:.1} MB |",
                mix.name,
                thousands(mix.median(|round| round.0.per_second)),
                mix.median(|round| round.0.p99),
                thousands(mix.median(|round| round.1.per_second)),
                mix.median(|round| round.1.p99),
                mix.median(|round| round.2.per_second),
                mix.median(|round| round.2.p99),
                megabytes(mix.peak_kib),
            )?;
        }
        Ok(())
    }

    fn write_growth(&self, out: &mut String) -> std::fmt::Result {
        if self.growth.is_empty() {
            return Ok(());
        }
        writeln!(out, "\n## Growth (PostgreSQL)\n")?;
        writeln!(
            out,
            "| workload | in the tables | per second | p50 | p99 | CPU s / 1,000 | cost against the first |\n\
             |---|---|---:|---:|---:|---:|---:|"
        )?;
        for table in &self.growth {
            for entry in &table.entries {
                writeln!(
                    out,
                    "| {} | {} | {} | {:.2} ms | {:.2} ms | {} | {:.2} |",
                    table.workload.title(),
                    entry.name,
                    thousands(entry.median(|round| round.per_second)),
                    entry.median(|round| round.p50),
                    entry.median(|round| round.p99),
                    cpu(entry),
                    entry.ratio(&table.entries[0], Round::cpu_per_thousand),
                )?;
            }
        }
        Ok(())
    }

    fn write_starts(&self, out: &mut String) -> std::fmt::Result {
        if self.starts.is_empty() {
            return Ok(());
        }
        writeln!(
            out,
            "\n## Starts\n\n| server | start to first answer, median of {} | resident when idle |\n|---|---:|---:|",
            self.starts[0].times.len()
        )?;
        for starts in &self.starts {
            let idle = megabytes(starts.idle_kib);
            writeln!(out, "| {} | {:.1} ms | {idle:.1} MB |", starts.name, starts.millis())?;
        }
        Ok(())
    }
}

const HEADER: &str = "| workload | server | per second | ÷ limit | ours ÷ it | p50 | p99 | CPU s / 1,000 | round trips | commits | peak memory |\n\
                      |---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|";

fn row(table: &Table, entry: &Entry) -> String {
    let find = |role: Role| table.entries.iter().find(|other| other.role == role);
    let against_limit = find(limit_of(table.workload, entry.role))
        .filter(|limit| limit.name != entry.name)
        .map(|limit| entry.ratio(limit, |round| round.per_second));
    let ours = find(Role::OursOnPostgres).or(find(Role::OursOnSqlite));
    let of_peer = ours.filter(|_| entry.role == Role::Peer);
    let of_peer = of_peer.map(|ours| ours.ratio(entry, |round| round.per_second));
    let counted = |of: fn(&Round) -> Option<u64>| {
        let each = entry.median_of(|round| of(round).map(|count| round.each(count)));
        each.map_or_else(String::new, |each| format!("{each:.2}"))
    };
    let optional = |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:.2}"));
    let peak = entry.rounds.iter().filter_map(|round| round.peak_kib).max();
    let cells = [
        table.workload.title().to_owned(),
        entry.name.clone(),
        thousands(entry.median(|round| round.per_second)),
        optional(against_limit),
        optional(of_peer),
        format!("{:.2} ms", entry.median(|round| round.p50)),
        format!("{:.2} ms", entry.median(|round| round.p99)),
        cpu(entry),
        counted(|round| round.round_trips),
        counted(|round| round.commits),
        peak.map_or_else(String::new, |kib| format!("{:.1} MB", megabytes(kib))),
    ];
    format!("| {} |", cells.join(" | "))
}

/// Of the server, and of PostgreSQL where there is one.
fn cpu(entry: &Entry) -> String {
    let per_thousand = |round: &Round, time: Duration| time.as_secs_f64() * 1e3 / round.units as f64;
    let server = entry.median(|round| per_thousand(round, round.cpu));
    let database = entry.median_of(|round| round.database_cpu.map(|time| per_thousand(round, time)));
    let server = if server > 0.0 {
        format!("{server:.3}")
    } else {
        String::new()
    };
    match database {
        Some(database) => format!("{server} + {database:.3}"),
        None => server,
    }
}

/// A whole number with commas; a small one with a digit behind the point.
pub fn thousands(value: f64) -> String {
    if value < 100.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Prints a line as it is.
pub fn line(text: &str) {
    println!("{text}");
}

/// Says what is being done.
pub fn progress(text: &str) {
    eprintln!("# {text}");
}

/// Something does not work.
pub fn failure(error: &anyhow::Error) -> ExitCode {
    eprintln!("the benchmark failed: {error:#}");
    ExitCode::FAILURE
}
