//! `[passwords]`

use serde::{Deserialize, Serialize};

use super::error::Report;

/// Password hashing (Argon2id) and rules.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PasswordsConfig {
    /// Memory of one hash, in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub iterations: u32,
    /// Lanes.
    pub parallelism: u32,
    /// Hashes that run at once; 0 is one for every two cores.
    pub permits: usize,
    /// Callers that may wait; the next is answered 503.
    pub queue: usize,
    /// The fewest characters of a new password.
    pub min_length: usize,
}

impl Default for PasswordsConfig {
    fn default() -> Self {
        Self {
            memory_kib: 19_456,
            iterations: 2,
            parallelism: 1,
            permits: 0,
            queue: 64,
            min_length: 8,
        }
    }
}

impl PasswordsConfig {
    pub(super) fn check(&self, report: &mut Report) {
        let memory = (8 * self.parallelism.min(16)..=1024 * 1024).contains(&self.memory_kib);
        let message = "must lie between 8 times passwords.parallelism and 1048576 (1 GiB)";
        report.require("passwords.memory_kib", memory, message);
        report.require(
            "passwords.iterations",
            (1..=20).contains(&self.iterations),
            "must lie between 1 and 20",
        );
        report.require(
            "passwords.parallelism",
            (1..=16).contains(&self.parallelism),
            "must lie between 1 and 16",
        );
        report.require("passwords.permits", self.permits <= 1024, "must be at most 1024");
        report.require("passwords.queue", self.queue <= 100_000, "must be at most 100000");
        report.require(
            "passwords.min_length",
            (8..=64).contains(&self.min_length),
            "must lie between 8 and 64",
        );
    }
}
