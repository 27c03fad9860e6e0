//! JW, RC, FT: signing keys that rotate, are revoked, and are sealed again.

use std::collections::BTreeSet;

use portcullis::crypto::keys::KeyRing;
use portcullis::crypto::seal::MasterKey;
use portcullis::jobs::keys::{Handover, KeyJobError, reseal, rotate, rotate_due};
use portcullis::jobs::sweep;
use portcullis::model::api::AccessTokenFormat;
use portcullis::model::signing_key::{KeyState, SigningKey};
use portcullis::protocol::signing_alg::SigningAlg;
use serde_json::Value;
use tokio::task::JoinSet;

use super::jwts::{header, verified};
use super::refusals::bearer_refused;
use crate::support::process::{configure, portcullis, run, serve_command};
use crate::support::{AuthRequest, Browser, ClientSpec, TestDb, TestServer, Tokens, api, both_stores, seconds};

const ISSUER: &str = "https://id.example";
const DAY: i64 = 86_400;

async fn jwks(node: &TestServer) -> Value {
    node.get("/.well-known/jwks.json").await.expect(200).json()
}

fn lists(jwks: &Value, kid: &Value) -> bool {
    jwks["keys"].as_array().unwrap().iter().any(|key| key["kid"] == *kid)
}

async fn keys_of(server: &TestServer, alg: SigningAlg) -> Vec<SigningKey> {
    let keys = server.store().signing_keys().await.unwrap();
    keys.into_iter().filter(|key| key.alg == alg).collect()
}

/// Exactly one key of each algorithm signs.
async fn assert_one_signs(server: &TestServer) {
    let now = server.app.clock().now();
    for &alg in SigningAlg::ALL {
        let keys = keys_of(server, alg).await;
        let active = keys.iter().filter(|key| key.state(now) == KeyState::Active).count();
        assert_eq!(active, 1, "{alg}: {keys:?}");
    }
    assert!(jwks(server).await["keys"].as_array().unwrap().len() >= SigningAlg::ALL.len());
}

both_stores! {
    async fn rc_28_rc_29_keys_rotate_by_themselves_and_every_token_verifies(db: TestDb) {
        let server = TestServer::with(db, |config| {
            config.keys.rotation_period = seconds(10 * 86_400);
            config.keys.publication_lead = seconds(3600);
            config.keys.retirement = seconds(7200);
        })
        .await;
        let other = server.second_node().await;
        let client = server.add_client(ClientSpec::service("batch")).await;
        let issue = async || Tokens::of(server.client_credentials(&client).await).access;
        let made = async || {
            let (one, two) = tokio::join!(rotate_due(&server.app), rotate_due(&other.app));
            one.unwrap().len() + two.unwrap().len()
        };
        for round in 1..=3 {
            let old = header(&issue().await)["kid"].clone();
            // The keys of the tests are made a moment before the server's clock is set.
            let signs_until = keys_of(&server, SigningAlg::Es256).await.last().unwrap().active_from.plus(10 * DAY);
            server.advance(signs_until.since(server.app.clock().now()) - 3601);
            assert_eq!(made().await, 0, "it is not time yet");
            server.advance(1);
            assert_eq!(made().await, SigningAlg::ALL.len(), "one of each on both nodes together");
            assert_eq!(made().await, 0);

            server.advance(3000);
            let cached = jwks(&other).await;
            assert_eq!(header(&issue().await)["kid"], old, "the next key is published first");
            server.advance(599);
            let last = issue().await;
            assert_eq!(header(&last)["kid"], old);
            server.advance(1);
            let first = issue().await;
            let new = header(&first)["kid"].clone();
            assert_ne!(new, old, "round {round}");
            let check = |token: &str, jwks: &Value| verified(token, jwks, "at+jwt", ISSUER, server.app.clock().now()).unwrap();
            check(&first, &cached);
            // The last token of the old key verifies to its last second, with the keys that are published then.
            server.advance(898);
            sweep::once(&server.app).await.unwrap();
            check(&last, &jwks(&other).await);
            server.advance(7200 - 899);
            assert!(lists(&jwks(&other).await, &old));
            server.advance(1);
            assert!(!lists(&jwks(&other).await, &old) && lists(&jwks(&other).await, &new));
            assert_one_signs(&server).await;
        }
    }

    async fn rc_27_keys_rotate_on_two_nodes_under_traffic(db: TestDb) {
        let server = TestServer::new(db).await;
        let nodes = [server.clone(), server.second_node().await];
        let client = server.add_client(ClientSpec::service("batch")).await;
        let mut running = JoinSet::new();
        for number in 0..8 {
            let (node, client) = (nodes[number % 2].clone(), client.clone());
            running.spawn(async move {
                let mut tokens = Vec::new();
                for _ in 0..60 {
                    tokens.push(Tokens::of(node.client_credentials(&client).await).access);
                }
                tokens
            });
        }
        for _ in 0..3 {
            let next = async |node: &TestServer| rotate(&node.app, SigningAlg::Es256, Handover::After(0)).await;
            let (one, two) = tokio::join!(next(&nodes[0]), next(&nodes[1]));
            assert!(one.is_ok() || two.is_ok());
        }
        let tokens = running.join_all().await.concat();
        assert_one_signs(&server).await;
        let keys = keys_of(&server, SigningAlg::Es256).await;
        let kids: BTreeSet<_> = keys.iter().map(|key| &key.kid).collect();
        assert_eq!(kids.len(), keys.len());
        for node in &nodes {
            let published = jwks(node).await;
            for token in &tokens {
                verified(token, &published, "at+jwt", ISSUER, server.app.clock().now()).unwrap();
            }
        }
        let used: BTreeSet<_> = tokens.iter().map(|token| header(token)["kid"].to_string()).collect();
        assert!(used.len() > 1, "the rotations met the traffic");
    }

    async fn jw_24_what_a_revoked_key_signed_counts_nowhere(db: TestDb) {
        let server = TestServer::new(db).await;
        let other = server.second_node().await;
        let settings = api("https://api.example", &["api:read"], AccessTokenFormat::Opaque);
        server.add_api("https://api.example", settings).await;
        let client = server.add_client(ClientSpec::web("shop")).await;
        let tokens = server.code_flow(&client, "openid offline_access").await;
        let opaque = server.code_flow(&client, "openid api:read").await;
        let hint = tokens.id.clone().unwrap();
        let hinted = || AuthRequest::new(&client, "openid").set("id_token_hint", &hint).set("prompt", "none");
        let asked = Browser::new(&other).authorize(&hinted()).await.callback();
        assert_eq!(asked.get("error"), "login_required", "the hint is good");
        // One that does not sign yet is known to whoever knows the others.
        rotate(&server.app, SigningAlg::Es256, Handover::After(3600)).await.unwrap();
        let before = server.store().signing_keys().await.unwrap();
        other.userinfo(&tokens.access).await.expect(200);

        for &alg in SigningAlg::ALL {
            rotate(&server.app, alg, Handover::Revoke).await.unwrap();
        }
        let published = jwks(&other).await;
        assert!(!before.iter().any(|key| lists(&published, &Value::from(key.kid.clone()))));
        for node in [&server, &other] {
            bearer_refused(&node.userinfo(&tokens.access).await, 401, "invalid_token");
            assert_eq!(node.introspect(&client, &tokens.access).await.expect(200).text(), r#"{"active":false}"#);
            node.revoke(&client, &tokens.access).await.expect(200);
            let asked = Browser::new(node).authorize(&hinted()).await.callback();
            assert_eq!(asked.get("error"), "invalid_request", "the hint is good no more");
            node.userinfo(&opaque.access).await.expect(200);
        }
        let renewed = Tokens::of(other.refresh(&client, tokens.refresh()).await);
        server.userinfo(&renewed.access).await.expect(200);
        verified(&renewed.access, &published, "at+jwt", ISSUER, server.app.clock().now()).unwrap();
        assert_one_signs(&server).await;
        let now = server.app.clock().now();
        let keys = keys_of(&server, SigningAlg::Es256).await;
        let states: Vec<_> = keys.iter().map(|key| key.state(now)).collect();
        assert_eq!(states, [KeyState::Revoked, KeyState::Revoked, KeyState::Active], "they are remembered for a while");
        server.advance(2 * DAY);
        sweep::once(&server.app).await.unwrap();
        assert_eq!(keys_of(&server, SigningAlg::Es256).await.len(), 1);
    }

    async fn ft_37_a_change_of_the_master_key_stops_nobody(db: TestDb) {
        let server = TestServer::new(db).await;
        let client = server.add_client(ClientSpec::service("batch")).await;
        server.client_credentials(&client).await.expect(200);
        let (old, new) = (server.app.master_key().clone(), MasterKey::new([9; 32]));
        let rows = async || server.store().signing_keys().await.unwrap();
        // First every node gets both keys. What those make that have both already, the others can open.
        let both = server.under(new.clone().with_other(old.clone()));
        both.client_credentials(&client).await.expect(200);
        rotate(&both.app, SigningAlg::Es256, Handover::After(0)).await.unwrap();
        server.client_credentials(&client).await.expect(200);
        KeyRing::open(&rows().await, &old).unwrap();

        let count = rows().await.len();
        assert_eq!(reseal(server.store(), both.app.master_key(), &new).await.unwrap(), count);
        assert_eq!(reseal(server.store(), both.app.master_key(), &new).await.unwrap(), 0, "again is no harm");
        KeyRing::open(&rows().await, &new).unwrap();
        assert!(KeyRing::open(&rows().await, &old).is_err(), "the old key alone opens nothing any more");
        // A node that runs with the old key goes on, and makes no key that the others could not open.
        let token = Tokens::of(server.client_credentials(&client).await).access;
        let other = server.under(new.clone());
        verified(&token, &jwks(&other).await, "at+jwt", ISSUER, server.app.clock().now()).unwrap();
        let refused = rotate(&server.app, SigningAlg::Es256, Handover::After(0)).await;
        assert!(matches!(refused, Err(KeyJobError::OtherMasterKey)), "{refused:?}");
        rotate(&other.app, SigningAlg::Es256, Handover::After(0)).await.unwrap();
        other.client_credentials(&client).await.expect(200);
        KeyRing::open(&rows().await, &new).unwrap();
    }

    async fn ft_37_sealing_again_is_all_or_nothing(db: TestDb) {
        let server = TestServer::new(db).await;
        let (old, new) = (server.app.master_key().clone(), MasterKey::new([9; 32]));
        let before = server.store().signing_keys().await.unwrap();
        let strange = MasterKey::new([1; 32]);
        assert!(matches!(reseal(server.store(), &strange, &new).await, Err(KeyJobError::Key(_))));
        // The last row is not what was read: the ones before it are not changed either.
        let mut resealed: Vec<_> = before
            .iter()
            .map(|key| portcullis::store::Resealed {
                key,
                sealed_private: portcullis::crypto::keys::reseal(key, &old, &new).unwrap(),
            })
            .collect();
        let mut changed = before.last().unwrap().clone();
        changed.sealed_private.push(0);
        resealed.last_mut().unwrap().key = &changed;
        let outcome = server.store().reseal_keys(&resealed).await.unwrap();
        assert_eq!(outcome, portcullis::store::Resealing::Outrun);
        KeyRing::open(&server.store().signing_keys().await.unwrap(), &old).unwrap();
    }
}

/// The command line's words, on a server whose master key is a file.
#[tokio::test(flavor = "multi_thread")]
async fn ft_37_the_master_key_in_the_data_directory_is_changed_by_one_command() {
    let server = TestServer::without_keys(TestDb::sqlite().await, ISSUER, |_| {}).await;
    let data = tempfile::tempdir().unwrap();
    let file = |name: &str| data.path().join(name);
    let command = |arguments: &[&str]| {
        let mut command = portcullis(arguments);
        configure(&mut command, &server, data.path(), &[]);
        command
            .env_remove("PORTCULLIS_KEYS__MASTER_KEY")
            .args(["--issuer", ISSUER]);
        run(command)
    };
    let ended = command(&["key", "reseal"]);
    assert!(ended.stderr.contains("there is no master key"), "{ended:?}");

    let old = MasterKey::load_or_create(&file("master.key")).unwrap();
    let node = server.under(old.clone());
    portcullis::jobs::keys::ensure(&node.app).await.unwrap();
    let opens = async |master: &MasterKey| KeyRing::open(&server.store().signing_keys().await.unwrap(), master).is_ok();

    let ended = command(&["key", "reseal"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(
        ended.stdout.contains("back it up") && ended.stdout.contains("Sealed 4 signing keys"),
        "{ended:?}"
    );
    let new = MasterKey::load_or_create(&file("master.key")).unwrap();
    assert_ne!(new.id(), old.id());
    assert_eq!(
        MasterKey::load_or_create(&file("master.key.old")).unwrap().id(),
        old.id()
    );
    assert!(!file("master.key.next").exists() && opens(&new).await && !opens(&old).await);
    assert!(
        !ended.stdout.contains(new.expose_base64().as_str()),
        "the key is not shown"
    );

    // Interrupted before anything was sealed again, and after: the commands work, and the second run finishes it.
    for sealed in [false, true] {
        let next = MasterKey::load_or_create(&file("master.key.next")).unwrap();
        let present = MasterKey::load_or_create(&file("master.key")).unwrap();
        if sealed {
            reseal(server.store(), &present, &next).await.unwrap();
        }
        let ended = command(&["key", "rotate", "--alg", "ES256"]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let ended = command(&["key", "reseal"]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert_eq!(MasterKey::load_or_create(&file("master.key")).unwrap().id(), next.id());
        assert!(!file("master.key.next").exists() && opens(&next).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ft_37_a_configured_master_key_is_changed_in_three_steps() {
    let server = TestServer::new(TestDb::sqlite().await).await;
    let data = tempfile::tempdir().unwrap();
    let new = MasterKey::new([9; 32]);
    let (old_text, new_text) = (server.app.master_key().expose_base64(), new.expose_base64());
    let reseal_with = |master: &str, previous: &str| {
        let mut command = portcullis(&["key", "reseal", "--json", "--issuer", ISSUER]);
        configure(&mut command, &server, data.path(), &[]);
        command.env("PORTCULLIS_KEYS__MASTER_KEY", master);
        if !previous.is_empty() {
            command.env("PORTCULLIS_KEYS__PREVIOUS_MASTER_KEY", previous);
        }
        run(command)
    };
    let ended = reseal_with(&old_text, "");
    assert!(
        ended.stderr.contains("keys.previous_master_key to the present one"),
        "{ended:?}"
    );
    let ended = reseal_with(&new_text, "");
    assert!(ended.code != Some(0), "{ended:?}");
    for sealed in [4, 0] {
        let ended = reseal_with(&new_text, &old_text);
        let document: Value = serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{ended:?}"));
        assert_eq!(document["sealed"], sealed);
    }
    let mut serve = serve_command(&server, data.path(), &[]);
    serve.env("PORTCULLIS_KEYS__MASTER_KEY", new_text.as_str());
    let process = crate::support::process::Process::listening(serve, "ready");
    drop(process);
    let ended = run(serve_command(&server, data.path(), &[]));
    assert!(
        ended.stderr.contains("start with the master key"),
        "the old key is worth nothing: {ended:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn jw_24_an_emergency_rotation_says_what_it_does() {
    let server = TestServer::new(TestDb::sqlite().await).await;
    let data = tempfile::tempdir().unwrap();
    let command = |arguments: &[&str]| {
        let mut command = portcullis(arguments);
        configure(&mut command, &server, data.path(), &[]);
        command.args(["--issuer", ISSUER]);
        run(command)
    };
    let ended = command(&["key", "rotate", "--now", "--alg", "ES256"]);
    assert!(
        ended.stderr.contains("nothing was revoked"),
        "nobody is there to be asked: {ended:?}"
    );
    assert_eq!(keys_of(&server, SigningAlg::Es256).await.len(), 1);
    let ended = command(&["key", "rotate", "--now", "--alg", "ES256", "--yes"]);
    assert!(
        ended.stdout.contains("are revoked") && ended.stdout.contains("five minutes"),
        "{ended:?}"
    );
    let ended = command(&["key", "list"]);
    let line = |state: &str| ended.stdout.lines().filter(|line| line.contains(state)).count();
    assert_eq!((line("revoked"), line("active")), (1, 4), "{ended:?}");
}
