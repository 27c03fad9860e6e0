//! What tokens rest on is kept in memory, and is what the database has all the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use portcullis::crypto::opaque::Kind;
use portcullis::model::access_token::{AccessToken, AccessTokenContent};
use portcullis::model::digest::TokenDigest;
use portcullis::model::grant::{EndReason, Grant};
use portcullis::store::{ClientWrite, Store, UserWrite};
use tokio::task::JoinSet;

use super::{World, fresh};
use crate::support::{AnyConnection, Cluster, TestDb, both_stores, scope};

const JTI: &str = "the-jti";

/// The changes that nodes are told of.
const TOLD: &str = "SELECT count(*) FROM standing_change WHERE kind <> 'life'";

/// A connection whose changes no trigger sees: who keeps rows in memory does not hear of them.
async fn silent(world: &World) -> AnyConnection {
    let mut raw = world.server.db.raw().await;
    raw.run("SET session_replication_role = replica").await;
    raw
}

async fn counts(store: &Store, world: &World, grant: &Grant) -> bool {
    let standing = store.standing_of_jwt(grant.id, JTI).await.unwrap();
    standing.is_some_and(|standing| standing.counts(world.now()))
}

async fn username(store: &Store, grant: &Grant) -> String {
    let standing = store.standing_of_jwt(grant.id, JTI).await.unwrap();
    standing.unwrap().person.as_ref().unwrap().username.clone()
}

/// A store that keeps the JWT of a grant, whose user has another name by now without having told anybody.
async fn keeping(db: TestDb) -> (World, Store, Grant) {
    let world = World::new(db).await;
    let (grant, _) = world.redeemed().await;
    let store = world.server.db.open().await;
    assert_eq!(username(&store, &grant).await, "alice");
    silent(&world).await.run("UPDATE users SET username = 'alicia'").await;
    assert_eq!(username(&store, &grant).await, "alice", "it comes from memory");
    (world, store, grant)
}

/// A stored opaque token of the grant.
async fn opaque(world: &World, grant: &Grant) -> TokenDigest {
    let token = AccessToken {
        digest: fresh(Kind::Access),
        grant_id: Some(grant.id),
        client_id: grant.client_id.clone(),
        content: AccessTokenContent {
            subject: world.alice.id.to_string(),
            audience: vec!["https://api.example".to_owned()],
            scope: scope("openid"),
            session_id: Some(world.session.id),
        },
        created_at: world.now(),
        expires_at: world.now().plus(900),
    };
    world.store().insert_access_token(&token).await.unwrap();
    token.digest
}

/// Whether each kind of token counts: a JWT and an opaque one at introspection and at userinfo, and a client's own.
async fn what_counts(store: &Store, world: &World, grant: &Grant, digest: &TokenDigest) -> [bool; 5] {
    let (now, client) = (world.now(), world.client.client_id());
    let opaque = store.standing_of_opaque(digest).await.unwrap();
    let info = store.info_of_jwt(grant.id, JTI).await.unwrap();
    let opaque_info = store.info_of_opaque(digest).await.unwrap();
    let own = store.standing_of_clients_jwt(&client, "own", now).await.unwrap();
    [
        counts(store, world, grant).await,
        opaque.is_some_and(|opaque| opaque.standing.counts(now)),
        info.is_some_and(|info| info.standing.counts(now)),
        opaque_info.is_some_and(|opaque| opaque.info.as_ref().unwrap().standing.counts(now)),
        own.is_some_and(|own| own.counts(now)),
    ]
}

both_stores! {
    async fn the_very_next_who_asks_sees_every_end(db: TestDb) {
        let world = World::new(db).await;
        let store = world.server.db.open().await;
        let (here, now, client) = (world.store(), world.now(), world.client.client_id());
        let (all, own, none) = ([true; 5], [false, false, false, false, true], [false; 5]);
        let issue = async || {
            let (grant, _) = world.redeemed().await;
            let digest = opaque(&world, &grant).await;
            for _ in 0..2 {
                assert_eq!(what_counts(&store, &world, &grant, &digest).await, all);
            }
            (grant, digest)
        };
        let (grant, digest) = issue().await;
        here.end_grant(grant.id, EndReason::Revoked, now).await.unwrap();
        assert_eq!(what_counts(&store, &world, &grant, &digest).await, own);

        let (grant, digest) = issue().await;
        here.delete_access_token(&digest).await.unwrap();
        assert_eq!(what_counts(&store, &world, &grant, &digest).await, [true, false, true, false, true]);

        let (grant, digest) = issue().await;
        for (enabled, expected) in [(false, none), (true, all)] {
            let changed = here.set_client_enabled(&client, enabled, now).await.unwrap();
            assert_eq!(changed, ClientWrite::Done);
            assert_eq!(what_counts(&store, &world, &grant, &digest).await, expected);
        }

        let (grant, digest) = issue().await;
        here.revoke_jwt(JTI, now.plus(60)).await.unwrap();
        assert_eq!(what_counts(&store, &world, &grant, &digest).await, [false, true, false, true, true]);
        here.revoke_jwt("own", now.plus(60)).await.unwrap();
        assert_eq!(what_counts(&store, &world, &grant, &digest).await, [false, true, false, true, false]);
        assert_eq!(here.disable_user(world.alice.id, now).await.unwrap(), UserWrite::Done);
        assert_eq!(what_counts(&store, &world, &grant, &digest).await, none);

        assert_eq!(here.delete_user(world.alice.id, now).await.unwrap(), UserWrite::Done);
        assert!(store.standing_of_jwt(grant.id, JTI).await.unwrap().is_none());
        assert!(store.info_of_opaque(&digest).await.unwrap().is_none());
        assert_eq!(here.delete_client(&client).await.unwrap(), ClientWrite::Done);
        assert!(store.standing_of_clients_jwt(&client, "own", now).await.unwrap().is_none());
    }

    async fn what_is_known_of_a_person_is_told_as_it_was_changed(db: TestDb) {
        let world = World::new(db).await;
        let (grant, _) = world.redeemed().await;
        let (store, digest) = (world.server.db.open().await, opaque(&world, &grant).await);
        let told = async || {
            let jwt = store.info_of_jwt(grant.id, JTI).await.unwrap().unwrap();
            let opaque = store.info_of_opaque(&digest).await.unwrap().unwrap();
            let opaque = opaque.info.as_ref().unwrap();
            [jwt.claims.name.clone(), opaque.claims.name.clone()]
        };
        told().await;
        for name in ["One", "Two", "Three"] {
            let name = Some(name.to_owned());
            let changed = world.store().edit_claims(world.alice.id, |claims| claims.name.clone_from(&name), world.now());
            changed.await.unwrap();
            assert_eq!(told().await, [name.clone(), name]);
        }
        let mut raw = world.server.db.raw().await;
        raw.run("UPDATE users SET username = 'by-hand'").await;
        assert_eq!(username(&store, &grant).await, "by-hand");
    }

    /// Many ask two nodes, each again and again, while grant after grant ends.
    async fn nobody_is_told_that_a_grant_counts_whose_end_was_answered(db: TestDb) {
        let world = Arc::new(World::new(db).await);
        let stores = [world.server.db.open().await, world.server.db.open().await];
        for _ in 0..40 {
            let (grant, _) = world.redeemed().await;
            let (ended, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
            let mut crowd = JoinSet::new();
            for number in 0..16 {
                let (store, world, grant) = (stores[number % 2].clone(), world.clone(), grant.clone());
                let (ended, asked) = (ended.clone(), asked.clone());
                crowd.spawn(async move {
                    loop {
                        let over = ended.load(Ordering::SeqCst);
                        let counts = counts(&store, &world, &grant).await;
                        assert!(!(over && counts), "asked after the end");
                        asked.fetch_add(1, Ordering::SeqCst);
                        if over {
                            return;
                        }
                    }
                });
            }
            while asked.load(Ordering::SeqCst) < 64 {
                tokio::task::yield_now().await;
            }
            world.store().end_grant(grant.id, EndReason::Revoked, world.now()).await.unwrap();
            ended.store(true, Ordering::SeqCst);
            crowd.join_all().await;
        }
    }
}

/// Its number is lower than that of everything that others commit meanwhile, and its change may be as old.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_is_committed_long_after_it_began_is_seen() {
    let Some(db) = TestDb::postgres().await else { return };
    let world = World::new(db).await;
    let store = world.server.db.open().await;
    for begins_with in ["SELECT pg_current_xact_id()", "UPDATE grants SET ended_at = 1"] {
        let (grant, _) = world.redeemed().await;
        let mut late = world.server.db.raw().await;
        late.run("BEGIN").await;
        late.run(begins_with).await;
        for round in 0..5 {
            world
                .store()
                .revoke_jwt(&format!("{begins_with}{round}"), world.now())
                .await
                .unwrap();
            assert!(counts(&store, &world, &grant).await);
        }
        late.run("UPDATE grants SET ended_at = 2").await;
        assert!(counts(&store, &world, &grant).await, "nobody knows of it yet");
        late.run("COMMIT").await;
        assert!(!counts(&store, &world, &grant).await, "{begins_with}");
    }
}

/// A read that has begun before a change, and ends when its node has heard of the change, answers those who asked before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_slow_read_found_is_not_kept_when_it_has_changed_meanwhile() {
    let Some(db) = TestDb::postgres().await else { return };
    let world = Arc::new(World::new(db).await);
    let store = world.server.db.open().await;
    let ((other, _), (grant, _)) = (world.redeemed().await, world.redeemed().await);
    assert!(counts(&store, &world, &other).await && counts(&store, &world, &other).await);

    // From now on reads wait, with their snapshots, for whoever holds the lock.
    let (mut raw, mut holder) = (world.server.db.raw().await, world.server.db.raw().await);
    for statement in [
        "CREATE FUNCTION pass() RETURNS boolean LANGUAGE plpgsql AS
            'BEGIN PERFORM pg_advisory_lock_shared(7); PERFORM pg_advisory_unlock_shared(7); RETURN TRUE; END'",
        "ALTER TABLE users RENAME TO people",
        "CREATE VIEW users AS SELECT * FROM people WHERE pass()",
    ] {
        raw.run(statement).await;
    }
    holder.run("SELECT pg_advisory_lock(7)").await;
    let slow = tokio::spawn({
        let (store, world, grant) = (store.clone(), world.clone(), grant.clone());
        async move { counts(&store, &world, &grant).await }
    });
    let waits = "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
        WHERE d.datname = current_database() AND l.locktype = 'advisory' AND NOT l.granted";
    while raw.number(waits).await == 0 {
        tokio::task::yield_now().await;
    }
    world
        .store()
        .end_grant(grant.id, EndReason::Revoked, world.now())
        .await
        .unwrap();
    assert!(
        counts(&store, &world, &other).await,
        "from memory, after a poll that has found the end"
    );
    holder.run("SELECT pg_advisory_unlock(7)").await;
    assert!(slow.await.unwrap(), "it has begun before the end");
    assert!(!counts(&store, &world, &grant).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changes_no_standing_is_not_told() {
    let Some(db) = TestDb::postgres().await else { return };
    let world = World::new(db).await;
    let (grant, _) = world.redeemed().await;
    let digest = opaque(&world, &grant).await;
    let mut raw = world.server.db.raw().await;
    let before = raw.number(TOLD).await;
    for statement in [
        "UPDATE grants SET expires_at = expires_at",
        "UPDATE users SET claims = claims",
        "UPDATE client SET revision = revision + 1, updated_at = 7",
    ] {
        assert_eq!(raw.run(statement).await, 1, "{statement}");
    }
    assert_eq!(raw.number(TOLD).await, before);

    // What is swept, everybody knows to be over.
    world.store().revoke_jwt("short", world.now()).await.unwrap();
    let before = raw.number(TOLD).await;
    let much_later = grant.expires_at.plus(100_000);
    for _ in 0..2 {
        world.store().sweep(much_later, 100).await.unwrap();
    }
    for table in ["grants", "access_token", "revoked_jwt"] {
        assert_eq!(raw.number(&format!("SELECT count(*) FROM {table}")).await, 0, "{table}");
    }
    assert_eq!(raw.number(TOLD).await, before);
    assert!(world.store().standing_of_opaque(&digest).await.unwrap().is_none());
    raw.run("UPDATE users SET disabled_at = 1").await;
    raw.run("UPDATE client SET disabled_at = 1").await;
    assert!(raw.number(TOLD).await >= 2);
}

/// Until changes are gone that it has not seen, whoever has not asked for long may count on its memory.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_missed_changes_forgets_everything() {
    let Some(db) = TestDb::postgres().await else { return };
    let (world, store, grant) = keeping(db).await;
    let mut raw = world.server.db.raw().await;
    raw.run("INSERT INTO revoked_jwt VALUES ('another', 0)").await;
    assert!(raw.number(TOLD).await > 0);
    // A transaction of anybody on this server that is older than the change keeps it.
    let kept = format!("{TOLD} AND xid >= pg_snapshot_xmin(pg_current_snapshot())");
    while raw.number(&kept).await > 0 {
        tokio::task::yield_now().await;
    }
    for now in [world.now(), world.now().plus(301)] {
        assert!(raw.number(TOLD).await > 0);
        world.store().sweep(now, 100).await.unwrap();
    }
    assert_eq!(raw.number(TOLD).await, 0);
    assert_eq!(username(&store, &grant).await, "alicia");
    silent(&world).await.run("UPDATE users SET username = 'alice'").await;
    assert_eq!(
        username(&store, &grant).await,
        "alicia",
        "it keeps again what it has read since"
    );
}

/// A crash, and a standby that takes over, leaves the table empty.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_life_of_the_database_is_another_database() {
    for end in [
        "DELETE FROM standing_change",
        "UPDATE standing_change SET key = '\\x00' WHERE kind = 'life'",
    ] {
        let Some(db) = TestDb::postgres().await else { return };
        let (world, store, grant) = keeping(db).await;
        let mut raw = world.server.db.raw().await;
        raw.run(end).await;
        assert_eq!(username(&store, &grant).await, "alicia", "{end}");
        silent(&world).await.run("UPDATE users SET username = 'alice'").await;
        username(&store, &grant).await;
        assert_eq!(
            raw.number("SELECT count(*) FROM standing_change WHERE kind = 'life'")
                .await,
            1
        );
        raw.run("UPDATE users SET username = 'told'").await;
        assert_eq!(username(&store, &grant).await, "told");
    }
}

/// Numbers of transactions that were never written to the log are given again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_crash_nothing_is_kept() {
    let Some(cluster) = Cluster::start() else { return };
    let (world, store, grant) = keeping(TestDb::on(&cluster).await).await;
    cluster.kill();
    cluster.restart();
    // A connection from before fails once.
    let after = loop {
        if let Ok(standing) = store.standing_of_jwt(grant.id, JTI).await {
            break standing.unwrap();
        }
    };
    assert_eq!(after.person.as_ref().unwrap().username, "alicia");
    let mut raw = world.server.db.raw().await;
    raw.run("UPDATE grants SET ended_at = 1").await;
    assert!(!counts(&store, &world, &grant).await);
}

/// As on engines that take no triggers on distributed tables.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_kept_where_nobody_tells() {
    let Some(db) = TestDb::postgres().await else { return };
    let world = World::new(db).await;
    let (grant, _) = world.redeemed().await;
    let mut raw = world.server.db.raw().await;
    raw.run("ALTER TABLE users DISABLE TRIGGER standing_changed").await;
    let store = world.server.db.open().await;
    for name in ["one", "two", "three"] {
        raw.run(&format!("UPDATE users SET username = '{name}'")).await;
        assert_eq!(username(&store, &grant).await, name);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_truncated_table_is_told_of() {
    let Some(db) = TestDb::postgres().await else { return };
    let (world, store, grant) = keeping(db).await;
    world.server.db.raw().await.run("TRUNCATE revoked_jwt").await;
    assert_eq!(username(&store, &grant).await, "alicia");
}

/// The script that partitions takes the triggers along.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partitions_tell_of_changes_too() {
    let Some(db) = TestDb::partitioned().await else { return };
    let (world, store, grant) = keeping(db).await;
    world
        .store()
        .end_grant(grant.id, EndReason::Revoked, world.now())
        .await
        .unwrap();
    assert!(!counts(&store, &world, &grant).await);
    let (grant, _) = world.redeemed().await;
    assert!(counts(&store, &world, &grant).await && counts(&store, &world, &grant).await);
    let mut raw = world.server.db.raw().await;
    let before = raw.number(TOLD).await;
    raw.run("UPDATE grants SET expires_at = expires_at").await;
    assert_eq!(raw.number(TOLD).await, before);
    raw.run("DELETE FROM grants").await;
    assert!(store.standing_of_jwt(grant.id, JTI).await.unwrap().is_none());
}
