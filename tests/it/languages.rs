//! Which language pages are in, and that they are in it from the first page of a request to the last.

use axum::http::Method;

use crate::support::{AuthRequest, Browser, ClientSpec, PASSWORD, Page, TestServer, both_stores};

const LANGUAGES: [&str; 5] = ["de", "en", "es", "fr", "ja"];

#[track_caller]
fn assert_in(page: &Page, tag: &str, words: &str) {
    let text = page.response.text();
    assert!(
        text.contains(&format!("<html lang=\"{tag}\" dir=\"ltr\">")),
        "{tag}: {text}"
    );
    assert!(text.contains(words), "{words} in {text}");
    assert_eq!(page.response.header("content-language"), tag);
    assert!(page.response.header("vary").contains("accept-language"));
}

/// Opens `path` as a browser does that prefers these languages.
async fn open(browser: &mut Browser, path: &str, accept: &str) -> Page {
    let request = browser.request(Method::GET, path).header("accept-language", accept);
    browser.navigate(path, request).await.page()
}

/// The links of a page to itself in other languages.
fn links(page: &Page) -> Vec<String> {
    let links = page.response.text().split(" hreflang=").filter_map(|before| {
        let (_, href) = before.rsplit_once("<a href=\"")?;
        Some(href.split('"').next()?.replace("&#38;", "&"))
    });
    let mut links: Vec<_> = links.collect();
    links.truncate(LANGUAGES.len());
    links
}

both_stores! {
    async fn oidcc_ui_locales_are_spoken_to_the_end(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        let request = AuthRequest::new(&client, "openid email").set("ui_locales", "xx fr-CA de");
        let mut browser = Browser::new(&server);
        assert_in(&browser.authorize(&request).await.page(), "fr", "Se connecter");
        let refused = browser.sign_in("alice", "no").await.page();
        assert_in(&refused, "fr", "Nom d’utilisateur ou mot de passe incorrect.");
        let consent = browser.sign_in("alice", PASSWORD).await.page();
        assert_in(&consent, "fr", "Voir votre adresse e-mail");
        assert_eq!(consent.buttons("decision"), ["deny", "allow"]);
        let again = browser.clone().open(&consent.path).await.page();
        assert_in(&again, "fr", "Cette application pourra");
        browser.consent("allow").await.callback().code();
    }

    async fn a_choice_is_kept_and_counts_for_the_request_that_it_was_made_in(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        let request = AuthRequest::new(&client, "openid").set("ui_locales", "fr");
        let mut browser = Browser::new(&server);
        let page = browser.authorize(&request).await.page();
        server.advance(60);
        let japanese = format!("{}?lang=ja", page.path);
        assert!(links(&page).contains(&japanese), "{:?}", links(&page));
        assert_in(&browser.open(&japanese).await.page(), "ja", "サインイン");
        let consent = browser.sign_in("alice", PASSWORD).await.page();
        assert_in(&consent, "ja", "アクセスを許可しますか?");
        server.advance(60);
        let next = browser.authorize(&request.clone().set("prompt", "login")).await.page();
        assert_in(&next, "fr", "Confirmez votre identité");
        let silent = request.without("ui_locales").set("prompt", "login");
        assert_in(&browser.authorize(&silent).await.page(), "ja", "ご本人の確認");
    }

    async fn ones_own_pages_are_in_ones_own_language(db: TestDb) {
        let server = TestServer::new(db).await;
        let alice = server.alice().await;
        let now = server.app.clock().now();
        let edit = |claims: &mut portcullis::protocol::standard_claims::StandardClaims| {
            claims.locale = Some("de-AT".to_owned());
        };
        server.store().edit_claims(alice.id, edit, now).await.unwrap();
        let mut browser = Browser::new(&server);
        browser.open("/login?to=account").await.page();
        assert_in(&browser.sign_in("alice", PASSWORD).await.page(), "de", "Abmelden");
        for path in ["/", "/account/profile", "/account/password", "/account/sessions", "/account/apps", "/logout"] {
            assert_in(&open(&mut browser, path, "es").await, "de", "<h1>");
        }
        browser.open("/account/apps?lang=es").await.page();
        assert_in(&open(&mut browser, "/account", "fr").await, "es", "Ninguna aplicación puede usar su cuenta");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_in_a_language_of_the_browser() {
    let server = TestServer::new(crate::support::TestDb::sqlite().await).await;
    for (accept, tag, words) in [
        ("de-CH, en;q=0.5", "de", "Anmelden"),
        ("tlh, ja;q=0.1", "ja", "サインイン"),
        ("tlh", "en", "Sign in"),
        ("*", "en", "Sign in"),
        ("", "en", "Sign in"),
    ] {
        let mut browser = Browser::new(&server);
        assert_in(&open(&mut browser, "/login", accept).await, tag, words);
    }
    // Pages that stand for a failure, wherever it comes from.
    let mut browser = Browser::new(&server);
    for (path, words) in [
        ("/no/such/page", "Hier gibt es nichts"),
        ("/authorize?client_id=nobody", "Die App hat eine Anfrage gesendet"),
        ("/interaction/x/login", "Diese Anmeldung ist abgelaufen"),
        ("/device/x/confirm", "Dieses Gerät wartet nicht mehr"),
    ] {
        assert_in(&open(&mut browser, path, "de").await, "de", words);
    }
    let foreign = server
        .post_form("/login", &[("username", "alice")])
        .header("sec-fetch-site", "cross-site")
        .header("accept-language", "de")
        .await
        .expect(403);
    assert!(foreign.text().contains("Dieses Formular ist veraltet"));
    // There `ui_locales` counts as well, before anything is known of the client.
    let unknown = "/authorize?client_id=nobody&ui_locales=es%20de";
    assert_in(
        &open(&mut browser, unknown, "de").await,
        "es",
        "La aplicación ha enviado una solicitud",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_chooses_one_of_our_languages_and_nothing_else() {
    let server = TestServer::new(crate::support::TestDb::sqlite().await).await;
    let chosen = server.get("/login?to=profile&lang=de").await.expect(303);
    assert_eq!(chosen.location(), "/login?to=profile");
    let cookie = chosen.header("set-cookie");
    let (value, attributes) = cookie.split_once("; ").unwrap();
    assert!(value.starts_with("__Host-portcullis-language=de."), "{cookie}");
    assert_eq!(attributes, "Path=/; HttpOnly; SameSite=Lax; Max-Age=31536000; Secure");
    for path in [
        "/login?lang=tlh",
        "/login?lang=",
        "/login?lang=de%0d%0aset-cookie:%20a=b",
        "/login?language=de",
        // A request of an app, which may have parameters that we do not know.
        "/authorize?client_id=nobody&lang=de",
    ] {
        let response = server.get(path).await;
        assert!(!response.status.is_redirection(), "{path}");
        assert!(!response.header("set-cookie").contains("language"), "{path}");
    }
    let posted = server.post_form("/login?lang=de", &[("username", "alice")]).await;
    assert!(!posted.status.is_redirection());
    for cookie in ["tlh.1", "de", "de.x", "\"><svg>.1"] {
        let page = server
            .get("/login")
            .cookie(&format!("__Host-portcullis-language={cookie}"))
            .await;
        assert_eq!(page.header("content-language"), "en", "{cookie}");
    }
    // The links lead to the same page with all that it was asked for, and nowhere else.
    let page = Browser::new(&server).open("/device?user_code=WDJB-MJHT").await.page();
    let expected = LANGUAGES.map(|tag| format!("/device?user_code=WDJB-MJHT&lang={tag}"));
    assert_eq!(links(&page), expected);
    let tenant = TestServer::at(
        crate::support::TestDb::sqlite().await,
        "https://id.example/tenant",
        |_| {},
    )
    .await;
    let chosen = tenant.get("/tenant/login?lang=de").await.expect(303);
    assert_eq!(chosen.location(), "/tenant/login");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metadata_lists_the_languages() {
    let server = TestServer::new(crate::support::TestDb::sqlite().await).await;
    let metadata = server.get("/.well-known/openid-configuration").await.json();
    assert_eq!(metadata["ui_locales_supported"], serde_json::json!(LANGUAGES));
}

/// Names stand in the middle of sentences, elsewhere in each language.
#[tokio::test(flavor = "multi_thread")]
async fn xs_03_names_are_text_in_every_language() {
    const HOSTILE: &str = "\"><svg onload=alert(1)>{ $app }{{ app }}\u{2069}\u{fdd0}";
    let server = TestServer::new(crate::support::TestDb::sqlite().await).await;
    server.alice().await;
    let named = |name: &str| name.replace('"', "&#34;").replace('<', "&#60;").replace('>', "&#62;");
    for tag in LANGUAGES {
        let spec = ClientSpec::web(&format!("shop-{tag}")).metadata(|metadata| {
            metadata.name = HOSTILE.to_owned();
            metadata.about.localized = [("client_name#de", "<b>Laden</b>"), ("client_name#ja-JP", "店")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into();
        });
        let client = server.add_client(spec).await;
        let shown = match tag {
            "de" => named("<b>Laden</b>"),
            "ja" => "店".to_owned(),
            _ => named(HOSTILE),
        };
        let request = AuthRequest::new(&client, "openid email").set("ui_locales", tag);
        let mut browser = Browser::new(&server);
        let sign_in = browser.authorize(&request).await.page();
        let consent = browser.sign_in("alice", PASSWORD).await.page();
        for page in [sign_in, consent] {
            assert_in(&page, tag, &format!("<bdi>{shown}</bdi>"));
            assert!(!page.response.text().contains("<svg"), "{tag}");
            assert!(!page.response.text().contains("<b>"), "{tag}");
        }
    }
}
