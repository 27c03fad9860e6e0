//! What a new password must be (NIST SP 800-63B §3.1.1.2): long enough, not among the most used, not the name
//! of its owner. No rules about character classes, which make passwords worse.

use std::{collections::HashSet, sync::LazyLock};

use unicode_normalization::UnicodeNormalization;

use super::password::{MAX_PASSWORD_BYTES, MAX_PASSWORD_CHARS};

/// Why a new password was refused. The message is for the person and says what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassword {
    /// Fewer characters than this.
    #[error("Use at least {0} characters. A few unrelated words are easy to remember.")]
    TooShort(usize),
    /// More than can be accepted.
    #[error("Use at most {MAX_PASSWORD_CHARS} characters.")]
    TooLong,
    /// In the list of the most used passwords, or one of them with digits or signs at the end.
    #[error("This password is among the first that attackers try. Choose one that others do not use.")]
    Common,
    /// The user name, the e-mail address or the product name, perhaps with digits or signs at the end.
    #[error("This password is your name, your e-mail address or the name of this service. Choose something unrelated.")]
    Personal,
    /// One or two characters over and over.
    #[error("This password repeats the same characters. Mix in some others, for example a few unrelated words.")]
    Repetitive,
}

/// The rules, with the part that is configurable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordPolicy {
    /// The fewest characters allowed.
    pub min_length: usize,
}

impl Default for PasswordPolicy {
    fn default() -> Self {
        Self { min_length: 8 }
    }
}

impl PasswordPolicy {
    /// Checks a password someone wants to set. `user_inputs` are the user name, e-mail address and the like.
    pub fn check(&self, password: &str, user_inputs: &[&str]) -> Result<(), WeakPassword> {
        check_length(password, self.min_length)?;
        let folded = fold(password);
        let core = core_of(&folded);
        check_repetition(&folded)?;
        check_common(&folded, core)?;
        check_personal(&folded, core, user_inputs)
    }
}

/// Checks against the default policy.
pub fn check_new_password(password: &str, user_inputs: &[&str]) -> Result<(), WeakPassword> {
    PasswordPolicy::default().check(password, user_inputs)
}

const PRODUCT: &str = "portcullis";

/// One password a line, lower case. Kept small on purpose: what is left has to be guessed online, a hash at a time.
static COMMON: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    include_str!("common_passwords.txt")
        .lines()
        .filter(|line| !line.is_empty())
        .collect()
});

fn check_length(password: &str, min_length: usize) -> Result<(), WeakPassword> {
    let length = password.chars().count();
    if length < min_length {
        return Err(WeakPassword::TooShort(min_length));
    }
    if length > MAX_PASSWORD_CHARS || password.len() > MAX_PASSWORD_BYTES {
        return Err(WeakPassword::TooLong);
    }
    Ok(())
}

fn check_repetition(folded: &str) -> Result<(), WeakPassword> {
    let different: HashSet<char> = folded.chars().collect();
    if different.len() <= 2 {
        Err(WeakPassword::Repetitive)
    } else {
        Ok(())
    }
}

fn check_common(folded: &str, core: &str) -> Result<(), WeakPassword> {
    let common = COMMON.contains(folded) || COMMON.contains(core);
    if common { Err(WeakPassword::Common) } else { Ok(()) }
}

/// A password that merely *contains* the name beside other words is fine; one that is nothing else is not.
fn check_personal(folded: &str, core: &str, user_inputs: &[&str]) -> Result<(), WeakPassword> {
    let inputs = user_inputs.iter().map(|input| fold(input)).collect::<Vec<_>>();
    let local_parts = inputs
        .iter()
        .filter_map(|input| input.split_once('@').map(|(local, _)| local));
    let mut words = inputs
        .iter()
        .map(String::as_str)
        .chain(local_parts)
        .chain([PRODUCT])
        .filter(|word| !word.is_empty());
    let personal = words.any(|word| folded == word || (!core.is_empty() && core == core_of(word)));
    if personal { Err(WeakPassword::Personal) } else { Ok(()) }
}

fn fold(text: &str) -> String {
    text.trim().nfkc().flat_map(char::to_lowercase).collect()
}

/// The text without the digits and signs people put around a word to please a rule: `!portcullis2024`.
fn core_of(folded: &str) -> &str {
    folded.trim_matches(|c: char| !c.is_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    const INPUTS: [&str; 3] = ["Margarethe", "m.hamilton@example.com", ""];

    #[test]
    fn lg_19_refusals() {
        let cases = [
            ("short12", WeakPassword::TooShort(8)),
            ("", WeakPassword::TooShort(8)),
            ("äöüäöüä", WeakPassword::TooShort(8)),
            ("password", WeakPassword::Common),
            ("PassWord", WeakPassword::Common),
            ("Password2024!", WeakPassword::Common),
            ("12345678", WeakPassword::Common),
            ("qwertyuiop", WeakPassword::Common),
            ("aaaaaaaaaa", WeakPassword::Repetitive),
            ("abababab", WeakPassword::Repetitive),
            ("margarethe", WeakPassword::Personal),
            ("Margarethe1!", WeakPassword::Personal),
            ("M.Hamilton@example.com", WeakPassword::Personal),
            ("m.hamilton", WeakPassword::Personal),
            ("m.hamilton2024", WeakPassword::Personal),
            ("Portcullis", WeakPassword::Personal),
            ("portcullis123", WeakPassword::Personal),
        ];
        for (password, expected) in cases {
            assert_eq!(check_new_password(password, &INPUTS), Err(expected), "{password}");
        }
        assert_eq!(check_new_password(&"ab c".repeat(65), &[]), Err(WeakPassword::TooLong));
    }

    #[test]
    fn ordinary_good_passwords_pass() {
        for password in [
            "correct horse battery",
            "margarethe likes owls",
            "Tr0ub4dor&3",
            "пароль с ветром",
            "7391 8824 xk",
        ] {
            assert_eq!(check_new_password(password, &INPUTS), Ok(()), "{password}");
        }
    }

    #[test]
    fn the_minimum_is_configurable() {
        let strict = PasswordPolicy { min_length: 15 };
        assert_eq!(strict.check("correct horse", &[]), Err(WeakPassword::TooShort(15)));
        assert_eq!(strict.check("correct horse battery", &[]), Ok(()));
    }

    #[test]
    fn the_list_is_folded_and_free_of_repeats() {
        let lines: Vec<&str> = include_str!("common_passwords.txt").lines().collect();
        assert_eq!(lines.len(), COMMON.len(), "a line occurs twice or is empty");
        for line in lines {
            assert_eq!(fold(line), line);
        }
    }
}
