//! What the examples and the README tell people to type exists: settings, commands and flags.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use portcullis::protocol::standard_claims::SCOPE_CLAIMS;

use crate::support::process::{configure, isolate, portcullis, run};
use crate::support::{AuthRequest, Browser, ClientSpec, PASSWORD, TestServer, Tokens, both_stores, scope};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn examples() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join("config/examples")).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.extend(["README.md", "Dockerfile"].map(|name| root().join(name)));
    assert!(paths.len() >= 6, "{paths:?}");
    paths
}

#[test]
fn every_variable_in_the_examples_is_a_setting() {
    let mut names = BTreeSet::new();
    for path in examples() {
        let text = read(path);
        let of_word = |word: &str| word.strip_prefix("PORTCULLIS_").is_some_and(|rest| !rest.is_empty());
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        names.extend(words.filter(|word| of_word(word)).map(str::to_owned));
    }
    assert!(names.len() >= 7, "{names:?}");
    let mut command = portcullis(&["config", "check"]);
    command.envs(names.iter().map(|name| (name, "x")));
    let ended = run(command);
    assert!(!ended.stderr.contains("unknown variable"), "{}", ended.stderr);
    // That it would have said so:
    let mut command = portcullis(&["config", "check"]);
    command.env("PORTCULLIS_SERVER__TRUSTED_PROXY", "x");
    assert!(
        run(command)
            .stderr
            .contains("unknown variable PORTCULLIS_SERVER__TRUSTED_PROXY")
    );
}

/// Splits as a shell does, as far as the examples go.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for c in line.chars() {
        match (quote, c) {
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            (None, '#' | ';' | '|' | '&' | '>') => break,
            (None, ' ') => words.push(String::new()),
            _ => words.last_mut().unwrap().push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// The arguments of every call of the program in a text. In Compose and Docker files they are lists.
fn calls(text: &str) -> Vec<Vec<String>> {
    let joined = text.replace("\\\n", " ");
    let mut calls = Vec::new();
    for line in joined.lines() {
        let line = line.trim().trim_start_matches("# ").trim();
        let list = line
            .split_once('[')
            .filter(|(key, _)| ["command: ", "test: ", "CMD ", "ENTRYPOINT "].contains(key) || key.ends_with("CMD "));
        if let Some((key, list)) = list {
            let mut words: Vec<String> = list.split('"').skip(1).step_by(2).map(str::to_owned).collect();
            let start = words.iter().position(|word| word.ends_with("/portcullis"));
            match start {
                Some(start) => calls.push(words.split_off(start + 1)),
                None if key == "test: " => {}
                None => calls.push(words),
            }
            continue;
        }
        // A prompt's worth: the program's name, perhaps behind sudo, docker or variables.
        let shell = ["portcullis ", "sudo ", "docker ", "PORTCULLIS_", "ExecStart="];
        if line.starts_with("docker build") || !shell.iter().any(|start| line.starts_with(start)) {
            continue;
        }
        let mut words = words(line);
        let named = |word: &String| word == "portcullis" || word.ends_with("/portcullis");
        let after_user = |at: usize| at > 0 && words[at - 1] == "-u";
        let start = (0..words.len()).find(|at| named(&words[*at]) && !after_user(*at));
        if let Some(start) = start {
            calls.push(words.split_off(start + 1));
        }
    }
    calls
}

#[test]
fn every_command_in_the_examples_is_one() {
    let mut seen = BTreeSet::new();
    for path in examples() {
        for mut call in calls(&read(&path)) {
            // Help is given once everything before it was understood.
            call.push("--help".to_owned());
            let arguments: Vec<_> = call.iter().map(String::as_str).collect();
            let ended = run(portcullis(&arguments));
            assert_eq!(ended.code, Some(0), "{}: {call:?}: {}", path.display(), ended.stderr);
            seen.extend(call);
        }
    }
    for word in [
        "serve",
        "migrate",
        "health",
        "--live",
        "doctor",
        "backup",
        "after-restore",
        "--config",
        "create",
    ] {
        assert!(seen.contains(word), "{word}: {seen:?}");
    }
    assert_eq!(
        run(portcullis(&["serve", "--lissten", "--help"])).code,
        Some(2),
        "and it would say so"
    );
}

#[test]
fn systemd_takes_the_unit() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        return; // not on this machine
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("portcullis.service");
    let unit = read("config/examples/portcullis.service");
    let unit = unit.replace("/usr/local/bin/portcullis", env!("CARGO_BIN_EXE_portcullis"));
    std::fs::write(&path, unit).unwrap();
    for arguments in [
        &["verify", "--man=no"][..],
        &["security", "--offline=true", "--threshold=20"],
    ] {
        let mut command = Command::new("systemd-analyze");
        command.args(arguments).arg(&path);
        isolate(&mut command);
        let ended = run(command);
        assert_eq!(ended.code, Some(0), "{arguments:?}: {ended:?}");
        assert!(!ended.stderr.contains("portcullis.service:"), "{ended:?}");
    }
}

#[test]
fn the_conformance_settings_are_settings() {
    let folder = tempfile::tempdir().unwrap();
    let config = root().join("config/examples/conformance.toml");
    let mut command = portcullis(&["config", "check", "--config", config.to_str().unwrap()]);
    command.current_dir(folder.path());
    let ended = run(command);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    // Loaded for what it is for, and not in the place of others.
    let mut command = portcullis(&["config", "show", "--config", config.to_str().unwrap()]);
    command.current_dir(folder.path());
    let shown = run(command).stdout;
    for line in [
        "issuer = \"https://op.internal:8443\"",
        "tls_certificate = \"op.crt\"",
        "mode = \"open\"",
        "pkce = \"optional\"",
        "\"localhost.emobix.co.uk\"",
        "request_uri = true",
        "max_clients = 100000",
        "registrations_per_address = \"off\"",
        "refetch_interval = \"10s\"",
        "give_up_after = \"2m\"",
    ] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
}

/// The files that its commands write: `cat > NAME <<'END'`.
fn written_files(text: &str) -> Vec<(&str, &str)> {
    let parts = text.split("\ncat > ").skip(1);
    let files = parts.filter_map(|part| {
        let (name, rest) = part.split_once(" <<'END'\n")?;
        Some((name, rest.split_once("\nEND\n")?.0))
    });
    files.collect()
}

/// Every client and API that the README and the examples have registered, in their order, on one database.
#[test]
fn every_client_of_the_readme_can_be_registered() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let mut redirect_uris = Vec::new();
    for (name, text) in written_files(&read("README.md")) {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    for path in ["README.md", "config/examples/conformance.toml"] {
        for call in calls(&read(path)) {
            let registers =
                matches!(&call[..], [noun, verb, ..] if verb == "create" && (noun == "client" || noun == "api"));
            if !registers || call.iter().any(|word| word == "--logo") {
                continue;
            }
            let mut arguments: Vec<_> = call.iter().map(String::as_str).collect();
            if let Some(config) = arguments.iter().position(|word| *word == "--config") {
                arguments.drain(config..config + 2); // its certificate is not here
            }
            arguments.extend(["--json", "--data", data, "--issuer", "https://id.example.org"]);
            let mut command = portcullis(&arguments);
            command.current_dir(folder.path());
            let ended = run(command);
            assert_eq!(ended.code, Some(0), "{call:?}: {}", ended.stderr);
            redirect_uris.extend(call.iter().filter(|word| word.contains("://")).cloned());
        }
    }
    for app in [
        "argocd", "gitlab", "git.", "grafana", "vault", ":8000", "cloud", "tools", "pve", "emobix",
    ] {
        assert!(
            redirect_uris.iter().any(|uri| uri.contains(app)),
            "{app}: {redirect_uris:?}"
        );
    }
}

both_stores! {
    /// Every standard claim of `user.json`, from the command line to the client.
    async fn the_user_of_the_example_has_every_claim(db: TestDb) {
        let server = TestServer::new(db).await;
        let claims = root().join("config/examples/user.json");
        let folder = tempfile::tempdir().unwrap();
        let password = folder.path().join("password");
        std::fs::write(&password, PASSWORD).unwrap();
        let mut command = portcullis(&["user", "create", "alice", "--claims", claims.to_str().unwrap(), "--password-file"]);
        command.arg(&password).args(["--issuer", server.app.issuer()]);
        configure(&mut command, &server, folder.path(), &[]);
        let ended = run(command);
        assert_eq!(ended.code, Some(0), "{ended:?}");

        let all = "openid profile email address phone";
        let spec = ClientSpec::web("web").metadata(|metadata| metadata.scope = scope(all));
        let client = server.add_client(spec).await;
        let request = AuthRequest::new(&client, all);
        let answer = Browser::new(&server).grant(&request, "alice").await;
        let tokens = Tokens::of(server.redeem(&client, &answer.code(), &request).await);
        let mut told = server.userinfo(&tokens.access).await.expect(200).json();
        let told = told.as_object_mut().unwrap();
        assert!(told.remove("sub").is_some() && told.remove("updated_at").is_some(), "the server's own");
        let written: serde_json::Value = serde_json::from_str(&read(claims)).unwrap();
        assert_eq!(serde_json::Value::from(told.clone()), written);
        let named = SCOPE_CLAIMS.iter().flat_map(|(_, claims)| *claims);
        let missing: Vec<_> = named.filter(|claim| !told.contains_key(**claim)).collect();
        assert!(missing.is_empty(), "the file leaves out {missing:?}");
    }
}
