//! The server as it is in production, but for its clock, over a test's database.

use std::ops::Deref;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::Method;
use portcullis::app::App;
use portcullis::config::{Config, Span};
use portcullis::crypto::keys::generate;
use portcullis::crypto::random;
use portcullis::crypto::seal::MasterKey;
use portcullis::model::audit_event::AuditEntry;
use portcullis::model::signing_key::SigningKey;
use portcullis::protocol::signing_alg::SigningAlg;
use portcullis::router::front;
use portcullis::store::{AuditFilter, Predecessors, Store};
use portcullis::time::Clock;
use tokio::sync::OnceCell;
use tower::ServiceExt as _;

use super::db::TestDb;
use super::http::TestRequest;

/// One node. Clones are the same node.
#[derive(Clone)]
pub struct TestServer(Arc<Node>);

/// What [`TestServer`] derefs to.
pub struct Node {
    pub app: App,
    pub router: Router,
    pub db: Arc<TestDb>,
}

impl Deref for TestServer {
    type Target = Node;

    fn deref(&self) -> &Node {
        &self.0
    }
}

/// The issuer unless a test names another.
const ISSUER: &str = "https://id.example";

impl TestServer {
    /// With default settings at `https://id.example`.
    pub async fn new(db: TestDb) -> Self {
        Self::with(db, |_| {}).await
    }

    /// With changed settings.
    pub async fn with(db: TestDb, change: impl FnOnce(&mut Config)) -> Self {
        Self::at(db, ISSUER, change).await
    }

    /// At another issuer: `http://localhost:8080` has cookies without `Secure`, `https://id.example/tenant` has a path.
    pub async fn at(db: TestDb, issuer: &str, change: impl FnOnce(&mut Config)) -> Self {
        let server = Self::without_keys(db, issuer, change).await;
        for key in signing_keys().await {
            server
                .store()
                .insert_key(
                    key,
                    Predecessors::Retire {
                        gone_at: key.created_at,
                    },
                )
                .await
                .unwrap();
        }
        server
    }

    /// As it is before its first start.
    pub async fn without_keys(db: TestDb, issuer: &str, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::with_defaults(issuer.parse().unwrap());
        config.passwords.memory_kib = 8;
        config.passwords.iterations = 1;
        change(&mut config);
        config.check().unwrap();
        Self::node(Arc::new(db), config, Clock::fixed(Clock::System.now())).await
    }

    /// Another node over the same database and clock, with connections and caches of its own.
    pub async fn second_node(&self) -> Self {
        Self::node(self.db.clone(), self.app.config().clone(), self.app.clock().clone()).await
    }

    /// Another node over `store`, with changed settings: behind a wire that can be cut, or with little patience.
    pub fn over(&self, store: Store, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = self.app.config().clone();
        change(&mut config);
        Self::with_store(self.db.clone(), store, config, self.app.clock().clone())
    }

    /// Another node over the same store and clock, with another master key.
    pub fn under(&self, master: MasterKey) -> Self {
        let (config, store) = (self.app.config().clone(), self.store().clone());
        let app = App::new(config, store, self.app.clock().clone(), master).unwrap();
        let router = through_the_front(&app);
        let db = self.db.clone();
        Self(Arc::new(Node { app, router, db }))
    }

    /// Another node over the same database, whose clock is ahead by `seconds` (or behind) and moves on its own.
    pub async fn with_clock_ahead(&self, seconds: i64) -> Self {
        let clock = Clock::fixed(self.app.clock().now().plus(seconds));
        Self::node(self.db.clone(), self.app.config().clone(), clock).await
    }

    /// The same node, with its database at another address for those who look past the node.
    pub fn beside(&self, db: TestDb) -> Self {
        let (app, router) = (self.app.clone(), self.router.clone());
        let db = Arc::new(db);
        Self(Arc::new(Node { app, router, db }))
    }

    /// A balancer without memory before these nodes: each request goes to any of them.
    pub fn any_of(nodes: &[Self]) -> Self {
        let routers: Vec<_> = nodes.iter().map(|node| node.router.clone()).collect();
        let balance = move |request: Request| {
            let [draw] = random::bytes::<1>();
            routers[usize::from(draw) % routers.len()].clone().oneshot(request)
        };
        nodes[0].through(Router::new().fallback(balance))
    }

    /// The same node, its requests answered by `router`.
    pub fn through(&self, router: Router) -> Self {
        Self(Arc::new(Node {
            app: self.app.clone(),
            router,
            db: self.db.clone(),
        }))
    }

    async fn node(db: Arc<TestDb>, config: Config, clock: Clock) -> Self {
        let store = db.open().await;
        Self::with_store(db, store, config, clock)
    }

    fn with_store(db: Arc<TestDb>, store: Store, config: Config, clock: Clock) -> Self {
        let app = App::new(config, store, clock, master_key()).unwrap();
        let router = through_the_front(&app);
        Self(Arc::new(Node { app, router, db }))
    }

    /// Its database.
    pub fn store(&self) -> &Store {
        self.app.store()
    }

    /// Everything in the audit trail, in order, with what this node has yet to store.
    pub async fn audit_trail(&self) -> Vec<AuditEntry> {
        portcullis::jobs::audit::flush(&self.app).await.unwrap();
        let all = AuditFilter::default();
        self.store().audit_events_after(&all, 0, i64::MAX).await.unwrap()
    }

    /// Moves the clock of all nodes.
    pub fn advance(&self, seconds: i64) {
        self.app.clock().advance(seconds);
    }

    /// A GET; sent by `.await`.
    pub fn get(&self, path: &str) -> TestRequest {
        self.request(Method::GET, path)
    }

    /// A form; sent by `.await`.
    pub fn post_form(&self, path: &str, fields: &[(&str, &str)]) -> TestRequest {
        self.request(Method::POST, path).form(fields)
    }

    /// Any request; sent by `.await`.
    pub fn request(&self, method: Method, path: &str) -> TestRequest {
        TestRequest::new(&self.router, method, path)
    }
}

/// The same for all tests, so that the keys below can be in every database.
fn master_key() -> MasterKey {
    MasterKey::new([7; 32])
}

/// One key of each algorithm, made once: an RSA key takes a good part of a second.
async fn signing_keys() -> &'static [SigningKey] {
    static KEYS: OnceCell<Vec<SigningKey>> = OnceCell::const_new();
    let make = async || {
        let now = Clock::System.now();
        let make = move |alg: &SigningAlg| {
            let key = generate(*alg).unwrap();
            SigningKey {
                kid: key.kid.clone(),
                alg: *alg,
                generation: 1,
                sealed_private: key.seal(&master_key()),
                public_jwk: key.public_jwk,
                created_at: now,
                active_from: now,
                retires_at: None,
                gone_at: None,
                revoked_at: None,
            }
        };
        let all = move || SigningAlg::ALL.iter().map(make).collect();
        tokio::task::spawn_blocking(all).await.unwrap()
    };
    KEYS.get_or_init(make).await
}

/// Short for settings in seconds.
pub fn seconds(seconds: u32) -> Span {
    Span::from_secs(seconds)
}

/// As the server itself: what it keeps ready is in front of its routes.
fn through_the_front(app: &App) -> Router {
    Router::new().fallback_service(front(app))
}
