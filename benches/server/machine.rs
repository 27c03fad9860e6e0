//! What the figures were measured on.

use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long commits to the disk are tried.
const FSYNC_TRIAL: Duration = Duration::from_secs(1);

/// Describes this machine, with the disk that `folder` lies on.
pub fn describe(folder: &Path) -> anyhow::Result<Vec<(&'static str, String)>> {
    let cpu = std::fs::read_to_string("/proc/cpuinfo")?;
    let model = field(&cpu, "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let cores = std::thread::available_parallelism()?;
    let memory = std::fs::read_to_string("/proc/meminfo")?;
    let kib: f64 = field(&memory, "MemTotal")
        .and_then(|text| text.trim_end_matches(" kB").parse().ok())
        .unwrap_or_default();
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease")?;
    Ok(vec![
        ("Processor", format!("{model}, {cores} cores")),
        ("Memory", format!("{:.0} GiB", kib / 1024.0 / 1024.0)),
        ("Kernel", format!("Linux {}", kernel.trim())),
        (
            "Disk",
            format!(
                "{:.0} synchronous writes of 4 KiB a second, one after the other",
                fsyncs(folder)?
            ),
        ),
    ])
}

fn field(text: &str, name: &str) -> Option<String> {
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    let mut found = lines.filter(|(known, _)| known.trim() == name);
    found.next().map(|(_, value)| value.trim().to_owned())
}

/// In place, as a database writes its log.
fn fsyncs(folder: &Path) -> anyhow::Result<f64> {
    let mut file = tempfile::tempfile_in(folder)?;
    let page = [7; 4096];
    for _ in 0..256 {
        file.write_all(&page)?;
    }
    file.sync_all()?;
    let (started, mut count) = (Instant::now(), 0_u32);
    while started.elapsed() < FSYNC_TRIAL {
        file.write_all_at(&page, u64::from(count % 256) * 4096)?;
        file.sync_data()?;
        count += 1;
    }
    Ok(f64::from(count) / started.elapsed().as_secs_f64())
}
