//! FT: too little memory, too few file descriptors, too many passwords to check. Who cannot be served is told so; the rest
//! is served.

use std::time::{Duration, Instant};

use axum::http::Method;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::faults::works;
use crate::support::process::{Process, serve_command, serve_within};
use crate::support::{Browser, ClientSpec, TestDb, TestServer, Tokens, both_stores};

/// Passwords as expensive as by default, and nobody who is sent away before one is checked.
const REAL_PASSWORDS: [&str; 4] = [
    "passwords.memory_kib=19456",
    "passwords.iterations=2",
    "limits.sign_in_per_address=off",
    "limits.sign_in_per_account=off",
];

/// Sign-ins of as many people, none of whom knows a password.
async fn sign_ins(node: &TestServer, count: usize) -> Vec<crate::support::TestRequest> {
    let mut browser = Browser::new(node);
    browser.open("/login").await.page();
    (0..count)
        .map(|number| {
            browser
                .submission(&[("username", &format!("person{number}")), ("password", "not this one")])
                .1
        })
        .collect()
}

fn post(node: &TestServer, body: Vec<u8>) -> crate::support::TestRequest {
    node.request(Method::POST, "/token")
        .body("application/x-www-form-urlencoded", body)
}

both_stores! {
    async fn ft_42_checking_passwords_takes_nothing_from_the_token_endpoint(db: TestDb) {
        let server = TestServer::new(db).await;
        let batch = server.add_client(ClientSpec::service("batch")).await;
        let shop = server.add_client(ClientSpec::web("shop")).await;
        let mut tokens = server.code_flow(&shop, "openid offline_access").await;
        let data = tempfile::tempdir().unwrap();
        let process = Process::listening(serve_command(&server, data.path(), &REAL_PASSWORDS), "ready");
        let node = process.node(&server);
        let mut flood = JoinSet::new();
        for request in sign_ins(&node, 64).await {
            flood.spawn(request.send());
        }
        let mut slowest = Duration::ZERO;
        let mut answered = 0;
        while flood.len() > 16 {
            let started = Instant::now();
            node.client_credentials(&batch).await.expect(200);
            tokens = Tokens::of(node.refresh(&shop, tokens.refresh()).await);
            node.get("/.well-known/jwks.json").await.expect(200);
            slowest = slowest.max(started.elapsed());
            answered += 1;
            while flood.try_join_next().is_some() {}
        }
        assert!(answered > 5, "{answered} rounds while passwords were being checked");
        assert!(slowest < Duration::from_secs(2), "{slowest:?} for three requests");
        for refused in flood.join_all().await {
            assert!([401, 503].contains(&refused.status.as_u16()), "{}", refused.status);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ft_40_five_hundred_sign_ins_and_large_bodies_stay_below_256_mib() {
    let server = TestServer::new(TestDb::sqlite().await).await;
    let shop = server.add_client(ClientSpec::web("shop")).await;
    server.alice().await;
    let data = tempfile::tempdir().unwrap();
    let process = Process::listening(serve_command(&server, data.path(), &REAL_PASSWORDS), "ready");
    let node = process.node(&server);
    let mut flood = JoinSet::new();
    for request in sign_ins(&node, 500).await {
        flood.spawn(request.send());
    }
    for length in [60_000, 10_000_000].repeat(20) {
        let form = format!("grant_type=client_credentials&client_id={}", "x".repeat(length));
        flood.spawn(post(&node, form.into_bytes()).send());
        flood.spawn(post(&node, vec![b'x'; length]).send());
    }
    let (mut checked, mut busy) = (0, 0);
    for answer in flood.join_all().await {
        match answer.status.as_u16() {
            401 => checked += 1,
            503 => {
                busy += 1;
                assert_eq!(answer.header("retry-after"), "2");
            }
            // 502: the connection was closed while the rest of ten megabytes was still on its way.
            status => assert!([400, 413, 502].contains(&status), "{status}"),
        }
    }
    assert!(checked > 0 && busy > 100, "{checked} checked, {busy} sent away");
    let peak = process.status("VmHWM") / 1024;
    assert!(peak < 256, "{peak} MiB");
    assert!(works(&node, &shop).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ft_41_without_file_descriptors_it_waits_and_recovers() {
    let server = TestServer::new(TestDb::sqlite().await).await;
    let shop = server.add_client(ClientSpec::web("shop")).await;
    server.alice().await;
    let data = tempfile::tempdir().unwrap();
    let process = Process::listening(serve_within("ulimit -n 256", &server, data.path(), &[]), "ready");
    assert!(works(&process.node(&server), &shop).await);
    let mut held = Vec::new();
    let began = Instant::now();
    // Those that say nothing are closed after a while, so it takes more than there are descriptors.
    while process.open_files() < 250 {
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "{} open files",
            process.open_files()
        );
        let connection = TcpStream::connect(process.address);
        // Once the server accepts no more, the kernel's queue fills up as well.
        if let Ok(Ok(stream)) = tokio::time::timeout(Duration::from_millis(200), connection).await {
            held.push(stream);
        }
    }
    // How much it computes while it can accept nothing; this second is what is measured.
    let before = process.computed();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let computed = process.computed() - before;
    assert!(
        computed < 50,
        "{computed} hundredths of a second of computing in one second of waiting"
    );
    assert!(held.len() > 200, "{} connections", held.len());

    drop(held);
    let freed = Instant::now();
    while process.node(&server).get("/healthz").await.status != 200 {
        assert!(freed.elapsed() < Duration::from_secs(10), "it accepts again");
    }
    assert!(works(&process.node(&server), &shop).await);
}
