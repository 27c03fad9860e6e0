//! Clients, their secrets, origins and pictures.

use portcullis::crypto::opaque::Kind;
use portcullis::model::client::{Client, ClientSecret, SecretVerifier};
use portcullis::protocol::client_auth_method::ClientAuthMethod;
use portcullis::protocol::ids::ClientId;
use portcullis::protocol::redirect_uri::RedirectUri;
use portcullis::store::{ClientWrite, SecretRotation};

use super::{World, fresh};
use crate::support::{ClientSpec, TestServer, both_stores};

impl World {
    fn new_secret(&self) -> ClientSecret {
        ClientSecret {
            sealed: None,
            id: self.server.app.row_key(self.now()),
            verifier: SecretVerifier::Digest(fresh(Kind::ClientSecret)),
            created_at: self.now(),
            expires_at: None,
        }
    }

    async fn rotate_from(&self, client: &Client) -> (ClientWrite, ClientSecret) {
        let secret = self.new_secret();
        let overlap_until = self.now().plus(60);
        let rotation = SecretRotation {
            client,
            secret: &secret,
            overlap_until,
        };
        (self.store().rotate_secret(&rotation).await.unwrap(), secret)
    }
}

both_stores! {
    async fn a_client_comes_back_as_stored_and_names_are_unique(db: TestDb) {
        let world = World::new(db).await;
        let stored = world.stored_client().await;
        assert_eq!((stored.revision, stored.has_logo, stored.disabled_at), (1, false, None));
        assert_eq!(stored.metadata.name, "The shop app");
        assert_eq!(stored.secrets.len(), 1);
        assert_eq!(world.store().insert_client(&stored).await.unwrap(), ClientWrite::Taken);
        world.server.add_client(ClientSpec::public("app")).await;
        let ids: Vec<_> = world.store().clients().await.unwrap().into_iter().map(|client| client.client_id.to_string()).collect();
        assert_eq!(ids, ["app", "shop"]);
        assert!(world.store().client(&ClientId::parse("nobody").unwrap()).await.unwrap().is_none());
    }

    async fn a_refused_insert_leaves_nothing_behind(db: TestDb) {
        let world = World::new(db).await;
        let mut twin = world.stored_client().await;
        twin.secrets = vec![world.new_secret()];
        assert_eq!(world.store().insert_client(&twin).await.unwrap(), ClientWrite::Taken);
        assert_eq!(world.stored_client().await.secrets.len(), 1);
    }

    async fn of_two_editors_the_second_is_told(db: TestDb) {
        let world = World::new(db).await;
        let seen = world.stored_client().await;
        let mut metadata = seen.metadata.clone();
        metadata.name = "First".to_owned();
        assert_eq!(world.store().update_client(&seen, &metadata, world.now()).await.unwrap(), ClientWrite::Done);
        metadata.name = "Second".to_owned();
        assert_eq!(world.store().update_client(&seen, &metadata, world.now()).await.unwrap(), ClientWrite::Conflict);
        let after = world.stored_client().await;
        assert_eq!((after.metadata.name.as_str(), after.revision), ("First", 2));
    }

    async fn a_client_that_becomes_public_loses_its_secrets(db: TestDb) {
        let world = World::new(db).await;
        let seen = world.stored_client().await;
        let mut metadata = seen.metadata.clone();
        metadata.auth_methods = vec![ClientAuthMethod::None];
        world.store().update_client(&seen, &metadata, world.now()).await.unwrap();
        assert!(world.stored_client().await.secrets.is_empty());
    }

    async fn origins_follow_redirect_uris_and_disabling(db: TestDb) {
        let world = World::new(db).await;
        let known = async |origin| world.store().knows_origin(origin).await.unwrap();
        assert!(known("https://shop.example").await);
        assert!(!known("https://other.example").await);
        let seen = world.stored_client().await;
        let mut metadata = seen.metadata.clone();
        metadata.redirect_uris = vec![RedirectUri::register("https://other.example/cb").unwrap()];
        world.store().update_client(&seen, &metadata, world.now()).await.unwrap();
        assert!(!known("https://shop.example").await);
        assert!(known("https://other.example").await);
        let id = world.client.client_id();
        world.store().set_client_enabled(&id, false, world.now()).await.unwrap();
        assert!(!known("https://other.example").await);
        world.store().set_client_enabled(&id, true, world.now()).await.unwrap();
        assert!(known("https://other.example").await);
    }

    async fn writes_on_no_client_say_so(db: TestDb) {
        let world = World::new(db).await;
        let nobody = ClientId::parse("nobody").unwrap();
        let (store, now) = (world.store(), world.now());
        assert_eq!(store.set_client_enabled(&nobody, false, now).await.unwrap(), ClientWrite::NotFound);
        assert_eq!(store.delete_client(&nobody).await.unwrap(), ClientWrite::NotFound);
        let mut ghost = world.stored_client().await;
        ghost.client_id = nobody;
        assert_eq!(world.rotate_from(&ghost).await.0, ClientWrite::NotFound);
    }

    async fn two_secrets_are_live_at_most(db: TestDb) {
        let world = World::new(db).await;
        let first = world.stored_client().await.secrets[0].id;
        let (outcome, second) = world.rotate_from(&world.stored_client().await).await;
        assert_eq!(outcome, ClientWrite::Done);
        let client = world.stored_client().await;
        let ids = |client: &Client| client.live_secrets(world.now()).map(|secret| secret.id).collect::<Vec<_>>();
        let mut live = ids(&client);
        live.sort_unstable();
        let mut expected = [first, second.id];
        expected.sort_unstable();
        assert_eq!(live, expected);
        assert_eq!(client.live_secrets(world.now().plus(60)).count(), 1);

        let (outcome, third) = world.rotate_from(&client).await;
        assert_eq!(outcome, ClientWrite::Done, "a second rotation within the same second sees the newest secret");
        let client = world.stored_client().await;
        assert_eq!(client.secrets.len(), 2);
        assert!(ids(&client).contains(&third.id) && ids(&client).contains(&second.id));
    }

    async fn a_rotation_over_an_unseen_secret_is_a_conflict(db: TestDb) {
        let world = World::new(db).await;
        let seen = world.stored_client().await;
        assert_eq!(world.rotate_from(&seen).await.0, ClientWrite::Done);
        world.server.advance(1);
        let (outcome, lost) = world.rotate_from(&seen).await;
        assert_eq!(outcome, ClientWrite::Conflict);
        assert!(world.stored_client().await.secrets.iter().all(|secret| secret.id != lost.id));
    }

    async fn a_password_as_secret_comes_back(db: TestDb) {
        let server = TestServer::new(db).await;
        let web = server.add_client(ClientSpec::web("shop")).await;
        let mut other = server.store().client(&web.client_id()).await.unwrap().unwrap();
        other.client_id = ClientId::parse("other").unwrap();
        other.secrets[0].id = server.app.row_key(server.app.clock().now());
        other.secrets[0].verifier = SecretVerifier::Password("$argon2id$…".to_owned());
        assert_eq!(server.store().insert_client(&other).await.unwrap(), ClientWrite::Done);
        let found = server.store().client(&other.client_id).await.unwrap().unwrap();
        assert_eq!(found.secrets, other.secrets);
    }

    async fn a_picture_is_stored_and_replaced(db: TestDb) {
        let world = World::new(db).await;
        let id = world.client.client_id();
        assert!(world.store().logo(&id).await.unwrap().is_none());
        world.store().set_logo(&id, "image/png", b"one").await.unwrap();
        world.store().set_logo(&id, "image/webp", b"two").await.unwrap();
        assert_eq!(world.store().logo(&id).await.unwrap(), Some(("image/webp".to_owned(), b"two".to_vec())));
        assert!(world.stored_client().await.has_logo);
    }
}
