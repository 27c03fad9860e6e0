//! FT, RC: a database that does its work and cannot say so, says nothing at all, is slow, or turns a write away. What had no
//! answer happened once or not at all.

use std::time::{Duration, Instant};

use portcullis::config::Secret;
use portcullis::jobs::keys;
use portcullis::protocol::signing_alg::SigningAlg;
use portcullis::store::{Store, StoreOptions};
use tokio::task::JoinSet;

use super::faults::works;
use crate::support::{
    AuthRequest, Browser, ClientSpec, Crowd, PASSWORD, TestDb, TestServer, Tokens, Trouble, Wire, assert_sound,
    seconds, without_limits,
};

/// A node behind the wire, with the limits of the default settings.
async fn behind(wire: &Wire, server: &TestServer, max_connections: u32) -> TestServer {
    let options = StoreOptions {
        url: Secret::new(wire.url().to_owned()),
        max_connections,
        acquire_timeout: 3,
        statement_timeout: 4,
        create: false,
    };
    server.over(Store::open(&options).await.unwrap(), |_| {})
}

/// The wire is cut behind every single packet of a visit in turn: sign-in, consent, code, refresh, revocation, sign-out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ft_02_whatever_answer_is_lost_it_happened_once_or_not_at_all() {
    let Some(db) = TestDb::postgres().await else { return };
    let server = TestServer::with(db, without_limits).await;
    let crowd = Crowd::gather(&server, "shop").await;
    let wire = Wire::to(server.db.url()).await;
    let (mut packets, mut in_a_row) = (0, 0);
    // A visit that ends before the cut comes has been cut everywhere; the three kinds of visits take turns.
    while in_a_row < 3 {
        let node = behind(&wire, &server, 2).await;
        wire.lose_the_answer_after(packets);
        match crowd.visit(&node).await {
            Ok(()) => in_a_row += 1,
            Err(trouble) => {
                assert_eq!(trouble, Trouble(503), "after {packets} packets");
                assert!(wire.is_cut());
                in_a_row = 0;
            }
        }
        wire.mend();
        crowd.collect(&server).await;
        packets += 1;
        assert!(packets < 400, "a visit ends at some time");
    }
    assert!(packets > 40, "{packets} packets are not all of a visit");
    assert!(
        crowd.slowest_trouble().0 < Duration::from_secs(5),
        "{:?}",
        crowd.slowest_trouble()
    );
    crowd.replay(&server).await;
    assert_sound(&server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ft_02_a_rotation_without_an_answer_leaves_one_key_that_signs() {
    let Some(db) = TestDb::postgres().await else { return };
    let server = TestServer::new(db).await;
    let client = server.add_client(ClientSpec::web("shop").trusted()).await;
    server.alice().await;
    let wire = Wire::to(server.db.url()).await;
    for packets in 0.. {
        let node = behind(&wire, &server, 1).await;
        wire.lose_the_answer_after(packets);
        let rotated = keys::rotate(&node.app, SigningAlg::EdDsa, keys::Handover::After(0)).await;
        wire.mend();
        let keys = server.store().signing_keys().await.unwrap();
        let now = server.app.clock().now();
        let signs = keys
            .iter()
            .filter(|key| key.alg == SigningAlg::EdDsa && key.retires_at.is_none_or(|at| now < at));
        assert_eq!(signs.count(), 1, "after {packets} packets");
        if rotated.is_ok() && !wire.is_cut() && packets > 5 {
            break;
        }
    }
    assert!(works(&server, &client).await);
}

/// No packet, no error, no end: the wire is dead. Requests do not wait for TCP to notice, and dead connections take no
/// place in the pool.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ft_08_a_wire_that_goes_dead_holds_nobody_up() {
    let Some(db) = TestDb::postgres().await else { return };
    let server = TestServer::new(db).await;
    let client = server.add_client(ClientSpec::web("shop")).await;
    let tokens = server.code_flow(&client, "openid offline_access").await;
    let wire = Wire::to(server.db.url()).await;
    let node = behind(&wire, &server, 3).await;
    assert!(works(&node, &client).await);

    wire.go_dead();
    let mut waiting = JoinSet::new();
    for number in 0..9 {
        let (node, client, token) = (node.clone(), client.clone(), tokens.refresh().to_owned());
        waiting.spawn(async move {
            let started = Instant::now();
            let response = if number % 3 == 0 {
                node.get("/login").await
            } else {
                node.refresh(&client, &token).await
            };
            (response.status.as_u16(), started.elapsed())
        });
    }
    for (status, took) in waiting.join_all().await {
        assert_eq!(status, 503);
        assert!(took < Duration::from_millis(5500), "{took:?}");
    }
    node.get("/readyz").await.expect(503);
    // Those that hang up while they wait leave no dead connection behind either.
    for _ in 0..6 {
        let hung_up = tokio::time::timeout(
            Duration::from_millis(50),
            node.refresh(&client, tokens.refresh()).send(),
        );
        hung_up.await.expect_err("there is no answer");
    }

    wire.mend();
    let mended = Instant::now();
    while node.get("/readyz").await.status != 200 {
        assert!(mended.elapsed() < Duration::from_secs(10), "it heals by itself");
    }
    Tokens::of(node.refresh(&client, tokens.refresh()).await);
    assert!(works(&node, &client).await);
    let all_at_once = (0..3).map(|_| node.get("/login").send());
    for response in all_at_once.collect::<Vec<_>>() {
        response.await.expect(200);
    }
}

/// Half a second for each packet: who gets no connection in time is told so, and nothing happens twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ft_09_a_slow_database_sheds_load_and_repeats_nothing() {
    let Some(db) = TestDb::postgres().await else { return };
    let server = TestServer::with(db, |config| config.tokens.refresh_retry_window = seconds(60)).await;
    let client = server.add_client(ClientSpec::web("shop")).await;
    let tokens = server.code_flow(&client, "openid offline_access").await;
    let (code, request) = server.code(&client, "openid offline_access").await;
    let wire = Wire::to(server.db.url()).await;
    let node = behind(&wire, &server, 3).await;
    assert!(works(&node, &client).await);

    wire.slow_down(Duration::from_millis(500));
    let started = Instant::now();
    let mut redeeming = JoinSet::new();
    let mut refreshing = JoinSet::new();
    for _ in 0..8 {
        redeeming.spawn(node.redeem(&client, &code, &request).send());
        refreshing.spawn(node.refresh(&client, tokens.refresh()).send());
    }
    let (redeemed, refreshed) = (redeeming.join_all().await, refreshing.join_all().await);
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    let count = |answers: &[crate::support::TestResponse], status: u16| {
        answers.iter().filter(|answer| answer.status.as_u16() == status).count()
    };
    assert!(count(&redeemed, 200) <= 1);
    assert_eq!(count(&redeemed, 200) + count(&redeemed, 400) + count(&redeemed, 503), 8);
    assert_eq!(
        count(&refreshed, 200) + count(&refreshed, 503),
        8,
        "the window allows each of them"
    );
    assert!(
        count(&redeemed, 503) + count(&refreshed, 503) > 0,
        "not all have got a connection"
    );

    wire.mend();
    let mut live = 0;
    for answer in refreshed.into_iter().filter(|answer| answer.status == 200) {
        let sibling = Tokens::of(answer);
        live += usize::from(server.refresh(&client, sibling.refresh()).await.status == 200);
    }
    assert!(live <= 1, "{live} live leaves");
    server.redeem(&client, &code, &request).await;
    server
        .redeem(&client, &code, &request)
        .await
        .expect_error(400, "invalid_grant");
    assert_sound(&server).await;
    assert!(works(&node, &client).await);
}

/// PostgreSQL turns writes away as if other transactions were in their way: `times` times.
async fn turn_away(raw: &mut crate::support::AnyConnection, table: &str, when: &str, sqlstate: &str, times: i64) {
    raw.run(&format!(
        "DROP SEQUENCE IF EXISTS turned_away; CREATE SEQUENCE turned_away;
        CREATE OR REPLACE FUNCTION turn_away() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF nextval('turned_away') <= {times} THEN RAISE EXCEPTION 'in the way' USING ERRCODE = '{sqlstate}'; END IF;
            RETURN NEW;
        END $$;
        DROP TRIGGER IF EXISTS turn_away ON {table};
        CREATE TRIGGER turn_away BEFORE {when} ON {table} FOR EACH ROW EXECUTE FUNCTION turn_away();"
    ))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rc_38_a_write_in_whose_way_another_was_is_tried_again() {
    let Some(db) = TestDb::postgres().await else { return };
    let server = TestServer::new(db).await;
    let client = server.add_client(ClientSpec::web("shop")).await;
    let mut raw = server.db.raw().await;
    let mut tries = 0;
    for sqlstate in ["40001", "40P01"] {
        // Three times is no reason to bother anybody; a fourth is, and then nothing has happened.
        for (times, status) in [(1, 200), (3, 200), (4, 503)] {
            let (code, request) = server.code(&client, "openid offline_access").await;
            turn_away(&mut raw, "refresh_token", "INSERT", sqlstate, times).await;
            let redeemed = server.redeem(&client, &code, &request).await;
            assert_eq!(
                redeemed.status.as_u16(),
                status,
                "{sqlstate} {times}: {}",
                redeemed.text()
            );
            let tokens = if status == 200 {
                Tokens::of(redeemed)
            } else {
                redeemed.expect_error(503, "temporarily_unavailable");
                assert_eq!(
                    raw.number("SELECT last_value FROM turned_away").await,
                    4,
                    "four tries, no more"
                );
                Tokens::of(server.redeem(&client, &code, &request).await)
            };
            server.userinfo(&tokens.access).await.expect(200);

            turn_away(&mut raw, "refresh_token", "INSERT", sqlstate, times).await;
            let refreshed = server.refresh(&client, tokens.refresh()).await;
            assert_eq!(
                refreshed.status.as_u16(),
                status,
                "{sqlstate} {times}: {}",
                refreshed.text()
            );
            let left = if status == 200 { Tokens::of(refreshed) } else { tokens };
            Tokens::of(server.refresh(&client, left.refresh()).await);
            tries += 1;
        }
    }
    assert_eq!(tries, 6);
    assert_sound(&server).await;

    // A transaction of several statements is done again as a whole.
    let mut browser = Browser::new(&server);
    browser.open("/login").await.page();
    browser.sign_in("alice", PASSWORD).await.page();
    browser.open("/logout").await.page();
    turn_away(&mut raw, "browser_session", "UPDATE", "40001", 2).await;
    let before = browser.clone();
    browser.submit(&[]).await.page();
    assert_eq!(before.clone().open("/").await.page().heading(), "Welcome");
    assert_eq!(raw.number("SELECT last_value FROM turned_away").await, 3);
}

/// A loser of a race for a code reads that it lost, whatever the database calls it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rc_38_a_loser_that_was_turned_away_is_refused_as_one() {
    let Some(db) = TestDb::postgres().await else { return };
    let server = TestServer::new(db).await;
    let client = server.add_client(ClientSpec::web("shop")).await;
    let mut raw = server.db.raw().await;
    for _ in 0..5 {
        let (code, request): (String, AuthRequest) = server.code(&client, "openid offline_access").await;
        turn_away(&mut raw, "code", "UPDATE", "40001", 2).await;
        let mut racing = JoinSet::new();
        for _ in 0..4 {
            racing.spawn(server.redeem(&client, &code, &request).send());
        }
        let answers = racing.join_all().await;
        let won = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!(won, 1);
        for loser in answers.into_iter().filter(|answer| answer.status != 200) {
            loser.expect_error(400, "invalid_grant");
        }
        raw.run("DROP TRIGGER turn_away ON code").await;
    }
    assert_sound(&server).await;
}
