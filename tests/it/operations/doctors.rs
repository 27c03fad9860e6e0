//! `portcullis doctor`, as a whole. What each check says of what was found stands beside the checks.

use axum::Router;
use serde_json::Value;

use super::command;
use crate::support::process::{Ended, portcullis, run};
use crate::support::{ClientSpec, TestDb, TestServer, both_stores};

/// A server that answers under its issuer's address.
async fn reachable(db: TestDb) -> TestServer {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let server = TestServer::at(db, &issuer, |_| {}).await;
    let router: Router = server.router.clone();
    tokio::spawn(async move { axum::serve(listener, router).await });
    server
}

async fn doctor(server: &TestServer, data: &std::path::Path, more: &[&str]) -> Ended {
    let (server, data) = (server.clone(), data.to_owned());
    let arguments: Vec<String> = ["doctor"].iter().chain(more).map(|word| (*word).to_owned()).collect();
    let examine = move || {
        command(
            &server,
            &data,
            &arguments.iter().map(String::as_str).collect::<Vec<_>>(),
        )
    };
    tokio::task::spawn_blocking(examine).await.unwrap()
}

/// The checks with this verdict.
fn with(report: &Ended, verdict: &str) -> Vec<String> {
    let report: Value = serde_json::from_str(&report.stdout).unwrap();
    let checks = report["checks"].as_array().unwrap().iter();
    let chosen = checks.filter(|check| check["verdict"] == verdict);
    chosen
        .map(|check| check["check"].as_str().unwrap().to_owned())
        .collect()
}

both_stores! {
    async fn a_healthy_server_has_no_failures(db: TestDb) {
        let server = reachable(db).await;
        server.alice().await;
        server.add_client(ClientSpec::web("shop")).await;
        let data = tempfile::tempdir().unwrap();
        let report = doctor(&server, data.path(), &["--json"]).await;
        assert_eq!(report.code, Some(0), "{report:?}");
        let report_json: Value = serde_json::from_str(&report.stdout).unwrap();
        assert_eq!(report_json["healthy"], true);
        assert!(with(&report, "fail").is_empty(), "{report:?}");
        let warnings = with(&report, "warn");
        // Plain http on this machine is worth a word, and this machine may be short of other things.
        assert!(warnings.contains(&"issuer".to_owned()), "{report:?}");
        let wells = with(&report, "ok");
        for check in ["network", "clock", "database", "schema", "writes", "master key", "signing keys", "people and apps"] {
            assert!(wells.contains(&check.to_owned()), "{check}: {report:?}");
        }
        assert_eq!(wells.contains(&"connections".to_owned()), server.db.is_postgres());
        let report = doctor(&server, data.path(), &[]).await;
        assert!(report.stdout.lines().any(|line| line.starts_with("ok    database")), "{}", report.stdout);
    }

    async fn a_sick_server_is_told_what_to_do(db: TestDb) {
        let server = TestServer::at(db, "http://127.0.0.1:1", |_| {}).await;
        let mut raw = server.db.raw().await;
        raw.run("DELETE FROM signing_key WHERE alg = 'ES256'").await;
        let data = tempfile::tempdir().unwrap();
        let wrong_key = "keys.master_key=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        let report = doctor(&server, data.path(), &["--json", "--set", wrong_key]).await;
        assert_eq!(report.code, Some(1), "{report:?}");
        assert!(report.stderr.contains("3 check(s) failed"), "{report:?}");
        assert_eq!(with(&report, "fail"), ["network", "master key", "signing keys"]);
        assert!(with(&report, "warn").contains(&"people and apps".to_owned()), "{report:?}");
        assert!(!report.stdout.contains("AAAAAAAA"), "{report:?}");

        raw.run("UPDATE _sqlx_migrations SET version = 9999 WHERE version = 1").await;
        let report = doctor(&server, data.path(), &[]).await;
        assert!(report.stdout.contains("run a newer portcullis"), "{report:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_made_by_looking() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().join("not-there");
    let mut command = portcullis(&["doctor", "--issuer", "http://127.0.0.1:1", "--data"]);
    command.arg(&folder);
    let report = run(command);
    assert_eq!(report.code, Some(1));
    assert!(report.stdout.contains("does not exist"), "{report:?}");
    assert!(!folder.exists());

    let report = run(portcullis(&["doctor", "--set", "tokens.code_lifetime=1h"]));
    assert_eq!(report.code, Some(1));
    assert!(report.stdout.starts_with("fail  configuration"), "{report:?}");
}
