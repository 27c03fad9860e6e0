//! Putting the sources on top of each other, and saying where each value came from.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs, io,
    path::{Path, PathBuf},
};

use toml::{Table, Value};

use super::{Config, ConfigError, Settings};

/// The sources read so far. Values are checked key by key, so that every error names one key and its origin.
pub(super) struct Layers {
    /// Every key with its default, from the defaults themselves.
    known: BTreeMap<String, Value>,
    values: BTreeMap<String, (Value, Origin)>,
    problems: Vec<String>,
}

impl Layers {
    pub(super) fn new() -> Self {
        let mut known = BTreeMap::new();
        match Table::try_from(Settings::default()) {
            Ok(defaults) => flatten("", defaults, &mut known),
            Err(error) => unreachable!("the defaults are plain TOML values: {error}"),
        }
        let files = SECRETS.map(|key| (format!("{key}{FILE_SUFFIX}"), Value::from("")));
        known.extend(files);
        Self {
            known,
            values: BTreeMap::new(),
            problems: Vec::new(),
        }
    }

    pub(super) fn add_file(&mut self, path: &Path) {
        match fs::read_to_string(path) {
            Ok(text) => self.add_toml(path, &text),
            Err(error) => self
                .problems
                .push(format!("{}: cannot read the file: {error}", path.display())),
        }
    }

    pub(super) fn add_file_if_present(&mut self, path: &Path) {
        match fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            _ => self.add_file(path),
        }
    }

    pub(super) fn add_env(&mut self, variables: impl Iterator<Item = (String, String)>) {
        let keys: BTreeMap<String, String> = self.known.keys().map(|key| (env_name(key), key.clone())).collect();
        let mut layer = Vec::new();
        for (name, text) in variables.filter(|(name, text)| name.starts_with(ENV_PREFIX) && !is_reserved(name, text)) {
            match keys.get(&name) {
                Some(key) => layer.push((key.clone(), Given::Text(text), Origin::Env(name))),
                None => {
                    let hint = nearest(&name, keys.keys()).map(|near| format!("; did you mean {near}?"));
                    self.problems.push(format!(
                        "environment: unknown variable {name}{}",
                        hint.unwrap_or_default()
                    ));
                }
            }
        }
        self.add_layer(layer);
    }

    pub(super) fn add_overrides(&mut self, overrides: Vec<(String, String)>) {
        let given = overrides
            .into_iter()
            .map(|(key, text)| (key, Given::Text(text), Origin::CommandLine));
        self.add_layer(given.collect());
    }

    pub(super) fn finish(mut self) -> Result<Config, ConfigError> {
        self.follow_data_dir();
        let issuer = self.issuer();
        let settings = self.settings();
        let (Some(issuer), Some(settings), true) = (issuer, settings, self.problems.is_empty()) else {
            return Err(ConfigError::new(self.problems));
        };
        let config = Config::from_settings(issuer, settings);
        let origin = |key: &str| Some(self.values.get(key)?.1.to_string());
        config.report().into_result(origin)?;
        Ok(config)
    }

    fn add_toml(&mut self, path: &Path, text: &str) {
        let table = match text.parse::<Table>() {
            Ok(table) => table,
            Err(error) => {
                let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
                let line = before.matches('\n').count() + 1;
                let message = one_line(error.message());
                return self
                    .problems
                    .push(format!("{}: line {line}: {message}", path.display()));
            }
        };
        let mut flat = BTreeMap::new();
        flatten("", table, &mut flat);
        let origin = Origin::File(path.to_owned());
        self.add_layer(
            flat.into_iter()
                .map(|(key, value)| (key, Given::Toml(value), origin.clone()))
                .collect(),
        );
    }

    /// Adds the values of one source. A secret and its `_file` in the same source contradict each other.
    fn add_layer(&mut self, layer: Vec<(String, Given, Origin)>) {
        let mut secrets = BTreeSet::new();
        for (key, given, origin) in layer {
            let Some((target, value)) = self.read(&key, given, &origin) else {
                continue;
            };
            let contradicts = SECRETS.contains(&target.as_str()) && !secrets.insert(target.clone());
            if contradicts {
                self.problems.push(format!(
                    "{origin}: set either {target} or {target}{FILE_SUFFIX}, not both"
                ));
            }
            let origin = if target == key {
                origin
            } else {
                Origin::SecretFile(key, Box::new(origin))
            };
            self.values.insert(target, (value, origin));
        }
    }

    /// Finds out which key is meant and what its value is. `None`: nothing to set, or a problem was noted.
    fn read(&mut self, key: &str, given: Given, origin: &Origin) -> Option<(String, Value)> {
        let Some(default) = self.known.get(key) else {
            self.problems.push(format!("{origin}: {}", self.unknown(key)));
            return None;
        };
        let value = match given.into_value(default) {
            Ok(value) => value,
            Err(wanted) => {
                self.problems
                    .push(format!("{origin}: {key} must be {wanted}, such as {default}"));
                return None;
            }
        };
        let secret = key.strip_suffix(FILE_SUFFIX).filter(|secret| SECRETS.contains(secret));
        match (secret, value.as_str()) {
            (Some(_), Some("")) => None,
            (Some(secret), Some(path)) => match first_line(Path::new(path)) {
                Ok(line) => Some((secret.to_owned(), Value::String(line))),
                Err(error) => {
                    self.problems
                        .push(format!("{origin}: {key}: cannot read {path:?}: {error}"));
                    None
                }
            },
            (Some(_), None) => {
                self.problems
                    .push(format!("{origin}: {key} must be the path of a file"));
                None
            }
            (None, _) => Some((key.to_owned(), value)),
        }
    }

    fn unknown(&self, key: &str) -> String {
        let section = format!("{key}.");
        if self.known.keys().any(|known| known.starts_with(&section)) {
            return format!("\"{key}\" is a section; write [{key}] and its keys below");
        }
        let hint = nearest(key, self.known.keys()).map(|near| format!("; did you mean \"{near}\"?"));
        format!("unknown key \"{key}\"{}", hint.unwrap_or_default())
    }

    /// Whoever moves the data directory means the database in it as well.
    fn follow_data_dir(&mut self) {
        let directory = self
            .values
            .get("server.data_dir")
            .and_then(|(value, origin)| Some((value.as_str()?, origin)));
        if let Some((directory, origin)) = directory
            && !self.values.contains_key("database.url")
        {
            let url = Value::String(format!("sqlite://{directory}/portcullis.db"));
            let origin = origin.clone();
            self.values.insert("database.url".to_owned(), (url, origin));
        }
    }

    fn issuer(&mut self) -> Option<super::Issuer> {
        let (text, origin) = match self.values.get("issuer") {
            Some((Value::String(text), origin)) if !text.is_empty() => (text, origin),
            Some((value, origin)) if value.as_str() != Some("") => {
                self.problems.push(format!(
                    "{origin}: issuer must be a string, such as \"https://id.example.com\""
                ));
                return None;
            }
            _ => {
                self.problems.push(MISSING_ISSUER.to_owned());
                return None;
            }
        };
        match text.parse() {
            Ok(issuer) => Some(issuer),
            Err(error) => {
                self.problems.push(format!("{origin}: issuer: {error}"));
                None
            }
        }
    }

    /// Tries every value alone, which pins an error to its key, then all together.
    fn settings(&mut self) -> Option<Settings> {
        let mut all = Table::new();
        for (key, (value, origin)) in self.values.iter().filter(|(key, _)| *key != "issuer") {
            let mut alone = Table::new();
            put(&mut alone, key, value.clone());
            match alone.try_into::<Settings>() {
                Ok(_) => put(&mut all, key, value.clone()),
                Err(error) => self.problems.push(self.wrong_value(key, origin, error.message())),
            }
        }
        all.try_into()
            .map_err(|error| self.problems.push(one_line(error.message())))
            .ok()
    }

    fn wrong_value(&self, key: &str, origin: &Origin, message: &str) -> String {
        if SECRETS.contains(&key) {
            // The parser's message quotes the value.
            return format!("{origin}: {key} must be a string");
        }
        let example = self
            .known
            .get(key)
            .map(|default| format!("; for example {default}"))
            .unwrap_or_default();
        format!("{origin}: {key}: {}{example}", one_line(message))
    }
}

/// Where a value came from, as messages name it.
#[derive(Clone)]
enum Origin {
    File(PathBuf),
    Env(String),
    CommandLine,
    /// The file that a `_file` key names, and where that key stands.
    SecretFile(String, Box<Self>),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Env(name) => write!(f, "environment {name}"),
            Self::CommandLine => f.write_str("command line"),
            Self::SecretFile(key, origin) => write!(f, "{origin} ({key})"),
        }
    }
}

/// A value as its source gives it.
enum Given {
    Toml(Value),
    /// Takes the type that the key's default has.
    Text(String),
}

impl Given {
    /// The error says what kind of value is wanted.
    fn into_value(self, default: &Value) -> Result<Value, &'static str> {
        let text = match self {
            Self::Toml(value) => return Ok(value),
            Self::Text(text) => text,
        };
        match default {
            Value::Integer(_) => text.trim().parse().map(Value::Integer).map_err(|_| "a whole number"),
            Value::Float(_) => text.trim().parse().map(Value::Float).map_err(|_| "a number"),
            Value::Boolean(_) => text.trim().parse().map(Value::Boolean).map_err(|_| "true or false"),
            Value::Array(_) => Ok(text
                .split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(Value::from)
                .collect::<Vec<_>>()
                .into()),
            _ => Ok(Value::String(text)),
        }
    }
}

/// Keys whose values are hidden, and which may be read from a file instead.
const SECRETS: [&str; 3] = ["database.url", "keys.master_key", "keys.previous_master_key"];
const FILE_SUFFIX: &str = "_file";
const ENV_PREFIX: &str = "PORTCULLIS_";

const MISSING_ISSUER: &str = "issuer is not set; it is the address under which clients reach this server. Set one of
  in portcullis.toml:    issuer = \"https://id.example.com\"
  in the environment:    PORTCULLIS_ISSUER=https://id.example.com
  on the command line:   --issuer https://id.example.com";

fn env_name(key: &str) -> String {
    format!("{ENV_PREFIX}{}", key.replace('.', "__").to_uppercase())
}

/// Variables with our prefix that are not settings: the one that names the file, those of the test suite, and those
/// that Kubernetes sets in every container beside a service called `portcullis`. The value tells its
/// `PORTCULLIS_PORT=tcp://…` from somebody's mistaken `PORTCULLIS_PORT=8080`.
fn is_reserved(name: &str, value: &str) -> bool {
    let rest = name.strip_prefix(ENV_PREFIX).unwrap_or_default();
    let of_kubernetes = match rest {
        "SERVICE_HOST" => true,
        "PORT" => value.contains("://"),
        _ => rest.starts_with("SERVICE_PORT") || rest.starts_with("PORT_"),
    };
    rest == "CONFIG" || rest.starts_with("TEST_") || of_kubernetes
}

/// The candidate that was probably meant, if any is close.
fn nearest<'a>(written: &str, candidates: impl Iterator<Item = &'a String>) -> Option<&'a String> {
    let score = |candidate: &str| {
        let same_leaf = written.rsplit('.').next() == candidate.rsplit('.').next();
        strsim::normalized_damerau_levenshtein(written, candidate).max(if same_leaf { 0.7 } else { 0.0 })
    };
    let scored = candidates.map(|candidate| (score(candidate), candidate));
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 >= 0.65).then_some(best.1)
}

/// Dotted keys of all values. An empty table counts as a value, so that an unknown empty section is noticed.
fn flatten(prefix: &str, table: Table, out: &mut BTreeMap<String, Value>) {
    for (name, value) in table {
        let key = if prefix.is_empty() {
            name
        } else {
            format!("{prefix}.{name}")
        };
        match value {
            Value::Table(inner) if !inner.is_empty() => flatten(&key, inner, out),
            Value::Table(_) if prefix.is_empty() && SECTIONS.contains(&key.as_str()) => {}
            value => {
                out.insert(key, value);
            }
        }
    }
}

/// An empty section is harmless.
const SECTIONS: &[&str] = &[
    "server",
    "database",
    "keys",
    "tokens",
    "device",
    "sessions",
    "passwords",
    "limits",
    "account",
    "registration",
    "requests",
    "outbound",
    "client_keys",
    "log",
    "metrics",
    "tracing",
    "sweep",
    "audit",
];

/// The reverse of [`flatten`] for one key; sections do not nest.
fn put(table: &mut Table, key: &str, value: Value) {
    match key.split_once('.') {
        None => {
            table.insert(key.to_owned(), value);
        }
        Some((section, leaf)) => {
            let section = table.entry(section).or_insert_with(|| Table::new().into());
            if let Value::Table(section) = section {
                section.insert(leaf.to_owned(), value);
            }
        }
    }
}

fn first_line(path: &Path) -> io::Result<String> {
    let text = fs::read_to_string(path)?;
    let line = text.lines().next().unwrap_or_default().trim();
    if line.is_empty() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "its first line is empty"));
    }
    Ok(line.to_owned())
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
