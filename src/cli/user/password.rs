//! Where a user's password comes from.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::cx::Cx;
use crate::cli::text;
use crate::crypto::policy::PasswordPolicy;
use crate::model::user::PasswordHash;

/// The ways to give a password. With none of them one is generated.
#[derive(Args, Debug, Default)]
#[group(multiple = false)]
pub struct PasswordArgs {
    /// The password. Other users of this machine may see it in the list of processes: prefer a file
    #[arg(long, value_name = "PASSWORD", allow_hyphen_values = true)]
    password: Option<String>,
    /// Read the password from a file of one line
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Read the password from standard input
    #[arg(long)]
    password_stdin: bool,
    /// Generate a password and show it once (the default)
    #[arg(long)]
    generate_password: bool,
}

/// A password that passed the policy.
pub struct NewPassword {
    /// What is stored.
    pub hash: PasswordHash,
    /// The password itself, if it was generated and nobody knows it yet.
    pub generated: Option<String>,
}

impl PasswordArgs {
    /// Reads or draws the password, checks it and hashes it. It must not be one of `personal`.
    pub async fn resolve(&self, cx: &Cx, personal: &[&str]) -> anyhow::Result<NewPassword> {
        let given = self.given()?;
        let generated = given.is_none();
        let password = given.unwrap_or_else(|| generate(cx.config.passwords.min_length));
        let policy = PasswordPolicy {
            min_length: cx.config.passwords.min_length,
        };
        if !generated {
            policy.check(&password, personal)?;
        }
        Ok(NewPassword {
            hash: PasswordHash(cx.passwords()?.hash(&password).await?),
            generated: generated.then_some(password),
        })
    }

    fn given(&self) -> anyhow::Result<Option<String>> {
        if let Some(path) = &self.password_file {
            return text::read_secret(path).map(Some);
        }
        if self.password_stdin {
            return text::read_secret(Path::new("-")).map(Some);
        }
        Ok(self.password.clone())
    }
}

/// Groups of five, which are easy to copy: at least four of them (99 bits), and as many as the policy wants.
fn generate(min_length: usize) -> String {
    let mut password = text::draw(text::READABLE, 5);
    for _ in 0..3.max(min_length.div_ceil(6)) {
        password.push('-');
        password.push_str(&text::draw(text::READABLE, 5));
    }
    password
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_passwords_meet_the_policy() {
        for min_length in [8, 20, 24, 64] {
            let password = generate(min_length);
            PasswordPolicy { min_length }.check(&password, &["alice"]).unwrap();
        }
        assert_eq!(generate(8).len(), 23);
    }
}
