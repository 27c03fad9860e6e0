//! What clients may be told about a user, as the command line takes it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;

use crate::accounts::claims::{Finding, problems};
use crate::cli::text;
use crate::protocol::standard_claims::StandardClaims;

/// Claims by flag, or all of them in a file.
#[derive(Args, Debug, Default)]
pub struct ClaimsArgs {
    /// A JSON file of standard claims (OpenID Connect Core 5.1); `-` reads standard input. Flags override it
    #[arg(long, value_name = "FILE")]
    claims: Option<PathBuf>,
    /// E-mail address
    #[arg(long)]
    email: Option<String>,
    /// The e-mail address is known to be theirs
    #[arg(long)]
    email_verified: bool,
    /// Full name
    #[arg(long)]
    name: Option<String>,
    /// Given name
    #[arg(long)]
    given_name: Option<String>,
    /// Family name
    #[arg(long)]
    family_name: Option<String>,
    /// Nickname
    #[arg(long)]
    nickname: Option<String>,
    /// Telephone number, such as +1 555 0100
    #[arg(long)]
    phone_number: Option<String>,
    /// Address of a picture
    #[arg(long, value_name = "URL")]
    picture: Option<String>,
    /// Language, such as fr-CA
    #[arg(long)]
    locale: Option<String>,
    /// Time zone, such as Europe/Paris
    #[arg(long)]
    zoneinfo: Option<String>,
}

impl ClaimsArgs {
    /// The claims that result: those of the file, or `present` without one, with the flags on top.
    pub fn apply(self, present: StandardClaims) -> anyhow::Result<StandardClaims> {
        let mut claims = match &self.claims {
            Some(path) => read(path)?,
            None => present,
        };
        if self.email.is_some() {
            claims.email_verified = Some(false);
        }
        if self.phone_number.is_some() {
            claims.phone_number_verified = claims.phone_number_verified.and(Some(false));
        }
        let flags = [
            (&mut claims.email, self.email),
            (&mut claims.name, self.name),
            (&mut claims.given_name, self.given_name),
            (&mut claims.family_name, self.family_name),
            (&mut claims.nickname, self.nickname),
            (&mut claims.phone_number, self.phone_number),
            (&mut claims.picture, self.picture),
            (&mut claims.locale, self.locale),
            (&mut claims.zoneinfo, self.zoneinfo),
        ];
        for (claim, flag) in flags {
            if flag.is_some() {
                *claim = flag;
            }
        }
        if self.email_verified {
            claims.email_verified = Some(true);
        }
        check(&claims)?;
        Ok(claims)
    }
}

fn read(path: &Path) -> anyhow::Result<StandardClaims> {
    const MAX: u64 = 64 * 1024;
    let text = text::read(path, MAX)?;
    serde_json::from_slice(&text).with_context(|| {
        format!(
            "{} does not hold standard claims, such as {{\"name\": \"Alice\", \"email\": \"alice@example.com\"}}",
            path.display()
        )
    })
}

fn check(claims: &StandardClaims) -> anyhow::Result<()> {
    match problems(claims).first() {
        Some(Finding { claim, problem }) => bail!("{claim} {problem}"),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_override_the_file_and_a_new_address_is_unproven() {
        let present = StandardClaims {
            name: Some("Alice".into()),
            email: Some("old@example.com".into()),
            email_verified: Some(true),
            ..StandardClaims::default()
        };
        let flags = ClaimsArgs {
            email: Some("new@example.com".into()),
            ..ClaimsArgs::default()
        };
        let claims = flags.apply(present).unwrap();
        assert_eq!(claims.name.as_deref(), Some("Alice"));
        assert_eq!(claims.email.as_deref(), Some("new@example.com"));
        assert_eq!(claims.email_verified, Some(false));
    }

    #[test]
    fn what_cannot_be_shown_is_refused_by_its_name() {
        let flags = ClaimsArgs {
            picture: Some("javascript:alert(1)".into()),
            ..ClaimsArgs::default()
        };
        let error = flags.apply(StandardClaims::default()).unwrap_err().to_string();
        assert_eq!(error, "picture must be an address that starts with https:// or http://");
    }
}
