//! XS: nothing that anybody sends or stores becomes script. `tests/browser/scripts.test.js` looks at the same with a browser.

use std::fs;
use std::path::Path;

use axum::http::Method;
use portcullis::model::api::AccessTokenFormat;

use super::answers::{assert_page, get};
use crate::support::{AuthRequest, Browser, ClientSpec, PASSWORD, TestResponse, TestServer, Tokens, api, both_stores};

/// Breaks out of text, of an attribute, and of a script.
const PAYLOAD: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(1)></title></textarea>{{7*7}}\u{2028}";

/// No markup of the payload is markup of the page.
#[track_caller]
fn assert_inert(response: &TestResponse) {
    let text = response.text();
    for absent in ["<script>alert", "<img src=x", "'><", "javascript:"] {
        assert!(!text.contains(absent), "{absent} in {text}");
    }
    let [opened, closed] = ["<textarea ", "</textarea>"].map(|tag| text.matches(tag).count());
    assert_eq!(opened, closed, "{text}");
    let tags = text.split('<').filter_map(|rest| rest.split('>').next());
    // What stands in quotes is a value.
    let names: String = tags.flat_map(|tag| tag.split('"').step_by(2)).collect();
    for attribute in [" onerror=", " onload=", " onclick=", " style="] {
        assert!(!names.contains(attribute), "{attribute} in {text}");
    }
}

both_stores! {
    async fn xs_01_the_error_page_echoes_nothing(db: TestDb) {
        let server = TestServer::new(db).await;
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(["error", "error_description", "error_hint", "error_uri", "x"].map(|name| (name, PAYLOAD)))
            .finish();
        for path in ["/authorize", "/error", "/nothing/here", "/interaction/x/login", "/interaction/x/consent"] {
            let response = server.get(&format!("{path}?{query}")).await;
            assert!([400, 404].contains(&response.status.as_u16()), "{path}: {}", response.status);
            assert_eq!(response.header("content-type"), "text/html; charset=utf-8", "{path}");
            assert_inert(&response);
            assert!(!response.text().contains("alert"), "{path}: {}", response.text());
        }
        for path in ["/login", "/logout", "/"] {
            let response = server.get(&format!("{path}?{query}")).await.expect(200);
            assert!(!response.text().contains("alert"), "{path}: {}", response.text());
        }
    }

    async fn xs_02_hostile_parameters_are_text_on_every_page(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        let request = AuthRequest::new(&client, "openid")
            .set("state", PAYLOAD)
            .set("nonce", PAYLOAD)
            .set("login_hint", PAYLOAD)
            .set("ui_locales", PAYLOAD)
            .set("display", PAYLOAD)
            .set("prompt", "login consent select_account");
        for name in ["client_id", "redirect_uri"] {
            let response = get(&server, &request.clone().set(name, PAYLOAD)).await;
            assert_page(&response);
            assert_inert(&response);
        }
        let mut browser = Browser::new(&server);
        let login = browser.authorize(&request).await.page();
        assert_inert(&login.response);
        let again = browser.sign_in(PAYLOAD, PAYLOAD).await.page();
        assert_eq!(again.status(), 401);
        assert_inert(&again.response);
        assert!(again.form().fields.contains(&("username".to_owned(), PAYLOAD.to_owned())), "kept as typed");
        let consent = browser.sign_in("alice", PASSWORD).await.page();
        assert!(consent.is_consent());
        assert_inert(&consent.response);
        let answer = browser.consent("allow").await.callback();
        assert_eq!(answer.get("state"), PAYLOAD);
    }

    /// A reference that a caller chooses stands on error pages, so it is chosen from harmless letters or not at all.
    async fn xs_02_a_request_id_is_harmless_or_not_used(db: TestDb) {
        let server = TestServer::new(db).await;
        for id in ["<script>alert(1)</script>", "\"><img src=x>", "short", &"x".repeat(65)] {
            let response = server.get("/authorize").header("x-request-id", id).await;
            assert_page(&response);
            assert_ne!(response.header("x-request-id"), id);
            assert!(!response.text().contains(id));
        }
    }

    async fn xs_03_stored_names_are_text_on_every_page(db: TestDb) {
        let server = TestServer::new(db).await;
        let mut user = server.alice().await;
        user.claims.name = Some(PAYLOAD.to_owned());
        user.claims.email = Some(PAYLOAD.to_owned());
        server.store().set_claims(&user, server.app.clock().now()).await.unwrap();
        let mut settings = api("https://api.example", &["api:read"], AccessTokenFormat::Jwt);
        settings.name = PAYLOAD.to_owned();
        settings.scopes[0].description = PAYLOAD.to_owned();
        server.add_api("https://api.example", settings).await;
        let spec = ClientSpec::web("shop").metadata(|metadata| metadata.name = PAYLOAD.to_owned());
        let client = server.add_client(spec).await;

        let mut browser = Browser::new(&server);
        let request = AuthRequest::new(&client, "openid profile email api:read");
        assert_inert(&browser.authorize(&request).await.page().response);
        let consent = browser.sign_in("alice", PASSWORD).await.page();
        assert!(consent.is_consent());
        assert_inert(&consent.response);
        assert!(consent.response.text().matches("&#60;script&#62;alert(1)").count() >= 4, "name, account, e-mail, scope");
        let answer = browser.consent("allow").await.callback();
        assert_inert(&browser.open("/").await.page().response);
        assert_inert(&browser.open("/logout").await.page().response);
        // The app is not redeemed yet, so what it was allowed is remembered, and listed.
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(["done", "page", "to"].map(|name| (name, PAYLOAD)))
            .finish();
        for path in ["", "/profile", "/contact", "/password", "/sessions", "/apps", "/apps/shop"] {
            let page = browser.open(&format!("/account{path}?{query}")).await.page();
            assert_eq!((page.status(), page.path), (200, format!("/account{path}")));
            assert_inert(&page.response);
        }
        // What is wrong comes back as it was typed.
        browser.open("/account/profile").await.page();
        let refused = browser.submit(&[("website", PAYLOAD), ("street_address", PAYLOAD), ("name", PAYLOAD)]).await.page();
        assert_eq!(refused.status(), 422);
        assert_inert(&refused.response);
        assert_eq!(refused.form().fields.iter().filter(|(_, value)| value == PAYLOAD).count(), 3);
        let choose = request.clone().set("prompt", "select_account");
        assert_inert(&browser.authorize(&choose).await.page().response);
        // To a program it goes as it is, in JSON that no browser takes for a page.
        let tokens = Tokens::of(server.redeem(&client, &answer.code(), &request).await);
        let info = server.userinfo(&tokens.access).await.expect(200);
        assert_eq!(info.json()["name"], PAYLOAD);
        assert_eq!((info.header("content-type"), info.header("x-content-type-options")), ("application/json", "nosniff"));
    }

    /// A logo is whatever was stored: it is served where no script can run.
    async fn xs_03_a_logo_is_served_under_a_sandbox(db: TestDb) {
        let server = TestServer::new(db).await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        let image = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>";
        server.store().set_logo(&client.client_id(), "image/svg+xml", image).await.unwrap();
        let response = server.get("/client/shop/logo").await.expect(200);
        assert_eq!(response.header("content-security-policy"), "default-src 'none'; sandbox");
        assert_eq!(response.header("x-content-type-options"), "nosniff");
        server.get("/client/<script>/logo".replace('<', "%3C").replace('>', "%3E").as_str()).await.expect(404);
    }

    async fn xs_05_the_form_post_page_escapes_the_state_and_goes_to_the_registered_uri(db: TestDb) {
        let server = TestServer::new(db).await;
        let spec = ClientSpec::web("quote").metadata(|metadata| {
            let uri = "https://quote.example/it's&amp;'onclick='x?a=1&b=2";
            metadata.redirect_uris = vec![portcullis::protocol::redirect_uri::RedirectUri::register(uri).unwrap()];
        });
        let client = server.add_client(spec).await;
        let request = AuthRequest::new(&client, "openid")
            .set("state", PAYLOAD)
            .set("response_mode", "form_post")
            .set("prompt", "none");
        let response = get(&server, &request).await.expect(200);
        assert_inert(&response);
        assert_eq!(response.text().matches("<script>").count(), 1);
        let answer = Browser::new(&server).authorize(&request).await.callback();
        assert_eq!(answer.uri, client.redirect_uri);
        assert_eq!((answer.get("state"), answer.get("error")), (PAYLOAD, "login_required"));
    }

    async fn xs_07_json_errors_are_not_taken_for_pages(db: TestDb) {
        let server = TestServer::new(db).await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        let hostile = [("grant_type", PAYLOAD), ("code", PAYLOAD), ("token", PAYLOAD), ("scope", PAYLOAD)];
        let answers = [
            server.token(&client, &hostile).await.expect(400),
            server.post_form("/token", &hostile).await.expect(401),
            server.post_form("/token", &[("client_id", PAYLOAD)]).await.expect(401),
            server.post_form("/revoke", &hostile).await.expect(401),
            server.get("/userinfo").bearer("<script>alert(1)</script>").await.expect(401),
            server.request(Method::POST, "/token").body("text/html", PAYLOAD).await.expect(400),
            server.post_form("/token?%3Cscript%3E=1", &hostile).await.expect(400),
        ];
        for answer in answers {
            assert_eq!(answer.header("content-type"), "application/json");
            assert_eq!(answer.header("x-content-type-options"), "nosniff");
            assert_eq!(answer.header("cache-control"), "no-store");
            assert!(answer.header("content-security-policy").starts_with("default-src 'none'"));
            assert!(!answer.text().contains('<') && !answer.text().contains("alert"), "{}", answer.text());
            assert!(!answer.header("www-authenticate").contains('<'));
        }
    }
}

/// Static scripts, each on one page, and nothing is written into them.
#[test]
fn xs_04_no_page_has_data_in_a_script() {
    for (path, text) in sources("templates", "html") {
        let scripted = ["form_post", "signed_out_frames", "check_session"];
        let scripted = scripted
            .iter()
            .find(|page| path.ends_with(&format!("pages/{page}.html")));
        if let Some(page) = scripted {
            assert_eq!(text.matches("<script").count(), 1);
            let included = format!("<script>{{% include \"partials/{page}.js\" %}}</script>");
            assert!(text.contains(&included), "{path}");
        } else {
            assert!(!text.contains("<script"), "{path}");
        }
        for handler in [
            " onclick",
            " onload",
            " onerror",
            " onsubmit",
            " onchange",
            " style=",
            "javascript:",
        ] {
            assert!(!text.contains(handler), "{handler} in {path}");
        }
    }
    let script = fs::read_to_string(root().join("templates/partials/form_post.js")).unwrap();
    assert!(!script.contains("{{") && !script.contains("{%"), "{script}");
}

/// No template and no filter opts out of escaping.
#[test]
fn xs_08_nothing_opts_out_of_escaping() {
    let everything = sources("templates", "html").into_iter().chain(sources("src", "rs"));
    for (path, text) in everything {
        let squeezed: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        for opt_out in [
            "|safe",
            "|escape(",
            "|e(",
            "escape=\"",
            "MarkupDisplay",
            "HtmlSafe",
            "FastWritable",
            "ext=\"txt",
        ] {
            assert!(!squeezed.contains(opt_out), "{opt_out} in {path}");
        }
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files under `folder` with this extension, as path and text.
fn sources(folder: &str, extension: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|is| is == extension) {
                found.push((path.display().to_string(), fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(!found.is_empty(), "{folder}");
    found
}
