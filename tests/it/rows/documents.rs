//! Documents that programs read, as snapshots: a change of one is a change of what this server promises.

use std::collections::BTreeMap;

use axum::http::Method;
use portcullis::model::api::AccessTokenFormat;

use crate::support::{ClientSpec, TestDb, TestServer, api};

async fn server() -> TestServer {
    TestServer::new(TestDb::sqlite().await).await
}

/// The scopes of APIs are not in it: they are their operators' business.
#[tokio::test(flavor = "multi_thread")]
async fn discovery() {
    let server = server().await;
    let settings = api(
        "https://api.example",
        &["api:read", "api:write"],
        AccessTokenFormat::Jwt,
    );
    server.add_api("https://api.example", settings).await;
    let document = server.get("/.well-known/openid-configuration").await.expect(200);
    assert_eq!(document.header("content-type"), "application/json");
    let same = server.get("/.well-known/oauth-authorization-server").await.expect(200);
    assert_eq!(same.json(), document.json());
    insta::assert_json_snapshot!(document.json());
}

/// One for each code that the machines' endpoints answer today, with the headers that tell a program what to do.
#[tokio::test(flavor = "multi_thread")]
async fn error_bodies() {
    let server = server().await;
    let web = server.add_client(ClientSpec::web("web")).await;
    let service = server.add_client(ClientSpec::service("service")).await;
    let code = [
        ("grant_type", "authorization_code"),
        ("code", "x"),
        ("redirect_uri", &web.redirect_uri),
    ];
    let service_grant = ("grant_type", "client_credentials");
    let opaque = server.client_credentials(&service).await.expect(200).json()["access_token"].clone();
    let answers = [
        (
            "body of another type",
            server
                .request(Method::POST, "/token")
                .body("application/json", "{}")
                .await,
        ),
        (
            "body too large",
            server.post_form("/token", &[("x", &"x".repeat(70_000))]).await,
        ),
        ("grant_type missing", server.token(&web, &[]).await),
        (
            "grant_type unknown",
            server.token(&web, &[("grant_type", "password")]).await,
        ),
        ("grant_type not registered", server.token(&web, &[service_grant]).await),
        (
            "client unknown",
            server.post_form("/token", &code).basic("nobody", "secret").await,
        ),
        ("code unknown", server.token(&web, &code).await),
        (
            "scope not allowed",
            server.token(&service, &[service_grant, ("scope", "admin")]).await,
        ),
        (
            "resource unknown",
            server
                .token(&service, &[service_grant, ("resource", "https://x.example")])
                .await,
        ),
        ("no bearer token", server.get("/userinfo").await),
        ("bearer token invalid", server.userinfo("x").await),
        (
            "bearer token without openid",
            server.userinfo(opaque.as_str().unwrap()).await,
        ),
    ];
    let shown: BTreeMap<_, _> = answers
        .iter()
        .map(|(why, answer)| {
            let headers = ["content-type", "cache-control", "www-authenticate", "connection"]
                .map(|name| format!("{name}: {}", answer.header(name)));
            (why, (answer.status.as_u16(), headers, answer.text()))
        })
        .collect();
    insta::assert_json_snapshot!(shown);
}
