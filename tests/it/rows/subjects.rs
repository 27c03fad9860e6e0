//! JW-27, DR-12: the subjects of pairwise clients, wherever one is written or read.

use std::collections::BTreeSet;
use std::process::Command;

use portcullis::model::api::AccessTokenFormat;
use portcullis::model::client::SubjectPolicy;
use portcullis::tokens::sector::{self, SectorError};
use portcullis::tokens::subject;
use serde_json::{Value, json};

use super::dump::execute;
use super::models;
use crate::support::process::{Ended, configure, portcullis, run};
use crate::support::{
    AuthRequest, Browser, ClientSpec, Https, PASSWORD, TestClient, TestDb, TestServer, Tokens, api, both_stores, claims,
};

fn pairwise(sector: &str) -> SubjectPolicy {
    SubjectPolicy::Pairwise {
        sector: sector.to_owned(),
        uri: None,
    }
}

impl TestServer {
    async fn add_pairwise(&self, id: &str, sector: &str) -> TestClient {
        self.add_client(ClientSpec::web(id).metadata(|metadata| metadata.subject = pairwise(sector)))
            .await
    }

    /// The one `sub` in everything that a client is told: tokens, userinfo, introspection, and again after a refresh.
    async fn only_subject(&self, client: &TestClient) -> String {
        let tokens = self.code_flow(client, "openid profile offline_access").await;
        let renewed = Tokens::of(self.refresh(client, tokens.refresh()).await);
        let mut told = Vec::new();
        for tokens in [&tokens, &renewed] {
            told.push(claims(tokens.id.as_deref().unwrap())["sub"].clone());
            told.push(claims(&tokens.access)["sub"].clone());
            told.push(self.userinfo(&tokens.access).await.expect(200).json()["sub"].clone());
            told.push(self.introspect(client, &tokens.access).await.expect(200).json()["sub"].clone());
        }
        told.push(self.introspect(client, renewed.refresh()).await.expect(200).json()["sub"].clone());
        let different: BTreeSet<_> = told.iter().map(|sub| sub.as_str().unwrap()).collect();
        assert_eq!(different.len(), 1, "{told:?}");
        different.first().unwrap().to_string()
    }
}

/// SHA-256 over sector, zero, the 16 bytes of the id and the salt, computed elsewhere. To change it is to make strangers of
/// everybody.
#[test]
fn jw_27_a_pairwise_subject_is_what_it_always_was() {
    let mut client = models::client("shop");
    let user = models::user();
    assert_eq!(subject::of(&client, &user), user.id.to_string());
    client.metadata.subject = pairwise("shop.example");
    assert_eq!(
        subject::of(&client, &user),
        "Zx0BKihTWbRJNEYKfnrmBeHO4K45q5DqWz0unrpa7sM"
    );
    client.metadata.subject = pairwise("shop.exampl");
    assert_ne!(
        subject::of(&client, &user),
        "Zx0BKihTWbRJNEYKfnrmBeHO4K45q5DqWz0unrpa7sM"
    );
    let mut twin = models::user();
    twin.pairwise_salt.0[31] ^= 1;
    client.metadata.subject = pairwise("shop.example");
    assert_ne!(
        subject::of(&client, &twin),
        "Zx0BKihTWbRJNEYKfnrmBeHO4K45q5DqWz0unrpa7sM",
        "without the salt nothing can be computed"
    );
    assert!(!format!("{user:?}").contains("7, 7"), "a salt is in no log");
}

both_stores! {
    async fn jw_27_each_sector_has_its_own_subjects(db: TestDb) {
        let server = TestServer::new(db).await;
        let alice = server.alice().await;
        let shop = server.add_pairwise("shop", "sector.example").await;
        let sister = server.add_pairwise("sister", "sector.example").await;
        let other = server.add_pairwise("other", "other.example").await;
        let open = server.add_client(ClientSpec::web("open")).await;

        let sub = server.only_subject(&shop).await;
        assert_eq!((sub.len(), sub.is_ascii()), (43, true));
        assert_eq!(server.only_subject(&sister).await, sub);
        assert_eq!(server.second_node().await.only_subject(&shop).await, sub, "the same on every node");
        let elsewhere = server.only_subject(&other).await;
        assert_eq!(server.only_subject(&open).await, alice.id.to_string());
        assert_ne!(sub, elsewhere);
        for pairwise in [&sub, &elsewhere] {
            assert!(!pairwise.contains(&alice.id.0.simple().to_string()));
        }
        // Nothing stored says whose it is.
        let looked_up: [&str; 2] = [&sub, &elsewhere];
        let dump = super::dump::Dump::of(&server, "alice@example.com").await;
        for sub in looked_up {
            dump.lacks("a pairwise subject", sub);
        }
        // Nor is it another person's.
        let request = AuthRequest::new(&shop, "openid");
        server.add_user("bob").await;
        let code = Browser::new(&server).grant(&request, "bob").await.code();
        let bobs = Tokens::of(server.redeem(&shop, &code, &request).await);
        assert_ne!(claims(bobs.id.as_deref().unwrap())["sub"], json!(sub));
    }

    async fn jw_27_opaque_tokens_resource_servers_and_devices(db: TestDb) {
        let server = TestServer::new(db).await;
        let audience = "https://api.example";
        server.add_api(audience, api(audience, &["api:read"], AccessTokenFormat::Opaque)).await;
        let shop = server.add_pairwise("shop", "sector.example").await;
        let tv = ClientSpec::device("tv").metadata(|metadata| metadata.subject = pairwise("sector.example"));
        let tv = server.add_client(tv).await;
        let api = ClientSpec::service("the-api").metadata(|metadata| {
            metadata.grant_types.clear();
            metadata.resource_server_for = vec![audience.to_owned()];
        });
        let api = server.add_client(api).await;
        let sub = server.only_subject(&shop).await;
        let tokens = server.code_flow(&shop, "openid api:read").await;
        assert_eq!(server.introspect(&api, &tokens.access).await.expect(200).json()["sub"], sub.as_str());
        assert_eq!(server.introspect(&shop, &tokens.access).await.expect(200).json()["sub"], sub.as_str());
        let device = server.device_flow(&tv, "openid").await;
        assert_eq!(claims(device.id.as_deref().unwrap())["sub"], sub.as_str());
        assert_eq!(server.userinfo(&device.access).await.expect(200).json()["sub"], sub.as_str());
    }

    async fn jw_20_a_pairwise_subject_is_never_given_again(db: TestDb) {
        let server = TestServer::new(db).await;
        let shop = server.add_pairwise("shop", "sector.example").await;
        let before = server.only_subject(&shop).await;
        execute(&server.db, "DELETE FROM users WHERE username = 'alice'").await;
        assert_ne!(server.only_subject(&shop).await, before);
    }

    async fn a_hint_is_compared_with_the_subject_of_its_client(db: TestDb) {
        let server = TestServer::new(db).await;
        server.add_user("bob").await;
        let shop = server.add_pairwise("shop", "sector.example").await;
        let tokens = server.code_flow(&shop, "openid").await;
        let hint = tokens.id.as_deref().unwrap();
        let request = AuthRequest::new(&shop, "openid").set("id_token_hint", hint);

        let mut hers = Browser::new(&server);
        hers.grant(&request, "alice").await.code();
        let silent = request.clone().set("prompt", "none");
        hers.authorize(&silent).await.callback().code();

        let mut his = Browser::new(&server);
        his.grant(&AuthRequest::new(&shop, "openid"), "bob").await.code();
        assert_eq!(his.authorize(&silent).await.callback().get("error"), "login_required");
        assert!(his.authorize(&request).await.page().is_sign_in());
        assert_eq!(his.sign_in("bob", PASSWORD).await.callback().get("error"), "login_required");
    }

    async fn a_revoked_pairwise_token_is_an_event_of_its_person(db: TestDb) {
        let server = TestServer::new(db).await;
        let alice = server.alice().await;
        let shop = server.add_pairwise("shop", "sector.example").await;
        let tokens = server.code_flow(&shop, "openid").await;
        server.revoke(&shop, &tokens.access).await.expect(200);
        let trail = server.audit_trail().await;
        let revoked = trail.iter().find(|entry| entry.kind == "token_revoked").unwrap();
        assert_eq!(revoked.subject, Some(alice.id));
        server.userinfo(&tokens.access).await.expect(401);
    }

    /// The migration itself, over people who were there before it.
    async fn everybody_who_was_there_gets_a_salt_of_their_own(db: TestDb) {
        let server = TestServer::new(db).await;
        for name in ["alice", "bob", "carol"] {
            server.add_user(name).await;
        }
        let migration = if server.db.is_postgres() {
            include_str!("../../../migrations/postgres/0008_subject.sql")
        } else {
            include_str!("../../../migrations/sqlite/0008_subject.sql")
        };
        execute(&server.db, "ALTER TABLE users DROP COLUMN pairwise_salt").await;
        execute(&server.db, migration).await;
        let store = server.db.open().await;
        let users = store.users().await.unwrap();
        let salts: BTreeSet<_> = users.iter().map(|user| user.pairwise_salt.0).collect();
        assert_eq!(salts.len(), 3, "each has 32 bytes, and no two the same");
    }

    async fn dr_12_a_client_is_pairwise_as_its_sector_says(db: TestDb) {
        let list = json!(["https://a.example/cb", "https://b.example/cb"]).to_string();
        let https = Https::document("application/json", list);
        let server = TestServer::new(db).await;
        let uri = https.url("/sector.json");
        let create = ["client", "create", "--id", "shop", "--name", "Shop", "--subject-type", "pairwise"];
        let both = ["--redirect-uri", "https://a.example/cb", "--redirect-uri", "https://b.example/cb"];
        let with = |more: &[&str]| create.iter().chain(&both).chain(more).map(|text| (*text).to_owned()).collect::<Vec<_>>();

        fails(&server, &https, &with(&[]), "several hosts");
        let third = with(&["--redirect-uri", "https://c.example/cb", "--sector-identifier-uri", &uri]);
        fails(&server, &https, &third, "lacks the redirect URI https://c.example/cb");
        fails(&server, &https, &with(&["--sector-identifier-uri", "http://a.example/"]), "may not be fetched");
        fails(&server, &https, &["client", "create", "--name", "S", "--sector-identifier-uri", &uri], "--subject-type pairwise");
        assert_eq!(server.store().clients().await.unwrap().len(), 0);

        let shop = done(&server, &https, &with(&["--sector-identifier-uri", &uri]));
        assert_eq!(shop["subject"], json!({"pairwise": {"sector": "127.0.0.1", "uri": uri}}));
        // Every later redirect URI is looked for as well.
        let add = |uri| ["client", "update", "shop", "--add-redirect-uri", uri];
        fails(&server, &https, &add("https://c.example/cb"), "lacks the redirect URI");
        let hits = https.hits();
        done(&server, &https, &["client", "update", "shop", "--name", "The shop"]);
        assert_eq!(https.hits(), hits, "nothing to look at");
        let alone = done(&server, &https, &["client", "update", "shop", "--remove-redirect-uri", "https://b.example/cb"]);
        assert_eq!(alone["subject"]["pairwise"]["uri"], uri);
        assert_eq!(https.hits(), hits + 1);

        let public = done(&server, &https, &["client", "update", "shop", "--subject-type", "public"]);
        assert_eq!(public["subject"], "public");
        let own = done(&server, &https, &["client", "update", "shop", "--subject-type", "pairwise"]);
        assert_eq!(own["subject"]["pairwise"]["sector"], "a.example");
        fails(&server, &https, &add("https://c.example/cb"), "several hosts");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dr_12_a_sector_that_cannot_be_read_is_none() {
    let https = Https::answering(|| async { axum::http::StatusCode::NOT_FOUND });
    let server = TestServer::with_fetches(TestDb::sqlite().await, &https, |_| {}).await;
    let uri = https.url("/sector.json");
    let found = sector::resolve(server.app.fetch(), Some(&uri), &[]).await;
    assert_eq!(found, Err(SectorError::Status(404)));
    https.stop();
    let elsewhere = sector::resolve(server.app.fetch(), Some("https://10.0.0.1/sector.json"), &[]).await;
    assert!(matches!(elsewhere, Err(SectorError::Fetch(_))), "{elsewhere:?}");
}

fn command(server: &TestServer, https: &Https, arguments: &[impl AsRef<str>]) -> Command {
    let arguments: Vec<_> = arguments.iter().map(AsRef::as_ref).collect();
    let mut command = portcullis(&arguments);
    let authority = format!("outbound.extra_ca={}", https.authority().display());
    let allowed = format!("outbound.allow_hosts=127.0.0.1:{}", https.address.port());
    configure(&mut command, server, &std::env::temp_dir(), &[&authority, &allowed]);
    command.args(["--issuer", server.app.issuer(), "--json"]);
    command
}

#[track_caller]
fn done(server: &TestServer, https: &Https, arguments: &[impl AsRef<str>]) -> Value {
    let Ended { code, stdout, stderr } = run(command(server, https, arguments));
    assert_eq!(code, Some(0), "{stderr}");
    serde_json::from_str(&stdout).unwrap()
}

#[track_caller]
fn fails(server: &TestServer, https: &Https, arguments: &[impl AsRef<str>], because: &str) {
    let Ended { code, stderr, .. } = run(command(server, https, arguments));
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains(because), "{stderr}");
}
