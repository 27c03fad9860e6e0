//! How soon a server answers, and what it holds while nobody asks anything.

use std::time::Duration;

use crate::measure::median;
use crate::ours::Installation;
use crate::process::resident_kib;

/// Memory is weighed after this long without a request.
const IDLE: Duration = Duration::from_secs(1);

/// One server's starts.
#[derive(Clone, Debug)]
pub struct Starts {
    /// Whose.
    pub name: String,
    /// From starting the process to its first answer, on a database that is there.
    pub times: Vec<Duration>,
    /// Resident memory after the first answer and a second of rest.
    pub idle_kib: u64,
}

impl Starts {
    /// The median, in milliseconds.
    pub fn millis(&self) -> f64 {
        median(self.times.iter().map(|time| time.as_secs_f64() * 1e3))
    }
}

/// Starts it so many times.
pub async fn run(name: &str, installation: &Installation, count: usize) -> anyhow::Result<Starts> {
    let mut times = Vec::new();
    loop {
        let (process, time) = installation.serve().await?;
        times.push(time);
        if times.len() >= count {
            tokio::time::sleep(IDLE).await;
            let idle_kib = resident_kib(&[process.id()])?;
            process.stop()?;
            let name = name.to_owned();
            return Ok(Starts { name, times, idle_kib });
        }
        process.stop()?;
    }
}
