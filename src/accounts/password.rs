//! Changing one's own password. The present one is always asked for: a stolen session alone must not take over an account.

use crate::accounts::login::{Checked, Proven, check_password};
use crate::accounts::trail;
use crate::app::App;
use crate::crypto::policy::{PasswordPolicy, WeakPassword};
use crate::limits::known_browser;
use crate::limits::sign_in::Password;
use crate::model::caller::Caller;
use crate::model::user::{PasswordHash, User};
use crate::protocol::error::OAuthError;
use crate::store::{PasswordChange, SignedIn};
use crate::time::Timestamp;

/// What someone typed.
#[derive(Clone, Copy)]
pub struct Typed<'a> {
    /// The password as it is.
    pub current: &'a str,
    /// As it shall be.
    pub new: &'a str,
    /// The same once more.
    pub repeated: &'a str,
}

/// Why a password was not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The present password was not given.
    CurrentMissing,
    /// It is another one.
    CurrentWrong,
    /// The new password does not meet the policy.
    Weak(WeakPassword),
    /// The new password is the present one.
    Same,
    /// The new password was typed in two ways.
    Different,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The new password counts; every other session and every grant of the user has ended.
    Changed(Proven),
    /// Nothing has changed, because of these.
    Refused(Vec<Problem>),
    /// Too many wrong passwords before this one, which was not looked at.
    Throttled {
        /// After how many seconds one will be.
        retry_after: i64,
    },
    /// Too many passwords are being checked; try again.
    Busy,
}

/// Everything that can be told without the stored password.
pub fn problems(typed: &Typed<'_>, user: &User, policy: PasswordPolicy) -> Vec<Problem> {
    let personal = [
        user.username.as_str(),
        user.claims.email.as_deref().unwrap_or_default(),
        user.display_name(),
    ];
    let weak = policy.check(typed.new, &personal).err();
    let checks = [
        typed.current.is_empty().then_some(Problem::CurrentMissing),
        weak.map(Problem::Weak),
        (typed.new == typed.current && weak.is_none()).then_some(Problem::Same),
        (typed.new != typed.repeated && weak.is_none()).then_some(Problem::Different),
    ];
    checks.into_iter().flatten().collect()
}

/// Who asks.
#[derive(Clone, Copy)]
pub struct Asking<'a> {
    /// The sign-in.
    pub signed_in: &'a SignedIn,
    /// What the browser says about accounts that know it.
    pub known_browser: Option<&'a str>,
    /// The sender of the request.
    pub caller: &'a Caller,
    /// The moment.
    pub now: Timestamp,
}

/// How often a change is tried whose password hash was renewed, by a sign-in, while it was being checked.
const ROUNDS: usize = 2;

/// Checks and changes. A wrong present password counts like one at sign-in. The sign-in behind the change stays.
pub async fn change(app: &App, asking: &Asking<'_>, typed: &Typed<'_>) -> Result<Outcome, OAuthError> {
    let user = &asking.signed_in.user;
    let min_length = app.config().passwords.min_length;
    let problems = problems(typed, user, PasswordPolicy { min_length });
    if !problems.is_empty() {
        return Ok(Outcome::Refused(problems));
    }
    for _ in 0..ROUNDS {
        let Some(verified) = app.store().user(user.id).await? else {
            break;
        };
        let password = Password {
            username: verified.username.as_str(),
            user: Some(&verified),
            proof: asking.known_browser,
            caller: asking.caller,
        };
        match check_password(app, &password, typed.current, asking.now).await? {
            Checked::Right { .. } => {}
            Checked::Wrong => {
                trail::refused(app, Some(&verified), (asking.caller, asking.now));
                break;
            }
            Checked::Throttled { retry_after } => return Ok(Outcome::Throttled { retry_after }),
            Checked::Busy => return Ok(Outcome::Busy),
        }
        let (Some(old), Ok(new)) = (&verified.password, app.passwords().hash(typed.new).await) else {
            return Ok(Outcome::Busy);
        };
        let new = PasswordHash(new);
        let keep = Some(asking.signed_in.session.id);
        let changed = app.store().change_password(user.id, (old, &new), keep, asking.now);
        if changed.await? == PasswordChange::Done {
            let known_browser = known_browser::remember(app, user, &new, asking.known_browser, asking.now);
            let session = asking.signed_in.session.id;
            return Ok(Outcome::Changed(Proven { session, known_browser }));
        }
    }
    Ok(Outcome::Refused(vec![Problem::CurrentWrong]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::user::{UserId, Username};
    use crate::protocol::standard_claims::StandardClaims;

    #[test]
    fn each_problem_is_told_beside_the_others() {
        let user = User {
            id: UserId(uuid::Uuid::nil()),
            username: Username::register("alice").unwrap(),
            password: None,
            claims: StandardClaims::default(),
            is_admin: false,
            pairwise_salt: crate::model::user::PairwiseSalt([0; 32]),
            created_at: Timestamp(0),
            updated_at: Timestamp(0),
            disabled_at: None,
        };
        let found = |current, new, repeated| {
            let typed = Typed { current, new, repeated };
            problems(&typed, &user, PasswordPolicy { min_length: 10 })
        };
        let good = "three rusty hinges";
        assert_eq!(found("old", good, good), []);
        assert_eq!(found("", good, good), [Problem::CurrentMissing]);
        assert_eq!(found("old", good, "three rusty hinge"), [Problem::Different]);
        assert_eq!(found(good, good, good), [Problem::Same]);
        assert_eq!(found("old", "short", ""), [Problem::Weak(WeakPassword::TooShort(10))]);
        assert_eq!(
            found("", "alice12345", "alice"),
            [Problem::CurrentMissing, Problem::Weak(WeakPassword::Personal)]
        );
    }
}
