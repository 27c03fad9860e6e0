//! `/interaction/{id}/consent`: what an app may do, and the person's answer.

use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::cx::{PageCx, html, interaction_path};
use super::error::PageError;
use super::flow::{self, Waiting};
use super::permissions::permissions;
use super::view::Consent;
use crate::accounts::trail;
use crate::authorize::interaction;
use crate::authorize::next_step::remembers_consent;
use crate::http::session::Form;
use crate::http::{csp, paths};
use crate::model::audit_event::AuditKind;
use crate::model::interaction::Progress;
use crate::store::SignedIn;

/// The question.
pub async fn get(mut cx: PageCx, Path(id): Path<String>) -> Result<Response, Response> {
    let (waiting, signed_in) = flow::load_waiting_signed_in(&mut cx, &id).await?;
    Ok(show(&cx, &waiting, &signed_in))
}

/// The answer. What is allowed is what was asked and stored; nothing in the form can add to it. The form's token is bound
/// to the sign-in that saw the question: nobody consents for somebody else.
pub async fn post(
    mut cx: PageCx,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Response> {
    let (params, mut waiting, signed_in) = flow::read_answer(&mut cx, &id, (&headers, body), Form::Consent).await?;
    match params.field("decision") {
        Some("allow") => allow(&mut cx, &mut waiting, &signed_in).await,
        Some("deny") => Ok(flow::deny(&cx, &waiting.journey(), signed_in.user.id).await),
        _ => Err(cx.error(PageError::FormStale)),
    }
}

async fn allow(cx: &mut PageCx, waiting: &mut Waiting, signed_in: &SignedIn) -> Result<Response, Response> {
    let progress = Progress {
        consented: Some(signed_in.session.id),
        ..waiting.interaction.progress.clone()
    };
    match interaction::advance(&cx.app, &mut waiting.interaction, progress).await {
        Ok(true) => {
            let answer = (signed_in.user.id, &waiting.interaction.request);
            trail::consent(&cx.app, AuditKind::ConsentGiven, answer, (&cx.caller, cx.now));
            Ok(flow::go_on(cx, &waiting.journey(), Some(signed_in)).await)
        }
        Ok(false) => Err(flow::already_answered(cx)),
        Err(error) => Err(cx.error(error)),
    }
}

fn show(cx: &PageCx, waiting: &Waiting, signed_in: &SignedIn) -> Response {
    let request = &waiting.interaction.request;
    let page = Consent {
        frame: cx.frame(),
        action: cx.href(&interaction_path(paths::INTERACTION_CONSENT, waiting.interaction.id)),
        csrf: cx.browser.form_token(&cx.app, Form::Consent(waiting.interaction.id)),
        app: waiting.app_view(cx),
        about: waiting.about_view(),
        account: flow::account_view(&signed_in.user),
        permissions: permissions(&waiting.found.catalog.apis, &request.scope, &request.claims.all()),
        remembered: remembers_consent(&waiting.client, request),
        switch_href: cx.href(&interaction_path(paths::INTERACTION_LOGIN, waiting.interaction.id)),
    };
    html(StatusCode::OK, &page, &csp::page_towards(&request.redirect_uri))
}
