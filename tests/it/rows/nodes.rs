//! FT, RC: several nodes over one database: one is killed in the middle of a flow, none is told twice, clocks differ.

use std::time::Duration;

use super::faults::works;
use crate::support::process::{Process, serve_command};
use crate::support::{
    AuthRequest, Browser, ClientSpec, Crowd, PASSWORD, TestDb, TestServer, Tokens, WITHOUT_LIMITS, Wire, assert_sound,
    both_stores, seconds, without_limits,
};

both_stores! {
    async fn ft_29_a_node_killed_in_the_middle_of_a_flow_is_not_missed(db: TestDb) {
        let server = TestServer::new(db).await;
        server.alice().await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        let data = tempfile::tempdir().unwrap();
        for killed_after in 0..5 {
            let mut process = Process::listening(serve_command(&server, data.path(), &WITHOUT_LIMITS), "ready");
            let survivor = Process::listening(serve_command(&server, data.path(), &WITHOUT_LIMITS), "ready");
            let (first, other) = (process.node(&server), survivor.node(&server));
            let mut kill_after = |step: u32| {
                if step == killed_after {
                    process.kill();
                }
                if step >= killed_after { other.clone() } else { first.clone() }
            };
            let request = AuthRequest::new(&client, "openid offline_access").set("prompt", "login consent");
            let mut browser = Browser::new(&first);
            assert!(browser.authorize(&request).await.page().is_sign_in());
            browser.switch_to(&kill_after(0));
            assert!(browser.sign_in("alice", PASSWORD).await.page().is_consent());
            browser.switch_to(&kill_after(1));
            let callback = browser.consent("allow").await.callback();
            assert_eq!((callback.get("state"), callback.get("error")), ("the-state", ""));
            let tokens = Tokens::of(kill_after(2).redeem(&client, &callback.code(), &request).await);
            let renewed = Tokens::of(kill_after(3).refresh(&client, tokens.refresh()).await);
            kill_after(4).userinfo(&renewed.access).await.expect(200);
        }
    }

    /// Every request of every flow goes to any of three nodes.
    async fn ft_30_every_request_to_any_node(db: TestDb) {
        let server = TestServer::with(db, without_limits).await;
        let nodes = [server.clone(), server.second_node().await, server.second_node().await];
        let balancer = TestServer::any_of(&nodes);
        let crowd = Crowd::gather(&server, "visitors").await;
        let day = crowd.visit_all_day(&balancer, 4);
        while crowd.visits() < 30 {
            tokio::task::yield_now().await;
        }
        crowd.tire();
        assert_eq!(day.join_all().await, [None; 4], "nothing was ever in the way");
        crowd.collect(&balancer).await;
        crowd.replay(&balancer).await;
        assert_sound(&server).await;

        // What an operator changes counts on all of them with the next request.
        let batch = server.add_client(ClientSpec::service("batch")).await;
        let shop = server.add_client(ClientSpec::web("shop")).await;
        for _ in 0..10 {
            balancer.client_credentials(&batch).await.expect(200);
            assert!(works(&balancer, &shop).await);
            let now = server.app.clock().now();
            nodes[1].store().set_client_enabled(&batch.client_id(), false, now).await.unwrap();
            for _ in 0..4 {
                balancer.client_credentials(&batch).await.expect_error(401, "invalid_client");
            }
            nodes[2].store().set_client_enabled(&batch.client_id(), true, now).await.unwrap();
        }
    }

    async fn rc_30_nodes_whose_clocks_differ_by_thirty_seconds(db: TestDb) {
        // A retry on another node is one only while the window is longer than the clocks differ.
        let server = TestServer::with(db, |config| config.tokens.refresh_retry_window = seconds(60)).await;
        let client = server.add_client(ClientSpec::web("shop").trusted()).await;
        let fast = server.with_clock_ahead(30).await;
        let slow = server.with_clock_ahead(-30).await;
        for (mints, uses) in [(&server, &fast), (&fast, &server), (&server, &slow), (&slow, &server)] {
            let (code, request) = mints.code(&client, "openid offline_access").await;
            let tokens = Tokens::of(uses.redeem(&client, &code, &request).await);
            mints.userinfo(&tokens.access).await.expect(200);
            let renewed = Tokens::of(mints.refresh(&client, tokens.refresh()).await);
            uses.userinfo(&renewed.access).await.expect(200);
            // A lost answer may be asked for again on the other node.
            Tokens::of(uses.refresh(&client, tokens.refresh()).await);
            let mut browser = Browser::new(mints);
            browser.open("/login").await.page();
            browser.sign_in("alice", PASSWORD).await.page();
            browser.switch_to(uses);
            assert_eq!(browser.open("/").await.page().heading(), "You are signed in");
        }
        // Nothing lives longer than it may and the difference.
        let (code, request) = fast.code(&client, "openid").await;
        let (spare, spare_request) = fast.code(&client, "openid").await;
        let tokens = Tokens::of(fast.redeem(&client, &spare, &spare_request).await);
        server.advance(60 + 30);
        server.redeem(&client, &code, &request).await.expect_error(400, "invalid_grant");
        server.advance(15 * 60 - 60 - 1);
        server.userinfo(&tokens.access).await.expect(200);
        server.advance(1 + 30);
        server.userinfo(&tokens.access).await.expect_error(401, "invalid_token");
    }

    async fn ft_36_on_a_clock_that_is_ten_minutes_off_things_end_in_clean_refusals(db: TestDb) {
        let server = TestServer::new(db).await;
        let client = server.add_client(ClientSpec::web("shop").trusted()).await;
        let ahead = server.with_clock_ahead(600).await;
        let (code, request) = server.code(&client, "openid").await;
        ahead.redeem(&client, &code, &request).await.expect_error(400, "invalid_grant");
        let tokens = ahead.code_flow(&client, "openid").await;
        server.userinfo(&tokens.access).await.expect_error(401, "invalid_token");
    }
}

/// The proxy's patience ends while the first node is still at work, and it asks the second.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ft_31_a_proxy_that_asks_a_second_node_gets_one_effect() {
    let Some(db) = TestDb::postgres().await else { return };
    let server = TestServer::new(db).await;
    let client = server.add_client(ClientSpec::web("shop").trusted()).await;
    server.alice().await;
    let wire = Wire::to(server.db.url()).await;
    let first = server.over(TestDb::try_open(wire.url(), false).await.unwrap(), |_| {});
    assert!(works(&first, &client).await);
    wire.slow_down(Duration::from_millis(40));
    for patience in [0, 30, 60, 90, 120, 150, 200, 300] {
        let (code, request) = server.code(&client, "openid offline_access").await;
        let asked = tokio::spawn(first.redeem(&client, &code, &request).send());
        // A proxy's timeout: nothing is waited for.
        tokio::time::sleep(Duration::from_millis(patience)).await;
        let second = server.redeem(&client, &code, &request).await;
        let answers = [asked.await.unwrap(), second];
        let won = answers.iter().filter(|answer| answer.status == 200).count();
        assert!(won <= 1, "{won} answers after {patience} ms");
        for answer in answers.iter().filter(|answer| answer.status != 200) {
            assert_eq!(
                (answer.status.as_u16(), answer.error().as_str()),
                (400, "invalid_grant")
            );
        }

        let tokens = server.code_flow(&client, "openid offline_access").await;
        let asked = tokio::spawn(first.refresh(&client, tokens.refresh()).send());
        tokio::time::sleep(Duration::from_millis(patience)).await;
        let second = Tokens::of(server.refresh(&client, tokens.refresh()).await);
        let late = Tokens::of(asked.await.unwrap());
        let mut live = 0;
        for sibling in [late, second] {
            live += u32::from(server.refresh(&client, sibling.refresh()).await.status == 200);
        }
        assert_eq!(live, 1, "after {patience} ms");
    }
    assert_sound(&server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ft_20_two_servers_over_one_file_are_two_nodes() {
    let server = TestServer::new(TestDb::sqlite().await).await;
    let crowd = Crowd::gather(&server, "visitors").await;
    let batch = server.add_client(ClientSpec::service("batch")).await;
    let data = tempfile::tempdir().unwrap();
    let processes = [0, 1].map(|_| Process::listening(serve_command(&server, data.path(), &WITHOUT_LIMITS), "ready"));
    let nodes = [processes[0].node(&server), processes[1].node(&server)];
    let balancer = TestServer::any_of(&nodes);
    let day = crowd.visit_all_day(&balancer, 4);
    while crowd.visits() < 20 {
        tokio::task::yield_now().await;
    }
    crowd.tire();
    assert_eq!(day.join_all().await, [None; 4]);
    crowd.collect(&balancer).await;
    for node in &nodes {
        node.client_credentials(&batch).await.expect(200);
    }
    let now = server.app.clock().now();
    server
        .store()
        .set_client_enabled(&batch.client_id(), false, now)
        .await
        .unwrap();
    for node in &nodes {
        node.client_credentials(&batch)
            .await
            .expect_error(401, "invalid_client");
    }
    crowd.replay(&balancer).await;
    assert_sound(&server).await;
}
