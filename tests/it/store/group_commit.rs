//! On SQLite, writers that wait for each other commit together: all of it, or none, and each for itself.

use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;

use portcullis::crypto::opaque::Kind;
use portcullis::model::access_token::{AccessToken, AccessTokenContent};
use portcullis::model::digest::TokenDigest;
use portcullis::store::{CodeOutcome, LoadedCode, RefreshOutcome, StoreError, Successor};
use tokio::task::JoinSet;

use super::{World, fresh};
use crate::support::{TestDb, scope};

/// How many transactions were committed to the file, by anybody: the write-ahead log's index counts them
/// (<https://www.sqlite.org/walformat.html>, section 2.1, `iChange`).
fn commits(world: &World) -> u32 {
    let path = world.server.db.url().trim_start_matches("sqlite://");
    let index = std::fs::read(PathBuf::from(format!("{path}-shm"))).unwrap();
    u32::from_ne_bytes(index[8..12].try_into().unwrap())
}

/// Codes to redeem, loaded.
async fn codes(world: &World, count: usize) -> Vec<LoadedCode> {
    let mut codes = Vec::new();
    for _ in 0..count {
        let (_, digest) = world.issue(true).await;
        codes.push(world.store().load_code(&digest, world.now()).await.unwrap().unwrap());
    }
    codes
}

/// Whether the code was redeemed for a refresh token of its grant: one without the other must not be.
async fn is_redeemed(world: &World, code: &LoadedCode, refresh: &TokenDigest) -> bool {
    let now = world
        .store()
        .load_code(&code.code.digest, world.now())
        .await
        .unwrap()
        .unwrap();
    let token = world.store().load_refresh_token(refresh).await.unwrap();
    assert_eq!(now.code.redeemed_at.is_some(), token.is_some(), "all of it, or none");
    token.is_some()
}

fn opaque(world: &World, digest: TokenDigest) -> AccessToken {
    AccessToken {
        digest,
        grant_id: None,
        client_id: world.client.client_id(),
        content: AccessTokenContent {
            subject: "shop".to_owned(),
            audience: vec!["https://api.example".to_owned()],
            scope: scope("api:read"),
            session_id: None,
        },
        created_at: world.now(),
        expires_at: world.now().plus(60),
    }
}

async fn give_way(times: usize) {
    for _ in 0..times {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_that_wait_share_a_commit_and_each_has_its_own_outcome() {
    let world = Arc::new(World::new(TestDb::sqlite().await).await);
    let codes = codes(&world, 20).await;
    let before = commits(&world);
    let mut running = JoinSet::new();
    // Six for each code, of which one is the first.
    for (number, code) in (0..120).map(|number| (number % 20, codes[number % 20].clone())) {
        let world = world.clone();
        running.spawn(async move {
            let tokens = world.new_tokens();
            let outcome = world.store().redeem_code(&code, &tokens, world.now()).await.unwrap();
            (number, tokens.refresh.unwrap().digest, outcome)
        });
    }
    let outcomes = running.join_all().await;
    let commits = commits(&world) - before;
    assert!((1..=60).contains(&commits), "{commits} commits for 120 operations");
    for (number, code) in codes.iter().enumerate() {
        let winners: Vec<_> = outcomes
            .iter()
            .filter(|(of, _, outcome)| *of == number && *outcome == CodeOutcome::Redeemed)
            .collect();
        assert_eq!(winners.len(), 1);
        for (_, refresh, outcome) in outcomes.iter().filter(|(of, ..)| *of == number) {
            let stored = world.store().load_refresh_token(refresh).await.unwrap().is_some();
            assert_eq!(stored, *outcome == CodeOutcome::Redeemed);
        }
        assert!(is_redeemed(&world, code, &winners[0].1).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operation_that_fails_takes_nothing_from_the_others() {
    let world = Arc::new(World::new(TestDb::sqlite().await).await);
    let taken = fresh(Kind::Access);
    world.store().insert_access_token(&opaque(&world, taken)).await.unwrap();
    let codes = codes(&world, 60).await;
    let mut running = JoinSet::new();
    for (number, code) in codes.iter().cloned().enumerate() {
        let world = world.clone();
        running.spawn(async move {
            let mut tokens = world.new_tokens();
            // Every third fails in its last statement, when its code is claimed and its refresh token stored.
            let access = if number % 3 == 0 { taken } else { fresh(Kind::Access) };
            tokens.access = Some(opaque(&world, access));
            let outcome = world.store().redeem_code(&code, &tokens, world.now()).await;
            // And statements of their own, of which some fail as well.
            let digest = if number % 2 == 0 { taken } else { fresh(Kind::Access) };
            let alone = world.store().insert_access_token(&opaque(&world, digest)).await;
            assert_eq!(alone.is_err(), number % 2 == 0);
            (number, tokens.refresh.unwrap().digest, outcome)
        });
    }
    for (number, refresh, outcome) in running.join_all().await {
        match outcome {
            Err(StoreError::Taken) => assert_eq!(number % 3, 0),
            outcome => assert_eq!((number % 3 == 0, outcome.unwrap()), (false, CodeOutcome::Redeemed)),
        }
        assert_eq!(is_redeemed(&world, &codes[number], &refresh).await, number % 3 != 0);
    }
}

/// Callers hang up at every point: while they wait, between their statements, while others' commit is awaited.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_goes_away_leaves_no_half_and_holds_nobody_up() {
    let world = Arc::new(World::new(TestDb::sqlite().await).await);
    for round in 0..6 {
        let codes = codes(&world, 40).await;
        let mut running = JoinSet::new();
        for (number, code) in codes.iter().cloned().enumerate() {
            let world = world.clone();
            running.spawn(async move {
                let tokens = world.new_tokens();
                let mut work = pin!(world.store().redeem_code(&code, &tokens, world.now()));
                let outcome = tokio::select! {
                    biased;
                    outcome = &mut work => Some(outcome.unwrap()),
                    // Between at once and never, differently in each round.
                    () = give_way(if number % 2 == 0 { number * 7 + round } else { usize::MAX }) => None,
                };
                (number, tokens.refresh.as_ref().unwrap().digest, outcome)
            });
        }
        for (number, refresh, outcome) in running.join_all().await {
            let redeemed = is_redeemed(&world, &codes[number], &refresh).await;
            match outcome {
                Some(outcome) => assert_eq!((outcome, redeemed), (CodeOutcome::Redeemed, true)),
                None => assert_eq!(number % 2, 0, "only those who went away have no answer"),
            }
        }
    }
    // The last one alone goes away, too, and the next finds everything in order.
    let (_, first) = world.redeemed().await;
    let loaded = world.store().load_refresh_token(&first).await.unwrap().unwrap();
    for patience in 0..30 {
        let tokens = world.new_tokens();
        let work = pin!(
            world
                .store()
                .rotate_refresh_token(&loaded, &tokens, Successor::Next, world.now())
        );
        tokio::select! { biased; _ = work => break, () = give_way(patience) => {} }
    }
    let (_, another) = world.redeemed().await;
    let loaded = world.store().load_refresh_token(&another).await.unwrap().unwrap();
    let outcome = world
        .store()
        .rotate_refresh_token(&loaded, &world.new_tokens(), Successor::Next, world.now())
        .await;
    assert_eq!(outcome.unwrap(), RefreshOutcome::Rotated);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_under_way_is_committed_before_the_file_is_closed() {
    let world = Arc::new(World::new(TestDb::sqlite().await).await);
    let codes = codes(&world, 30).await;
    let store = world.server.db.open().await;
    let mut running = JoinSet::new();
    for (number, code) in codes.iter().cloned().enumerate() {
        let (world, store) = (world.clone(), store.clone());
        running.spawn(async move {
            let tokens = world.new_tokens();
            let outcome = store.redeem_code(&code, &tokens, world.now()).await;
            (number, tokens.refresh.unwrap().digest, outcome)
        });
    }
    give_way(3).await;
    store.close().await;
    for (number, refresh, outcome) in running.join_all().await {
        let redeemed = is_redeemed(&world, &codes[number], &refresh).await;
        assert_eq!(redeemed, outcome.is_ok(), "{outcome:?}");
    }
}
