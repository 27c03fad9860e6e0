//! Loading as a whole: order, origins, messages, and `config/default.toml`.

use std::collections::BTreeSet;

use super::*;
use crate::config::{LoadArgs, LogFormat, load};

const ISSUER: &str = "https://id.example.com";

/// Loads from a file with this text (and none other), these variables and these flags.
fn load_from(file: &str, env: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("portcullis.toml");
    fs::write(&path, file).unwrap();
    let owned = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    };
    let loaded = load(LoadArgs {
        file: Some(path),
        env: owned(env).into_iter(),
        overrides: owned(flags),
    });
    let prefix = format!("{}/", folder.path().display());
    loaded.map_err(|error| ConfigError::new(error.problems().iter().map(|line| line.replace(&prefix, "")).collect()))
}

fn file_error(file: &str) -> String {
    load_from(file, &[], &[("issuer", ISSUER)]).unwrap_err().to_string()
}

fn env_error(name: &str, value: &str) -> String {
    load_from("", &[("PORTCULLIS_ISSUER", ISSUER), (name, value)], &[])
        .unwrap_err()
        .to_string()
}

#[test]
fn later_sources_override_earlier_ones() {
    let file = "issuer = \"https://file.example\"\n[server]\nmax_body = 10000\ndisplay_name = \"File\"\n[log]\nformat = \"json\"";
    let env = [
        ("PORTCULLIS_ISSUER", "https://env.example"),
        ("PORTCULLIS_SERVER__MAX_BODY", "20000"),
        ("HOME", "/root"),
    ];
    let config = load_from(file, &env, &[("issuer", "https://flag.example")]).unwrap();
    assert_eq!(config.issuer.as_str(), "https://flag.example");
    assert_eq!(config.server.max_body, 20_000);
    assert_eq!(config.server.display_name, "File");
    assert_eq!(config.log.format, LogFormat::Json);
    assert_eq!(config.sweep.batch, 500);
}

#[test]
fn values_from_the_environment_take_the_type_of_the_key() {
    let env = [
        ("PORTCULLIS_ISSUER", ISSUER),
        ("PORTCULLIS_TOKENS__CODE_LIFETIME", "90"),
        ("PORTCULLIS_TOKENS__ACCESS_LIFETIME", "10m"),
        ("PORTCULLIS_SERVER__LISTEN", "[::]:80"),
        ("PORTCULLIS_SERVER__DISPLAY_NAME", "12"),
    ];
    let config = load_from("", &env, &[]).unwrap();
    assert_eq!(config.tokens.code_lifetime.as_secs(), 90);
    assert_eq!(config.tokens.access_lifetime.as_secs(), 600);
    assert_eq!(config.server.listen.port(), 80);
    assert_eq!(config.server.display_name, "12");
}

#[test]
fn unknown_keys_name_the_file_the_key_and_the_nearest_one() {
    let cases = [
        (
            "[tokens]\nacess_lifetime = \"1m\"",
            r#"portcullis.toml: unknown key "tokens.acess_lifetime"; did you mean "tokens.access_lifetime"?"#,
        ),
        (
            "[databse]\nurl = \"x\"",
            r#"portcullis.toml: unknown key "databse.url"; did you mean "database.url"?"#,
        ),
        (
            "listen = \"x\"",
            r#"portcullis.toml: unknown key "listen"; did you mean "server.listen"?"#,
        ),
        (
            "[server]\nbatch = 3",
            r#"portcullis.toml: unknown key "server.batch"; did you mean "sweep.batch"?"#,
        ),
        ("colour = \"blue\"", r#"portcullis.toml: unknown key "colour""#),
        ("[colours]", r#"portcullis.toml: unknown key "colours""#),
        (
            "server = 3",
            r#"portcullis.toml: "server" is a section; write [server] and its keys below"#,
        ),
        (
            "[server.listen]\nport = 3",
            r#"portcullis.toml: unknown key "server.listen.port"; did you mean "server.listen"?"#,
        ),
    ];
    for (file, expected) in cases {
        assert_eq!(file_error(file), expected);
    }
    let flag = load_from("", &[], &[("issuer", ISSUER), ("server.listn", "x")])
        .unwrap_err()
        .to_string();
    assert_eq!(
        flag,
        r#"command line: unknown key "server.listn"; did you mean "server.listen"?"#
    );
}

#[test]
fn unknown_variables_name_the_nearest_one() {
    let cases = [
        ("PORTCULLIS_DATABASE_URL", "; did you mean PORTCULLIS_DATABASE__URL?"),
        (
            "PORTCULLIS_TOKENS__ACESS_LIFETIME",
            "; did you mean PORTCULLIS_TOKENS__ACCESS_LIFETIME?",
        ),
        ("PORTCULLIS_ISUER", "; did you mean PORTCULLIS_ISSUER?"),
        ("PORTCULLIS_XYZ", ""),
        ("PORTCULLIS_PORT", ""),
    ];
    for (name, hint) in cases {
        assert_eq!(
            env_error(name, "x"),
            format!("environment: unknown variable {name}{hint}")
        );
    }
}

#[test]
fn variables_that_are_not_settings_are_left_alone() {
    let names = [
        "PORTCULLIS_CONFIG",
        "PORTCULLIS_TEST_POSTGRES",
        "PORTCULLIS_SERVICE_HOST",
        "PORTCULLIS_SERVICE_PORT_HTTP",
        "PORTCULLIS_PORT",
        "PORTCULLIS_PORT_80_TCP_ADDR",
        "OTHER",
    ];
    let env = names.map(|name| (name, "tcp://10.0.0.1:80"));
    assert!(load_from("", &env, &[("issuer", ISSUER)]).is_ok());
}

#[test]
fn wrong_values_are_one_line_with_origin_key_and_remedy() {
    let cases = [
        (
            "[limits]\nsign_in_per_account = \"often\"",
            "portcullis.toml: limits.sign_in_per_account: \"often\" is not a rate; write how often and in which time, at most 1000000 in 1s to 30d, such as \"10 per 15m\", or \"off\"; for example \"10 per 15m\"",
        ),
        (
            "[tokens]\ncode_lifetime = \"15x\"",
            "portcullis.toml: tokens.code_lifetime: \"15x\" is not a duration; write a whole number and s, m, h or d, at most 100 years, such as \"15m\"; for example \"1m\"",
        ),
        (
            "[tokens]\ncode_lifetime = \"11m\"",
            "portcullis.toml: tokens.code_lifetime must lie between 1s and 10m (RFC 6749 section 4.1.2)",
        ),
        (
            "[server]\nlisten = \"x\"",
            "portcullis.toml: server.listen: invalid socket address syntax; for example \"127.0.0.1:8080\"",
        ),
        (
            "[sweep]\nbatch = \"x\"",
            "portcullis.toml: sweep.batch: invalid type: string \"x\", expected u32; for example 500",
        ),
        (
            "[log]\nformat = \"xml\"",
            "portcullis.toml: log.format: unknown variant `xml`, expected `text` or `json`; for example \"text\"",
        ),
        (
            "[database]\nurl = \"mysql://u:hunter2@db\"",
            "portcullis.toml: database.url must start with sqlite:// or postgres://, such as \"postgres://portcullis@localhost/portcullis\"",
        ),
        (
            "[database]\nurl = 12345",
            "portcullis.toml: database.url must be a string",
        ),
        (
            "[keys]\nmaster_key = \"short\"",
            "portcullis.toml: keys.master_key must be 32 bytes in base64; make one with: openssl rand -base64 32",
        ),
        (
            "[keys]\nretirement = \"10m\"",
            "portcullis.toml: keys.retirement must be at least 15m, the longest life of a token",
        ),
        (
            "[keys]\nmaster_key_file = 3",
            "portcullis.toml: keys.master_key_file must be the path of a file",
        ),
    ];
    for (file, expected) in cases {
        assert_eq!(file_error(file), expected);
    }
    assert_eq!(
        env_error("PORTCULLIS_SWEEP__BATCH", "many"),
        "environment PORTCULLIS_SWEEP__BATCH: sweep.batch must be a whole number, such as 500"
    );
    let syntax = file_error("[server]\nlisten = ");
    assert!(
        syntax.starts_with("portcullis.toml: line 2: ") && !syntax.contains('\n'),
        "{syntax}"
    );
}

#[test]
fn all_problems_are_reported_together() {
    let error = load_from("[server]\nx = 1\nlisten = 3", &[("PORTCULLIS_NOPE", "")], &[]).unwrap_err();
    assert_eq!(error.problems().len(), 4, "{error}");
}

#[test]
fn a_missing_issuer_is_explained_in_all_three_forms() {
    for file in ["", "issuer = \"\""] {
        let message = load_from(file, &[], &[]).unwrap_err().to_string();
        for part in ["issuer = \"https://", "PORTCULLIS_ISSUER=https://", "--issuer https://"] {
            assert!(message.contains(part), "{message}");
        }
    }
    let message = load_from("issuer = 3", &[], &[]).unwrap_err().to_string();
    assert_eq!(
        message,
        "portcullis.toml: issuer must be a string, such as \"https://id.example.com\""
    );
    let message = load_from("issuer = \"http://id.example.com\"", &[], &[])
        .unwrap_err()
        .to_string();
    assert!(
        message.starts_with("portcullis.toml: issuer: ") && message.contains("must use https"),
        "{message}"
    );
}

#[test]
fn secrets_can_come_from_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("url");
    fs::write(&path, "  postgres://u:hunter2@db/p \nsecond line\n").unwrap();
    let path = path.to_str().unwrap();
    let env = [("PORTCULLIS_DATABASE__URL_FILE", path)];
    let config = load_from("[database]\nurl = \"sqlite://x\"", &env, &[("issuer", ISSUER)]).unwrap();
    assert_eq!(
        config.database.url.expose(),
        "postgres://u:hunter2@db/p",
        "the later source wins"
    );
    let both = load_from(
        &format!("[database]\nurl = \"sqlite://x\"\nurl_file = {path:?}"),
        &[],
        &[("issuer", ISSUER)],
    );
    let message = both.unwrap_err().to_string();
    assert_eq!(
        message,
        "portcullis.toml: set either database.url or database.url_file, not both"
    );
    let missing = env_error("PORTCULLIS_KEYS__MASTER_KEY_FILE", "/nonexistent/key");
    assert!(
        missing.contains("keys.master_key_file: cannot read \"/nonexistent/key\""),
        "{missing}"
    );
}

#[test]
fn the_database_follows_the_data_directory_unless_set() {
    let config = load_from("[server]\ndata_dir = \"/srv/p\"", &[], &[("issuer", ISSUER)]).unwrap();
    assert_eq!(config.database.url.expose(), "sqlite:///srv/p/portcullis.db");
    let flags = [("issuer", ISSUER), ("database.url", "postgres://db/p")];
    let config = load_from("[server]\ndata_dir = \"/srv/p\"", &[], &flags).unwrap();
    assert_eq!(config.database.url.expose(), "postgres://db/p");
}

#[test]
fn a_named_file_must_exist() {
    let args = LoadArgs {
        file: Some("/nonexistent/p.toml".into()),
        env: std::iter::empty(),
        overrides: Vec::new(),
    };
    let message = load(args).unwrap_err().to_string();
    assert!(
        message.starts_with("/nonexistent/p.toml: cannot read the file"),
        "{message}"
    );
}

#[test]
fn showing_and_debugging_hide_secrets() {
    let key = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    let flags = [
        ("issuer", ISSUER),
        ("keys.master_key", key),
        ("database.url", "postgres://u:hunter2@db/p"),
    ];
    let config = load_from("", &[], &flags).unwrap();
    let shown = config.show();
    for text in [shown.as_str(), &format!("{config:?}")] {
        assert!(!text.contains("hunter2") && !text.contains(key), "{text}");
    }
    assert!(
        shown.contains("url = \"postgres://u:***@db/p\"") && shown.contains("master_key = \"***\""),
        "{shown}"
    );
    assert!(shown.starts_with("issuer = \"https://id.example.com\"\n"), "{shown}");
    let parsed: Table = shown.parse().unwrap();
    assert_eq!(parsed["tokens"]["access_lifetime"].as_str(), Some("15m"));
}

#[test]
fn default_toml_lists_every_key_and_agrees_with_the_defaults() {
    let text = include_str!("../../config/default.toml");
    let mut listed = BTreeMap::new();
    flatten("", text.parse().unwrap(), &mut listed);
    let known: BTreeSet<String> = Layers::new().known.into_keys().collect();
    assert_eq!(listed.into_keys().collect::<BTreeSet<_>>(), known);
    let loaded = load_from(text, &[], &[("issuer", ISSUER)]).unwrap();
    let defaults = Config::with_defaults(ISSUER.parse().unwrap());
    assert_eq!(loaded.show(), defaults.show());
    assert_eq!(loaded.database.url.expose(), defaults.database.url.expose());
    assert_eq!(defaults.check(), Ok(()));
}

#[test]
fn every_key_in_default_toml_has_a_comment_above_it() {
    let text = include_str!("../../config/default.toml");
    let lines: Vec<&str> = text.lines().collect();
    for (at, line) in lines
        .iter()
        .enumerate()
        .filter(|(_, line)| line.contains(" = ") && !line.starts_with('#'))
    {
        assert!(at > 0 && lines[at - 1].starts_with('#'), "no comment above: {line}");
    }
}

#[test]
fn the_list_of_sections_is_complete() {
    let sections: BTreeSet<String> = Layers::new()
        .known
        .keys()
        .filter_map(|key| Some(key.split_once('.')?.0.to_owned()))
        .collect();
    assert_eq!(sections, SECTIONS.iter().map(|name| (*name).to_owned()).collect());
}
