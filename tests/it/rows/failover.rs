//! FT: the primary is lost, or handed over, and its standby takes over. Each test has servers of its own.

use std::time::{Duration, Instant};

use portcullis::config::{Config, Secret};
use portcullis::store::{Store, StoreOptions};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::support::process::{Process, eventually, serve_command};
use crate::support::{
    ClientSpec, Cluster, Crowd, Patroni, TestClient, TestDb, TestServer, Tokens, Trouble, WITHOUT_LIMITS, assert_sound,
    seconds, without_limits,
};

/// How long an answer may take that says that there is none.
const ANSWERED: Duration = Duration::from_secs(5);
/// How long a node may take to serve again once there is a primary.
const RESUMED: Duration = Duration::from_secs(5);

/// Two nodes that know both servers: one in this process, one in its own.
struct Site {
    server: TestServer,
    crowd: Crowd,
    batch: TestClient,
    nodes: [TestServer; 2],
    process: Process,
    _data: tempfile::TempDir,
}

/// A primary, and a standby that has whatever was acknowledged.
async fn servers() -> Option<(Cluster, Cluster)> {
    let primary = Cluster::start()?;
    let standby = primary.standby();
    primary.wait_for_standbys().await;
    Some((primary, standby))
}

impl Site {
    /// At the server at `primary`. `orders`: both servers, as each of the nodes knows them.
    async fn build(primary: &str, orders: [&str; 2]) -> Self {
        let change = |config: &mut Config| {
            without_limits(config);
            config.tokens.refresh_retry_window = seconds(60);
        };
        let server = TestServer::with(TestDb::migrated(primary).await, change).await;
        let data = tempfile::tempdir().unwrap();
        let settings = [&WITHOUT_LIMITS[..], &["tokens.refresh_retry_window=60s"]].concat();
        let mut command = serve_command(&server, data.path(), &settings);
        command.env("PORTCULLIS_DATABASE__URL", orders[1]);
        let process = Process::listening(command, "ready");
        Self {
            crowd: Crowd::gather(&server, "shop").await,
            batch: server.add_client(ClientSpec::service("batch")).await,
            nodes: [node(&server, orders[0]).await, process.node(&server)],
            server,
            process,
            _data: data,
        }
    }

    /// The one node finds the primary first in its list, the other the standby.
    async fn over(primary: &Cluster, standby: &Cluster) -> Self {
        let orders = [[primary, standby], [standby, primary]].map(|hosts| Cluster::url_of(&hosts));
        Self::build(&primary.url(), [&orders[0], &orders[1]]).await
    }

    /// Waits for so many visits more, of people at both nodes.
    async fn passes(&self, visits: usize) {
        let enough = self.crowd.visits() + visits;
        let passed = eventually(async || (self.crowd.visits() >= enough).then_some(()));
        assert!(passed.await.is_some(), "{} of {enough} visits", self.crowd.visits());
    }

    /// Nobody is let in, and nobody waits long to be told.
    async fn assert_shut(&self) {
        for node in &self.nodes {
            let asked = Instant::now();
            let (ready, visit) = tokio::join!(node.get("/readyz").send(), self.crowd.visit(node));
            assert_eq!((ready.status.as_u16(), visit), (503, Err(Trouble(503))));
            node.client_credentials(&self.batch)
                .await
                .expect_error(503, "temporarily_unavailable");
            assert!(asked.elapsed() < ANSWERED, "{:?}", asked.elapsed());
            node.get("/.well-known/jwks.json").await.expect(200);
        }
    }

    /// Visits until one goes well at each node. Returns the longest time that this took.
    async fn resumes(&self) -> Duration {
        let since = Instant::now();
        for node in &self.nodes {
            while self.crowd.visit(node).await.is_err() {
                assert!(since.elapsed() < RESUMED, "{:?}", since.elapsed());
            }
            node.get("/readyz").await.expect(200);
            Tokens::of(node.client_credentials(&self.batch).await);
        }
        since.elapsed()
    }

    /// Whatever was promised is kept, and what is used up stays so, on the server at `primary`, which has taken over.
    async fn keeps_its_word(&self, primary: &str) {
        let slowest = self.crowd.slowest_trouble();
        assert!(slowest.0 < ANSWERED, "{slowest:?}");
        self.crowd.collect(&self.nodes[0]).await;
        self.crowd.collect(&self.nodes[1]).await;
        self.crowd.replay(&self.nodes[1]).await;
        assert_sound(&self.server.beside(TestDb::at(primary))).await;
    }

    /// Codes that are presented at both nodes until somebody knows, whatever happens meanwhile. Yields how often each was taken.
    async fn present_codes(&self, count: usize) -> JoinSet<usize> {
        let mut presenting = JoinSet::new();
        for _ in 0..count {
            let client = self
                .server
                .add_client(ClientSpec::web(&Uuid::new_v4().to_string()).trusted())
                .await;
            let (code, request) = self.nodes[0].code(&client, "openid offline_access").await;
            let nodes = self.nodes.clone();
            presenting.spawn(async move {
                let present = async |node: &TestServer| loop {
                    let response = node.redeem(&client, &code, &request).await;
                    match response.status.as_u16() {
                        200 => break 1,
                        503 => tokio::time::sleep(Duration::from_millis(20)).await,
                        _ => {
                            drop(response.expect_error(400, "invalid_grant"));
                            break 0;
                        }
                    }
                };
                let (one, other) = tokio::join!(present(&nodes[0]), present(&nodes[1]));
                one + other
            });
        }
        presenting
    }
}

async fn node(server: &TestServer, url: &str) -> TestServer {
    let options = StoreOptions {
        url: Secret::new(url.to_owned()),
        max_connections: 10,
        acquire_timeout: 3,
        statement_timeout: 4,
        create: false,
    };
    server.over(Store::open(&options).await.unwrap(), |_| {})
}

/// Sign-ins, codes, refreshes, revocations and sign-outs are under way when it is killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ft_03_a_primary_killed_under_load_loses_nothing_that_was_acknowledged() {
    let Some((primary, standby)) = servers().await else {
        return;
    };
    let site = Site::over(&primary, &standby).await;
    let days: Vec<_> = site
        .nodes
        .iter()
        .map(|node| site.crowd.visit_all_day(node, 4))
        .collect();
    site.passes(12).await;
    primary.kill();
    for day in days {
        for trouble in day.join_all().await {
            assert_eq!(trouble, Some(Trouble(503)));
        }
    }
    site.assert_shut().await;

    standby.promote();
    println!("resumed {:?} after the promotion", site.resumes().await);
    site.keeps_its_word(&standby.url()).await;
}

/// Nobody stops visiting while the primary is killed and its standby promoted: what is asked for in between counts once or not at
/// all, whoever was asked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ft_03_what_was_in_flight_during_a_failover_counts_once_at_most() {
    let Some((primary, standby)) = servers().await else {
        return;
    };
    let site = Site::over(&primary, &standby).await;
    let day = site.crowd.visit_through_trouble(&TestServer::any_of(&site.nodes), 6);
    site.passes(8).await;
    let presented = site.present_codes(20).await;
    primary.kill();
    standby.promote();
    let promoted = Instant::now();
    site.passes(8).await;
    println!("8 visits within {:?} after the promotion", promoted.elapsed());
    assert!(promoted.elapsed() < 2 * RESUMED, "{:?}", promoted.elapsed());
    for taken in presented.join_all().await {
        assert!(taken <= 1, "a code was taken {taken} times");
    }
    site.crowd.tire();
    day.join_all().await;
    site.keeps_its_word(&standby.url()).await;
}

/// An orderly hand-over; the old primary then comes back as the standby of the new one, and is not taken for more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ft_03_a_former_primary_that_comes_back_as_a_standby_is_passed_over() {
    let Some((primary, standby)) = servers().await else {
        return;
    };
    let site = Site::over(&primary, &standby).await;
    site.resumes().await;
    primary.stop();
    standby.promote();
    site.resumes().await;
    primary.follow(&standby);
    standby.wait_for_standbys().await;
    let day = site.crowd.visit_through_trouble(&TestServer::any_of(&site.nodes), 4);
    site.passes(8).await;
    site.crowd.tire();
    day.join_all().await;

    // A node that starts now, and has the former primary first.
    let late = node(&site.server, &Cluster::url_of(&[&primary, &standby])).await;
    site.crowd.visit(&late).await.unwrap();
    assert!(site.process.logs("the database is on another host now"));
    // One that knows the former primary alone has no database.
    let lost = format!("{}?target_session_attrs=read-write", primary.url());
    assert_eq!(
        site.crowd.visit(&node(&site.server, &lost).await).await,
        Err(Trouble(503))
    );
    site.keeps_its_word(&standby.url()).await;
}

/// A server that is closed for writes under the connections that are there: no connection fails, and yet they are given up, and the
/// other host is found.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ft_11_a_server_that_turns_read_only_is_left_for_one_that_takes_writes() {
    let (Some(closing), Some(other)) = (Cluster::start(), Cluster::start()) else {
        return;
    };
    let server = TestServer::with(TestDb::on(&closing).await, without_limits).await;
    let there = TestServer::with(TestDb::on(&other).await, without_limits).await;
    let node = node(&server, &Cluster::url_of(&[&closing, &other])).await;
    let lineage = async |node: &TestServer| node.store().mark().await.unwrap().lineage;
    node.store().try_to_write().await.unwrap();
    assert_eq!(lineage(&node).await, lineage(&server).await);

    let mut raw = server.db.raw().await;
    raw.run("ALTER SYSTEM SET default_transaction_read_only = on").await;
    raw.run("SELECT pg_reload_conf()").await;
    let refused = eventually(async || node.store().try_to_write().await.err()).await;
    assert!(refused.unwrap().is_unavailable());
    let found = eventually(async || node.store().try_to_write().await.ok());
    assert!(found.await.is_some());
    assert_eq!(lineage(&node).await, lineage(&there).await);
}

/// The machine of the primary is lost, Patroni promotes the other, the lost one comes back and takes over again on an operator's
/// order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ft_03_under_patroni_a_lost_primary_is_replaced_and_comes_back() {
    let Some(patroni) = Patroni::start().await else { return };
    let site = Site::build(&patroni.url(0), [&patroni.url_of(&[0, 1]), &patroni.url_of(&[1, 0])]).await;
    let days: Vec<_> = site
        .nodes
        .iter()
        .map(|node| site.crowd.visit_all_day(node, 4))
        .collect();
    site.passes(12).await;
    patroni.kill(0);
    let killed = Instant::now();
    for day in days {
        for trouble in day.join_all().await {
            assert_eq!(trouble, Some(Trouble(503)));
        }
    }
    site.assert_shut().await;
    patroni.is_primary(1).await;
    let promoted = killed.elapsed();
    println!("promoted after {promoted:?}, resumed {:?} later", site.resumes().await);
    site.keeps_its_word(&patroni.url(1)).await;

    patroni.revive(0);
    patroni.wait_for(0, "sync_standby").await;
    let day = site.crowd.visit_through_trouble(&TestServer::any_of(&site.nodes), 4);
    site.passes(4).await;
    patroni.switch_over(1, 0).await;
    patroni.is_primary(0).await;
    site.passes(8).await;
    site.crowd.tire();
    day.join_all().await;
    site.resumes().await;
    site.keeps_its_word(&patroni.url(0)).await;
}
