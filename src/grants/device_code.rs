//! Device code (RFC 8628 §3.4, §3.5): a device asks again and again until a person has answered.
//!
//! An honest poll is one read by a unique key and no write. Only a poll that comes too early is written down, since the longer
//! interval that follows holds on every node.

use super::{TokenCx, granted_resources};
use crate::crypto::opaque::{Kind, OpaqueToken};
use crate::model::audit_event::{Actor, AuditEvent, AuditKind};
use crate::model::client::Client;
use crate::model::device_grant::{DeviceGrant, DeviceGrantState};
use crate::model::grant::{EndReason, GrantId};
use crate::protocol::error::{OAuthError, Reason};
use crate::protocol::grant_type::GrantType;
use crate::protocol::params::Params;
use crate::protocol::resource;
use crate::protocol::scope::OFFLINE_ACCESS;
use crate::store::{CodeOutcome, DeviceApproval, LoadedDeviceGrant};
use crate::time::Timestamp;
use crate::tokens::access::Subject;
use crate::tokens::plan::{Order, TokenPlan, TokenResponse, plan};

/// The request.
#[derive(Debug)]
pub struct DeviceCodeRequest {
    device_code: Option<OpaqueToken>,
    resources: Vec<String>,
}

/// What to do about a poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Issue tokens.
    Redeem,
    /// Refuse, and leave everything as it is.
    Refuse(Reason),
    /// Refuse, and make the interval longer for good.
    SlowDown,
    /// Refuse, and end the grant: the device code is known to two parties.
    RefuseAndRevoke(Reason),
}

/// What every poll that comes too early adds to the interval, in seconds (RFC 8628 §3.5).
const SLOWER_BY: i64 = 5;

/// A poll may be so many seconds early: requests take different times on their way, and the clock counts whole seconds.
const JITTER: i64 = 1;

impl DeviceCodeRequest {
    /// Reads the parameters. What cannot be one of our codes is a wrong code, not a malformed request.
    pub fn parse(params: &Params) -> Result<Self, Reason> {
        let device_code = params.get("device_code")?.ok_or(Reason::DeviceCodeMissing)?;
        Ok(Self {
            device_code: OpaqueToken::parse(Kind::Device, device_code),
            resources: resource::parse(params)?,
        })
    }
}

pub(super) async fn exchange(cx: &TokenCx<'_>, request: &DeviceCodeRequest) -> Result<TokenResponse, OAuthError> {
    let store = cx.app.store();
    let device_code = request.device_code.as_ref().ok_or(Reason::DeviceCodeUnknown)?;
    let digest = device_code.digest();
    let loaded = store
        .load_device_grant(&digest, cx.now)
        .await?
        .ok_or(Reason::DeviceCodeUnknown)?;
    match decide(&loaded, cx.client, last_poll(cx, &loaded.device), cx.now) {
        Decision::Redeem => {}
        Decision::Refuse(reason) => return Err(reason.into()),
        Decision::SlowDown => return slow_down(cx, &loaded.device).await,
        Decision::RefuseAndRevoke(reason) => return revoke(cx, &loaded, reason).await,
    }
    let approval = loaded.approval.as_ref().ok_or(Reason::DeviceWithdrawn)?;
    let plan = plan_tokens(cx, request, approval).await?;
    match store
        .redeem_device_grant(&digest, approval.grant.id, &plan.stored, cx.now)
        .await?
    {
        CodeOutcome::Redeemed => {
            record(cx, AuditKind::TokensIssued, approval, None);
            Ok(plan.response)
        }
        CodeOutcome::AlreadyRedeemed => revoke(cx, &loaded, Reason::DeviceCodeReplayed).await,
        CodeOutcome::Gone => Err(Reason::DeviceCodeUnknown.into()),
    }
}

/// When this node saw the poll before. Only the polls of the device's own client count, and only while it waits.
fn last_poll(cx: &TokenCx<'_>, device: &DeviceGrant) -> Option<Timestamp> {
    let waits = device.awaits_answer(cx.now) && device.client_id == cx.client.client_id;
    waits
        .then(|| cx.app.store().note_device_poll(&device.digest, cx.now))
        .flatten()
}

async fn plan_tokens(
    cx: &TokenCx<'_>,
    request: &DeviceCodeRequest,
    approval: &DeviceApproval,
) -> Result<TokenPlan, OAuthError> {
    let grant = &approval.grant;
    // Less what the client has lost while the device waited, as at a refresh.
    let scope = grant.scope.filter(|token| cx.client.metadata.scope.contains(token));
    if scope.is_empty() && !grant.scope.is_empty() {
        return Err(Reason::ScopeNotAllowed.into());
    }
    let resources = granted_resources(&grant.resources, &request.resources)?;
    let order = Order {
        client: cx.client,
        subject: Subject::User {
            user: &approval.user,
            grant,
        },
        target: cx.target(&scope, &resources)?,
        refresh: scope.contains(OFFLINE_ACCESS) && cx.client.may(GrantType::RefreshToken),
        nonce: None,
        now: cx.now,
    };
    plan(cx.app, cx.catalog, order).await
}

/// Written down unless the interval is as long as the request's whole life already.
async fn slow_down<T>(cx: &TokenCx<'_>, device: &DeviceGrant) -> Result<T, OAuthError> {
    if device.interval < device.lifetime() {
        let store = cx.app.store();
        store.slow_device_down(&device.digest, SLOWER_BY, cx.now).await?;
    }
    Err(Reason::DevicePolledTooFast.into())
}

/// Ends the grant of a device code that came twice, as for codes (RFC 6749 §4.1.2). Committed before the refusal is sent.
async fn revoke<T>(cx: &TokenCx<'_>, loaded: &LoadedDeviceGrant, reason: Reason) -> Result<T, OAuthError> {
    if let Some(approval) = &loaded.approval {
        let grant_id = approval.grant.id;
        tracing::warn!(client_id = %cx.client.client_id, %grant_id, "device code replayed, grant revoked");
        end(cx, grant_id).await?;
        record(cx, AuditKind::CodeReplayed, approval, Some(reason));
    }
    Err(reason.into())
}

async fn end(cx: &TokenCx<'_>, grant_id: GrantId) -> Result<(), OAuthError> {
    let store = cx.app.store();
    Ok(store.end_grant(grant_id, EndReason::CodeReplay, cx.now).await?)
}

fn record(cx: &TokenCx<'_>, kind: AuditKind, approval: &DeviceApproval, reason: Option<Reason>) {
    let client_id = &cx.client.client_id;
    let mut event = AuditEvent::new(kind, Actor::Client(client_id.clone()), cx.now)
        .by(cx.caller)
        .client(client_id)
        .subject(approval.user.id)
        .grant(approval.grant.id)
        .detail("grant_type", GrantType::DeviceCode.as_str());
    event.reason = reason;
    cx.app.audit().record(event);
}

/// The checks, in order. `last_poll` is when this node saw the poll before. How fast a device polls matters only while it
/// waits: `slow_down` is a way to say `authorization_pending` (RFC 8628 §3.5).
pub fn decide(loaded: &LoadedDeviceGrant, client: &Client, last_poll: Option<Timestamp>, now: Timestamp) -> Decision {
    let device = &loaded.device;
    let checks = || -> Result<(), Decision> {
        check_client(device, client)?;
        check_not_redeemed(device)?;
        check_not_denied(device)?;
        check_not_expired(device, now)?;
        check_pace(device, last_poll, now)?;
        let approval = check_approved(loaded)?;
        check_grant_alive(approval, now)?;
        check_session_alive(approval)?;
        check_user_enabled(approval)
    };
    checks().err().unwrap_or(Decision::Redeem)
}

fn check_client(device: &DeviceGrant, client: &Client) -> Result<(), Decision> {
    if device.client_id == client.client_id {
        Ok(())
    } else {
        Err(Decision::Refuse(Reason::DeviceCodeOfOtherClient))
    }
}

fn check_not_redeemed(device: &DeviceGrant) -> Result<(), Decision> {
    match device.state {
        DeviceGrantState::Redeemed { .. } => Err(Decision::RefuseAndRevoke(Reason::DeviceCodeReplayed)),
        _ => Ok(()),
    }
}

fn check_not_denied(device: &DeviceGrant) -> Result<(), Decision> {
    match device.state {
        DeviceGrantState::Denied { .. } => Err(Decision::Refuse(Reason::DeviceDenied)),
        _ => Ok(()),
    }
}

fn check_not_expired(device: &DeviceGrant, now: Timestamp) -> Result<(), Decision> {
    if now < device.expires_at {
        Ok(())
    } else {
        Err(Decision::Refuse(Reason::DeviceCodeExpired))
    }
}

fn check_pace(device: &DeviceGrant, last_poll: Option<Timestamp>, now: Timestamp) -> Result<(), Decision> {
    let before = last_poll.max(device.slowed_at);
    let early = before.is_some_and(|before| now.since(before) + JITTER < device.interval);
    if early && device.state == DeviceGrantState::Pending {
        Err(Decision::SlowDown)
    } else {
        Ok(())
    }
}

fn check_approved(loaded: &LoadedDeviceGrant) -> Result<&DeviceApproval, Decision> {
    loaded.approval.as_ref().ok_or(Decision::Refuse(Reason::DevicePending))
}

fn check_grant_alive(approval: &DeviceApproval, now: Timestamp) -> Result<(), Decision> {
    if approval.grant.ended.is_none() && now < approval.grant.expires_at {
        Ok(())
    } else {
        Err(Decision::Refuse(Reason::DeviceWithdrawn))
    }
}

fn check_session_alive(approval: &DeviceApproval) -> Result<(), Decision> {
    if approval.session_live {
        Ok(())
    } else {
        Err(Decision::Refuse(Reason::DeviceWithdrawn))
    }
}

fn check_user_enabled(approval: &DeviceApproval) -> Result<(), Decision> {
    if approval.user.is_enabled() {
        Ok(())
    } else {
        Err(Decision::Refuse(Reason::DeviceUserDisabled))
    }
}
