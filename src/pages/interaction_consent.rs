//! `/interaction/{id}/consent`: what an app may do, and the person's answer.

use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::cx::{PageCx, html, interaction_path};
use super::error::PageError;
use super::flow::{self, Waiting};
use super::view::{Consent, Permission};
use crate::accounts::consent::permissions;
use crate::authorize::interaction;
use crate::http::extract::form;
use crate::http::session::Form;
use crate::http::{csp, paths};
use crate::model::browser_session::BrowserSessionId;
use crate::model::interaction::Progress;
use crate::protocol::error::Reason;
use crate::store::SignedIn;

/// The question.
pub async fn get(cx: PageCx, Path(id): Path<String>) -> Response {
    let waiting = match flow::load_waiting(&cx, &id).await {
        Ok(waiting) => waiting,
        Err(page) => return page,
    };
    match &waiting.signed_in {
        Some(signed_in) => show(&cx, &waiting, signed_in),
        None => cx.see_other(&interaction_path(paths::INTERACTION_LOGIN, waiting.interaction.id)),
    }
}

/// The answer. What is allowed is what was asked and stored; nothing in the form can add to it. The form's token is bound
/// to the sign-in that saw the question: nobody consents for somebody else.
pub async fn post(mut cx: PageCx, Path(id): Path<String>, headers: HeaderMap, body: Body) -> Response {
    let params = match form::read(&headers, body, cx.app.config().server.max_body).await {
        Ok(params) => params,
        Err(reason) => return cx.error(reason),
    };
    let mut waiting = match flow::load_waiting(&cx, &id).await {
        Ok(waiting) => waiting,
        Err(page) => return page,
    };
    let Some(session) = waiting.signed_in.as_ref().map(|signed_in| signed_in.session.id) else {
        return cx.see_other(&interaction_path(paths::INTERACTION_LOGIN, waiting.interaction.id));
    };
    if !cx.browser.accepts(
        &cx.app,
        Form::Consent(waiting.interaction.id),
        params.get("csrf").ok().flatten(),
    ) {
        return cx.error(PageError::FormStale);
    }
    match params.get("decision") {
        Ok(Some("allow")) => allow(&mut cx, &mut waiting, session).await,
        Ok(Some("deny")) => flow::refuse_request(&cx, &waiting.journey(), Reason::Denied.into()).await,
        _ => cx.error(PageError::FormStale),
    }
}

async fn allow(cx: &mut PageCx, waiting: &mut Waiting, session: BrowserSessionId) -> Response {
    let progress = Progress {
        consented: Some(session),
        ..waiting.interaction.progress.clone()
    };
    match interaction::advance(&cx.app, &mut waiting.interaction, progress).await {
        Ok(true) => flow::go_on(cx, &waiting.journey(), waiting.signed_in.as_ref()).await,
        Ok(false) => flow::already_answered(cx),
        Err(error) => cx.error(error),
    }
}

fn show(cx: &PageCx, waiting: &Waiting, signed_in: &SignedIn) -> Response {
    let request = &waiting.interaction.request;
    let lines = permissions(&waiting.found.catalog.apis, &request.scope);
    let page = Consent {
        frame: cx.frame(),
        action: cx.href(&interaction_path(paths::INTERACTION_CONSENT, waiting.interaction.id)),
        csrf: cx.browser.form_token(&cx.app, Form::Consent(waiting.interaction.id)),
        app: waiting.app_view(cx),
        account: flow::account_view(&signed_in.user),
        permissions: lines
            .into_iter()
            .map(|line| Permission {
                text: line.text,
                scope: line.scope,
            })
            .collect(),
        remembered: !(waiting.client.is_public() && request.redirect_uri.proves_no_identity()),
        switch_href: cx.href(&interaction_path(paths::INTERACTION_LOGIN, waiting.interaction.id)),
    };
    html(StatusCode::OK, &page, &csp::page_towards(&request.redirect_uri))
}
