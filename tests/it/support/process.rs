//! The program itself, as a process of its own: for what a router alone does not show, such as sockets, signals, start-up
//! and the log.

use std::io::{BufRead as _, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::server::TestServer;

/// The longest that a process may take to start or to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running `portcullis`. It is killed when this is dropped.
pub struct Process {
    child: Child,
    stderr: Arc<Mutex<String>>,
    /// Where it listens, once it does.
    pub address: SocketAddr,
    /// Its data directory, unless the caller keeps one.
    _data: Option<TempDir>,
}

/// How a process ended that was not meant to run.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// `portcullis` with nothing of our own environment that it would listen to.
pub fn portcullis(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.args(arguments);
    isolate(&mut command);
    command
}

/// Takes away what the surroundings say about Portcullis, and the console.
pub fn isolate(command: &mut Command) {
    let ours = std::env::vars().filter(|(name, _)| name.starts_with("PORTCULLIS_"));
    for (name, _) in ours {
        command.env_remove(name);
    }
    command
        .current_dir(std::env::temp_dir())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
}

/// Runs a command that ends by itself.
pub fn run(mut command: Command) -> Ended {
    let mut child = command.spawn().unwrap();
    let stderr = collect(child.stderr.take().unwrap());
    let stdout = collect(child.stdout.take().unwrap());
    let status = wait(&mut child);
    if status.is_none() {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    // The readers end with the pipes, which the process has closed by now.
    pause_until(|| Arc::strong_count(&stderr) == 1 && Arc::strong_count(&stdout) == 1);
    let text = |pipe: &Arc<Mutex<String>>| pipe.lock().unwrap().clone();
    Ended {
        code: status.and_then(|status| status.code()),
        stdout: text(&stdout),
        stderr: text(&stderr),
    }
}

impl Process {
    /// `serve` over the server's database, under its issuer and with the master key of its signing keys.
    pub fn serve(server: &TestServer, settings: &[&str]) -> Self {
        let data = tempfile::tempdir().unwrap();
        let command = serve_command(server, data.path(), settings);
        let mut process = Self::listening(command, "ready");
        process._data = Some(data);
        process
    }

    /// Starts `command`, which logs as JSON, and waits for the line `message` that tells the address.
    pub fn listening(command: Command, message: &str) -> Self {
        Self::announced(command, &format!(r#""message":"{message}""#))
    }

    /// Starts any program that logs as JSON, and waits for the line with `needle` and an `address`.
    pub fn announced(mut command: Command, needle: &str) -> Self {
        let mut child = command.spawn().unwrap();
        let stderr = collect(child.stderr.take().unwrap());
        drop(collect(child.stdout.take().unwrap()));
        let found = pause_until(|| stderr.lock().unwrap().contains(needle) || child.try_wait().unwrap().is_some());
        let log = stderr.lock().unwrap().clone();
        let line = log.lines().find(|line| line.contains(needle));
        let (true, Some(line)) = (found, line) else {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("it does not serve: {log}");
        };
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        Self {
            child,
            stderr,
            address: line["address"].as_str().unwrap().parse().unwrap(),
            _data: None,
        }
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }

    /// Waits for a text in its log.
    pub fn logs(&self, text: &str) -> bool {
        pause_until(|| self.stderr.lock().unwrap().contains(text))
    }

    /// A number from a line of `/proc/…/status`, such as `VmRSS` (KiB).
    pub fn status(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// How many files and sockets it has open.
    pub fn open_files(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id()))
            .unwrap()
            .count()
    }

    /// The time that it has computed so far, in hundredths of a second.
    pub fn computed(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        // utime and stime, the 14th and 15th fields of the whole line (proc(5)).
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }

    /// Ends it as a power cut would.
    pub fn kill(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }

    /// Sends it a signal, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([format!("-{name}"), self.child.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
    }

    /// Waits until it ends; `None` if it does not.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        wait(&mut self.child)
    }

    /// A connection to it.
    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends these bytes and reads what comes back until it closes, or says nothing for two seconds.
    pub async fn raw(&self, bytes: impl AsRef<[u8]>) -> Raw {
        let mut stream = self.connect().await;
        // It may answer and close before it has read everything.
        drop(stream.write_all(bytes.as_ref()).await);
        read_to_end(&mut stream, Duration::from_secs(2)).await
    }

    /// The same server as seen through its socket: what a [`TestServer`] can do, this process is asked to do. Where it gives no
    /// answer, the answer is 502.
    pub fn node(&self, server: &TestServer) -> TestServer {
        let address = self.address;
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .unwrap();
        server.through(Router::new().fallback(move |request| forward(client.clone(), address, request)))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// `serve` under a limit of the shell, such as `ulimit -n 256`.
pub fn serve_within(limit: &str, server: &TestServer, data: &std::path::Path, settings: &[&str]) -> Command {
    let mut command = Command::new("bash");
    let program = env!("CARGO_BIN_EXE_portcullis");
    let issuer = server.app.issuer();
    let script = format!("{limit}; exec {program} serve --listen 127.0.0.1:0 --issuer {issuer} \"$@\"");
    command.args(["-c", &script, "serve"]);
    isolate(&mut command);
    configure(&mut command, server, data, settings);
    command
}

/// The command of [`Process::serve`].
pub fn serve_command(server: &TestServer, data: &std::path::Path, settings: &[&str]) -> Command {
    let mut command = portcullis(&["serve", "--listen", "127.0.0.1:0", "--issuer", server.app.issuer()]);
    configure(&mut command, server, data, settings);
    command
}

/// Database, master key, log as JSON, cheap passwords; and further settings as `key=value`.
pub fn configure(command: &mut Command, server: &TestServer, data: &std::path::Path, settings: &[&str]) {
    command.arg("--data").arg(data);
    let fixed = [
        "log.format=json",
        "passwords.memory_kib=8",
        "passwords.iterations=1",
        "server.shutdown_delay=0s",
    ];
    for setting in fixed.iter().chain(settings) {
        command.args(["--set", setting]);
    }
    command
        .env("PORTCULLIS_DATABASE__URL", server.db.url())
        .env("PORTCULLIS_KEYS__MASTER_KEY", STANDARD.encode([7; 32]));
}

/// What came back on a connection.
pub struct Raw {
    pub text: String,
    /// Whether the server closed the connection.
    pub closed: bool,
}

impl Raw {
    /// The status of the first answer; 0 if there was none.
    pub fn status(&self) -> u16 {
        let word = self.text.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3));
        word.map_or(0, |word| word.parse().unwrap())
    }

    /// How many answers there were.
    pub fn answers(&self) -> usize {
        self.text.matches("HTTP/1.1 ").count()
    }
}

/// Reads until the other side closes or is silent for `silence`.
pub async fn read_to_end(stream: &mut TcpStream, silence: Duration) -> Raw {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 16 * 1024]);
    let closed = loop {
        match tokio::time::timeout(silence, stream.read(&mut buffer)).await {
            Err(_) => break false,
            Ok(Ok(0) | Err(_)) => break true,
            Ok(Ok(count)) => bytes.extend_from_slice(&buffer[..count]),
        }
    };
    Raw {
        text: String::from_utf8_lossy(&bytes).into_owned(),
        closed,
    }
}

/// What a proxy does; it has its own way to say that there was no answer.
async fn forward(client: reqwest::Client, address: SocketAddr, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let asked = client
        .request(parts.method, format!("http://{address}{}", parts.uri))
        .headers(parts.headers)
        .body(to_bytes(body, usize::MAX).await.unwrap())
        .send();
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    let Ok(answer) = asked.await else { return response };
    let (status, headers) = (answer.status(), answer.headers().clone());
    let Ok(body) = answer.bytes().await else {
        return response;
    };
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    *response.body_mut() = Body::from(body);
    response
}

/// Reads a pipe on a thread of its own, so that the process never waits for us.
fn collect(pipe: impl Read + Send + 'static) -> Arc<Mutex<String>> {
    let text = Arc::new(Mutex::new(String::new()));
    let into = text.clone();
    std::thread::spawn(move || {
        let mut lines = BufReader::new(pipe);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
            into.lock().unwrap().push_str(&String::from_utf8_lossy(&line));
            line.clear();
        }
    });
    text
}

fn wait(child: &mut Child) -> Option<ExitStatus> {
    let mut status = None;
    pause_until(|| {
        status = child.try_wait().unwrap();
        status.is_some()
    });
    status
}

/// Looks again and again; another process tells nobody when it is ready.
#[expect(clippy::disallowed_methods, reason = "there is no clock to set in another process")]
pub fn pause_until(mut holds: impl FnMut() -> bool) -> bool {
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        if holds() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}

/// The same for what has to be asked for.
pub async fn eventually<T>(mut look: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        if let Some(found) = look().await {
            return Some(found);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    None
}
