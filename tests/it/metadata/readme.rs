//! The README's table of what is offered names every member of the metadata, and none that is not there.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use super::{World, everything, registered};
use crate::support::TestDb;

/// Words between backticks.
fn marked(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_readme_tells_what_the_metadata_tells() {
    let world = World::new(TestDb::sqlite().await, "https://id.example", everything).await;
    let advertised = world.document.as_object().unwrap();
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let section = readme.split_once("\n## What it offers\n").unwrap().1;
    let section = section.split_once("\n## ").unwrap().0;
    let words: BTreeSet<_> = marked(section).collect();

    let registered = registered();
    let named: BTreeSet<_> = words
        .iter()
        .copied()
        .filter(|word| registered.contains_key(word))
        .collect();
    let told: BTreeSet<_> = advertised.keys().map(String::as_str).collect();
    assert_eq!(named, told);

    for (member, value) in advertised {
        for value in value.as_array().into_iter().flatten().filter_map(Value::as_str) {
            // Claims and languages are named in words.
            let listed = !matches!(member.as_str(), "claims_supported" | "ui_locales_supported");
            assert!(
                !listed || words.contains(value),
                "{member}: `{value}` is not in the README"
            );
        }
    }
}
