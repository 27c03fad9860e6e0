//! Signing keys and APIs.

use portcullis::jobs::keys::{Handover, ensure, rotate};
use portcullis::model::api::{AccessTokenFormat, Api, ApiId};
use portcullis::model::signing_key::{KeyState, SigningKey};
use portcullis::protocol::signing_alg::SigningAlg;
use portcullis::store::{ApiWrite, KeyWrite, Predecessors};
use uuid::Uuid;

use crate::support::{TestServer, api, both_stores};

impl TestServer {
    async fn keys_of(&self, alg: SigningAlg) -> Vec<SigningKey> {
        let keys = self.store().signing_keys().await.unwrap();
        keys.into_iter().filter(|key| key.alg == alg).collect()
    }
}

both_stores! {
    async fn a_first_start_makes_one_key_of_each_algorithm(db: TestDb) {
        let server = TestServer::without_keys(db, "https://id.example", |_| {}).await;
        for _ in 0..2 {
            ensure(&server.app).await.unwrap();
        }
        let keys = server.store().signing_keys().await.unwrap();
        let mut algorithms: Vec<_> = keys.iter().map(|key| key.alg).collect();
        algorithms.sort_unstable();
        assert_eq!(algorithms, SigningAlg::ALL);
        let now = server.app.clock().now();
        assert!(keys.iter().all(|key| key.state(now) == KeyState::Active && key.generation == 1));
    }

    async fn a_rotation_retires_the_predecessor_when_the_successor_is_active(db: TestDb) {
        let server = TestServer::new(db).await;
        let before = server.keys_of(SigningAlg::Es256).await.remove(0);
        rotate(&server.app, SigningAlg::Es256, Handover::After(3600)).await.unwrap();
        let states = async || {
            let now = server.app.clock().now();
            server.keys_of(SigningAlg::Es256).await.iter().map(|key| key.state(now)).collect::<Vec<_>>()
        };
        assert_eq!(states().await, [KeyState::Active, KeyState::Pending]);
        server.advance(3600);
        assert_eq!(states().await, [KeyState::Retiring, KeyState::Active]);
        server.advance(24 * 3600);
        assert_eq!(states().await, [KeyState::Gone, KeyState::Active]);
        assert_eq!(server.store().delete_gone_keys(server.app.clock().now()).await.unwrap(), 1);
        let left = server.keys_of(SigningAlg::Es256).await;
        assert!(left.len() == 1 && left[0].kid != before.kid);
    }

    async fn of_two_keys_of_one_generation_the_first_counts(db: TestDb) {
        let server = TestServer::new(db).await;
        let known = server.keys_of(SigningAlg::EdDsa).await.remove(0);
        let late = SigningKey { kid: "another".to_owned(), ..known.clone() };
        let now = server.app.clock().now();
        assert_eq!(server.store().insert_key(&late, Predecessors::Retire { gone_at: now }).await.unwrap(), KeyWrite::Outrun);
        let keys = server.keys_of(SigningAlg::EdDsa).await;
        assert_eq!((keys.len(), keys[0].retires_at), (1, None));
        assert_eq!(keys[0].sealed_private, known.sealed_private);
        assert_eq!(keys[0].public_jwk, known.public_jwk);
    }

    async fn apis_are_named_once(db: TestDb) {
        let server = TestServer::new(db).await;
        let mut settings = api("https://api.example", &["api:read", "api:write"], AccessTokenFormat::Opaque);
        settings.lifetime = Some(77);
        let id = server.add_api("https://api.example", settings.clone()).await;
        let twin = Api {
            id: ApiId(Uuid::new_v4()),
            audience: "https://api.example".to_owned(),
            settings: settings.clone(),
            created_at: server.app.clock().now(),
        };
        assert_eq!(server.store().insert_api(&twin).await.unwrap(), ApiWrite::Taken);
        let stored = server.store().apis().await.unwrap();
        assert_eq!((stored.len(), stored[0].id, &stored[0].settings), (1, id, &settings));
        assert_eq!(server.store().update_api(twin.id, &settings).await.unwrap(), ApiWrite::NotFound);
        assert_eq!(server.store().delete_api(twin.id).await.unwrap(), ApiWrite::NotFound);
    }
}
