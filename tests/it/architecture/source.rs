//! Reading Rust well enough to see what a file names: comments, literals and test modules blanked out, lines kept.

use std::path::Path;
use std::sync::OnceLock;

/// A file under `src/`.
pub struct File {
    /// Its path under `src/`.
    pub path: String,
    /// Its code, without comments, text and tests.
    pub code: String,
}

/// A function and how many lines it has.
pub struct Function {
    pub name: String,
    pub line: usize,
    pub lines: usize,
}

/// Every file that is compiled into the server.
pub fn files() -> &'static [File] {
    static FILES: OnceLock<Vec<File>> = OnceLock::new();
    FILES.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut files = Vec::new();
        collect(&root, &root, &mut files);
        assert!(files.len() > 100, "{} files", files.len());
        files
    })
}

/// Files called `tests.rs` or `samples.rs` are declared behind `#[cfg(test)]`.
fn collect(root: &Path, folder: &Path, files: &mut Vec<File>) {
    let mut entries: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            collect(root, &path, files);
        } else if name.ends_with(".rs") && !matches!(name.as_str(), "tests.rs" | "samples.rs") {
            files.push(File {
                path: path.strip_prefix(root).unwrap().to_str().unwrap().to_owned(),
                code: code_of(&std::fs::read_to_string(&path).unwrap()),
            });
        }
    }
}

impl File {
    /// The room it belongs to: its folder, or itself.
    pub fn room(&self) -> &str {
        self.path.split(['/', '.']).next().unwrap()
    }

    /// Its name without the extension.
    pub fn stem(&self) -> &str {
        self.path.rsplit('/').next().unwrap().trim_end_matches(".rs")
    }

    /// The rooms that it names by `crate::…`, with the line.
    pub fn rooms_named(&self) -> Vec<(usize, String)> {
        let mut rooms = Vec::new();
        for (at, _) in self.code.match_indices("crate::") {
            if self.code[..at].ends_with(is_word) || self.code[..at].ends_with('$') {
                continue;
            }
            let rest = &self.code[at + "crate::".len()..];
            let names = match rest.strip_prefix('{') {
                Some(group) => top_names(group),
                None => vec![word(rest)],
            };
            let rooms_only = names.into_iter().filter(|name| !name.is_empty());
            rooms.extend(rooms_only.map(|name| (self.line_at(at), name.to_owned())));
        }
        rooms
    }

    /// The lines that name a third-party crate: `name::…` at the root of a path, or `use name`.
    pub fn crate_named(&self, name: &str) -> impl Iterator<Item = usize> {
        let path = format!("{name}::");
        let root = move |at: &usize| {
            let before = &self.code[..*at];
            let rooted = before.ends_with("::") && !before[..before.len() - 2].ends_with(is_word);
            rooted || !(before.ends_with(is_word) || before.ends_with("::") || before.ends_with('$'))
        };
        let found: Vec<_> = self
            .code
            .match_indices(&path)
            .map(|(at, _)| at)
            .filter(root)
            .map(|at| self.line_at(at))
            .collect();
        found.into_iter()
    }

    /// The lines that hold `text`.
    pub fn lines_with(&self, text: &str) -> impl Iterator<Item = usize> {
        let lines = self.code.lines().enumerate();
        let found: Vec<_> = lines
            .filter(|(_, line)| line.contains(text))
            .map(|(number, _)| number + 1)
            .collect();
        found.into_iter()
    }

    /// The lines of queries whose text does not come from a declared statement.
    pub fn loose_queries(&self) -> Vec<usize> {
        let mut lines = Vec::new();
        for (at, _) in self
            .code
            .match_indices("sqlx::query")
            .chain(self.code.match_indices("sqlx::raw_sql"))
        {
            let Some((_, arguments)) = self.code[at..].split_once('(') else {
                continue;
            };
            // A macro's receiver is `$db`.
            let arguments = arguments.trim_start().trim_start_matches('$');
            let receiver = word(arguments);
            if !arguments[receiver.len()..].starts_with(".text(") {
                lines.push(self.line_at(at));
            }
        }
        lines
    }

    /// Every function with a body.
    pub fn functions(&self) -> Vec<Function> {
        let mut functions = Vec::new();
        for (at, _) in self.code.match_indices("fn ") {
            let name = word(&self.code[at + 3..]);
            if name.is_empty() || self.code[..at].ends_with(is_word) {
                continue;
            }
            let rest = &self.code[at..];
            let Some(open) = rest.find(['{', ';']).filter(|open| rest[*open..].starts_with('{')) else {
                continue;
            };
            let body = &rest[..open + block_length(&rest[open..])];
            functions.push(Function {
                name: name.to_owned(),
                line: self.line_at(at),
                lines: body.lines().filter(|line| !line.trim().is_empty()).count(),
            });
        }
        functions
    }

    fn line_at(&self, at: usize) -> usize {
        self.code[..at].matches('\n').count() + 1
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The identifier at the start of `text`.
fn word(text: &str) -> &str {
    &text[..text.find(|c| !is_word(c)).unwrap_or(text.len())]
}

/// The first names of a `use` group: of `a::b, c::{d, e}}` they are `a` and `c`.
fn top_names(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut names) = (1, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if (c == ',' && depth == 1) || depth == 0 {
            names.push(word(group[start..at].trim_start()));
            start = at + 1;
        }
        if depth == 0 {
            break;
        }
    }
    names
}

/// How long the block is that `text` starts with.
fn block_length(text: &str) -> usize {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    text.len()
}

/// `text` without comments, the contents of literals, and modules behind `#[cfg(test)]`; line breaks stay.
pub fn code_of(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let length = skipped_length(rest, code.chars().next_back());
        let taken = length.unwrap_or_else(|| rest.chars().next().map_or(1, char::len_utf8));
        let (head, tail) = rest.split_at(taken);
        match length {
            Some(_) => code.extend(head.chars().filter(|c| *c == '\n')),
            None => code.push_str(head),
        }
        rest = tail;
    }
    without_tests(code)
}

/// How much of a comment or literal `rest` starts with.
fn skipped_length(rest: &str, before: Option<char>) -> Option<usize> {
    let in_word = before.is_some_and(is_word);
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return Some(comment_length(rest));
    }
    if rest.starts_with('"') {
        return Some(quoted_length(rest, '"'));
    }
    if !in_word && (rest.starts_with("r\"") || rest.starts_with("r#") || rest.starts_with("br")) {
        return raw_length(rest);
    }
    let is_char = rest.starts_with("'\\") || rest.chars().nth(2) == Some('\'');
    (rest.starts_with('\'') && is_char).then(|| quoted_length(rest, '\''))
}

fn comment_length(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        let tail = &rest[at..];
        depth += i32::from(tail.starts_with("/*")) - i32::from(tail.starts_with("*/"));
        let pair = tail.starts_with("/*") || tail.starts_with("*/");
        at += if pair {
            2
        } else {
            tail.chars().next().map_or(1, char::len_utf8)
        };
        if depth == 0 {
            break;
        }
    }
    at
}

fn quoted_length(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        if c == quote && !escaped {
            return at + 1;
        }
        escaped = c == '\\' && !escaped;
    }
    rest.len()
}

/// `r"…"`, `r#"…"#`, `br##"…"##`; an identifier like `r#type` is none.
fn raw_length(rest: &str) -> Option<usize> {
    let after = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r'))?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    let body = after[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let length = body.find(&end).map_or(body.len(), |at| at + end.len());
    Some(rest.len() - body.len() + length)
}

fn without_tests(mut code: String) -> String {
    const MARK: &str = "#[cfg(test)]";
    while let Some(at) = code.find(MARK) {
        let after = at + MARK.len();
        let rest = &code[after..];
        let end = match rest.find(['{', ';']) {
            Some(open) if rest[open..].starts_with('{') => open + block_length(&rest[open..]),
            Some(semicolon) => semicolon + 1,
            None => rest.len(),
        };
        let breaks: String = code[at..after + end].chars().filter(|c| *c == '\n').collect();
        code.replace_range(at..after + end, &breaks);
    }
    code
}
