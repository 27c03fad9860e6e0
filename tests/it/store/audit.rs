//! The audit trail: stored once, read in order, changed by nobody.

use std::time::{Duration, Instant};

use portcullis::model::audit_event::{Actor, AuditEntry, AuditEvent, AuditEventId, AuditKind, AuditRecord};
use portcullis::model::caller::Caller;
use portcullis::model::grant::GrantId;
use portcullis::model::user::UserId;
use portcullis::protocol::error::Reason;
use portcullis::protocol::ids::ClientId;
use portcullis::store::{AuditFilter, Swept};
use portcullis::time::Timestamp;
use sqlx::{AssertSqlSafe, Executor as _, PgPool, SqlitePool};

use crate::support::{TestDb, both_stores};

fn event(kind: AuditKind, at: i64) -> AuditEvent {
    AuditEvent::new(kind, Actor::System, Timestamp(at))
}

fn numbered(number: i64) -> AuditEvent {
    event(AuditKind::SignOut, number).detail("number", number)
}

fn numbers(entries: &[AuditEntry]) -> Vec<i64> {
    entries
        .iter()
        .map(|entry| entry.detail["number"].as_i64().unwrap())
        .collect()
}

fn uuid(byte: u8) -> uuid::Uuid {
    uuid::Uuid::from_bytes([byte; 16])
}

/// Everything an event can say, said by a hostile client.
fn full() -> AuditEvent {
    let mut event = event(AuditKind::SignInFailed, 77)
        .by(&Caller {
            request_id: "request-1".to_owned(),
            address: Some("2001:db8::7".parse().unwrap()),
            user_agent: None,
        })
        .subject(UserId(uuid(1)))
        .client(&ClientId::parse("shop").unwrap())
        .grant(GrantId(uuid(2)))
        .reason(Reason::ClientSecretWrong)
        .detail("text", "a\0b\r\n\u{1b}[31m\"},{'; DROP TABLE users --")
        .detail("list", vec!["x".repeat(5000)])
        .detail("number", 7);
    event.actor = Actor::Operator("root".to_owned());
    event.count = 3;
    event
}

both_stores! {
    async fn an_event_is_read_as_it_was_stored(db: TestDb) {
        let store = db.open().await;
        store.insert_audit_events(&[full()]).await.unwrap();
        let entry = store.audit_events_after(&AuditFilter::default(), 0, 10).await.unwrap().remove(0);
        let expected = AuditEntry {
            seq: entry.seq,
            id: entry.id,
            at: Timestamp(77),
            kind: "sign_in_failed".to_owned(),
            actor_kind: "operator".to_owned(),
            actor_id: Some("root".to_owned()),
            subject: Some(UserId(uuid(1))),
            client_id: Some("shop".to_owned()),
            grant_id: Some(GrantId(uuid(2))),
            address: Some("2001:db8::7".to_owned()),
            reason: Some("client secret is wrong".to_owned()),
            request_id: Some("request-1".to_owned()),
            count: 3,
            detail: entry.detail.clone(),
        };
        assert_eq!(entry, expected);
        assert_eq!(entry.detail["text"], "a\u{FFFD}b\r\n\u{1b}[31m\"},{'; DROP TABLE users --");
        assert_eq!(entry.detail["list"][0].as_str().unwrap().len(), 1024, "nobody fills the disk with one event");
        assert_eq!(entry.detail["number"], 7);
    }

    async fn a_batch_keeps_its_order_and_is_stored_once(db: TestDb) {
        let store = db.open().await;
        let records: Vec<_> = (0..200)
            .map(|number| AuditRecord { id: AuditEventId(uuid(u8::try_from(number).unwrap())), event: numbered(number) })
            .collect();
        store.insert_audit_records(&records).await.unwrap();
        // As after an answer that got lost.
        store.insert_audit_records(&records).await.unwrap();
        store.insert_audit_records(&[]).await.unwrap();
        let stored = store.audit_events_after(&AuditFilter::default(), 0, 1000).await.unwrap();
        assert_eq!(numbers(&stored), (0..200).collect::<Vec<_>>());
        assert!(stored.windows(2).all(|pair| pair[0].seq < pair[1].seq));
        assert_eq!(store.last_audit_event().await.unwrap(), stored.last().unwrap().seq);
    }

    async fn filters_leave_what_they_name(db: TestDb) {
        let store = db.open().await;
        let (shop, alice) = (ClientId::parse("shop").unwrap(), UserId(uuid(9)));
        let from = |address: &str| Caller { address: Some(address.parse().unwrap()), ..Caller::default() };
        store
            .insert_audit_events(&[
                event(AuditKind::SignIn, 10).subject(alice).by(&from("192.0.2.1")).detail("number", 0),
                event(AuditKind::SignInFailed, 20).subject(alice).reason(Reason::UserDisabled).detail("number", 1),
                event(AuditKind::TokensIssued, 30).client(&shop).by(&from("192.0.2.1")).detail("number", 2),
                event(AuditKind::SignOut, 40).by(&from("192.0.2.2")).detail("number", 3),
            ])
            .await
            .unwrap();
        let none = AuditFilter::default;
        let address = |text: &str| Some(text.to_owned());
        let table = [
            (none(), vec![0, 1, 2, 3]),
            (AuditFilter { kinds: vec![AuditKind::SignIn], ..none() }, vec![0]),
            (AuditFilter { kinds: vec![AuditKind::SignOut, AuditKind::TokensIssued], ..none() }, vec![2, 3]),
            (AuditFilter { subject: Some(alice), ..none() }, vec![0, 1]),
            (AuditFilter { subject: Some(UserId(uuid(8))), ..none() }, vec![]),
            (AuditFilter { client: Some(shop.clone()), ..none() }, vec![2]),
            (AuditFilter { address: address("192.0.2.1"), ..none() }, vec![0, 2]),
            (AuditFilter { address: address("192.0.2.1"), subject: Some(alice), ..none() }, vec![0]),
            (AuditFilter { address: address("192.0.2.1"), client: Some(shop), ..none() }, vec![2]),
            (AuditFilter { reason: Some("Disabled".to_owned()), ..none() }, vec![1]),
            (AuditFilter { since: Some(Timestamp(20)), ..none() }, vec![1, 2, 3]),
            (AuditFilter { until: Some(Timestamp(30)), ..none() }, vec![0, 1]),
            (AuditFilter { since: Some(Timestamp(20)), until: Some(Timestamp(21)), ..none() }, vec![1]),
        ];
        for (filter, expected) in table {
            let newest = store.audit_events(&filter, i64::MAX, 10).await.unwrap();
            assert_eq!(numbers(&newest), expected, "{filter:?}");
            let after = store.audit_events_after(&filter, 0, 10).await.unwrap();
            assert_eq!(numbers(&after), expected, "{filter:?}");
        }
        let newest = store.audit_events(&none(), i64::MAX, 2).await.unwrap();
        assert_eq!(numbers(&newest), [2, 3], "the newest, and the newest last");
        let up_to = store.audit_events(&none(), newest[0].seq, 2).await.unwrap();
        assert_eq!(numbers(&up_to), [1, 2]);
        let after = store.audit_events_after(&none(), newest[0].seq, 1).await.unwrap();
        assert_eq!(numbers(&after), [3]);
    }

    async fn events_are_written_once(db: TestDb) {
        let store = db.open().await;
        store.insert_audit_events(&[numbered(1)]).await.unwrap();
        let statements: &[&str] = if db.is_postgres() {
            &["UPDATE audit_event SET kind = 'sign_in'", "TRUNCATE audit_event"]
        } else {
            &["UPDATE audit_event SET kind = 'sign_in'"]
        };
        for statement in statements {
            let refused = run(&db, statement).await.unwrap_err();
            assert!(refused.contains("audit events do not change"), "{refused}");
        }
        let kept = store.audit_events_after(&AuditFilter::default(), 0, 10).await.unwrap();
        assert_eq!((kept.len(), kept[0].kind.as_str()), (1, "sign_out"));
    }

    async fn events_go_when_their_time_is_over_in_batches(db: TestDb) {
        let store = db.open().await;
        let events: Vec<_> = (0..7).map(numbered).collect();
        store.insert_audit_events(&events).await.unwrap();
        let mut rounds = Vec::new();
        for _ in 0..3 {
            rounds.push(store.sweep_audit_events(Timestamp(5), 2).await.unwrap());
        }
        let expected = [(2, true), (2, true), (1, false)].map(|(rows, more)| Swept { rows, more });
        assert_eq!(rounds, expected);
        let kept = store.audit_events_after(&AuditFilter::default(), 0, 10).await.unwrap();
        assert_eq!(numbers(&kept), [5, 6]);
    }

    async fn trying_leaves_nothing(db: TestDb) {
        let store = db.open().await;
        store.try_audit_event(&numbered(1)).await.unwrap();
        assert_eq!(store.audit_events_after(&AuditFilter::default(), 0, 10).await.unwrap(), []);
        let mut raw = db.raw().await;
        raw.run("ALTER TABLE audit_event RENAME TO gone").await;
        store.try_audit_event(&numbered(1)).await.unwrap_err();
    }

    /// Several nodes store at the same moment; whoever follows sees each event once.
    async fn a_follower_misses_nothing_and_sees_nothing_twice(db: TestDb) {
        const NODES: i64 = 4;
        const EACH: i64 = 25;
        let store = db.open().await;
        let mut writers = tokio::task::JoinSet::new();
        for node in 0..NODES {
            let store = db.open().await;
            writers.spawn(async move {
                for number in 0..EACH {
                    let pair = [numbered(node * 1000 + 2 * number), numbered(node * 1000 + 2 * number + 1)];
                    store.insert_audit_events(&pair).await.unwrap();
                }
            });
        }
        let everything = usize::try_from(NODES * EACH * 2).unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        let (mut seen, mut place) = (Vec::new(), 0);
        while seen.len() < everything && Instant::now() < deadline {
            let page = store.audit_events_after(&AuditFilter::default(), place, 7).await.unwrap();
            place = page.last().map_or(place, |entry| entry.seq);
            seen.extend(numbers(&page));
        }
        writers.join_all().await;
        seen.sort_unstable();
        let all: Vec<_> = (0..NODES).flat_map(|node| (0..EACH * 2).map(move |number| node * 1000 + number)).collect();
        assert_eq!(seen, all);
    }
}

/// A transaction that draws a number and commits late: nobody gets past it meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_is_committed_late_is_not_overtaken() {
    let Some(db) = TestDb::postgres().await else { return };
    let (store, other) = (db.open().await, db.open().await);
    let mut late = db.raw().await;
    late.run("BEGIN").await;
    let insert = "INSERT INTO audit_event (id, at, kind, actor_kind, count, detail) \
        VALUES (gen_random_uuid(), 1, 'sign_out', 'system', 1, '{\"number\": 1}')";
    late.run(insert).await;
    let overtaking = tokio::spawn(async move { other.insert_audit_events(&[numbered(2)]).await });
    let mut raw = db.raw().await;
    let waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted \
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    let deadline = Instant::now() + Duration::from_secs(10);
    while raw.number(waiting).await == 0 {
        assert!(
            !overtaking.is_finished() && Instant::now() < deadline,
            "it waits for the one before"
        );
    }
    assert_eq!(
        store.audit_events_after(&AuditFilter::default(), 0, 10).await.unwrap(),
        []
    );
    late.run("COMMIT").await;
    overtaking.await.unwrap().unwrap();
    let stored = store.audit_events_after(&AuditFilter::default(), 0, 10).await.unwrap();
    assert_eq!(numbers(&stored), [1, 2]);
}

async fn run(db: &TestDb, statement: &str) -> Result<(), String> {
    let statement = AssertSqlSafe(statement.to_owned());
    let outcome = if db.is_postgres() {
        let pool = PgPool::connect(db.url()).await.unwrap();
        pool.execute(statement).await.map(drop)
    } else {
        let pool = SqlitePool::connect(db.url()).await.unwrap();
        pool.execute(statement).await.map(drop)
    };
    outcome.map_err(|error| error.to_string())
}
