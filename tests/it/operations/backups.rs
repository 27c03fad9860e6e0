//! `portcullis backup`, and two servers over one file.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use portcullis::model::user::Username;
use sqlx::Row as _;

use super::{command, file_of};
use crate::support::process::Process;
use crate::support::{AuthRequest, Browser, ClientSpec, PASSWORD, TestDb, TestServer, Tokens};

/// A server over another file, with the same keys and clock.
async fn server_over(server: &TestServer, file: &std::path::Path) -> TestServer {
    let store = TestDb::try_open(&format!("sqlite://{}", file.display()), false).await;
    server.over(store.unwrap(), |_| {})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_made_under_load_holds_what_was_acknowledged_before() {
    let server = TestServer::new(TestDb::sqlite().await).await;
    let client = server.add_client(ClientSpec::web("shop").trusted()).await;
    server.alice().await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..3 {
        let (server, stop) = (server.clone(), stop.clone());
        writers.spawn(async move {
            let mut names = Vec::new();
            while !stop.load(Ordering::SeqCst) {
                let name = format!("user-{writer}-{}", names.len());
                server.add_user(&name).await;
                names.push(name);
            }
            names.len()
        });
    }
    let users = async || server.store().users().await.unwrap().len();
    while users().await < 30 {
        tokio::task::yield_now().await;
    }
    let tokens = server.code_flow(&client, "openid offline_access").await;
    let before = server.store().users().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("copy.db");
    let ended = {
        let (server, file) = (server.clone(), file.clone());
        let copying = move || command(&server, folder_of(&file), &["backup", file.to_str().unwrap()]);
        tokio::task::spawn_blocking(copying).await.unwrap()
    };
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains("The master key is not in it"), "{ended:?}");
    stop.store(true, Ordering::SeqCst);
    let written: usize = writers.join_all().await.into_iter().sum();
    assert!(
        written > before.len(),
        "writers went on: {written} and {}",
        before.len()
    );

    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        1,
        "no draft, no side file"
    );
    let copy = server_over(&server, &file).await;
    for user in before {
        assert!(copy.store().user_by_name(&user.username).await.unwrap().is_some());
    }
    // It starts as a server, and goes on where the original was.
    Tokens::of(copy.refresh(&client, tokens.refresh()).await);
    let mut browser = Browser::new(&copy);
    browser.open("/login").await;
    browser.sign_in("alice", PASSWORD).await;
}

fn folder_of(file: &std::path::Path) -> &std::path::Path {
    file.parent().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_replaces_nothing_unasked() {
    let server = TestServer::new(TestDb::sqlite().await).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("copy.db");
    let name = file.to_str().unwrap();
    fs::write(&file, "yesterday's").unwrap();
    let backup = |arguments: &[&str]| command(&server, folder.path(), arguments);
    let refused = backup(&["backup", name]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("replace it with --force"), "{refused:?}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "yesterday's");

    // A damaged original gives no copy, and leaves the one before.
    server.alice().await;
    let mut raw = server.db.raw().await;
    raw.run("PRAGMA foreign_keys = off").await;
    raw.run("INSERT INTO consent (user_id, client_id, scope, granted_at) VALUES (x'00', 'nobody', 'openid', 0)")
        .await;
    let refused = backup(&["backup", name, "--force"]);
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.stderr.contains("2 rows refer to rows that are not there"),
        "{refused:?}"
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), "yesterday's");
    raw.run("DELETE FROM consent").await;

    assert_eq!(backup(&["backup", name, "--force"]).code, Some(0));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    let alice = Username::register("alice").unwrap();
    let copy = server_over(&server, &file).await;
    assert!(copy.store().user_by_name(&alice).await.unwrap().is_some());

    let original = file_of(&server).to_str().unwrap();
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(original, &link).unwrap();
    for same in [original, link.to_str().unwrap()] {
        let refused = backup(&["backup", same, "--force"]);
        assert!(refused.stderr.contains("is the database itself"), "{refused:?}");
    }
    let nowhere = folder.path().join("missing/copy.db");
    assert_eq!(backup(&["backup", nowhere.to_str().unwrap()]).code, Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_is_left_to_its_own_tool() {
    let Some(db) = TestDb::postgres().await else { return };
    let server = TestServer::new(db).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("copy.db");
    let ended = command(&server, folder.path(), &["backup", file.to_str().unwrap()]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("pg_dump --format=custom"), "{ended:?}");
    assert!(!file.exists());
}

/// Two servers may share a file: everything that counts is decided by conditional writes in it. What each keeps in memory
/// is exactly as old as the file says.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ft_20_two_servers_over_one_file_redeem_each_code_once() {
    let server = TestServer::new(TestDb::sqlite().await).await;
    let client = server.add_client(ClientSpec::web("shop").trusted()).await;
    server.alice().await;
    let processes = [Process::serve(&server, &[]), Process::serve(&server, &[])];
    let nodes = processes.each_ref().map(|process| process.node(&server));
    let request = AuthRequest::new(&client, "openid offline_access");
    let mut browser = Browser::new(&nodes[0]);
    browser.authorize(&request).await;
    browser.sign_in("alice", PASSWORD).await;
    for round in 0..8 {
        browser.switch_to(&nodes[round % 2]);
        let code = browser.authorize(&request).await.callback().code();
        let redeem = |node: &TestServer| {
            let (node, client, code, request) = (node.clone(), client.clone(), code.clone(), request.clone());
            tokio::spawn(async move { node.redeem(&client, &code, &request).await })
        };
        let (one, other) = tokio::join!(redeem(&nodes[0]), redeem(&nodes[1]));
        let statuses = [one.unwrap().status.as_u16(), other.unwrap().status.as_u16()];
        assert!(matches!(statuses, [200, 400] | [400, 200]), "{statuses:?}");
    }
    // A change through one counts for the other at once.
    let late = server.add_client(ClientSpec::service("late")).await;
    for node in &nodes {
        node.client_credentials(&late).await.expect(200);
    }
    server.store().delete_client(&late.client_id()).await.unwrap();
    for node in &nodes {
        node.client_credentials(&late).await.expect_error(401, "invalid_client");
    }
    let pool = sqlx::SqlitePool::connect(server.db.url()).await.unwrap();
    let row = sqlx::query("SELECT count(*) FROM refresh_token")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(row.get::<i64, _>(0), 8);
}
