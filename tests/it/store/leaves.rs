//! Live refresh tokens that a node remembers: a rotation may rest on them, and nothing else.

use portcullis::model::digest::TokenDigest;
use portcullis::model::refresh_token::RefreshTokenState;
use portcullis::store::{LoadedRefreshToken, RefreshOutcome, Store, Successor};

use super::World;
use crate::support::{TestDb, both_stores};

impl World {
    async fn rotated(&self, store: &Store, presented: &LoadedRefreshToken) -> (RefreshOutcome, TokenDigest) {
        let tokens = self.new_tokens();
        let rotated = store.rotate_refresh_token(presented, &tokens, Successor::Next, self.now());
        (rotated.await.unwrap(), tokens.refresh.unwrap().digest)
    }
}

async fn remembers(store: &Store, digest: &TokenDigest) -> bool {
    store.remembered_refresh_token(digest).await.unwrap().is_some()
}

/// What is known of a token, without the password hash that nobody needs for it.
fn told(mut loaded: LoadedRefreshToken) -> String {
    loaded.user.password = None;
    format!("{loaded:?}")
}

both_stores! {
    async fn a_chain_is_remembered_from_one_rotation_to_the_next(db: TestDb) {
        let world = World::new(db).await;
        let (_, first) = world.redeemed().await;
        let store = world.server.db.open().await;
        assert!(!remembers(&store, &first).await, "nobody has presented it");
        let mut leaf = store.presented_refresh_token(&first).await.unwrap().unwrap();
        for _ in 0..3 {
            assert_eq!(remembers(&store, &leaf.token.digest).await, world.server.db.is_postgres());
            world.server.advance(5);
            let (outcome, next) = world.rotated(&store, &leaf).await;
            assert_eq!(outcome, RefreshOutcome::Rotated);
            assert!(!remembers(&store, &leaf.token.digest).await, "it is spent");
            let stored = world.store().load_refresh_token(&next).await.unwrap().unwrap();
            leaf = match store.remembered_refresh_token(&next).await.unwrap() {
                Some(known) => known,
                None => store.presented_refresh_token(&next).await.unwrap().unwrap(),
            };
            assert_eq!(told(LoadedRefreshToken::clone(&leaf)), told(stored));
            assert_eq!(leaf.token.created_at, world.now());
        }
    }

    async fn a_leaf_that_another_node_has_spent_is_found_by_the_write(db: TestDb) {
        let world = World::new(db).await;
        let (_, first) = world.redeemed().await;
        let (here, there) = (world.server.db.open().await, world.server.db.open().await);
        let known = here.presented_refresh_token(&first).await.unwrap().unwrap();
        let (outcome, second) = world.rotated(&there, &known).await;
        assert_eq!(outcome, RefreshOutcome::Rotated);

        let (outcome, never) = world.rotated(&here, &known).await;
        assert_eq!(outcome, RefreshOutcome::Outrun);
        assert!(!remembers(&here, &first).await && !remembers(&here, &never).await);
        let spent = here.presented_refresh_token(&first).await.unwrap().unwrap();
        assert!(matches!(spent.token.state, RefreshTokenState::Spent { successor_used: false, .. }));
        assert!(!remembers(&here, &first).await, "what is not live is not remembered");
        assert!(here.load_refresh_token(&never).await.unwrap().is_none());

        // A retry puts another leaf in place of the one that is remembered there.
        let (known, tokens) = (there.presented_refresh_token(&second).await.unwrap().unwrap(), world.new_tokens());
        let retried = here.rotate_refresh_token(&spent, &tokens, Successor::InPlaceOfUnused, world.now());
        assert_eq!(retried.await.unwrap(), RefreshOutcome::Rotated);
        assert_eq!(world.rotated(&there, &known).await.0, RefreshOutcome::Outrun);
        let replaced = there.presented_refresh_token(&second).await.unwrap().unwrap();
        assert_eq!(replaced.token.state, RefreshTokenState::Replaced);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_change_of_the_grant_and_of_its_user_counts_at_once() {
    let Some(db) = TestDb::postgres().await else { return };
    let world = World::new(db).await;
    let store = world.server.db.open().await;
    let (grant, first) = world.redeemed().await;
    let mut raw = world.server.db.raw().await;
    store.presented_refresh_token(&first).await.unwrap();
    for same in [
        "UPDATE grants SET expires_at = expires_at",
        "UPDATE users SET username = username",
    ] {
        raw.run(same).await;
        assert!(remembers(&store, &first).await, "{same}");
    }
    for change in [
        "UPDATE grants SET scope = 'openid'",
        "UPDATE grants SET resources = '[]'",
        "UPDATE grants SET session_id = gen_random_uuid()",
        "UPDATE grants SET userinfo_claims = 'email'",
        "UPDATE grants SET id_token_claims = 'name'",
        "UPDATE grants SET authentication = authentication || '{\"acr\": \"2\"}'",
        "UPDATE grants SET expires_at = expires_at - 1",
        "UPDATE grants SET ended_at = 1, end_reason = 'revoked'",
        "UPDATE users SET claims = '{\"name\": \"Alicia\"}'",
        "UPDATE users SET disabled_at = 1",
        "UPDATE users SET pairwise_salt = decode(repeat('00', 32), 'hex')",
    ] {
        raw.run(change).await;
        assert!(!remembers(&store, &first).await, "{change}");
        let read = store.presented_refresh_token(&first).await.unwrap().unwrap();
        let now = store.remembered_refresh_token(&first).await.unwrap().unwrap();
        assert_eq!(
            told(LoadedRefreshToken::clone(&read)),
            told(LoadedRefreshToken::clone(&now)),
            "{change}"
        );
    }
    raw.run(&format!("DELETE FROM grants WHERE id = '{}'", grant.id.0))
        .await;
    assert!(!remembers(&store, &first).await, "deleted");
    assert!(store.presented_refresh_token(&first).await.unwrap().is_none());
}
