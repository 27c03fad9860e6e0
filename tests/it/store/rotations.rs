//! Refresh tokens that are presented at the same time: on PostgreSQL they are read and rotated together, and each has its own answer.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use portcullis::crypto::opaque::Kind;
use portcullis::model::access_token::{AccessToken, AccessTokenContent};
use portcullis::model::digest::TokenDigest;
use portcullis::model::grant::{EndReason, Grant};
use portcullis::model::refresh_token::RefreshTokenState;
use portcullis::store::{LoadedRefreshToken, NewTokens, RefreshOutcome, StoreError, Successor};

use super::{World, fresh};
use crate::support::{AnyConnection, both_stores, scope};

const CHAINS: usize = 32;

pub type Running<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + 'a>>;
type Rotation<'a> = Running<'a, RefreshOutcome>;

impl World {
    async fn chains(&self, count: usize) -> Vec<(Grant, LoadedRefreshToken)> {
        let mut chains = Vec::new();
        for _ in 0..count {
            let (grant, first) = self.redeemed().await;
            let loaded = self.store().load_refresh_token(&first).await.unwrap().unwrap();
            chains.push((grant, loaded));
        }
        chains
    }

    /// Begins all of them, in order, before one of them can write. On PostgreSQL a fourth statement at the latest has the rest.
    async fn gathered<'a>(&'a self, wanted: &'a [(&'a LoadedRefreshToken, NewTokens)]) -> Vec<Rotation<'a>> {
        let mut writes = self.held_up().await;
        let mut running: Vec<Rotation<'a>> = Vec::new();
        for (presented, tokens) in wanted {
            let mut one: Rotation<'a> =
                Box::pin(
                    self.store()
                        .rotate_refresh_token(presented, tokens, Successor::Next, self.now()),
                );
            let begun = poll_fn(|cx| Poll::Ready(one.as_mut().poll(cx).is_pending())).await;
            assert!(begun);
            running.push(one);
        }
        writes.run("COMMIT").await;
        running
    }

    /// Holds up whoever writes a refresh token, until this commits.
    async fn held_up(&self) -> AnyConnection {
        let mut raw = self.server.db.raw().await;
        if self.server.db.is_postgres() {
            raw.run("BEGIN").await;
            raw.run("LOCK TABLE refresh_token IN EXCLUSIVE MODE").await;
        } else {
            raw.run("BEGIN IMMEDIATE").await;
        }
        raw
    }

    pub fn access_token(&self, grant: &Grant) -> AccessToken {
        AccessToken {
            digest: fresh(Kind::Access),
            grant_id: Some(grant.id),
            client_id: grant.client_id.clone(),
            content: AccessTokenContent {
                subject: grant.id.0.to_string(),
                audience: vec!["https://api.example".to_owned()],
                scope: scope("openid"),
                session_id: None,
            },
            created_at: self.now(),
            expires_at: self.now().plus(900),
        }
    }

    async fn number(&self, query: &str) -> i64 {
        self.server.db.raw().await.number(query).await
    }

    async fn state_of(&self, digest: &TokenDigest) -> Option<RefreshTokenState> {
        let loaded = self.store().load_refresh_token(digest).await.unwrap();
        loaded.map(|loaded| loaded.token.state)
    }
}

/// Runs them at once; each with its answer, in order.
pub async fn all<T>(running: Vec<Running<'_, T>>) -> Vec<Result<T, StoreError>> {
    let mut running: Vec<_> = running.into_iter().map(|one| (one, None)).collect();
    poll_fn(|cx| {
        for (one, answer) in &mut running {
            if answer.is_none()
                && let Poll::Ready(value) = one.as_mut().poll(cx)
            {
                *answer = Some(value);
            }
        }
        let done = running.iter().all(|(_, answer)| answer.is_some());
        if done { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    running.into_iter().map(|(_, answer)| answer.unwrap()).collect()
}

fn successor(tokens: &NewTokens) -> TokenDigest {
    tokens.refresh.as_ref().unwrap().digest
}

both_stores! {
    async fn chains_that_are_rotated_at_once_share_commits(db: TestDb) {
        let world = World::new(db).await;
        let chains = world.chains(CHAINS).await;
        for with_access in [false, true] {
            let presented = if with_access { world.chains(CHAINS).await } else { chains.clone() };
            world.server.advance(3);
            let wanted: Vec<_> = presented.iter().map(|(grant, loaded)| {
                let access = with_access.then(|| world.access_token(grant));
                (loaded, NewTokens { access, ..world.new_tokens() })
            }).collect();
            for answer in all(world.gathered(&wanted).await).await {
                assert_eq!(answer.unwrap(), RefreshOutcome::Rotated);
            }
            for ((grant, before), (_, tokens)) in presented.iter().zip(&wanted) {
                let spent = RefreshTokenState::Spent { at: world.now(), successor_used: false };
                assert_eq!(world.state_of(&before.token.digest).await, Some(spent));
                let next = world.store().load_refresh_token(&successor(tokens)).await.unwrap().unwrap();
                assert_eq!((next.token.state, next.token.generation), (RefreshTokenState::Live, 2));
                assert_eq!((next.grant.id, next.token.created_at), (grant.id, world.now()));
                assert_eq!(next.token.expires_at, tokens.refresh.as_ref().unwrap().expires_at);
                if let Some(access) = &tokens.access {
                    let stored = world.store().access_token(&access.digest).await.unwrap().unwrap();
                    assert_eq!((stored.grant_id, &stored.client_id), (Some(grant.id), &access.client_id));
                    assert_eq!((&stored.content, stored.created_at), (&access.content, world.now()));
                    assert_eq!(stored.expires_at, access.expires_at);
                }
            }
            if world.server.db.is_postgres() {
                let of_now = format!("FROM refresh_token WHERE generation = 2 AND created_at = {}", world.now().0);
                let commits = format!("SELECT count(DISTINCT xmin::text) {of_now}");
                assert!((1..=4).contains(&world.number(&commits).await), "three of those that came first, and one of the rest");
            }
        }
    }

    async fn a_token_that_is_presented_many_times_at_once_has_one_successor(db: TestDb) {
        let world = World::new(db).await;
        let chains = world.chains(3).await;
        let wanted: Vec<_> = (0..60).map(|number| (&chains[number % 3].1, world.new_tokens())).collect();
        let answers = all(world.gathered(&wanted).await).await;
        let mut rotated = 0;
        for (answer, (_, tokens)) in answers.into_iter().zip(&wanted) {
            let stored = world.state_of(&successor(tokens)).await;
            match answer.unwrap() {
                RefreshOutcome::Rotated => {
                    rotated += 1;
                    assert_eq!(stored, Some(RefreshTokenState::Live));
                }
                outcome => assert_eq!((outcome, stored), (RefreshOutcome::Outrun, None)),
            }
        }
        assert_eq!(rotated, 3);
        assert_eq!(world.number("SELECT count(*) FROM refresh_token").await, 6);
    }

    async fn one_that_fails_spoils_no_other(db: TestDb) {
        let world = World::new(db).await;
        let chains = world.chains(12).await;
        let mut wanted: Vec<_> = chains.iter().map(|(_, loaded)| (loaded, world.new_tokens())).collect();
        // A row that is there already: the statement for all cannot be.
        wanted[9].1.refresh.as_mut().unwrap().digest = chains[9].1.token.digest;
        let answers = all(world.gathered(&wanted).await).await;
        for (number, answer) in answers.into_iter().enumerate() {
            match answer {
                Ok(outcome) => assert_eq!((number != 9, outcome), (true, RefreshOutcome::Rotated)),
                Err(error) => assert!(number == 9 && matches!(error, StoreError::Taken), "{number}: {error}"),
            }
        }
        assert_eq!(world.state_of(&chains[9].1.token.digest).await, Some(RefreshTokenState::Live));
        assert_eq!(world.number("SELECT count(*) FROM refresh_token WHERE generation = 2").await, 11);
    }

    async fn those_who_go_away_take_nothing_from_the_others(db: TestDb) {
        let world = World::new(db).await;
        for _ in 0..5 {
            let chains = world.chains(12).await;
            let wanted: Vec<_> = chains.iter().map(|(_, loaded)| (loaded, world.new_tokens())).collect();
            let mut number = 0;
            let mut running = world.gathered(&wanted).await;
            running.retain(|_| { number += 1; number % 3 == 0 });
            for answer in all(running).await {
                assert_eq!(answer.unwrap(), RefreshOutcome::Rotated);
            }
            // Whole or not at all; what nobody waits for any more may be on its way.
            for (loaded, tokens) in &wanted {
                let next = world.state_of(&successor(tokens)).await;
                let presented = world.state_of(&loaded.token.digest).await;
                let later = world.state_of(&successor(tokens)).await;
                let is_spent = matches!(presented, Some(RefreshTokenState::Spent { .. }));
                assert!(is_spent || (next.is_none() && presented == Some(RefreshTokenState::Live)), "{presented:?} {next:?}");
                assert!(!is_spent || later == Some(RefreshTokenState::Live), "{later:?}");
            }
        }
        let chains = world.chains(1).await;
        let wanted = [(&chains[0].1, world.new_tokens())];
        assert_eq!(all(world.gathered(&wanted).await).await.remove(0).unwrap(), RefreshOutcome::Rotated);
    }

    async fn a_grant_that_ends_or_goes_in_between_is_its_own_affair(db: TestDb) {
        let world = World::new(db).await;
        let chains = world.chains(8).await;
        let id = chains[5].0.id.0;
        let key = if world.server.db.is_postgres() { format!("'{id}'") } else { format!("x'{}'", id.simple()) };
        world.store().end_grant(chains[2].0.id, EndReason::Revoked, world.now()).await.unwrap();
        assert_eq!(world.server.db.raw().await.run(&format!("DELETE FROM grants WHERE id = {key}")).await, 1);
        let wanted: Vec<_> = chains.iter().map(|(_, loaded)| (loaded, world.new_tokens())).collect();
        for (number, answer) in all(world.gathered(&wanted).await).await.into_iter().enumerate() {
            let rotated = answer.unwrap() == RefreshOutcome::Rotated;
            assert_eq!(rotated, number != 5, "{number}");
        }
        // What was issued of the ended grant is dead on arrival.
        let dead = world.store().load_refresh_token(&successor(&wanted[2].1)).await.unwrap().unwrap();
        assert!(dead.grant.ended.is_some());
    }

    async fn tokens_that_are_read_at_once_are_not_mixed_up(db: TestDb) {
        let world = World::new(db).await;
        let chains = world.chains(CHAINS).await;
        let damage = "UPDATE grants SET scope = '\u{fc}' WHERE id = (SELECT grant_id FROM refresh_token ORDER BY digest LIMIT 1)";
        assert_eq!(world.server.db.raw().await.run(damage).await, 1);
        let damaged = chains.iter().min_by_key(|(_, loaded)| *loaded.token.digest.as_bytes()).unwrap().0.id;
        let unknown = fresh(Kind::Refresh);
        let digests: Vec<_> = chains.iter().map(|(_, loaded)| loaded.token.digest).chain([unknown; 2]).collect();
        let load = |digest| -> Running<'_, Option<LoadedRefreshToken>> { Box::pin(world.store().load_refresh_token(digest)) };
        let answers = all(digests.iter().map(load).collect()).await;
        assert!(answers[CHAINS..].iter().all(|answer| matches!(answer, Ok(None))));
        for (answer, (grant, before)) in answers.into_iter().zip(&chains) {
            match answer {
                Ok(found) => {
                    let found = found.unwrap();
                    assert_eq!((found.grant.id, found.token.grant_id, found.user.id), (grant.id, grant.id, world.alice.id));
                    assert_eq!((found.token.digest, found.token.state), (before.token.digest, before.token.state));
                }
                Err(error) => assert!(grant.id == damaged && matches!(error, StoreError::Corrupt(_)), "{error}"),
            }
        }
    }
}

/// A long deletion has the rows of one grant.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits_for_the_grant_of_another() {
    let Some(db) = crate::support::TestDb::postgres().await else {
        return;
    };
    let world = World::new(db).await;
    let chains = world.chains(12).await;
    let mut deletion = world.server.db.raw().await;
    deletion.run("BEGIN").await;
    for chain in [&chains[0], &chains[1], &chains[7]] {
        deletion
            .run(&format!("DELETE FROM grants WHERE id = '{}'", chain.0.id.0))
            .await;
    }
    let wanted: Vec<_> = chains.iter().map(|(_, loaded)| (loaded, world.new_tokens())).collect();
    let mut held = Vec::new();
    let mut free = Vec::new();
    for (number, (presented, tokens)) in wanted.iter().enumerate() {
        let mut one: Rotation<'_> = Box::pin(world.store().rotate_refresh_token(
            presented,
            tokens,
            Successor::Next,
            world.now(),
        ));
        let pending = poll_fn(|cx| Poll::Ready(one.as_mut().poll(cx).is_pending())).await;
        assert!(pending);
        if [0, 1, 7].contains(&number) {
            held.push(one);
        } else {
            free.push(one);
        }
    }
    for answer in all(free).await {
        assert_eq!(answer.unwrap(), RefreshOutcome::Rotated);
    }
    for one in &mut held {
        assert!(poll_fn(|cx| Poll::Ready(one.as_mut().poll(cx).is_pending())).await);
    }
    deletion.run("COMMIT").await;
    for answer in all(held).await {
        assert_ne!(answer.unwrap(), RefreshOutcome::Rotated);
    }
    assert_eq!(
        world
            .number("SELECT count(*) FROM refresh_token WHERE generation = 2")
            .await,
        9
    );
}

/// A connection plans once, perhaps while the tables are small: what it then does with all of their rows it does for good.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_table_is_read_whole_while_the_database_is_young() {
    let Some(db) = crate::support::TestDb::postgres().await else {
        return;
    };
    let world = World::new(db).await;
    let chains = world.chains(CHAINS).await;
    let store = world.server.db.open().await;
    for _ in 0..8 {
        let digests = chains.iter().map(|(_, loaded)| &loaded.token.digest);
        let load = |digest| -> Running<'_, Option<LoadedRefreshToken>> { Box::pin(store.load_refresh_token(digest)) };
        for loaded in all(digests.map(load).collect()).await {
            let (loaded, tokens) = (loaded.unwrap().unwrap(), world.new_tokens());
            if loaded.token.state == RefreshTokenState::Live {
                let rotated = store.rotate_refresh_token(&loaded, &tokens, Successor::Next, world.now());
                assert_eq!(rotated.await.unwrap(), RefreshOutcome::Rotated);
            }
        }
    }
    // Connections that end tell what they have read.
    store.close().await;
    let mut raw = world.server.db.raw().await;
    let scans = |kind: &str| {
        format!("SELECT coalesce(sum({kind}), 0)::bigint FROM pg_stat_user_tables WHERE relname LIKE 'refresh_token%'")
    };
    while raw.number(&scans("idx_scan")).await < 100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(raw.number(&scans("seq_scan")).await, 0);
}

/// Statistics of a young database say that a grant has one token. A plan made then must not read the long chain of later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_chain_costs_no_more_than_a_short_one() {
    // The index by grant is one level lower then than the key.
    const SPENT: i64 = 20_000;
    let Some(db) = crate::support::TestDb::postgres().await else {
        return;
    };
    let world = World::new(db).await;
    let chains = world.chains(CHAINS).await;
    let (grant, leaf) = &chains[0];
    let mut raw = world.server.db.raw().await;
    raw.run("ANALYZE refresh_token").await;
    let id = grant.id.0;
    raw.run(&format!(
        "INSERT INTO refresh_token (digest, grant_id, generation, created_at, expires_at, spent_at)
            SELECT sha256(n::text::bytea), '{id}', n - {SPENT}, created_at, expires_at, created_at
            FROM generate_series(1, {SPENT}) n, refresh_token WHERE grant_id = '{id}'"
    ))
    .await;
    let store = world.server.db.open().await;
    let loaded = store.load_refresh_token(&leaf.token.digest).await.unwrap().unwrap();
    let tokens = world.new_tokens();
    let rotated = store.rotate_refresh_token(&loaded, &tokens, Successor::Next, world.now());
    assert_eq!(rotated.await.unwrap(), RefreshOutcome::Rotated);
    // Connections that end tell what they have read.
    store.close().await;
    // By these names in every partition too, if there are any.
    let read = |index: &str| {
        format!(
            "SELECT coalesce(sum(idx_tup_read), 0)::bigint FROM pg_stat_user_indexes
                WHERE relname LIKE 'refresh_token%' AND indexrelname {index}"
        )
    };
    while raw.number(&read("LIKE '%pkey'")).await == 0 {
        tokio::task::yield_now().await;
    }
    let by_grant = raw.number(&read("NOT LIKE '%pkey'")).await;
    assert!(by_grant < SPENT, "{by_grant} entries of the index by grant were read");
}
