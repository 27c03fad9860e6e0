//! `/device/{id}/confirm`: which device asks, from where, for what; and the person's answer. It is asked every time, for trusted
//! clients too: what a person sees here is all that stands between an attacker's device and their account (RFC 8628 §5.4).

use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::cx::PageCx;
use super::device_name::device_name;
use super::device_visit::{self, Visiting, path};
use super::error::PageError;
use super::flow::account_view;
use super::permissions::permissions;
use super::text::Message;
use super::view::{DeviceConfirm, DeviceOrigin, Finished};
use super::when::ago;
use crate::authorize::device::answer;
use crate::http::session::Form;
use crate::http::{paths, respond};
use crate::model::audit_event::{Actor, AuditEvent, AuditKind};
use crate::model::caller::same_network;
use crate::protocol::error::{OAuthError, Reason};
use crate::protocol::standard_claims::ClaimSet;
use crate::store::{DeviceAnswer, SignedIn};

/// The question.
pub async fn get(cx: PageCx, Path(id): Path<String>) -> Result<Response, Response> {
    let (visiting, signed_in) = load(&cx, &id).await?;
    Ok(show(&cx, &visiting, &signed_in))
}

/// The answer. What is allowed is what was asked and stored; nothing in the form can add to it. The form's token is bound to
/// the sign-in that saw the question: nobody answers for somebody else.
pub async fn post(cx: PageCx, Path(id): Path<String>, headers: HeaderMap, body: Body) -> Result<Response, Response> {
    let params = cx.read_form(&headers, body).await?;
    let (visiting, signed_in) = load(&cx, &id).await?;
    let form = Form::DeviceConfirm(visiting.visited.visit.id);
    if !cx.browser.accepts(&cx.app, form, params.field("csrf")) {
        return Err(cx.error(PageError::FormStale));
    }
    let answered = match params.field("decision") {
        Some("allow") => allow(&cx, &visiting, &signed_in).await,
        Some("deny") => deny(&cx, &visiting, &signed_in).await,
        _ => return Err(cx.error(PageError::FormStale)),
    };
    let mut response = answered.unwrap_or_else(|error| cx.error(error));
    respond::note_client(&mut response, &visiting.client.client_id);
    Ok(response)
}

/// Others sign in first, and come back.
async fn load(cx: &PageCx, id: &str) -> Result<(Visiting, SignedIn), Response> {
    let visiting = device_visit::load(cx, id).await?;
    match visiting.signed_in.clone() {
        Some(signed_in) => Ok((visiting, signed_in)),
        None => Err(cx.see_other(&path(paths::DEVICE_LOGIN, visiting.visited.visit.id))),
    }
}

async fn allow(cx: &PageCx, visiting: &Visiting, signed_in: &SignedIn) -> Result<Response, OAuthError> {
    let device = &visiting.visited.device;
    let approved = answer::approve(&cx.app, &visiting.catalog, device, &signed_in.session, cx.now);
    let (grant_id, stored) = approved.await?;
    let event = event(cx, AuditKind::DeviceApproved, visiting, signed_in).grant(grant_id);
    let name = visiting.app_view(cx).name;
    let done = (
        Message::new("device-connected"),
        Message::new("device-connected-lead").with("app", name),
    );
    Ok(answered(cx, visiting, stored, event, done))
}

async fn deny(cx: &PageCx, visiting: &Visiting, signed_in: &SignedIn) -> Result<Response, OAuthError> {
    let stored = answer::deny(&cx.app, &visiting.visited.device, cx.now).await?;
    let event = event(cx, AuditKind::DeviceDenied, visiting, signed_in).reason(Reason::DeviceDenied);
    let done = (Message::new("device-refused"), Message::new("device-refused-lead"));
    Ok(answered(cx, visiting, stored, event, done))
}

fn answered(
    cx: &PageCx,
    visiting: &Visiting,
    stored: DeviceAnswer,
    event: AuditEvent,
    done: (Message, Message),
) -> Response {
    match stored {
        DeviceAnswer::Stored => {
            cx.app.audit().record(event);
            let page = Finished {
                frame: cx.frame(),
                heading: done.0,
                message: done.1,
            };
            cx.page(StatusCode::OK, &page)
        }
        // Shown again, to whoever is signed in by now.
        DeviceAnswer::Changed => cx.see_other(&path(paths::DEVICE_CONFIRM, visiting.visited.visit.id)),
        DeviceAnswer::TooLate => device_visit::already_used(cx),
        DeviceAnswer::Gone => cx.error(PageError::NoDevice),
    }
}

fn event(cx: &PageCx, kind: AuditKind, visiting: &Visiting, signed_in: &SignedIn) -> AuditEvent {
    let device = &visiting.visited.device;
    let event = AuditEvent::new(kind, Actor::User(signed_in.user.id), cx.now)
        .by(&cx.caller)
        .subject(signed_in.user.id)
        .client(&device.client_id)
        .detail("scope", device.scope.to_string());
    match device.address {
        Some(address) => event.detail("device_address", address.to_string()),
        None => event,
    }
}

fn show(cx: &PageCx, visiting: &Visiting, signed_in: &SignedIn) -> Response {
    let visited = &visiting.visited;
    let page = DeviceConfirm {
        frame: cx.frame(),
        action: cx.href(&path(paths::DEVICE_CONFIRM, visited.visit.id)),
        csrf: cx.browser.form_token(&cx.app, Form::DeviceConfirm(visited.visit.id)),
        app: visiting.app_view(cx),
        anybody: visiting.client.is_public(),
        account: account_view(&signed_in.user),
        switch_href: cx.href(&path(paths::DEVICE_LOGIN, visited.visit.id)),
        user_code: visited.user_code.hyphenated(),
        origin: origin(cx, visiting),
        permissions: permissions(&visiting.catalog.apis, &visited.device.scope, &ClaimSet::default()),
    };
    cx.page(StatusCode::OK, &page)
}

fn origin(cx: &PageCx, visiting: &Visiting) -> DeviceOrigin {
    let device = &visiting.visited.device;
    let both = device.address.zip(cx.caller.address);
    DeviceOrigin {
        device: device_name(device.user_agent.as_deref()),
        address: device.address.map(|address| address.to_string()),
        asked: ago(cx.now.since(device.created_at)),
        elsewhere: both.is_some_and(|(theirs, own)| !same_network(theirs, own)),
    }
}
