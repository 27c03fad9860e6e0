//! Nodes that watch answer from memory, and never from what was before a change that has been made.

use std::time::{Duration, Instant};

use portcullis::config::Secret;
use portcullis::jobs::{catalog_watch, keys};
use portcullis::model::api::AccessTokenFormat;
use portcullis::model::client::SecretVerifier;
use portcullis::protocol::ids::ClientId;
use portcullis::protocol::signing_alg::SigningAlg;
use portcullis::store::{ApiWrite, CatalogPace, ClientWrite, SecretRotation, Store, StoreOptions, counted};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::support::{ClientSpec, TestDb, TestServer, Wire, api};

/// As in production, but quicker to look again.
const PACE: CatalogPace = CatalogPace {
    beat: Duration::from_millis(500),
    lease: Duration::from_secs(3),
};

/// A node's watch.
struct Watch {
    stop: CancellationToken,
    running: JoinHandle<()>,
}

impl Watch {
    fn on(node: &TestServer, pace: CatalogPace) -> Self {
        let stop = CancellationToken::new();
        let running = tokio::spawn(catalog_watch::run(node.app.clone(), pace, stop.clone()));
        Self { stop, running }
    }

    async fn stop(self) {
        self.stop.cancel();
        self.running.await.unwrap();
    }
}

/// How many statements it takes to find the client.
async fn cost(node: &TestServer, id: &ClientId) -> u32 {
    let (found, queries) = counted(node.app.metrics(), node.store().find_client(id)).await;
    found.unwrap();
    queries.count
}

/// Returns once the node answers from memory.
async fn settle(node: &TestServer, id: &ClientId) {
    let started = Instant::now();
    while cost(node, id).await > 0 {
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "it never counts on anything"
        );
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_disabled_on_one_node_is_refused_by_the_next_request_to_another() {
    let Some(db) = TestDb::postgres().await else { return };
    let (here, now) = {
        let server = TestServer::new(db).await;
        let now = server.app.clock().now();
        (server, now)
    };
    let there = here.second_node().await;
    let command = here.db.open().await;
    let batch = here.add_client(ClientSpec::service("batch")).await;
    let id = batch.client_id();
    let watches = [Watch::on(&here, PACE), Watch::on(&there, PACE)];
    for round in 0..200 {
        settle(&there, &id).await;
        // In turn: another node, and a process that watches nothing, as the command line is.
        let writer = if round % 2 == 0 { here.store() } else { &command };
        assert_eq!(
            writer.set_client_enabled(&id, false, now).await.unwrap(),
            ClientWrite::Done
        );
        there
            .client_credentials(&batch)
            .await
            .expect_error(401, "invalid_client");
        here.client_credentials(&batch)
            .await
            .expect_error(401, "invalid_client");
        assert_eq!(
            writer.set_client_enabled(&id, true, now).await.unwrap(),
            ClientWrite::Done
        );
        there.client_credentials(&batch).await.expect(200);
        here.client_credentials(&batch).await.expect(200);
    }
    for watch in watches {
        watch.stop().await;
    }
    assert!(cost(&there, &id).await > 0, "who does not watch asks");
    let mut raw = here.db.raw().await;
    let left = "SELECT count(*) FROM catalog_reader WHERE seen <> 9223372036854775807";
    assert_eq!(raw.number(left).await, 0, "who stops says so");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_change_counts_in_the_next_request_to_another_node() {
    let Some(db) = TestDb::postgres().await else { return };
    let here = TestServer::new(db).await;
    let there = here.second_node().await;
    let batch = here.add_client(ClientSpec::service("batch")).await;
    let id = batch.client_id();
    let now = here.app.clock().now();
    let watches = [Watch::on(&here, PACE), Watch::on(&there, PACE)];

    for round in 0..20 {
        settle(&there, &id).await;
        let audience = format!("https://api{round}.example");
        let settings = api(&audience, &["api:read"], AccessTokenFormat::Jwt);
        let api = here.add_api(&audience, settings).await;
        let known = async || there.store().catalog().await.unwrap().apis.len();
        assert_eq!(known().await, 1);
        settle(&there, &id).await;
        assert_eq!(here.store().delete_api(api).await.unwrap(), ApiWrite::Done);
        assert_eq!(known().await, 0);

        settle(&there, &id).await;
        let before = there.store().catalog().await.unwrap().keys.len();
        keys::rotate(&here.app, SigningAlg::EdDsa, keys::Handover::After(0))
            .await
            .unwrap();
        assert_eq!(there.store().catalog().await.unwrap().keys.len(), before + 1);

        settle(&there, &id).await;
        let client = here.store().client(&id).await.unwrap().unwrap();
        let mut metadata = client.metadata.clone();
        metadata.name = format!("Renamed {round}");
        here.store().update_client(&client, &metadata, now).await.unwrap();
        let found = there.store().find_client(&id).await.unwrap().client.unwrap();
        assert_eq!(found.metadata.name, metadata.name);
    }

    settle(&there, &id).await;
    let client = here.store().client(&id).await.unwrap().unwrap();
    let mut secret = client.secrets[0].clone();
    secret.id = here.app.row_key(now);
    secret.verifier = SecretVerifier::Password("$argon2id$other".to_owned());
    let rotation = SecretRotation {
        client: &client,
        secret: &secret,
        overlap_until: now,
    };
    assert_eq!(here.store().rotate_secret(&rotation).await.unwrap(), ClientWrite::Done);
    there
        .client_credentials(&batch)
        .await
        .expect_error(401, "invalid_client");

    settle(&there, &id).await;
    assert_eq!(here.store().delete_client(&id).await.unwrap(), ClientWrite::Done);
    assert!(there.store().find_client(&id).await.unwrap().client.is_none());
    for watch in watches {
        watch.stop().await;
    }
}

/// A pooler that lends connections by the transaction passes no notifications on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_notifications_a_change_waits_for_the_next_beat_and_is_as_exact() {
    let Some(db) = TestDb::postgres().await else { return };
    let here = TestServer::new(db).await;
    let there = here.second_node().await;
    let batch = here.add_client(ClientSpec::service("batch")).await;
    let (id, now) = (batch.client_id(), here.app.clock().now());
    let mut raw = here.db.raw().await;
    raw.run("DROP TRIGGER catalog_version_changed ON catalog_version").await;
    let beat = Duration::from_millis(100);
    let watch = Watch::on(&there, CatalogPace { beat, ..PACE });
    for round in 0..10 {
        settle(&there, &id).await;
        let enabled = round % 2 == 1;
        here.store().set_client_enabled(&id, enabled, now).await.unwrap();
        let found = there.store().find_client(&id).await.unwrap().client.unwrap();
        assert_eq!(found.is_enabled(), enabled, "round {round}");
    }
    watch.stop().await;
}

/// Whoever changes a row by hand waits for nobody, and is heard of.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_by_hand_is_heard_of_before_the_next_beat() {
    let Some(db) = TestDb::postgres().await else { return };
    let node = TestServer::new(db).await;
    let batch = node.add_client(ClientSpec::service("batch")).await;
    let beat = Duration::from_secs(3600);
    // So long a lease is cut to the longest that there is.
    let watch = Watch::on(&node, CatalogPace { beat, lease: beat });
    settle(&node, &batch.client_id()).await;
    let started = Instant::now();
    node.db.raw().await.run("UPDATE client SET disabled_at = 1").await;
    while node.client_credentials(&batch).await.status == 200 {
        assert!(started.elapsed() < Duration::from_secs(2), "it was not heard of");
    }
    watch.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_hangs_is_waited_for_no_longer_than_it_counts_on_its_memory() {
    let Some(db) = TestDb::postgres().await else { return };
    let here = TestServer::new(db).await;
    let batch = here.add_client(ClientSpec::service("batch")).await;
    let (id, now) = (batch.client_id(), here.app.clock().now());
    let wire = Wire::to(here.db.url()).await;
    let options = StoreOptions {
        url: Secret::new(wire.url().to_owned()),
        max_connections: 2,
        acquire_timeout: 1,
        statement_timeout: 1,
        create: false,
    };
    let there = here.over(Store::open(&options).await.unwrap(), |_| {});
    let beat = PACE.lease;
    let watch = Watch::on(&there, CatalogPace { beat, ..PACE });
    settle(&there, &id).await;
    // A node that looks again after the change is rightly waited for once more: this one has looked, and does not soon.
    let mut raw = here.db.raw().await;
    let behind = "SELECT count(*) FROM catalog_reader r, catalog_version v WHERE r.seen < v.version";
    while raw.number(behind).await > 0 {
        tokio::task::yield_now().await;
    }

    wire.go_dead();
    there.client_credentials(&batch).await.expect(200);
    let started = Instant::now();
    here.store().set_client_enabled(&id, false, now).await.unwrap();
    let waited = started.elapsed();
    assert!(waited > Duration::from_secs(1), "it was not waited for: {waited:?}");
    assert!(waited < Duration::from_millis(3500), "{waited:?}");
    there.client_credentials(&batch).await.expect(503);

    // It is forgotten: the next change waits for nobody.
    let started = Instant::now();
    here.store().set_client_enabled(&id, true, now).await.unwrap();
    here.store().set_client_enabled(&id, false, now).await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());

    wire.cut();
    wire.mend();
    let mended = Instant::now();
    while there.store().ping().await.is_err() {
        assert!(mended.elapsed() < Duration::from_secs(20));
    }
    there
        .client_credentials(&batch)
        .await
        .expect_error(401, "invalid_client");
    settle(&there, &id).await;
    here.store().set_client_enabled(&id, true, now).await.unwrap();
    there.client_credentials(&batch).await.expect(200);
    watch.stop().await;
}

/// A crash empties the table that tells who counts on what, and so does a standby that takes over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_crash_the_first_change_waits_for_those_that_cannot_be_seen() {
    let Some(db) = TestDb::postgres().await else { return };
    let here = TestServer::new(db).await;
    let there = here.second_node().await;
    let batch = here.add_client(ClientSpec::service("batch")).await;
    let (id, now) = (batch.client_id(), here.app.clock().now());
    let beat = Duration::from_secs(3600);
    let watch = Watch::on(&there, CatalogPace { beat, ..PACE });
    settle(&there, &id).await;
    let mut raw = here.db.raw().await;
    raw.run("DROP TRIGGER catalog_version_changed ON catalog_version").await;
    raw.run("TRUNCATE catalog_reader").await;

    there.client_credentials(&batch).await.expect(200);
    let started = Instant::now();
    here.store().set_client_enabled(&id, false, now).await.unwrap();
    assert!(started.elapsed() > Duration::from_secs(3), "{:?}", started.elapsed());
    there
        .client_credentials(&batch)
        .await
        .expect_error(401, "invalid_client");
    let started = Instant::now();
    here.store().set_client_enabled(&id, true, now).await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    watch.stop().await;
}

/// A hundred thousand clients may ask: not all of them are kept.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_holds_a_bounded_number_of_clients() {
    let server = TestServer::new(TestDb::sqlite().await).await;
    let batch = server.add_client(ClientSpec::service("batch")).await;
    let mut raw = server.db.raw().await;
    raw.run(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
        INSERT INTO client SELECT 'copy' || i, revision, metadata, created_at, updated_at, disabled_at FROM client, n",
    )
    .await;
    let copy = |number: u32| ClientId::parse(&format!("copy{number}")).unwrap();
    let mut found = 0;
    for number in 1..=5000 {
        found += u32::from(
            server
                .store()
                .find_client(&copy(number))
                .await
                .unwrap()
                .client
                .is_some(),
        );
    }
    assert_eq!(found, 5000);
    let mut kept = 0;
    for number in (1..=5000).rev() {
        kept += u32::from(cost(&server, &copy(number)).await == 0);
    }
    assert!((1000..4300).contains(&kept), "{kept} are kept");
    server.client_credentials(&batch).await.expect(200);
}
