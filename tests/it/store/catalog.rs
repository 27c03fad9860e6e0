//! What is kept in memory is exactly as old as the database: a change by another process counts from its commit on.

use portcullis::model::api::AccessTokenFormat;
use portcullis::protocol::ids::ClientId;
use portcullis::protocol::signing_alg::SigningAlg;
use portcullis::store::{ApiWrite, ClientWrite, Store};

use super::World;
use crate::support::{TestServer, api, both_stores};

/// The names of the APIs that `store` believes in.
async fn audiences(store: &Store) -> Vec<String> {
    let catalog = store.catalog().await.unwrap();
    catalog.apis.iter().map(|api| api.audience.clone()).collect()
}

both_stores! {
    async fn every_change_of_another_process_is_seen_at_once(db: TestDb) {
        let world = World::new(db).await;
        let other = world.server.db.open().await;
        let (id, now) = (world.client.client_id(), world.now());
        let seen = async || world.store().find_client(&id).await.unwrap();
        assert!(seen().await.client.unwrap().is_enabled());

        for round in 0..100 {
            let enabled = round % 2 == 1;
            assert_eq!(other.set_client_enabled(&id, enabled, now).await.unwrap(), ClientWrite::Done);
            assert_eq!(seen().await.client.unwrap().is_enabled(), enabled, "round {round}");
        }
        let client = other.client(&id).await.unwrap().unwrap();
        let mut metadata = client.metadata.clone();
        metadata.name = "Renamed".to_owned();
        other.update_client(&client, &metadata, now).await.unwrap();
        assert_eq!(seen().await.client.unwrap().metadata.name, "Renamed");
        other.set_logo(&id, "image/png", b"x").await.unwrap();
        assert!(seen().await.client.unwrap().has_logo);
        other.delete_client(&id).await.unwrap();
        assert!(seen().await.client.is_none());
    }

    async fn apis_and_keys_of_another_process_are_seen_at_once(db: TestDb) {
        let server = TestServer::new(db).await;
        let other = server.second_node().await;
        assert!(audiences(server.store()).await.is_empty());
        let settings = api("https://api.example", &["api:read"], AccessTokenFormat::Jwt);
        let id = other.add_api("https://api.example", settings.clone()).await;
        assert_eq!(audiences(server.store()).await, ["https://api.example"]);
        let opaque = api("https://api.example", &["api:read"], AccessTokenFormat::Opaque);
        assert_eq!(other.store().update_api(id, &opaque).await.unwrap(), ApiWrite::Done);
        assert_eq!(server.store().catalog().await.unwrap().apis[0].settings.format, AccessTokenFormat::Opaque);
        assert_eq!(other.store().delete_api(id).await.unwrap(), ApiWrite::Done);
        assert!(audiences(server.store()).await.is_empty());

        assert_eq!(server.store().catalog().await.unwrap().keys.len(), 4);
        portcullis::jobs::keys::rotate(&other.app, SigningAlg::Es256, portcullis::jobs::keys::Handover::After(0)).await.unwrap();
        assert_eq!(server.store().catalog().await.unwrap().keys.len(), 5);
    }

    async fn a_client_that_was_unknown_is_found_once_it_exists(db: TestDb) {
        let world = World::new(db).await;
        let other = world.server.db.open().await;
        let late = ClientId::parse("late").unwrap();
        assert!(world.store().find_client(&late).await.unwrap().client.is_none());
        let mut client = world.stored_client().await;
        client.client_id = late.clone();
        client.secrets.clear();
        assert_eq!(other.insert_client(&client).await.unwrap(), ClientWrite::Done);
        assert!(world.store().find_client(&late).await.unwrap().client.is_some());
    }

    async fn equal_versions_share_one_catalog(db: TestDb) {
        let world = World::new(db).await;
        let first = world.store().catalog().await.unwrap();
        let (_, _) = world.issue(true).await;
        let again = world.store().catalog().await.unwrap();
        assert!(std::sync::Arc::ptr_eq(&first, &again), "a write elsewhere changes nothing here");
    }
}
