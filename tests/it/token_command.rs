//! `portcullis token`, the program, against a server on a socket.

use std::net::Ipv4Addr;

use portcullis::crypto::opaque::{Kind, OpaqueToken};
use tokio::net::TcpListener;

use crate::support::process::{Ended, portcullis, run};
use crate::support::{ClientSpec, TestClient, TestDb, TestServer, both_stores, claims};

/// A node at `http://127.0.0.1:<port>`, which is also its issuer.
async fn serve(db: TestDb) -> (TestServer, String) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let server = TestServer::at(db, &issuer, |_| {}).await;
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

both_stores! {
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
