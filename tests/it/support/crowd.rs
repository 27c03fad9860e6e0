//! Honest people and their client under load, who remember what they were promised.
//!
//! Whatever breaks meanwhile: afterwards every acknowledged answer must count, and what had no answer must have happened
//! once or not at all.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use portcullis::config::{Config, Rate};
use tokio::task::JoinSet;

use super::browser::{AuthRequest, Browser, Landed};
use super::fixtures::{ClientSpec, PASSWORD, TestClient, Tokens};
use super::http::TestResponse;
use super::server::TestServer;

/// One client with many people. Clones are the same crowd.
#[derive(Clone)]
pub struct Crowd {
    client: TestClient,
    memory: Arc<Mutex<Memory>>,
    visits: Arc<AtomicUsize>,
    tired: Arc<AtomicBool>,
}

/// What was acknowledged, and what had no answer.
#[derive(Default)]
struct Memory {
    /// The last tokens of each grant that nobody has ended.
    alive: Vec<Tokens>,
    /// Tokens of grants whose revocation was acknowledged.
    revoked: Vec<Tokens>,
    /// Refresh tokens that were spent, and whose successors were used.
    spent: Vec<String>,
    /// Codes that bought tokens.
    redeemed: Vec<(String, AuthRequest)>,
    /// Codes that were sent and had no answer.
    unsure: Vec<(String, AuthRequest)>,
    /// Browsers whose sign-out was acknowledged, with the cookies from before.
    signed_out: Vec<Browser>,
    slowest_trouble: (Duration, String),
}

/// The server has said that it cannot answer now (503), or has said nothing (502).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trouble(pub u16);

/// Settings under which one account can stand for everybody: a sign-in that is cut off has cost it a try.
pub const WITHOUT_LIMITS: [&str; 3] = [
    "limits.sign_in_per_account=off",
    "limits.sign_in_per_known_browser=off",
    "limits.sign_in_per_address=off",
];

/// The same for a node of the test's own.
pub fn without_limits(config: &mut Config) {
    config.limits.sign_in_per_account = Rate::OFF;
    config.limits.sign_in_per_known_browser = Rate::OFF;
    config.limits.sign_in_per_address = Rate::OFF;
}

const SCOPE: &str = "openid offline_access";
/// How many of each kind are looked at again in a later round.
const REMEMBERED: usize = 12;

impl Crowd {
    /// Registers the client, which is called `name`, and makes alice.
    pub async fn gather(server: &TestServer, name: &str) -> Self {
        server.alice().await;
        Self {
            client: server.add_client(ClientSpec::web(name)).await,
            memory: Arc::default(),
            visits: Arc::default(),
            tired: Arc::default(),
        }
    }

    /// Starts `people` who visit until something breaks, or they are [tired](Self::tire).
    pub fn visit_all_day(&self, node: &TestServer, people: usize) -> JoinSet<Option<Trouble>> {
        self.tired.store(false, Ordering::SeqCst);
        let mut day = JoinSet::new();
        for _ in 0..people {
            let (crowd, node) = (self.clone(), node.clone());
            day.spawn(async move {
                while !crowd.tired.load(Ordering::SeqCst) {
                    if let Err(trouble) = crowd.visit(&node).await {
                        return Some(trouble);
                    }
                }
                None
            });
        }
        day
    }

    /// Starts `people` who visit until they are tired, whatever breaks.
    pub fn visit_through_trouble(&self, node: &TestServer, people: usize) -> JoinSet<()> {
        self.tired.store(false, Ordering::SeqCst);
        let mut day = JoinSet::new();
        for _ in 0..people {
            let (crowd, node) = (self.clone(), node.clone());
            day.spawn(async move {
                while !crowd.tired.load(Ordering::SeqCst) {
                    if crowd.visit(&node).await.is_err() {
                        // Who was told to come back later does not come back at once.
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                }
            });
        }
        day
    }

    /// Sends everybody home after the visit that is under way.
    pub fn tire(&self) {
        self.tired.store(true, Ordering::SeqCst);
    }

    /// How many visits went well, of all kinds.
    pub fn visits(&self) -> usize {
        self.visits.load(Ordering::SeqCst)
    }

    /// The longest wait for an answer that was none, and what it said.
    pub fn slowest_trouble(&self) -> (Duration, String) {
        self.remember().slowest_trouble.clone()
    }

    /// One person: signs in, consents, redeems, refreshes; some revoke, some sign out.
    pub async fn visit(&self, node: &TestServer) -> Result<(), Trouble> {
        let mut browser = Browser::new(node);
        let request = AuthRequest::new(&self.client, SCOPE).set("prompt", "login consent");
        let landed = self.page(browser.authorize(&request)).await?;
        assert!(
            matches!(&landed, Landed::Page(page) if page.is_sign_in()),
            "asked to sign in"
        );
        let landed = self.page(browser.sign_in("alice", PASSWORD)).await?;
        assert!(
            matches!(&landed, Landed::Page(page) if page.is_consent()),
            "asked for consent"
        );
        let code = self.page(browser.consent("allow")).await?.callback().code();

        let redeemed = self.answer(node.redeem(&self.client, &code, &request)).await;
        let mut tokens = match redeemed {
            Ok(response) => Tokens::of(response),
            Err(trouble) => {
                self.remember().unsure.push((code, request));
                return Err(trouble);
            }
        };
        self.remember().redeemed.push((code, request));
        let number = self.visits.load(Ordering::SeqCst);
        for _ in 0..2 {
            match self.answer(node.refresh(&self.client, tokens.refresh())).await {
                Ok(response) => tokens = Tokens::of(response),
                // The token that was not answered must still work: it is the last one that there is.
                Err(trouble) => {
                    self.remember().alive.push(tokens);
                    return Err(trouble);
                }
            }
        }
        if number % 3 == 1 {
            // Without an answer it may have happened or not.
            self.answer(node.revoke(&self.client, tokens.refresh()))
                .await?
                .expect(200);
            self.remember().revoked.push(tokens);
        } else {
            self.remember().alive.push(tokens);
        }
        if number % 3 == 2 {
            let before = browser.clone();
            self.page(browser.open("/logout")).await?;
            self.page(browser.submit(&[])).await?;
            self.remember().signed_out.push(before);
        }
        self.visits.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    /// Asks for everything that was promised. `node` must be well.
    pub async fn collect(&self, node: &TestServer) {
        let memory = std::mem::take(&mut *self.remember());
        let mut kept = Memory::default();
        for tokens in memory.alive {
            let next = node.refresh(&self.client, tokens.refresh()).await;
            assert_eq!(
                next.status,
                200,
                "an acknowledged refresh token was lost: {}",
                next.text()
            );
            let next = Tokens::of(next);
            node.userinfo(&next.access).await.expect(200);
            let later = Tokens::of(node.refresh(&self.client, next.refresh()).await);
            kept.spent.push(tokens.refresh().to_owned());
            kept.alive.push(later);
        }
        for (code, request) in memory.unsure {
            let again = node.redeem(&self.client, &code, &request).await;
            match again.status.as_u16() {
                200 => kept.alive.push(Tokens::of(again)),
                _ => drop(again.expect_error(400, "invalid_grant")),
            }
        }
        for tokens in memory.revoked {
            node.refresh(&self.client, tokens.refresh())
                .await
                .expect_error(400, "invalid_grant");
            node.userinfo(&tokens.access).await.expect_error(401, "invalid_token");
            kept.revoked.push(tokens);
        }
        for browser in memory.signed_out {
            let mut browser = browser;
            browser.switch_to(node);
            assert_eq!(
                browser.open("/").await.page().heading(),
                "Welcome",
                "signed out for good"
            );
            kept.signed_out.push(browser);
        }
        kept.redeemed = memory.redeemed;
        kept.forget_most();
        *self.remember() = kept;
    }

    /// Presents what is used up. It must be refused, which ends the grants that it belongs to.
    pub async fn replay(&self, node: &TestServer) {
        let memory = std::mem::take(&mut *self.remember());
        assert!(!memory.redeemed.is_empty(), "somebody has redeemed a code");
        for (code, request) in memory.redeemed {
            node.redeem(&self.client, &code, &request)
                .await
                .expect_error(400, "invalid_grant");
        }
        for token in memory.spent {
            node.refresh(&self.client, &token)
                .await
                .expect_error(400, "invalid_grant");
        }
    }

    async fn page(&self, landing: impl Future<Output = Landed>) -> Result<Landed, Trouble> {
        let started = Instant::now();
        let landed = landing.await;
        let status = match &landed {
            Landed::Callback(callback) if callback.get("error") == "temporarily_unavailable" => 503,
            Landed::Callback(callback) => {
                assert_eq!(callback.get("error"), "");
                200
            }
            Landed::Page(page) => page.status(),
        };
        let at = match &landed {
            Landed::Page(page) => format!("{}: {}", page.path, page.heading()),
            Landed::Callback(callback) => callback.uri.clone(),
        };
        if status == 200 {
            Ok(landed)
        } else {
            Err(self.trouble(status, started, &at))
        }
    }

    async fn answer(&self, request: impl IntoFuture<Output = TestResponse>) -> Result<TestResponse, Trouble> {
        let started = Instant::now();
        let response = request.await;
        match response.status.as_u16() {
            200 => Ok(response),
            status => Err(self.trouble(status, started, response.text())),
        }
    }

    fn trouble(&self, status: u16, started: Instant, what: &str) -> Trouble {
        assert!([502, 503].contains(&status), "{status}: {what}");
        let mut memory = self.remember();
        if memory.slowest_trouble.0 < started.elapsed() {
            memory.slowest_trouble = (started.elapsed(), what.to_owned());
        }
        Trouble(status)
    }

    fn remember(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.memory.lock().unwrap()
    }
}

impl Memory {
    fn forget_most(&mut self) {
        self.alive.truncate(REMEMBERED);
        self.revoked.truncate(REMEMBERED);
        self.spent.truncate(REMEMBERED);
        self.signed_out.truncate(REMEMBERED);
        let old = self.redeemed.len().saturating_sub(REMEMBERED);
        self.redeemed.drain(..old);
    }
}

/// What holds in the tables whatever has happened.
pub async fn assert_sound(server: &TestServer) {
    let mut raw = server.db.raw().await;
    for (what, count) in [
        (
            "grants with two live refresh tokens",
            "SELECT count(*) FROM (SELECT grant_id FROM refresh_token WHERE spent_at IS NULL AND replaced_at IS NULL
                GROUP BY grant_id HAVING count(*) > 1) AS many",
        ),
        (
            "grants that were begun twice",
            "SELECT count(*) FROM (SELECT grant_id FROM refresh_token WHERE generation = 1
                GROUP BY grant_id HAVING count(*) > 1) AS many",
        ),
        (
            "redeemed codes without the tokens that they bought",
            "SELECT count(*) FROM code k JOIN grants g ON g.id = k.grant_id WHERE g.offline AND k.redeemed_at IS NOT NULL
                AND NOT EXISTS (SELECT 1 FROM refresh_token r WHERE r.grant_id = g.id)",
        ),
        (
            "tokens of codes that were not redeemed",
            "SELECT count(*) FROM code k JOIN refresh_token r ON r.grant_id = k.grant_id WHERE k.redeemed_at IS NULL",
        ),
        (
            "refresh tokens whose predecessor is not spent",
            "SELECT count(*) FROM refresh_token r JOIN refresh_token p
                ON p.grant_id = r.grant_id AND p.generation = r.generation - 1
                WHERE p.spent_at IS NULL AND p.replaced_at IS NULL",
        ),
    ] {
        assert_eq!(raw.number(count).await, 0, "{what}");
    }
    if !server.db.is_postgres() {
        assert_eq!(raw.texts("PRAGMA integrity_check").await, ["ok"]);
        assert_eq!(raw.number("SELECT count(*) FROM pragma_foreign_key_check").await, 0);
    }
}
