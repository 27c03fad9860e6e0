//! `tests/security_rows.md` says the truth: what it calls tested has a test of that name, and no test is left out of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// `ab_12_…` at the start of a name: the row `AB-12`.
fn row_of(name: &str) -> Option<String> {
    let (area, rest) = name.split_once('_')?;
    let (number, what) = rest.split_once('_')?;
    let well_formed =
        !what.is_empty() && area.len() == 2 && number.len() == 2 && number.bytes().all(|byte| byte.is_ascii_digit());
    well_formed.then(|| format!("{}-{number}", area.to_uppercase()))
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .filter(|word| row_of(word).is_some())
}

/// The names of tests in all sources below `directory`, in Rust and in JavaScript.
fn names_below(directory: &Path, names: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() && !path.ends_with("node_modules") {
            names_below(&path, names);
        }
        let source = path
            .extension()
            .is_some_and(|extension| extension == "rs" || extension == "js");
        if source && !path.ends_with("listed.rs") {
            names.extend(words(&std::fs::read_to_string(&path).unwrap()).map(str::to_owned));
        }
    }
}

#[test]
fn the_list_of_rows_is_true() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let list = std::fs::read_to_string(root.join("tests/security_rows.md")).unwrap();
    let mut names = BTreeSet::new();
    names_below(&root.join("tests"), &mut names);
    names_below(&root.join("src"), &mut names);

    let mut states = BTreeMap::new();
    for line in list
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| row"))
    {
        let cells: Vec<_> = line.trim_matches('|').splitn(3, '|').map(str::trim).collect();
        let [row, state, place] = cells[..] else {
            panic!("not a row: {line}")
        };
        assert!(
            states.insert(row.to_owned(), state.to_owned()).is_none(),
            "{row} stands twice"
        );
        for name in words(place) {
            assert!(names.contains(name), "{row}: there is no test {name}");
        }
        let named = words(place).next().is_some();
        match state {
            "tested" => assert!(named || place.contains(".js"), "{row} names no test"),
            "open" | "not applicable yet" => assert!(place.len() > 3, "{row}: why?"),
            other => panic!("{row}: {other} is no state"),
        }
    }
    let untold: Vec<_> = names
        .iter()
        .filter(|name| {
            states
                .get(&row_of(name).unwrap())
                .is_some_and(|state| state != "tested")
        })
        .collect();
    assert!(untold.is_empty(), "tests whose row is not called tested: {untold:?}");
}
