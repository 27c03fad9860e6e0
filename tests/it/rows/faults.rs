//! FT: damaged or foreign data, wrong keys, wrong settings, wrong clocks, panics and stop signals. In doubt the answer is no.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use portcullis::config::{LoadArgs, load};
use portcullis::http::layers;
use tokio::io::AsyncWriteExt as _;
use tower_http::catch_panic::CatchPanicLayer;

use crate::support::process::{Ended, Process, portcullis, read_to_end, run, serve_command};
use crate::support::{AuthRequest, Browser, ClientSpec, PASSWORD, TestClient, TestDb, TestServer, Tokens, both_stores};

/// The master key of the tests' signing keys, and another one.
const OTHER_KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// What a working server answers.
pub async fn works(node: &TestServer, client: &TestClient) -> bool {
    let request = AuthRequest::new(client, "openid offline_access");
    let code = Browser::new(node).grant(&request, "alice").await.code();
    let tokens = Tokens::of(node.redeem(client, &code, &request).await);
    Tokens::of(node.refresh(client, tokens.refresh()).await);
    node.get("/readyz").await.status == 200
}

fn path_of(server: &TestServer) -> PathBuf {
    server.db.url().strip_prefix("sqlite://").unwrap().into()
}

/// `serve` that is expected not to start: it says why in one line and ends.
#[track_caller]
fn refuses_to_start(server: &TestServer, data: &Path, environment: &[(&str, &str)]) -> Ended {
    let mut command = serve_command(server, data, &[]);
    command.envs(environment.iter().copied());
    let ended = run(command);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        !ended.stderr.contains("panicked") && !ended.stderr.contains("\"ready\""),
        "{ended:?}"
    );
    ended
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ft_19_a_lost_or_damaged_file_is_never_replaced() {
    let server = TestServer::new(TestDb::sqlite().await).await;
    server.alice().await;
    server.store().close().await;
    let path = path_of(&server);
    let data = tempfile::tempdir().unwrap();
    // A first start has been: there is a master key in the data directory.
    std::fs::write(data.path().join("master.key"), OTHER_KEY).unwrap();
    let whole = std::fs::read(&path).unwrap();
    let mut flipped = whole.clone();
    flipped[100] ^= 0xff;
    let mut garbage = whole.clone();
    garbage[..16].copy_from_slice(b"not SQLite at al");
    for (what, contents, says) in [
        ("missing", None, "does not exist: restore it"),
        ("emptied", Some(Vec::new()), "is empty: restore it"),
        ("no database", Some(garbage), "database"),
        ("a damaged page", Some(flipped), "database"),
        ("cut off", Some(whole[..whole.len() / 2].to_owned()), "database"),
    ] {
        match &contents {
            Some(bytes) => std::fs::write(&path, bytes).unwrap(),
            None => std::fs::remove_file(&path).unwrap(),
        }
        let ended = refuses_to_start(&server, data.path(), &[]);
        assert!(ended.stderr.contains(says), "{what}: {ended:?}");
        match &contents {
            Some(bytes) => assert_eq!(&std::fs::read(&path).unwrap(), bytes, "{what}: left as it was"),
            None => assert!(!path.exists(), "{what}"),
        }
    }
    std::fs::write(&path, &whole).unwrap();
    drop(Process::serve(&server, &[]));
}

both_stores! {
    async fn ft_26_a_schema_that_is_not_ours_is_refused(db: TestDb) {
        let server = TestServer::new(db).await;
        let data = tempfile::tempdir().unwrap();
        let mut raw = server.db.raw().await;
        let success = if server.db.is_postgres() { "true" } else { "1" };
        for (change, says, undo) in [
            (
                format!("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'needs 9999 later', {success}, '', 0)"),
                "migration 9999, which this binary does not know",
                "DELETE FROM _sqlx_migrations WHERE version = 9999".to_owned(),
            ),
            (
                "UPDATE _sqlx_migrations SET checksum = substr(checksum, 2) || substr(checksum, 1, 1) WHERE version = 1".to_owned(),
                "migration 1 was applied with other contents",
                String::new(),
            ),
        ] {
            raw.run(&change).await;
            let ended = refuses_to_start(&server, data.path(), &[]);
            assert!(ended.stderr.contains(says), "{ended:?}");
            assert_eq!(server.get("/readyz").await.expect(503).text(), "schema\n");
            if !undo.is_empty() {
                raw.run(&undo).await;
            }
        }
    }

    async fn ft_34_a_clock_that_jumps_ahead_and_back_revives_nothing(db: TestDb) {
        let server = TestServer::new(db).await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        let tokens = server.code_flow(&client, "openid offline_access").await;
        let ended = server.code_flow(&client, "openid offline_access").await;
        let (code, request) = server.code(&client, "openid").await;
        let revoked = server.code_flow(&client, "openid").await;
        server.revoke(&client, &revoked.access).await.expect(200);
        server.advance(3600);
        portcullis::jobs::sweep::once(&server.app).await.unwrap();
        server.userinfo(&tokens.access).await.expect_error(401, "invalid_token");
        server.redeem(&client, &code, &request).await.expect_error(400, "invalid_grant");
        let renewed = Tokens::of(server.refresh(&client, tokens.refresh()).await);
        server.revoke(&client, ended.refresh()).await.expect(200);
        let mut browser = Browser::new(&server);
        browser.open("/login").await.page();
        browser.sign_in("alice", PASSWORD).await.page();
        let future_code = browser.grant(&AuthRequest::new(&client, "openid"), "alice").await;
        server.advance(-3600);

        server.userinfo(&revoked.access).await.expect_error(401, "invalid_token");
        server.refresh(&client, ended.refresh()).await.expect_error(400, "invalid_grant");
        server.userinfo(&ended.access).await.expect_error(401, "invalid_token");
        // What was issued in the future is at worst usable for its lifetime and the jump.
        assert!(!future_code.code().is_empty());
        server.advance(3600 + 60 * 86_400);
        assert_eq!(browser.open("/").await.page().heading(), "Welcome", "its absolute lifetime and the jump are over");
        server.advance(60 - 60 * 86_400);
        server.refresh(&client, tokens.refresh()).await.expect_error(400, "invalid_grant");
        server.refresh(&client, renewed.refresh()).await.expect_error(400, "invalid_grant");
    }

    async fn ft_35_a_clock_that_falls_back_extends_nothing_but_by_the_jump(db: TestDb) {
        let server = TestServer::new(db).await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        let (code, request) = server.code(&client, "openid offline_access").await;
        let tokens = Tokens::of(server.redeem(&client, &code, &request).await);
        let (fresh, fresh_request) = server.code(&client, "openid").await;
        let second = server.code_flow(&client, "openid offline_access").await;
        let renewed = Tokens::of(server.refresh(&client, second.refresh()).await);
        server.advance(-3600);
        // Spent stays spent: that is a state, not a time.
        server.redeem(&client, &code, &request).await.expect_error(400, "invalid_grant");
        server.refresh(&client, tokens.refresh()).await.expect_error(400, "invalid_grant");
        // Expired by the jump at most: two hours later both are long over.
        server.advance(3600 + 61);
        server.redeem(&client, &fresh, &fresh_request).await.expect_error(400, "invalid_grant");
        server.advance(3600);
        server.userinfo(&renewed.access).await.expect_error(401, "invalid_token");
    }

    async fn ft_37_a_wrong_master_key_stops_the_start(db: TestDb) {
        let server = TestServer::new(db).await;
        let before = server.store().signing_keys().await.unwrap().len();
        let data = tempfile::tempdir().unwrap();
        let ended = refuses_to_start(&server, data.path(), &[("PORTCULLIS_KEYS__MASTER_KEY", OTHER_KEY)]);
        assert!(ended.stderr.contains("start with the master key this database was created with"), "{ended:?}");
        let ended = refuses_to_start(&server, data.path(), &[("PORTCULLIS_KEYS__MASTER_KEY", "")]);
        assert!(ended.stderr.contains("set keys.master_key"), "{ended:?}");
        assert!(!data.path().join("master.key").exists(), "none is made up");
        assert_eq!(server.store().signing_keys().await.unwrap().len(), before);
    }

    async fn ft_37_a_damaged_key_stops_the_start_and_the_signing(db: TestDb) {
        let server = TestServer::new(db).await;
        let client = server.add_client(ClientSpec::service("batch")).await;
        let keys = server.store().signing_keys().await.unwrap();
        let data = tempfile::tempdir().unwrap();
        let mut raw = server.db.raw().await;
        let mut sealed = keys[0].sealed_private.clone();
        let last = sealed.len() - 1;
        sealed[last] ^= 1;
        let hex: String = sealed.iter().map(|byte| format!("{byte:02x}")).collect();
        let literal = if server.db.is_postgres() { format!("'\\x{hex}'::bytea") } else { format!("x'{hex}'") };
        raw.run(&format!("UPDATE signing_key SET sealed_private = {literal} WHERE kid = '{}'", keys[0].kid)).await;

        let ended = refuses_to_start(&server, data.path(), &[]);
        assert!(ended.stderr.contains("is damaged") && ended.stderr.contains("restore its row"), "{ended:?}");
        assert_eq!(server.store().signing_keys().await.unwrap().len(), keys.len());
        // A node that is running already signs and publishes nothing with it.
        server.client_credentials(&client).await.expect_error(500, "server_error");
        let response = server.get("/.well-known/jwks.json").await;
        assert!(response.status.is_server_error(), "{}", response.text());
        assert_eq!(server.get("/readyz").await.expect(503).text(), "keys\n");
        raw.run(&format!("DELETE FROM signing_key WHERE kid = '{}'", keys[0].kid)).await;
    }

    async fn ft_38_a_damaged_row_fails_alone(db: TestDb) {
        let server = TestServer::new(db).await;
        let bob = server.add_user("bob").await;
        let (good, bad) = (
            server.add_client(ClientSpec::web("good")).await,
            server.add_client(ClientSpec::web("bad")).await,
        );
        let tokens = server.code_flow(&bad, "openid offline_access").await;
        let mut of_bob = Browser::new(&server);
        of_bob.open("/login").await.page();
        of_bob.sign_in("bob", PASSWORD).await.page();
        let mut raw = server.db.raw().await;
        for metadata in ["{}", "[1]", "{\"name\": 1}"] {
            raw.run(&format!("UPDATE client SET metadata = '{metadata}' WHERE client_id = 'bad'")).await;
            for _ in 0..2 {
                server.refresh(&bad, tokens.refresh()).await.expect_error(401, "invalid_client");
                let page = server.get(&format!("/authorize?{}", AuthRequest::new(&bad, "openid").query())).await;
                assert_eq!((page.status.as_u16(), page.header("location")), (400, ""));
            }
        }
        raw.run("UPDATE users SET claims = '[1]' WHERE username = 'bob'").await;
        assert_eq!(of_bob.open("/").await.page().heading(), "Welcome", "nobody is signed in by such a row");
        of_bob.open("/login").await.page();
        assert_eq!(of_bob.sign_in("bob", PASSWORD).await.page().status(), 401);
        let damaged = portcullis::model::user::PasswordHash("\u{0}".replace('\0', "?"));
        server.store().set_password(bob.id, &damaged, server.app.clock().now()).await.unwrap();
        assert_eq!(of_bob.sign_in("bob", PASSWORD).await.page().status(), 401);
        assert!(works(&server, &good).await, "everybody else is served");
    }

    async fn ft_43_a_stop_signal_lets_requests_finish(db: TestDb) {
        let server = TestServer::new(db).await;
        let mut process = Process::serve(&server, &["server.shutdown_grace=5s"]);
        let mut under_way = process.connect().await;
        let body = "grant_type=client_credentials&client_id=nobody";
        let head = format!(
            "POST /token HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        under_way.write_all(head.as_bytes()).await.unwrap();
        under_way.write_all(&body.as_bytes()[..10]).await.unwrap();
        // Another answer shows that the head above was read: it was sent before.
        assert_eq!(process.raw("GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.status(), 200);
        process.signal("TERM");
        assert!(process.logs("finishing what is under way"));
        under_way.write_all(&body.as_bytes()[10..]).await.unwrap();
        let answer = read_to_end(&mut under_way, Duration::from_secs(4)).await;
        assert_eq!((answer.status(), answer.closed), (401, true), "{}", answer.text);
        assert_eq!(process.ended().and_then(|status| status.code()), Some(0), "{}", process.log());
        assert!(tokio::net::TcpStream::connect(process.address).await.is_err());
    }

    async fn ft_43_readiness_goes_first_and_the_node_serves_on(db: TestDb) {
        const PROBE: &str = "GET /readyz HTTP/1.1\r\nhost: x\r\n\r\n";
        const ALIVE: &str = "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
        let server = TestServer::new(db).await;
        let mut process = Process::serve(&server, &["server.shutdown_delay=3s"]);
        let mut kept = process.connect().await;
        kept.write_all(PROBE.as_bytes()).await.unwrap();
        let answer = read_to_end(&mut kept, Duration::from_millis(500)).await;
        assert_eq!((answer.status(), answer.closed), (200, false), "{}", answer.text);
        let told = Instant::now();
        process.signal("TERM");
        assert!(process.logs("no longer ready, still serving"));
        kept.write_all(ALIVE.as_bytes()).await.unwrap();
        let answer = read_to_end(&mut kept, Duration::from_secs(2)).await;
        assert_eq!((answer.status(), answer.closed), (200, true), "an open connection serves and is told: {}", answer.text);
        assert!(answer.text.to_lowercase().contains("connection: close"), "{}", answer.text);
        let probe = process.raw(PROBE).await;
        assert_eq!((probe.status(), probe.closed), (503, true), "{}", probe.text);
        assert!(probe.text.ends_with("stopping\n"), "{}", probe.text);
        assert_eq!(process.raw(ALIVE).await.status(), 200, "new connections are taken");
        assert!(told.elapsed() < Duration::from_secs(3), "the machine is too slow for this test");
        assert_eq!(process.ended().and_then(|status| status.code()), Some(0), "{}", process.log());
        assert!(told.elapsed() >= Duration::from_secs(3));
        // A person at a terminal does not have to wait.
        let mut process = Process::serve(&server, &["server.shutdown_delay=1h"]);
        process.signal("INT");
        assert_eq!(process.ended().and_then(|status| status.code()), Some(0), "{}", process.log());
    }

    async fn ft_50_a_panic_inside_a_transaction_rolls_back(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        let shared = std::sync::Arc::new(tokio::sync::Mutex::new(()));
        let handler = {
            let (server, shared) = (server.clone(), shared.clone());
            async move || -> String {
                let _held = shared.lock().await;
                let mut raw = server.db.raw().await;
                raw.run(if server.db.is_postgres() { "BEGIN" } else { "BEGIN IMMEDIATE" }).await;
                assert_eq!(raw.run("DELETE FROM users").await, 1);
                panic!("in the middle of it");
            }
        };
        let router = Router::new()
            .route("/panic", get(handler))
            .layer(CatchPanicLayer::custom(layers::panicked))
            .layer(from_fn_with_state(server.app.clone(), layers::observe));
        let node = server.through(router);
        for _ in 0..2 {
            node.get("/panic").await.expect_error(500, "server_error");
            drop(tokio::time::timeout(Duration::from_secs(5), shared.lock()).await.unwrap());
        }
        assert!(works(&server, &client).await, "alice is still there, and so are the locks of others");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ft_43_neither_a_slow_client_nor_patience_holds_up_the_end() {
    let server = TestServer::new(TestDb::sqlite().await).await;
    for second_signal in [false, true] {
        let grace = if second_signal {
            "server.shutdown_grace=20s"
        } else {
            "server.shutdown_grace=1s"
        };
        let mut process = Process::serve(&server, &[grace]);
        let mut stuck = process.connect().await;
        let head = "POST /token HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 9\r\n\r\na";
        stuck.write_all(head.as_bytes()).await.unwrap();
        assert_eq!(
            process
                .raw("GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
                .await
                .status(),
            200
        );
        let started = Instant::now();
        process.signal("TERM");
        assert!(process.logs("finishing what is under way"));
        if second_signal {
            process.signal("TERM");
        }
        let code = process.ended().and_then(|status| status.code());
        assert_eq!(code, Some(if second_signal { 130 } else { 0 }), "{}", process.log());
        assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    }
}

#[test]
fn ft_49_a_bad_setting_is_one_line_that_names_it() {
    const ISSUER: &str = "issuer = \"https://id.example\"\n";
    let cases = [
        ("[server]\nlisten = \"8080\"", "server.listen", "127.0.0.1:8080"),
        ("[server]\nmax_body = 10", "server.max_body", "4096"),
        ("[server]\nlissten = \"x\"", "server.lissten", "server.listen"),
        ("[database]\nurl = \"mysql://x\"", "database.url", "postgres://"),
        (
            "[database]\nmax_connections = 0",
            "database.max_connections",
            "1 and 1000",
        ),
        ("[database]\nacquire_timeout = \"0s\"", "database.acquire_timeout", "1s"),
        (
            "[keys]\nmaster_key = \"weak\"",
            "keys.master_key",
            "openssl rand -base64 32",
        ),
        ("[keys]\nretirement = \"1s\"", "keys.retirement", "15m"),
        (
            "[keys]\nretirement = \"2d\"\n[tokens]\naccess_lifetime = \"2d\"",
            "tokens.access_lifetime",
            "1d",
        ),
        ("[tokens]\naccess_lifetime = \"soon\"", "tokens.access_lifetime", "15m"),
        ("[tokens]\ncode_lifetime = \"1h\"", "tokens.code_lifetime", "10m"),
        (
            "[tokens]\nrefresh_retry_window = \"10m\"",
            "tokens.refresh_retry_window",
            "60s",
        ),
        ("[sessions]\nidle_timeout = \"1s\"", "sessions.idle_timeout", "1m"),
        (
            "[sessions]\nabsolute_timeout = \"1d\"",
            "sessions.absolute_timeout",
            "sessions.idle_timeout",
        ),
        ("[passwords]\nmemory_kib = 1", "passwords.memory_kib", "1048576"),
        ("[passwords]\nmin_length = 4", "passwords.min_length", "8 and 64"),
        ("[log]\nformat = \"xml\"", "log.format", "json"),
        ("[sweep]\nbatch = \"many\"", "sweep.batch", "500"),
        ("[client]\nid = \"x\"", "client.id", ""),
    ];
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("portcullis.toml");
    for (text, key, remedy) in cases {
        std::fs::write(&file, format!("{ISSUER}{text}")).unwrap();
        let message = error_of(&file);
        assert!(message.contains(key) && message.contains(remedy), "{text}: {message}");
        assert!(
            message.contains("portcullis.toml") && !message.contains('\n'),
            "{text}: {message}"
        );
    }
    for (issuer, says) in [
        ("http://id.example", "must use https"),
        ("id.example", "https://"),
        ("https://id.example/", "slash"),
        ("https://id.example?x=1", "query"),
        ("https://id.example#x", "fragment"),
        ("https://u:p@id.example", "user"),
        ("ftp://id.example", "https"),
        ("", "--issuer https://"),
    ] {
        std::fs::write(&file, format!("issuer = \"{issuer}\"")).unwrap();
        let message = error_of(&file);
        assert!(
            message.contains("issuer") && message.to_lowercase().contains(says),
            "{issuer}: {message}"
        );
    }
}

fn error_of(file: &Path) -> String {
    let loaded = load(LoadArgs {
        file: Some(file.to_owned()),
        env: std::iter::empty(),
        overrides: Vec::new(),
    });
    loaded.unwrap_err().to_string()
}

#[test]
fn ft_49_the_program_ends_with_one_line_and_a_status() {
    let data = tempfile::tempdir().unwrap();
    for (arguments, says) in [
        (&["--issuer", "http://id.example"][..], "must use https"),
        (
            &["--issuer", "https://id.example", "--set", "tokens.acess_lifetime=1m"],
            "tokens.access_lifetime",
        ),
        (
            &["--issuer", "https://id.example", "--set", "database.url=x"],
            "database.url",
        ),
        (
            &["--issuer", "https://id.example", "--set", "log.level=loud"],
            "log.level",
        ),
        (
            &["--issuer", "https://id.example", "--set", "keys.master_key=short"],
            "keys.master_key",
        ),
        (
            &[
                "--issuer",
                "https://id.example",
                "--config",
                "/nonexistent/portcullis.toml",
            ],
            "/nonexistent/portcullis.toml",
        ),
    ] {
        let mut command = portcullis(&["serve"]);
        command.args(arguments).arg("--data").arg(data.path().join("new"));
        let ended = run(command);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{ended:?}");
        assert!(
            ended.stderr.contains(says) && ended.stderr.trim_end().lines().count() == 1,
            "{ended:?}"
        );
        assert!(
            !data.path().join("new").exists(),
            "nothing is made for a configuration that is wrong: {arguments:?}"
        );
    }
    let mut command = portcullis(&["serve", "--issuer", "https://id.example"]);
    command.env("PORTCULLIS_TOKENS__ACESS_LIFETIME", "1m");
    let ended = run(command);
    assert_eq!(ended.code, Some(1));
    assert!(
        ended
            .stderr
            .contains("did you mean PORTCULLIS_TOKENS__ACCESS_LIFETIME?"),
        "{ended:?}"
    );
}
