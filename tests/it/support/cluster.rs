//! A PostgreSQL server of a test's own, which may be killed.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use sqlx::{Connection as _, Executor as _, PgConnection};
use tempfile::TempDir;

use super::process::{eventually, pause_until};

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
        let mut cluster = Self::prepare(bin()?, file_limit);
        let arguments = "--username=postgres --auth=trust --encoding=UTF8 --locale=C.UTF-8 --no-sync --wal-segsize=1";
        let initdb = cluster.bin.join("initdb");
        let data = cluster.data();
        let made = unprivileged(&format!("{} --pgdata={} {arguments}", initdb.display(), data.display()));
        assert!(made, "initdb");
        cluster.start_anywhere();
        Some(cluster)
    }

    /// A folder for one.
    fn prepare(bin: PathBuf, file_limit: Option<u32>) -> Self {
        let home = private_home();
        Self {
            home,
            bin,
            port: 0,
            file_limit,
        }
    }

    /// Somebody else may take a free port before it is bound.
    fn start_anywhere(&mut self) {
        for _ in 0..5 {
            self.port = free_port();
            if self.start_once() {
                return;
            }
        }
        panic!("PostgreSQL does not start: {}", self.log());
    }

    /// Starts a standby of it, which follows as it writes.
    pub fn standby(&self) -> Self {
        let mut standby = Self::prepare(self.bin.clone(), None);
        standby.copy(self);
        standby.start_anywhere();
        standby
    }

    /// Comes back, after it was stopped, as a standby of another.
    pub fn follow(&self, primary: &Self) {
        std::fs::remove_dir_all(self.data()).unwrap();
        self.copy(primary);
        self.restart();
    }

    fn copy(&self, primary: &Self) {
        let copied = unprivileged(&format!(
            "{} --pgdata={} --host=127.0.0.1 --port={} --username=postgres --write-recovery-conf --checkpoint=fast --no-sync",
            self.bin.join("pg_basebackup").display(),
            self.data().display(),
            primary.port
        ));
        assert!(copied, "pg_basebackup: {}", primary.log());
    }

    /// Acknowledges nothing from now on that no standby has.
    pub async fn wait_for_standbys(&self) {
        let mut raw = PgConnection::connect(&self.url()).await.unwrap();
        for statement in [
            "ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (*)'",
            "SELECT pg_reload_conf()",
        ] {
            raw.execute(statement).await.unwrap();
        }
        let follows = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'quorum' AND state = 'streaming'";
        let following = eventually(async || {
            let count: i64 = sqlx::query_scalar(follows).fetch_one(&mut raw).await.unwrap();
            (count > 0).then_some(())
        });
        assert!(following.await.is_some(), "a standby follows: {}", self.log());
    }

    /// Makes a standby the primary, and returns when it takes writes.
    pub fn promote(&self) {
        self.control("promote --wait --timeout=20");
    }

    /// Stops it in an orderly way: whoever is connected is cut off, and standbys have everything.
    pub fn stop(&self) {
        self.control("stop --mode=fast --wait --timeout=20");
    }

    /// The database that every cluster has.
    pub fn url(&self) -> String {
        Self::url_of(&[self])
    }

    /// The same database on whichever of these hosts takes writes.
    pub fn url_of(hosts: &[&Self]) -> String {
        let hosts: Vec<_> = hosts.iter().map(|host| format!("127.0.0.1:{}", host.port)).collect();
        format!("postgres://postgres@{}/postgres", hosts.join(","))
    }

    /// Kills every process of it, as a power cut would.
    pub fn kill(&self) {
        kill_server(&self.data());
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
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Kills every process of the server over this folder, if there is one.
pub(super) fn kill_server(data: &Path) {
    let file = std::fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
    let Some(postmaster) = file.lines().next().filter(|id| is_running(id)) else {
        return;
    };
    let children = std::fs::read_to_string(format!("/proc/{postmaster}/task/{postmaster}/children"));
    let children = children.unwrap_or_default();
    let all: Vec<_> = std::iter::once(postmaster).chain(children.split_whitespace()).collect();
    kill_all(&all);
}

/// Kills these processes, and waits until they are gone.
pub(super) fn kill_all(ids: &[&str]) {
    // One may have ended since.
    drop(
        Command::new("kill")
            .arg("-KILL")
            .args(ids)
            .stderr(std::process::Stdio::null())
            .status(),
    );
    assert!(
        pause_until(|| ids.iter().all(|id| !is_running(id))),
        "a killed process ends"
    );
}

/// The newest server that Debian's packages left, else the one on PATH.
pub(super) fn bin() -> Option<PathBuf> {
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
pub(super) fn unprivileged(script: &str) -> bool {
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

pub(super) fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// A folder with a folder `postgres` in it, which belongs to the user that the server runs as.
pub(super) fn private_home() -> TempDir {
    let home = tempfile::tempdir().unwrap();
    std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let folder = home.path().join("postgres");
    std::fs::create_dir(&folder).unwrap();
    if is_root() {
        let given = Command::new("chown").arg("postgres").arg(&folder).status();
        assert!(given.unwrap().success());
    }
    home
}

/// A zombie has ended, though nobody has asked for its status yet.
pub(super) fn is_running(id: &str) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(id).join("stat")).unwrap_or_default();
    stat.rsplit(')')
        .next()
        .is_some_and(|rest| !rest.trim_start().starts_with('Z') && !rest.is_empty())
}

pub(super) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
