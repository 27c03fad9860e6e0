//! Two PostgreSQL servers under Patroni, which makes one of them the primary, and the other when that is lost.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};
use tempfile::TempDir;

use super::cluster::{bin, free_port, kill_all, kill_server, private_home, unprivileged};
use super::process::eventually;

/// It runs until this is dropped.
pub struct Patroni {
    home: TempDir,
    /// Where the Debian packages of Patroni, of etcd and of what they need were unpacked.
    programs: PathBuf,
    members: [Member; 2],
    http: reqwest::Client,
}

struct Member {
    /// Where its Patroni answers.
    api: u16,
    port: u16,
}

const CONFIGURATION: &str = r#"
scope: portcullis
name: n{n}
restapi: {listen: "127.0.0.1:{api}", connect_address: "127.0.0.1:{api}"}
etcd3: {host: "127.0.0.1:{etcd}"}
bootstrap:
  dcs: {ttl: 20, loop_wait: 1, retry_timeout: 5, synchronous_mode: true, postgresql: {use_pg_rewind: true}}
  initdb: [auth: trust, encoding: UTF8, locale: C.UTF-8, no-sync, wal-segsize: "1"]
postgresql:
  listen: 127.0.0.1:{port}
  connect_address: 127.0.0.1:{port}
  data_dir: {home}/n{n}
  bin_dir: {bin}
  pgpass: {home}/pgpass{n}
  remove_data_directory_on_diverged_timelines: true
  remove_data_directory_on_rewind_failure: true
  authentication: {superuser: {username: postgres}, replication: {username: postgres}}
  pg_hba: ["local all all trust", "host all all 127.0.0.1/32 trust", "host replication all 127.0.0.1/32 trust"]
  parameters: {unix_socket_directories: {home}, max_connections: 60, shared_buffers: 16MB, autovacuum: "off"}
"#;

impl Patroni {
    /// Starts both, and waits until the second has whatever the first acknowledges. `None` where Patroni is not there.
    pub async fn start() -> Option<Self> {
        let programs = PathBuf::from(std::env::var_os("PORTCULLIS_TEST_PATRONI")?);
        let postgres = bin()?;
        let patroni = Self {
            home: private_home(),
            programs,
            members: [(), ()].map(|()| Member {
                api: free_port(),
                port: free_port(),
            }),
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
        };
        let (etcd, peers) = (free_port(), free_port());
        patroni.run(
            "etcd",
            &format!(
                "etcd --data-dir etcd --log-level warn --listen-client-urls http://127.0.0.1:{etcd} \
                 --advertise-client-urls http://127.0.0.1:{etcd} --listen-peer-urls http://127.0.0.1:{peers} \
                 --initial-advertise-peer-urls http://127.0.0.1:{peers} --initial-cluster default=http://127.0.0.1:{peers}"
            ),
        );
        let home = patroni.folder();
        for (number, member) in patroni.members.iter().enumerate() {
            let text = CONFIGURATION
                .replace("{n}", &number.to_string())
                .replace("{api}", &member.api.to_string())
                .replace("{port}", &member.port.to_string())
                .replace("{etcd}", &etcd.to_string())
                .replace("{home}", home.to_str().unwrap())
                .replace("{bin}", postgres.to_str().unwrap());
            std::fs::write(home.join(format!("n{number}.yml")), text).unwrap();
            patroni.revive(number);
            // Who starts first is the primary.
            patroni
                .wait_for(number, if number == 0 { "leader" } else { "sync_standby" })
                .await;
        }
        Some(patroni)
    }

    /// One of the servers alone.
    pub fn url(&self, number: usize) -> String {
        self.url_of(&[number])
    }

    /// The database on whichever of these servers takes writes.
    pub fn url_of(&self, numbers: &[usize]) -> String {
        let hosts = numbers
            .iter()
            .map(|number| format!("127.0.0.1:{}", self.members[*number].port));
        format!("postgres://postgres@{}/postgres", hosts.collect::<Vec<_>>().join(","))
    }

    /// What a machine without power is to the others: its server is gone, and its Patroni as well.
    pub fn kill(&self, number: usize) {
        kill_recorded(&self.folder().join(format!("n{number}.pid")));
        kill_server(&self.folder().join(format!("n{number}")));
    }

    /// Starts the machine again.
    pub fn revive(&self, number: usize) {
        self.run(&format!("n{number}"), &format!("patroni n{number}.yml"));
    }

    /// Waits until a server takes writes.
    pub async fn is_primary(&self, number: usize) {
        let takes_writes = eventually(async || {
            let mut connection = PgConnection::connect(&self.url(number)).await.ok()?;
            let standby = sqlx::query_scalar("SELECT pg_is_in_recovery()");
            let standby: bool = standby.fetch_one(&mut connection).await.ok()?;
            (!standby).then_some(())
        });
        assert!(takes_writes.await.is_some(), "{}", self.log(number));
    }

    /// Waits until a server has this role.
    pub async fn wait_for(&self, number: usize, role: &str) {
        let name = format!("n{number}");
        let arrived = eventually(async || {
            let answer = self.http.get(self.api(number, "cluster")).send().await.ok()?;
            let cluster: Value = answer.json().await.ok()?;
            let mut members = cluster["members"].as_array()?.iter();
            let fits =
                |member: &&Value| member["name"] == name && member["role"] == role && member["state"] == "running";
            members.find(fits).map(drop)
        });
        assert!(arrived.await.is_some(), "{name} becomes {role}: {}", self.log(number));
    }

    /// Hands over from one server to the other, in an orderly way.
    pub async fn switch_over(&self, from: usize, to: usize) {
        let order = json!({"leader": format!("n{from}"), "candidate": format!("n{to}")});
        let asked = self
            .http
            .post(self.api(from, "switchover"))
            .json(&order)
            .send()
            .await
            .unwrap();
        assert_eq!(asked.status(), 200, "{}", self.log(from));
    }

    fn api(&self, number: usize, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.members[number].api)
    }

    /// Runs a program in the background, in the folder of all of this, and writes down its id.
    fn run(&self, name: &str, command: &str) {
        let (programs, home) = (self.programs.display(), self.folder());
        let started = unprivileged(&format!(
            "cd {}; export PATH={programs}/usr/bin:$PATH PYTHONPATH={programs}/usr/lib/python3/dist-packages; \
             {command} >>{name}.log 2>&1 & echo $! >{name}.pid",
            home.display()
        ));
        assert!(started, "{name}");
    }

    fn folder(&self) -> PathBuf {
        self.home.path().join("postgres")
    }

    fn log(&self, number: usize) -> String {
        std::fs::read_to_string(self.folder().join(format!("n{number}.log"))).unwrap_or_default()
    }
}

impl Drop for Patroni {
    fn drop(&mut self) {
        for number in 0..self.members.len() {
            self.kill(number);
        }
        kill_recorded(&self.folder().join("etcd.pid"));
    }
}

fn kill_recorded(file: &Path) {
    if let Ok(id) = std::fs::read_to_string(file) {
        kill_all(&[id.trim()]);
    }
}
