//! Live refresh tokens that a node remembers: a rotation may rest on them, and nothing else.

use std::sync::Arc;

use portcullis::model::digest::TokenDigest;
use portcullis::model::grant::Grant;
use portcullis::model::refresh_token::RefreshTokenState;
use portcullis::store::{LoadedRefreshToken, NewTokens, RefreshOutcome, RememberedRefreshToken, Store, Successor};

use super::World;
use super::rotations::{Running, all};
use crate::support::{TestDb, both_stores};

impl World {
    async fn rotated(&self, store: &Store, presented: &LoadedRefreshToken) -> (RefreshOutcome, TokenDigest) {
        let tokens = self.new_tokens();
        let rotated = store.rotate_refresh_token(presented, &tokens, Successor::Next, self.now());
        (rotated.await.unwrap(), tokens.refresh.unwrap().digest)
    }

    /// New chains, whose leaves are remembered.
    async fn remembered_chains(&self, store: &Store, count: usize) -> Vec<(Grant, RememberedRefreshToken)> {
        let mut chains = Vec::new();
        for _ in 0..count {
            let (grant, first) = self.redeemed().await;
            chains.push((grant, known(store, &first).await));
        }
        chains
    }

    async fn rotated_from_memory(
        &self,
        store: &Store,
        known: &RememberedRefreshToken,
    ) -> (RefreshOutcome, TokenDigest) {
        let tokens = self.new_tokens();
        let rotated = store.rotate_remembered(known, &tokens, self.now()).await;
        (rotated.unwrap(), tokens.refresh.unwrap().digest)
    }
}

/// What is remembered of a live token, after it was read if need be.
async fn known(store: &Store, digest: &TokenDigest) -> RememberedRefreshToken {
    loop {
        if let Some(known) = store.remembered_refresh_token(digest).await.unwrap() {
            return known;
        }
        store.presented_refresh_token(digest).await.unwrap().unwrap();
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
                Some(known) => Arc::new(LoadedRefreshToken::clone(&known)),
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

/// Each change is made after the token was remembered, and is told of by nothing but the write.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_change_of_the_grant_and_of_its_user_counts_at_once() {
    let Some(db) = TestDb::postgres().await else { return };
    let world = World::new(db).await;
    let store = world.server.db.open().await;
    let (grant, mut leaf) = world.redeemed().await;
    let mut raw = world.server.db.raw().await;
    for same in [
        "UPDATE grants SET expires_at = expires_at",
        "UPDATE users SET username = username",
    ] {
        let known = known(&store, &leaf).await;
        raw.run(same).await;
        let (outcome, next) = world.rotated_from_memory(&store, &known).await;
        assert_eq!(outcome, RefreshOutcome::Rotated, "{same}");
        leaf = next;
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
        let before = known(&store, &leaf).await;
        raw.run(change).await;
        // The second time when it is known, too.
        for _ in 0..2 {
            let (outcome, never) = world.rotated_from_memory(&store, &before).await;
            assert_eq!(outcome, RefreshOutcome::Outrun, "{change}");
            assert!(
                world.store().load_refresh_token(&never).await.unwrap().is_none(),
                "{change}"
            );
        }
        assert!(!remembers(&store, &leaf).await, "{change}");
        let read = store.presented_refresh_token(&leaf).await.unwrap().unwrap();
        assert_eq!(read.token.state, RefreshTokenState::Live);
        let now = known(&store, &leaf).await;
        assert_eq!(
            told(LoadedRefreshToken::clone(&read)),
            told(LoadedRefreshToken::clone(&now)),
            "{change}"
        );
    }
    let known = known(&store, &leaf).await;
    let deletion = format!("DELETE FROM grants WHERE id = '{}'", grant.id.0);
    assert_eq!(raw.run(&deletion).await, 1);
    assert_eq!(
        world.rotated_from_memory(&store, &known).await.0,
        RefreshOutcome::Outrun
    );
    assert!(!remembers(&store, &leaf).await, "deleted");
    assert!(store.presented_refresh_token(&leaf).await.unwrap().is_none());
}

/// One that was under way when the token was read, and commits after that, has the lower number.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_counts_from_its_commit_on() {
    let Some(db) = TestDb::postgres().await else { return };
    let world = World::new(db).await;
    let store = world.server.db.open().await;
    let mut raw = world.server.db.raw().await;
    let (grant, first) = world.redeemed().await;
    raw.run("BEGIN").await;
    let end = format!(
        "UPDATE grants SET ended_at = 1, end_reason = 'revoked' WHERE id = '{}'",
        grant.id.0
    );
    assert_eq!(raw.run(&end).await, 1);
    let (_, other) = world.redeemed().await;
    let leaf = known(&store, &first).await;
    let (outcome, next) = world.rotated_from_memory(&store, &leaf).await;
    assert_eq!(outcome, RefreshOutcome::Rotated, "nothing has changed yet");
    let leaf = known(&store, &next).await;
    let other = known(&store, &other).await;
    raw.run("COMMIT").await;
    assert_eq!(world.rotated_from_memory(&store, &leaf).await.0, RefreshOutcome::Outrun);
    assert_eq!(
        world.rotated_from_memory(&store, &other).await.0,
        RefreshOutcome::Rotated
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_changed_of_one_is_its_own_affair() {
    let Some(db) = TestDb::postgres().await else { return };
    let world = World::new(db).await;
    let store = world.server.db.open().await;
    for with_access in [false, true] {
        let chains = world.remembered_chains(&store, 12).await;
        let mut raw = world.server.db.raw().await;
        let ended = format!(
            "UPDATE grants SET ended_at = 1, end_reason = 'revoked' WHERE id IN ('{}', '{}')",
            chains[3].0.id.0, chains[9].0.id.0
        );
        assert_eq!(raw.run(&ended).await, 2);
        let wanted: Vec<_> = chains
            .iter()
            .map(|(grant, known)| {
                let access = with_access.then(|| world.access_token(grant));
                (
                    known,
                    NewTokens {
                        access,
                        ..world.new_tokens()
                    },
                )
            })
            .collect();
        let rotate = |(known, tokens)| -> Running<'_, RefreshOutcome> {
            Box::pin(store.rotate_remembered(known, tokens, world.now()))
        };
        let answers = all(wanted.iter().map(|(known, tokens)| rotate((*known, tokens))).collect()).await;
        for (number, (answer, (_, tokens))) in answers.into_iter().zip(&wanted).enumerate() {
            let rotated = ![3, 9].contains(&number);
            assert_eq!(answer.unwrap() == RefreshOutcome::Rotated, rotated, "{number}");
            let digest = tokens.refresh.as_ref().unwrap().digest;
            assert_eq!(
                world.store().load_refresh_token(&digest).await.unwrap().is_some(),
                rotated
            );
            if let Some(access) = &tokens.access {
                assert_eq!(
                    world.store().access_token(&access.digest).await.unwrap().is_some(),
                    rotated
                );
            }
        }
    }
}

/// A feed that does not tell everything since the position confirms nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_feed_with_gaps_confirms_nothing() {
    let Some(db) = TestDb::postgres().await else { return };
    let world = World::new(db).await;
    let store = world.server.db.open().await;
    let mut raw = world.server.db.raw().await;
    for gap in [
        "TRUNCATE revoked_jwt",
        "UPDATE standing_change SET pruned = '9223372036854775807' WHERE kind = 'life'",
        "UPDATE standing_change SET pruned = NULL, key = '\\x00' WHERE kind = 'life'",
        "INSERT INTO standing_change (kind, key) SELECT 'token', n::text::bytea FROM generate_series(1, 4097) n",
        "DELETE FROM standing_change",
    ] {
        let (_, known) = world.remembered_chains(&store, 1).await.remove(0);
        raw.run(gap).await;
        assert_eq!(
            world.rotated_from_memory(&store, &known).await.0,
            RefreshOutcome::Outrun,
            "{gap}"
        );
        let read = store
            .presented_refresh_token(&known.token.digest)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(world.rotated(&store, &read).await.0, RefreshOutcome::Rotated, "{gap}");
    }
}
