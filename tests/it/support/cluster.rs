//! A PostgreSQL server of a test's own, which may be killed.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::process::pause_until;

/// It runs until it is killed, and at the latest until this is dropped.
pub struct Cluster {
    home: TempDir,
    bin: PathBuf,
    port: u16,
    /// The largest file that the server may write, in KiB.
    file_limit: Option<u32>,
}

/// How a superuser reaches it without a password.
const SETTINGS: &str = "-c listen_addresses=127.0.0.1 -c max_connections=60 -c shared_buffers=16MB -c full_page_writes=off \
    -c max_wal_size=64MB -c autovacuum=off";

impl Cluster {
    /// Starts one. `None` where PostgreSQL is not installed, or the caller of the tests asked to leave it out.
    pub fn start() -> Option<Self> {
        Self::start_with(None)
    }

    /// Starts one that can write no file beyond `kib`: what a full disk looks like.
    pub fn start_on_a_small_disk(kib: u32) -> Option<Self> {
        Self::start_with(Some(kib))
    }

    fn start_with(file_limit: Option<u32>) -> Option<Self> {
        if std::env::var("PORTCULLIS_SKIP_POSTGRES").is_ok_and(|skip| skip == "1") {
            return None;
        }
        let bin = bin()?;
        let home = tempfile::tempdir().unwrap();
        std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let folder = home.path().join("postgres");
        std::fs::create_dir(&folder).unwrap();
        if is_root() {
            assert!(
                Command::new("chown")
                    .arg("postgres")
                    .arg(&folder)
                    .status()
                    .unwrap()
                    .success()
            );
        }
        let mut cluster = Self {
            home,
            bin,
            port: 0,
            file_limit,
        };
        let data = cluster.data();
        let arguments = "--username=postgres --auth=trust --encoding=UTF8 --locale=C.UTF-8 --no-sync --wal-segsize=1";
        let initdb = cluster.bin.join("initdb");
        let made = unprivileged(&format!("{} --pgdata={} {arguments}", initdb.display(), data.display()));
        assert!(made, "initdb");
        // Somebody else may take a free port before it is bound.
        for _ in 0..5 {
            cluster.port = free_port();
            if cluster.start_once() {
                return Some(cluster);
            }
        }
        panic!("PostgreSQL does not start: {}", cluster.log());
    }

    /// The database that every cluster has.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Kills every process of it, as a power cut would.
    pub fn kill(&self) {
        let Some(postmaster) = self.postmaster() else { return };
        let children = std::fs::read_to_string(format!("/proc/{postmaster}/task/{postmaster}/children"));
        let children = children.unwrap_or_default();
        let all: Vec<_> = std::iter::once(postmaster.as_str())
            .chain(children.split_whitespace())
            .collect();
        // A backend may have ended since.
        drop(
            Command::new("kill")
                .arg("-KILL")
                .args(&all)
                .stderr(std::process::Stdio::null())
                .status(),
        );
        assert!(
            pause_until(|| all.iter().all(|id| !is_running(id))),
            "a killed process ends"
        );
    }

    /// Starts it again.
    pub fn restart(&self) {
        assert!(
            pause_until(|| self.start_once()),
            "PostgreSQL does not start again: {}",
            self.log()
        );
    }

    /// Lets clients in by another rule: the first line of `pg_hba.conf` from now on.
    pub fn admit(&self, rule: &str) {
        let file = self.data().join("pg_hba.conf");
        let rules = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, format!("{rule}\n{rules}")).unwrap();
        self.control("reload");
    }

    fn start_once(&self) -> bool {
        let (home, data) = (self.home.path().join("postgres"), self.data());
        let limit = self
            .file_limit
            .map(|kib| format!("trap '' XFSZ; ulimit -f {kib};"))
            .unwrap_or_default();
        unprivileged(&format!(
            "{limit} {} start --wait --timeout=20 --silent --pgdata={} --log={} --options='-p {} -k {} {SETTINGS}'",
            self.bin.join("pg_ctl").display(),
            data.display(),
            home.join("log").display(),
            self.port,
            home.display(),
        ))
    }

    fn control(&self, what: &str) {
        let pg_ctl = self.bin.join("pg_ctl");
        let done = unprivileged(&format!(
            "{} {what} --silent --pgdata={}",
            pg_ctl.display(),
            self.data().display()
        ));
        assert!(done, "pg_ctl {what}");
    }

    fn data(&self) -> PathBuf {
        self.home.path().join("postgres/data")
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.home.path().join("postgres/log")).unwrap_or_default()
    }

    fn postmaster(&self) -> Option<String> {
        let file = std::fs::read_to_string(self.data().join("postmaster.pid")).ok()?;
        file.lines().next().map(str::to_owned)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.postmaster().is_some_and(|id| is_running(&id)) {
            self.kill();
        }
    }
}

/// The newest server that Debian's packages left, else the one on PATH.
fn bin() -> Option<PathBuf> {
    let packaged = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<_> = packaged
        .map(|entry| entry.path().join("bin"))
        .filter(|bin| bin.join("initdb").exists())
        .collect();
    found.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).find(|folder| folder.join("initdb").exists());
    found.pop().or(on_path)
}

/// PostgreSQL refuses to run as root. Its output goes nowhere: a server that stays would hold the pipe.
fn unprivileged(script: &str) -> bool {
    let mut command = if is_root() {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--", "bash", "-c", script]);
        command
    } else {
        let mut command = Command::new("bash");
        command.args(["-c", script]);
        command
    };
    let null = std::process::Stdio::null;
    command.current_dir("/").stdin(null()).stdout(null()).stderr(null());
    command.status().unwrap().success()
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// A zombie has ended, though nobody has asked for its status yet.
fn is_running(id: &str) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(id).join("stat")).unwrap_or_default();
    stat.rsplit(')')
        .next()
        .is_some_and(|rest| !rest.trim_start().starts_with('Z') && !rest.is_empty())
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
