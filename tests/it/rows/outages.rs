//! FT: a database that is away, full, locked, read-only or busy. In doubt the answer is no, it says when to try again, and
//! the server heals by itself.

use std::time::{Duration, Instant};

use portcullis::store::Store;

use super::faults::works;
use crate::support::process::{Process, serve_command, serve_within};
use crate::support::{
    AuthRequest, Browser, ClientSpec, PASSWORD, TestClient, TestDb, TestResponse, TestServer, Tokens, Wire,
};

#[track_caller]
fn assert_503_json(response: TestResponse) {
    let response = response.expect_error(503, "temporarily_unavailable");
    assert_eq!(response.header("content-type"), "application/json");
    assert_eq!(
        (response.header("retry-after"), response.header("cache-control")),
        ("2", "no-store")
    );
    assert!(response.json()["access_token"].is_null());
}

#[track_caller]
fn assert_503_page(response: &TestResponse) {
    assert_eq!(
        (response.status.as_u16(), response.header("retry-after")),
        (503, "2"),
        "{}",
        response.text()
    );
    assert_eq!(response.header("content-type"), "text/html; charset=utf-8");
    assert!(
        response.text().contains("We cannot answer right now"),
        "{}",
        response.text()
    );
    assert_eq!(response.header("location"), "");
}

/// What of FT-06, FT-10 and FT-32 a node without its database must do.
async fn assert_shut(node: &TestServer, client: &TestClient, tokens: &Tokens) {
    let request = AuthRequest::new(client, "openid");
    assert_503_json(node.refresh(client, tokens.refresh()).await);
    assert_503_json(node.redeem(client, "some-code", &request).await);
    assert_503_json(node.revoke(client, tokens.refresh()).await);
    assert_503_json(node.userinfo(&tokens.access).await);
    assert_503_page(&node.get("/login").await);
    // Neither client nor URI can be proven now, so nothing goes to the client.
    assert_503_page(&node.get(&format!("/authorize?{}", request.query())).await);
    let ready = node.get("/readyz").await.expect(503);
    assert_eq!(ready.text(), "database\n");
    node.get("/healthz").await.expect(200);
    node.get("/.well-known/openid-configuration").await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ft_32_a_node_cut_off_from_its_database_answers_503_and_heals() {
    let Some(db) = TestDb::postgres().await else { return };
    let server = TestServer::new(db).await;
    let client = server.add_client(ClientSpec::web("shop")).await;
    let tokens = server.code_flow(&client, "openid offline_access").await;
    let wire = Wire::to(server.db.url()).await;
    let node = server.over(TestDb::open_impatient(wire.url(), 3).await, |_| {});
    assert!(works(&node, &client).await);
    let mut browser = Browser::new(&node);
    browser.authorize(&AuthRequest::new(&client, "openid")).await.page();

    wire.cut();
    let started = Instant::now();
    assert_shut(&node, &client, &tokens).await;
    let (_, sign_in) = browser.submission(&[("username", "alice"), ("password", PASSWORD)]);
    assert_503_page(&sign_in.await);
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
    // Nothing was lost or spent meanwhile: what was refused works on another node, and here again.
    let renewed = Tokens::of(server.refresh(&client, tokens.refresh()).await);

    wire.mend();
    Tokens::of(node.refresh(&client, renewed.refresh()).await);
    let callback = browser.sign_in("alice", PASSWORD).await.callback();
    assert!(!callback.code().is_empty(), "the form that was open still counts");
    assert!(works(&node, &client).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ft_06_a_pool_without_free_connections_fails_in_time() {
    let Some(db) = TestDb::postgres().await else { return };
    let server = TestServer::new(db).await;
    let client = server.add_client(ClientSpec::web("shop")).await;
    let tokens = server.code_flow(&client, "openid offline_access").await;
    let options = portcullis::store::StoreOptions {
        url: portcullis::config::Secret::new(server.db.url().to_owned()),
        max_connections: 2,
        acquire_timeout: 1,
        statement_timeout: 4,
        create: false,
    };
    let node = server.over(Store::open(&options).await.unwrap(), |_| {});
    // Codes are redeemed one by one; refresh tokens would share a connection.
    let first = server.code(&client, "openid").await;
    let second = server.code(&client, "openid").await;
    let mut holder = server.db.raw().await;
    holder.run("BEGIN").await;
    holder.run("LOCK TABLE grants IN ACCESS EXCLUSIVE MODE").await;
    let stuck = [first, second].map(|(code, request)| tokio::spawn(node.redeem(&client, &code, &request).send()));
    let mut raw = server.db.raw().await;
    let waiting =
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
    let deadline = Instant::now() + Duration::from_secs(3);
    while raw.number(waiting).await < 2 {
        assert!(Instant::now() < deadline, "both connections wait for the lock");
    }
    let started = Instant::now();
    let (token, ready, page) = tokio::join!(
        node.refresh(&client, tokens.refresh()),
        node.get("/readyz"),
        node.get(&format!("/authorize?{}", AuthRequest::new(&client, "openid").query())),
    );
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
    assert_503_json(token);
    assert_503_page(&page);
    assert_eq!((ready.status.as_u16(), ready.text()), (503, "database\n"));
    holder.run("ROLLBACK").await;
    for answer in stuck {
        assert_eq!(answer.await.unwrap().status.as_u16(), 200);
    }
    assert!(works(&node, &client).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ft_10_a_database_that_cannot_be_reached_is_503_and_its_password_is_told_to_nobody() {
    let Some(db) = TestDb::postgres().await else { return };
    let server = TestServer::new(db).await;
    let client = server.add_client(ClientSpec::web("shop")).await;
    let tokens = server.code_flow(&client, "openid offline_access").await;
    let refusing = "postgres://u:canary-password@127.0.0.1:1/p".to_owned();
    let unknown = "postgres://u:canary-password@no-such-host.invalid/p".to_owned();
    let without_tls = format!("{}?sslmode=require", server.db.url());
    for url in [&refusing, &unknown, &without_tls] {
        let node = server.over(TestDb::open_impatient(url, 2).await, |_| {});
        assert_503_json(node.refresh(&client, tokens.refresh()).await);
        assert_eq!(node.get("/readyz").await.expect(503).text(), "database\n");
    }
    let data = tempfile::tempdir().unwrap();
    for url in [&refusing, &unknown] {
        let mut command = serve_command(
            &server,
            data.path(),
            &["database.acquire_timeout=1s", "log.level=trace"],
        );
        command.env("PORTCULLIS_DATABASE__URL", url);
        let process = Process::listening(command, "listening");
        let node = process.node(&server);
        node.get("/readyz").await.expect(503);
        assert_503_json(node.refresh(&client, tokens.refresh()).await);
        assert!(process.logs("database unavailable"));
        assert!(!process.log().contains("canary"), "{}", process.log());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ft_11_a_read_only_database_takes_no_sign_in() {
    let Some(db) = TestDb::postgres().await else { return };
    let server = TestServer::new(db).await;
    let client = server.add_client(ClientSpec::web("shop")).await;
    let tokens = server.code_flow(&client, "openid offline_access").await;
    let mut browser = Browser::new(&server);
    browser.authorize(&AuthRequest::new(&client, "openid")).await.page();
    let mut raw = server.db.raw().await;
    let name = raw.texts("SELECT current_database()::text").await.remove(0);
    raw.run(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on"))
        .await;
    let node = server.over(TestDb::open_impatient(server.db.url(), 3).await, |_| {});

    node.get("/.well-known/openid-configuration").await.expect(200);
    node.get("/.well-known/jwks.json").await.expect(200);
    node.userinfo(&tokens.access).await.expect(200);
    assert_503_json(node.refresh(&client, tokens.refresh()).await);
    assert_503_json(node.revoke(&client, tokens.refresh()).await);
    let sessions = "SELECT count(*) FROM browser_session";
    let before = raw.number(sessions).await;
    browser.switch_to(&node);
    let (_, sign_in) = browser.submission(&[("username", "alice"), ("password", PASSWORD)]);
    let response = sign_in.await;
    assert_503_page(&response);
    assert_eq!(response.header("set-cookie"), "");
    assert_eq!(raw.number(sessions).await, before);

    raw.run("SET default_transaction_read_only = off").await;
    raw.run(&format!("ALTER DATABASE {name} RESET default_transaction_read_only"))
        .await;
    let healed = server.over(TestDb::open_impatient(server.db.url(), 3).await, |_| {});
    Tokens::of(healed.refresh(&client, tokens.refresh()).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ft_32_an_error_behind_a_proven_callback_goes_to_the_client() {
    let Some(db) = TestDb::postgres().await else { return };
    let server = TestServer::new(db).await;
    server.alice().await;
    let client = server.add_client(ClientSpec::web("shop")).await;
    let node = server.over(TestDb::open_impatient(server.db.url(), 3).await, |_| {});
    let mut holder = server.db.raw().await;
    holder.run("BEGIN").await;
    holder.run("LOCK TABLE web_session IN ACCESS EXCLUSIVE MODE").await;
    assert_sent_back(&node, &client).await;
    holder.run("ROLLBACK").await;
    assert!(works(&node, &client).await);
}

/// A new browser's request, which must be written down and cannot be.
async fn assert_sent_back(node: &TestServer, client: &TestClient) {
    let callback = Browser::new(node)
        .authorize(&AuthRequest::new(client, "openid"))
        .await
        .callback();
    assert_eq!(callback.uri, client.redirect_uri);
    assert_eq!(callback.get("error"), "temporarily_unavailable");
    assert_eq!(
        (callback.get("state"), callback.get("iss"), callback.get("code")),
        ("the-state", "https://id.example", "")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ft_13_a_full_disk_is_503_and_loses_nothing() {
    let server = TestServer::new(TestDb::sqlite().await).await;
    let client = server.add_client(ClientSpec::web("shop").trusted()).await;
    let tokens = server.code_flow(&client, "openid offline_access").await;
    server.store().close().await;
    // No file of the process may grow beyond this, which is how a full disk looks to it.
    let data = tempfile::tempdir().unwrap();
    let command = serve_within("trap '' XFSZ; ulimit -f 512", &server, data.path(), &[]);
    let process = Process::listening(command, "ready");
    let node = process.node(&server);
    let mut latest = tokens.refresh().to_owned();
    let mut full = false;
    for _ in 0..2000 {
        let response = node.refresh(&client, &latest).await;
        if response.status != 200 {
            assert_503_json(response);
            full = true;
            break;
        }
        latest = Tokens::of(response).refresh().to_owned();
    }
    assert!(full, "the limit was reached");
    let page = node.get("/login").await;
    assert_503_page(&page);
    node.get("/.well-known/jwks.json").await.expect(200);
    drop(process);

    let mut raw = server.db.raw().await;
    assert_eq!(raw.texts("PRAGMA integrity_check").await, ["ok"]);
    let after = server.second_node().await;
    Tokens::of(after.refresh(&client, &latest).await);
    let replayed = after.refresh(&client, tokens.refresh()).await;
    replayed.expect_error(400, "invalid_grant");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ft_15_a_locked_file_is_503_and_loses_nothing() {
    let server = TestServer::new(TestDb::sqlite().await).await;
    let client = server.add_client(ClientSpec::web("shop")).await;
    let tokens = server.code_flow(&client, "openid offline_access").await;
    let node = server.over(TestDb::open_impatient(server.db.url(), 3).await, |_| {});
    let mut browser = Browser::new(&node);
    browser.authorize(&AuthRequest::new(&client, "openid")).await.page();
    let mut holder = server.db.raw().await;
    holder.run("BEGIN IMMEDIATE").await;
    let started = Instant::now();
    let (_, sign_in) = browser.submission(&[("username", "alice"), ("password", PASSWORD)]);
    let (token, page, signed_in, reader) = tokio::join!(
        node.refresh(&client, tokens.refresh()),
        node.get("/login"),
        sign_in,
        node.userinfo(&tokens.access),
    );
    assert_503_json(token);
    assert_503_page(&page);
    assert_503_page(&signed_in);
    reader.expect(200);
    assert_sent_back(&node, &client).await;
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
    holder.run("ROLLBACK").await;
    Tokens::of(node.refresh(&client, tokens.refresh()).await);
    assert!(works(&node, &client).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ft_16_many_writers_all_get_through() {
    // One account stands for many; no person signs in fifty times at once.
    let unlimited =
        |config: &mut portcullis::config::Config| config.limits.sign_in_per_account = portcullis::config::Rate::OFF;
    let server = TestServer::with(TestDb::sqlite().await, unlimited).await;
    let client = server.add_client(ClientSpec::web("shop").trusted()).await;
    server.alice().await;
    let other = server.second_node().await;
    let mut writers = tokio::task::JoinSet::new();
    for number in 0..50 {
        let node = if number % 2 == 0 { server.clone() } else { other.clone() };
        let client = client.clone();
        writers.spawn(async move {
            Tokens::of({
                let request = AuthRequest::new(&client, "openid offline_access");
                let code = Browser::new(&node).grant(&request, "alice").await.code();
                node.redeem(&client, &code, &request).await
            })
        });
    }
    assert_eq!(writers.join_all().await.len(), 50);
    let mut raw = server.db.raw().await;
    assert_eq!(raw.number("SELECT count(*) FROM refresh_token").await, 50);
}
