//! `/interaction/{id}/account`: go on with the account that is signed in, or with another.

use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::cx::{PageCx, html, interaction_path};
use super::error::PageError;
use super::flow::{self, Waiting};
use super::view::{AccountChoice, SelectAccount};
use crate::authorize::interaction;
use crate::http::extract::form;
use crate::http::session::Form;
use crate::http::{csp, paths};
use crate::model::interaction::Progress;
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

/// The answer: the key of the sign-in to go on with, or `other`.
pub async fn post(mut cx: PageCx, Path(id): Path<String>, headers: HeaderMap, body: Body) -> Response {
    let params = match form::read(&headers, body, cx.app.config().server.max_body).await {
        Ok(params) => params,
        Err(reason) => return cx.error(reason),
    };
    let mut waiting = match flow::load_waiting(&cx, &id).await {
        Ok(waiting) => waiting,
        Err(page) => return page,
    };
    if !cx.browser.accepts(
        &cx.app,
        Form::Account(waiting.interaction.id),
        params.get("csrf").ok().flatten(),
    ) {
        return cx.error(PageError::FormStale);
    }
    let chosen = params.get("account").ok().flatten().unwrap_or_default();
    let current = waiting.signed_in.as_ref().map(|signed_in| signed_in.session.id);
    if current.is_none_or(|id| id.to_string() != chosen) {
        return cx.see_other(&interaction_path(paths::INTERACTION_LOGIN, waiting.interaction.id));
    }
    let progress = Progress {
        chosen: current,
        ..waiting.interaction.progress.clone()
    };
    match interaction::advance(&cx.app, &mut waiting.interaction, progress).await {
        Ok(true) => flow::go_on(&mut cx, &waiting.journey(), waiting.signed_in.as_ref()).await,
        Ok(false) => flow::already_answered(&cx),
        Err(error) => cx.error(error),
    }
}

fn show(cx: &PageCx, waiting: &Waiting, signed_in: &SignedIn) -> Response {
    let page = SelectAccount {
        frame: cx.frame(),
        action: cx.href(&interaction_path(paths::INTERACTION_ACCOUNT, waiting.interaction.id)),
        csrf: cx.browser.form_token(&cx.app, Form::Account(waiting.interaction.id)),
        app: waiting.app_view(cx),
        accounts: vec![AccountChoice {
            id: signed_in.session.id.to_string(),
            account: flow::account_view(&signed_in.user),
        }],
    };
    html(
        StatusCode::OK,
        &page,
        &csp::page_towards(&waiting.interaction.request.redirect_uri),
    )
}
