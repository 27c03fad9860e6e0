//! What a person does about a device (RFC 8628 §3.3): enter its user code, then allow or refuse it.
//!
//! A user code that was entered is bound to the browser as a visit, the way an authorization request is as an interaction: the
//! key of a visit stands in URLs, the code never does.

use crate::app::App;
use crate::authorize::issue::longest_access;
use crate::crypto::user_code;
use crate::limits::{self, Permit};
use crate::model::browser_session::BrowserSession;
use crate::model::caller::Caller;
use crate::model::client::Client;
use crate::model::device_grant::{DeviceGrant, DeviceGrantState, DeviceVisit, DeviceVisitId};
use crate::model::grant::{Authentication, Grant, GrantId};
use crate::model::interaction::BrowserId;
use crate::model::user::UserId;
use crate::protocol::claims_request::RequestedClaims;
use crate::protocol::error::OAuthError;
use crate::protocol::grant_type::GrantType;
use crate::protocol::scope::OFFLINE_ACCESS;
use crate::protocol::user_code::UserCode;
use crate::store::{Catalog, DeviceAnswer};
use crate::time::Timestamp;

/// Why a visit cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// Unknown, another browser's, or given up.
    Unknown,
    /// Answered already.
    Answered,
}

/// What somebody typed, and where.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    /// The code as typed.
    pub typed: &'a str,
    /// The browser.
    pub browser: BrowserId,
    /// Who is signed in there.
    pub user: Option<UserId>,
    /// Who asks.
    pub caller: &'a Caller,
    /// The moment.
    pub now: Timestamp,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entered {
    /// A device waits under this code.
    Visit(DeviceVisitId),
    /// None does. Whether the code is wrong, expired or used is nobody's business, and all three take the same queries.
    Nothing,
    /// Too many wrong codes came from there, or from everywhere; this one was not looked at.
    Throttled {
        /// When one may be tried again: seconds from now.
        retry_after: i64,
    },
}

/// A visit that can go on.
#[derive(Clone, Debug)]
pub struct Visited {
    /// The visit.
    pub visit: DeviceVisit,
    /// The device that asks.
    pub device: DeviceGrant,
    /// The code that was entered.
    pub user_code: UserCode,
}

/// Looks up what was typed. Every wrong code counts as a guess (RFC 8628 §5.1), taken before it is looked up.
pub async fn enter(app: &App, entry: &Entry<'_>) -> Result<Entered, OAuthError> {
    let guess = limits::user_code::Guess {
        browser: Some(entry.browser),
        user: entry.user,
        caller: entry.caller,
    };
    let taken = match limits::user_code::permit(app, &guess, entry.now).await? {
        Permit::Granted(taken) => taken,
        Permit::Throttled { retry_after } => return Ok(Entered::Throttled { retry_after }),
    };
    match look_up(app, entry).await {
        Ok(Some(visit)) => {
            taken.right(app).await;
            Ok(Entered::Visit(visit))
        }
        Ok(None) => Ok(Entered::Nothing),
        Err(error) => {
            taken.untried(app).await;
            Err(error)
        }
    }
}

async fn look_up(app: &App, entry: &Entry<'_>) -> Result<Option<DeviceVisitId>, OAuthError> {
    let Some(user_code) = UserCode::parse(entry.typed) else {
        return Ok(None);
    };
    let digest = user_code::digest(app.user_code_key(), &user_code);
    let found = app.store().device_by_user_code(&digest).await?;
    let Some(device) = found.filter(|device| device.awaits_answer(entry.now)) else {
        return Ok(None);
    };
    let id = DeviceVisitId(app.row_key(entry.now));
    let letters = user_code.letters().as_bytes();
    let visit = DeviceVisit {
        id,
        browser: entry.browser,
        device_id: device.id,
        sealed_code: app.master_key().seal(purpose(id).as_bytes(), letters),
    };
    Ok(app.store().insert_device_visit(&visit).await?.then_some(id))
}

/// Finds the visit `id` of the browser that made it.
pub async fn find(
    app: &App,
    id: DeviceVisitId,
    browser: Option<BrowserId>,
    now: Timestamp,
) -> Result<Result<Visited, Unusable>, OAuthError> {
    let Some(browser) = browser else {
        return Ok(Err(Unusable::Unknown));
    };
    let Some((visit, device)) = app.store().device_visit(id, browser).await? else {
        return Ok(Err(Unusable::Unknown));
    };
    let opened = app.master_key().open(purpose(id).as_bytes(), &visit.sealed_code).ok();
    let user_code = opened.and_then(|letters| UserCode::from_letters(std::str::from_utf8(&letters).ok()?));
    Ok(match (device.state, user_code) {
        (DeviceGrantState::Pending, Some(user_code)) if device.awaits_answer(now) => Ok(Visited {
            visit,
            device,
            user_code,
        }),
        (DeviceGrantState::Pending, _) => Err(Unusable::Unknown),
        _ => Err(Unusable::Answered),
    })
}

fn purpose(id: DeviceVisitId) -> String {
    format!("device-visit/{id}")
}

/// Whether the request would still be accepted: an operator may have disabled the client since, or taken away the grant or the
/// scope.
pub fn may_go_on(device: &DeviceGrant, client: &Client) -> bool {
    client.is_enabled() && client.may(GrantType::DeviceCode) && client.metadata.scope.covers(&device.scope)
}

/// Lets the device in, in the name of whoever is signed in. Its tokens tell of that sign-in.
pub async fn approve(
    app: &App,
    catalog: &Catalog,
    device: &DeviceGrant,
    session: &BrowserSession,
    now: Timestamp,
) -> Result<(GrantId, DeviceAnswer), OAuthError> {
    let offline = device.scope.contains(OFFLINE_ACCESS);
    let grant = Grant {
        id: GrantId(app.row_key(now)),
        user_id: session.user_id,
        client_id: device.client_id.clone(),
        session_id: session.id,
        scope: device.scope.clone(),
        claims: RequestedClaims::default(),
        resources: device.resources.clone(),
        authentication: Authentication {
            auth_time: session.auth_time,
            acr: session.acr.clone(),
            amr: session.amr.clone(),
        },
        created_at: now,
        expires_at: if offline {
            now.plus(app.config().tokens.refresh_absolute_lifetime.as_secs())
        } else {
            device.expires_at.plus(longest_access(app, catalog))
        },
        ended: None,
    };
    let answer = app.store().approve_device(device.id, &grant, offline).await?;
    Ok((grant.id, answer))
}

/// Refuses the device.
pub async fn deny(app: &App, device: &DeviceGrant, now: Timestamp) -> Result<DeviceAnswer, OAuthError> {
    Ok(app.store().deny_device(device.id, now).await?)
}
