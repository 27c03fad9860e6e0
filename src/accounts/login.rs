//! Signing in with a password.

use super::trail;
use crate::app::App;
use crate::crypto::password::{PasswordError, Verdict};
use crate::limits::sign_in::{Password, permit};
use crate::limits::{Permit, known_browser};
use crate::model::browser_session::{BrowserSession, BrowserSessionId};
use crate::model::caller::Caller;
use crate::model::user::{PasswordHash, User, Username};
use crate::protocol::discovery::ACR_PASSWORD;
use crate::protocol::error::OAuthError;
use crate::store::StoreError;
use crate::time::Timestamp;

/// What someone typed, and where.
#[derive(Clone, Copy)]
pub struct Attempt<'a> {
    /// The username as typed.
    pub username: &'a str,
    /// The password as typed.
    pub password: &'a str,
    /// The sign-in of this browser, if one counts.
    pub current: Option<&'a BrowserSession>,
    /// What the browser says about accounts that know it ([`known_browser`]).
    pub known_browser: Option<&'a str>,
    /// Who asks.
    pub caller: &'a Caller,
    /// The moment.
    pub now: Timestamp,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A new sign-in.
    SignedIn(Proven),
    /// The same person proved to be there still: the sign-in goes on, with a new `auth_time`.
    Confirmed(Proven),
    /// Wrong name, wrong password, disabled account: nobody learns which.
    Refused,
    /// Too many wrong passwords before this one, which was not looked at.
    Throttled {
        /// After how many seconds one will be.
        retry_after: i64,
    },
    /// Too many passwords are being checked; try again.
    Busy,
}

/// What a right password gives.
#[derive(Clone, PartialEq, Eq)]
pub struct Proven {
    /// The sign-in.
    pub session: BrowserSessionId,
    /// What the browser is to keep: the account knows it from now on ([`known_browser`]).
    pub known_browser: String,
}

impl std::fmt::Debug for Proven {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proven").finish_non_exhaustive()
    }
}

/// What came of checking a password, under the limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked {
    /// It is the password of an account that may be used.
    Right {
        /// The stored hash was made at another cost.
        needs_rehash: bool,
    },
    /// It is not.
    Wrong,
    /// Too many wrong ones before; it was not looked at.
    Throttled {
        /// After how many seconds one will be.
        retry_after: i64,
    },
    /// Too many are being checked; try again.
    Busy,
}

/// `amr` of a password (RFC 8176 §2).
const AMR_PASSWORD: &str = "pwd";

/// How often a sign-in is tried whose password hash was replaced while it was being checked: by a new password, or by
/// another sign-in that renewed the hash of the same one.
const ROUNDS: usize = 2;

/// Checks a name and a password. Every path that is not throttled computes one hash of the same cost, so that time tells
/// nothing.
pub async fn sign_in(app: &App, attempt: &Attempt<'_>) -> Result<Outcome, OAuthError> {
    for _ in 0..ROUNDS {
        let user = find(app, attempt.username).await?;
        let password = Password {
            username: attempt.username,
            user: user.as_ref(),
            proof: attempt.known_browser,
            caller: attempt.caller,
        };
        let needs_rehash = match check_password(app, &password, attempt.password, attempt.now).await? {
            Checked::Right { needs_rehash } => needs_rehash,
            Checked::Wrong => return Ok(refused(app, attempt, user.as_ref())),
            Checked::Throttled { retry_after } => return Ok(Outcome::Throttled { retry_after }),
            Checked::Busy => return Ok(Outcome::Busy),
        };
        let Some(user) = user else {
            return Ok(refused(app, attempt, None));
        };
        if let Some(begun) = begin_session(app, &user, attempt).await? {
            let again = matches!(begun, Begun::GoesOn(_));
            trail::signed_in(app, &user, again, (attempt.caller, attempt.now));
            let hash = if needs_rehash {
                rehash(app, &user, attempt.password).await
            } else {
                user.password.clone()
            };
            let known_browser = hash.map_or_else(String::new, |hash| {
                known_browser::remember(app, &user, &hash, attempt.known_browser, attempt.now)
            });
            return Ok(match begun {
                Begun::New(session) => Outcome::SignedIn(Proven { session, known_browser }),
                Begun::GoesOn(session) => Outcome::Confirmed(Proven { session, known_browser }),
            });
        }
    }
    let user = find(app, attempt.username).await?;
    Ok(refused(app, attempt, user.as_ref()))
}

/// Refuses, and leaves it in the audit trail.
fn refused(app: &App, attempt: &Attempt<'_>, user: Option<&User>) -> Outcome {
    trail::refused(app, user, (attempt.caller, attempt.now));
    Outcome::Refused
}

/// Checks `typed`, wherever a page asks for a password: counted before it is hashed, however many ask at once. Only the right
/// password of an account that may be used is forgiven: the count must not tell of a right password what the answer does not.
pub async fn check_password(
    app: &App,
    password: &Password<'_>,
    typed: &str,
    now: Timestamp,
) -> Result<Checked, OAuthError> {
    // What will not be hashed is not counted either: a flood then costs no write.
    match app.passwords().would_take(typed) {
        Ok(()) => {}
        Err(PasswordError::TooLong) => return Ok(Checked::Wrong),
        Err(_) => return Ok(Checked::Busy),
    }
    let taken = match permit(app, password, now).await? {
        Permit::Granted(taken) => taken,
        Permit::Throttled { retry_after } => return Ok(Checked::Throttled { retry_after }),
    };
    let stored = password.user.and_then(|user| user.password.as_ref());
    let stored = stored.map(|hash| hash.0.as_str());
    match app.passwords().verify(typed, stored).await {
        Ok(Verdict::Match { needs_rehash }) if password.user.is_some_and(User::is_enabled) => {
            taken.right(app).await;
            Ok(Checked::Right { needs_rehash })
        }
        Ok(_) | Err(PasswordError::TooLong) => Ok(Checked::Wrong),
        Err(PasswordError::Busy | PasswordError::Failed | PasswordError::Parameters(_)) => {
            taken.untried(app).await;
            Ok(Checked::Busy)
        }
    }
}

/// A row that cannot be read is nobody: its owner cannot sign in, and an attacker learns nothing.
async fn find(app: &App, typed: &str) -> Result<Option<User>, OAuthError> {
    let Some(username) = Username::canonical(typed) else {
        return Ok(None);
    };
    match app.store().user_by_name(&username).await {
        Err(StoreError::Corrupt(what)) => {
            tracing::error!(what, "a user's row cannot be read; the sign-in is refused");
            Ok(None)
        }
        found => Ok(found?),
    }
}

/// Today's parameters for a password that was just proven, and the hash that is stored then. A failure to hash again is no
/// reason to refuse the person.
async fn rehash(app: &App, user: &User, password: &str) -> Option<PasswordHash> {
    let old = user.password.as_ref()?;
    let Ok(new) = app.passwords().hash(password).await.map(PasswordHash) else {
        return Some(old.clone());
    };
    match app.store().rehash_password(user.id, old, &new).await {
        Ok(true) => Some(new),
        // Another sign-in was faster, or the password is another by now.
        Ok(false) => None,
        Err(error) => {
            tracing::warn!(%error, "a password hash could not be renewed; the next sign-in tries again");
            Some(old.clone())
        }
    }
}

/// What a right password did to the sign-in.
enum Begun {
    New(BrowserSessionId),
    GoesOn(BrowserSessionId),
}

/// `None`: the account was disabled, or its password replaced, since it was checked.
async fn begin_session(app: &App, user: &User, attempt: &Attempt<'_>) -> Result<Option<Begun>, OAuthError> {
    let now = attempt.now;
    if let Some(current) = attempt.current.filter(|current| current.user_id == user.id)
        && app
            .store()
            .reauthenticate(current.id, attempt.caller.address, now)
            .await?
    {
        return Ok(Some(Begun::GoesOn(current.id)));
    }
    let session = BrowserSession {
        id: BrowserSessionId(app.row_key(now)),
        user_id: user.id,
        auth_time: now,
        acr: ACR_PASSWORD.to_owned(),
        amr: vec![AMR_PASSWORD.to_owned()],
        created_at: now,
        expires_at: now.plus(app.config().sessions.absolute_timeout.as_secs()),
        ended_at: None,
        user_agent: attempt.caller.user_agent.clone(),
        address: attempt.caller.address,
    };
    if !app
        .store()
        .insert_browser_session(&session, user.password.as_ref())
        .await?
    {
        return Ok(None);
    }
    if let Some(replaced) = attempt.current {
        app.store().end_session(replaced.id, now).await?;
    }
    Ok(Some(Begun::New(session.id)))
}
