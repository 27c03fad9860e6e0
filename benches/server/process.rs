//! Processes, their processor time, their memory and their files.

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::http::{Connection, get_request};

/// A first start makes keys, which a debug build takes its time for.
const START_DEADLINE: Duration = Duration::from_secs(60);
const STOP_DEADLINE: Duration = Duration::from_secs(15);
/// How often is looked whether a process listens, or has ended.
const GLANCE: Duration = Duration::from_millis(1);
/// One tick of the kernel's `USER_HZ`, which is 100 on every Linux.
const TICK: Duration = Duration::from_millis(10);

/// A running server. It is killed when this is dropped.
pub struct Process {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

/// An address on the loopback interface that nobody listens at, in this moment.
pub fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

impl Process {
    /// Starts a server that prints the address that it listens at on its first line, and ends with its standard input.
    pub fn announcing(command: &mut Command) -> anyhow::Result<Self> {
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut process = Self {
            child,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        process.address = first_line(&mut process.child)?.trim().parse()?;
        Ok(process)
    }

    /// Starts a server, and waits until it listens at `address` and answers 200 at `path`. How long that took comes along.
    pub async fn answering(command: &mut Command, address: SocketAddr, path: &str) -> anyhow::Result<(Self, Duration)> {
        let started = Instant::now();
        let child = command.stdin(Stdio::null()).spawn();
        let child = child.with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let mut process = Self { child, address };
        process.first_answer(path).await?;
        Ok((process, started.elapsed()))
    }

    /// Its id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    async fn first_answer(&mut self, path: &str) -> anyhow::Result<()> {
        let request = get_request(&format!("localhost:{}", self.address.port()), path, "");
        let started = Instant::now();
        loop {
            if let Ok(mut connection) = Connection::open(self.address).await {
                return connection.exchange(&request).await?.expect(200, "");
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended with {status} before it answered");
            }
            anyhow::ensure!(started.elapsed() < START_DEADLINE, "the server does not listen");
            tokio::time::sleep(GLANCE).await;
        }
    }

    /// Asks it to end, as a supervisor would, and waits.
    pub fn stop(mut self) -> anyhow::Result<()> {
        Command::new("sh")
            .args(["-c", &format!("kill -TERM {}", self.id())])
            .status()?;
        let asked = Instant::now();
        while self.child.try_wait()?.is_none() {
            anyhow::ensure!(asked.elapsed() < STOP_DEADLINE, "the server does not stop");
            std::thread::park_timeout(GLANCE);
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The first line that a process prints, if it comes in time.
fn first_line(child: &mut Child) -> anyhow::Result<String> {
    let output = child.stdout.take().context("the output is not ours to read")?;
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let mut lines = BufReader::new(output).lines();
        tell.send(lines.next()).ok();
        lines.for_each(drop);
    });
    told.recv_timeout(START_DEADLINE)?
        .context("the server ended before it was ready")?
        .context("cannot read its output")
}

/// Processor time that these processes have used so far, of all threads, in the kernel too.
pub fn cpu_time(processes: &[u32]) -> anyhow::Result<Duration> {
    let mut ticks = 0;
    for process in processes {
        ticks += Stat::of(*process)?.own_ticks;
    }
    Ok(TICK * ticks)
}

/// The same of a process, of its children, and of those children that have ended.
pub fn cpu_time_of_family(parent: u32) -> anyhow::Result<Duration> {
    let first = Stat::of(parent)?;
    let mut ticks = first.own_ticks + first.ended_children_ticks;
    for entry in std::fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(id) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // One that has just ended counts with its parent the next time.
        if let Ok(stat) = Stat::of(id) {
            ticks += if stat.parent == parent { stat.own_ticks } else { 0 };
        }
    }
    Ok(TICK * ticks)
}

/// What `/proc/PID/stat` tells.
struct Stat {
    parent: u32,
    own_ticks: u32,
    ended_children_ticks: u32,
}

impl Stat {
    fn of(process: u32) -> anyhow::Result<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
        // The name of the program stands in parentheses and may hold anything. Behind it: state, parent, …; utime and
        // stime, and those of children that have ended, are fields 14 to 17.
        let (_, fields) = stat.rsplit_once(')').context("/proc/PID/stat has another form")?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let number = |at: usize| -> anyhow::Result<u32> {
            let field = fields.get(at).context("/proc/PID/stat is too short")?;
            Ok(field.parse()?)
        };
        Ok(Self {
            parent: number(1)?,
            own_ticks: number(11)? + number(12)?,
            ended_children_ticks: number(13)? + number(14)?,
        })
    }
}

/// Begins to watch the most memory that these processes hold at a time.
pub fn forget_peak_memory(processes: &[u32]) {
    for process in processes {
        // Where the kernel does not let us, the peak is that since the start, which is no better for the server.
        std::fs::write(format!("/proc/{process}/clear_refs"), "5").ok();
    }
}

/// The most resident memory since then.
pub fn peak_kib(processes: &[u32]) -> anyhow::Result<u64> {
    sum_of(processes, "VmHWM:")
}

/// The resident memory now.
pub fn resident_kib(processes: &[u32]) -> anyhow::Result<u64> {
    sum_of(processes, "VmRSS:")
}

fn sum_of(processes: &[u32], field: &str) -> anyhow::Result<u64> {
    let mut sum = 0;
    for process in processes {
        let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let line = line.with_context(|| format!("no {field} in /proc/PID/status"))?;
        sum += line.trim().trim_end_matches(" kB").parse::<u64>()?;
    }
    Ok(sum)
}

/// How long a file is; nothing if it is not there.
pub fn length_of(file: &Path) -> u64 {
    std::fs::metadata(file).map_or(0, |metadata| metadata.len())
}
