//! Requests that meet: many at once, on two nodes over one database. What is asserted is the state after everything has
//! settled, not only the answers.

use std::collections::BTreeSet;
use std::future::IntoFuture as _;
use std::sync::Arc;

use portcullis::crypto::opaque::{Kind, OpaqueToken};
use portcullis::jobs::keys::{Handover, rotate};
use portcullis::model::client::{ClientSecret, SecretVerifier};
use portcullis::protocol::signing_alg::SigningAlg;
use portcullis::store::{ClientWrite, SecretRotation, UserWrite};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::support::{
    AuthRequest, Browser, ClientSpec, Landed, PASSWORD, TestClient, TestRequest, TestResponse, TestServer, Tokens,
    both_stores, seconds,
};

/// Sends all at the same moment; the answers come in the order of the requests.
async fn at_once(requests: Vec<TestRequest>) -> Vec<TestResponse> {
    let barrier = Arc::new(Barrier::new(requests.len()));
    let mut running = JoinSet::new();
    for (number, request) in requests.into_iter().enumerate() {
        let barrier = barrier.clone();
        running.spawn(async move {
            barrier.wait().await;
            (number, request.await)
        });
    }
    let mut answers = running.join_all().await;
    answers.sort_by_key(|(number, _)| *number);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

/// How many were answered 200; every other answer must be `invalid_grant`.
#[track_caller]
fn successes(answers: &[TestResponse]) -> usize {
    let refused = |answer: &TestResponse| answer.status == 400 && answer.error() == "invalid_grant";
    for answer in answers {
        assert!(
            answer.status == 200 || refused(answer),
            "{} {}",
            answer.status,
            answer.text()
        );
    }
    answers.iter().filter(|answer| answer.status == 200).count()
}

/// The tokens of the answers that gave some.
fn given(answers: Vec<TestResponse>) -> Vec<Tokens> {
    answers
        .into_iter()
        .filter(|answer| answer.status == 200)
        .map(Tokens::of)
        .collect()
}

/// Two nodes, and a client that stays connected.
async fn two_nodes(server: TestServer) -> (TestServer, TestServer, TestClient) {
    let other = server.second_node().await;
    let client = server.add_client(ClientSpec::web("shop")).await;
    server.alice().await;
    (server, other, client)
}

const SCOPE: &str = "openid offline_access";

both_stores! {
    async fn rc_01_rc_02_a_code_is_worth_one_set_of_tokens(db: TestDb) {
        let (server, other, client) = two_nodes(TestServer::new(db).await).await;
        for nodes in [[&server, &server], [&server, &other]] {
            let (code, request) = server.code(&client, SCOPE).await;
            let requests = (0..20).map(|number| nodes[number % 2].redeem(&client, &code, &request)).collect();
            let answers = at_once(requests).await;
            assert_eq!(successes(&answers), 1);
            for tokens in given(answers) {
                server.refresh(&client, tokens.refresh()).await.expect_error(400, "invalid_grant");
                other.userinfo(&tokens.access).await.expect_error(401, "invalid_token");
            }
        }
    }

    /// A wrong proof among right ones gets nothing and takes nothing away.
    async fn rc_03_a_wrong_verifier_costs_nobody_the_code(db: TestDb) {
        let (server, other, client) = two_nodes(TestServer::new(db).await).await;
        for _ in 0..5 {
            let (code, request) = server.code(&client, SCOPE).await;
            let wrong = AuthRequest::new(&client, SCOPE);
            let requests = vec![
                server.redeem(&client, &code, &wrong),
                other.redeem(&client, &code, &request),
                server.redeem(&client, &code, &wrong),
            ];
            let answers = at_once(requests).await;
            let statuses: Vec<_> = answers.iter().map(|answer| answer.status.as_u16()).collect();
            assert_eq!(statuses, [400, 200, 400]);
            let tokens = Tokens::of(answers[1].clone());
            server.userinfo(&tokens.access).await.expect(200);
        }
    }

    /// With offline access the redemption refers to the grant that is being deleted.
    async fn rc_05_sweeping_away_a_grant_while_its_code_is_redeemed(db: TestDb) {
        let (server, other, client) = two_nodes(TestServer::new(db).await).await;
        let the_end = server.app.clock().now().plus(365 * 86_400);
        for round in 0..30 {
            let (code, request) = server.code(&client, SCOPE).await;
            let redeem = server.redeem(&client, &code, &request).into_future();
            let sweep = async {
                for _ in 0..round % 10 {
                    tokio::task::yield_now().await;
                }
                other.store().sweep(the_end, 100).await
            };
            let (answer, swept) = tokio::join!(redeem, sweep);
            swept.unwrap();
            successes(&[answer]);
            server.redeem(&client, &code, &request).await.expect_error(400, "invalid_grant");
        }
    }

    async fn rc_05_sweeping_away_a_grant_while_it_is_refreshed(db: TestDb) {
        let (server, other, client) = two_nodes(TestServer::new(db).await).await;
        let the_end = server.app.clock().now().plus(365 * 86_400);
        for _ in 0..20 {
            let tokens = server.code_flow(&client, SCOPE).await;
            let refresh = server.refresh(&client, tokens.refresh()).into_future();
            let (answer, swept) = tokio::join!(refresh, other.store().sweep(the_end, 100));
            swept.unwrap();
            successes(&[answer]);
            server.refresh(&client, tokens.refresh()).await.expect_error(400, "invalid_grant");
        }
    }

    async fn rc_05_sweeping_on_two_nodes(db: TestDb) {
        let (server, other, _) = two_nodes(TestServer::new(db).await).await;
        let now = server.app.clock().now();
        for number in 0..200 {
            server.store().revoke_jwt(&format!("jti-{number}"), now.plus(-86_400)).await.unwrap();
        }
        let (one, two) = tokio::join!(server.store().sweep(now, 1000), other.store().sweep(now, 1000));
        assert_eq!(one.unwrap().rows + two.unwrap().rows, 200);
    }

    async fn rc_10_deleting_a_client_that_meets_its_requests(db: TestDb) {
        let server = TestServer::new(db).await;
        let other = server.second_node().await;
        for round in 0..10 {
            let client = server.add_client(ClientSpec::web(&format!("app-{round}"))).await;
            let tokens = server.code_flow(&client, SCOPE).await;
            let (code, request) = server.code(&client, SCOPE).await;
            let refresh = server.refresh(&client, tokens.refresh()).into_future();
            let redeem = server.redeem(&client, &code, &request).into_future();
            let id = client.client_id();
            let (refreshed, redeemed, deleted) = tokio::join!(refresh, redeem, other.store().delete_client(&id));
            assert_eq!(deleted.unwrap(), ClientWrite::Done);
            for answer in [refreshed, redeemed] {
                assert!([200, 400, 401].contains(&answer.status.as_u16()), "{}", answer.text());
                for tokens in given(vec![answer]) {
                    server.userinfo(&tokens.access).await.expect_error(401, "invalid_token");
                }
            }
            server.refresh(&client, tokens.refresh()).await.expect_error(401, "invalid_client");
        }
    }

    /// Without a retry window one request wins; the others are told to look again, and the family goes on.
    async fn rc_06_without_a_window_one_refresh_wins(db: TestDb) {
        let no_window = |config: &mut portcullis::config::Config| config.tokens.refresh_retry_window = seconds(0);
        let (server, other, client) = two_nodes(TestServer::with(db, no_window).await).await;
        let tokens = server.code_flow(&client, SCOPE).await;
        let requests = (0..20).map(|number| [&server, &other][number % 2].refresh(&client, tokens.refresh())).collect();
        let answers = at_once(requests).await;
        assert_eq!(successes(&answers), 1);
        let winner = given(answers).remove(0);
        other.userinfo(&winner.access).await.expect(200);
        let next = Tokens::of(server.refresh(&client, winner.refresh()).await);
        server.advance(3);
        server.refresh(&client, winner.refresh()).await.expect_error(400, "invalid_grant");
        server.refresh(&client, next.refresh()).await.expect_error(400, "invalid_grant");
    }

    async fn rc_07_with_a_window_one_live_leaf_is_left(db: TestDb) {
        let (server, other, client) = two_nodes(TestServer::new(db).await).await;
        let tokens = server.code_flow(&client, SCOPE).await;
        let requests = (0..20).map(|number| [&server, &other][number % 2].refresh(&client, tokens.refresh())).collect();
        let answers = at_once(requests).await;
        assert!(answers.iter().all(|answer| answer.status == 200 || answer.status == 503), "{answers:#?}");
        let siblings = given(answers);
        assert!(siblings.len() > 1, "the window allows retries");
        let mut live = 0;
        for sibling in &siblings {
            let answer = other.refresh(&client, sibling.refresh()).await;
            live += successes(std::slice::from_ref(&answer));
            if answer.status == 200 {
                let next = Tokens::of(answer);
                server.userinfo(&next.access).await.expect(200);
            }
        }
        assert_eq!(live, 1);
    }

    /// Whatever the order, there is no second live leaf.
    async fn rc_08_a_token_and_its_child_at_once(db: TestDb) {
        let (server, other, client) = two_nodes(TestServer::new(db).await).await;
        for round in 0..10 {
            let old = server.code_flow(&client, SCOPE).await;
            let child = Tokens::of(server.refresh(&client, old.refresh()).await);
            let mut requests = vec![server.refresh(&client, old.refresh()), other.refresh(&client, child.refresh())];
            if round % 2 == 1 {
                requests.reverse();
            }
            let answers = at_once(requests).await;
            successes(&answers);
            let mut live = 0;
            for tokens in given(answers) {
                live += successes(&[server.refresh(&client, tokens.refresh()).await]);
            }
            assert!(live <= 1, "{live} live leaves in round {round}");
        }
    }

    async fn rc_09_nothing_survives_a_revocation_that_meets_a_refresh(db: TestDb) {
        let (server, other, client) = two_nodes(TestServer::new(db).await).await;
        for _ in 0..10 {
            let tokens = server.code_flow(&client, SCOPE).await;
            let requests = vec![server.revoke(&client, tokens.refresh()), other.refresh(&client, tokens.refresh())];
            let answers = at_once(requests).await;
            assert_eq!(answers[0].status, 200);
            successes(&answers[1..]);
            assert_all_dead(&server, &client, [vec![tokens], given(answers[1..].to_vec())].concat()).await;
        }
    }

    async fn rc_10_nothing_survives_disabling_a_user_that_meets_a_refresh(db: TestDb) {
        let (server, other, client) = two_nodes(TestServer::new(db).await).await;
        let alice = server.alice().await;
        for _ in 0..10 {
            let tokens = server.code_flow(&client, SCOPE).await;
            let now = server.app.clock().now();
            let refresh = other.refresh(&client, tokens.refresh()).into_future();
            let (answer, disabled) = tokio::join!(refresh, server.store().disable_user(alice.id, now));
            assert_eq!(disabled.unwrap(), UserWrite::Done);
            successes(std::slice::from_ref(&answer));
            server.store().enable_user(alice.id).await.unwrap();
            assert_all_dead(&server, &client, [vec![tokens], given(vec![answer])].concat()).await;
        }
    }

    async fn rc_10_nothing_survives_disabling_a_user_that_meets_a_code(db: TestDb) {
        let (server, other, client) = two_nodes(TestServer::new(db).await).await;
        let alice = server.alice().await;
        for _ in 0..10 {
            let (code, request) = server.code(&client, SCOPE).await;
            let now = server.app.clock().now();
            let redeem = other.redeem(&client, &code, &request).into_future();
            let (answer, disabled) = tokio::join!(redeem, server.store().disable_user(alice.id, now));
            assert_eq!(disabled.unwrap(), UserWrite::Done);
            successes(std::slice::from_ref(&answer));
            server.store().enable_user(alice.id).await.unwrap();
            assert_all_dead(&server, &client, given(vec![answer])).await;
        }
    }

    async fn rc_22_consent_sent_twice_is_one_answer(db: TestDb) {
        let (server, other, client) = two_nodes(TestServer::new(db).await).await;
        for (first, second) in [("allow", "allow"), ("allow", "deny"), ("deny", "allow"), ("deny", "deny")] {
            let mut browser = Browser::new(&server);
            let request = AuthRequest::new(&client, SCOPE).set("prompt", "consent");
            browser.authorize(&request).await.page();
            assert!(browser.sign_in("alice", PASSWORD).await.page().is_consent());
            let mut twin = browser.clone();
            twin.switch_to(&other);
            let (one, two) = (browser.submission(&[("decision", first)]), twin.submission(&[("decision", second)]));
            let (one, two) = tokio::join!(browser.navigate(&one.0, one.1), twin.navigate(&two.0, two.1));
            let mut answers = 0;
            for landed in [one, two] {
                match landed {
                    Landed::Callback(_) => answers += 1,
                    Landed::Page(page) => assert_eq!(page.status(), 409, "{}", page.heading()),
                }
            }
            assert_eq!(answers, 1, "{first} and {second}");
        }
    }

    /// A request that is still running with the old cookie neither becomes signed in nor undoes the sign-in.
    async fn rc_24_the_cookie_before_a_sign_in_is_worth_nothing_after_it(db: TestDb) {
        let (server, other, client) = two_nodes(TestServer::new(db).await).await;
        for _ in 0..5 {
            let mut browser = Browser::new(&server);
            browser.authorize(&AuthRequest::new(&client, "openid")).await.page();
            let mut stale = browser.clone();
            stale.switch_to(&other);
            let second_request = AuthRequest::new(&client, "openid email");
            let (signed_in, _) = tokio::join!(browser.sign_in("alice", PASSWORD), stale.authorize(&second_request));
            assert!(signed_in.page().is_consent());
            assert_ne!(browser.cookie_header(), stale.cookie_header());
            assert_eq!(stale.open("/").await.page().heading(), "Welcome");
            assert_eq!(browser.open("/").await.page().heading(), "You are signed in");
        }
    }

    async fn rc_26_two_first_starts_make_one_schema_and_one_set_of_keys(db: TestDb) {
        let empty = db.empty_sibling().await;
        let server = TestServer::without_keys(empty, "https://id.example", |_| {}).await;
        let other = server.second_node().await;
        let start = async |node: &TestServer| {
            node.store().migrate().await.unwrap();
            portcullis::jobs::keys::ensure(&node.app).await.unwrap();
        };
        tokio::join!(start(&server), start(&other));
        let keys = server.store().signing_keys().await.unwrap();
        assert_eq!(keys.len(), SigningAlg::ALL.len());
        let kids: BTreeSet<_> = keys.iter().map(|key| &key.kid).collect();
        assert_eq!(kids.len(), keys.len());
        for node in [&server, &other] {
            node.get("/readyz").await.expect(200);
        }
        let documents = [server.get("/.well-known/jwks.json").await, other.get("/.well-known/jwks.json").await];
        assert_eq!(documents[0].json(), documents[1].json());
    }

    async fn rc_27_two_rotations_of_a_key_make_one_successor(db: TestDb) {
        let server = TestServer::new(db).await;
        let other = server.second_node().await;
        let next = async |node: &TestServer| rotate(&node.app, SigningAlg::EdDsa, Handover::After(0)).await;
        let (one, two) = tokio::join!(next(&server), next(&other));
        let keys = server.store().signing_keys().await.unwrap();
        let generations: Vec<_> = keys.iter().filter(|key| key.alg == SigningAlg::EdDsa).map(|key| key.generation).collect();
        let done = i64::from(one.is_ok()) + i64::from(two.is_ok());
        assert!(done >= 1);
        assert_eq!(generations, (1..=1 + done).collect::<Vec<_>>());
        let now = server.app.clock().now();
        let signing = keys.iter().filter(|key| key.alg == SigningAlg::EdDsa && key.retires_at.is_none_or(|at| now < at));
        assert_eq!(signing.count(), 1, "the others have retired");
    }

    async fn rc_33_of_two_rotations_of_a_secret_one_is_told_of_the_other(db: TestDb) {
        let (server, other, client) = two_nodes(TestServer::new(db).await).await;
        for _ in 0..10 {
            let seen = server.store().client(&client.client_id()).await.unwrap().unwrap();
            let now = server.app.clock().now();
            let rotate = async |node: &TestServer| {
                let token = OpaqueToken::generate(Kind::ClientSecret);
                let secret = ClientSecret {
                    sealed: None,
                    id: node.app.row_key(now),
                    verifier: SecretVerifier::Digest(token.digest()),
                    created_at: now,
                    expires_at: None,
                };
                let rotation = SecretRotation { client: &seen, secret: &secret, overlap_until: now.plus(60) };
                let outcome = node.store().rotate_secret(&rotation).await.unwrap();
                (outcome, token.expose().to_owned())
            };
            let (one, two) = tokio::join!(rotate(&server), rotate(&other));
            let outcomes = [one.0, two.0];
            assert!(outcomes.contains(&ClientWrite::Done) && outcomes.contains(&ClientWrite::Conflict), "{outcomes:?}");
            for (outcome, secret) in [one, two] {
                let holder = TestClient { secret: Some(secret), ..client.clone() };
                let expected = if outcome == ClientWrite::Done { "invalid_grant" } else { "invalid_client" };
                assert_eq!(server.refresh(&holder, "pc_rt_unknown").await.error(), expected);
            }
        }
    }
}

/// None of these tokens opens anything, on any node.
async fn assert_all_dead(server: &TestServer, client: &TestClient, all: Vec<Tokens>) {
    for tokens in all {
        server
            .refresh(client, tokens.refresh())
            .await
            .expect_error(400, "invalid_grant");
        server.userinfo(&tokens.access).await.expect_error(401, "invalid_token");
    }
}
