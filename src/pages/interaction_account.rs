//! `/interaction/{id}/account`: go on with the account that is signed in, or with another.

use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::cx::{PageCx, html, interaction_path};
use super::flow::{self, Waiting};
use super::view::{AccountChoice, SelectAccount};
use crate::authorize::interaction;
use crate::http::session::Form;
use crate::http::{csp, paths};
use crate::model::interaction::Progress;
use crate::store::SignedIn;

/// The question.
pub async fn get(mut cx: PageCx, Path(id): Path<String>) -> Result<Response, Response> {
    let (waiting, signed_in) = flow::load_waiting_signed_in(&mut cx, &id).await?;
    Ok(show(&cx, &waiting, &signed_in))
}

/// The answer: the key of the sign-in to go on with, or `other`.
pub async fn post(
    mut cx: PageCx,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Response> {
    let (params, mut waiting, signed_in) = flow::read_answer(&mut cx, &id, (&headers, body), Form::Account).await?;
    let current = signed_in.session.id;
    if params.field("account") != Some(current.to_string().as_str()) {
        return Ok(cx.see_other(&interaction_path(paths::INTERACTION_LOGIN, waiting.interaction.id)));
    }
    let progress = Progress {
        chosen: Some(current),
        ..waiting.interaction.progress.clone()
    };
    match interaction::advance(&cx.app, &mut waiting.interaction, progress).await {
        Ok(true) => Ok(flow::go_on(&mut cx, &waiting.journey(), Some(&signed_in)).await),
        Ok(false) => Err(flow::already_answered(&cx)),
        Err(error) => Err(cx.error(error)),
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
