//! `portcullis audit`, and what the other commands leave for it.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::process::Command;
use std::sync::{Arc, Mutex};

use portcullis::model::audit_event::{Actor, AuditEvent, AuditKind};
use portcullis::model::caller::Caller;
use portcullis::protocol::error::Reason;
use serde_json::Value;

use crate::support::process::{Ended, configure, pause_until, portcullis, run};
use crate::support::{ClientSpec, TestServer, both_stores};

/// The kinds and details of events.
type Events = &'static [(&'static str, &'static str)];

fn command(server: &TestServer, arguments: &[&str]) -> Command {
    let mut command = portcullis(arguments);
    configure(&mut command, server, &std::env::temp_dir(), &[]);
    command.args(["--issuer", server.app.issuer()]);
    command.env_remove("SUDO_USER");
    command
}

#[track_caller]
fn done(server: &TestServer, arguments: &[&str]) -> String {
    let Ended { code, stdout, stderr } = run(command(server, arguments));
    assert_eq!(code, Some(0), "{arguments:?}: {stderr}");
    stdout
}

fn documents(lines: &str) -> Vec<Value> {
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The account that the tests run under, as another program names it.
fn account() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

both_stores! {
    async fn lk_08_every_change_at_the_command_line_is_an_event(db: TestDb) {
        let server = TestServer::new(db).await;
        let dir = tempfile::tempdir().unwrap();
        let logo = dir.path().join("logo.png");
        std::fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/static/demo-app.png"), &logo).unwrap();
        let mut said = String::new();
        let changes: &[(&[&str], Events)] = &[
            (&["user", "create", "carol", "--admin", "--json"], &[("user_created", r#"{"admin":true}"#)]),
            (&["user", "set-claims", "carol", "--email", "carol@example.com"], &[("user_changed", r#"{"claims":["email","email_verified"]}"#)]),
            (&["user", "set-password", "carol", "--json"], &[("password_changed", "{}")]),
            (&["user", "sign-out", "carol"], &[("session_ended", r#"{"sessions":0}"#)]),
            (&["user", "disable", "carol"], &[("user_changed", r#"{"enabled":false}"#)]),
            (&["user", "enable", "carol"], &[("user_changed", r#"{"enabled":true}"#)]),
            (&["client", "create", "--id", "shop", "--name", "Shop", "--redirect-uri", "https://shop.example/cb", "--json"], &[("client_created", "{}")]),
            (&["client", "update", "shop", "--name", "The Shop", "--logo", logo.to_str().unwrap(), "--disable"],
             &[("client_changed", r#"{"metadata":["name"]}"#), ("client_changed", r#"{"logo":true}"#), ("client_changed", r#"{"enabled":false}"#)]),
            (&["client", "rotate-secret", "shop", "--json"], &[("client_changed", r#"{"secret":"rotated"}"#)]),
            (&["client", "delete", "shop", "--yes"], &[("client_deleted", "{}")]),
            (&["api", "create", "https://a.example", "--name", "A"], &[("api_changed", r#"{"api":"https://a.example","created":true}"#)]),
            (&["api", "update", "https://a.example", "--name", "B"], &[("api_changed", r#"{"api":"https://a.example","settings":["name"]}"#)]),
            (&["api", "delete", "https://a.example", "--yes"], &[("api_changed", r#"{"api":"https://a.example","deleted":true}"#)]),
        ];
        for (arguments, _) in changes {
            said.push_str(&done(&server, arguments));
        }
        let refused: &[&[&str]] = &[&["user", "create", "carol"], &["client", "delete", "shop", "--yes"], &["user", "list"], &["key", "list"]];
        for arguments in refused {
            run(command(&server, arguments));
        }
        let trail = server.audit_trail().await;
        let expected: Vec<_> = changes.iter().flat_map(|(_, events)| *events).copied().collect();
        let found: Vec<_> = trail.iter().map(|entry| (entry.kind.clone(), serde_json::to_string(&entry.detail).unwrap())).collect();
        let found: Vec<_> = found.iter().map(|(kind, detail)| (kind.as_str(), detail.as_str())).collect();
        assert_eq!(found, expected);
        let account = account();
        for entry in &trail {
            assert_eq!((entry.actor_kind.as_str(), entry.actor_id.as_deref()), ("operator", Some(account.as_str())));
            let about_a_person = entry.kind.starts_with("user_") || ["password_changed", "session_ended"].contains(&entry.kind.as_str());
            assert_eq!(entry.subject.is_some(), about_a_person);
            assert_eq!(entry.client_id.is_some(), entry.kind.starts_with("client_"));
        }
        let secrets: Vec<_> = documents(&said.lines().filter(|line| line.starts_with('{')).collect::<Vec<_>>().join("\n"))
            .iter()
            .flat_map(|document| ["password", "client_secret"].map(|name| document[name].as_str().map(str::to_owned)))
            .flatten()
            .collect();
        assert_eq!(secrets.len(), 4, "{said}");
        assert!(secrets.iter().all(|secret| !format!("{trail:?}").contains(secret)));
    }

    async fn lk_08_a_rotation_is_an_event_for_each_key(db: TestDb) {
        let server = TestServer::new(db).await;
        let keys = documents(&done(&server, &["key", "rotate", "--json"])).remove(0);
        let trail = server.audit_trail().await;
        let kids = |kid: &Value| kid.as_str().unwrap().to_owned();
        let made: Vec<_> = keys.as_array().unwrap().iter().map(|key| kids(&key["kid"])).collect();
        assert_eq!(trail.iter().map(|entry| kids(&entry.detail["kid"])).collect::<Vec<_>>(), made);
        assert!(trail.iter().all(|entry| entry.kind == "key_rotated" && entry.actor_kind == "operator"));
    }

    async fn ft_47_nothing_is_administered_while_the_trail_cannot_be_written(db: TestDb) {
        let server = TestServer::new(db).await;
        server.add_client(ClientSpec::web("shop")).await;
        let mut raw = server.db.raw().await;
        raw.run("ALTER TABLE audit_event RENAME TO away").await;
        for arguments in [&["user", "create", "carol"][..], &["client", "update", "shop", "--disable"], &["client", "delete", "shop", "--yes"], &["key", "rotate"]] {
            let Ended { code, stderr, .. } = run(command(&server, arguments));
            assert_eq!(code, Some(1));
            assert!(stderr.contains("nothing was changed, since the audit trail cannot be written"), "{stderr}");
        }
        assert!(server.store().users().await.unwrap().is_empty());
        let clients = server.store().clients().await.unwrap();
        assert!(clients.len() == 1 && clients[0].is_enabled());
        assert_eq!(server.store().signing_keys().await.unwrap().iter().map(|key| key.generation).max(), Some(1));
        raw.run("ALTER TABLE away RENAME TO audit_event").await;
        done(&server, &["user", "create", "carol"]);
    }

    async fn events_are_shown_and_filtered(db: TestDb) {
        let server = TestServer::new(db).await;
        let alice = server.alice().await;
        let now = server.app.clock().now();
        let home = Caller { address: Some("203.0.113.5".parse().unwrap()), ..Caller::default() };
        let nasty = "a\u{1b}[31m\r\n\u{9b}2J\u{202e}";
        let sign_in = AuditEvent::new(AuditKind::SignIn, Actor::User(alice.id), now).subject(alice.id).by(&home);
        let old = AuditEvent::new(AuditKind::SignOut, Actor::User(alice.id), now.plus(-7200)).subject(alice.id);
        let failed = AuditEvent::new(AuditKind::ClientAuthFailed, Actor::Nobody, now).reason(Reason::ClientSecretWrong).detail("text", nasty);
        server.store().insert_audit_events(&[sign_in, old, failed]).await.unwrap();
        let sub = alice.id.to_string();
        let table: &[(&[&str], &[&str])] = &[
            (&[], &["sign_out", "sign_in", "client_auth_failed"]),
            (&["--limit", "1"], &["client_auth_failed"]),
            (&["--kind", "sign_in,sign_out"], &["sign_out", "sign_in"]),
            (&["--kind", "sign_in", "--kind", "sign_out"], &["sign_out", "sign_in"]),
            (&["--user", "Alice"], &["sign_out", "sign_in"]),
            (&["--user", &sub], &["sign_out", "sign_in"]),
            (&["--user", "alice", "--since", "1h"], &["sign_in"]),
            (&["--until", "1h"], &["sign_out"]),
            (&["--since", "2020-01-01", "--until", "2020-01-02T03:04"], &[]),
            (&["--address", "::ffff:203.0.113.5"], &["sign_in"]),
            (&["--reason", "Secret"], &["client_auth_failed"]),
            (&["--client", "shop"], &[]),
            (&["--after", "0"], &["sign_in", "sign_out", "client_auth_failed"]),
            (&["--after", "1"], &["sign_out", "client_auth_failed"]),
            (&["--after", "0", "--limit", "2"], &["sign_in", "sign_out"]),
        ];
        for (arguments, expected) in table {
            let arguments = [&["audit", "--json"], *arguments].concat();
            let stdout = done(&server, &arguments);
            assert!(!stdout.chars().any(|c| c != '\n' && (c.is_control() || c == '\u{202e}')), "{stdout:?}");
            let kinds: Vec<_> = documents(&stdout).iter().map(|document| document["kind"].as_str().unwrap().to_owned()).collect();
            assert_eq!(kinds, *expected, "{arguments:?}");
        }
        let document = documents(&done(&server, &["audit", "--json", "--kind", "sign_in"])).remove(0);
        let members: Vec<_> = document.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(
            members,
            ["actor", "address", "at", "client_id", "count", "detail", "grant_id", "id", "kind", "reason", "request_id", "seq", "subject"]
        );
        assert_eq!((&document["actor"]["id"], &document["address"]), (&document["subject"], &Value::from("203.0.113.5")));

        let text = done(&server, &["audit"]);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert!(lines[1].contains("Z  sign_in ") && lines[1].contains("user alice ") && lines[1].contains("from=203.0.113.5"), "{text}");
        assert!(lines[2].contains(r#"reason="client secret is wrong" text="a\u001b[31m\r\n"#), "{text}");
        assert!(!text.chars().any(|c| c != '\n' && (c.is_control() || c == '\u{202e}')), "{text:?}");
        assert_eq!(done(&server, &["audit", "--client", "shop"]), "No events.\n");
        let wrong: &[(&[&str], &str)] = &[
            (&["--kind", "loud"], "use one of sign_in"),
            (&["--user", "ghost"], "there is no user"),
            (&["--since", "soon"], "is no moment"),
            (&["--address", "home"], "invalid"),
            (&["--limit", "0"], "limit"),
        ];
        for (arguments, message) in wrong {
            let ended = run(command(&server, &[&["audit"], *arguments].concat()));
            assert!(ended.code != Some(0) && ended.stderr.contains(message), "{ended:?}");
        }
    }

    /// While two nodes store at the same time: what was there, then everything else, each event once, and an orderly end.
    async fn a_follower_is_told_each_event_once(db: TestDb) {
        const EACH: i64 = 40;
        let server = TestServer::new(db).await;
        let now = server.app.clock().now();
        let event = move |number: i64| AuditEvent::new(AuditKind::SignOut, Actor::System, now.plus(-number)).detail("number", number);
        server.store().insert_audit_events(&[event(-2), event(-1)]).await.unwrap();
        let mut child = command(&server, &["audit", "--follow", "--json"]).spawn().unwrap();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (into, pipe) = (lines.clone(), child.stdout.take().unwrap());
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(pipe).lines() {
                into.lock().unwrap().push(line.unwrap());
            }
        });
        let shown = || lines.lock().unwrap().len();
        assert!(pause_until(|| shown() >= 2));
        let mut writers = tokio::task::JoinSet::new();
        for node in 0..2 {
            let store = server.db.open().await;
            writers.spawn(async move {
                for number in 0..EACH {
                    store.insert_audit_events(&[event(node * 1000 + number)]).await.unwrap();
                }
            });
        }
        writers.join_all().await;
        let all = usize::try_from(2 + 2 * EACH).unwrap();
        assert!(pause_until(|| shown() >= all), "{}", shown());
        let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        assert!(interrupted.success());
        assert_eq!(child.wait().unwrap().code(), Some(0));
        reader.join().unwrap();
        let documents = documents(&lines.lock().unwrap().join("\n"));
        let mut counts = BTreeMap::new();
        for document in &documents {
            *counts.entry(document["detail"]["number"].as_i64().unwrap()).or_insert(0) += 1;
        }
        let expected = (-2..0).chain(0..EACH).chain(1000..1000 + EACH).map(|number| (number, 1));
        assert_eq!(counts, expected.collect());
    }
}
