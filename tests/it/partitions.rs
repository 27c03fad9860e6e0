//! Large installations: grants, codes and refresh tokens in partitions by grant, as the script for operators makes them. With
//! `PORTCULLIS_TEST_PARTITIONED=1` every other test runs on such tables, too.

use std::collections::BTreeSet;
use std::future::IntoFuture as _;

use portcullis::crypto::opaque::{Kind, OpaqueToken};
use portcullis::jobs;
use tokio::task::JoinSet;

use crate::support::{AuthRequest, Browser, ClientSpec, TestClient, TestDb, TestServer, Tokens, claims, seconds};

const SCOPE: &str = "openid offline_access";
const TABLES: [&str; 3] = ["grants", "code", "refresh_token"];

async fn count(server: &TestServer, query: &str) -> i64 {
    server.db.raw().await.number(query).await
}

/// The partitions that the plan of `query` reads or writes.
async fn partitions_of(server: &TestServer, query: &str) -> BTreeSet<String> {
    let plan = format!("EXPLAIN (COSTS OFF) {query}");
    let lines = server.db.raw().await.texts(&plan).await;
    // "Index Scan using … on refresh_token_3 r": behind it stands an alias, which may look like another partition.
    let names = lines
        .iter()
        .filter_map(|line| line.split(" on ").nth(1)?.split(' ').next());
    let is_partition = |name: &&str| {
        TABLES.iter().any(|table| {
            let number = name.strip_prefix(table).and_then(|rest| rest.strip_prefix('_'));
            number.is_some_and(|number| number.parse::<u32>().is_ok())
        })
    };
    names.filter(is_partition).map(str::to_owned).collect()
}

async fn redeem_at_once(server: &TestServer, client: &TestClient, code: &str, request: &AuthRequest) -> usize {
    let mut running = JoinSet::new();
    for _ in 0..12 {
        running.spawn(server.redeem(client, code, request).into_future());
    }
    let answers = running.join_all().await;
    answers.iter().filter(|answer| answer.status == 200).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_that_belongs_to_a_grant_works_in_partitions() {
    let Some(db) = TestDb::partitioned().await else { return };
    let server = TestServer::with(db, |config| config.tokens.refresh_retry_window = seconds(0)).await;
    let client = server.add_client(ClientSpec::web("shop").trusted()).await;

    // Many grants, so that several partitions are used.
    let mut families = Vec::new();
    for _ in 0..12 {
        families.push(server.code_flow(&client, SCOPE).await);
    }
    let used = "SELECT count(DISTINCT tableoid) FROM refresh_token";
    assert!(count(&server, used).await > 3, "rows are spread");
    let together = "SELECT count(*) FROM refresh_token r JOIN grants g ON g.id = r.grant_id
        WHERE right(r.tableoid::regclass::text, 2) <> right(g.tableoid::regclass::text, 2)";
    assert_eq!(
        count(&server, together).await,
        0,
        "what belongs to a grant lies in the partition of the same number"
    );

    // Rotation, and a spent token that comes back.
    server.advance(60);
    let first = families.swap_remove(0);
    let second = Tokens::of(server.refresh(&client, first.refresh()).await);
    let third = Tokens::of(server.refresh(&client, second.refresh()).await);
    server.advance(60);
    server
        .refresh(&client, first.refresh())
        .await
        .expect_error(400, "invalid_grant");
    server
        .refresh(&client, third.refresh())
        .await
        .expect_error(400, "invalid_grant");

    // One code, many callers.
    let (code, request) = server.code(&client, SCOPE).await;
    assert_eq!(redeem_at_once(&server, &client, &code, &request).await, 1);

    // Revocation, and a sign-out.
    let revoked = families.swap_remove(0);
    server.revoke(&client, revoked.refresh()).await.expect(200);
    server
        .refresh(&client, revoked.refresh())
        .await
        .expect_error(400, "invalid_grant");
    let mut browser = Browser::new(&server);
    let request = AuthRequest::new(&client, "openid");
    let online = browser.grant(&request, "alice").await;
    let online = Tokens::of(server.redeem(&client, &online.code(), &request).await);
    server.userinfo(&online.access).await.expect(200);

    // Nothing of a person stays, and nothing of anybody when its time is over.
    let alice = server.alice().await;
    let of_alice = format!("SELECT count(*) FROM grants WHERE user_id = '{}'", alice.id.0);
    assert!(count(&server, &of_alice).await > 10);
    server
        .store()
        .delete_user(alice.id, server.app.clock().now())
        .await
        .unwrap();
    for table in TABLES {
        assert_eq!(
            count(&server, &format!("SELECT count(*) FROM {table}")).await,
            0,
            "{table}"
        );
    }
    server.add_user("bob").await;
    let mut browser = Browser::new(&server);
    let request = AuthRequest::new(&client, SCOPE);
    let callback = browser.grant(&request, "bob").await;
    Tokens::of(server.redeem(&client, &callback.code(), &request).await);
    server.advance(server.app.config().tokens.refresh_absolute_lifetime.as_secs() + 86_400);
    jobs::sweep::once(&server.app).await.unwrap();
    for table in TABLES {
        assert_eq!(
            count(&server, &format!("SELECT count(*) FROM {table}")).await,
            0,
            "{table}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_knows_its_grant_goes_to_one_partition() {
    let Some(db) = TestDb::partitioned().await else { return };
    let server = TestServer::new(db).await;
    let client = server.add_client(ClientSpec::web("shop").trusted()).await;
    let tokens = server.code_flow(&client, SCOPE).await;
    let grant = claims(&tokens.access)["grant_id"].as_str().unwrap().to_owned();
    let digest = OpaqueToken::parse(Kind::Refresh, tokens.refresh()).unwrap().digest();
    let hex: String = digest.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let one = format!(
        "SELECT * FROM refresh_token r JOIN grants g ON g.id = r.grant_id
        WHERE r.digest = '\\x{hex}' AND r.grant_id = '{grant}' AND g.id = '{grant}'"
    );
    assert_eq!(partitions_of(&server, &one).await.len(), 2);
    let by_digest = format!("SELECT * FROM refresh_token WHERE digest = '\\x{hex}'");
    assert_eq!(
        partitions_of(&server, &by_digest).await.len(),
        16,
        "the digest alone does not tell"
    );
}

/// A rotation changes no index of the token that it spends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_spent_within_its_page() {
    let Some(db) = TestDb::postgres().await else { return };
    let server = TestServer::new(db).await;
    let client = server.add_client(ClientSpec::web("shop").trusted()).await;
    let mut tokens = server.code_flow(&client, SCOPE).await;
    for _ in 0..30 {
        tokens = Tokens::of(server.refresh(&client, tokens.refresh()).await);
    }
    // What a connection has counted reaches the statistics when it ends.
    server.store().close().await;
    let statistics = "SELECT n_tup_upd - n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'refresh_token'";
    let updates = "SELECT n_tup_upd FROM pg_stat_user_tables WHERE relname = 'refresh_token'";
    let mut seen = 0;
    while seen < 30 {
        seen = count(&server, updates).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(count(&server, statistics).await, 0);
}
