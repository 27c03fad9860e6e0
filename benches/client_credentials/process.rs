//! The servers, each a process of its own: started, watched and ended here.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::bare;
use crate::load::Connection;

const PORTCULLIS: &str = env!("CARGO_BIN_EXE_portcullis");
/// A first start makes keys and hashes a password, which a debug build takes its time for.
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

/// What `demo --json` prints.
pub struct Announced(Value);

impl Announced {
    /// A request for a token of the demo's machine client.
    pub fn token_request(&self) -> Vec<u8> {
        let text = |pointer: &str| self.0.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let client = text("/clients/service/client_id");
        let secret = text("/clients/service/client_secret");
        let body = "grant_type=client_credentials&scope=notes%3Aread+notes%3Awrite";
        let credentials = STANDARD.encode(format!("{client}:{secret}"));
        let head = format!(
            "POST /token HTTP/1.1\r\nhost: localhost\r\nauthorization: Basic {credentials}\r\naccept: application/json\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        [head.as_bytes(), body.as_bytes()].concat()
    }

    fn port(&self, name: &str) -> anyhow::Result<u16> {
        let url: url::Url = self.0[name]
            .as_str()
            .context("the demo announced no address")?
            .parse()?;
        url.port().context("the demo announced no port")
    }
}

/// The bare handler: this program once more.
pub fn bare() -> anyhow::Result<Process> {
    let mut child = Command::new(std::env::current_exe()?)
        .arg(bare::ARGUMENT)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let line = first_line(&mut child);
    let mut process = Process {
        child,
        address: SocketAddr::from(([127, 0, 0, 1], 0)),
    };
    process.address = line?.trim().parse()?;
    Ok(process)
}

/// A demo with a new database.
pub fn demo(data: &Path) -> anyhow::Result<(Process, Announced)> {
    let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
    let child = demo_command(data, anywhere, anywhere).stdout(Stdio::piped()).spawn()?;
    let mut process = Process {
        child,
        address: anywhere,
    };
    let line = first_line(&mut process.child)?;
    let announced = Announced(serde_json::from_str(&line).context("the demo did not print JSON")?);
    process.address.set_port(announced.port("issuer")?);
    Ok((process, announced))
}

/// The same demo once more; and how long it took from starting the process to its first answer.
pub async fn demo_again(data: &Path, was: &Announced, address: SocketAddr) -> anyhow::Result<(Process, Duration)> {
    let playground = SocketAddr::new(address.ip(), was.port("playground")?);
    let started = Instant::now();
    let child = demo_command(data, address, playground).stdout(Stdio::null()).spawn()?;
    let mut process = Process { child, address };
    process.first_answer().await?;
    Ok((process, started.elapsed()))
}

fn demo_command(data: &Path, address: SocketAddr, playground: SocketAddr) -> Command {
    let mut command = Command::new(PORTCULLIS);
    command.args(["demo", "--json", "--data"]).arg(data);
    command.args([
        "--listen",
        &address.to_string(),
        "--playground",
        &playground.to_string(),
    ]);
    command
}

/// A server on the demo's database, with the log of every request in a file.
pub async fn serve(data: &Path) -> anyhow::Result<(Process, PathBuf)> {
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let log = data.join("requests.log");
    let mut command = Command::new(PORTCULLIS);
    command.args([
        "serve",
        "--listen",
        &address.to_string(),
        "--issuer",
        &format!("http://localhost:{}", address.port()),
    ]);
    command.args(["--set", "log.level=info", "--data"]).arg(data);
    let child = command.current_dir(data).stderr(File::create(&log)?).spawn()?;
    let mut process = Process { child, address };
    process.first_answer().await?;
    Ok((process, log))
}

impl Process {
    /// Processor time used so far, of all threads, in the kernel too.
    pub fn cpu_time(&self) -> anyhow::Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The name of the program stands in parentheses and may hold anything; utime and stime are fields 14 and 15.
        let (_, fields) = stat.rsplit_once(')').context("/proc/PID/stat has another form")?;
        let ticks: Vec<u32> = fields
            .split_whitespace()
            .skip(11)
            .take(2)
            .map(str::parse)
            .collect::<Result<_, _>>()?;
        Ok(TICK * ticks.iter().sum())
    }

    /// Memory in use.
    pub fn resident_kib(&self) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .context("no VmRSS in /proc/PID/status")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }

    /// Waits until it listens, and for the first 200.
    async fn first_answer(&mut self) -> anyhow::Result<()> {
        const REQUEST: &[u8] = b"GET /.well-known/openid-configuration HTTP/1.1\r\nhost: localhost\r\n\r\n";
        let started = Instant::now();
        loop {
            if let Ok(mut connection) = Connection::open(self.address).await {
                return connection.exchange(REQUEST).await.map(drop);
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
        let id = self.child.id().to_string();
        Command::new("sh").args(["-c", &format!("kill -TERM {id}")]).status()?;
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
