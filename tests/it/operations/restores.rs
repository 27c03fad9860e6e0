//! Older states of a database: noticed, and made harmless by `portcullis after-restore`.

use std::collections::BTreeSet;
use std::fs;

use portcullis::jobs::last_seen::{self, Alarm};
use portcullis::store::table_columns;
use serde_json::Value;

use super::{command, file_of};
use crate::support::process::{Process, pause_until, serve_command};
use crate::support::{AuthRequest, Browser, ClientSpec, TestDb, TestServer, Tokens, both_stores};

both_stores! {
    /// What a standby, or a backup, may still take for live.
    async fn ft_04_after_a_failover_the_command_ends_what_may_live_again(db: TestDb) {
        let server = TestServer::new(db).await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        let (code, request) = server.code(&client, "openid offline_access").await;
        let tokens = server.code_flow(&client, "openid offline_access").await;
        let mut browser = Browser::new(&server);
        browser.grant(&request, "alice").await;
        let mut waiting = Browser::new(&server);
        assert!(waiting.authorize(&request).await.page().is_sign_in());
        let data = tempfile::tempdir().unwrap();

        let unasked = command(&server, data.path(), &["after-restore"]);
        assert_eq!(unasked.code, Some(1), "{unasked:?}");
        server.userinfo(&tokens.access).await.expect(200);

        let ended = command(&server, data.path(), &["after-restore", "--yes", "--json"]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let counts: Value = serde_json::from_str(&ended.stdout).unwrap();
        assert_eq!((&counts["sessions"], &counts["grants"]), (&Value::from(3), &Value::from(3)));

        server.redeem(&client, &code, &request).await.expect_error(400, "invalid_grant");
        server.refresh(&client, tokens.refresh()).await.expect_error(400, "invalid_grant");
        server.userinfo(&tokens.access).await.expect(401);
        assert!(browser.authorize(&request).await.page().is_sign_in(), "signed out");
        let (path, request_left) = waiting.submission(&[("username", "alice"), ("password", crate::support::PASSWORD)]);
        let left = waiting.navigate(&path, request_left).await;
        assert!(!matches!(left, crate::support::Landed::Callback(_)), "the waiting request is gone");

        // People, clients and keys stay.
        let anew = server.code_flow(&client, "openid offline_access").await;
        Tokens::of(server.refresh(&client, anew.refresh()).await);
    }

    async fn what_was_last_seen_never_falls(db: TestDb) {
        let server = TestServer::new(db).await;
        let first = server.store().raise_mark().await.unwrap();
        server.alice().await;
        let second = server.second_node().await.store().raise_mark().await.unwrap();
        assert_eq!(first.lineage, second.lineage);
        assert!(second.position > first.position, "{first:?} {second:?}");
        assert_eq!(server.store().mark().await.unwrap().lineage, second.lineage);
        assert_eq!(first.clock.is_some(), server.db.is_postgres());
    }

    async fn ft_35_a_clock_that_falls_back_is_alarmed_once(db: TestDb) {
        let data = tempfile::tempdir().unwrap();
        let server = TestServer::with(db, |config| config.server.data_dir = data.path().to_owned()).await;
        let look = async || last_seen::once(&server.app).await.unwrap();
        assert_eq!(look().await, []);
        server.advance(8);
        assert_eq!(look().await, []);
        server.advance(-9);
        assert_eq!(look().await, [Alarm::ClockWentBack(9)]);
        assert_eq!(look().await, []);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_postgres_database_is_alarmed() {
    let (Some(one), Some(other)) = (TestDb::postgres().await, TestDb::postgres().await) else {
        return;
    };
    let data = tempfile::tempdir().unwrap();
    let server = TestServer::with(one, |config| config.server.data_dir = data.path().to_owned()).await;
    assert_eq!(last_seen::once(&server.app).await.unwrap(), []);
    let moved = server.over(other.open().await, |_| {});
    for _ in 0..2 {
        assert_eq!(last_seen::once(&moved.app).await.unwrap(), [Alarm::OlderDatabase]);
    }
    let settled = last_seen::settle(moved.app.config(), moved.store(), moved.app.clock().now()).await;
    settled.unwrap();
    assert_eq!(last_seen::once(&moved.app).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ft_28_a_restored_backup_is_alarmed_until_the_command_was_run() {
    let server = TestServer::new(TestDb::sqlite().await).await;
    let client = server.add_client(ClientSpec::web("shop").trusted()).await;
    server.alice().await;
    let data = tempfile::tempdir().unwrap();
    let serve = || Process::listening(serve_command(&server, data.path(), &[]), "ready");
    let end = |mut process: Process| {
        process.signal("TERM");
        assert!(process.ended().unwrap().success());
    };
    let alarm = "or an older state of it";

    let process = serve();
    let node = process.node(&server);
    assert!(pause_until(|| data.path().join("last-seen.json").exists()));
    let request = AuthRequest::new(&client, "openid offline_access");
    let mut browser = Browser::new(&node);
    let codes = [
        browser.grant(&request, "alice").await.code(),
        browser.authorize(&request).await.callback().code(),
    ];
    let copy = data.path().join("copy.db");
    assert_eq!(
        command(&server, data.path(), &["backup", copy.to_str().unwrap()]).code,
        Some(0)
    );
    for code in &codes {
        Tokens::of(node.redeem(&client, code, &request).await);
    }
    end(process);
    server.store().close().await;

    // Yesterday's file comes back.
    for suffix in ["-wal", "-shm"] {
        let side = format!("{}{suffix}", file_of(&server).display());
        assert!(!fs::exists(&side).unwrap() || fs::remove_file(&side).is_ok());
    }
    fs::copy(&copy, file_of(&server)).unwrap();

    let process = serve();
    assert!(process.logs(alarm), "{}", process.log());
    let node = process.node(&server);
    Tokens::of(node.redeem(&client, &codes[0], &request).await); // which is why
    end(process);
    let process = serve();
    assert!(process.logs(alarm), "still");
    let sick = command(&server, data.path(), &["doctor", "--json"]);
    assert_eq!(verdict_of(&sick.stdout, "history"), "fail");

    let ended = command(&server, data.path(), &["after-restore", "--yes"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let node = process.node(&server);
    let refused = node.redeem(&client, &codes[1], &request).await;
    refused.expect_error(400, "invalid_grant");
    let healed = command(&server, data.path(), &["doctor", "--json"]);
    assert_eq!(verdict_of(&healed.stdout, "history"), "");
    end(process);
    let mut process = serve();
    process.signal("TERM");
    assert!(process.ended().unwrap().success());
    assert!(!process.log().contains(alarm), "{}", process.log());
    let seen: Value = serde_json::from_slice(&fs::read(data.path().join("last-seen.json")).unwrap()).unwrap();
    assert_eq!(seen["doubted_since"], Value::Null);
}

fn verdict_of(report: &str, check: &str) -> String {
    let report: Value = serde_json::from_str(report).unwrap();
    let checks = report["checks"].as_array().unwrap();
    let found = checks.iter().find(|found| found["check"] == check);
    found
        .map(|found| found["verdict"].as_str().unwrap().to_owned())
        .unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alarm_without_a_loss_can_be_acknowledged() {
    let data = tempfile::tempdir().unwrap();
    let server = TestServer::with(TestDb::sqlite().await, |config| {
        config.server.data_dir = data.path().to_owned();
    })
    .await;
    let client = server.add_client(ClientSpec::web("shop")).await;
    let tokens = server.code_flow(&client, "openid offline_access").await;
    for _ in 0..3 {
        assert_eq!(last_seen::once(&server.app).await.unwrap(), []);
    }
    server.db.raw().await.run("PRAGMA user_version = 1").await;
    assert_eq!(last_seen::once(&server.app).await.unwrap(), [Alarm::OlderDatabase]);
    let ended = command(&server, data.path(), &["after-restore", "--acknowledge"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(last_seen::once(&server.app).await.unwrap(), []);
    Tokens::of(server.refresh(&client, tokens.refresh()).await);
}

/// Whoever adds a table decides here what a restore means for it, and in `store/recovery.rs`.
#[tokio::test]
async fn every_table_is_ended_or_stays_on_purpose() {
    const ENDED: &[&str] = &[
        "access_token",
        "browser_session",
        "code",
        "device_grant",
        "device_visit", // with its device
        "grants",
        "interaction",
        "refresh_token", // with its grant
        "web_session",
    ];
    const STAYS: &[&str] = &[
        "api",
        "audit_event",
        "catalog_reader", // nobody waits longer than a lease for a node of old
        "catalog_version",
        "client",
        "client_assertion", // an hour at most, and what it buys has ended
        "client_logo",
        "client_origin",
        "client_registration",
        "client_secret",
        "consent",
        "initial_access_token",
        "revoked_jwt",
        "logout_notice", // clients are told of what ends
        "session_client",
        "signing_key",
        "standing_change", // tells nodes to forget what they keep, and says nothing else
        "throttle",
        "users",
    ];
    let db = TestDb::sqlite().await;
    let columns = table_columns(&db.open().await).await.unwrap();
    let tables: BTreeSet<_> = columns.iter().map(|column| column.split('.').next().unwrap()).collect();
    let decided: BTreeSet<_> = ENDED.iter().chain(STAYS).copied().collect();
    assert_eq!(tables, decided);
}
