//! Telling clients in the front channel that somebody signed out (OpenID Connect Front-Channel Logout), through the router.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use portcullis::crypto::digest::sha256;
use portcullis::model::client::LogoutChannel;
use portcullis::protocol::redirect_uri::RedirectUri;

use crate::support::{AuthRequest, Browser, ClientSpec, TestClient, TestDb, TestServer, Tokens, both_stores, claims};

const BYE: &str = "https://shop.example/bye";

struct World {
    server: TestServer,
    browser: Browser,
    shop: TestClient,
    /// The claims of the last ID token, and the token.
    id_token: String,
}

fn client(id: &str, channel: Option<(&str, bool)>) -> ClientSpec {
    ClientSpec::web(id).trusted().metadata(|metadata| {
        metadata.logout.redirect_uris = vec![RedirectUri::register(&format!("https://{id}.example/bye")).unwrap()];
        metadata.logout.frontchannel = channel.map(|(uri, session_required)| LogoutChannel {
            uri: uri.to_owned(),
            session_required,
        });
    })
}

impl World {
    async fn new(db: TestDb, channel: Option<(&str, bool)>) -> Self {
        let server = TestServer::new(db).await;
        server.alice().await;
        let shop = server.add_client(client("shop", channel)).await;
        let mut world = Self {
            browser: Browser::new(&server),
            id_token: String::new(),
            server,
            shop,
        };
        let shop = world.shop.clone();
        world.let_in(&shop).await;
        world
    }

    async fn let_in(&mut self, client: &TestClient) {
        let request = AuthRequest::new(client, "openid");
        let code = self.browser.grant(&request, "alice").await.code();
        let tokens = Tokens::of(self.server.redeem(client, &code, &request).await);
        self.id_token = tokens.id.unwrap();
    }

    fn proven(&self) -> String {
        format!(
            "/logout?id_token_hint={}&post_logout_redirect_uri={BYE}&state=x",
            self.id_token
        )
    }
}

/// The addresses of the frames of a page.
fn frames(html: &str) -> Vec<String> {
    let tags = html
        .split("<iframe ")
        .skip(1)
        .map(|rest| rest.split('>').next().unwrap());
    let sources = tags.map(|tag| tag.split_once("src=\"").unwrap().1.split('"').next().unwrap());
    sources
        .map(|source| source.replace("&#38;", "&").replace("&amp;", "&"))
        .collect()
}

both_stores! {
    async fn every_client_of_the_sign_in_is_loaded_in_a_frame(db: TestDb) {
        let mut world = World::new(db, Some(("https://shop.example/out?a=1", true))).await;
        let plain = world.server.add_client(client("plain", Some(("https://plain.example/out", false)))).await;
        let silent = world.server.add_client(client("silent", None)).await;
        world.server.add_client(client("stranger", Some(("https://stranger.example/out", true)))).await;
        for other in [&plain, &silent] {
            world.let_in(other).await;
        }
        let shop = world.shop.clone();
        world.let_in(&shop).await;
        let sid = claims(&world.id_token)["sid"].as_str().unwrap().to_owned();
        let page = world.browser.open(&world.proven()).await.page();
        assert_eq!((page.status(), page.heading().as_str()), (200, "You are signed out"));
        let html = page.response.text();
        assert_eq!(frames(html), [
            "https://plain.example/out".to_owned(),
            format!("https://shop.example/out?a=1&iss=https%3A%2F%2Fid.example&sid={sid}"),
        ]);
        let policy = page.response.header("content-security-policy");
        assert!(policy.contains("frame-src https://plain.example https://shop.example;"), "{policy}");
        assert!(policy.contains("default-src 'none';") && policy.contains("frame-ancestors 'none'"), "{policy}");
        let script = html.split_once("<script>").unwrap().1.split("</script>").next().unwrap();
        let hash = STANDARD.encode(sha256(script.as_bytes()));
        assert!(policy.contains(&format!("script-src 'sha256-{hash}';")), "{policy}");
        // On to the app, with a script and without.
        assert!(html.contains("<meta http-equiv=\"refresh\" content=\"5;url=https://shop.example/bye?state=x#\">"));
        assert!(html.contains("id=\"back\" href=\"https://shop.example/bye?state=x#\""));
        // Once: nobody is signed in any more.
        assert_eq!(world.browser.open(&world.proven()).await.callback().uri, BYE);
    }

    async fn without_such_clients_the_browser_goes_on_at_once(db: TestDb) {
        let mut world = World::new(db, None).await;
        assert_eq!(world.browser.open(&world.proven()).await.callback().uri, BYE);
    }

    async fn signing_out_by_oneself_tells_them_as_well_and_leads_nowhere(db: TestDb) {
        let mut world = World::new(db, Some(("https://shop.example/out", false))).await;
        world.browser.open("/logout").await.page();
        let page = world.browser.submit(&[]).await.page();
        assert_eq!(page.heading(), "You are signed out");
        let html = page.response.text();
        assert_eq!(frames(html), ["https://shop.example/out"]);
        assert!(!html.contains("http-equiv=\"refresh\"") && !html.contains("id=\"back\""));
    }
}
