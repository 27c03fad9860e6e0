//! LK: what must not get out through logs, errors, the database and links. Every flow is run with secrets that are known to
//! the test, and then looked for.

use axum::Router;
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use portcullis::config::{Config, LoadArgs, LogConfig, LogFormat, load};
use portcullis::http::layers;
use portcullis::model::api::AccessTokenFormat;
use portcullis::model::user::PasswordHash;
use portcullis::telemetry::{init, output};
use tower_http::catch_panic::CatchPanicLayer;

use super::sockets::get_over_http2;
use crate::support::collector::Collector;
use crate::support::process::{Process, isolate, run};
use crate::support::scrape::scrape;
use crate::support::{
    AuthRequest, Browser, ClientSpec, PASSWORD, TestClient, TestRequest, TestServer, Tokens, api, both_stores,
};

/// Everything that an attacker would like to find, by name.
type Secrets = Vec<(&'static str, String)>;

/// Runs every flow over `node`, and gives back each secret that was on its way.
async fn every_flow(server: &TestServer, node: &TestServer) -> Secrets {
    let mut secrets: Secrets = vec![
        ("password", PASSWORD.to_owned()),
        ("wrong password", "canary-wrong-password".to_owned()),
        ("e-mail address", "alice@example.com".to_owned()),
        ("state", "canary-state".to_owned()),
        ("nonce", "canary-nonce".to_owned()),
        ("login hint", "canary-login-hint".to_owned()),
        ("forged token", "canary-forged-token".to_owned()),
        ("forged cookie", "canary-forged-cookie".to_owned()),
        ("name in a query", "canary-query".to_owned()),
    ];
    let alice = server.alice().await;
    let PasswordHash(hash) = alice.password.unwrap();
    secrets.push(("password hash", hash));
    let shop = server.add_client(ClientSpec::web("shop")).await;
    let spa = server.add_client(ClientSpec::public("spa")).await;
    let service = server
        .add_client(
            ClientSpec::service("batch")
                .metadata(|metadata| metadata.default_audience = Some("https://jobs.example".to_owned())),
        )
        .await;
    server
        .add_api(
            "https://jobs.example",
            api(
                "https://jobs.example",
                &["jobs:run", "jobs:read"],
                AccessTokenFormat::Opaque,
            ),
        )
        .await;
    for client in [&shop, &service] {
        secrets.push(("client secret", client.secret.clone().unwrap()));
    }
    for client in [&shop, &spa] {
        let request = AuthRequest::new(client, "openid email offline_access")
            .set("state", "canary-state")
            .set("nonce", "canary-nonce")
            .and("login_hint", "canary-login-hint");
        secrets.push(("verifier", request.verifier.clone()));
        let mut browser = Browser::new(node);
        browser.authorize(&request).await.page();
        keep_page(&mut browser, &mut secrets);
        browser.sign_in("alice", "canary-wrong-password").await.page();
        browser.sign_in("alice", PASSWORD).await.page();
        keep_page(&mut browser, &mut secrets);
        let code = browser.consent("allow").await.callback().code();
        let tokens = Tokens::of(node.redeem(client, &code, &request).await);
        node.redeem(client, &code, &request)
            .await
            .expect_error(400, "invalid_grant");
        let again = {
            let code = browser.authorize(&request).await.callback().code();
            Tokens::of(node.redeem(client, &code, &request).await)
        };
        let renewed = Tokens::of(node.refresh(client, again.refresh()).await);
        node.userinfo(&renewed.access).await.expect(200);
        node.post_form("/userinfo", &[("access_token", &renewed.access)])
            .await
            .expect(200);
        node.revoke(client, renewed.refresh()).await.expect(200);
        node.refresh(client, again.refresh())
            .await
            .expect_error(400, "invalid_grant");
        secrets.push(("code", code));
        for tokens in [tokens, again, renewed] {
            secrets.push(("access token", tokens.access));
            secrets.extend(tokens.refresh.map(|token| ("refresh token", token)));
            secrets.extend(tokens.id.map(|token| ("ID token", token)));
        }
        let hint = secrets
            .iter()
            .rev()
            .find(|(name, _)| *name == "ID token")
            .unwrap()
            .1
            .clone();
        browser
            .authorize(&request.set("prompt", "none").and("id_token_hint", &hint))
            .await
            .callback();
        browser.open("/logout").await.page();
        keep_page(&mut browser, &mut secrets);
        browser.submit(&[]).await.page();
    }
    let tv = server.add_client(ClientSpec::device("tv")).await;
    of_a_device(node, &tv, &mut secrets).await;
    let tokens = Tokens::of(node.client_credentials(&service).await);
    secrets.push(("opaque access token", tokens.access));
    misuse(node).await;
    secrets
}

/// A device that is let in, over the link with its code, and asks too often.
async fn of_a_device(node: &TestServer, tv: &TestClient, secrets: &mut Secrets) {
    let device = node.start_device(tv, "openid offline_access").await;
    secrets.push(("device code", device.device_code.clone()));
    secrets.push(("user code", device.user_code.clone()));
    secrets.push(("letters of the user code", device.user_code.replace('-', "")));
    let mut browser = Browser::new(node);
    browser.open(&format!("/device?user_code={}", device.user_code)).await;
    keep_page(&mut browser, secrets);
    node.poll(&device).await.expect_error(400, "authorization_pending");
    node.poll(&device).await.expect_error(400, "slow_down");
    browser.answer_device(&device.user_code, "alice", "allow").await;
    let tokens = Tokens::of(node.poll(&device).await);
    node.poll(&device).await.expect_error(400, "invalid_grant");
    browser.enter_code(&device.user_code).await;
    secrets.push(("access token of a device", tokens.access));
    secrets.extend(tokens.refresh.map(|token| ("refresh token of a device", token)));
}

/// Requests that are refused, with secrets in the wrong places.
async fn misuse(node: &TestServer) {
    node.userinfo("canary-forged-token").await.expect(401);
    node.post_form(
        "/token",
        &[
            ("grant_type", "refresh_token"),
            ("refresh_token", "canary-forged-token"),
        ],
    )
    .basic("shop", "canary-forged-token")
    .await
    .expect(401);
    node.get("/")
        .cookie("__Host-portcullis=canary-forged-cookie")
        .await
        .expect(200);
    for path in ["/token", "/revoke", "/userinfo", "/login", "/nowhere", "/authorize"] {
        let path = format!("{path}?code=canary-query&access_token=canary-query&password=canary-query");
        for method in [Method::GET, Method::POST] {
            let request: TestRequest = node.request(method, &path);
            request
                .form(&[("client_secret", "canary-query"), ("code", "canary-query")])
                .await;
        }
    }
}

/// The cookie and the form's token.
fn keep_page(browser: &mut Browser, secrets: &mut Secrets) {
    let fields = browser.page().form().fields;
    secrets.extend(
        fields
            .into_iter()
            .filter(|(name, _)| name == "csrf")
            .map(|(_, value)| ("form token", value)),
    );
    secrets.extend(browser.cookies().values().map(|value| ("cookie", value.clone())));
}

#[track_caller]
fn assert_absent(secrets: &Secrets, from: &str, place: &str) {
    for (name, secret) in secrets {
        assert!(secret.len() >= 8, "{name} is too short to look for");
        if let Some(at) = from.find(secret) {
            let line = from[..at].rfind('\n').map_or(0, |at| at + 1);
            panic!("{name} is in {place}: {}", from[line..].lines().next().unwrap());
        }
    }
}

both_stores! {
    /// The whole program, with every library as talkative as it can be.
    async fn lk_01_dv_19_no_secret_reaches_the_log_at_any_level(db: TestDb) {
        let server = TestServer::new(db).await;
        let levels = "log.level=trace,sqlx=trace,hyper=trace,h2=trace,tower=trace,tower_sessions=trace,tower_http=trace";
        let collector = Collector::start().await;
        let settings = [levels, &collector.setting(), "metrics.listen=127.0.0.1:0"];
        let mut process = Process::serve(&server, &settings);
        let secrets = every_flow(&server, &process.node(&server)).await;
        // The library for HTTP/2 is the one that logs whole headers.
        get_over_http2(&process, "cookie", "__Host-portcullis=canary-forged-cookie").await;
        get_over_http2(&process, "authorization", "Bearer canary-forged-token").await;
        assert!(process.logs(r#""route":"/revoke""#));
        let log = process.log();
        assert!(log.lines().count() > 50, "it did log: {log}");
        assert_absent(&secrets, &log, "the log");
        assert!(!log.contains("BEGIN PRIVATE") && !log.contains("PRIVATE KEY"));
        assert!(!log.contains("SELECT ") && !log.contains("INSERT "), "no statements");
        collector.wait(|span| span.name == "POST /revoke");
        collector.wait(|span| span.name == "POST /authorize");
        let spans = collector.text();
        assert!(collector.spans().len() > 100, "it did trace");
        assert_absent(&secrets, &spans, "a span");
        assert!(!spans.contains("SELECT ") && !spans.contains("INSERT INTO"), "no statements");
        assert_absent(&secrets, &scrape(&process).await, "the metrics");
        process.signal("TERM");
        assert!(process.ended().is_some_and(|status| status.success()));
        let trail = server.audit_trail().await;
        assert!(trail.len() > 10, "{trail:?}");
        assert_absent(&secrets, &format!("{trail:?}"), "the audit trail");
        assert!(log.contains(r#""kind":"sign_in_failed""#), "the trail is in the log for those who ask");
    }

    async fn lk_02_request_line_and_span_know_the_route_only(db: TestDb) {
        let server = TestServer::new(db).await;
        let collector = Collector::start().await;
        let process = Process::serve(&server, &[&collector.setting()]);
        let node = process.node(&server);
        for path in ["/authorize?code=canary&state=canary", "/interaction/canary/login?x=canary", "/canary?y=canary"] {
            node.get(path).header("referer", "https://shop.example/?canary").header("user-agent", "canary").await;
        }
        assert!(process.logs(r#""route":"none""#));
        let log = process.log();
        assert!(log.contains(r#""route":"/interaction/{id}/login""#) && log.contains(r#""route":"/authorize""#), "{log}");
        assert!(!log.contains("canary"), "{log}");
        collector.wait(|span| span.name == "GET none");
        collector.wait(|span| span.name == "GET /interaction/{id}/login");
        assert!(!collector.text().contains("canary"), "{:?}", collector.spans());
    }

    async fn lk_03_a_broken_server_explains_nothing(db: TestDb) {
        let server = TestServer::new(db).await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        let tokens = server.code_flow(&client, "openid offline_access").await;
        let mut raw = server.db.raw().await;
        raw.run("ALTER TABLE web_session RENAME TO gone_session").await;
        raw.run("ALTER TABLE refresh_token RENAME TO gone_token").await;
        let page = server.get("/login").await;
        let answer = server.refresh(&client, tokens.refresh()).await.expect_error(500, "server_error");
        assert!(page.status.is_server_error(), "{}", page.status);
        let reference = page.header("x-request-id").to_owned();
        assert!(!reference.is_empty() && page.text().contains(&reference), "people get a reference");
        assert_eq!(answer.json()["error_description"], "The server met an unexpected condition.");
        for response in [page, answer] {
            let text = response.text().to_lowercase();
            for word in ["sql", "session\"", "refresh_token\"", "no such table", "relation", "panicked", ".rs", "/tmp", "0.1.0", "postgres", "axum"] {
                assert!(!text.contains(word), "{word}: {text}");
            }
            assert!(!response.headers.contains_key("server") && !response.headers.contains_key("x-powered-by"));
        }
    }

    async fn lk_05_the_database_holds_no_secret_in_clear(db: TestDb) {
        let server = TestServer::new(db).await;
        let mut secrets = every_flow(&server, &server).await;
        assert!(server.audit_trail().await.len() > 10);
        let not_secret_here = ["e-mail address", "password hash", "state", "nonce", "login hint"];
        secrets.retain(|(name, _)| !not_secret_here.contains(name));
        let dump = dump(&server).await;
        assert!(dump.contains("alice@example.com") && dump.contains("canary-nonce"), "it is the database");
        assert_absent(&secrets, &dump, "the database");
        assert!(!dump.contains("PRIVATE KEY"));
    }

    async fn lk_06_one_request_is_one_line(db: TestDb) {
        let server = TestServer::new(db).await;
        let process = Process::serve(&server, &[]);
        let node = process.node(&server);
        let nasty = "a\r\n{\"level\":\"INFO\",\"message\":\"forged\"}\n\u{1b}[31mred\u{1b}[0m\"},{\u{2028}";
        let mut browser = Browser::new(&node);
        browser.open("/login").await.page();
        let lines = |log: &str| log.lines().filter(|line| line.contains(r#""route":"/login""#)).count();
        assert!(process.logs(r#""route":"/login""#));
        let before = lines(&process.log());
        let (_, request) = browser.submission(&[("username", nasty), ("password", nasty)]);
        request.header("x-request-id", "forged\"},{id").await.expect(401);
        node.get("/readyz").await.expect(200);
        assert!(process.logs(r#""route":"/readyz""#));
        let log = process.log();
        assert_eq!(lines(&log), before + 1);
        assert!(!log.contains("forged") && !log.contains('\u{1b}') && !log.contains("red"), "{log}");
        for line in log.lines() {
            serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
        }
    }

    async fn lk_07_no_page_tells_other_sites_where_it_was(db: TestDb) {
        let server = TestServer::new(db).await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        server.alice().await;
        let mut browser = Browser::new(&server);
        let request = AuthRequest::new(&client, "openid");
        let mut pages = vec![browser.authorize(&request).await.page().response];
        pages.push(browser.sign_in("alice", PASSWORD).await.page().response);
        pages.push(browser.submission(&[("decision", "allow")]).1.await);
        let query = request.set("response_mode", "form_post").query();
        pages.push(browser.request(Method::GET, &format!("/authorize?{query}")).await);
        pages.push(server.get("/authorize?client_id=unknown&state=x").await);
        for page in pages {
            assert_eq!(page.header("referrer-policy"), "no-referrer");
            assert!(!page.text().contains("referrerpolicy"), "nothing weakens it");
        }
    }
}

/// Everything in the database, as text.
async fn dump(server: &TestServer) -> String {
    let mut raw = server.db.raw().await;
    if !server.db.is_postgres() {
        raw.run("PRAGMA wal_checkpoint(TRUNCATE)").await;
        let path = server.db.url().strip_prefix("sqlite://").unwrap();
        return String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
    }
    let tables = raw
        .texts("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'")
        .await;
    let mut all = String::new();
    for table in tables {
        // A `bytea` shows as hex: secrets are text and would be found as either.
        let rows = raw.texts(&format!("SELECT row_to_json(t)::text FROM {table} t")).await;
        for row in rows {
            all.push_str(&row);
            all.push_str(&unhex(&row));
            all.push('\n');
        }
    }
    all
}

/// The `\x…` runs of a row as the bytes that they stand for.
fn unhex(row: &str) -> String {
    let mut bytes = Vec::new();
    for run in row.split("\\x").skip(1) {
        let digits: Vec<u32> = run.chars().map_while(|c| c.to_digit(16)).collect();
        bytes.extend(
            digits
                .chunks_exact(2)
                .map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap()),
        );
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn lk_04_debug_shows_no_secret() {
    let server = TestServer::new(crate::support::TestDb::sqlite().await).await;
    let client = server.add_client(ClientSpec::web("shop")).await;
    let alice = server.alice().await;
    let stored = server.store().client(&client.client_id()).await.unwrap().unwrap();
    let keys = server.store().signing_keys().await.unwrap();
    let token = portcullis::crypto::opaque::OpaqueToken::generate(portcullis::crypto::opaque::Kind::Refresh);
    let mut config: Config = server.app.config().clone();
    config.database.url = portcullis::config::Secret::new("postgres://u:canary-dsn@db/p".to_owned());
    config.keys.master_key = Some(portcullis::config::Secret::new("canary-master-key".to_owned()));
    let params = portcullis::protocol::params::Params::parse(b"client_secret=canary-parameter").unwrap();
    let shown = format!(
        "{alice:?} {stored:?} {keys:?} {token:?} {config:?} {params:?} {:?} {}",
        server.app.passwords(),
        config.show()
    );
    let hash = alice.password.unwrap().0;
    let mut secrets: Secrets = vec![
        ("password hash", hash),
        ("token", token.expose().to_owned()),
        ("database password", "canary-dsn".to_owned()),
        ("master key", "canary-master-key".to_owned()),
        ("parameter", "canary-parameter".to_owned()),
    ];
    secrets.push(("client secret", client.secret.unwrap()));
    for key in &keys {
        secrets.push(("sealed key", format!("{:?}", &key.sealed_private[..8])));
    }
    assert_absent(&secrets, &shown, "the Debug output");
    assert!(shown.contains("***"), "{shown}");
}

#[test]
fn lk_04_a_configuration_error_shows_no_secret() {
    let overrides = |pairs: &[(&str, &str)]| {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    };
    for pairs in [
        &[
            ("issuer", "https://id.example"),
            ("database.url", "mysql://u:canary@db/p"),
        ][..],
        &[("issuer", "https://id.example"), ("database.url", "canary")],
        &[("issuer", "https://id.example"), ("keys.master_key", "canary-canary")],
        &[("issuer", "https://user:canary@id.example")],
    ] {
        let arguments = LoadArgs {
            file: None,
            env: std::iter::empty(),
            overrides: overrides(pairs),
        };
        let message = load(arguments).unwrap_err().to_string();
        assert!(!message.contains("canary"), "{message}");
    }
}

/// The child of [`lk_09_a_panic_keeps_its_message_to_itself`]; panics are silenced for a whole process.
#[tokio::test]
#[ignore = "run by another test, in a process of its own"]
async fn a_panic_in_a_process_of_its_own() {
    init::init(&LogConfig {
        format: LogFormat::Json,
        level: "trace".to_owned(),
    })
    .unwrap();
    init::silence_panic_messages();
    let server = TestServer::new(crate::support::TestDb::sqlite().await).await;
    let router = Router::new()
        .route("/panic", get(async || -> String { panic!("canary-in-a-panic") }))
        .layer(CatchPanicLayer::custom(layers::panicked))
        .layer(from_fn_with_state(server.app.clone(), layers::observe));
    let response = TestRequest::new(&router, Method::GET, "/panic").await;
    response.expect_error(500, "server_error");
    output::flush();
}

#[test]
fn lk_09_a_panic_keeps_its_message_to_itself() {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    let name = "rows::leaks::a_panic_in_a_process_of_its_own";
    command.args([name, "--exact", "--ignored", "--nocapture"]);
    isolate(&mut command);
    let ended = run(command);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains("1 passed"), "{ended:?}");
    assert!(
        ended.stderr.contains(r#""message":"panicked""#) && ended.stderr.contains("leaks.rs:"),
        "{ended:?}"
    );
    assert!(ended.stderr.contains(r#""status":500"#), "{ended:?}");
    assert!(
        !ended.stderr.contains("canary") && !ended.stdout.contains("canary"),
        "{ended:?}"
    );
}
