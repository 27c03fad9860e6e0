//! Who is signed in.

use crate::app::App;
use crate::model::browser_session::{BrowserSession, BrowserSessionId};
use crate::model::caller::Caller;
use crate::model::user::UserId;
use crate::protocol::error::OAuthError;
use crate::protocol::ids::ClientId;
use crate::store::{SessionOfUser, SignedIn, StoreError};
use crate::time::Timestamp;

/// A session's last use is written down at most this often, in seconds; more often where the idle timeout is short.
const TOUCH_INTERVAL: i64 = 300;

/// The sign-in `id`, if it counts: not ended, not expired, not idle for too long, its user enabled. With the consent for
/// `client`, if one is asked about. Notes that `caller` uses it.
pub async fn current(
    app: &App,
    id: Option<BrowserSessionId>,
    client: Option<&ClientId>,
    caller: &Caller,
    now: Timestamp,
) -> Result<Option<SignedIn>, OAuthError> {
    let Some(id) = id else { return Ok(None) };
    let found = match app.store().signed_in(id, client).await {
        // Nobody is signed in by a row that cannot be read.
        Err(StoreError::Corrupt(what)) => {
            tracing::error!(what, "a sign-in cannot be read; it does not count");
            None
        }
        found => found?,
    };
    let idle_timeout = app.config().sessions.idle_timeout.as_secs();
    let Some(signed_in) = found.filter(|found| counts(found, idle_timeout, now)) else {
        return Ok(None);
    };
    if now.since(signed_in.last_seen_at) >= TOUCH_INTERVAL.min(idle_timeout / 10) {
        app.store().touch_session(id, caller.address, now).await?;
    }
    Ok(Some(signed_in))
}

fn counts(found: &SignedIn, idle_timeout: i64, now: Timestamp) -> bool {
    let idle = now.since(found.last_seen_at) > idle_timeout;
    found.session.is_live(now) && found.user.is_enabled() && !idle
}

/// Signs out: the session ends, and with it the grants that were not given for offline use.
pub async fn sign_out(app: &App, id: BrowserSessionId, now: Timestamp) -> Result<(), OAuthError> {
    app.store().end_session(id, now).await.map_err(OAuthError::from)
}

/// Whether credentials were checked within `limit` seconds: what is hard to undo asks for them again.
pub fn is_recent(session: &BrowserSession, limit: i64, now: Timestamp) -> bool {
    now.since(session.auth_time) <= limit
}

/// The sign-ins of a person that count, the last used first.
pub async fn of_user(app: &App, user: UserId, now: Timestamp) -> Result<Vec<SessionOfUser>, OAuthError> {
    let idle_timeout = app.config().sessions.idle_timeout.as_secs();
    let mut sessions = app.store().sessions_of_user(user, now).await?;
    sessions.retain(|known| now.since(known.last_seen_at) <= idle_timeout);
    Ok(sessions)
}
