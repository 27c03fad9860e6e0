//! What others say about a client: the list of its sector, and signed statements.

use std::io::Write as _;
use std::path::Path;

use portcullis::config::{Config, StatementIssuer};
use serde_json::{Value, json};

use super::{assert_refused, manage, open, post, register, web, web_with};
use crate::support::Https;
use crate::support::assertion::{ClientKey, unsigned};
use crate::support::{TestDb, TestServer};

#[tokio::test(flavor = "multi_thread")]
async fn dr_12_the_list_of_the_sector_holds_every_redirect_uri() {
    let https = Https::document(
        "application/json",
        r#"["https://shop.example/callback","https://b.example/cb"]"#,
    );
    let server = TestServer::with_fetches(TestDb::sqlite().await, &https, open).await;
    let sector = https.url("/sector.json");
    let pairwise = |uris: Value| {
        web_with(json!({ "subject_type": "pairwise", "sector_identifier_uri": sector, "redirect_uris": uris }))
    };
    let registered = register(
        &server,
        &pairwise(json!(["https://shop.example/callback", "https://b.example/cb"])),
    )
    .await;
    assert_eq!(registered["subject_type"], "pairwise");
    assert_eq!(registered["sector_identifier_uri"], sector.as_str());
    let other = pairwise(json!(["https://shop.example/callback", "https://evil.example/cb"]));
    assert_refused(
        post(&server, &other).await,
        "invalid_client_metadata",
        "sector_identifier_uri",
    );
    // It is asked again when the registration is replaced.
    let id = json!({ "client_id": registered["client_id"] });
    let put = manage(&server, "PUT", &registered).body("application/json", super::with(other, id).to_string());
    assert_refused(put.await, "invalid_client_metadata", "sector_identifier_uri");

    let two = json!({ "subject_type": "pairwise", "redirect_uris": ["https://a.example/cb", "https://b.example/cb"] });
    assert_refused(
        post(&server, &web_with(two)).await,
        "invalid_client_metadata",
        "subject_type",
    );
    assert_eq!(
        register(&server, &web_with(json!({ "subject_type": "pairwise" }))).await["subject_type"],
        "pairwise"
    );
    // What cannot be reached is not told apart from what says nothing.
    for uri in ["https://10.0.0.1/sector", "https://127.0.0.1:1/sector"] {
        let response = post(
            &server,
            &web_with(json!({ "subject_type": "pairwise", "sector_identifier_uri": uri })),
        )
        .await;
        let text = response.text().to_owned();
        assert_refused(response, "invalid_client_metadata", "sector_identifier_uri");
        assert!(text.contains("must lead to a JSON array"), "{text}");
    }
}

const DIRECTORY: &str = "https://directory.example";

fn believing(file: &Path, required: bool) -> impl FnOnce(&mut Config) {
    let issuer = StatementIssuer {
        issuer: DIRECTORY.to_owned(),
        keys: file.to_owned(),
    };
    move |config| {
        open(config);
        config.registration.software_statement_issuers = vec![issuer];
        config.registration.software_statement_required = required;
    }
}

fn key_file(key: &ClientKey) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(key.jwks().to_string().as_bytes()).unwrap();
    file
}

/// RFC 7591 §2.3: what the statement says wins; what it does not speak of is the client's own.
#[tokio::test(flavor = "multi_thread")]
async fn a_statement_of_somebody_who_is_believed_wins() {
    let key = ClientKey::es256();
    let file = key_file(&key);
    let server = TestServer::with(TestDb::sqlite().await, believing(file.path(), true)).await;
    let claims =
        json!({ "iss": DIRECTORY, "client_name": "The real shop", "software_id": "shop-1", "scope": "openid" });
    let statement = key.sign(&claims);
    let document =
        web_with(json!({ "software_statement": statement, "software_id": "forged", "contacts": ["ops@shop.example"] }));
    let registered = register(&server, &document).await;
    assert_eq!(registered["client_name"], "The real shop");
    assert_eq!(registered["software_id"], "shop-1");
    assert_eq!(registered["scope"], "openid");
    assert_eq!(registered["contacts"], json!(["ops@shop.example"]));
    assert_eq!(registered["software_statement"], statement.as_str());
    // It is under the same rules as the client.
    let bad = key.sign(&json!({ "iss": DIRECTORY, "redirect_uris": ["http://shop.example/"] }));
    assert_refused(
        post(&server, &web_with(json!({ "software_statement": bad }))).await,
        "invalid_redirect_uri",
        "redirect_uris",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_that_prove_nothing_are_refused() {
    let (key, strange) = (ClientKey::es256(), ClientKey::es256());
    let file = key_file(&key);
    let server = TestServer::with(TestDb::sqlite().await, believing(file.path(), true)).await;
    let now = server.app.clock().now().0;
    let good = json!({ "iss": DIRECTORY, "client_name": "The shop" });
    let with = |claims: Value| super::with(good.clone(), claims);
    let strange_named = strange.named(&key.kid);
    let cases = [
        (Value::Null, "unapproved_software_statement"),
        (json!(""), "invalid_software_statement"),
        (json!(7), "invalid_software_statement"),
        (json!("a.b.c"), "invalid_software_statement"),
        (json!(strange_named.sign(&good)), "invalid_software_statement"),
        (
            json!(key.sign(&json!({ "client_name": "x" }))),
            "unapproved_software_statement",
        ),
        (
            json!(key.sign(&with(json!({ "iss": "https://other.example" })))),
            "unapproved_software_statement",
        ),
        (
            json!(key.sign(&with(json!({ "exp": now - 60 })))),
            "invalid_software_statement",
        ),
        (
            json!(key.sign(&with(json!({ "nbf": now + 600 })))),
            "invalid_software_statement",
        ),
        (
            json!(key.sign(&with(json!({ "aud": "https://elsewhere.example" })))),
            "invalid_software_statement",
        ),
        (
            json!(format!("{}.", unsigned(&json!({ "alg": "none" }), &good))),
            "invalid_software_statement",
        ),
        (
            json!(crate::support::assertion::mac(
                key.jwks().to_string().as_bytes(),
                &json!({ "alg": "HS256", "kid": key.kid }),
                &good
            )),
            "invalid_software_statement",
        ),
    ];
    for (statement, code) in cases {
        let response = post(&server, &web_with(json!({ "software_statement": statement }))).await;
        assert_refused(response, code, "software_statement");
    }
    for claims in [
        json!({ "aud": "https://id.example" }),
        json!({ "aud": ["x", "https://id.example"], "exp": now + 60 }),
    ] {
        register(
            &server,
            &web_with(json!({ "software_statement": key.sign(&with(claims)) })),
        )
        .await;
    }
}

/// Where nobody is believed, a statement is a member like any other that is not known.
#[tokio::test(flavor = "multi_thread")]
async fn without_anybody_to_believe_a_statement_says_nothing() {
    let server = super::open_server(TestDb::sqlite().await).await;
    let statement = ClientKey::es256().sign(&json!({ "iss": DIRECTORY, "client_name": "The real shop" }));
    let registered = register(&server, &web_with(json!({ "software_statement": statement }))).await;
    assert_eq!(
        (&registered["client_name"], registered.get("software_statement")),
        (&web()["client_name"], None)
    );
}
