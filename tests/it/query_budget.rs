//! What a token request may cost: round trips to PostgreSQL, counted on the wire, and queries on SQLite.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use portcullis::client_auth::Presented;
use portcullis::endpoints::{introspect, token};
use portcullis::http::extract::client_form::ClientForm;
use portcullis::jobs::catalog_watch;
use portcullis::model::api::AccessTokenFormat;
use portcullis::model::caller::Caller;
use portcullis::protocol::params::Params;
use portcullis::store::{CatalogPace, counted};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::support::{
    AuthRequest, Browser, ClientSpec, DEVICE_GRANT, Device, TestClient, TestDb, TestServer, Tokens, api, claims,
};

/// What went over the wire since the last look.
#[derive(Clone, Debug, Default)]
struct Traffic {
    /// Batches that a request waits for. A lone Sync is none: with it the pool tests a connection that was handed back.
    round_trips: usize,
    /// Something was sent that a Sync will end.
    open: bool,
    /// The texts of the statements that were run.
    statements: Vec<String>,
    /// Transactions that wrote: of one statement each, or from BEGIN to COMMIT.
    commits: usize,
    /// In a transaction; whether it has written.
    transaction: Option<bool>,
}

impl Traffic {
    fn ran(&mut self, statement: String) {
        let writes = ["INSERT INTO ", "UPDATE ", "DELETE FROM "];
        let writes = writes.iter().any(|write| statement.contains(write));
        match (statement.as_str(), self.transaction.as_mut()) {
            ("BEGIN", _) => self.transaction = Some(false),
            ("COMMIT", _) => self.commits += usize::from(self.transaction.take() == Some(true)),
            (_, Some(written)) => *written |= writes,
            (_, None) => self.commits += usize::from(writes),
        }
        self.statements.push(statement);
    }
}

/// Stands between the server and PostgreSQL and reads along.
struct Wire(Arc<Mutex<Traffic>>);

impl Wire {
    /// Takes the place of the database's server; `db` goes through it from now on.
    async fn tap(db: &mut TestDb) -> Self {
        let mut url = Url::parse(db.url()).unwrap();
        let target = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here: SocketAddr = listener.local_addr().unwrap();
        let traffic = Arc::new(Mutex::new(Traffic::default()));
        let seen = traffic.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&target).await.unwrap();
                tokio::spawn(forward(client, server, seen.clone()));
            }
        });
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(here.port())).unwrap();
        db.reroute(url.as_str());
        Self(traffic)
    }

    fn take(&self) -> Traffic {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

async fn forward(client: TcpStream, server: TcpStream, traffic: Arc<Mutex<Traffic>>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
    let mut prepared = HashMap::new();
    let mut started = false;
    let mut listens = false;
    while let Some(message) = read_message(&mut from_client, started).await {
        // The first messages have no type: a request for TLS, then the startup message with its protocol version, 3.0.
        started |= message.get(4..8) == Some(&[0, 3, 0, 0]);
        // No request waits for the connection that hears of changes.
        listens |= message.get(5..).is_some_and(|text| text.starts_with(b"LISTEN"));
        if !listens {
            read_along(&message, &mut prepared, &mut traffic.lock().unwrap());
        }
        if to_server.write_all(&message).await.is_err() {
            return;
        }
    }
}

/// A whole message: its type (once started), its length, and the rest.
async fn read_message(from: &mut (impl AsyncRead + Unpin), started: bool) -> Option<Vec<u8>> {
    let mut message = vec![0; if started { 5 } else { 4 }];
    from.read_exact(&mut message).await.ok()?;
    let length = u32::from_be_bytes(message.last_chunk().copied()?) as usize;
    let head = message.len();
    message.resize(head + length - 4, 0);
    from.read_exact(&mut message[head..]).await.ok()?;
    Some(message)
}

/// The frontend messages that matter (PostgreSQL manual, 55.7): Parse, Bind, Query, Sync.
fn read_along(message: &[u8], prepared: &mut HashMap<String, String>, traffic: &mut Traffic) {
    let mut texts = message.get(5..).unwrap_or_default().split(|byte| *byte == 0);
    let mut text = || String::from_utf8_lossy(texts.next().unwrap_or_default()).into_owned();
    traffic.open |= matches!(message.first(), Some(b'P' | b'B' | b'D' | b'E'));
    match message.first() {
        Some(b'P') => {
            let (name, statement) = (text(), text());
            prepared.insert(name, statement);
        }
        Some(b'B') => {
            let (_portal, name) = (text(), text());
            traffic.ran(prepared.get(&name).cloned().unwrap_or_default());
        }
        Some(b'Q') => {
            traffic.round_trips += 1;
            traffic.ran(text());
        }
        Some(b'S') => traffic.round_trips += usize::from(std::mem::take(&mut traffic.open)),
        _ => {}
    }
}

/// A server whose every statement is seen, or `None` where PostgreSQL is left out. It has one connection, which is warm once
/// it has prepared the statements; a request that needed two at once would never be answered.
async fn tapped() -> Option<(TestServer, Wire)> {
    let mut db = TestDb::postgres().await?;
    db.limit_connections(1);
    let wire = Wire::tap(&mut db).await;
    Some((TestServer::new(db).await, wire))
}

/// The same, with the watch running, once it holds what `client` needs.
async fn tapped_and_watching(spec: ClientSpec) -> Option<(TestServer, Wire, TestClient)> {
    let (server, wire) = tapped().await?;
    let client = server.add_client(spec).await;
    let never = CancellationToken::new();
    tokio::spawn(catalog_watch::run(server.app.clone(), CatalogPace::default(), never));
    settle(&server, &client).await;
    Some((server, wire, client))
}

async fn settle(server: &TestServer, client: &TestClient) {
    let started = Instant::now();
    let id = client.client_id();
    while counted(server.app.metrics(), server.store().find_client(&id))
        .await
        .1
        .count
        > 0
    {
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "it never counts on anything"
        );
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_answers_client_credentials_from_memory_while_it_watches() {
    let service = ClientSpec::service("batch");
    let Some((server, wire, service)) = tapped_and_watching(service).await else {
        return;
    };
    server.client_credentials(&service).await.expect(200);
    settle(&server, &service).await;
    wire.take();
    server.client_credentials(&service).await.expect(200);
    server.get("/.well-known/jwks.json").await.expect(200);
    server.get("/.well-known/openid-configuration").await.expect(200);
    let traffic = wire.take();
    assert_eq!(traffic.round_trips, 0, "{traffic:#?}");
}

/// From the browser's request to the answer with the tokens: the cookie, the sign-in with the consent, the code; then the code
/// again, and its redemption.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_takes_five_round_trips_and_two_commits_for_a_code_flow() {
    let Some((server, wire, client)) = tapped_and_watching(ClientSpec::web("shop")).await else {
        return;
    };
    let scope = "openid offline_access";
    let mut browser = Browser::new(&server);
    server.alice().await;
    browser.grant(&AuthRequest::new(&client, scope), "alice").await;
    let warm = server.code_flow(&client, scope).await;
    let next = Tokens::of(server.refresh(&client, warm.refresh()).await);
    server.refresh(&client, next.refresh()).await.expect(200);
    for _ in 0..2 {
        server.userinfo(&warm.access).await.expect(200);
    }
    server.revoke(&client, &warm.access).await.expect(200);
    for _ in 0..3 {
        let request = AuthRequest::new(&client, scope);
        settle(&server, &client).await;
        wire.take();
        let code = browser.authorize(&request).await.callback().code();
        let authorized = wire.take();
        let tokens = Tokens::of(server.redeem(&client, &code, &request).await);
        let redeemed = wire.take();
        settle(&server, &client).await;
        wire.take();
        let next = Tokens::of(server.refresh(&client, tokens.refresh()).await);
        let refreshed = wire.take();
        server.refresh(&client, next.refresh()).await.expect(200);
        let remembered = wire.take();
        server.revoke(&client, &tokens.access).await.expect(200);
        let revoked = wire.take();
        assert_eq!((authorized.round_trips, authorized.commits), (3, 1), "{authorized:#?}");
        assert_eq!((redeemed.round_trips, redeemed.commits), (2, 1), "{redeemed:#?}");
        assert_eq!((refreshed.round_trips, refreshed.commits), (2, 1), "{refreshed:#?}");
        // On a slow machine the position is to be renewed.
        let polls = |text: &&String| text.starts_with("SELECT pg_current_snapshot()");
        let polls = remembered.statements.iter().filter(polls).count();
        assert_eq!(
            (remembered.round_trips - polls, remembered.commits),
            (1, 1),
            "{remembered:#?}"
        );
        assert!(polls <= 1, "{remembered:#?}");
        assert_eq!((revoked.round_trips, revoked.commits), (1, 1), "{revoked:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_starts_a_device_in_one_round_trip_and_asks_for_it_in_one() {
    let Some((server, wire, tv)) = tapped_and_watching(ClientSpec::device("tv")).await else {
        return;
    };
    server.device_flow(&tv, "openid offline_access").await;
    for _ in 0..3 {
        settle(&server, &tv).await;
        wire.take();
        let device = server.start_device(&tv, "openid offline_access").await;
        let started = wire.take();
        server.poll(&device).await.expect_error(400, "authorization_pending");
        let polled = wire.take();
        Browser::new(&server)
            .answer_device(&device.user_code, "alice", "allow")
            .await;
        server.advance(5);
        settle(&server, &tv).await;
        wire.take();
        Tokens::of(server.poll(&device).await);
        let redeemed = wire.take();
        // Those that wait are counted once in a while.
        let counted = started
            .statements
            .iter()
            .filter(|text| text.starts_with("SELECT count(*)"));
        assert_eq!(
            (started.round_trips - counted.count(), started.commits),
            (1, 1),
            "{started:#?}"
        );
        assert_eq!((polled.round_trips, polled.commits), (1, 0), "{polled:#?}");
        assert_eq!((redeemed.round_trips, redeemed.commits), (2, 1), "{redeemed:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_answers_a_code_and_a_refresh_in_three_round_trips() {
    let Some((server, wire)) = tapped().await else { return };
    let client = server.add_client(ClientSpec::web("shop")).await;
    let scope = "openid offline_access";
    let warm = server.code_flow(&client, scope).await;
    server.refresh(&client, warm.refresh()).await.expect(200);

    let (code, request) = server.code(&client, scope).await;
    wire.take();
    let tokens = Tokens::of(server.redeem(&client, &code, &request).await);
    let exchange = wire.take();
    assert_eq!(exchange.round_trips, 3, "{exchange:#?}");

    server.refresh(&client, tokens.refresh()).await.expect(200);
    let refresh = wire.take();
    assert_eq!(refresh.round_trips, 3, "{refresh:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_answers_client_credentials_with_reads_alone() {
    let Some((server, wire)) = tapped().await else { return };
    let service = server.add_client(ClientSpec::service("batch")).await;
    server.client_credentials(&service).await.expect(200);
    wire.take();
    server.client_credentials(&service).await.expect(200);
    let traffic = wire.take();
    assert!((1..=3).contains(&traffic.round_trips), "{traffic:#?}");
    assert!(!traffic.statements.is_empty());
    let reads = |statement: &String| statement.trim_start().starts_with("SELECT ");
    assert!(traffic.statements.iter().all(reads), "{traffic:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_answers_warm_client_credentials_without_a_query() {
    let server = TestServer::new(TestDb::sqlite().await).await;
    let service = server.add_client(ClientSpec::service("batch")).await;
    assert!(
        queries_of_client_credentials(&server, &service).await > 0,
        "the first request fills the cache"
    );
    for _ in 0..3 {
        assert_eq!(queries_of_client_credentials(&server, &service).await, 0);
    }
    server
        .store()
        .set_logo(&service.client_id(), "image/png", b"x")
        .await
        .unwrap();
    assert!(
        queries_of_client_credentials(&server, &service).await > 0,
        "a change is looked at"
    );
    assert_eq!(queries_of_client_credentials(&server, &service).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_answers_an_honest_poll_with_one_read_of_the_device() {
    let Some((server, wire)) = tapped().await else { return };
    let tv = server.add_client(ClientSpec::device("tv")).await;
    server.device_flow(&tv, "openid offline_access").await;
    let device = server.start_device(&tv, "openid offline_access").await;
    for _ in 0..3 {
        wire.take();
        server.poll(&device).await.expect_error(400, "authorization_pending");
        let poll = wire.take();
        // The client with the version of the catalog, and the device.
        assert_eq!(poll.round_trips, 2, "{poll:#?}");
        let reads = |statement: &String| statement.trim_start().starts_with("SELECT ");
        assert!(poll.statements.iter().all(reads), "{poll:#?}");
        let of_device = |statement: &&String| statement.contains("device_grant");
        assert_eq!(poll.statements.iter().filter(of_device).count(), 1, "{poll:#?}");
        server.advance(5);
    }
    Browser::new(&server)
        .answer_device(&device.user_code, "alice", "allow")
        .await;
    wire.take();
    Tokens::of(server.poll(&device).await);
    let redeemed = wire.take();
    assert_eq!(redeemed.round_trips, 3, "{redeemed:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_answers_an_honest_poll_with_one_query() {
    let server = TestServer::new(TestDb::sqlite().await).await;
    let tv = server.add_client(ClientSpec::device("tv")).await;
    let device = server.start_device(&tv, "openid").await;
    let mut marks = server.db.raw().await;
    let before = marks
        .number("SELECT sum(poll_interval + created_at) FROM device_grant")
        .await;
    queries_of_poll(&server, &device).await;
    for _ in 0..3 {
        server.advance(5);
        assert_eq!(
            queries_of_poll(&server, &device).await,
            (1, "authorization_pending".to_owned())
        );
    }
    let after = marks
        .number("SELECT sum(poll_interval + created_at) FROM device_grant")
        .await;
    assert_eq!(before, after, "nothing was written");
    assert_eq!(queries_of_poll(&server, &device).await, (2, "slow_down".to_owned()));
}

/// Straight to the endpoint, as below.
async fn queries_of_poll(server: &TestServer, device: &Device) -> (u32, String) {
    let (grant_type, code, client) = (DEVICE_GRANT, &device.device_code, &device.client.id);
    let body = format!("grant_type={grant_type}&device_code={code}&client_id={client}");
    let params = Params::parse(body.as_bytes()).unwrap();
    let presented = Presented::from_request(&[], &params, Vec::new).unwrap();
    let form = ClientForm {
        params,
        presented,
        caller: Caller::default(),
    };
    let (response, queries) = counted(server.app.metrics(), token::post(State(server.app.clone()), form)).await;
    let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    (queries.count, body["error"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_answers_an_introspection_with_two_reads() {
    let Some((server, wire)) = tapped().await else { return };
    let settings = api("https://api.example", &["api:read"], AccessTokenFormat::Opaque);
    server.add_api("https://api.example", settings).await;
    let client = server.add_client(ClientSpec::web("shop")).await;
    for scope in ["openid", "openid api:read"] {
        let token = server.code_flow(&client, scope).await.access;
        server.introspect(&client, &token).await.expect(200);
        server.introspect(&client, &token).await.expect(200);
        wire.take();
        let answer = server.introspect(&client, &token).await.expect(200);
        assert_eq!(answer.json()["active"], true);
        let traffic = wire.take();
        assert_eq!(traffic.round_trips, 2, "{scope}: {traffic:#?}");
        assert_eq!(polls(&traffic), 1, "{scope}: {traffic:#?}");
    }
}

/// Each asks for its client, and then for what the token rests on, or whether that has changed: for many at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_answers_a_hundred_introspections_with_few_reads_of_standings() {
    let Some((server, wire)) = tapped().await else { return };
    let client = server.add_client(ClientSpec::web("shop")).await;
    let mut tokens = Vec::new();
    for _ in 0..4 {
        tokens.push(server.code_flow(&client, "openid").await.access);
    }
    wire.take();
    let mut crowd = tokio::task::JoinSet::new();
    for token in tokens.iter().cycle().take(100) {
        let (server, client, token) = (server.clone(), client.clone(), token.clone());
        crowd.spawn(async move {
            let answer = server.introspect(&client, &token).await.expect(200).json();
            // Each its own: nobody is told of another token.
            assert_eq!(
                (&answer["active"], &answer["jti"]),
                (&true.into(), &claims(&token)["jti"])
            );
        });
    }
    crowd.join_all().await;
    let traffic = wire.take();
    let of_standings = |statement: &&String| statement.contains("FROM json_to_recordset");
    let reads = traffic.statements.iter().filter(of_standings).count() + polls(&traffic);
    assert!((1..=50).contains(&reads), "{reads} reads for 100 requests");
}

/// How often it was asked what has changed of what is kept in memory.
fn polls(traffic: &Traffic) -> usize {
    let is_poll = |statement: &&String| statement.contains("NOT pg_visible_in_snapshot");
    traffic.statements.iter().filter(is_poll).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_answers_userinfo_with_one_read_beside_the_catalog() {
    let Some((server, wire)) = tapped().await else { return };
    let settings = api("https://api.example", &["api:read"], AccessTokenFormat::Opaque);
    server.add_api("https://api.example", settings).await;
    let client = server.add_client(ClientSpec::web("shop")).await;
    for scope in ["openid", "openid api:read"] {
        let token = server.code_flow(&client, scope).await.access;
        server.userinfo(&token).await.expect(200);
        server.userinfo(&token).await.expect(200);
        wire.take();
        server.userinfo(&token).await.expect(200);
        let traffic = wire.take();
        assert!(traffic.round_trips <= 2, "{scope}: {traffic:#?}");
        assert_eq!(polls(&traffic), 1, "{scope}: {traffic:#?}");
    }
}

/// While nobody writes, what was read is what is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_answers_about_a_token_without_a_query_until_somebody_writes() {
    let server = TestServer::new(TestDb::sqlite().await).await;
    let settings = api("https://api.example", &["api:read"], AccessTokenFormat::Opaque);
    server.add_api("https://api.example", settings).await;
    let client = server.add_client(ClientSpec::web("shop")).await;
    for scope in ["openid", "openid api:read"] {
        let token = server.code_flow(&client, scope).await.access;
        assert!(queries_about(&server, &client, &token).await.0 > 0, "{scope}");
        for _ in 0..3 {
            assert_eq!(queries_about(&server, &client, &token).await, (0, true), "{scope}");
        }
        // Another process writes, and it has nothing to do with the token.
        let other = server.db.open().await;
        other.revoke_jwt(scope, server.app.clock().now()).await.unwrap();
        let (queries, active) = queries_about(&server, &client, &token).await;
        assert!(queries > 0 && active, "{scope}");
        assert_eq!(queries_about(&server, &client, &token).await, (0, true), "{scope}");
    }
}

/// The queries of an introspection, and whether the token counts.
async fn queries_about(server: &TestServer, client: &TestClient, token: &str) -> (u32, bool) {
    let form = form_of(client, &format!("token={token}"));
    let (response, queries) = counted(server.app.metrics(), introspect::post(State(server.app.clone()), form)).await;
    let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    (queries.count, body["active"] == true)
}

/// Straight to the endpoint: the log layer in front of it counts for itself.
async fn queries_of_client_credentials(server: &TestServer, client: &TestClient) -> u32 {
    let form = form_of(client, "grant_type=client_credentials");
    let (response, queries) = counted(server.app.metrics(), token::post(State(server.app.clone()), form)).await;
    assert_eq!(response.status(), 200);
    queries.count
}

/// What the client sends, as its endpoint is given it.
fn form_of(client: &TestClient, body: &str) -> ClientForm {
    let pair = format!("{}:{}", client.id, client.secret.as_ref().unwrap());
    let authorization = format!("Basic {}", STANDARD.encode(pair));
    let params = Params::parse(body.as_bytes()).unwrap();
    let presented = Presented::from_request(&[authorization.as_bytes()], &params, Vec::new).unwrap();
    ClientForm {
        params,
        presented,
        caller: Caller::default(),
    }
}
