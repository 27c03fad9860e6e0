//! The device authorization request (RFC 8628 §3.1, §3.2).

use crate::app::App;
use crate::authorize::validate::check_scope;
use crate::crypto::opaque::{Kind, OpaqueToken};
use crate::crypto::user_code;
use crate::limits::requests::permit_device_code;
use crate::model::caller::Caller;
use crate::model::client::Client;
use crate::model::device_grant::{DeviceGrant, DeviceGrantId, DeviceGrantState};
use crate::protocol::error::{OAuthError, Reason};
use crate::protocol::grant_type::GrantType;
use crate::protocol::params::Params;
use crate::protocol::resource;
use crate::protocol::scope::Scope;
use crate::protocol::user_code::{ALPHABET, UserCode};
use crate::store::{Catalog, DeviceStart};
use crate::time::Timestamp;
use crate::tokens::audience;

/// Who asks, and when.
#[derive(Clone, Copy)]
pub struct StartCx<'a> {
    /// The server.
    pub app: &'a App,
    /// The authenticated client.
    pub client: &'a Client,
    /// The APIs that exist.
    pub catalog: &'a Catalog,
    /// From where.
    pub caller: &'a Caller,
    /// The moment of the request.
    pub now: Timestamp,
}

/// What is asked for, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceRequest {
    /// The scope.
    pub scope: Scope,
    /// The resources (RFC 8707).
    pub resources: Vec<String>,
}

/// A request that waits for a person.
#[derive(Clone, Debug)]
pub struct Started {
    /// For the device alone.
    pub device_code: OpaqueToken,
    /// For the person.
    pub user_code: UserCode,
    /// Seconds until both end.
    pub expires_in: i64,
    /// Seconds between two polls.
    pub interval: i64,
}

/// From so many live codes on, user codes have one letter more: the chance that a guess hits any of them then stays about
/// what it was (RFC 8628 §5.1).
const CROWD: u64 = 500;
/// From so many on, two.
const LARGE_CROWD: u64 = 10_000;
/// So many devices cannot be waiting for people; no more are let in line.
pub const MOST_LIVE: u32 = 200_000;

/// How often another user code is drawn when one is taken.
const DRAWS: usize = 12;

/// Checks a request and stores it. Anybody may ask for a public client, and each request is a row and a code in the pool: how
/// many come from one address is limited.
pub async fn start(cx: &StartCx<'_>, params: &Params) -> Result<Started, OAuthError> {
    permit_device_code(cx.app, cx.caller, cx.now)?;
    let request = check(cx, params)?;
    begin(cx, request, |length| user_code::draw(ALPHABET, length)).await
}

/// The checks, in order; those on scope and resources are the ones of authorization requests.
pub fn check(cx: &StartCx<'_>, params: &Params) -> Result<DeviceRequest, Reason> {
    params.refuse_repeated()?;
    check_grant_registered(cx.client)?;
    let scope = check_scope(cx.client, params)?;
    let resources = resource::parse(params)?;
    audience::check_resources(&cx.catalog.apis, cx.client, &scope, &resources)?;
    Ok(DeviceRequest { scope, resources })
}

fn check_grant_registered(client: &Client) -> Result<(), Reason> {
    if client.may(GrantType::DeviceCode) {
        Ok(())
    } else {
        Err(Reason::GrantNotRegistered)
    }
}

/// Stores a request under a user code that nobody else has. `draw` makes a code of so many letters.
pub async fn begin(
    cx: &StartCx<'_>,
    request: DeviceRequest,
    draw: impl Fn(usize) -> Option<UserCode>,
) -> Result<Started, OAuthError> {
    let settings = &cx.app.config().device;
    let length = length_now(cx).await?;
    let device_code = OpaqueToken::generate(Kind::Device);
    let device = DeviceGrant {
        id: DeviceGrantId(cx.app.row_key(cx.now)),
        digest: device_code.digest(),
        client_id: cx.client.client_id.clone(),
        scope: request.scope,
        resources: request.resources,
        address: cx.caller.address,
        user_agent: cx.caller.user_agent.clone(),
        interval: settings.interval.as_secs(),
        slowed_at: None,
        created_at: cx.now,
        expires_at: cx.now.plus(settings.lifetime.as_secs()),
        state: DeviceGrantState::Pending,
    };
    for attempt in 0..DRAWS {
        // Two codes that are taken in a row are no accident: the next ones are longer.
        let user_code = draw(length + attempt / 2).ok_or(Reason::Internal)?;
        let digest = user_code::digest(cx.app.user_code_key(), &user_code);
        match cx.app.store().insert_device_grant(&device, &digest).await? {
            DeviceStart::Started => {
                return Ok(Started {
                    device_code,
                    user_code,
                    expires_in: device.lifetime(),
                    interval: device.interval,
                });
            }
            DeviceStart::UserCodeTaken => tracing::debug!("a user code is taken; another one is drawn"),
            DeviceStart::Gone => return Err(Reason::ClientUnknown.into()),
        }
    }
    tracing::error!("no free user code was found");
    Err(Reason::DevicesTooMany.into())
}

/// How long a user code has to be at this moment. Raises the alarm when that is longer than usual.
async fn length_now(cx: &StartCx<'_>) -> Result<usize, OAuthError> {
    let usual = cx.app.config().device.user_code_length;
    let live = cx.app.store().live_devices(MOST_LIVE, cx.now).await?;
    let length = code_length(usual, live.count);
    if length != Some(usual) && live.fresh {
        tracing::warn!(
            live = live.count,
            letters = length,
            "very many devices wait for a person: user codes are longer than usual, or refused"
        );
    }
    length.ok_or_else(|| Reason::DevicesTooMany.into())
}

/// The letters of a user code while `live` others are live; `None`: there are too many.
pub fn code_length(usual: usize, live: u64) -> Option<usize> {
    let more = match live {
        ..CROWD => 0,
        CROWD..LARGE_CROWD => 1,
        LARGE_CROWD.. => 2,
    };
    (live < u64::from(MOST_LIVE)).then_some(usual + more)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dv_16_codes_grow_with_the_crowd() {
        for (live, expected) in [
            (0, Some(8)),
            (499, Some(8)),
            (500, Some(9)),
            (9_999, Some(9)),
            (10_000, Some(10)),
            (199_999, Some(10)),
            (200_000, None),
            (u64::MAX, None),
        ] {
            assert_eq!(code_length(8, live), expected, "{live}");
        }
        // One guess hits one of the live codes about as rarely as it hits one of 500 in a small crowd.
        let odds = |live: u64| live as f64 / 20_f64.powi(i32::try_from(code_length(8, live).unwrap()).unwrap());
        for live in [500, 9_999, 10_000, 199_999] {
            assert!(odds(live) <= odds(499) * 1.01, "{live}");
        }
    }
}
