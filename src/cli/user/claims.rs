//! What clients may be told about a user, as the command line takes it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use clap::Args;
use url::Url;

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
    check_texts(claims)?;
    for (name, url) in [
        ("profile", &claims.profile),
        ("picture", &claims.picture),
        ("website", &claims.website),
    ] {
        ensure!(
            url.as_deref().is_none_or(is_web_address),
            "{name} must be an address that starts with https:// or http://"
        );
    }
    if let Some(email) = &claims.email {
        ensure!(
            is_email(email),
            "{email:?} is not an e-mail address; it looks like alice@example.com"
        );
    }
    ensure!(
        claims.email.is_some() || claims.email_verified != Some(true),
        "there is no e-mail address that could be verified; add one with --email"
    );
    ensure!(
        claims.birthdate.as_deref().is_none_or(is_birthdate),
        "birthdate must be YYYY-MM-DD or YYYY"
    );
    Ok(())
}

/// Every claim is shown to people somewhere. Only the lines of an address may be several.
fn check_texts(claims: &StandardClaims) -> anyhow::Result<()> {
    const MAX: usize = 512;
    let serde_json::Value::Object(members) = serde_json::to_value(claims)? else {
        return Ok(());
    };
    let address = members.get("address").and_then(serde_json::Value::as_object);
    let all = members.iter().chain(address.into_iter().flatten());
    for (name, value) in all.filter_map(|(name, value)| Some((name, value.as_str()?))) {
        if name == "formatted" || name == "street_address" {
            text::label(name, &value.replace(['\r', '\n'], " "), MAX)?;
        } else {
            text::label(name, value, MAX)?;
        }
    }
    Ok(())
}

fn is_web_address(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "https" | "http") && url.has_host())
}

/// One `@`, and nothing that could break out of a mail header. Whether it exists only a mail can tell.
fn is_email(text: &str) -> bool {
    const MAX: usize = 254;
    let plain = |c: char| !c.is_whitespace() && !text::is_control(c) && !"\"<>()[],;:\\".contains(c);
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    let named = |domain: &str| domain.split('.').all(|label| !label.is_empty()) && !domain.contains('@');
    text.len() <= MAX && text.chars().all(plain) && !local.is_empty() && named(domain)
}

fn is_birthdate(text: &str) -> bool {
    let digits = |part: &str, len| part.len() == len && part.bytes().all(|byte| byte.is_ascii_digit());
    match text.split('-').collect::<Vec<_>>().as_slice() {
        [year] => digits(year, 4),
        [year, month, day] => digits(year, 4) && digits(month, 2) && digits(day, 2),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_could_split_a_header_are_refused() {
        for good in ["a@b", "alice+x@mail.example.com", "alice@bücher.example"] {
            assert!(is_email(good), "{good}");
        }
        for bad in [
            "alice",
            "@b",
            "a@",
            "a@b@c",
            "a@b..c",
            "a@b\r\nBcc: x",
            "\"a b\"@c",
            "a@b.",
            "A <a@b>",
        ] {
            assert!(!is_email(bad), "{bad}");
        }
    }

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
    fn claims_that_cannot_be_shown_are_refused() {
        let with = |set: fn(&mut StandardClaims)| {
            let mut claims = StandardClaims::default();
            set(&mut claims);
            check(&claims)
        };
        assert!(with(|claims| claims.picture = Some("javascript:alert(1)".into())).is_err());
        assert!(with(|claims| claims.name = Some("a\u{202e}b".into())).is_err());
        assert!(with(|claims| claims.birthdate = Some("5 May".into())).is_err());
        assert!(with(|claims| claims.email_verified = Some(true)).is_err());
        assert!(with(|claims| claims.birthdate = Some("1990-05-05".into())).is_ok());
        let lines = |claims: &mut StandardClaims| {
            claims.address = Some(crate::protocol::standard_claims::Address {
                formatted: Some("1 Road\r\nTown".into()),
                ..Default::default()
            });
        };
        assert!(with(lines).is_ok());
    }
}
