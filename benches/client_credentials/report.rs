//! What was measured, as one Markdown table.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "printing is what a benchmark is for"
)]

use std::process::ExitCode;
use std::time::Duration;

use crate::load::{CONNECTIONS, Outcome};
use crate::process::Process;

/// Requests a second against the bare handler's, at least.
const RATIO_BAR: f64 = 0.60;
const COLD_START_BAR: Duration = Duration::from_millis(100);
const RESIDENT_BAR_KIB: u64 = 40 * 1024;

/// One of the servers, and what it did.
pub struct Contender<P = Process> {
    name: &'static str,
    is_base: bool,
    /// Its process, while there is one.
    pub process: P,
    /// Round by round.
    pub rounds: Vec<Round>,
    /// Idle, after all rounds.
    pub resident_kib_after_load: u64,
}

/// One server in one round.
pub struct Round {
    answered: usize,
    per_second: f64,
    p50: Duration,
    p99: Duration,
    cpu: Duration,
}

/// Memory of a process that was started on an existing database.
pub struct Weighed {
    /// Before the first request.
    pub started_kib: u64,
    /// How many requests it then had.
    pub served: usize,
    /// After them.
    pub served_kib: u64,
}

/// Everything. The first contender is what the others are compared with.
pub struct Report {
    /// The servers.
    pub contenders: [Contender<()>; 3],
    /// From the start of the process to the first answer.
    pub cold_starts: Vec<Duration>,
    /// Memory.
    pub weighed: Weighed,
}

impl Contender {
    /// The one that the others are compared with.
    pub fn base(name: &'static str, process: Process) -> Self {
        Self {
            is_base: true,
            ..Self::new(name, process)
        }
    }

    /// One that has done nothing yet.
    pub fn new(name: &'static str, process: Process) -> Self {
        Self {
            name,
            is_base: false,
            process,
            rounds: Vec::new(),
            resident_kib_after_load: 0,
        }
    }

    /// Ends the process and keeps what was measured.
    pub fn stop(self) -> anyhow::Result<Contender<()>> {
        let Self {
            name,
            is_base,
            process,
            rounds,
            resident_kib_after_load,
        } = self;
        process.stop()?;
        Ok(Contender {
            name,
            is_base,
            process: (),
            rounds,
            resident_kib_after_load,
        })
    }
}

impl Round {
    /// Sums up.
    pub fn new(mut outcome: Outcome, cpu: Duration) -> Self {
        outcome.latencies.sort_unstable();
        let at = |part: f64| outcome.latencies[(outcome.latencies.len() as f64 * part) as usize];
        Self {
            answered: outcome.latencies.len(),
            per_second: outcome.latencies.len() as f64 / outcome.elapsed.as_secs_f64(),
            p50: at(0.50),
            p99: at(0.99),
            cpu,
        }
    }

    fn cpu_micros(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.answered as f64
    }
}

impl Contender<()> {
    fn median(&self, of: impl Fn(&Round) -> f64) -> f64 {
        median(self.rounds.iter().map(of))
    }

    /// The median over the rounds of what this one did against what `base` did in the same round.
    fn ratio(&self, base: &Self, of: impl Fn(&Round) -> f64) -> f64 {
        median(
            self.rounds
                .iter()
                .zip(&base.rounds)
                .map(|(ours, theirs)| of(ours) / of(theirs)),
        )
    }

    /// The bars are ours; the bare handler is only the measure.
    fn judged(&self, figure: String, met: bool) -> String {
        if self.is_base {
            figure
        } else {
            format!("{figure} {}", verdict(met))
        }
    }
}

/// Prints the table.
pub fn print(report: &Report) {
    println!();
    print_rounds(&report.contenders);
    print_starts(&report.cold_starts, &report.weighed);
    println!();
}

/// What the servers did side by side.
fn print_rounds(contenders: &[Contender<()>; 3]) {
    let [base, ..] = contenders;
    let row = |name: &str, cell: &dyn Fn(&Contender<()>) -> String| {
        let cells: Vec<String> = contenders.iter().map(cell).collect();
        println!("| {name} | {} |", cells.join(" | "));
    };
    let millis = |duration: Duration| duration.as_secs_f64() * 1e3;
    let title = format!("Client credentials, {CONNECTIONS} connections");
    row(&title, &|one| one.name.to_owned());
    println!("|---|---:|---:|---:|");
    row("Requests a second", &|one| {
        format!("{:.0}", one.median(|round| round.per_second))
    });
    row(
        &format!("… against the bare handler (bar: ≥ {RATIO_BAR:.2})"),
        &|one| {
            let ratio = one.ratio(base, |round| round.per_second);
            one.judged(format!("{ratio:.2}"), ratio >= RATIO_BAR)
        },
    );
    row("Processor time of a request, µs", &|one| {
        format!("{:.1}", one.median(Round::cpu_micros))
    });
    row("… against the bare handler", &|one| {
        format!("{:.2}", one.ratio(base, Round::cpu_micros))
    });
    row("Latency p50, ms", &|one| {
        format!("{:.2}", one.median(|round| millis(round.p50)))
    });
    row("Latency p99, ms", &|one| {
        format!("{:.2}", one.median(|round| millis(round.p99)))
    });
    let bar = RESIDENT_BAR_KIB / 1024;
    row(&format!("Resident after these rounds, MiB (bar: < {bar})"), &|one| {
        let kib = one.resident_kib_after_load;
        one.judged(mebibytes(kib), kib < RESIDENT_BAR_KIB)
    });
}

/// What `demo` did when it was started again.
fn print_starts(cold_starts: &[Duration], weighed: &Weighed) {
    let row = |name: &str, figure: String, met: bool| println!("| {name} | | {figure} {} | |", verdict(met));
    let resident = |name: &str, kib: u64| row(name, mebibytes(kib), kib < RESIDENT_BAR_KIB);
    let bar = RESIDENT_BAR_KIB / 1024;
    resident(
        "Resident when started on an existing database, MiB",
        weighed.started_kib,
    );
    resident(
        &format!("… after {} requests, MiB (bar: < {bar})", weighed.served),
        weighed.served_kib,
    );
    let cold = median(cold_starts.iter().map(Duration::as_secs_f64));
    let (times, bar) = (cold_starts.len(), COLD_START_BAR.as_millis());
    row(
        &format!("Start to first answer on an existing database, median of {times}, ms (bar: < {bar})"),
        format!("{:.0}", cold * 1e3),
        cold < COLD_START_BAR.as_secs_f64(),
    );
}

fn mebibytes(kib: u64) -> String {
    format!("{:.1}", kib as f64 / 1024.0)
}

/// Prints a line as it is.
pub fn line(text: &str) {
    println!("{text}");
}

/// Something does not work.
pub fn failure(error: &anyhow::Error) -> ExitCode {
    eprintln!("the benchmark failed: {error:#}");
    ExitCode::FAILURE
}

fn verdict(met: bool) -> &'static str {
    if met { "PASS" } else { "MISS" }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}
