//! People whose requests meet: signing out, signing in twice, hanging up. As in `races`, what is asserted is the state after
//! everything has settled.

use std::future::{Future as _, IntoFuture as _};
use std::task::{Context, Waker};

use portcullis::model::user::{User, UserId, Username};
use portcullis::store::{UserWrite, Withdrawal};
use tokio::task::JoinSet;

use crate::support::{AuthRequest, Browser, ClientSpec, Landed, PASSWORD, TestServer, Tokens, both_stores};

const SCOPE: &str = "openid profile offline_access";

both_stores! {
    /// A code may still be given; it buys nothing once the sign-in has ended.
    async fn rc_11_signing_out_while_a_code_is_given(db: TestDb) {
        let server = TestServer::new(db).await;
        let other = server.second_node().await;
        let client = server.add_client(ClientSpec::web("shop").trusted()).await;
        server.alice().await;
        for _ in 0..10 {
            let mut browser = Browser::new(&server);
            browser.grant(&AuthRequest::new(&client, SCOPE), "alice").await;
            browser.open("/logout").await.page();
            let (path, sign_out) = browser.submission(&[("confirm", "logout")]);
            let mut twin = browser.clone();
            twin.switch_to(&other);
            let request = AuthRequest::new(&client, SCOPE);
            let (out, landed) = tokio::join!(browser.navigate(&path, sign_out), twin.authorize(&request));
            assert_eq!(out.page().heading(), "You are signed out");
            if let Landed::Callback(callback) = landed {
                server.redeem(&client, &callback.code(), &request).await.expect_error(400, "invalid_grant");
            }
        }
    }

    /// Of answers that meet, none undoes another: what is remembered is what it would be had they come one after the other.
    async fn rc_23_consents_to_different_scopes_add_up(db: TestDb) {
        let server = TestServer::new(db).await;
        let other = server.second_node().await;
        server.alice().await;
        for round in 0..8 {
            let client = server.add_client(ClientSpec::web(&format!("shop{round}"))).await;
            let mut first = Browser::new(&server);
            first.authorize(&AuthRequest::new(&client, "openid email").set("prompt", "consent")).await.page();
            assert!(first.sign_in("alice", PASSWORD).await.page().is_consent());
            let mut second = first.clone();
            second.switch_to(&other);
            second.authorize(&AuthRequest::new(&client, "openid profile").set("prompt", "consent")).await.page();
            let (one, two) = (first.submission(&[("decision", "allow")]), second.submission(&[("decision", "allow")]));
            let (one, two) = tokio::join!(first.navigate(&one.0, one.1), second.navigate(&two.0, two.1));
            assert!(!one.callback().code().is_empty() && !two.callback().code().is_empty());
            let all = AuthRequest::new(&client, "openid email profile");
            first.authorize(&all).await.callback().code();
        }
    }

    /// An answer that relies on a consent meets its withdrawal: either its grant was there to be ended, or the person is asked.
    async fn rc_10_withdrawing_a_consent_that_meets_an_authorization(db: TestDb) {
        let server = TestServer::new(db).await;
        let other = server.second_node().await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        let alice = server.alice().await;
        let request = AuthRequest::new(&client, SCOPE);
        let mut browser = Browser::new(&server);
        for _ in 0..10 {
            browser.grant(&request, "alice").await;
            let mut twin = browser.clone();
            twin.switch_to(&other);
            let (now, id) = (server.app.clock().now(), client.client_id());
            let (landed, withdrawn) =
                tokio::join!(twin.authorize(&request), server.store().withdraw_consent(alice.id, &id, now));
            assert!(matches!(withdrawn.unwrap(), Withdrawal::Done { grants: 1.. }));
            if let Landed::Callback(callback) = landed {
                server.redeem(&client, &callback.code(), &request).await.expect_error(400, "invalid_grant");
            }
            assert!(browser.authorize(&request).await.page().is_consent(), "the next request asks again");
        }
    }

    async fn rc_21_one_of_many_gets_a_username(db: TestDb) {
        let server = TestServer::new(db).await;
        let other = server.second_node().await;
        let now = server.app.clock().now();
        let mut running = JoinSet::new();
        for number in 0..50 {
            let node = if number % 2 == 0 { server.clone() } else { other.clone() };
            let spelled = ["Alice", "alice", "ALICE ", "\u{ff21}lice"][number % 4];
            running.spawn(async move {
                let user = User {
                    id: UserId(node.app.row_key(now)),
                    username: Username::register(spelled).unwrap(),
                    password: None,
                    claims: Default::default(),
                    is_admin: false,
                    pairwise_salt: portcullis::model::user::PairwiseSalt([0; 32]),
                    created_at: now,
                    updated_at: now,
                    disabled_at: None,
                };
                node.store().insert_user(&user).await.unwrap()
            });
        }
        let writes = running.join_all().await;
        assert_eq!(writes.iter().filter(|write| **write == UserWrite::Done).count(), 1);
        assert_eq!(writes.iter().filter(|write| **write == UserWrite::Taken).count(), 49);
        assert_eq!(server.store().users().await.unwrap().len(), 1);
    }

    /// Whoever a tab signed in, its code is for that person.
    async fn rc_25_two_tabs_sign_in_different_people(db: TestDb) {
        let server = TestServer::new(db).await;
        let client = server.add_client(ClientSpec::web("shop").trusted()).await;
        server.alice().await;
        server.add_user("bob").await;
        for _ in 0..5 {
            let mut first = Browser::new(&server);
            let requests = [AuthRequest::new(&client, SCOPE), AuthRequest::new(&client, SCOPE)];
            first.authorize(&requests[0]).await.page();
            let mut second = first.clone();
            second.authorize(&requests[1]).await.page();
            let (one, two) = tokio::join!(first.sign_in("alice", PASSWORD), second.sign_in("bob", PASSWORD));
            for (landed, request, user) in [(one, &requests[0], "alice"), (two, &requests[1], "bob")] {
                let Landed::Callback(callback) = landed else { continue };
                let answer = server.redeem(&client, &callback.code(), request).await;
                if answer.status == 200 {
                    let claims = server.userinfo(&Tokens::of(answer).access).await.expect(200).json();
                    assert_eq!(claims["preferred_username"], user);
                }
            }
        }
    }

    /// From the moment that a revocation is answered, no node takes the token.
    async fn rc_35_userinfo_on_another_node_after_a_revocation(db: TestDb) {
        let server = TestServer::new(db).await;
        let other = server.second_node().await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        for _ in 0..10 {
            let tokens = server.code_flow(&client, SCOPE).await;
            other.userinfo(&tokens.access).await.expect(200);
            server.revoke(&client, &tokens.access).await.expect(200);
            other.userinfo(&tokens.access).await.expect_error(401, "invalid_token");
        }
    }

    /// A caller that hangs up at any point leaves a code that is spent or not, and connections that others can use.
    async fn rc_37_hanging_up_leaves_nothing_half_done(db: TestDb) {
        let server = TestServer::new(db).await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        for polls in [1, 2, 3, 5, 8, 13, 21, 34] {
            let (code, request) = server.code(&client, SCOPE).await;
            let mut redeeming = Box::pin(server.redeem(&client, &code, &request).into_future());
            for _ in 0..polls {
                let done = redeeming.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
                if done {
                    break;
                }
                tokio::task::yield_now().await;
            }
            drop(redeeming);
            let again = server.redeem(&client, &code, &request).await;
            if again.status == 200 {
                let tokens = Tokens::of(again);
                server.refresh(&client, tokens.refresh()).await.expect(200);
            } else {
                again.expect_error(400, "invalid_grant");
            }
        }
        server.code_flow(&client, SCOPE).await;
    }
}
