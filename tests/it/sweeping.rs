//! Sweeping keeps every table bounded: under the same load every day, each table is as long after twice as many days.

use std::collections::{BTreeMap, BTreeSet};

use portcullis::config::RegistrationMode;
use portcullis::crypto::opaque::{Kind, OpaqueToken};
use portcullis::jobs;
use portcullis::model::api::AccessTokenFormat;
use portcullis::model::client::{ClientSecret, KeySource, LogoutChannel, SecretVerifier};
use portcullis::protocol::client_auth_method::ClientAuthMethod;
use portcullis::protocol::signing_alg::SigningAlg;
use portcullis::store::{ClientWrite, SecretRotation, table_columns};

use crate::support::assertion::ClientKey;
use crate::support::{AuthRequest, Browser, ClientSpec, TestClient, TestServer, Tokens, api, both_stores, seconds};

const DAY: u32 = 86_400;
/// Longer than anything lives under the settings of the test.
const SETTLED: usize = 5;

/// Every table of the schema, and whether the load of a day fills it.
const TABLES: &[(&str, Growth)] = &[
    ("access_token", Growth::Swept),
    ("audit_event", Growth::Swept),
    ("browser_session", Growth::Swept),
    ("client", Growth::Swept),
    ("client_assertion", Growth::Swept),
    ("client_origin", Growth::Swept),
    ("client_registration", Growth::Swept),
    ("client_secret", Growth::Swept),
    ("code", Growth::Swept),
    ("device_grant", Growth::Swept),
    ("device_visit", Growth::Swept),
    ("grants", Growth::Swept),
    ("initial_access_token", Growth::Swept),
    ("interaction", Growth::Swept),
    ("logout_notice", Growth::Swept),
    ("refresh_token", Growth::Swept),
    ("revoked_jwt", Growth::Swept),
    ("session_client", Growth::Swept),
    ("signing_key", Growth::Swept),
    ("throttle", Growth::Swept),
    ("web_session", Growth::Swept),
    ("api", Growth::ByHand("one row for each API that an operator registers")),
    ("catalog_version", Growth::ByHand("one row")),
    (
        "catalog_reader",
        Growth::ByHand("one row for each node; one that is not heard of is forgotten by the next change"),
    ),
    ("client_logo", Growth::ByHand("one picture for each client")),
    (
        "consent",
        Growth::ByHand("one row for each user and client, replaced by the next answer"),
    ),
    ("users", Growth::ByHand("one row for each account")),
    (
        "standing_change",
        Growth::Held("store::standing_feed::who_has_missed_changes_forgets_everything"),
    ),
];

#[derive(Clone, Copy)]
enum Growth {
    /// Rows come with every day and go by themselves.
    Swept,
    /// Grows with accounts and registrations only, for this reason.
    ByHand(&'static str),
    /// Rows go by themselves when transactions are over, those of other tests, too: this test holds it.
    Held(&'static str),
}

struct World {
    server: TestServer,
    shop: TestClient,
    batch: TestClient,
    jwt_only: TestClient,
    tv: TestClient,
    robot: ClientKey,
}

impl World {
    async fn new(db: crate::support::TestDb) -> Self {
        let server = TestServer::with(db, |config| {
            config.tokens.refresh_idle_lifetime = seconds(DAY);
            config.tokens.refresh_absolute_lifetime = seconds(2 * DAY);
            config.sessions.idle_timeout = seconds(DAY);
            config.sessions.absolute_timeout = seconds(2 * DAY);
            config.keys.retirement = seconds(DAY);
            config.audit.retention = seconds(DAY);
            config.registration.mode = RegistrationMode::Token;
            config.registration.unused_lifetime = seconds(DAY);
            config.sweep.batch = 3;
        })
        .await;
        let opaque = |audience: &str, scope: &str| api(audience, &[scope], AccessTokenFormat::Opaque);
        server
            .add_api("https://api.example", opaque("https://api.example", "api:read"))
            .await;
        server
            .add_api("https://jobs.example", opaque("https://jobs.example", "jobs:run"))
            .await;
        server.alice().await;
        Self {
            shop: server
                .add_client(ClientSpec::web("shop").metadata(|client| {
                    // Nobody is there: it is tried until it is given up.
                    client.logout.backchannel = Some(LogoutChannel {
                        uri: "https://127.0.0.1:1/signed-out".to_owned(),
                        session_required: true,
                    });
                }))
                .await,
            batch: server
                .add_client(ClientSpec::service("batch").metadata(|client| {
                    client.scope = crate::support::scope("jobs:run");
                }))
                .await,
            tv: server.add_client(ClientSpec::device("tv")).await,
            robot: {
                let key = ClientKey::es256();
                let keys = KeySource::Jwks(key.jwks());
                let robot = ClientSpec::service("robot").metadata(|client| {
                    client.auth_methods = vec![ClientAuthMethod::PrivateKeyJwt];
                    client.keys = Some(keys);
                });
                server.add_client(robot).await;
                key
            },
            jwt_only: server.add_client(ClientSpec::web("jwt").trusted()).await,
            server,
        }
    }

    async fn day(&mut self) {
        self.load().await;
        for _ in 0..2 {
            self.server.advance(i64::from(DAY) / 2);
            jobs::backchannel_logout::once(&self.server.app).await.unwrap();
            jobs::audit::flush(&self.server.app).await.unwrap();
            jobs::sweep::once(&self.server.app).await.unwrap();
        }
    }

    /// What happens on every day.
    async fn load(&mut self) {
        let (server, shop) = (&self.server, self.shop.clone());
        for _ in 0..2 {
            // An opaque access token, and a family that is refreshed.
            let tokens = server.code_flow(&shop, "openid offline_access api:read").await;
            let tokens = Tokens::of(server.refresh(&shop, tokens.refresh()).await);
            Tokens::of(server.refresh(&shop, tokens.refresh()).await);
        }
        let revoked = server.code_flow(&shop, "openid offline_access api:read").await;
        server.revoke(&shop, revoked.refresh()).await.expect(200);
        let revoked = server.code_flow(&self.jwt_only, "openid").await;
        server.revoke(&self.jwt_only, &revoked.access).await.expect(200);
        // A code that nobody redeems, a request that nobody answers, a browser that only looks.
        server.code(&shop, "openid").await;
        let mut abandoned = Browser::new(server);
        abandoned.authorize(&AuthRequest::new(&shop, "openid")).await.page();
        Browser::new(server).open("/login").await.page();
        let mut leaving = Browser::new(server);
        leaving.grant(&AuthRequest::new(&shop, "openid"), "alice").await.code();
        leaving.open("/logout").await.page();
        leaving.submit(&[]).await.page();
        // A device that nobody allows, though somebody enters its code.
        let device = server.start_device(&self.tv, "openid").await;
        Browser::new(server).enter_code(&device.user_code).await;
        let mut guessing = Browser::new(server);
        guessing.open("/login").await.page();
        guessing.sign_in("alice", "not her password").await.page();
        for _ in 0..3 {
            server.client_credentials(&self.batch).await.expect(200);
        }
        let assertion = self.robot.sign(&server.assertion_claims("robot"));
        let robot = server.post_asserting("/revoke", &assertion, &[("token", "x")]).await;
        robot.expect(200);
        jobs::keys::rotate(&server.app, SigningAlg::EdDsa, jobs::keys::Handover::After(0))
            .await
            .unwrap();
        // A client that registers itself, and is not seen again.
        let (_, token) = crate::registration::initial_token(server, Some(1), Some(60)).await;
        let registration = crate::registration::post(server, &crate::registration::web());
        registration.bearer(token.expose()).await.expect(201);
        self.rotate_secret().await;
        jobs::backchannel_logout::once(&self.server.app).await.unwrap();
        jobs::audit::flush(&self.server.app).await.unwrap();
    }

    async fn rotate_secret(&mut self) {
        let (server, now) = (&self.server, self.server.app.clock().now());
        let client = server.store().client(&self.shop.client_id()).await.unwrap().unwrap();
        let token = OpaqueToken::generate(Kind::ClientSecret);
        let secret = ClientSecret {
            sealed: None,
            id: server.app.row_key(now),
            verifier: SecretVerifier::Digest(token.digest()),
            created_at: now,
            expires_at: None,
        };
        let rotation = SecretRotation {
            client: &client,
            secret: &secret,
            overlap_until: now.plus(3600),
        };
        assert_eq!(
            server.store().rotate_secret(&rotation).await.unwrap(),
            ClientWrite::Done
        );
        self.shop.secret = Some(token.expose().to_owned());
    }

    async fn rows(&self) -> BTreeMap<&'static str, i64> {
        let mut raw = self.server.db.raw().await;
        let mut rows = BTreeMap::new();
        for (table, _) in TABLES {
            rows.insert(*table, raw.number(&format!("SELECT count(*) FROM {table}")).await);
        }
        rows
    }

    /// Pages of the SQLite file; 0 elsewhere.
    async fn pages(&self) -> i64 {
        if self.server.db.is_postgres() {
            return 0;
        }
        self.server.db.raw().await.number("PRAGMA page_count").await
    }
}

both_stores! {
    /// A new table comes with a line above that says why it does not grow without end.
    async fn every_table_is_listed(db: TestDb) {
        let columns = table_columns(&db.open().await).await.unwrap();
        let tables: BTreeSet<_> = columns.iter().filter_map(|column| column.split('.').next()).collect();
        let listed: BTreeSet<_> = TABLES.iter().map(|(table, _)| *table).collect();
        assert_eq!(tables, listed, "tests/it/sweeping.rs names every table: rows that come by themselves must go by themselves");
    }

    async fn no_table_grows_with_the_days(db: TestDb) {
        let mut world = World::new(db).await;
        for _ in 0..SETTLED {
            world.day().await;
        }
        let (rows, pages) = (world.rows().await, world.pages().await);
        for _ in 0..SETTLED {
            world.day().await;
        }
        let (later_rows, later_pages) = (world.rows().await, world.pages().await);
        for (table, growth) in TABLES {
            if let Growth::Held(test) = growth {
                assert!(!test.is_empty());
                continue;
            }
            assert_eq!(later_rows[table], rows[table], "{table} after {} days and after {SETTLED}", 2 * SETTLED);
            if let Growth::ByHand(why) = growth {
                assert!(!why.is_empty());
            }
        }
        // What is swept is given to new rows: at most a page or two of difference in how they happen to lie.
        assert!(later_pages <= pages + pages / 20 + 2, "the file has {later_pages} pages, and had {pages}");

        // And it all goes when the load ends: what is left are the keys, and the newest secret of each client.
        world.server.advance(i64::from(DAY));
        jobs::backchannel_logout::once(&world.server.app).await.unwrap();
        jobs::audit::flush(&world.server.app).await.unwrap();
        world.server.advance(2 * i64::from(DAY));
        jobs::sweep::once(&world.server.app).await.unwrap();
        let left = world.rows().await;
        for (table, _) in TABLES.iter().filter(|(_, growth)| matches!(growth, Growth::Swept)) {
            let stays = match *table {
                "signing_key" => i64::try_from(SigningAlg::ALL.len()).unwrap(),
                // Two services, and two of the client whose secret was rotated: one has ended and waits for the next.
                "client_secret" => 4,
                // Those of the operator, and where two of them answer.
                "client" => 5,
                "client_origin" => 2,
                _ => 0,
            };
            assert_eq!(left[table], stays, "{table}");
        }
    }

    /// The load reaches what it is meant to fill.
    async fn a_day_fills_every_table_that_is_swept(db: TestDb) {
        let mut world = World::new(db).await;
        let before = world.rows().await;
        world.load().await;
        let after = world.rows().await;
        for (table, _) in TABLES.iter().filter(|(_, growth)| matches!(growth, Growth::Swept)) {
            assert!(after[table] > before[table], "{table}");
        }
    }
}
