//! Signing in with a password.

use crate::app::App;
use crate::crypto::password::{PasswordError, Verdict};
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
    /// Who asks.
    pub caller: &'a Caller,
    /// The moment.
    pub now: Timestamp,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A new sign-in.
    SignedIn(BrowserSessionId),
    /// The same person proved to be there still: the sign-in goes on, with a new `auth_time`.
    Confirmed(BrowserSessionId),
    /// Wrong name, wrong password, disabled account: nobody learns which.
    Refused,
    /// Too many passwords are being checked; try again.
    Busy,
}

/// `amr` of a password (RFC 8176 §2).
const AMR_PASSWORD: &str = "pwd";

/// How often a sign-in is tried whose password hash was replaced while it was being checked: by a new password, or by
/// another sign-in that renewed the hash of the same one.
const ROUNDS: usize = 2;

/// Checks a name and a password. Every path computes one hash of the same cost, so that time tells nothing.
pub async fn sign_in(app: &App, attempt: &Attempt<'_>) -> Result<Outcome, OAuthError> {
    for _ in 0..ROUNDS {
        let user = find(app, attempt.username).await?;
        let stored = user.as_ref().and_then(|user| user.password.as_ref());
        let stored = stored.map(|hash| hash.0.as_str());
        let needs_rehash = match app.passwords().verify(attempt.password, stored).await {
            Ok(Verdict::Match { needs_rehash }) => needs_rehash,
            Ok(Verdict::Mismatch) | Err(PasswordError::TooLong) => return Ok(Outcome::Refused),
            Err(PasswordError::Busy | PasswordError::Failed | PasswordError::Parameters(_)) => {
                return Ok(Outcome::Busy);
            }
        };
        let Some(user) = user.filter(User::is_enabled) else {
            return Ok(Outcome::Refused);
        };
        if let Some(outcome) = begin_session(app, &user, attempt).await? {
            if needs_rehash {
                rehash(app, &user, attempt.password).await;
            }
            return Ok(outcome);
        }
    }
    Ok(Outcome::Refused)
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

/// Today's parameters for a password that was just proven. A failure to hash again is no reason to refuse the person.
async fn rehash(app: &App, user: &User, password: &str) {
    let (Some(old), Ok(new)) = (&user.password, app.passwords().hash(password).await) else {
        return;
    };
    if let Err(error) = app.store().rehash_password(user.id, old, &PasswordHash(new)).await {
        tracing::warn!(%error, "a password hash could not be renewed; the next sign-in tries again");
    }
}

/// `None`: the account was disabled, or its password replaced, since it was checked.
async fn begin_session(app: &App, user: &User, attempt: &Attempt<'_>) -> Result<Option<Outcome>, OAuthError> {
    let now = attempt.now;
    if let Some(current) = attempt.current.filter(|current| current.user_id == user.id)
        && app
            .store()
            .reauthenticate(current.id, attempt.caller.address, now)
            .await?
    {
        return Ok(Some(Outcome::Confirmed(current.id)));
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
    Ok(Some(Outcome::SignedIn(session.id)))
}
