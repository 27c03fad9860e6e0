//! What a token rests on, asked by many at once: whoever asks after something has ended is told so, by every node.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use portcullis::model::browser_session::BrowserSessionId;
use portcullis::store::UserWrite;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::support::{ClientSpec, TestClient, TestServer, Tokens, both_stores, claims};

/// How many ask each node at each endpoint.
const CROWD: usize = 16;

/// What those who ask and the one who ends something know of each other.
#[derive(Default)]
struct Watch {
    /// It is done: whoever asks from now on must be told.
    ended: AtomicBool,
    /// How often the token counted.
    counted: AtomicUsize,
}

/// Whether the token counts: at introspection, or at userinfo.
async fn counts(node: &TestServer, caller: &TestClient, token: &str, introspect: bool) -> bool {
    if introspect {
        let answer = node.introspect(caller, token).await.expect(200).json();
        return answer["active"] == true;
    }
    match node.userinfo(token).await.status.as_u16() {
        200 => true,
        401 => false,
        other => panic!("{other}"),
    }
}

/// Asks until it was asked once after the end.
async fn ask(node: TestServer, caller: TestClient, token: String, introspect: bool, watch: Arc<Watch>) {
    loop {
        let ended = watch.ended.load(Ordering::SeqCst);
        let counts = counts(&node, &caller, &token, introspect).await;
        assert!(
            !(ended && counts),
            "asked after the end, and told that it counts (introspection: {introspect})"
        );
        if ended {
            return;
        }
        watch.counted.fetch_add(usize::from(counts), Ordering::SeqCst);
        tokio::task::yield_now().await;
    }
}

/// Ends something while a crowd asks both nodes.
async fn under_load(nodes: &[TestServer; 2], client: &TestClient, token: &str, end: impl Future<Output = ()>) {
    let watch = Arc::<Watch>::default();
    let mut crowd = JoinSet::new();
    for node in nodes {
        for number in 0..2 * CROWD {
            let (node, client, token) = (node.clone(), client.clone(), token.to_owned());
            crowd.spawn(ask(node, client, token, number % 2 == 0, watch.clone()));
        }
    }
    while watch.counted.load(Ordering::SeqCst) < 4 * CROWD {
        if let Some(early) = crowd.try_join_next() {
            early.unwrap();
        }
        tokio::task::yield_now().await;
    }
    end.await;
    watch.ended.store(true, Ordering::SeqCst);
    crowd.join_all().await;
}

both_stores! {
    async fn an_end_counts_for_the_very_next_who_asks_on_every_node(db: TestDb) {
        let server = TestServer::new(db).await;
        let nodes = [server.clone(), server.second_node().await];
        let client = server.add_client(ClientSpec::web("shop").trusted()).await;
        let alice = server.alice().await;
        let now = server.app.clock().now();
        let flow = async |scope: &str| -> Tokens { server.code_flow(&client, scope).await };

        let tokens = flow("openid profile offline_access").await;
        let revoke = async || drop(server.revoke(&client, &tokens.access).await.expect(200));
        under_load(&nodes, &client, &tokens.access, revoke()).await;

        let tokens = flow("openid profile offline_access").await;
        let end_grant = async || drop(nodes[1].revoke(&client, tokens.refresh()).await.expect(200));
        under_load(&nodes, &client, &tokens.access, end_grant()).await;

        let tokens = flow("openid profile").await;
        let sid: Uuid = claims(tokens.id.as_ref().unwrap())["sid"].as_str().unwrap().parse().unwrap();
        let sign_out = async || server.store().end_session(BrowserSessionId(sid), now).await.unwrap();
        under_load(&nodes, &client, &tokens.access, sign_out()).await;

        let tokens = flow("openid profile offline_access").await;
        let disable = async || assert_eq!(server.store().disable_user(alice.id, now).await.unwrap(), UserWrite::Done);
        under_load(&nodes, &client, &tokens.access, disable()).await;
    }
}
