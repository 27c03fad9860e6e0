//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};

use crate::measure::Rounds;
use crate::ours::Size;
use crate::workload::Workload;

/// Everything but a [`Workload`].
pub const MIX: &str = "mix";
/// Workloads on databases of different sizes.
pub const GROWTH: &str = "growth";
/// Cold starts and idle memory.
pub const STARTS: &str = "starts";

/// What to do.
pub struct Options {
    /// As it was given.
    pub command: String,
    /// Figures are wanted, and not only whether everything works.
    pub measures: bool,
    /// A PostgreSQL server, by a superuser's address.
    pub postgres: Option<String>,
    /// Its first process.
    pub postgres_process: Option<u32>,
    /// Where the report goes besides standard output.
    pub report: Option<PathBuf>,
    /// Where databases and logs go, on the disk that is to be measured.
    pub folder: PathBuf,
    /// Names of workloads, or parts of them; none: all.
    only: Vec<String>,
    /// Numbers of rows, ascending.
    pub growth: Vec<u64>,
    /// How the workloads are measured.
    pub rounds: Rounds,
    /// How the mix is.
    pub mix_rounds: Rounds,
    /// How many cold starts.
    pub starts: usize,
    /// What is made ready.
    pub size: Size,
}

const fn rounds(count: usize, length: u64, warm_up: u64) -> Rounds {
    Rounds {
        count,
        length: Duration::from_millis(length),
        warm_up: Duration::from_millis(warm_up),
    }
}

/// Whether this is a part of a name that something has. Filters of `cargo bench` may be meant for others.
fn is_known(part: &str) -> bool {
    let mut names = Workload::ALL
        .iter()
        .map(|workload| workload.key())
        .chain([MIX, GROWTH, STARTS]);
    names.any(|name| name.contains(part))
}

impl Options {
    /// Reads the arguments. Cargo gives `--bench` to benchmarks, and nothing (or `--test`) when it only tests them.
    pub fn read(arguments: impl Iterator<Item = String>) -> anyhow::Result<Self> {
        let arguments: Vec<String> = arguments.collect();
        let asked = |name: &str| arguments.iter().any(|argument| argument == name);
        let mut options = if !asked("--bench") || asked("--test") {
            Self::smoke()
        } else if asked("--quick") {
            Self::quick()
        } else {
            Self::full()
        };
        if let Ok(command) = std::env::var("BENCHMARK_COMMAND") {
            options.command = command;
        }
        let mut rest = arguments.into_iter();
        while let Some(argument) = rest.next() {
            let mut value = || rest.next().with_context(|| format!("{argument} needs a value"));
            match argument.as_str() {
                "--bench" | "--test" | "--quick" | "--nocapture" => {}
                "--postgres" => options.postgres = Some(value()?),
                "--postgres-process" => options.postgres_process = Some(value()?.parse()?),
                "--report" => options.report = Some(value()?.into()),
                "--folder" => options.folder = value()?.into(),
                "--only" => {
                    for part in value()?.split(',') {
                        ensure!(is_known(part), "--only {part}: there is no such workload");
                        options.only.push(part.to_owned());
                    }
                }
                "--growth" => {
                    let sizes = value()?;
                    let sizes = sizes.split(',').filter(|size| !size.is_empty());
                    options.growth = sizes.map(str::parse).collect::<Result<_, _>>()?;
                    options.growth.sort_unstable();
                }
                filter if !filter.starts_with('-') => options.only.push(filter.to_owned()),
                unknown => bail!("unknown option {unknown}"),
            }
        }
        Ok(options)
    }

    /// Whether something of this name is to be run.
    pub fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|part| name.contains(part.as_str()))
    }

    /// The workloads that are to be run.
    pub fn workloads(&self) -> Vec<Workload> {
        let all = Workload::ALL.into_iter();
        all.filter(|workload| self.wants(workload.key())).collect()
    }

    /// Whether there is anything to do.
    pub fn wants_anything(&self) -> bool {
        !self.workloads().is_empty() || [MIX, GROWTH, STARTS].iter().any(|name| self.wants(name))
    }

    /// How much is measured, in words.
    pub fn plan(&self) -> String {
        let Rounds { count, length, .. } = self.rounds;
        format!("{count} rounds of {:.1} s for each server.", length.as_secs_f64())
    }

    fn full() -> Self {
        Self {
            command: "cargo bench --bench server".to_owned(),
            measures: true,
            postgres: None,
            postgres_process: None,
            report: None,
            folder: std::env::temp_dir(),
            only: Vec::new(),
            growth: vec![10_000, 1_000_000, 10_000_000],
            rounds: rounds(5, 1_000, 400),
            mix_rounds: rounds(5, 2_000, 700),
            starts: 10,
            size: Size::FULL,
        }
    }

    fn quick() -> Self {
        Self {
            command: "cargo bench --bench server -- --quick".to_owned(),
            growth: vec![10_000, 100_000],
            rounds: rounds(3, 800, 300),
            mix_rounds: rounds(3, 1_500, 500),
            starts: 5,
            ..Self::full()
        }
    }

    fn smoke() -> Self {
        Self {
            measures: false,
            postgres: std::env::var("PORTCULLIS_TEST_POSTGRES").ok(),
            growth: vec![200, 400],
            rounds: rounds(1, 60, 10),
            mix_rounds: rounds(1, 400, 10),
            starts: 1,
            size: Size::SMOKE,
            ..Self::full()
        }
    }
}
