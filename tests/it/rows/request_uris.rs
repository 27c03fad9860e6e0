//! Signed authorization requests by reference: PR-14, PR-15 (RFC 9101 §5.2, OpenID Connect Core §6.2).

use std::sync::{Arc, Mutex};

use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis::model::client::KeySource;
use portcullis::protocol::error::Reason;

use super::answers::{assert_back, assert_page, get, post};
use super::request_objects::object_of;
use crate::support::assertion::ClientKey;
use crate::support::{
    AuthRequest, Browser, ClientSpec, Https, TestClient, TestDb, TestServer, Tokens, both_stores, claims,
};

/// A client whose request objects are at its own server, which answers with what it is told to.
struct Shop {
    server: TestServer,
    https: Https,
    says: Arc<Mutex<(StatusCode, String)>>,
    client: TestClient,
    key: ClientKey,
}

impl Shop {
    async fn new(db: TestDb, on: bool) -> Self {
        let says = Arc::new(Mutex::new((StatusCode::OK, String::new())));
        let said = says.clone();
        let https = Https::answering(move || {
            let (status, body) = said.lock().unwrap().clone();
            async move { (status, body) }
        });
        let server = TestServer::with_fetches(db, &https, |config| config.requests.request_uri = on).await;
        server.alice().await;
        let key = ClientKey::es256();
        let keys = KeySource::Jwks(key.jwks());
        let uris = vec![https.url("/request"), https.url("/fixed#v1")];
        let spec = ClientSpec::web("shop").metadata(|metadata| {
            metadata.keys = Some(keys);
            metadata.request_objects.uris = uris;
        });
        let client = server.add_client(spec).await;
        Self {
            server,
            https,
            says,
            client,
            key,
        }
    }

    /// Leaves an object there; returns its hash.
    fn leave(&self, request: &AuthRequest) -> String {
        let object = self.key.sign(&object_of(&self.server, request, &self.client));
        self.say(StatusCode::OK, &object);
        hash(&object)
    }

    fn say(&self, status: StatusCode, body: &str) {
        *self.says.lock().unwrap() = (status, body.to_owned());
    }

    /// A request that stands at `uri`, and outside too as far as a callback needs it.
    fn request(&self, uri: &str) -> AuthRequest {
        AuthRequest::new(&self.client, "openid").and("request_uri", uri)
    }

    async fn refused(&self, uri: &str, reason: Reason) {
        let request = self.request(uri);
        assert_back(&get(&self.server, &request).await, &self.server, &request, reason);
        assert_back(&post(&self.server, &request).await, &self.server, &request, reason);
        assert_page(&get(&self.server, &request.without("redirect_uri")).await);
    }
}

fn hash(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes()))
}

async fn metadata(server: &TestServer) -> serde_json::Value {
    server.get("/.well-known/openid-configuration").await.expect(200).json()
}

both_stores! {
    async fn pr_14_a_request_is_fetched_from_where_its_client_registered_it(db: TestDb) {
        let shop = Shop::new(db, true).await;
        let inside = AuthRequest::new(&shop.client, "openid email").set("state", "inside");
        let good = shop.leave(&inside);
        for (path, fetched) in [("/request", "/request"), (&format!("/request#{good}"), "/request"), (&format!("/request#{}", hash("made up")), "/request"), ("/fixed#v1", "/fixed")] {
            let sent = shop.request(&shop.https.url(path)).set("state", "outside").set("scope", "openid");
            let answer = Browser::new(&shop.server).grant(&sent, "alice").await;
            assert_eq!(answer.get("state"), "inside");
            let tokens = Tokens::of(shop.server.redeem(&shop.client, &answer.code(), &inside).await);
            assert_eq!(tokens.json["scope"], "openid email");
            assert_eq!(claims(tokens.id.as_deref().unwrap())["nonce"], "the-nonce");
            let [asked] = &shop.https.requests()[..] else { panic!("one fetch for one request") };
            assert_eq!((asked.path.as_str(), asked.header("cookie")), (fetched, ""));
            assert!(asked.header("accept").contains("application/oauth-authz-req+jwt"));
            shop.https.forget();
        }
        let told = metadata(&shop.server).await;
        assert_eq!((&told["request_uri_parameter_supported"], &told["require_request_uri_registration"]), (&true.into(), &true.into()));
    }

    async fn pr_14_pr_15_while_it_is_off_nothing_is_fetched(db: TestDb) {
        let shop = Shop::new(db, false).await;
        shop.leave(&AuthRequest::new(&shop.client, "openid"));
        shop.refused(&shop.https.url("/request"), Reason::RequestUri).await;
        shop.refused("urn:ietf:params:oauth:request_uri:x", Reason::RequestUri).await;
        assert_eq!(shop.https.hits(), 0);
        let told = metadata(&shop.server).await;
        assert_eq!((&told["request_uri_parameter_supported"], &told["require_request_uri_registration"]), (&false.into(), &false.into()));
    }

    async fn pr_15_an_address_that_is_not_registered_is_never_fetched(db: TestDb) {
        let shop = Shop::new(db, true).await;
        let good = shop.leave(&AuthRequest::new(&shop.client, "openid"));
        let port = shop.https.address.port();
        for uri in [
            shop.https.url("/other"),
            shop.https.url("/request?x=1"),
            shop.https.url("/request/"),
            shop.https.url("/fixed"),
            shop.https.url(&format!("/fixed#{good}")),
            shop.https.url_at("localhost", "/request"),
            format!("http://127.0.0.1:{port}/request"),
            format!("{}#{}", shop.https.url("/request"), "x".repeat(2048)),
            "https://attacker.example/x".to_owned(),
            "urn:ietf:params:oauth:request_uri:6esc_11ACC5bwc014ltc14eY22c".to_owned(),
            "file:///etc/passwd".to_owned(),
        ] {
            shop.refused(&uri, Reason::RequestUriUnregistered).await;
        }
        assert_eq!(shop.https.hits(), 0);
    }

    /// Registered or not: what the guard does not let out is not fetched.
    async fn pr_15_a_registered_address_inside_is_not_reached(db: TestDb) {
        let shop = Shop::new(db, true).await;
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let uris: Vec<String> = ["127.0.0.1", "[::1]", "0.0.0.0", "169.254.169.254", "10.0.0.1", "[::ffff:127.0.0.1]", "[fe80::1]"]
            .iter()
            .map(|host| format!("https://{host}:{port}/r"))
            .chain([format!("http://127.0.0.1:{port}/r")])
            .collect();
        let registered = uris.clone();
        let spec = ClientSpec::web("inside").metadata(|metadata| metadata.request_objects.uris = registered);
        let client = shop.server.add_client(spec).await;
        for uri in uris {
            let request = AuthRequest::new(&client, "openid").and("request_uri", &uri);
            assert_back(&get(&shop.server, &request).await, &shop.server, &request, Reason::RequestUriUnavailable);
        }
        assert!(listener.accept().is_err(), "nobody came");
    }

    async fn an_object_that_is_not_there_or_not_what_was_promised_is_refused(db: TestDb) {
        let shop = Shop::new(db, true).await;
        let uri = shop.https.url("/request");
        shop.leave(&AuthRequest::new(&shop.client, "openid"));
        let object = shop.says.lock().unwrap().1.clone();
        for status in [StatusCode::NOT_FOUND, StatusCode::FOUND, StatusCode::CREATED, StatusCode::INTERNAL_SERVER_ERROR] {
            shop.say(status, &object);
            shop.refused(&uri, Reason::RequestUriUnavailable).await;
        }
        shop.say(StatusCode::OK, &"x".repeat(100_000));
        shop.refused(&uri, Reason::RequestUriUnavailable).await;
        shop.say(StatusCode::OK, &"x".repeat(20_000));
        shop.refused(&uri, Reason::RequestObjectMalformed).await;
        shop.say(StatusCode::OK, "");
        shop.refused(&uri, Reason::RequestObjectMalformed).await;
        let stranger = ClientKey::es256();
        let object = object_of(&shop.server, &AuthRequest::new(&shop.client, "openid"), &shop.client);
        shop.say(StatusCode::OK, &stranger.sign(&object));
        shop.refused(&uri, Reason::RequestObjectUnproven).await;
        shop.https.stop();
        shop.refused(&uri, Reason::RequestUriUnavailable).await;
    }
}
