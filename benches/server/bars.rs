//! What is asked of this server, and whether it was reached.

use crate::contender::Role;
use crate::measure::{Entry, Round, Table};
use crate::report::Report;
use crate::workload::Workload;

/// A bar and what was measured.
pub struct Bar {
    /// What is asked.
    pub text: String,
    /// What came out.
    pub measured: String,
    /// Whether that is enough.
    pub met: bool,
}

impl Bar {
    fn at_least(text: String, measured: f64, bar: f64) -> Self {
        let met = measured >= bar;
        let measured = format!("{measured:.2}");
        Self { text, measured, met }
    }

    fn at_most(text: String, measured: f64, bar: f64, unit: &str) -> Self {
        let met = measured <= bar;
        let measured = format!("{measured:.2}{unit}");
        Self { text, measured, met }
    }
}

const OURS: [(Role, &str); 2] = [(Role::OursOnSqlite, "SQLite"), (Role::OursOnPostgres, "PostgreSQL")];
/// The peer that bars name.
const NAMED_PEER: &str = "oidc-provider";

/// All whose workloads were run.
pub fn judge(report: &Report) -> Vec<Bar> {
    let mut bars = Vec::new();
    for table in &report.tables {
        for (role, store) in OURS {
            if let Some(ours) = entry(table, role) {
                against_limits(&mut bars, table, ours, store);
                against_the_peer(&mut bars, table, ours, store);
            }
        }
    }
    for mix in &report.mixes {
        let text = format!("Introspection beside sign-ins, {}: p99 ≤ 2 × that without", mix.name);
        bars.push(Bar::at_most(text, mix.stretch(), 2.0, " ×"));
    }
    growth(&mut bars, report);
    for starts in &report.starts {
        let text = format!("Start to first discovery answer, {}: < 50 ms", starts.name);
        bars.push(Bar::at_most(text, starts.millis(), 50.0, " ms"));
        let text = format!("Resident memory when idle, {}: < 30 MB", starts.name);
        bars.push(Bar::at_most(text, megabytes(starts.idle_kib), 30.0, " MB"));
    }
    bars.extend(memory(report));
    bars
}

fn rate(round: &Round) -> f64 {
    round.per_second
}

fn entry(table: &Table, role: Role) -> Option<&Entry> {
    table.entries.iter().find(|entry| entry.role == role)
}

fn against_limits(bars: &mut Vec<Bar>, table: &Table, ours: &Entry, store: &str) {
    let title = table.workload.title();
    let share = match table.workload {
        Workload::ClientCredentialsEs256 | Workload::ClientCredentialsRs256 => 0.75,
        Workload::Discovery | Workload::Jwks => 0.90,
        Workload::IntrospectJwt | Workload::UserinfoJwt => 0.50,
        Workload::Refresh if ours.role == Role::OursOnPostgres => 0.60,
        Workload::Refresh => 1.00,
        _ => 0.0,
    };
    let limit = entry(table, limit_of(table.workload, ours.role));
    if let Some(limit) = limit.filter(|_| share > 0.0) {
        let text = format!("{title}, {store}: ≥ {share:.2} of {}", limit.name);
        bars.push(Bar::at_least(text, ours.ratio(limit, rate), share));
    }
    let (trips, commits) = match table.workload {
        Workload::Refresh => (2.0, None),
        Workload::CodeFlow => (5.0, Some(2.0)),
        _ => return,
    };
    if ours.role != Role::OursOnPostgres {
        return;
    }
    // Jobs in the background commit now and then.
    const BACKGROUND: f64 = 0.05;
    if let Some(measured) = ours.median_of(|round| round.round_trips.map(|count| round.each(count))) {
        let text = format!("{title}, {store}: at most {trips} round trips");
        bars.push(Bar::at_most(text, measured, trips + BACKGROUND, ""));
    }
    let measured = ours.median_of(|round| round.commits.map(|count| round.each(count)));
    if let Some((measured, commits)) = measured.zip(commits) {
        let text = format!("{title}, {store}: at most {commits} commits");
        bars.push(Bar::at_most(text, measured, commits + BACKGROUND, ""));
    }
}

fn against_the_peer(bars: &mut Vec<Bar>, table: &Table, ours: &Entry, store: &str) {
    let times = match table.workload {
        Workload::ClientCredentialsEs256 => 7.0,
        Workload::Refresh => 1.0,
        _ => return,
    };
    let peer = table
        .entries
        .iter()
        .find(|entry| entry.role == Role::Peer && entry.name.contains(NAMED_PEER));
    if let Some(peer) = peer {
        let text = format!("{}, {store}: ≥ {times} × {}", table.workload.title(), peer.name);
        bars.push(Bar::at_least(text, ours.ratio(peer, rate), times));
    }
}

/// What a server of this role cannot be expected to beat in this workload.
pub fn limit_of(workload: Workload, role: Role) -> Role {
    match (workload, role) {
        (Workload::Refresh | Workload::CodeFlow | Workload::DeviceStart, Role::OursOnSqlite) => Role::CommitOnSqlite,
        (Workload::Refresh | Workload::CodeFlow | Workload::DeviceStart, Role::OursOnPostgres) => {
            Role::CommitOnPostgres
        }
        _ => Role::Limit,
    }
}

fn growth(bars: &mut Vec<Bar>, report: &Report) {
    for table in &report.growth {
        let [first, .., last] = &table.entries[..] else {
            continue;
        };
        let growth = last.ratio(first, Round::cpu_per_thousand);
        let text = format!(
            "{}: cost with {} ≤ 1.10 × that with {}",
            table.workload.title(),
            last.name,
            first.name
        );
        bars.push(Bar::at_most(text, growth, 1.10, " ×"));
    }
}

fn memory(report: &Report) -> Option<Bar> {
    let is_ours = |entry: &&Entry| matches!(entry.role, Role::OursOnSqlite | Role::OursOnPostgres);
    let tables = report.tables.iter().chain(&report.growth);
    let rounds = tables
        .flat_map(|table| table.entries.iter().filter(is_ours))
        .flat_map(|entry| &entry.rounds);
    let peaks = rounds.filter_map(|round| round.peak_kib);
    let peak = peaks.chain(report.mixes.iter().map(|mix| mix.peak_kib)).max()?;
    let text = "Resident memory at its peak, any workload: < 80 MB".to_owned();
    Some(Bar::at_most(text, megabytes(peak), 80.0, " MB"))
}

/// Of a thousand thousand bytes.
pub fn megabytes(kib: u64) -> f64 {
    kib as f64 * 1024.0 / 1e6
}
