//! What others say about a client: the list of its sector, and signed statements.

use std::io::Write as _;
use std::path::Path;

use portcullis::config::{Config, StatementIssuer};
use serde_json::{Value, json};

use super::{assert_refused, client, manage, open, post, register, web, web_with};
use crate::support::Https;
use crate::support::assertion::{ClientKey, unsigned};
use crate::support::{AuthRequest, Browser, TestDb, TestServer};

/// Whatever field it is: nothing but https is taken, and nothing inside is asked, neither at the registration nor later. What
/// clients of the operator's own name is looked at elsewhere (PR-15, OI-11, the guard itself).
#[tokio::test(flavor = "multi_thread")]
async fn ss_01_ss_06_no_address_that_a_client_names_leads_inside() {
    const FIELDS: [&str; 5] = [
        "jwks_uri",
        "logo_uri",
        "sector_identifier_uri",
        "backchannel_logout_uri",
        "request_uris",
    ];
    let server = TestServer::with(TestDb::sqlite().await, |config| {
        open(config);
        config.requests.request_uri = true;
    })
    .await;
    let canary = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    canary.set_nonblocking(true).unwrap();
    let port = canary.local_addr().unwrap().port();
    let naming = |field: &str, url: &str| {
        web_with(match field {
            "jwks_uri" => json!({ field: url, "token_endpoint_auth_method": "private_key_jwt" }),
            "sector_identifier_uri" => json!({ field: url, "subject_type": "pairwise" }),
            "request_uris" => json!({ field: [url] }),
            _ => json!({ field: url }),
        })
    };
    for field in FIELDS {
        for url in [
            "file:///etc/passwd",
            "gopher://shop.example/x",
            "ftp://shop.example/x",
            "data:application/json,[]",
            "unix:/run/x.sock",
            "http://shop.example/x",
        ] {
            let refused = post(&server, &naming(field, url)).await;
            assert_refused(refused, "invalid_client_metadata", field);
        }
    }
    let key = ClientKey::es256();
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0.0.0.0",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
    ] {
        let url = format!("https://{host}:{port}/x");
        for field in FIELDS {
            let response = post(&server, &naming(field, &url)).await;
            if response.status == 400 {
                assert_refused(response, "invalid_client_metadata", field);
                continue;
            }
            // Taken as written; then it is refused when it is used.
            let shop = client(&response.expect(201).json());
            match field {
                "jwks_uri" => {
                    let assertion = key.sign(&server.assertion_claims(&shop.id));
                    let fields = [("grant_type", "authorization_code"), ("code", "x")];
                    let answer = server.post_asserting("/token", &assertion, &fields).await;
                    assert!(answer.status == 401 || answer.status == 503, "{}", answer.text());
                }
                "request_uris" => {
                    let request = AuthRequest::new(&shop, "openid").and("request_uri", &url);
                    let page = Browser::new(&server).authorize(&request).await.page();
                    assert_eq!(page.status(), 400);
                }
                // Asked when somebody signs out, as in `oi_11_an_address_inside_is_never_asked`.
                "backchannel_logout_uri" => {}
                other => panic!("{other} is fetched at once, and {url} was taken"),
            }
        }
    }
    assert!(canary.accept().is_err(), "nobody came");
}

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
