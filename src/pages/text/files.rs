//! Whether the files of messages fit each other, the templates and the code.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What looks like a key in the code and is none.
const NO_KEYS: &[&str] = &[
    "unknown-session",
    "node-fetch",
    "sec-fetch-dest",
    "sec-fetch-mode",
    "portcullis-language",
    "given-name",
    "additional-name",
    "family-name",
    "street-address",
    "postal-code",
    "address-level1",
    "address-level2",
    "country-name",
];

/// The keys of a file, each with the names of its arguments and its text as written.
fn messages(text: &str) -> BTreeMap<&str, (BTreeSet<&str>, String)> {
    let mut messages = BTreeMap::new();
    let mut last = None;
    for line in text.lines() {
        if let Some((key, value)) = line.split_once(" =").filter(|(key, _)| is_key(key)) {
            let before = messages.insert(key, (arguments(value), value.to_owned()));
            assert!(before.is_none(), "{key} stands there twice");
            last = Some(key);
        } else if line.starts_with(' ') {
            let (names, whole) = last.and_then(|key| messages.get_mut(key)).expect("a line of a message");
            names.extend(arguments(line));
            whole.push_str(line);
        } else {
            assert!(line.is_empty() || line.starts_with('#'), "no message: {line}");
        }
    }
    messages
}

fn is_key(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

fn arguments(text: &str) -> BTreeSet<&str> {
    let ends = |c: char| !c.is_ascii_alphanumeric() && c != '_';
    let parts = text.split('$').skip(1);
    parts.filter_map(|part| part.split(ends).next()).collect()
}

/// Every file below a folder of the repository whose name ends so, by its path.
fn files(folder: &str, ending: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(path) = open.pop() {
        for entry in std::fs::read_dir(&path).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.to_str().unwrap().ends_with(ending) {
                let text = std::fs::read_to_string(&path).unwrap();
                found.insert(path.to_str().unwrap().to_owned(), text);
            }
        }
    }
    assert!(!found.is_empty(), "{folder}");
    found
}

fn templates() -> BTreeMap<String, String> {
    let mut templates = files("templates/pages", ".html");
    templates.extend(files("templates/partials", ".html"));
    let layout = concat!(env!("CARGO_MANIFEST_DIR"), "/templates/layout.html");
    templates.insert("layout.html".to_owned(), std::fs::read_to_string(layout).unwrap());
    templates
}

/// The code of the pages, without its tests.
fn code() -> BTreeMap<String, String> {
    let mut code = files("src/pages", ".rs");
    code.retain(|path, _| !path.contains("/samples") && !path.ends_with("text/files.rs"));
    for text in code.values_mut() {
        let end = text.find("#[cfg(test)]\nmod tests").unwrap_or(text.len());
        text.truncate(end);
    }
    code
}

fn english() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/templates/messages/en.ftl");
    std::fs::read_to_string(path).unwrap()
}

#[track_caller]
fn assert_none(findings: &[String], rule: &str) {
    assert!(findings.is_empty(), "{rule}:\n  {}", findings.join("\n  "));
}

#[test]
fn every_language_says_everything() {
    let english = english();
    let english = messages(&english);
    let mut findings = Vec::new();
    for (path, text) in files("templates/messages", ".ftl") {
        let there = messages(&text);
        let missing = english.keys().filter(|key| !there.contains_key(*key));
        findings.extend(missing.map(|key| format!("{path} lacks {key}")));
        for (key, (arguments, text)) in &there {
            match english.get(key) {
                None => findings.push(format!("{path} has {key}, which English lacks")),
                Some((wanted, _)) if wanted != arguments => {
                    findings.push(format!("{path} {key}: {arguments:?} instead of {wanted:?}"));
                }
                Some((_, same)) if same == text && text.len() > 30 && !path.ends_with("en.ftl") => {
                    findings.push(format!("{path} {key} is in English"));
                }
                Some(_) => {}
            }
        }
    }
    assert_none(&findings, "the files of messages differ");
}

#[test]
fn every_text_is_used_and_every_used_text_exists() {
    let english = english();
    let keys: BTreeSet<_> = messages(&english).into_keys().collect();
    let mut used = BTreeSet::new();
    let mut findings = Vec::new();
    let (templates, code) = (templates(), code());
    for (path, text) in &templates {
        for call in ["text(\"", "around(\""] {
            let asked = text.split(call).skip(1).filter_map(|rest| rest.split('"').next());
            for key in asked {
                used.insert(key);
                findings.extend((!keys.contains(key)).then(|| format!("{path} asks for {key}")));
            }
        }
    }
    for (path, text) in &code {
        for literal in text.split('"').filter(|piece| is_key(piece)) {
            used.insert(literal);
            let stranger = literal.contains('-') && !keys.contains(literal) && !NO_KEYS.contains(&literal);
            findings.extend(stranger.then(|| format!("{path} asks for {literal}")));
        }
    }
    assert_none(&findings, "no such text");
    let unused: Vec<_> = keys.difference(&used).map(|key| (*key).to_owned()).collect();
    assert_none(&unused, "texts that nothing shows");
}

/// What a template says by itself it says in one language only.
#[test]
fn templates_have_no_words_of_their_own() {
    let mut findings = Vec::new();
    for (path, text) in templates() {
        // The name of a class.
        let text = text.replace("{% block width %} broad{% endblock %}", "");
        let text = without(&without(&text, "{{", "}}"), "{%", "%}");
        for tag in text.split('<').skip(1).filter_map(|rest| rest.split('>').next()) {
            for attribute in ["aria-label", "title", "alt", "aria-description", "aria-roledescription"] {
                let value = tag.split(&format!(" {attribute}=\"")).nth(1).unwrap_or_default();
                let value = value.split('"').next().unwrap_or_default();
                findings.extend(
                    value
                        .chars()
                        .any(char::is_alphabetic)
                        .then(|| format!("{path}: {attribute} {value}")),
                );
            }
        }
        for word in without(&text, "<", ">").split_whitespace() {
            findings.extend(word.chars().any(char::is_alphabetic).then(|| format!("{path}: {word}")));
        }
    }
    assert_none(&findings, "words in templates");
}

fn without(text: &str, open: &str, close: &str) -> String {
    let mut parts = text.split(open);
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        kept.push(' ');
        kept.push_str(part.split_once(close).map_or("", |(_, behind)| behind));
    }
    // What stood in an attribute leaves nothing in it.
    kept.replace("\" \"", "\"\"")
}
