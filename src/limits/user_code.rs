//! Guessing the user code of somebody's device (RFC 8628 §5.1): by one browser, one person, one address, and by everybody
//! together, since the codes of all devices are one pool. A right code gives back its own part and no more: whoever starts a
//! device of their own knows a right code.

use super::{Permit, Taken, limit, of_address, reserve, throttled};
use crate::app::App;
use crate::model::caller::Caller;
use crate::model::interaction::BrowserId;
use crate::model::throttle::ThrottleKind;
use crate::model::user::UserId;
use crate::protocol::error::{OAuthError, Reason};
use crate::time::Timestamp;

/// A user code about to be looked up.
#[derive(Clone, Copy)]
pub struct Guess<'a> {
    /// The browser, if it has a name.
    pub browser: Option<BrowserId>,
    /// Who is signed in there.
    pub user: Option<UserId>,
    /// Who asks.
    pub caller: &'a Caller,
}

/// Whether one more user code may be looked up. Ask before looking.
pub async fn permit(app: &App, guess: &Guess<'_>, now: Timestamp) -> Result<Permit, OAuthError> {
    let rates = &app.config().limits;
    let browser = guess.browser.map(|browser| {
        let rate = rates.user_code_per_browser;
        limit(app, ThrottleKind::UserCodeBrowser, rate, &[browser.0.as_bytes()])
    });
    let user = guess.user.map(|user| {
        let rate = rates.user_code_per_account;
        limit(app, ThrottleKind::UserCodeAccount, rate, &[user.0.as_bytes()])
    });
    let address = of_address(
        app,
        ThrottleKind::UserCodeAddress,
        rates.user_code_per_address,
        guess.caller,
    );
    let overall = limit(app, ThrottleKind::UserCodeOverall, rates.user_code_overall, &[]);
    let taken = Taken {
        own: Vec::new(),
        shared: [browser, user, address, Some(overall)].into_iter().flatten().collect(),
    };
    let event = || {
        let event = throttled(Reason::UserCodeThrottled, guess.caller, now);
        match guess.user {
            Some(user) => event.subject(user),
            None => event,
        }
    };
    reserve(app, taken, now, event).await
}
