//! What a claim about a person may hold, whoever sets it: an operator at the command line, or the person at `/account`.

use url::Url;

use crate::protocol::display_text::is_control;
use crate::protocol::standard_claims::StandardClaims;

/// The most characters of one claim.
pub const MAX_CHARS: usize = 512;

/// `formatted` repeats all other members of an address.
const MAX_FORMATTED: usize = 5 * MAX_CHARS;

/// A claim, or a member of the address, that cannot stay as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its name.
    pub claim: String,
    /// What is wrong with it.
    pub problem: ClaimProblem,
}

/// What is wrong with a claim. Completes a sentence that begins with its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimProblem {
    /// Nothing but spaces.
    #[error("must not be empty")]
    Empty,
    /// More than [`MAX_CHARS`].
    #[error("is too long: at most {MAX_CHARS} characters")]
    TooLong,
    /// Characters that could make it read as something else.
    #[error("must not hold control characters or marks that change the direction of writing")]
    Control,
    /// `profile`, `picture`, `website`.
    #[error("must be an address that starts with https:// or http://")]
    NotWebAddress,
    /// `email`.
    #[error("is not an e-mail address; it looks like alice@example.com")]
    NotEmail,
    /// `birthdate`.
    #[error("must be YYYY-MM-DD or YYYY")]
    NotBirthdate,
    /// `phone_number`.
    #[error("is not a telephone number; it looks like +1 555 0100")]
    NotPhoneNumber,
    /// `locale`.
    #[error("is not a language tag; it looks like fr-CA")]
    NotLocale,
    /// `zoneinfo`.
    #[error("is not the name of a time zone; it looks like Europe/Paris")]
    NotZoneinfo,
    /// The e-mail address is the username of somebody else, who would receive what is meant for this person.
    #[error("is the username of another user; choose another address")]
    OtherUsersName,
    /// `email_verified` or `phone_number_verified` without what was verified.
    #[error("cannot be true: there is nothing that could be verified")]
    NothingToVerify,
}

/// Everything that is wrong with `claims`.
pub fn problems(claims: &StandardClaims) -> Vec<Finding> {
    let mut findings = text_problems(claims);
    let mut require = |claim: &str, holds: bool, problem| {
        if !holds && !findings.iter().any(|finding| finding.claim == claim) {
            findings.push(Finding {
                claim: claim.to_owned(),
                problem,
            });
        }
    };
    let fits = |value: &Option<String>, rule: fn(&str) -> bool| value.as_deref().is_none_or(rule);
    require(
        "profile",
        fits(&claims.profile, is_web_address),
        ClaimProblem::NotWebAddress,
    );
    require(
        "picture",
        fits(&claims.picture, is_web_address),
        ClaimProblem::NotWebAddress,
    );
    require(
        "website",
        fits(&claims.website, is_web_address),
        ClaimProblem::NotWebAddress,
    );
    require("email", fits(&claims.email, is_email), ClaimProblem::NotEmail);
    let proven = claims.email.is_some() || claims.email_verified != Some(true);
    require("email_verified", proven, ClaimProblem::NothingToVerify);
    let proven = claims.phone_number.is_some() || claims.phone_number_verified != Some(true);
    require("phone_number_verified", proven, ClaimProblem::NothingToVerify);
    require(
        "phone_number",
        fits(&claims.phone_number, is_phone_number),
        ClaimProblem::NotPhoneNumber,
    );
    require(
        "birthdate",
        fits(&claims.birthdate, is_birthdate),
        ClaimProblem::NotBirthdate,
    );
    require("locale", fits(&claims.locale, is_locale), ClaimProblem::NotLocale);
    require(
        "zoneinfo",
        fits(&claims.zoneinfo, is_zoneinfo),
        ClaimProblem::NotZoneinfo,
    );
    findings
}

/// Every claim is shown to people somewhere. Only the lines of an address may be several.
fn text_problems(claims: &StandardClaims) -> Vec<Finding> {
    let Ok(serde_json::Value::Object(members)) = serde_json::to_value(claims) else {
        return Vec::new();
    };
    let address = members.get("address").and_then(serde_json::Value::as_object);
    let all = members.iter().chain(address.into_iter().flatten());
    all.filter_map(|(name, value)| {
        let problem = text_problem(name, value.as_str()?)?;
        Some(Finding {
            claim: name.clone(),
            problem,
        })
    })
    .collect()
}

fn text_problem(name: &str, text: &str) -> Option<ClaimProblem> {
    let lines = matches!(name, "formatted" | "street_address");
    let max = if name == "formatted" { MAX_FORMATTED } else { MAX_CHARS };
    let forbidden = |c: char| is_control(c) && !(lines && matches!(c, '\r' | '\n'));
    if text.trim().is_empty() {
        Some(ClaimProblem::Empty)
    } else if text.chars().count() > max {
        Some(ClaimProblem::TooLong)
    } else {
        text.chars().any(forbidden).then_some(ClaimProblem::Control)
    }
}

fn is_web_address(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "https" | "http") && url.has_host())
}

/// One `@`, and nothing that could break out of a mail header. Whether it exists only a mail can tell.
fn is_email(text: &str) -> bool {
    const MAX: usize = 254;
    let plain = |c: char| !c.is_whitespace() && !is_control(c) && !"\"<>()[],;:\\".contains(c);
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    let named = |domain: &str| domain.split('.').all(|label| !label.is_empty()) && !domain.contains('@');
    text.len() <= MAX && text.chars().all(plain) && !local.is_empty() && named(domain)
}

/// Digits as people write them, perhaps with an extension (RFC 3966 §3).
fn is_phone_number(text: &str) -> bool {
    let (number, extension) = text.split_once(";ext=").unwrap_or((text, "0"));
    let digits = number.bytes().filter(u8::is_ascii_digit).count();
    let written = number
        .bytes()
        .enumerate()
        .all(|(at, byte)| byte.is_ascii_digit() || b" -.()/".contains(&byte) || (byte == b'+' && at == 0));
    let extended = !extension.is_empty() && extension.bytes().all(|byte| byte.is_ascii_digit());
    written && extended && (3..=20).contains(&digits)
}

/// A year may be unknown: `0000-05-05`.
fn is_birthdate(text: &str) -> bool {
    let number = |part: &str, len| {
        let digits = part.len() == len && part.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| part.parse::<u16>().unwrap_or_default())
    };
    match text.split('-').collect::<Vec<_>>().as_slice() {
        [year] => number(year, 4).is_some(),
        [year, month, day] => {
            let fits = |part, last| number(part, 2).is_some_and(|value| (1..=last).contains(&value));
            number(year, 4).is_some() && fits(month, 12) && fits(day, 31)
        }
        _ => false,
    }
}

/// The shape of BCP 47 (RFC 5646 §2.1); some write `fr_CA` (OpenID Connect Core §5.1).
fn is_locale(text: &str) -> bool {
    let subtag = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let mut parts = text.split(['-', '_']);
    let language = parts.next().unwrap_or_default();
    (2..=8).contains(&language.len()) && language.bytes().all(|byte| byte.is_ascii_alphabetic()) && parts.all(subtag)
}

/// The shape of a name in the IANA time zone database.
fn is_zoneinfo(text: &str) -> bool {
    let named = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic())
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_+-".contains(&byte))
    };
    text.len() <= 64 && text.split('/').all(named)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::standard_claims::Address;

    #[track_caller]
    fn assert_told(rule: fn(&str) -> bool, good: &[&str], bad: &[&str]) {
        for text in good {
            assert!(rule(text), "{text:?}");
        }
        for text in bad {
            assert!(!rule(text), "{text:?}");
        }
    }

    #[test]
    fn addresses_that_could_split_a_header_are_refused() {
        assert_told(
            is_email,
            &["a@b", "alice+x@mail.example.com", "alice@bücher.example"],
            &[
                "alice",
                "@b",
                "a@",
                "a@b@c",
                "a@b..c",
                "a@b\r\nBcc: x",
                "\"a b\"@c",
                "a@b.",
                "A <a@b>",
            ],
        );
    }

    #[test]
    fn each_kind_of_claim_has_its_shape() {
        assert_told(
            is_phone_number,
            &["+1 555 0100", "+1 (604) 555-1234;ext=5678", "030/123456", "112"],
            &[
                "",
                "12",
                "call me",
                "+",
                "555+0100",
                "+1 555;ext=",
                "123456789012345678901",
            ],
        );
        assert_told(
            is_birthdate,
            &["1990", "1990-05-05", "0000-12-31"],
            &[
                "",
                "90",
                "1990-5-5",
                "1990-13-01",
                "1990-00-10",
                "1990-01-32",
                "5 May",
                "1990-05-05-01",
            ],
        );
        assert_told(
            is_locale,
            &["en", "fr-CA", "fr_CA", "zh-Hant-TW", "de-CH-1901"],
            &["", "e", "english language", "fr--CA", "fr-", "1-2", "fr-ninechars"],
        );
        assert_told(
            is_zoneinfo,
            &["Europe/Paris", "America/Argentina/Buenos_Aires", "Etc/GMT+3", "UTC"],
            &["", "/", "Europe/", "+03:00", "Europe Paris", "../etc/passwd"],
        );
        assert_told(
            is_web_address,
            &["https://example.com/a.png", "http://example.com"],
            &[
                "javascript:alert(1)",
                "data:text/html,x",
                "example.com",
                "https://",
                "mailto:a@b",
            ],
        );
    }

    #[test]
    fn claims_that_cannot_be_shown_are_refused() {
        let with = |set: fn(&mut StandardClaims)| {
            let mut claims = StandardClaims::default();
            set(&mut claims);
            let findings = problems(&claims);
            assert!(findings.len() < 2, "{findings:?}");
            findings.first().map(|finding| (finding.claim.clone(), finding.problem))
        };
        let found = |claim: &str, problem| Some((claim.to_owned(), problem));
        assert_eq!(with(|_| {}), None);
        assert_eq!(
            with(|claims| claims.picture = Some("javascript:alert(1)".into())),
            found("picture", ClaimProblem::NotWebAddress)
        );
        for (name, problem) in [
            ("a\u{202e}b", ClaimProblem::Control),
            ("a\nb", ClaimProblem::Control),
            ("  ", ClaimProblem::Empty),
        ] {
            let claims = StandardClaims {
                name: Some(name.to_owned()),
                ..StandardClaims::default()
            };
            assert_eq!(problems(&claims)[0].problem, problem, "{name:?}");
        }
        assert_eq!(
            with(|claims| claims.nickname = Some("é".repeat(MAX_CHARS + 1))),
            found("nickname", ClaimProblem::TooLong)
        );
        assert_eq!(with(|claims| claims.nickname = Some("é".repeat(MAX_CHARS))), None);
        assert_eq!(
            with(|claims| claims.email_verified = Some(true)),
            found("email_verified", ClaimProblem::NothingToVerify)
        );
        assert_eq!(
            with(|claims| claims.phone_number_verified = Some(true)),
            found("phone_number_verified", ClaimProblem::NothingToVerify)
        );
        let lines = |claims: &mut StandardClaims| {
            claims.address = Some(Address {
                formatted: Some("1 Road\r\nTown".into()),
                ..Address::default()
            });
        };
        assert_eq!(with(lines), None);
        let country = |claims: &mut StandardClaims| {
            claims.address = Some(Address {
                country: Some("Fr\nance".into()),
                ..Address::default()
            });
        };
        assert_eq!(with(country), found("country", ClaimProblem::Control));
    }
}
