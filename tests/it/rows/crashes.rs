//! RC, FT: the program killed (`kill -9`) at any moment of its work. What it had acknowledged counts afterwards, what it had
//! not happened once or not at all, and it starts again without help.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use portcullis::config::Rate;
use portcullis::crypto::random;
use portcullis::protocol::signing_alg::SigningAlg;
use portcullis::store::{MigrationState, table_columns};
use portcullis::time::Clock;

use super::faults::works;
use crate::support::process::{Process, configure, pause_until, portcullis, run, serve_command};
use crate::support::{
    Browser, ClientSpec, Crowd, PASSWORD, TestClient, TestDb, TestServer, Tokens, Trouble, WITHOUT_LIMITS, Wire,
    assert_sound, both_stores, seconds,
};

/// How often something is killed. `PORTCULLIS_TEST_ROUNDS=200` looks longer.
fn rounds() -> u32 {
    let text = std::env::var("PORTCULLIS_TEST_ROUNDS");
    text.map_or(20, |text| text.parse().expect("PORTCULLIS_TEST_ROUNDS is a number"))
}

/// A random part of `whole`.
fn random_part_of(whole: Duration) -> Duration {
    let [high, low] = random::bytes::<2>();
    whole * (u32::from(high) << 8 | u32::from(low)) / (1 << 16)
}

/// A command beside the server.
fn command(server: &TestServer, data: &std::path::Path, arguments: &[&str]) -> Command {
    let mut command = portcullis(arguments);
    command.args(["--issuer", server.app.issuer()]);
    configure(&mut command, server, data, &[]);
    command
}

/// How long the command takes when nobody kills it.
fn measured(command: Command) -> Duration {
    let started = Instant::now();
    let ended = run(command);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    started.elapsed()
}

/// Runs the command and kills it at a random moment of the time that it takes.
async fn kill_within(server: &TestServer, mut command: Command, time: Duration) {
    let mut raw = server.db.raw().await;
    let began = if server.db.is_postgres() {
        raw.texts("SELECT clock_timestamp()::text").await.remove(0)
    } else {
        String::new()
    };
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    // Not to wait for something: this moment is what the test is about.
    tokio::time::sleep(random_part_of(time)).await;
    child.kill().unwrap();
    child.wait().unwrap();
    if server.db.is_postgres() {
        // What it had sent is still carried out. It is over when its connections are gone.
        let connections = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'portcullis'
                AND datname = current_database() AND backend_start > '{began}'"
        );
        let killed = Instant::now();
        while raw.number(&connections).await > 0 {
            assert!(
                killed.elapsed() < Duration::from_secs(10),
                "PostgreSQL notices that its client is gone"
            );
        }
    }
}

both_stores! {
    async fn rc_04_ft_17_ft_21_the_server_killed_under_load_keeps_its_word(db: TestDb) {
        let server = TestServer::with(db, |config| config.tokens.refresh_retry_window = seconds(60)).await;
        let crowd = Crowd::gather(&server, "shop").await;
        // The file is the killed process's alone.
        server.store().close().await;
        let data = tempfile::tempdir().unwrap();
        let settings = [&WITHOUT_LIMITS[..], &["tokens.refresh_retry_window=60s"]].concat();
        let start = || Process::listening(serve_command(&server, data.path(), &settings), "ready");
        let mut process = start();
        for round in 0..rounds() {
            let visits = crowd.visits();
            let day = crowd.visit_all_day(&process.node(&server), 4);
            if round == 0 {
                assert!(pause_until(|| crowd.visits() > visits), "they are being served");
            }
            tokio::time::sleep(random_part_of(Duration::from_millis(500))).await;
            process.kill();
            for trouble in day.join_all().await {
                assert_eq!(trouble, Some(Trouble(502)), "no answer, and never half of one");
            }
            process = start();
            crowd.collect(&process.node(&server)).await;
            assert_sound(&server).await;
        }
        assert!(crowd.visits() > 5, "{} visits", crowd.visits());
        crowd.replay(&process.node(&server)).await;
        assert_sound(&server).await;
    }

    async fn ft_22_a_killed_rotation_of_keys_leaves_one_key_that_signs(db: TestDb) {
        let server = TestServer::new(db).await;
        let client = server.add_client(ClientSpec::web("shop").trusted()).await;
        server.alice().await;
        let data = tempfile::tempdir().unwrap();
        let rotate = || command(&server, data.path(), &["key", "rotate", "--alg", "EdDSA", "--lead", "0s"]);
        let time = measured(rotate());
        for _ in 0..rounds() {
            kill_within(&server, rotate(), time).await;
            let keys = server.store().signing_keys().await.unwrap();
            // By the clock of the commands, which is the machine's.
            let now = Clock::System.now();
            let signing = keys.iter().filter(|key| {
                key.alg == SigningAlg::EdDsa && key.active_from <= now && key.retires_at.is_none_or(|at| now < at)
            });
            assert_eq!(signing.count(), 1);
            assert!(!server.get("/.well-known/jwks.json").await.expect(200).json()["keys"].as_array().unwrap().is_empty());
        }
        assert!(works(&server, &client).await);
        drop(Process::serve(&server, &[]));
    }

    async fn ft_23_of_a_killed_rotation_of_a_secret_the_old_one_or_the_new_one_works(db: TestDb) {
        // One wrong secret a round, on purpose.
        let server = TestServer::with(db, |config| config.limits.client_auth_per_client = Rate::OFF).await;
        let mut client = server.add_client(ClientSpec::web("shop")).await;
        let data = tempfile::tempdir().unwrap();
        let (mut old_ones, mut new_ones) = (0, 0);
        let mut time = Duration::ZERO;
        for round in 0..=rounds() {
            let secret = format!("a secret of our own, number {round}, which is long enough");
            let file = data.path().join("secret");
            std::fs::write(&file, &secret).unwrap();
            let file = file.to_str().unwrap();
            let rotate = command(&server, data.path(), &["client", "rotate-secret", "shop", "--now", "--secret-file", file]);
            if round == 0 {
                time = measured(rotate);
            } else {
                kill_within(&server, rotate, time).await;
            }
            // The command went by the machine's clock, and the old secret has ended by it.
            server.advance(Clock::System.now().since(server.app.clock().now()));
            let new = TestClient { secret: Some(secret), ..client.clone() };
            let mut knows = Vec::new();
            for holder in [&client, &new] {
                let error = server.refresh(holder, "pc_rt_unknown").await.error();
                assert!(["invalid_grant", "invalid_client"].contains(&error.as_str()), "{error}");
                knows.push(error == "invalid_grant");
            }
            assert_ne!(knows[0], knows[1], "one of them, and --now leaves no more than one");
            if knows[1] {
                client = new;
                new_ones += 1;
            } else {
                old_ones += 1;
            }
        }
        assert_eq!(old_ones + new_ones, rounds() + 1);
    }

    async fn ft_24_of_a_killed_change_of_password_the_old_one_or_the_new_one_works(db: TestDb) {
        // One wrong password a round, on purpose.
        let server = TestServer::with(db, |config| {
            config.limits.sign_in_per_account = Rate::OFF;
            config.limits.sign_in_per_known_browser = Rate::OFF;
        })
        .await;
        let client = server.add_client(ClientSpec::web("shop").trusted()).await;
        let data = tempfile::tempdir().unwrap();
        server.alice().await;
        let mut current = PASSWORD.to_owned();
        let mut time = Duration::ZERO;
        for round in 0..=rounds() {
            let mut browser = Browser::new(&server);
            browser.open("/login").await.page();
            browser.sign_in("alice", &current).await.page();
            let request = crate::support::AuthRequest::new(&client, "openid offline_access");
            let code = browser.authorize(&request).await.callback().code();
            let tokens = Tokens::of(server.redeem(&client, &code, &request).await);
            let new = format!("the password of round {round}");
            let change = command(&server, data.path(), &["user", "set-password", "alice", "--password", &new]);
            if round == 0 {
                time = measured(change);
            } else {
                kill_within(&server, change, time).await;
            }
            let mut works = Vec::new();
            for password in [&current, &new] {
                let mut trying = Browser::new(&server);
                trying.open("/login").await.page();
                works.push(trying.sign_in("alice", password).await.page().status() == 200);
            }
            assert_ne!(works[0], works[1], "one of the two");
            // Sign-ins and grants have ended if and only if the new one counts.
            let heading = browser.open("/").await.page().heading();
            assert_eq!(heading, if works[1] { "Welcome" } else { "You are signed in" });
            let refreshed = server.refresh(&client, tokens.refresh()).await;
            assert_eq!(refreshed.status.as_u16(), if works[1] { 400 } else { 200 });
            if works[1] {
                current = new;
            }
        }
    }

    async fn ft_25_a_killed_migration_is_finished_by_the_next(db: TestDb) {
        let expected = table_columns(&db.open().await).await.unwrap();
        let mut time = Duration::ZERO;
        let data = tempfile::tempdir().unwrap();
        let (mut pending, mut current) = (0, 0);
        for round in 0..=rounds() {
            let server = TestServer::without_keys(db.empty_sibling().await, "https://id.example", |_| {}).await;
            let migrate = || command(&server, data.path(), &["migrate"]);
            if round == 0 {
                time = measured(migrate());
            } else {
                kill_within(&server, migrate(), time).await;
            }
            // Whole or not at all; a node that finds less than all of it is not ready.
            match server.store().migration_state().await.unwrap() {
                MigrationState::Current => current += 1,
                MigrationState::Newer(version) => panic!("nobody applied {version}"),
                MigrationState::Pending(_) => {
                    pending += 1;
                    assert_eq!(server.get("/readyz").await.expect(503).text(), "schema\n");
                }
            }
            let ended = run(migrate());
            assert_eq!(ended.code, Some(0), "{ended:?}");
            assert_eq!(table_columns(server.store()).await.unwrap(), expected);
        }
        assert!(current >= 1, "the first one was not killed, {pending} others had nothing yet");
    }

    async fn ft_25_two_programs_migrate_at_once(db: TestDb) {
        let expected = table_columns(&db.open().await).await.unwrap();
        let data = tempfile::tempdir().unwrap();
        let server = TestServer::without_keys(db.empty_sibling().await, "https://id.example", |_| {}).await;
        let both = [0, 1].map(|_| {
            let migrate = command(&server, data.path(), &["migrate"]);
            std::thread::spawn(move || run(migrate))
        });
        for one in both {
            let ended = one.join().unwrap();
            assert_eq!(ended.code, Some(0), "{ended:?}");
        }
        assert_eq!(table_columns(server.store()).await.unwrap(), expected);
        assert_eq!(server.store().migration_state().await.unwrap(), MigrationState::Current);
    }
}

/// The connection is cut behind every single packet of a migration.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ft_25_a_migration_cut_off_anywhere_is_finished_by_the_next() {
    let Some(db) = TestDb::postgres().await else { return };
    let expected = table_columns(&db.open().await).await.unwrap();
    for packets in 0.. {
        let empty = db.empty_sibling().await;
        let wire = Wire::to(empty.url()).await;
        let behind = TestDb::open_impatient(wire.url(), 1).await;
        wire.lose_the_answer_after(packets);
        let migrated = behind.migrate().await;
        let finished = !wire.is_cut();
        // The rest is the work of another node, which waits until the lock of the first is gone.
        let store = empty.open().await;
        let state = store.migration_state().await.unwrap();
        assert!(
            migrated.is_err() || state == MigrationState::Current,
            "after {packets} packets: {state:?}"
        );
        store.migrate().await.unwrap();
        assert_eq!(table_columns(&store).await.unwrap(), expected);
        store.close().await;
        if finished {
            assert!(migrated.is_ok() && packets > 8, "{packets} packets");
            return;
        }
    }
}

/// The file may grow no further at some page of the migration, as on a full disk.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ft_25_a_migration_that_fills_the_disk_is_finished_by_the_next() {
    let db = TestDb::sqlite().await;
    let expected = table_columns(&db.open().await).await.unwrap();
    let data = tempfile::tempdir().unwrap();
    let mut failed = 0;
    for kib in (16..).step_by(48) {
        let server = TestServer::without_keys(db.empty_sibling().await, "https://id.example", |_| {}).await;
        server.store().close().await;
        let mut limited = Command::new("bash");
        let script = format!(
            "trap '' XFSZ; ulimit -f {kib}; exec {} migrate --issuer https://id.example \"$@\"",
            env!("CARGO_BIN_EXE_portcullis")
        );
        limited.args(["-c", &script, "migrate"]);
        crate::support::process::isolate(&mut limited);
        configure(&mut limited, &server, data.path(), &[]);
        let fits = run(limited).code == Some(0);
        let ended = run(command(&server, data.path(), &["migrate"]));
        assert_eq!(ended.code, Some(0), "after {kib} KiB: {ended:?}");
        let store = server.db.open().await;
        assert_eq!(table_columns(&store).await.unwrap(), expected);
        assert_eq!(server.db.raw().await.texts("PRAGMA integrity_check").await, ["ok"]);
        if fits {
            break;
        }
        failed += 1;
    }
    assert!(failed > 1, "{failed} did not fit");
}
