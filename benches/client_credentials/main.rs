//! What the server adds to the price of a signed token: `POST /token` with client credentials, beside a handler that reads
//! the form and signs, and nothing else. `cargo bench` runs it, in about two minutes, on the loopback interface only.
//!
//! Requests a second depend on the machine and on what else it does, so each round drives the contenders one after the
//! other, and what counts is the ratio within a round. The table that is printed names the bars and whether they are met;
//! missing one is no failure, an answer other than 200 is.

mod bare;
mod load;
mod process;
mod report;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use load::Limit;
use process::Process;
use report::{Contender, Report, Round};

/// As in the server's own binary, so that the bare handler has no worse allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How much to measure.
struct Plan {
    rounds: usize,
    round: Duration,
    warm_up: Duration,
    cold_starts: usize,
    requests_before_weighing: u64,
}

const FULL: Plan = Plan {
    rounds: 5,
    round: Duration::from_secs(4),
    warm_up: Duration::from_secs(2),
    cold_starts: 10,
    requests_before_weighing: 10_000,
};

/// Whether everything still works, for `cargo test --all-targets`.
const SMOKE: Plan = Plan {
    rounds: 1,
    round: Duration::from_millis(200),
    warm_up: Duration::from_millis(50),
    cold_starts: 1,
    requests_before_weighing: 100,
};

/// Memory is weighed after this long without a request.
const IDLE: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let asked = |name: &str| arguments.iter().any(|argument| argument == name);
    let outcome = if asked(bare::ARGUMENT) {
        bare::serve()
    } else if asked("--bench") && !asked("--test") {
        measure(&FULL).map(|report| report::print(&report))
    } else {
        // Its figures mean nothing: the build is not optimised and the rounds are too short.
        measure(&SMOKE).map(|_| report::line("everything works; `cargo bench` measures"))
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report::failure(&error),
    }
}

/// One thread drives the load: it needs less than the servers do, and leaves them the other cores.
fn measure(plan: &Plan) -> anyhow::Result<Report> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run(plan))
}

async fn run(plan: &Plan) -> anyhow::Result<Report> {
    let data = tempfile::tempdir()?;
    let (demo, announced) = process::demo(data.path())?;
    // The same database in a second process, which logs every request.
    let (serve, log) = process::serve(data.path()).await?;
    let request = announced.token_request();
    let mut contenders = [
        Contender::base("bare handler", process::bare()?),
        Contender::new("`demo`, log at warn", demo),
        Contender::new("`serve`, log at info into a file", serve),
    ];
    for contender in &contenders {
        let limit = Limit::Time(plan.warm_up);
        load::drive(contender.process.address, &request, limit).await?;
    }
    for _ in 0..plan.rounds {
        for contender in &mut contenders {
            contender
                .rounds
                .push(round(&contender.process, &request, plan.round).await?);
        }
    }
    anyhow::ensure!(std::fs::metadata(&log)?.len() > 0, "nothing was logged");
    for contender in &mut contenders {
        tokio::time::sleep(IDLE).await;
        contender.resident_kib_after_load = contender.process.resident_kib()?;
    }
    let [bare, demo, serve] = contenders;
    let address = demo.process.address;
    let [bare, demo, serve] = [bare.stop()?, demo.stop()?, serve.stop()?];

    let (cold_starts, weighed) = start_again(plan, data.path(), &announced, address).await?;
    Ok(Report {
        contenders: [bare, demo, serve],
        cold_starts,
        weighed,
    })
}

async fn round(process: &Process, request: &[u8], length: Duration) -> anyhow::Result<Round> {
    let before = process.cpu_time()?;
    let outcome = load::drive(process.address, request, Limit::Time(length)).await?;
    let cpu = process.cpu_time()?.saturating_sub(before);
    Ok(Round::new(outcome, cpu))
}

/// From the start of the process to the first answer, again and again on the database that is there; then the memory of
/// the last of these processes, as started and after its requests.
async fn start_again(
    plan: &Plan,
    data: &std::path::Path,
    announced: &process::Announced,
    address: SocketAddr,
) -> anyhow::Result<(Vec<Duration>, report::Weighed)> {
    let mut times = Vec::new();
    loop {
        let (process, time) = process::demo_again(data, announced, address).await?;
        times.push(time);
        if times.len() < plan.cold_starts {
            process.stop()?;
            continue;
        }
        tokio::time::sleep(IDLE).await;
        let started_kib = process.resident_kib()?;
        let limit = Limit::Count(plan.requests_before_weighing);
        let served = load::drive(address, &announced.token_request(), limit)
            .await?
            .latencies
            .len();
        tokio::time::sleep(IDLE).await;
        let weighed = report::Weighed {
            started_kib,
            served,
            served_kib: process.resident_kib()?,
        };
        process.stop()?;
        return Ok((times, weighed));
    }
}
