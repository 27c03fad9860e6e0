//! Counters that limit how often something is tried.

use portcullis::config::Rate;
use portcullis::model::throttle::{ThrottleKey, ThrottleKind};
use portcullis::store::{Limit, Reservation, Store};
use portcullis::time::Timestamp;
use tokio::task::JoinSet;

use super::World;
use crate::support::{TestServer, both_stores};

fn key(name: u8) -> ThrottleKey {
    ThrottleKey {
        kind: ThrottleKind::ALL[usize::from(name) % ThrottleKind::ALL.len()],
        digest: [name; 32],
    }
}

fn limit(name: u8, rate: &str) -> Limit {
    Limit {
        key: key(name),
        rate: rate.parse().unwrap(),
    }
}

async fn takes(store: &Store, limits: &[Limit], now: Timestamp) -> bool {
    store.reserve(limits, now).await.unwrap() == Reservation::Reserved
}

/// How many of `limits` can be taken at this moment.
async fn room(store: &Store, limits: &[Limit], now: Timestamp) -> usize {
    let mut taken = 0;
    while takes(store, limits, now).await {
        taken += 1;
        assert!(taken < 1000);
    }
    taken
}

both_stores! {
    async fn a_burst_passes_and_grows_back_evenly(db: TestDb) {
        let world = World::new(db).await;
        let (store, start) = (world.store(), world.now());
        let limits = [limit(1, "10 per 15m")];
        assert_eq!(room(store, &limits, start).await, 10);
        let refused = store.reserve(&limits, start).await.unwrap();
        let Reservation::Refused { retry_after, which, .. } = refused else { panic!("{refused:?}") };
        assert_eq!((retry_after, which), (90, key(1).kind));
        assert_eq!(room(store, &limits, start.plus(89)).await, 0);
        assert_eq!(room(store, &limits, start.plus(90)).await, 1);
        assert_eq!(room(store, &limits, start.plus(90 + 450)).await, 5);
        // However long nobody tries: no more than a burst.
        assert_eq!(room(store, &limits, start.plus(86_400)).await, 10);
    }

    /// Nothing that takes less than a second is rounded away.
    async fn fast_rates_are_exact(db: TestDb) {
        let world = World::new(db).await;
        let limits = [limit(1, "7 per 1s")];
        assert_eq!(room(world.store(), &limits, world.now()).await, 7);
        assert_eq!(room(world.store(), &limits, world.now().plus(1)).await, 6);
        assert_eq!(room(world.store(), &limits, world.now().plus(3)).await, 7);
    }

    async fn all_keys_have_room_or_nothing_is_taken(db: TestDb) {
        let world = World::new(db).await;
        let (store, now) = (world.store(), world.now());
        let (wide, narrow) = (limit(1, "5 per 1m"), limit(2, "2 per 1h"));
        assert_eq!(room(store, &[wide, narrow], now).await, 2);
        for _ in 0..20 {
            assert!(!takes(store, &[narrow, wide], now).await);
        }
        assert_eq!(room(store, &[wide], now).await, 3, "the refusals took nothing");
        let refused = store.reserve(&[wide, narrow], now).await.unwrap();
        assert!(
            matches!(refused, Reservation::Refused { retry_after: 1800, which, .. } if which == narrow.key.kind),
            "the longest wait counts: {refused:?}"
        );
    }

    async fn what_is_off_does_not_count(db: TestDb) {
        let world = World::new(db).await;
        let off = Limit { key: key(1), rate: Rate::OFF };
        for _ in 0..3 {
            assert!(takes(world.store(), &[off], world.now()).await);
        }
        assert_eq!(room(world.store(), &[off, limit(2, "4 per 1m")], world.now()).await, 4);
    }

    async fn what_turned_out_honest_is_given_back(db: TestDb) {
        let world = World::new(db).await;
        let (store, now) = (world.store(), world.now());
        let (account, address) = (limit(1, "3 per 1h"), limit(2, "5 per 1h"));
        assert_eq!(room(store, &[account, address], now).await, 3);
        store.give_back(&[account]).await.unwrap();
        assert_eq!(room(store, &[account], now).await, 1);
        store.forgive(&[account], &[address]).await.unwrap();
        assert_eq!(room(store, &[account], now).await, 3);
        assert_eq!(room(store, &[address], now).await, 3, "two were left, and one came back");
        // Given back twice is no credit.
        store.forgive(&[account], &[]).await.unwrap();
        store.give_back(&[account, account]).await.unwrap();
        assert_eq!(room(store, &[account], now).await, 3);
    }

    /// LG-10, RC-20 at their root.
    async fn rc_20_callers_at_once_take_no_more_than_the_limit(db: TestDb) {
        let server = TestServer::new(db).await;
        let nodes = [server.clone(), server.second_node().await];
        let now = server.app.clock().now();
        let mut callers = JoinSet::new();
        for number in 0..50_u8 {
            let node = nodes[usize::from(number) % 2].clone();
            // In either order: callers must not wait for each other.
            let mut limits = [limit(1, "5 per 1h"), limit(2, "7 per 1h"), limit(100 + number, "1 per 1h")];
            if number % 3 == 0 {
                limits.reverse();
            }
            callers.spawn(async move { node.store().reserve(&limits, now).await.unwrap() });
        }
        let answers = callers.join_all().await;
        let taken = answers.iter().filter(|answer| **answer == Reservation::Reserved).count();
        assert_eq!(taken, 5);
        assert_eq!(room(server.store(), &[limit(2, "7 per 1h")], now).await, 2, "nobody else took any");
        let own: Vec<_> = (0..50).map(|number| limit(100 + number, "1 per 1h")).collect();
        let mut free = 0;
        for limit in own {
            free += room(server.store(), &[limit], now).await;
        }
        assert_eq!(free, 45);
    }

    /// Two who lock the same rows in different orders would end in a deadlock on PostgreSQL.
    async fn callers_who_name_the_keys_in_any_order_never_wait_for_each_other(db: TestDb) {
        let server = TestServer::new(db).await;
        let now = server.app.clock().now();
        let mut callers = JoinSet::new();
        let keys = [1, 2, 3, 4].map(|name| limit(name, "100000 per 1h"));
        for number in 0..8 {
            let node = if number < 4 { server.clone() } else { server.second_node().await };
            let mut keys = keys;
            if number % 2 == 0 {
                keys.reverse();
            }
            callers.spawn(async move {
                for _ in 0..25 {
                    assert_eq!(node.store().reserve(&keys, now).await.unwrap(), Reservation::Reserved);
                    node.store().forgive(&keys[..1], &keys[1..]).await.unwrap();
                }
            });
        }
        assert_eq!(callers.join_all().await.len(), 8);
    }

    async fn one_refusal_for_each_key_and_window_is_to_be_reported(db: TestDb) {
        let server = TestServer::new(db).await;
        let (store, start) = (server.store().clone(), server.app.clock().now());
        let limits = [limit(1, "2 per 10m")];
        let mut now = start;
        for _ in 0..3 {
            assert!(room(&store, &[limits[0]], now).await > 0);
            let mut callers = JoinSet::new();
            for _ in 0..10 {
                let store = store.clone();
                callers.spawn(async move { store.reserve(&limits, now).await.unwrap() });
            }
            let reported = |answer: &Reservation| matches!(answer, Reservation::Refused { first: true, .. });
            let others = callers.join_all().await.iter().filter(|answer| reported(answer)).count();
            assert_eq!(others, 0, "the refusal that ended `room` was the one");
            now = now.plus(600);
        }
        let again = limit(3, "1 per 10m");
        assert!(takes(&store, &[again], start).await);
        let mut callers = JoinSet::new();
        for _ in 0..10 {
            let store = store.clone();
            callers.spawn(async move { store.reserve(&[again], start).await.unwrap() });
        }
        let answers = callers.join_all().await;
        let first = answers.iter().filter(|answer| matches!(answer, Reservation::Refused { first: true, .. }));
        assert_eq!(first.count(), 1);
        assert!(answers.iter().all(|answer| *answer != Reservation::Reserved));
    }

    async fn a_flood_of_keys_leaves_nothing_behind(db: TestDb) {
        let world = World::new(db).await;
        for name in 0..100 {
            assert!(takes(world.store(), &[limit(name, "2 per 1m")], world.now()).await);
        }
        let long = limit(200, "2 per 1h");
        assert!(takes(world.store(), &[long], world.now()).await);
        assert_eq!(world.store().sweep(world.now().plus(29), 1000).await.unwrap().rows, 0);
        assert_eq!(world.store().sweep(world.now().plus(30), 1000).await.unwrap().rows, 100);
        assert_eq!(room(world.store(), &[long], world.now().plus(30)).await, 1, "what still counts stays");
    }
}
