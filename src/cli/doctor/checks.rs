//! Judging what was found. The order is that of the report: what the later checks rest on comes first.

mod machine;
mod reach;
mod storage;

use super::facts::Facts;
use crate::cli::output;
use machine::{data_dir, disk, open_files};
use reach::{certificate, clock, configuration, fetches, issuer, network, proxies, registration};
use storage::{commits, connections, database, history, master_key, people_and_apps, schema, signing_keys, writes};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// It works, and somebody should look.
    Warn,
    /// It does not work, or is not safe.
    Fail,
}

impl Verdict {
    /// As it is printed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// What a check says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The check's name.
    pub check: &'static str,
    /// How bad it is.
    pub verdict: Verdict,
    /// What was found.
    pub message: String,
    /// What to do about it.
    pub advice: Option<String>,
}

/// A check; `None` when there is nothing to say.
type Check = fn(&Facts) -> Option<Finding>;

/// All of them.
pub const CHECKS: &[Check] = &[
    configuration,
    issuer,
    network,
    clock,
    certificate,
    proxies,
    fetches,
    registration,
    database,
    schema,
    writes,
    connections,
    commits,
    history,
    master_key,
    signing_keys,
    data_dir,
    disk,
    open_files,
    people_and_apps,
];

const DAY: i64 = 24 * 3600;

fn ok(check: &'static str, message: impl Into<String>) -> Option<Finding> {
    Some(Finding {
        check,
        verdict: Verdict::Ok,
        message: message.into(),
        advice: None,
    })
}

fn bad(
    check: &'static str,
    verdict: Verdict,
    message: impl Into<String>,
    advice: impl Into<String>,
) -> Option<Finding> {
    Some(Finding {
        check,
        verdict,
        message: message.into(),
        advice: Some(advice.into()),
    })
}

/// The one finding when there is nothing else to look at.
pub fn unconfigured(problem: &str) -> Finding {
    Finding {
        check: "configuration",
        verdict: Verdict::Fail,
        message: output::one_line(problem),
        advice: None,
    }
}

fn bytes(count: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.into_iter().find(|(size, _)| count >= *size) {
        Some((size, unit)) => format!("{}.{} {unit}", count / size, count % size * 10 / size),
        None => format!("{count} bytes"),
    }
}

#[cfg(test)]
mod tests;
