//! `portcullis registration-token`, `client registration-token` and `client create --metadata`, as an operator runs them.

use axum::http::Method;
use portcullis::config::RegistrationMode;
use serde_json::{Value, json};

use super::{post, web};
use crate::support::process::{Ended, configure, portcullis, run};
use crate::support::{TestServer, both_stores};

fn command(server: &TestServer, arguments: &[&str]) -> Ended {
    let mut command = portcullis(arguments);
    configure(&mut command, server, &std::env::temp_dir(), &[]);
    command.args(["--issuer", server.app.issuer(), "--json"]);
    run(command)
}

#[track_caller]
fn done(server: &TestServer, arguments: &[&str]) -> Value {
    let Ended { code, stdout, stderr } = command(server, arguments);
    assert_eq!(code, Some(0), "{arguments:?}: {stderr}");
    serde_json::from_str(&stdout).unwrap()
}

both_stores! {
    async fn an_operator_hands_out_tokens_and_takes_them_back(db: TestDb) {
        let server = TestServer::with(db, |config| config.registration.mode = RegistrationMode::Token).await;
        let made = done(&server, &["registration-token", "create", "for the shop", "--uses", "2"]);
        let token = made["token"].as_str().unwrap();
        post(&server, &web()).bearer(token).await.expect(201);
        let listed = done(&server, &["registration-token", "list"]);
        assert_eq!((&listed[0]["uses"], &listed[0]["max_uses"], &listed[0]["label"]), (&json!(1), &json!(2), &json!("for the shop")));
        assert!(!listed.to_string().contains("pc_ia_"), "shown once");
        done(&server, &["registration-token", "revoke", made["id"].as_str().unwrap()]);
        post(&server, &web()).bearer(token).await.expect_error(401, "invalid_token");
        assert_eq!(command(&server, &["registration-token", "revoke", made["id"].as_str().unwrap()]).code, Some(1));
        let kinds: Vec<_> = server.audit_trail().await.into_iter().map(|event| event.kind).collect();
        let changed = kinds.iter().filter(|kind| *kind == "registration_token_changed").count();
        assert_eq!(changed, 2, "{kinds:?}");
    }

    async fn an_operator_lets_a_client_look_after_itself(db: TestDb) {
        let server = TestServer::new(db).await;
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("client.json");
        let document = json!({
            "client_name": "Photos", "redirect_uris": ["https://photos.example/cb"], "policy_uri": "https://photos.example/privacy",
            "scope": "openid photos:write",
        });
        std::fs::write(&file, document.to_string()).unwrap();
        let file = file.to_str().unwrap();
        done(&server, &["client", "create", "--id", "photos", "--metadata", file, "--trusted", "--tos-uri", "https://photos.example/terms"]);
        let shown = done(&server, &["client", "show", "photos"]);
        assert_eq!(shown["about"]["policy_uri"], "https://photos.example/privacy");
        assert_eq!(shown["about"]["tos_uri"], "https://photos.example/terms");
        let given = done(&server, &["client", "registration-token", "photos"]);
        assert_eq!(given["registration_client_uri"], "https://id.example/register/photos");
        let token = given["registration_access_token"].as_str().unwrap();
        let read = server.get("/register/photos").bearer(token).await.expect(200).json();
        assert_eq!(read["scope"], "openid photos:write");
        // It keeps what the operator gave it, gains nothing that strangers may not have, and nobody calls it unchecked.
        let put = json!({
            "client_id": "photos", "client_name": "Photos", "redirect_uris": ["https://photos.example/new"],
            "scope": "openid photos:write photos:admin email", "token_endpoint_auth_method": "client_secret_basic",
        });
        let request = server.request(Method::PUT, "/register/photos").bearer(token);
        let put = request.body("application/json", put.to_string()).await.expect(200).json();
        assert_eq!(put["scope"], "openid photos:write email");
        let shown = done(&server, &["client", "show", "photos"]);
        assert_eq!((&shown["consent"], &shown["about"]["self_registered"]), (&json!("trusted"), &json!(false)));
        // The next token ends this one.
        done(&server, &["client", "registration-token", "photos"]);
        server.get("/register/photos").bearer(token).await.expect_error(401, "invalid_token");
    }
}
