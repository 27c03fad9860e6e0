//! The machine.

use super::Verdict::{Fail, Warn};
use super::{Finding, bad, bytes, ok};
use crate::cli::doctor::facts::Facts;

/// What a busy day's sign-ins may take.
const DISK_WARN: u64 = 1 << 30;
/// Writes are about to fail.
const DISK_FAIL: u64 = 64 << 20;
/// Connections of clients, of the pool, and the files.
const OPEN_FILES: u64 = 1024;

pub fn data_dir(facts: &Facts) -> Option<Finding> {
    const NAME: &str = "data directory";
    let path = facts.config.server.data_dir.display();
    let needed = facts.config.keys.master_key.is_none();
    match facts.data_dir {
        None if needed => bad(
            NAME,
            Warn,
            format!("{path} is not there yet"),
            "the server makes it at its first start",
        ),
        None => ok(NAME, "none, and nothing needs it"),
        Some(directory) if directory.mode & 0o077 != 0 => {
            let message = format!("{path} has mode {:04o}: others may look into it", directory.mode);
            bad(NAME, Warn, message, format!("chmod 700 {path}"))
        }
        Some(_) => ok(NAME, path.to_string()),
    }
}

pub fn disk(facts: &Facts) -> Option<Finding> {
    const NAME: &str = "disk";
    let free = facts.data_dir?.free?;
    let message = format!("{} free in the data directory", bytes(free));
    let advice = "make room: on a full disk every sign-in is answered 503";
    if free < DISK_FAIL {
        bad(NAME, Fail, message, advice)
    } else if free < DISK_WARN {
        bad(NAME, Warn, message, advice)
    } else {
        ok(NAME, message)
    }
}

pub fn open_files(facts: &Facts) -> Option<Finding> {
    const NAME: &str = "open files";
    match facts.open_files {
        Some(limit) if limit < OPEN_FILES => {
            let message = format!("a process started from here may have {limit} files and connections open");
            bad(
                NAME,
                Warn,
                message,
                "raise it: ulimit -n 65536, or LimitNOFILE= of the service",
            )
        }
        Some(limit) => ok(NAME, format!("up to {limit}")),
        None => ok(NAME, "as many as the machine allows"),
    }
}
