//! Whether a request costs the same when the tables have grown: one server on each of several databases of different sizes,
//! all in the same rounds. What counts is processor time, of the server and of PostgreSQL together.

pub mod data;

use std::path::Path;

use crate::contender::Contender;
use crate::database::Postgres;
use crate::measure::{Rounds, Table};
use crate::ours::{Installation, Ours, Size};
use crate::workload::Workload;

/// What is measured at each size. The chains of refresh tokens come last: what they spend was known to the others.
const WORKLOADS: [Workload; 4] = [
    Workload::ClientCredentialsEs256,
    Workload::IntrospectJwt,
    Workload::IntrospectOpaque,
    Workload::Refresh,
];

/// Fills a database for each number of rows, and measures. The entries are in the order of `sizes`.
pub async fn run(
    folder: &Path,
    postgres: &mut Postgres,
    sizes: &[u64],
    size: Size,
    rounds: Rounds,
) -> anyhow::Result<Vec<Table>> {
    let mut contenders: Vec<Box<dyn Contender>> = Vec::new();
    for rows in sizes {
        let url = postgres.create().await?;
        let folder = folder.join(format!("growth-{rows}"));
        let installation = Installation::new(&folder, Some((url.clone(), postgres.process)))?;
        let name = format!("{} grants and refresh tokens", crate::report::thousands(*rows as f64));
        let mut server = Ours::start(installation, size, &name).await?;
        let grown = server.grow(&url, *rows).await?;
        crate::report::progress(&format!(
            "growth: {name} are there after {:.0} s, in {:.2} GB",
            grown.took.as_secs_f64(),
            grown.size as f64 / 1e9
        ));
        contenders.push(Box::new(server));
    }
    let mut tables = Vec::new();
    for workload in WORKLOADS {
        crate::report::progress(&format!("growth: {}", workload.title()));
        tables.push(crate::measure::run(workload, &mut contenders, rounds).await?);
    }
    Ok(tables)
}
