//! A person who signs in: the resource owner (RFC 6749 §1.1).

use unicode_normalization::UnicodeNormalization as _;

use super::row_id;
use crate::protocol::standard_claims::StandardClaims;
use crate::time::Timestamp;

row_id! {
    /// Key of a [`User`], and its public `sub`: never given to anyone else, even after deletion.
    UserId
}

/// A user.
#[derive(Clone, Debug)]
pub struct User {
    /// Key and public subject.
    pub id: UserId,
    /// What they type, in its one canonical form.
    pub username: Username,
    /// argon2id in PHC form; `None` cannot sign in by password.
    pub password: Option<PasswordHash>,
    /// What clients may be told.
    pub claims: StandardClaims,
    /// May administer this server.
    pub is_admin: bool,
    /// What the pairwise subjects of this person are made with.
    pub pairwise_salt: PairwiseSalt,
    /// When the account was made.
    pub created_at: Timestamp,
    /// When its claims last changed (`updated_at`).
    pub updated_at: Timestamp,
    /// Since when it may not sign in and its grants are dead.
    pub disabled_at: Option<Timestamp>,
}

impl User {
    /// How to name the person on a page.
    pub fn display_name(&self) -> &str {
        self.claims.name.as_deref().unwrap_or(self.username.as_str())
    }

    /// Whether the account may be used.
    pub fn is_enabled(&self) -> bool {
        self.disabled_at.is_none()
    }
}

/// A stored password hash. It is no secret by itself, yet belongs in no log.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(pub String);

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

/// 32 random bytes of one person, without which their pairwise subjects can be neither computed nor told to be theirs (OpenID
/// Connect Core §8.1). Drawn once: with another one every client of a sector would meet a stranger.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PairwiseSalt(pub [u8; 32]);

impl std::fmt::Debug for PairwiseSalt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PairwiseSalt(…)")
    }
}

/// A username in canonical form: width-folded and composed (NFKC), lower case, so that `Alice`, `ALICE` and the full-width
/// form are one account (RFC 8265 §3.3, stricter).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Username(String);

/// Why a username cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UsernameError {
    /// Empty or over [`Username::MAX_CHARS`].
    #[error("a username has 1 to 64 characters")]
    Length,
    /// A character outside letters, digits and `. _ - @ +`.
    #[error("a username holds letters, digits and . _ - @ + only, and starts with a letter or digit")]
    Character,
    /// Letters of more than one script, which could imitate another name.
    #[error("a username uses the letters of one script only")]
    MixedScript,
    /// A name that people would take for the system's own.
    #[error("that username is reserved")]
    Reserved,
}

/// Names that a person could mistake for the system, or that are paths.
const RESERVED: &[&str] = &[
    "admin",
    "root",
    "administrator",
    "system",
    "portcullis",
    "me",
    "null",
    "undefined",
    "anonymous",
];

impl Username {
    /// The longest username in characters.
    pub const MAX_CHARS: usize = 64;

    /// Canonical form of what was typed at sign-in, without judging it: an impossible name is simply unknown. `None` when
    /// it is too long to be one.
    pub fn canonical(typed: &str) -> Option<Self> {
        if typed.len() > 1024 {
            return None;
        }
        let folded: String = typed.trim().nfkc().flat_map(char::to_lowercase).nfkc().collect();
        Some(Self(folded.trim().to_owned()))
    }

    /// Checks a new username.
    pub fn register(typed: &str) -> Result<Self, UsernameError> {
        let name = Self::canonical(typed).ok_or(UsernameError::Length)?;
        if name.0.is_empty() || name.0.chars().count() > Self::MAX_CHARS {
            return Err(UsernameError::Length);
        }
        let allowed = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '@' | '+');
        if !name.0.chars().all(allowed) || !name.0.starts_with(char::is_alphanumeric) {
            return Err(UsernameError::Character);
        }
        if name.0.chars().any(|c| c.is_ascii_alphabetic()) && !name.0.is_ascii() && !is_latin(&name.0) {
            return Err(UsernameError::MixedScript);
        }
        if RESERVED.contains(&name.0.as_str()) || name.0.contains("..") {
            return Err(UsernameError::Reserved);
        }
        Ok(name)
    }

    /// A username as it came from the database.
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Latin letters with accents may stand beside ASCII; Cyrillic, Greek and the rest may not.
fn is_latin(text: &str) -> bool {
    text.chars()
        .all(|c| !c.is_alphabetic() || c <= '\u{24F}' || matches!(c, '\u{1E00}'..='\u{1EFF}'))
}
