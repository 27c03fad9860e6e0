//! The process as its operating system sees it, under the names that every Prometheus client library uses. From `/proc`;
//! where that does not exist there is nothing to tell.

use std::fs;

use super::{Metrics, names};

/// What `/proc` counts time in, on every architecture that Linux tells user space about.
const TICKS_PER_SECOND: u64 = 100;

/// Asks and sets.
pub fn observe(metrics: &Metrics) {
    if let Some(stat) = read("/proc/self/stat").as_deref().and_then(Stat::parse) {
        metrics.total(&names::CPU, &[], stat.cpu_ticks / TICKS_PER_SECOND);
        metrics.set(&names::THREADS, &[], float(stat.threads));
        if let Some(boot) = read("/proc/stat").as_deref().and_then(boot_time) {
            let started = float(boot) + float(stat.start_ticks) / float(TICKS_PER_SECOND);
            metrics.set(&names::STARTED, &[], started);
        }
    }
    if let Some(kib) = read("/proc/self/status").as_deref().and_then(resident_kib) {
        metrics.set(&names::RESIDENT, &[], float(kib * 1024));
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        // The directory itself is open while it is read.
        metrics.set(&names::OPEN_FILES, &[], float(open.count().saturating_sub(1) as u64));
    }
    if let Some(limit) = read("/proc/self/limits").as_deref().and_then(file_limit) {
        metrics.set(&names::FILE_LIMIT, &[], float(limit));
    }
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path).ok()
}

/// Exact up to 2^53, which no count of bytes or ticks comes near.
#[expect(clippy::cast_precision_loss, reason = "exact for all that is counted here")]
fn float(count: u64) -> f64 {
    count as f64
}

#[derive(Debug, PartialEq, Eq)]
struct Stat {
    cpu_ticks: u64,
    threads: u64,
    start_ticks: u64,
}

impl Stat {
    /// `proc_pid_stat(5)`. The second field is a name in parentheses that may hold anything, so counting begins behind it,
    /// where field 3 is.
    fn parse(text: &str) -> Option<Self> {
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        Some(Self {
            cpu_ticks: field(14)? + field(15)?,
            threads: field(20)?,
            start_ticks: field(22)?,
        })
    }
}

/// The value behind `key` at the start of a line.
fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let rest = text.lines().find_map(|line| line.strip_prefix(key))?;
    rest.split_whitespace().next()
}

fn boot_time(text: &str) -> Option<u64> {
    value(text, "btime ")?.parse().ok()
}

fn resident_kib(text: &str) -> Option<u64> {
    value(text, "VmRSS:")?.parse().ok()
}

/// `None` also for `unlimited`.
fn file_limit(text: &str) -> Option<u64> {
    value(text, "Max open files")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_counted_behind_the_name() {
        let text = "7 (a) b 1 2) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 9 0 5000 1000 200 18446744073709551615";
        let expected = Stat {
            cpu_ticks: 300,
            threads: 9,
            start_ticks: 5000,
        };
        assert_eq!(Stat::parse(text), Some(expected));
        assert_eq!(Stat::parse("7 (a) S 1"), None);
        assert_eq!(Stat::parse(""), None);
    }

    #[test]
    fn lines_are_found_by_their_key() {
        assert_eq!(boot_time("cpu 1 2\nbtime 1700000000\n"), Some(1_700_000_000));
        assert_eq!(resident_kib("VmPeak:\t 9 kB\nVmRSS:\t   2048 kB\n"), Some(2048));
        assert_eq!(
            file_limit("Max open files            1024      4096    files\n"),
            Some(1024)
        );
        assert_eq!(
            file_limit("Max open files            unlimited unlimited files\n"),
            None
        );
    }

    #[test]
    fn this_process_can_be_observed() {
        let metrics = Metrics::on().unwrap();
        observe(&metrics);
        let text = metrics.render().unwrap();
        let found = |name: &str| -> f64 {
            let prefix = format!("{name} ");
            let line = text.lines().find_map(|line| line.strip_prefix(&prefix));
            line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
        };
        assert!(found("process_resident_memory_bytes") > 1e6);
        assert!(found("process_open_fds") >= 3.0);
        assert!(found("process_threads") >= 1.0);
        assert!(found("process_start_time_seconds") > 1.7e9);
        assert!(text.contains("process_cpu_seconds_total "));
    }
}
