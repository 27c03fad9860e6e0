//! FT: honest people, attackers and faults together for a while. Afterwards everything that was promised counts, nothing that
//! was used up does, and the process is as large as before.

use std::time::{Duration, Instant};

use axum::http::Method;
use portcullis::crypto::random;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::faults::works;
use crate::support::process::{Process, serve_command};
use crate::support::{AuthRequest, Browser, ClientSpec, Cluster, Crowd, TestClient, TestDb, TestServer, assert_sound};

/// How long it goes on. `PORTCULLIS_TEST_SOAK=600` looks longer.
fn duration() -> Duration {
    let text = std::env::var("PORTCULLIS_TEST_SOAK");
    Duration::from_secs(text.map_or(20, |text| text.parse().expect("PORTCULLIS_TEST_SOAK is seconds")))
}

/// Settings of both nodes: lost answers may be asked for until the fault is over.
const SETTINGS: [&str; 3] = [
    "tokens.refresh_retry_window=60s",
    "database.acquire_timeout=1s",
    "sweep.interval=1s",
];

/// What a process is made of.
#[derive(Debug)]
struct Size {
    resident_kib: u64,
    files: usize,
}

fn size(process: &Process) -> Size {
    Size {
        resident_kib: process.status("VmRSS"),
        files: process.open_files(),
    }
}

/// Wrong secrets, made-up tokens, codes used twice, bodies without end, connections that say nothing. None of it may ever be
/// answered 2xx, or 500.
async fn attack(node: TestServer, client: TestClient, process: std::net::SocketAddr, stop: CancellationToken) -> usize {
    let liar = TestClient {
        secret: Some("not the secret of this client".to_owned()),
        ..client.clone()
    };
    let mut silent = Vec::new();
    let mut attacks = 0;
    while !stop.is_cancelled() {
        let [draw] = random::bytes::<1>();
        let request = match draw % 6 {
            0 => node.client_credentials(&liar),
            1 => node.refresh(&client, &format!("pc_rt_{}", "A".repeat(43))),
            2 => node.redeem(&client, "made-up", &AuthRequest::new(&client, "openid")),
            3 => node.post_form("/login", &[("username", "alice"), ("password", "guess")]),
            4 => node
                .request(Method::POST, "/token")
                .body("application/x-www-form-urlencoded", vec![b'='; 100_000]),
            _ => node.userinfo("eyJhbGciOiJub25lIn0.e30."),
        };
        let answer = request.await;
        let status = answer.status.as_u16();
        assert!(
            (400..500).contains(&status) || [502, 503].contains(&status),
            "{status}: {}",
            answer.text()
        );
        if let Ok(mut stream) = TcpStream::connect(process).await {
            drop(stream.write_all(b"POST /token HTTP/1.1\r\nhost: x\r\ncontent-le").await);
            silent.push(stream);
            silent.truncate(30);
        }
        attacks += 1;
    }
    attacks
}

/// A code used a second time is refused, whatever else goes on.
async fn replay(node: TestServer, client: TestClient, stop: CancellationToken) -> usize {
    let mut refused = 0;
    while !stop.is_cancelled() {
        let request = AuthRequest::new(&client, "openid");
        let mut browser = Browser::new(&node);
        let crate::support::Landed::Page(page) = browser.authorize(&request).await else {
            continue;
        };
        if page.status() != 200 {
            continue;
        }
        let landed = browser.sign_in("alice", crate::support::PASSWORD).await;
        let crate::support::Landed::Callback(callback) = landed else {
            continue;
        };
        let code = callback.get("code").to_owned();
        let first = node.redeem(&client, &code, &request).await.status;
        let second = node.redeem(&client, &code, &request).await.status;
        assert!(first != 200 || second != 200, "one code, two sets of tokens");
        refused += usize::from(first == 200);
    }
    refused
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ft_51_faults_attackers_and_honest_load_together() {
    let Some(cluster) = Cluster::start() else { return };
    let server = TestServer::new(TestDb::on(&cluster).await).await;
    let crowd = Crowd::gather(&server, "shop").await;
    let victim = server.add_client(ClientSpec::web("victim").trusted()).await;
    let data = tempfile::tempdir().unwrap();
    let start = || Process::listening(serve_command(&server, data.path(), &SETTINGS), "ready");
    let (survivor, mut mortal) = (start(), start());
    let survivors_node = survivor.node(&server);
    assert!(works(&survivors_node, &victim).await);

    let began = Instant::now();
    let mut before = None;
    let (mut rounds, mut attacks, mut replays) = (0, 0, 0);
    while began.elapsed() < duration() || rounds < 3 {
        let balancer = TestServer::any_of(&[survivors_node.clone(), mortal.node(&server)]);
        let visits = crowd.visits();
        let day = crowd.visit_through_trouble(&balancer, 4);
        let stop = CancellationToken::new();
        let mut attackers = JoinSet::new();
        attackers.spawn(attack(balancer.clone(), victim.clone(), survivor.address, stop.clone()));
        let mut replaying = JoinSet::new();
        replaying.spawn(replay(balancer.clone(), victim.clone(), stop.clone()));
        while crowd.visits() < visits + 4 {
            tokio::task::yield_now().await;
        }
        match rounds % 3 {
            0 => mortal.kill(),
            1 => {
                cluster.kill();
                cluster.restart();
            }
            _ => {
                // Everything waits for one who holds the tables and then goes away.
                let mut holder = server.db.raw().await;
                holder.run("BEGIN").await;
                holder
                    .run("LOCK TABLE grants, refresh_token IN ACCESS EXCLUSIVE MODE")
                    .await;
                tokio::time::sleep(Duration::from_millis(700)).await;
            }
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        crowd.tire();
        stop.cancel();
        day.join_all().await;
        attacks += attackers.join_all().await.into_iter().sum::<usize>();
        replays += replaying.join_all().await.into_iter().sum::<usize>();
        if rounds % 3 == 0 {
            mortal = start();
        }
        let healing = Instant::now();
        while crowd.visit(&survivors_node).await.is_err() {
            assert!(healing.elapsed() < Duration::from_secs(10), "it heals by itself");
        }
        crowd.collect(&survivors_node).await;
        assert_sound(&server).await;
        before.get_or_insert_with(|| size(&survivor));
        rounds += 1;
    }
    assert!(
        attacks > 20 && replays > 0 && crowd.visits() > 20,
        "{attacks} attacks, {replays} replays, {} visits",
        crowd.visits()
    );
    crowd.replay(&survivors_node).await;

    // As large as after the first round: nothing is kept of what was refused, hung up or broken off.
    let before = before.unwrap();
    let calm = Instant::now();
    loop {
        let after = size(&survivor);
        if after.files <= before.files + 20 && after.resident_kib <= before.resident_kib * 3 / 2 + 32 * 1024 {
            break;
        }
        assert!(calm.elapsed() < Duration::from_secs(15), "{before:?} became {after:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    drop(mortal);
    let mut raw = server.db.raw().await;
    let connections = raw
        .number("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'portcullis'")
        .await;
    // Ten of the process, ten of the test's own node.
    assert!(connections <= 20, "{connections} connections");
    assert!(works(&survivors_node, &victim).await);
    assert_sound(&server).await;
}
