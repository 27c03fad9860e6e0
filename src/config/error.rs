//! What is wrong with a configuration, one line each.

use std::fmt;

/// Everything that is wrong. Each line names the setting, where it was set, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    problems: Vec<String>,
}

impl ConfigError {
    pub(super) fn new(problems: Vec<String>) -> Self {
        Self { problems }
    }

    /// The problems one by one.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problems.join("\n"))
    }
}

impl std::error::Error for ConfigError {}

/// Collects what the checks of the sections find.
#[derive(Debug, Default)]
pub(super) struct Report {
    findings: Vec<(&'static str, String)>,
}

impl Report {
    /// Notes that `key` is wrong unless `holds`.
    pub(super) fn require(&mut self, key: &'static str, holds: bool, message: impl Into<String>) {
        if !holds {
            self.findings.push((key, message.into()));
        }
    }

    /// Turns the findings into lines; `origin` tells where a key was set.
    pub(super) fn into_result(self, origin: impl Fn(&str) -> Option<String>) -> Result<(), ConfigError> {
        let line = |(key, message): (&str, String)| match origin(key) {
            Some(origin) => format!("{origin}: {key} {message}"),
            None => format!("{key} {message}"),
        };
        let problems: Vec<String> = self.findings.into_iter().map(line).collect();
        if problems.is_empty() {
            Ok(())
        } else {
            Err(ConfigError::new(problems))
        }
    }
}
