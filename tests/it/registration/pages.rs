//! What people are told about clients, and what clients that registered themselves cannot make of our pages.

use serde_json::{Value, json};

use super::{client, open_server, register, web_with};
use crate::support::{AuthRequest, Browser, ClientSpec, PASSWORD, TestDb, TestServer, both_stores};

fn about() -> Value {
    json!({
        "client_uri": "https://shop.example/about",
        "policy_uri": "https://shop.example/privacy?a=1&b=2",
        "tos_uri": "https://shop.example/terms",
        "initiate_login_uri": "https://shop.example/login?from=here",
    })
}

const UNCHECKED: &str = "This app registered itself";

both_stores! {
    /// OpenID Connect Registration §2: the sign-in page itself links what the client registered; and it says who looked at it.
    async fn dr_06_pages_link_what_a_client_says_and_tell_that_nobody_checked_it(db: TestDb) {
        let server = open_server(db).await;
        server.alice().await;
        let shop = client(&register(&server, &web_with(about())).await);
        let mut browser = Browser::new(&server);
        let sign_in = browser.authorize(&AuthRequest::new(&shop, "openid")).await.page();
        let consent = browser.sign_in("alice", PASSWORD).await.page();
        assert!(sign_in.is_sign_in() && consent.is_consent());
        for page in [&sign_in, &consent] {
            let html = page.response.text();
            for href in ["https://shop.example/about", "https://shop.example/privacy?a=1&#38;b=2", "https://shop.example/terms"] {
                let link = format!(r#"<a href="{href}" target="_blank" rel="noopener noreferrer">"#);
                assert!(html.contains(&link), "{href}: {html}");
            }
            assert!(html.contains(UNCHECKED) && html.contains("shop.example</bdi>"), "{html}");
        }
        // The operator's own clients were looked at, and those who said nothing are linked nowhere.
        let photos = server.add_client(ClientSpec::web("photos")).await;
        let page = Browser::new(&server).authorize(&AuthRequest::new(&photos, "openid")).await.page();
        assert!(!page.response.text().contains(UNCHECKED) && !page.response.text().contains("noopener"));
    }

    /// OpenID Connect Core §4: an app that can be told to begin a sign-in is a link for those who use it.
    async fn apps_that_begin_a_sign_in_are_opened_from_our_pages(db: TestDb) {
        let server = open_server(db).await;
        server.alice().await;
        let shop = client(&register(&server, &web_with(about())).await);
        let mut browser = Browser::new(&server);
        browser.grant(&AuthRequest::new(&shop, "openid profile"), "alice").await;
        let href = "https://shop.example/login?from=here&#38;iss=https%3A%2F%2Fid.example";
        for path in ["/", "/account/apps"] {
            let page = browser.open(path).await.page();
            assert!(page.response.text().contains(href), "{path}: {}", page.response.text());
        }
        let mut stranger = Browser::new(&server);
        assert!(!stranger.open("/").await.page().response.text().contains("shop.example"));
    }
}

/// RFC 9700 §4.11.2: a link that begins with our name does not lead to whoever registered, before a person has signed in.
#[tokio::test(flavor = "multi_thread")]
async fn az_41_strangers_are_not_redirected_to_by_their_errors() {
    let server: TestServer = open_server(TestDb::sqlite().await).await;
    server.alice().await;
    let shop = client(&register(&server, &web_with(json!({}))).await);
    let bad = |change: (&str, &str)| AuthRequest::new(&shop, "openid").set(change.0, change.1);
    let changes = [
        ("scope", "admin"),
        ("response_type", "token"),
        ("prompt", "none login"),
        ("resource", "x"),
        ("request", "x"),
        ("request_uri", "https://x.example/"),
    ];
    for change in changes {
        let page = Browser::new(&server).authorize(&bad(change)).await.page();
        assert_eq!(page.status(), 400, "{change:?}");
        assert!(page.response.header("location").is_empty());
    }
    // Silent authentication is what apps are answered for, and people who signed in know where they are.
    let silent = Browser::new(&server)
        .authorize(&bad(("prompt", "none")))
        .await
        .callback();
    assert_eq!(silent.get("error"), "login_required");
    let mut browser = Browser::new(&server);
    browser.open("/login").await.page();
    browser.sign_in("alice", PASSWORD).await.page();
    for (change, error) in changes.into_iter().zip([
        "invalid_scope",
        "unsupported_response_type",
        "invalid_request",
        "invalid_target",
    ]) {
        assert_eq!(browser.authorize(&bad(change)).await.callback().get("error"), error);
    }
    // The operator's clients are trusted with their own addresses.
    let photos = server.add_client(ClientSpec::web("photos")).await;
    let request = AuthRequest::new(&photos, "openid").set("scope", "admin");
    assert_eq!(
        Browser::new(&server).authorize(&request).await.callback().get("error"),
        "invalid_scope"
    );
}
