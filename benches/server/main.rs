//! The whole server under load, beside what limits it and beside other servers of its kind. `benches/run.sh` runs it with
//! everything it needs; `cargo bench --bench server` with what is there. Traffic stays on the loopback interface.
//!
//! Requests a second depend on the machine and on what else it does, so each round drives the contenders one after the
//! other, and what counts is the ratio within a round. The report names the bars and whether they are met; missing one is
//! no failure, an answer that was not expected is.

mod bare;
mod bars;
mod commits;
mod contender;
mod database;
mod growth;
mod http;
mod load;
mod machine;
mod measure;
mod mix;
mod options;
mod ours;
mod peer;
mod process;
mod report;
mod script;
mod starts;
mod visitor;
mod workload;

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use bare::Bare;
use commits::Commits;
use contender::Contender;
use database::Postgres;
use options::Options;
use ours::{Installation, Ours};
use report::{Report, progress};

/// As in the server's own binary, so that the bare handler has no worse allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ON_SQLITE: &str = "Portcullis, SQLite";
const ON_POSTGRES: &str = "Portcullis, PostgreSQL";

fn main() -> ExitCode {
    let outcome = if std::env::args().any(|argument| argument == bare::ARGUMENT) {
        bare::serve()
    } else {
        Options::read(std::env::args().skip(1)).and_then(|options| benchmark(&options))
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report::failure(&error),
    }
}

/// One thread drives the load: it needs less than the servers do, and leaves them the other cores.
fn benchmark(options: &Options) -> anyhow::Result<()> {
    if !options.wants_anything() {
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(run(options))?;
    if !options.measures {
        // Its figures mean nothing: the build is not optimised and the rounds are too short.
        report.markdown();
        report::line("everything works; `cargo bench` measures");
        return Ok(());
    }
    let text = report.markdown();
    report::line(&text);
    if let Some(file) = &options.report {
        std::fs::write(file, text)?;
    }
    Ok(())
}

async fn run(options: &Options) -> anyhow::Result<Report> {
    let begun = Instant::now();
    let folder = tempfile::Builder::new()
        .prefix("portcullis-bench")
        .tempdir_in(&options.folder)?;
    let mut report = Report {
        command: options.command.clone(),
        machine: machine::describe(folder.path())?,
        plan: options.plan(),
        ..Report::default()
    };
    let mut postgres = options
        .postgres
        .clone()
        .map(|url| Postgres::new(url, options.postgres_process));
    if postgres.is_none() && options.measures {
        progress("no --postgres: on SQLite only");
    }
    let measured = measure(options, folder.path(), postgres.as_mut(), &mut report).await;
    if let Some(postgres) = &mut postgres {
        postgres.clean_up().await?;
    }
    measured?;
    report.took = begun.elapsed();
    Ok(report)
}

async fn measure(
    options: &Options,
    folder: &Path,
    mut postgres: Option<&mut Postgres>,
    report: &mut Report,
) -> anyhow::Result<()> {
    progress("setting up");
    let mut ours = vec![Installation::new(&folder.join("on-sqlite"), None)?];
    if let Some(postgres) = &mut postgres {
        report.versions.push(("Database".to_owned(), postgres.version().await?));
        let database = (postgres.create().await?, postgres.process);
        ours.push(Installation::new(&folder.join("on-postgres"), Some(database))?);
    }
    let names = [ON_SQLITE, ON_POSTGRES];
    if options.wants(options::STARTS) {
        for (installation, name) in ours.iter().zip(names) {
            progress(&format!("starts: {name}"));
            // The first one makes the signing keys.
            starts::run(name, installation, 1).await?;
            report
                .starts
                .push(starts::run(name, installation, options.starts).await?);
        }
    }
    let mut servers = Vec::new();
    for (installation, name) in ours.into_iter().zip(names) {
        servers.push(Ours::start(installation, options.size, name).await?);
    }
    if options.wants(options::MIX) {
        for server in &mut servers {
            progress(&format!("mix: {}", server.name()));
            report.mixes.push(mix::run(server, options.mix_rounds).await?);
        }
    }
    if !options.workloads().is_empty() {
        workloads(options, folder, servers, postgres.as_deref_mut(), report).await?;
    }
    if let Some(postgres) = postgres.filter(|_| options.wants(options::GROWTH) && !options.growth.is_empty()) {
        report.growth = growth::run(folder, postgres, &options.growth, options.size, options.rounds).await?;
    }
    Ok(())
}

/// Everybody, one workload after the other; all are ended afterwards.
async fn workloads(
    options: &Options,
    folder: &Path,
    servers: Vec<Ours>,
    postgres: Option<&mut Postgres>,
    report: &mut Report,
) -> anyhow::Result<()> {
    let mut contenders: Vec<Box<dyn Contender>> = vec![Box::new(Bare::start()?)];
    contenders.push(Box::new(Commits::Sqlite(folder.join("single-row.db"))));
    if let Some(postgres) = postgres {
        contenders.push(Box::new(Commits::on_postgres(postgres).await?));
    }
    contenders.extend(servers.into_iter().map(|server| Box::new(server) as _));
    if options.measures {
        let theirs = folder.join("peers");
        std::fs::create_dir_all(&theirs)?;
        contenders.extend(peer::start(&theirs).await?);
    }
    for contender in &contenders {
        report.versions.push((contender.name(), contender.version()));
    }
    for workload in options.workloads() {
        progress(workload.title());
        report
            .tables
            .push(measure::run(workload, &mut contenders, options.rounds).await?);
    }
    Ok(())
}
