//! The chain of refresh tokens: one live leaf, whatever happens.

use portcullis::model::digest::TokenDigest;
use portcullis::model::refresh_token::RefreshTokenState;
use portcullis::store::{ClientWrite, LoadedRefreshToken, RefreshOutcome, Successor};

use super::World;
use crate::support::both_stores;

impl World {
    async fn load(&self, digest: &TokenDigest) -> LoadedRefreshToken {
        self.store().load_refresh_token(digest).await.unwrap().unwrap()
    }

    async fn state(&self, digest: &TokenDigest) -> RefreshTokenState {
        self.load(digest).await.token.state
    }

    /// The outcome, and the successor that would be.
    async fn rotate(&self, presented: &LoadedRefreshToken, how: Successor) -> (RefreshOutcome, TokenDigest) {
        let tokens = self.new_tokens();
        let outcome = self
            .store()
            .rotate_refresh_token(presented, &tokens, how, self.now())
            .await
            .unwrap();
        (outcome, tokens.refresh.unwrap().digest)
    }
}

both_stores! {
    async fn a_rotation_spends_the_leaf_and_adds_its_successor(db: TestDb) {
        let world = World::new(db).await;
        let (grant, first) = world.redeemed().await;
        let loaded = world.load(&first).await;
        assert_eq!((loaded.token.generation, loaded.token.state), (1, RefreshTokenState::Live));
        assert_eq!((loaded.grant.id, loaded.token.grant_id), (grant.id, grant.id));
        assert_eq!(loaded.user.id, world.alice.id);
        assert_eq!((loaded.token.created_at, loaded.token.expires_at), (world.now(), world.now().plus(3600)));

        world.server.advance(7);
        let (outcome, second) = world.rotate(&loaded, Successor::Next).await;
        assert_eq!(outcome, RefreshOutcome::Rotated);
        let spent = |used| RefreshTokenState::Spent { at: world.now(), successor_used: used };
        assert_eq!(world.state(&first).await, spent(false));
        let second_loaded = world.load(&second).await;
        assert_eq!((second_loaded.token.generation, second_loaded.token.state), (2, RefreshTokenState::Live));
        assert_eq!(second_loaded.grant.expires_at, grant.expires_at, "rotation never moves the end of the family");

        let (_, third) = world.rotate(&second_loaded, Successor::Next).await;
        assert_eq!(world.state(&first).await, spent(true));
        assert_eq!(world.state(&third).await, RefreshTokenState::Live);
    }

    async fn a_leaf_is_spent_once(db: TestDb) {
        let world = World::new(db).await;
        let (_, first) = world.redeemed().await;
        let loaded = world.load(&first).await;
        assert_eq!(world.rotate(&loaded, Successor::Next).await.0, RefreshOutcome::Rotated);
        let (outcome, never) = world.rotate(&loaded, Successor::Next).await;
        assert_eq!(outcome, RefreshOutcome::Outrun);
        assert!(world.store().load_refresh_token(&never).await.unwrap().is_none());
    }

    async fn a_retry_replaces_the_unused_successor_in_place(db: TestDb) {
        let world = World::new(db).await;
        let (_, first) = world.redeemed().await;
        let (_, lost) = world.rotate(&world.load(&first).await, Successor::Next).await;
        let (outcome, second) = world.rotate(&world.load(&first).await, Successor::InPlaceOfUnused).await;
        assert_eq!(outcome, RefreshOutcome::Rotated);
        assert_eq!(world.state(&lost).await, RefreshTokenState::Replaced);
        let replacement = world.load(&second).await;
        assert_eq!((replacement.token.generation, replacement.token.state), (2, RefreshTokenState::Live));

        let (outcome, _) = world.rotate(&world.load(&lost).await, Successor::Next).await;
        assert_eq!(outcome, RefreshOutcome::Outrun, "a replaced token is no leaf");
        assert_eq!(world.rotate(&replacement, Successor::Next).await.0, RefreshOutcome::Rotated);
        let (outcome, _) = world.rotate(&world.load(&first).await, Successor::InPlaceOfUnused).await;
        assert_eq!(outcome, RefreshOutcome::Outrun, "the successor has been used");
    }

    async fn nothing_is_rotated_for_a_client_that_is_gone(db: TestDb) {
        let world = World::new(db).await;
        let (_, first) = world.redeemed().await;
        let loaded = world.load(&first).await;
        assert_eq!(world.store().delete_client(&world.client.client_id()).await.unwrap(), ClientWrite::Done);
        for how in [Successor::Next, Successor::InPlaceOfUnused] {
            assert_ne!(world.rotate(&loaded, how).await.0, RefreshOutcome::Rotated);
        }
        assert!(world.store().load_refresh_token(&first).await.unwrap().is_none());
    }
}
