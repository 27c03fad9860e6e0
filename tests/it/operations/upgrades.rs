//! Upgrades: `migrate --check` for scripts, nodes of the version before over a newer schema, and migrations that let them be.

use std::path::Path;

use serde_json::Value;

use super::command;
use crate::support::process::{Process, serve_command};
use crate::support::{ClientSpec, TestServer, both_stores};

fn checked(server: &TestServer, data: &Path) -> (Option<i32>, Value, String) {
    let ended = command(server, data, &["migrate", "--check", "--json"]);
    let document = serde_json::from_str(&ended.stdout).unwrap_or_default();
    (ended.code, document, ended.stderr)
}

both_stores! {
    async fn migrate_check_tells_scripts_where_the_schema_stands(db: TestDb) {
        let data = tempfile::tempdir().unwrap();
        let empty = TestServer::without_keys(db.empty_sibling().await, "https://id.example", |_| {}).await;
        let (status, told, stderr) = checked(&empty, data.path());
        assert_eq!((status, told["state"].as_str()), (Some(3), Some("pending")), "{told} {stderr}");
        assert_eq!((&told["database"], &told["pending"][0]["name"]), (&0.into(), &"foundation".into()));
        assert!(stderr.contains("run `portcullis migrate`"), "{stderr}");
        let listed = command(&empty, data.path(), &["migrate", "--check"]);
        assert!(listed.stdout.starts_with("pending  0001 foundation\n"), "{listed:?}");

        let server = TestServer::new(db).await;
        let mut raw = server.db.raw().await;
        let (status, told, _) = checked(&server, data.path());
        assert_eq!((status, told["state"].as_str()), (Some(0), Some("current")), "{told}");
        assert_eq!((&told["database"], told["pending"].as_array().unwrap().len()), (&told["program"], 0));

        raw.run(&server.db.applied_later(9998, "more columns")).await;
        let (status, told, stderr) = checked(&server, data.path());
        assert_eq!((status, told["state"].as_str()), (Some(4), Some("newer")), "{told} {stderr}");
        assert_eq!((&told["database"], &told["unknown"][0]["name"]), (&9998.into(), &"more columns".into()));
        let ended = command(&server, data.path(), &["migrate"]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(ended.stdout.contains("made by a newer version"), "{ended:?}");

        raw.run(&server.db.applied_later(9999, "needs 9998 drop")).await;
        let (status, told, stderr) = checked(&server, data.path());
        assert_eq!((status, told["state"].as_str()), (Some(5), Some("unsuitable")), "{told} {stderr}");
        assert!(stderr.contains("run a newer portcullis"), "{stderr}");
        assert_eq!(command(&server, data.path(), &["migrate"]).code, Some(1));
    }

    async fn ft_27_a_node_of_the_version_before_serves_and_restarts_over_a_newer_schema(db: TestDb) {
        let server = TestServer::new(db).await;
        let client = server.add_client(ClientSpec::service("jobs")).await;
        let mut raw = server.db.raw().await;
        raw.run(&server.db.applied_later(9998, "more columns")).await;
        server.get("/readyz").await.expect(200);
        let data = tempfile::tempdir().unwrap();
        let restarted = Process::listening(serve_command(&server, data.path(), &[]), "ready");
        restarted.node(&server).client_credentials(&client).await.expect(200);
        let ended = command(&server, data.path(), &["client", "list"]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let report = command(&server, data.path(), &["doctor"]).stdout;
        assert!(report.contains("warn  schema"), "{report}");

        raw.run(&server.db.applied_later(9999, "needs 9998 drop")).await;
        for node in [server.clone(), restarted.node(&server)] {
            assert_eq!(node.get("/readyz").await.expect(503).text(), "schema\n");
        }
    }
}

/// The migrations of the first release, which nobody upgraded to.
const FIRST_RELEASE: i64 = 14;
/// Behind this, on the line above, stands why a statement that takes something away harms no program of the version before.
const HARMLESS: &str = "-- the version before goes on: ";

/// The statements of a migration that programs of the version before may stumble over.
fn takes_away(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut excused = false;
    for statement in text.split(';') {
        let mut code = String::new();
        for line in statement.lines() {
            excused |= line.trim().strip_prefix(HARMLESS).is_some_and(|why| why.len() > 10);
            code.push_str(line.split("--").next().unwrap_or_default());
            code.push(' ');
        }
        let code = code.to_uppercase().split_whitespace().collect::<Vec<_>>().join(" ");
        if code.is_empty() {
            continue;
        }
        // A trigger that watches for what is taken away takes nothing away.
        let code = code.replace("AFTER TRUNCATE ON", "AFTER IT ON");
        let removes = ["DROP ", "RENAME ", " TYPE ", "SET NOT NULL", "TRUNCATE "]
            .iter()
            .any(|word| code.contains(word));
        let demands = code.contains("ADD COLUMN") && code.contains("NOT NULL") && !code.contains("DEFAULT");
        let restricts = code.starts_with("ALTER TABLE") && code.contains("ADD CONSTRAINT");
        if (removes || demands || restricts) && !excused {
            found.push(code);
        }
        excused = false;
    }
    found
}

#[test]
fn migrations_leave_the_version_before_what_it_uses() {
    let mut findings = Vec::new();
    let mut seen = 0;
    for database in ["postgres", "sqlite"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(database);
        for file in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let name = file.file_name().into_string().unwrap();
            let (number, what) = name.split_once('_').unwrap();
            let number: i64 = number.parse().unwrap();
            seen += 1;
            let needs = what
                .strip_prefix("needs_")
                .map(|rest| rest.split(['_', '.']).next().unwrap().parse::<i64>());
            match needs {
                Some(needed) => assert!(
                    needed.is_ok_and(|needed| needed <= number),
                    "{name}: needs_NNNN_what.sql"
                ),
                None if number <= FIRST_RELEASE => {}
                None => {
                    let text = std::fs::read_to_string(file.path()).unwrap();
                    findings.extend(
                        takes_away(&text)
                            .into_iter()
                            .map(|code| format!("{database}/{name}: {code}")),
                    );
                }
            }
        }
    }
    assert!(seen >= 22, "{seen}");
    assert!(
        findings.is_empty(),
        "a migration adds; one that takes away is named NNNN_needs_MMMM_what.sql after the newest migration that programs must \
         know to go on, or says on the line above the statement `{HARMLESS}…`:\n  {}",
        findings.join("\n  ")
    );
}

#[test]
fn what_takes_away_is_recognised() {
    for harmless in [
        "CREATE TABLE drops (a TEXT); CREATE INDEX i ON drops (a);",
        "-- DROP nothing\nALTER TABLE t ADD COLUMN c TEXT NOT NULL DEFAULT '';",
        "ALTER TABLE t ADD COLUMN c TEXT;",
        "-- the version before goes on: it never reads this index\nDROP INDEX i;",
    ] {
        assert_eq!(takes_away(harmless), Vec::<String>::new(), "{harmless}");
    }
    for harmful in [
        "DROP TABLE t;",
        "ALTER TABLE t DROP COLUMN c;",
        "alter table t\n  rename column c to d;",
        "ALTER TABLE t ALTER COLUMN c TYPE BIGINT;",
        "ALTER TABLE t ALTER COLUMN c SET NOT NULL;",
        "ALTER TABLE t ADD COLUMN c TEXT NOT NULL;",
        "ALTER TABLE t ADD CONSTRAINT u UNIQUE (c);",
        "-- the version before goes on: it never reads this index\nDROP INDEX i;\nDROP INDEX j;",
        "-- the version before goes on: no\nDROP TABLE t;",
    ] {
        assert_eq!(takes_away(harmful).len(), 1, "{harmful}");
    }
}
