//! FT: PostgreSQL killed under load, with a changed password, on a full disk. Each test has a server of its own to break.

use std::time::{Duration, Instant};

use portcullis::config::Secret;
use portcullis::jobs::keys;
use portcullis::protocol::signing_alg::SigningAlg;
use portcullis::store::{Store, StoreOptions};

use super::faults::works;
use crate::support::{ClientSpec, Cluster, Crowd, TestDb, TestServer, Tokens, Trouble, assert_sound, without_limits};

/// How long an answer may take that says that there is none.
const ANSWERED: Duration = Duration::from_secs(5);
/// How long a node may take to heal once the database is back.
const HEALED: Duration = Duration::from_secs(10);

/// A node with the limits of the default settings, but for a test's patience with connections.
async fn node(server: &TestServer, url: &str) -> TestServer {
    let options = StoreOptions {
        url: Secret::new(url.to_owned()),
        max_connections: 10,
        acquire_timeout: 1,
        statement_timeout: 4,
        create: false,
    };
    server.over(Store::open(&options).await.unwrap(), |_| {})
}

/// Visits until one goes well.
async fn heals(crowd: &Crowd, node: &TestServer) {
    let back = Instant::now();
    while crowd.visit(node).await.is_err() {
        assert!(back.elapsed() < HEALED, "{:?}", back.elapsed());
    }
    node.get("/readyz").await.expect(200);
}

/// Sign-ins, consents, codes, refreshes, revocations, sign-outs and rotations of keys are under way whenever it is killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ft_01_postgres_killed_under_load_loses_nothing_and_lets_nobody_in() {
    let Some(cluster) = Cluster::start() else { return };
    let server = TestServer::with(TestDb::on(&cluster).await, without_limits).await;
    let crowd = Crowd::gather(&server, "shop").await;
    let nodes = [
        node(&server, server.db.url()).await,
        node(&server, server.db.url()).await,
    ];
    let mut rotated = Vec::new();
    for round in 0..3 {
        let visits = crowd.visits();
        let mut days: Vec<_> = nodes.iter().map(|node| crowd.visit_all_day(node, 4)).collect();
        let app = nodes[0].app.clone();
        let rotating = tokio::spawn(async move {
            let mut done = Vec::new();
            while let Ok(key) = keys::rotate(&app, SigningAlg::EdDsa, keys::Handover::After(0)).await {
                done.push(key.kid);
            }
            done
        });
        while crowd.visits() < visits + 4 + round {
            tokio::task::yield_now().await;
        }
        cluster.kill();
        for day in days.drain(..) {
            for trouble in day.join_all().await {
                assert_eq!(trouble, Some(Trouble(503)));
            }
        }
        assert!(crowd.slowest_trouble().0 < ANSWERED, "{:?}", crowd.slowest_trouble());
        rotated.extend(rotating.await.unwrap());
        let asked = Instant::now();
        let (ready, one, two) = tokio::join!(
            nodes[0].get("/readyz").send(),
            crowd.visit(&nodes[0]),
            crowd.visit(&nodes[1])
        );
        assert_eq!(
            (ready.status.as_u16(), one, two),
            (503, Err(Trouble(503)), Err(Trouble(503)))
        );
        assert!(asked.elapsed() < ANSWERED, "{:?}", asked.elapsed());
        nodes[0].get("/.well-known/openid-configuration").await.expect(200);

        cluster.restart();
        for node in &nodes {
            heals(&crowd, node).await;
        }
        crowd.collect(&nodes[round % 2]).await;
        assert_sound(&server).await;
    }
    assert!(!rotated.is_empty());
    let known = nodes[1].store().signing_keys().await.unwrap();
    let now = server.app.clock().now();
    let signs = known
        .iter()
        .filter(|key| key.alg == SigningAlg::EdDsa && key.retires_at.is_none_or(|at| now < at));
    assert_eq!(signs.count(), 1);
    for kid in rotated {
        assert!(known.iter().any(|key| key.kid == kid), "an acknowledged key is there");
    }
    crowd.replay(&nodes[0]).await;
    assert_sound(&server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ft_10_a_password_of_the_database_that_is_not_valid_any_more() {
    let Some(cluster) = Cluster::start() else { return };
    let server = TestServer::with(TestDb::on(&cluster).await, without_limits).await;
    let client = server.add_client(ClientSpec::web("shop")).await;
    let mut raw = server.db.raw().await;
    raw.run("CREATE ROLE app LOGIN SUPERUSER PASSWORD 'the first canary'")
        .await;
    cluster.admit("host all app 127.0.0.1/32 scram-sha-256");
    let url = server.db.url().replace("//postgres@", "//app:the%20first%20canary@");
    let node = node(&server, &url).await;
    let tokens = server.code_flow(&client, "openid offline_access").await;
    assert!(works(&node, &client).await);

    raw.run("ALTER ROLE app PASSWORD 'the second canary'").await;
    raw.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'")
        .await;
    for _ in 0..12 {
        let response = node
            .refresh(&client, tokens.refresh())
            .await
            .expect_error(503, "temporarily_unavailable");
        assert!(!response.text().contains("canary"));
    }
    assert_eq!(node.get("/readyz").await.expect(503).text(), "database\n");
    let error = node.store().ping().await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");

    raw.run("ALTER ROLE app PASSWORD 'the first canary'").await;
    Tokens::of(node.refresh(&client, tokens.refresh()).await);
    assert!(works(&node, &client).await);
}

/// No file of PostgreSQL can grow beyond a limit, which is how a full disk looks to it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ft_12_a_full_disk_of_postgres_is_503_and_heals_with_space() {
    let Some(cluster) = Cluster::start_on_a_small_disk(3 * 1024) else {
        return;
    };
    let server = TestServer::with(TestDb::on(&cluster).await, without_limits).await;
    let client = server.add_client(ClientSpec::web("shop").trusted()).await;
    let crowd = Crowd::gather(&server, "visitors").await;
    let node = node(&server, server.db.url()).await;
    heals(&crowd, &node).await;
    let tokens = server.code_flow(&client, "openid offline_access").await;
    let mut raw = server.db.raw().await;
    // Filled up to the last page, and in each page to the last gap: the next row finds no room.
    raw.run(
        "CREATE FUNCTION fill(size int) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
            FOR n IN 1..100000 LOOP
                BEGIN
                    INSERT INTO web_session (id_digest, data, expires_at)
                    SELECT sha256(int8send(size * 1000000 + n)), to_jsonb(repeat(md5(n::text), size)), 0;
                EXCEPTION WHEN OTHERS THEN RETURN;
                END;
            END LOOP;
        END $$",
    )
    .await;
    raw.run("SELECT fill(12), fill(2), fill(0)").await;
    let mut refused = 0;
    for _ in 0..10 {
        refused += usize::from(crowd.visit(&node).await == Err(Trouble(503)));
    }
    assert!(refused > 5, "{refused} refused");
    node.get("/.well-known/jwks.json").await.expect(200);
    let before = raw.number("SELECT count(*) FROM browser_session").await;
    assert_eq!(
        crowd.visit(&node).await,
        Err(Trouble(503)),
        "no sign-in whose session cannot be stored"
    );
    assert_eq!(raw.number("SELECT count(*) FROM browser_session").await, before);

    // Rows that have expired go, and their space is used again.
    portcullis::jobs::sweep::once(&node.app).await.unwrap();
    raw.run("VACUUM FULL web_session").await;
    heals(&crowd, &node).await;
    crowd.collect(&node).await;
    Tokens::of(node.refresh(&client, tokens.refresh()).await);
    crowd.replay(&node).await;
    assert_sound(&server).await;
}
