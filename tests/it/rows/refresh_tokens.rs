//! RT: refresh tokens and their families.

use std::io::Write;
use std::sync::{Arc, Mutex};

use portcullis::crypto::digest::token_digest;
use portcullis::crypto::opaque::{Kind, OpaqueToken};
use portcullis::jobs::sweep;
use portcullis::model::api::AccessTokenFormat;
use portcullis::model::client::ClientMetadata;
use portcullis::model::grant::EndReason;
use portcullis::model::user::PasswordHash;
use portcullis::protocol::grant_type::GrantType;
use portcullis::store::ClientWrite;

use super::dump::{Dump, execute};
use super::refusals::{bearer_refused, refused, unauthenticated};
use crate::support::{
    AuthRequest, Browser, ClientSpec, PASSWORD, TestClient, TestDb, TestServer, Tokens, api, both_stores, claims,
    scope, seconds,
};

const SCOPE: &str = "openid email offline_access";
const DAY: i64 = 24 * 60 * 60;

/// A server with one client that holds tokens of alice.
async fn family(db: TestDb) -> (TestServer, TestClient, Tokens) {
    let server = TestServer::new(db).await;
    let client = server.add_client(ClientSpec::web("shop")).await;
    let tokens = server.code_flow(&client, SCOPE).await;
    (server, client, tokens)
}

async fn renew(server: &TestServer, client: &TestClient, tokens: &Tokens) -> Tokens {
    Tokens::of(server.refresh(client, tokens.refresh()).await)
}

async fn dead(server: &TestServer, client: &TestClient, tokens: &Tokens) {
    bearer_refused(&server.userinfo(&tokens.access).await, 401, "invalid_token");
    refused(&server.refresh(client, tokens.refresh()).await, "invalid_grant");
}

/// Changes a client as an operator does.
async fn edit(server: &TestServer, client: &TestClient, change: impl FnOnce(&mut ClientMetadata)) {
    let stored = server.store().client(&client.client_id()).await.unwrap().unwrap();
    let mut metadata = stored.metadata.clone();
    change(&mut metadata);
    let now = server.app.clock().now();
    let outcome = server.store().update_client(&stored, &metadata, now).await.unwrap();
    assert_eq!(outcome, ClientWrite::Done);
}

both_stores! {
    /// RFC 7009 §2.2: the body means nothing. Clients that read JSON refuse another media type, and take none.
    async fn the_answer_to_a_revocation_names_no_media_type(db: TestDb) {
        let server = TestServer::new(db).await;
        let client = server.add_client(ClientSpec::web("web")).await;
        let tokens = server.code_flow(&client, "openid offline_access").await;
        let answer = server.revoke(&client, tokens.refresh()).await.expect(200);
        assert_eq!((answer.text(), answer.headers.get("content-type")), ("", None));
    }
}

both_stores! {
    async fn rt_01_confidential_client_without_authentication(db: TestDb) {
        let (server, client, tokens) = family(db).await;
        let fields = [("grant_type", "refresh_token"), ("refresh_token", tokens.refresh())];
        unauthenticated(&server.post_form("/token", &fields).await);
        let named = [fields[0], fields[1], ("client_id", "shop")];
        unauthenticated(&server.post_form("/token", &named).await);
        unauthenticated(&server.post_form("/token", &fields).basic("shop", "wrong").await);
        renew(&server, &client, &tokens).await;
    }

    async fn rt_02_token_of_another_client(db: TestDb) {
        let server = TestServer::new(db).await;
        let clients = [
            server.add_client(ClientSpec::web("web-a")).await,
            server.add_client(ClientSpec::web("web-b")).await,
            server.add_client(ClientSpec::public("spa-a")).await,
            server.add_client(ClientSpec::public("spa-b")).await,
        ];
        for owner in &clients {
            let tokens = server.code_flow(owner, SCOPE).await;
            let renewed = renew(&server, owner, &tokens).await;
            for thief in clients.iter().filter(|thief| thief.id != owner.id) {
                refused(&server.refresh(thief, renewed.refresh()).await, "invalid_grant");
                // A spent token in a stranger's hands is no reason to end the family.
                server.advance(60);
                refused(&server.refresh(thief, tokens.refresh()).await, "invalid_grant");
            }
            server.userinfo(&renewed.access).await.expect(200);
            renew(&server, owner, &renewed).await;
        }
    }

    async fn rt_03_rotation(db: TestDb) {
        let server = TestServer::new(db).await;
        for client in [
            server.add_client(ClientSpec::web("shop")).await,
            server.add_client(ClientSpec::public("spa")).await,
        ] {
            let tokens = server.code_flow(&client, SCOPE).await;
            let response = server.refresh(&client, tokens.refresh()).await.expect(200);
            assert_eq!(
                (response.header("cache-control"), response.header("set-cookie")),
                ("no-store", "")
            );
            let renewed = Tokens::of(response);
            assert_ne!(renewed.refresh, tokens.refresh);
            assert_ne!(renewed.access, tokens.access);
            assert_eq!(renewed.json["scope"], SCOPE);
            // The old access token runs out by itself.
            server.userinfo(&tokens.access).await.expect(200);
            server.userinfo(&renewed.access).await.expect(200);
        }
    }

    async fn rt_04_replay_after_the_window_ends_the_family(db: TestDb) {
        let server = TestServer::new(db).await;
        for client in [
            server.add_client(ClientSpec::web("shop")).await,
            server.add_client(ClientSpec::public("spa")).await,
        ] {
            let first = server.code_flow(&client, SCOPE).await;
            let second = renew(&server, &client, &first).await;
            let other_family = server.code_flow(&client, SCOPE).await;
            server.advance(11);
            refused(&server.refresh(&client, first.refresh()).await, "invalid_grant");
            dead(&server, &client, &second).await;
            bearer_refused(&server.userinfo(&first.access).await, 401, "invalid_token");
            server.userinfo(&other_family.access).await.expect(200);
            renew(&server, &client, &other_family).await;
        }
    }

    /// The node that issued the token remembers it as live.
    async fn rt_04_replay_of_a_token_that_another_node_has_rotated(db: TestDb) {
        let server = TestServer::new(db).await;
        let other = server.second_node().await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        let with = |token: &Tokens, more: &[(&'static str, &'static str)]| {
            let mut fields = vec![("grant_type", "refresh_token"), ("refresh_token", token.refresh())];
            fields.extend(more);
            server.token(&client, &fields)
        };
        // What else is wrong with the request must not hide that the token is spent.
        let (wider, stray) = (("scope", "openid profile"), ("resource", "https://elsewhere.example"));
        for more in [&[][..], &[wider], &[stray]] {
            let first = server.code_flow(&client, SCOPE).await;
            let second = renew(&server, &client, &first).await;
            let third = renew(&other, &client, &second).await;
            server.advance(11);
            refused(&with(&second, more).await, "invalid_grant");
            dead(&server, &client, &third).await;
            dead(&other, &client, &third).await;
        }
        // One that is live says what is wrong, and stays.
        let first = server.code_flow(&client, SCOPE).await;
        let second = renew(&server, &client, &first).await;
        with(&second, &[wider]).await.expect_error(400, "invalid_scope");
        with(&second, &[stray]).await.expect_error(400, "invalid_target");
        renew(&server, &client, &second).await;
    }

    /// The node that remembers the user and the grant issues nothing more than the others.
    async fn rt_14_what_ends_on_another_node_ends_here(db: TestDb) {
        let server = TestServer::new(db).await;
        let other = server.second_node().await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        let now = server.app.clock().now();
        for end in ["revoked", "disabled"] {
            let first = server.code_flow(&client, SCOPE).await;
            let second = renew(&server, &client, &first).await;
            if end == "revoked" {
                other.revoke(&client, second.refresh()).await.expect(200);
            } else {
                let alice = other.alice().await;
                other.store().disable_user(alice.id, now).await.unwrap();
            }
            refused(&server.refresh(&client, second.refresh()).await, "invalid_grant");
        }
    }

    async fn rt_04_replay_ends_opaque_access_tokens_too(db: TestDb) {
        let server = TestServer::new(db).await;
        server
            .add_api(
                "https://api.example",
                api("https://api.example", &["api:read"], AccessTokenFormat::Opaque),
            )
            .await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        let first = server.code_flow(&client, "openid offline_access api:read").await;
        let second = renew(&server, &client, &first).await;
        assert!(second.access.starts_with("pc_at_"));
        server.userinfo(&second.access).await.expect(200);
        server.advance(11);
        refused(&server.refresh(&client, first.refresh()).await, "invalid_grant");
        dead(&server, &client, &second).await;
    }

    async fn rt_05_spent_markers_survive_restart_and_sweeping(db: TestDb) {
        let (server, client, first) = family(db).await;
        let mut newest = renew(&server, &client, &first).await;
        // Far beyond the idle lifetime of the spent one, with sweeps in between.
        for _ in 0..4 {
            server.advance(20 * DAY);
            sweep::once(&server.app).await.unwrap();
            newest = renew(&server, &client, &newest).await;
        }
        let restarted = server.second_node().await;
        refused(&restarted.refresh(&client, first.refresh()).await, "invalid_grant");
        dead(&server, &client, &newest).await;
        dead(&restarted, &client, &newest).await;
    }

    async fn rt_06_grandparent_inside_the_window_is_a_replay(db: TestDb) {
        let (server, client, first) = family(db).await;
        let second = renew(&server, &client, &first).await;
        let third = renew(&server, &client, &second).await;
        refused(&server.refresh(&client, first.refresh()).await, "invalid_grant");
        dead(&server, &client, &third).await;
    }

    async fn rt_07_twice_inside_the_window_leaves_one_live_leaf(db: TestDb) {
        let (server, client, first) = family(db).await;
        let lost = renew(&server, &client, &first).await;
        server.advance(10);
        let again = renew(&server, &client, &first).await;
        assert_ne!(lost.refresh, again.refresh);
        // The one that was replaced never counted: refused, and no replay either.
        refused(&server.refresh(&client, lost.refresh()).await, "invalid_grant");
        let next = renew(&server, &client, &again).await;
        server.userinfo(&next.access).await.expect(200);
        refused(&server.refresh(&client, lost.refresh()).await, "invalid_grant");
        renew(&server, &client, &next).await;
    }

    async fn rt_07_without_a_window_a_parallel_use_is_refused_and_a_late_one_is_a_replay(db: TestDb) {
        let server = TestServer::with(db, |config| config.tokens.refresh_retry_window = seconds(0)).await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        let first = server.code_flow(&client, SCOPE).await;
        let second = renew(&server, &client, &first).await;
        refused(&server.refresh(&client, first.refresh()).await, "invalid_grant");
        server.userinfo(&second.access).await.expect(200);
        let third = renew(&server, &client, &second).await;
        server.advance(3);
        refused(&server.refresh(&client, second.refresh()).await, "invalid_grant");
        dead(&server, &client, &third).await;
    }

    async fn rt_08_another_client_inside_the_window(db: TestDb) {
        let (server, client, first) = family(db).await;
        let thief = server.add_client(ClientSpec::public("thief")).await;
        let second = renew(&server, &client, &first).await;
        refused(&server.refresh(&thief, first.refresh()).await, "invalid_grant");
        unauthenticated(
            &server
                .post_form(
                    "/token",
                    &[
                        ("grant_type", "refresh_token"),
                        ("refresh_token", first.refresh()),
                        ("client_id", "shop"),
                    ],
                )
                .await,
        );
        renew(&server, &client, &second).await;
    }

    async fn rt_09_narrower_scope(db: TestDb) {
        let (server, client, tokens) = family(db).await;
        let narrow = [
            ("grant_type", "refresh_token"),
            ("refresh_token", tokens.refresh()),
            ("scope", "openid"),
        ];
        let narrowed = Tokens::of(server.token(&client, &narrow).await);
        assert_eq!(
            (&narrowed.json["scope"], &claims(&narrowed.access)["scope"]),
            (&"openid".into(), &"openid".into())
        );
        let told = server.userinfo(&narrowed.access).await.expect(200).json();
        assert_eq!(told.as_object().unwrap().keys().collect::<Vec<_>>(), ["sub"]);
        let whole = renew(&server, &client, &narrowed).await;
        assert_eq!(whole.json["scope"], SCOPE);
        // Without openid there is nothing to tell who signed in.
        let anonymous = [
            ("grant_type", "refresh_token"),
            ("refresh_token", whole.refresh()),
            ("scope", "email"),
        ];
        let anonymous = Tokens::of(server.token(&client, &anonymous).await);
        assert_eq!(anonymous.id, None);
        bearer_refused(&server.userinfo(&anonymous.access).await, 403, "insufficient_scope");
    }

    async fn rt_10_wider_scope(db: TestDb) {
        let (server, client, tokens) = family(db).await;
        for wider in [
            "openid email profile",
            "profile",
            "unknown",
            "openid email offline_access api:read",
            "openid\u{e9}",
            "openid  email",
        ] {
            let fields = [
                ("grant_type", "refresh_token"),
                ("refresh_token", tokens.refresh()),
                ("scope", wider),
            ];
            refused(&server.token(&client, &fields).await, "invalid_scope");
        }
        for resource in ["https://unknown.example", "x", "https://a.example/#f"] {
            let fields = [
                ("grant_type", "refresh_token"),
                ("refresh_token", tokens.refresh()),
                ("resource", resource),
            ];
            refused(&server.token(&client, &fields).await, "invalid_target");
        }
        // Nothing of it used up the token.
        server.advance(60);
        renew(&server, &client, &tokens).await;
    }

    async fn rt_11_no_refresh_token_without_offline_access(db: TestDb) {
        let server = TestServer::new(db).await;
        for client in [
            server.add_client(ClientSpec::web("shop")).await,
            server.add_client(ClientSpec::public("spa")).await,
        ] {
            let tokens = server.code_flow(&client, "openid email").await;
            assert!(tokens.json.get("refresh_token").is_none());
        }
    }

    async fn rt_12_idle_lifetime(db: TestDb) {
        let (server, client, tokens) = family(db).await;
        server.advance(30 * DAY - 1);
        let tokens = renew(&server, &client, &tokens).await;
        server.advance(30 * DAY);
        refused(&server.refresh(&client, tokens.refresh()).await, "invalid_grant");
    }

    async fn rt_13_absolute_lifetime_although_used(db: TestDb) {
        let (server, client, mut tokens) = family(db).await;
        for _ in 0..17 {
            server.advance(10 * DAY);
            tokens = renew(&server, &client, &tokens).await;
        }
        server.advance(10 * DAY - 1);
        tokens = renew(&server, &client, &tokens).await;
        server.advance(1);
        refused(&server.refresh(&client, tokens.refresh()).await, "invalid_grant");
        bearer_refused(&server.userinfo(&tokens.access).await, 401, "invalid_token");
        sweep::once(&server.app).await.unwrap();
        refused(&server.refresh(&client, tokens.refresh()).await, "invalid_grant");
    }

    async fn rt_14_the_user_is_disabled_or_deleted(db: TestDb) {
        let (server, client, tokens) = family(db).await;
        let other = server.second_node().await;
        let alice = server.alice().await;
        server
            .store()
            .disable_user(alice.id, server.app.clock().now())
            .await
            .unwrap();
        dead(&other, &client, &tokens).await;
        server.store().enable_user(alice.id).await.unwrap();
        dead(&server, &client, &tokens).await;

        let tokens = server.code_flow(&client, SCOPE).await;
        execute(&server.db, "DELETE FROM users WHERE username = 'alice'").await;
        dead(&server, &client, &tokens).await;
    }

    async fn rt_14_the_grant_is_withdrawn(db: TestDb) {
        let (server, client, tokens) = family(db).await;
        let loaded = server
            .store()
            .load_refresh_token(&token_digest(tokens.refresh()))
            .await
            .unwrap()
            .unwrap();
        server
            .store()
            .end_grant(loaded.grant.id, EndReason::Revoked, server.app.clock().now())
            .await
            .unwrap();
        dead(&server, &client, &tokens).await;
    }

    async fn rt_14_the_client_is_disabled_or_deleted(db: TestDb) {
        let (server, client, tokens) = family(db).await;
        let now = server.app.clock().now();
        server
            .store()
            .set_client_enabled(&client.client_id(), false, now)
            .await
            .unwrap();
        unauthenticated(&server.refresh(&client, tokens.refresh()).await);
        bearer_refused(&server.userinfo(&tokens.access).await, 401, "invalid_token");
        server
            .store()
            .set_client_enabled(&client.client_id(), true, now)
            .await
            .unwrap();
        let tokens = renew(&server, &client, &tokens).await;
        server.store().delete_client(&client.client_id()).await.unwrap();
        unauthenticated(&server.refresh(&client, tokens.refresh()).await);
        bearer_refused(&server.userinfo(&tokens.access).await, 401, "invalid_token");
    }

    async fn rt_15_scope_that_the_client_lost(db: TestDb) {
        let (server, client, tokens) = family(db).await;
        edit(&server, &client, |metadata| {
            metadata.scope = scope("openid offline_access");
        })
        .await;
        let tokens = renew(&server, &client, &tokens).await;
        assert_eq!(
            (&tokens.json["scope"], &claims(&tokens.access)["scope"]),
            (&"openid offline_access".into(), &"openid offline_access".into())
        );
        let asked = [
            ("grant_type", "refresh_token"),
            ("refresh_token", tokens.refresh()),
            ("scope", "openid email"),
        ];
        let tokens = Tokens::of(server.token(&client, &asked).await);
        assert_eq!(tokens.json["scope"], "openid");

        edit(&server, &client, |metadata| {
            metadata.scope = scope("offline_access email");
        })
        .await;
        let tokens = renew(&server, &client, &tokens).await;
        assert_eq!(
            (&tokens.json["scope"], &tokens.id),
            (&"email offline_access".into(), &None)
        );
        bearer_refused(&server.userinfo(&tokens.access).await, 403, "insufficient_scope");

        edit(&server, &client, |metadata| {
            metadata.grant_types = vec![GrantType::AuthorizationCode];
        })
        .await;
        refused(&server.refresh(&client, tokens.refresh()).await, "unauthorized_client");
    }

    async fn rt_16_password_change_ends_all_families_and_sign_out_those_of_the_session(db: TestDb) {
        let (server, client, tokens) = family(db).await;
        let alice = server.alice().await;
        let hash = PasswordHash(server.app.passwords().hash("another good password").await.unwrap());
        server
            .store()
            .set_password(alice.id, &hash, server.app.clock().now())
            .await
            .unwrap();
        dead(&server, &client, &tokens).await;

        // Offline access is meant to outlive the sign-in; what was not given for it does not.
        server.add_user("bob").await;
        let mut browser = Browser::new(&server);
        let (offline, online) = (AuthRequest::new(&client, SCOPE), AuthRequest::new(&client, "openid"));
        let code = browser.grant(&offline, "bob").await.code();
        let offline = Tokens::of(server.redeem(&client, &code, &offline).await);
        let code = browser.grant(&online, "bob").await.code();
        let online = Tokens::of(server.redeem(&client, &code, &online).await);
        browser.open("/logout").await.page();
        browser.submit(&[("confirm", "logout")]).await.page();
        bearer_refused(&server.userinfo(&online.access).await, 401, "invalid_token");
        server.userinfo(&offline.access).await.expect(200);
        renew(&server, &client, &offline).await;
    }

    async fn rt_17_and_19_tokens_that_are_none(db: TestDb) {
        let (server, client, tokens) = family(db).await;
        let good = tokens.refresh();
        let unknown = OpaqueToken::generate(Kind::Refresh);
        let mut wrong: Vec<String> = (1..good.len()).map(|length| good[..length].to_owned()).collect();
        for at in 0..good.len() {
            let mut bytes = good.as_bytes().to_vec();
            bytes[at] ^= 1;
            wrong.push(String::from_utf8(bytes).unwrap());
        }
        wrong.extend([
            format!("{good}0"),
            format!("{good} "),
            format!(" {good}"),
            good.to_ascii_uppercase(),
            good.to_ascii_lowercase(),
            "é".repeat(24),
            "€".repeat(16),
            format!("a{}", "𝄞".repeat(12)),
            "x".repeat(48),
            format!("pc_rt_{}a", "é".repeat(24)),
            "x".repeat(60_000),
            unknown.expose().to_owned(),
        ]);
        for token in wrong {
            refused(&server.refresh(&client, &token).await, "invalid_grant");
            server.revoke(&client, &token).await.expect(200);
        }
        refused(&server.refresh(&client, "").await, "invalid_request");
        renew(&server, &client, &tokens).await;
    }

    async fn rt_18_refresh_token_as_access_token(db: TestDb) {
        let (server, client, tokens) = family(db).await;
        bearer_refused(&server.userinfo(tokens.refresh()).await, 401, "invalid_token");
        refused(&server.refresh(&client, &tokens.access).await, "invalid_grant");
        refused(
            &server.refresh(&client, tokens.id.as_deref().unwrap()).await,
            "invalid_grant",
        );
        renew(&server, &client, &tokens).await;
    }

    async fn rt_20_a_stolen_database_holds_no_token(db: TestDb) {
        let server = TestServer::new(db).await;
        server
            .add_api(
                "https://api.example",
                api("https://api.example", &["api:read"], AccessTokenFormat::Opaque),
            )
            .await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        let (code, request) = server.code(&client, "openid offline_access api:read").await;
        let (unused, _) = server.code(&client, "openid").await;
        let tokens = Tokens::of(server.redeem(&client, &code, &request).await);
        let jwt = server.code_flow(&client, SCOPE).await;
        server.revoke(&client, &jwt.access).await.expect(200);
        let renewed = renew(&server, &client, &tokens).await;
        let dump = Dump::of(&server, "https://api.example").await;
        dump.lacks("a redeemed code", &code);
        dump.lacks("a live code", &unused);
        dump.lacks("a verifier", &request.verifier);
        for tokens in [&tokens, &jwt, &renewed] {
            dump.lacks("an access token", &tokens.access);
            dump.lacks("a refresh token", tokens.refresh());
            let id_token = tokens.id.as_deref().unwrap();
            dump.lacks("the signature of an ID token", id_token.rsplit('.').next().unwrap());
        }
        dump.lacks("a password", PASSWORD);
    }

    async fn rt_21_id_token_on_refresh(db: TestDb) {
        let (server, client, tokens) = family(db).await;
        let first = claims(tokens.id.as_deref().unwrap());
        assert_eq!(first["nonce"], "the-nonce");
        server.advance(500);
        let renewed = renew(&server, &client, &tokens).await;
        let second = claims(renewed.id.as_deref().unwrap());
        for same in ["iss", "sub", "aud", "auth_time", "acr", "amr", "sid"] {
            assert_eq!(second[same], first[same], "{same}");
        }
        assert_eq!(second["iat"].as_i64(), first["iat"].as_i64().map(|iat| iat + 500));
        assert_eq!(second["exp"].as_i64(), first["exp"].as_i64().map(|exp| exp + 500));
        assert_ne!(second["at_hash"], first["at_hash"]);
        assert!(second.get("nonce").is_none() && second.get("azp").is_none());
    }

    async fn rt_23_a_lost_answer_is_repeated(db: TestDb) {
        let server = TestServer::new(db).await;
        let client = server.add_client(ClientSpec::public("spa")).await;
        let first = server.code_flow(&client, SCOPE).await;
        // The answer never arrives, again and again; each time another node may be asked.
        let other = server.second_node().await;
        for node in [&server, &other, &server, &other] {
            renew(node, &client, &first).await;
            server.advance(2);
        }
        let arrived = renew(&server, &client, &first).await;
        server.userinfo(&arrived.access).await.expect(200);
        let next = renew(&other, &client, &arrived).await;
        renew(&server, &client, &next).await;
    }
}

/// Log lines of this thread.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// On one thread, so that every line of it is seen.
#[tokio::test(flavor = "current_thread")]
async fn rt_04_a_replay_is_told_to_the_operator_once() {
    let (server, client, first) = family(TestDb::sqlite().await).await;
    renew(&server, &client, &first).await;
    server.advance(11);
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
    let guard = tracing::subscriber::set_default(subscriber);
    for _ in 0..3 {
        refused(&server.refresh(&client, first.refresh()).await, "invalid_grant");
    }
    drop(guard);
    let log = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let events: Vec<_> = log
        .lines()
        .filter(|line| line.contains("refresh token replayed"))
        .collect();
    assert_eq!(events.len(), 1, "{log}");
    assert!(events[0].contains("WARN") && events[0].contains("shop"), "{log}");
    assert!(!log.contains(&first.refresh()[6..]), "a token in the log");
}
