//! Wrong passwords. A right one brings the account's count back to nothing and gives its part of the address's back: an
//! attacker with an account of their own cannot wash an address clean with it.

use super::{Permit, Taken, known_browser, limit, of_address, reserve, throttled};
use crate::app::App;
use crate::model::caller::Caller;
use crate::model::throttle::ThrottleKind;
use crate::model::user::{User, Username};
use crate::protocol::error::{OAuthError, Reason};
use crate::store::Limit;
use crate::time::Timestamp;

/// A password about to be checked.
#[derive(Clone, Copy)]
pub struct Password<'a> {
    /// The name as typed.
    pub username: &'a str,
    /// The account of that name. Without one everything is counted just the same, so that nobody learns which names exist.
    pub user: Option<&'a User>,
    /// What the browser says about accounts that know it (see [`known_browser`]).
    pub proof: Option<&'a str>,
    /// Who asks.
    pub caller: &'a Caller,
}

/// Whether one more password may be checked. Ask before hashing.
pub async fn permit(app: &App, password: &Password<'_>, now: Timestamp) -> Result<Permit, OAuthError> {
    let event = || {
        let event = throttled(Reason::SignInThrottled, password.caller, now);
        match password.user {
            Some(user) => event.subject(user.id),
            None => event,
        }
    };
    reserve(app, taken(app, password, now), now, event).await
}

/// A browser that the account knows has a count of its own, and nothing that others do touches it.
fn taken(app: &App, password: &Password<'_>, now: Timestamp) -> Taken {
    let rates = &app.config().limits;
    let known = known_browser::recognize(app, password.user, password.proof, now);
    if let (Some(browser), Some(user)) = (known, password.user) {
        let parts = [user.id.0.as_bytes().as_slice(), browser.as_bytes()];
        let own = limit(
            app,
            ThrottleKind::SignInKnownBrowser,
            rates.sign_in_per_known_browser,
            &parts,
        );
        return Taken {
            own: vec![own],
            shared: Vec::new(),
        };
    }
    let address = of_address(
        app,
        ThrottleKind::SignInAddress,
        rates.sign_in_per_address,
        password.caller,
    );
    Taken {
        own: vec![of_account(app, password)],
        shared: address.into_iter().collect(),
    }
}

/// One count for an account, whatever it is called by, and one for every spelling of a name that is nobody's.
fn of_account(app: &App, password: &Password<'_>) -> Limit {
    let rate = app.config().limits.sign_in_per_account;
    let of = |who: &[u8]| limit(app, ThrottleKind::SignInAccount, rate, &[who]);
    match (password.user, Username::canonical(password.username)) {
        (Some(user), _) => of(user.id.0.as_bytes()),
        (None, Some(name)) => of(name.as_str().as_bytes()),
        (None, None) => of(password.username.as_bytes()),
    }
}
