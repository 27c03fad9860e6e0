//! The rules of `src/lib.rs` and of the house, held by reading the source: who may import whom, which third-party crate
//! lives where, where clocks are read, where SQL stands, and how long things are. Each exception is listed with its reason.

mod source;

use std::collections::BTreeSet;

use source::{File, Function, code_of, files};

/// The tiers of `src/lib.rs`, from the bottom. `app` and `main` are the tops of theirs.
const TIERS: &[&[&str]] = &[
    &["protocol", "model", "config", "time"],
    &["crypto", "outbound", "quota", "telemetry"],
    &["store"],
    &["app"],
    &["limits", "client_keys", "logos"],
    &[
        "client_auth",
        "tokens",
        "grants",
        "authorize",
        "accounts",
        "logout",
        "registration",
    ],
    &["http", "endpoints", "pages"],
    &["router", "jobs", "playground", "cli", "manual"],
    &["main", "lib"],
];

/// Imports that are not downward: from, to, why.
const SIDEWAYS: &[(&str, &str, &str)] = &[
    ("model", "protocol", "what is stored is made of protocol facts"),
    ("model", "time", "and of times"),
    (
        "config",
        "protocol",
        "settings that name protocol values are those values",
    ),
    ("outbound", "telemetry", "what is fetched for clients is counted"),
    ("grants", "tokens", "a grant ends in tokens"),
    (
        "registration",
        "tokens",
        "the sector of a client decides on its subjects",
    ),
    (
        "authorize",
        "tokens",
        "an id_token_hint is one of our tokens, and resources become audiences",
    ),
    ("logout", "tokens", "an id_token_hint is one of our tokens"),
    ("endpoints", "http", "extractors and responders"),
    ("pages", "http", "extractors, sessions and responders"),
    ("endpoints", "pages", "the metadata names the languages of the pages"),
    ("cli", "router", "serve is what puts the edges together"),
    ("cli", "jobs", "serve runs them, and `key rotate` is one"),
    ("cli", "playground", "demo serves it"),
];

/// Third-party crates that may be named only in these places (folders or files under `src/`).
const OWNERS: &[(&str, &[&str])] = &[
    ("sqlx", &["store/"]),
    // The store's half of cookie sessions is the trait that tower-sessions asks for.
    ("tower_sessions", &["http/", "pages/cx.rs", "store/web_sessions.rs"]),
    ("async_trait", &["store/web_sessions.rs"]),
    ("deadpool", &["store/"]),
    ("quick_cache", &["store/", "tokens/", "crypto/"]),
    (
        "axum",
        &[
            "http/",
            "endpoints/",
            "pages/",
            "router.rs",
            "router/",
            "playground/",
            "cli/",
        ],
    ),
    ("axum_server", &["cli/"]),
    ("rustls", &["cli/"]),
    ("rustls_pki_types", &["cli/"]),
    ("governor", &["quota.rs"]),
    ("qrcode", &["cli/", "playground/"]),
    ("metrics", &["telemetry/"]),
    ("metrics_exporter_prometheus", &["telemetry/"]),
    ("opentelemetry", &["telemetry/"]),
    ("opentelemetry_sdk", &["telemetry/"]),
    ("opentelemetry_otlp", &["telemetry/"]),
    ("tracing_opentelemetry", &["telemetry/"]),
    ("hyper_util", &["cli/"]),
    ("tower", &["http/", "router.rs", "router/", "playground/", "cli/"]),
    ("tower_http", &["http/", "router.rs", "playground/"]),
    ("askama", &["pages/", "playground/"]),
    ("fluent_templates", &["pages/"]),
    ("fluent_langneg", &["pages/"]),
    ("unic_langid", &["pages/"]),
    ("reqwest", &["outbound.rs", "outbound/"]),
    ("clap", &["cli/", "main.rs"]),
    ("anyhow", &["cli/", "main.rs"]),
    ("mimalloc", &["main.rs"]),
    ("toml", &["config/", "cli/"]),
    ("strsim", &["config/"]),
    ("ipnet", &["config/"]),
    ("rustix", &["cli/", "crypto/hashing_threads.rs", "store/sqlite.rs"]),
    ("vm_memory", &["store/sqlite.rs"]),
    ("tracing_subscriber", &["telemetry/"]),
    ("jsonwebtoken", &["crypto/"]),
    // In rustls it is the name of a provider.
    ("aws_lc_rs", &["crypto/", "cli/tls.rs"]),
    ("ring", &["crypto/"]),
    ("argon2", &["crypto/"]),
    ("subtle", &["crypto/"]),
    ("zeroize", &["crypto/"]),
];

/// Names that stand for a clock or a timer, and where they may.
const CLOCKS: &[(&str, &[&str])] = &[
    // Every line of the log says when it was written.
    ("SystemTime::now", &["time.rs", "telemetry/lines.rs"]),
    // The other kind of time: as tower-sessions wants it, and for people to read; never from a clock.
    (
        "OffsetDateTime",
        &[
            "store/web_sessions.rs",
            "telemetry/lines.rs",
            "cli/output.rs",
            "playground/inspect.rs",
            "pages/when.rs",
        ],
    ),
    ("now_utc", &[]),
    ("Uuid::now_v7", &[]),
    // Between hashes.
    ("thread::sleep", &["crypto/hashing_threads.rs"]),
    // Deadlines: for those who send slowly, and for a database that does not answer.
    (
        "tokio::time",
        &[
            "jobs/",
            "cli/",
            "outbound.rs",
            "outbound/",
            "http/extract/form.rs",
            "store/patience.rs",
            "store/postgres.rs",
        ],
    ),
];

/// What reaches another machine, and where it may be named: an address that a client named goes through the one guard, and
/// the client without a guard is for the edges, which act on their operator's word.
const REACH: &[(&str, &[&str])] = &[
    ("GuardedFetch::new", &["app.rs", "cli/"]),
    ("GuardedFetch::resolving", &["outbound/"]),
    ("Outbound::new", &["cli/", "playground/"]),
    ("lookup_host", &["outbound/resolver.rs"]),
    ("to_socket_addrs", &["cli/"]),
    ("TcpStream", &["cli/"]),
    ("TcpSocket", &[]),
    ("TcpListener", &["cli/"]),
    ("UdpSocket", &[]),
    ("UnixStream", &[]),
    ("UnixDatagram", &["cli/notify.rs"]),
];

/// Functions over 60 lines: file, name, why.
const LONG_FUNCTIONS: &[(&str, &str, &str)] = &[];

/// Files over 400 code lines: file, why.
const LONG_FILES: &[(&str, &str)] = &[];

/// Statements that are not declared through `statements!`: file, how many, why.
const LOOSE_QUERIES: &[(&str, usize, &str)] = &[
    (
        "store/migrate.rs",
        2,
        "reads a table that is sqlx's own; lifts the limits of a connection that is closed after it",
    ),
    ("store/recovery.rs", 1, "a pragma takes no parameters"),
    ("store/sqlite.rs", 1, "a pragma, on a connection that does nothing else"),
    (
        "store/group_commit.rs",
        1,
        "declared, and run for several operations at once: none of them is charged for it",
    ),
];

fn tier(room: &str) -> usize {
    let tier = TIERS.iter().position(|rooms| rooms.contains(&room));
    tier.unwrap_or_else(|| panic!("the room `{room}` has no tier: add it to the table here and in src/lib.rs"))
}

fn within(file: &File, places: &[&str]) -> bool {
    places
        .iter()
        .any(|place| file.path == *place || (place.ends_with('/') && file.path.starts_with(place)))
}

/// Fails with all findings at once.
#[track_caller]
fn assert_none(findings: &[String], rule: &str) {
    assert!(findings.is_empty(), "{rule}:\n  {}", findings.join("\n  "));
}

#[test]
fn rooms_import_downward() {
    let mut findings = Vec::new();
    let mut used = BTreeSet::new();
    for file in files() {
        for (line, to) in file.rooms_named() {
            let from = file.room();
            let listed = SIDEWAYS.iter().position(|(a, b, _)| *a == from && *b == to);
            if from != to && tier(&to) >= tier(from) {
                used.extend(listed);
            }
            if from != "lib" && from != to && tier(&to) >= tier(from) && listed.is_none() {
                findings.push(format!("{}:{line} {from} imports {to}", file.path));
            }
        }
    }
    assert_none(&findings, "a room imports from lower tiers only (src/lib.rs)");
    let unused = SIDEWAYS.iter().enumerate().filter(|(number, _)| !used.contains(number));
    let unused: Vec<_> = unused
        .map(|(_, (from, to, _))| format!("{from} imports {to}"))
        .collect();
    assert_none(&unused, "exceptions that nobody needs any more");
}

/// So that the rule above sees every import.
#[test]
fn other_rooms_are_named_from_the_root() {
    let mut findings = Vec::new();
    for file in files() {
        let mut modules = file
            .path
            .trim_end_matches(".rs")
            .split('/')
            .filter(|name| *name != "mod")
            .count();
        modules -= usize::from(matches!(file.path.as_str(), "lib.rs" | "main.rs"));
        let to_the_root = "super::".repeat(modules);
        let lines = file.lines_with(&to_the_root).filter(|_| modules > 0);
        findings.extend(lines.map(|line| format!("{}:{line} {to_the_root}", file.path)));
    }
    assert_none(&findings, "another room is named as crate::room");
}

#[test]
fn protocol_imports_nothing_and_model_little() {
    let mut findings = Vec::new();
    for file in files() {
        let allowed: &[&str] = match file.room() {
            "protocol" => &["protocol"],
            "model" => &["model", "protocol", "time"],
            _ => continue,
        };
        let strangers = file
            .rooms_named()
            .into_iter()
            .filter(|(_, to)| !allowed.contains(&to.as_str()));
        findings.extend(strangers.map(|(line, to)| format!("{}:{line} {to}", file.path)));
    }
    assert_none(&findings, "the lowest rooms know no other");
}

#[test]
fn third_party_crates_have_owners() {
    let mut findings = Vec::new();
    for file in files() {
        for (name, owners) in OWNERS.iter().filter(|(_, owners)| !within(file, owners)) {
            let lines = file.crate_named(name);
            findings.extend(lines.map(|line| format!("{}:{line} names {name}, which lives in {owners:?}", file.path)));
        }
    }
    assert_none(&findings, "a third-party crate is named only where it lives");
}

/// A new dependency gets an owner, or is everybody's on purpose.
#[test]
fn every_dependency_is_owned_or_common() {
    const COMMON: &[&str] = &[
        "base64",
        "serde",
        "serde_json",
        "thiserror",
        "time",
        "tokio",
        "tokio_util",
        "tracing",
        "unicode_normalization",
        "url",
        "uuid",
    ];
    let manifest = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).unwrap();
    let section = manifest.split_once("\n[dependencies]\n").unwrap().1;
    let section = section.split("\n[").next().unwrap();
    let names = section
        .lines()
        .filter_map(|line| line.split_once(" = "))
        .map(|(name, _)| name.replace('-', "_"));
    let owned = |name: &String| OWNERS.iter().any(|(owned, _)| owned == name) || COMMON.contains(&name.as_str());
    let findings: Vec<_> = names.filter(|name| !name.starts_with('#') && !owned(name)).collect();
    assert_none(&findings, "dependencies without an owner");
}

#[test]
fn clocks_are_read_at_the_edges() {
    let mut findings = Vec::new();
    for file in files() {
        for (name, _) in CLOCKS.iter().filter(|(_, places)| !within(file, places)) {
            findings.extend(file.lines_with(name).map(|line| format!("{}:{line} {name}", file.path)));
        }
    }
    assert_none(&findings, "time is an argument");
}

#[test]
fn the_network_is_reached_by_known_ways() {
    let mut findings = Vec::new();
    for (name, places) in REACH {
        let strangers = files().iter().filter(|file| !within(file, places));
        for file in strangers {
            findings.extend(file.lines_with(name).map(|line| format!("{}:{line} {name}", file.path)));
        }
    }
    assert_none(&findings, "what clients name is fetched through `app.fetch()` alone");
}

#[test]
fn sql_is_declared() {
    let mut findings = Vec::new();
    for file in files().iter().filter(|file| file.room() == "store") {
        let loose = file.loose_queries();
        let allowed = LOOSE_QUERIES
            .iter()
            .find(|(path, ..)| *path == file.path)
            .map_or(0, |(_, count, _)| *count);
        if loose.len() != allowed {
            findings.push(format!("{}: lines {loose:?}, where {allowed} may", file.path));
        }
    }
    assert_none(
        &findings,
        "a statement goes through `statements!`, so that a test can prepare it",
    );
}

#[test]
fn every_declared_statement_is_prepared_by_a_test() {
    let store = files().iter().find(|file| file.path == "store/mod.rs").unwrap();
    let declares =
        |file: &&File| file.room() == "store" && file.path != "store/mod.rs" && file.code.contains("statements! {");
    let listed = |file: &&File| store.code.contains(&format!("{}::STATEMENTS", file.stem()));
    let findings: Vec<_> = files()
        .iter()
        .filter(declares)
        .filter(|file| !listed(file))
        .map(|file| file.path.clone())
        .collect();
    assert_none(&findings, "not in `all_statements`");
}

/// A pairwise client must never meet the public subject of a person, so nothing else makes a `sub` of a user's key.
#[test]
fn subjects_are_made_in_one_place() {
    const SUBJECTS: &[(&str, usize, &str)] = &[
        ("tokens/subject.rs", 1, "the public subject"),
        ("cli/user.rs", 1, "operators see keys"),
    ];
    let mut findings = Vec::new();
    for file in files() {
        let spelled = ["user.id.to_string()", "user_id.to_string()", "UserId::to_string"];
        let found: usize = spelled.iter().map(|name| file.lines_with(name).count()).sum();
        let allowed = SUBJECTS.iter().find(|(path, ..)| *path == file.path);
        if found != allowed.map_or(0, |(_, count, _)| *count) {
            findings.push(format!("{}: {found} times", file.path));
        }
    }
    assert_none(&findings, "`sub` comes from `tokens::subject`");
}

#[test]
fn functions_fit_on_a_screen() {
    let mut findings = Vec::new();
    for file in files() {
        for Function { name, line, lines } in file.functions() {
            let listed = LONG_FUNCTIONS
                .iter()
                .any(|(path, known, _)| *path == file.path && *known == name);
            if lines > 60 && !listed {
                findings.push(format!("{}:{line} {name} has {lines} lines", file.path));
            }
        }
    }
    assert_none(&findings, "a function has at most 60 lines");
}

#[test]
fn files_are_short() {
    let mut findings = Vec::new();
    for file in files() {
        let limit = match file.path.as_str() {
            "main.rs" => 80,
            path if path.starts_with("endpoints/") => 80,
            path if LONG_FILES.iter().any(|(known, _)| *known == path) => usize::MAX,
            _ => 400,
        };
        let lines = file.code.lines().filter(|line| !line.trim().is_empty()).count();
        if lines > limit {
            findings.push(format!("{} has {lines} code lines of {limit}", file.path));
        }
    }
    assert_none(&findings, "a file is short");
}

/// The reader of these tests must itself read right: comments, strings and test modules are no code.
#[test]
fn the_reader_sees_code_alone() {
    let text = r##"
        // crate::comment
        use crate::{model::user, store::{self, Store}};
        /* crate::block /* nested */ crate::still */
        const TEXT: &str = "crate::string \" crate::more";
        const RAW: &str = r#"crate::raw " "#;
        const QUOTE: char = '"'; const SLASH: u8 = b'\\';
        fn f<'a>(x: &'a str) { crate::tokens::plan(x) }
        #[cfg(test)]
        mod tests { use crate::cli; }
        fn g() { time::sleep(); crate::time::now(); super::time::x(); sqlx::query(text); sqlx::query(db.text(&A)); }
    "##;
    let file = File {
        path: "store/x.rs".to_owned(),
        code: code_of(text),
    };
    let rooms: Vec<_> = file.rooms_named().into_iter().map(|(_, room)| room).collect();
    assert_eq!(rooms, ["model", "store", "tokens", "time"]);
    assert_eq!(file.crate_named("sqlx").count(), 2);
    assert_eq!(file.loose_queries(), [11]);
    let functions: Vec<_> = file
        .functions()
        .into_iter()
        .map(|function| (function.name, function.lines))
        .collect();
    assert_eq!(functions, [("f".to_owned(), 1), ("g".to_owned(), 1)]);
}
