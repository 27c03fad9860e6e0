//! `portcullis token`, the program, against a server on a socket.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::Ipv4Addr;
use std::process::Child;

use portcullis::crypto::opaque::{Kind, OpaqueToken};
use tokio::net::TcpListener;

use crate::support::process::{Ended, portcullis, run};
use crate::support::{Browser, ClientSpec, TestClient, TestDb, TestServer, both_stores, claims, seconds};

/// A node at `http://127.0.0.1:<port>`, which is also its issuer.
async fn serve(db: TestDb) -> (TestServer, String) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let server = TestServer::at(db, &issuer, |config| config.device.interval = seconds(1)).await;
    let router = server.router.clone();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (server, issuer)
}

async fn token(issuer: &str, client: &TestClient, arguments: &[&str]) -> Ended {
    let secret = tempfile::NamedTempFile::new().unwrap();
    let mut all = vec!["token", "--issuer", issuer, "--client-id", &client.id];
    if let Some(text) = &client.secret {
        std::fs::write(secret.path(), text).unwrap();
        all.extend(["--client-secret-file", secret.path().to_str().unwrap()]);
    }
    all.extend(arguments);
    let command = portcullis(&all);
    tokio::task::spawn_blocking(move || run(command)).await.unwrap()
}

/// Starts a device login at the command line. Returns what it says up to the code, and the code.
fn device_login(issuer: &str, client: &TestClient) -> (Child, BufReader<std::process::ChildStderr>, String) {
    let arguments = [
        "token",
        "--issuer",
        issuer,
        "--client-id",
        &client.id,
        "--scope",
        "openid",
    ];
    let mut child = portcullis(&arguments).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    let code = loop {
        let ended = stderr.read_line(&mut said).unwrap() == 0;
        match said.trim_end().rsplit_once("enter this code:") {
            Some((_, code)) => break code.trim().to_owned(),
            None if ended => {
                child.wait().unwrap();
                panic!("it ended: {said}");
            }
            None => {}
        }
    };
    (child, stderr, code)
}

/// The device login of alice's command line, answered by her with `decision`.
async fn answered(db: TestDb, decision: &str) -> Ended {
    let (server, issuer) = serve(db).await;
    server.alice().await;
    let client = server.add_client(ClientSpec::device("cli")).await;
    let started = tokio::task::spawn_blocking(move || device_login(&issuer, &client));
    let (mut child, mut stderr, user_code) = started.await.unwrap();
    Browser::new(&server).answer_device(&user_code, "alice", decision).await;
    let end = move || {
        let (mut said, mut printed) = (String::new(), String::new());
        stderr.read_to_string(&mut said).unwrap();
        child.stdout.take().unwrap().read_to_string(&mut printed).unwrap();
        Ended {
            code: child.wait().unwrap().code(),
            stdout: printed,
            stderr: said,
        }
    };
    tokio::task::spawn_blocking(end).await.unwrap()
}

both_stores! {
    async fn a_person_lets_the_command_line_in(db: TestDb) {
        let ended = answered(db, "allow").await;
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert!(ended.stderr.contains("Confirmed."), "{}", ended.stderr);
        assert_eq!(claims(ended.stdout.trim_end())["scope"], "openid");
    }

    async fn a_person_refuses_the_command_line(db: TestDb) {
        let ended = answered(db, "deny").await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
        assert!(ended.stderr.contains("the request was denied"), "{}", ended.stderr);
    }

    async fn a_program_gets_its_own_token(db: TestDb) {
        let (server, issuer) = serve(db).await;
        let client = server.add_client(ClientSpec::service("jobs")).await;
        let ended = token(&issuer, &client, &["--client-credentials", "--scope", "jobs:run"]).await;
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
        let access = ended.stdout.strip_suffix('\n').expect("one line");
        assert_eq!(claims(access)["scope"], "jobs:run");
        let ended = token(&issuer, &client, &["--client-credentials", "--json"]).await;
        let answer: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
        assert_eq!(answer["token_type"], "Bearer");
        assert_eq!(answer["scope"], "jobs:run jobs:read");
    }

    async fn a_refusal_names_its_reason_and_prints_no_token(db: TestDb) {
        let (server, issuer) = serve(db).await;
        let mut client = server.add_client(ClientSpec::service("jobs")).await;
        let ended = token(&issuer, &client, &["--client-credentials", "--scope", "admin"]).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
        assert!(ended.stderr.contains("invalid_scope"), "{}", ended.stderr);
        client.secret = Some(OpaqueToken::generate(Kind::ClientSecret).expose().to_owned());
        let ended = token(&issuer, &client, &["--client-credentials"]).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
        assert!(ended.stderr.contains("invalid_client") && !ended.stderr.contains("pc_cs_"), "{}", ended.stderr);
        let elsewhere = issuer.replace("127.0.0.1", "localhost");
        let ended = token(&elsewhere, &client, &["--client-credentials"]).await;
        assert!(ended.stderr.contains("calls itself"), "{}", ended.stderr);
    }
}
