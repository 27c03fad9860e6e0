//! What the store promises, on both databases alike.

mod audit;
mod catalog;
mod catalog_watch;
mod clients;
mod codes;
mod consents;
mod group_commit;
mod interactions;
mod keys_and_apis;
mod leaves;
mod plans;
mod refresh_tokens;
mod rotations;
mod schema;
mod sessions;
mod standing_feed;
mod sweep;
mod throttles;
mod users;
mod web_sessions;

use portcullis::crypto::opaque::{Kind, OpaqueToken};
use portcullis::model::browser_session::{BrowserSession, BrowserSessionId};
use portcullis::model::client::Client;
use portcullis::model::digest::TokenDigest;
use portcullis::model::grant::{Authentication, Grant, GrantId};
use portcullis::model::user::User;
use portcullis::protocol::claims_request::RequestedClaims;
use portcullis::store::{CodeOutcome, IssueOutcome, NewCode, NewGrant, NewRefreshToken, NewTokens, Store};
use portcullis::time::Timestamp;

use crate::support::{ClientSpec, TestClient, TestDb, TestServer, scope};

/// Alice, signed in, and a client.
struct World {
    server: TestServer,
    alice: User,
    client: TestClient,
    session: BrowserSession,
}

impl World {
    async fn new(db: TestDb) -> Self {
        let server = TestServer::new(db).await;
        let alice = server.add_user("alice").await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        let session = session_of(&server, &alice);
        assert!(server.store().insert_browser_session(&session, None).await.unwrap());
        Self {
            server,
            alice,
            client,
            session,
        }
    }

    fn store(&self) -> &Store {
        self.server.store()
    }

    fn now(&self) -> Timestamp {
        self.server.app.clock().now()
    }

    /// The client as it stands in the database.
    async fn stored_client(&self) -> Client {
        self.store().client(&self.client.client_id()).await.unwrap().unwrap()
    }

    /// A grant of a day, not yet stored.
    fn new_grant(&self) -> Grant {
        Grant {
            id: GrantId(self.server.app.row_key(self.now())),
            user_id: self.alice.id,
            client_id: self.client.client_id(),
            session_id: self.session.id,
            scope: scope("openid offline_access"),
            resources: vec!["https://api.example".to_owned()],
            claims: RequestedClaims {
                userinfo: ["name", "birthdate"].into_iter().collect(),
                id_token: ["email"].into_iter().collect(),
            },
            authentication: Authentication {
                auth_time: self.session.auth_time,
                acr: "1".to_owned(),
                amr: vec!["pwd".to_owned()],
            },
            created_at: self.now(),
            expires_at: self.now().plus(86_400),
            ended: None,
        }
    }

    /// A code of a minute for the client's redirect URI.
    async fn new_code(&self) -> NewCode {
        NewCode {
            digest: fresh(Kind::Code),
            redirect_uri: self.stored_client().await.metadata.redirect_uris[0].clone(),
            challenge: None,
            nonce: Some("the-nonce".to_owned()),
            expires_at: self.now().plus(60),
        }
    }

    /// Stores a grant with its code.
    async fn issue(&self, offline: bool) -> (Grant, TokenDigest) {
        let (grant, code) = (self.new_grant(), self.new_code().await);
        let new = NewGrant {
            grant: &grant,
            offline,
            code: &code,
            consent: None,
            interaction: None,
        };
        assert_eq!(self.store().issue_code(&new).await.unwrap(), IssueOutcome::Issued);
        (grant, code.digest)
    }

    /// A grant with its first refresh token.
    async fn redeemed(&self) -> (Grant, TokenDigest) {
        let (grant, code) = self.issue(true).await;
        let tokens = self.new_tokens();
        let digest = tokens.refresh.as_ref().unwrap().digest;
        let loaded = self.store().load_code(&code, self.now()).await.unwrap().unwrap();
        let outcome = self.store().redeem_code(&loaded, &tokens, self.now()).await.unwrap();
        assert_eq!(outcome, CodeOutcome::Redeemed);
        (grant, digest)
    }

    /// A refresh token of an hour, about to be issued.
    fn new_tokens(&self) -> NewTokens {
        NewTokens {
            refresh: Some(NewRefreshToken {
                digest: fresh(Kind::Refresh),
                expires_at: self.now().plus(3600),
            }),
            access: None,
        }
    }
}

fn session_of(server: &TestServer, user: &User) -> BrowserSession {
    let now = server.app.clock().now();
    BrowserSession {
        id: BrowserSessionId(server.app.row_key(now)),
        user_id: user.id,
        auth_time: now,
        acr: "1".to_owned(),
        amr: vec!["pwd".to_owned()],
        created_at: now,
        expires_at: now.plus(86_400),
        ended_at: None,
        user_agent: Some("Test Browser/1.0".to_owned()),
        address: Some("203.0.113.5".parse().unwrap()),
    }
}

fn fresh(kind: Kind) -> TokenDigest {
    OpaqueToken::generate(kind).digest()
}
