//! `/interaction/{id}/login`: sign in for a waiting request.

use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::cx::{PageCx, html, interaction_path};
use super::flow::{self, Waiting};
use super::login::complete;
use super::view::{Login, LoginError};
use crate::accounts::login::{Attempt, Outcome, Proven, sign_in};
use crate::authorize::interaction;
use crate::http::session::Form;
use crate::http::{csp, known_browser, paths};
use crate::model::interaction::Progress;
use crate::protocol::error::OAuthError;

/// The form.
pub async fn get(mut cx: PageCx, Path(id): Path<String>) -> Result<Response, Response> {
    let waiting = flow::load_waiting(&mut cx, &id).await?;
    Ok(show(&cx, &waiting, None, None))
}

/// The form, filled in.
pub async fn post(
    mut cx: PageCx,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Response> {
    let params = cx.read_form(&headers, body).await?;
    let waiting = flow::load_waiting(&mut cx, &id).await?;
    let username = params.field("username").unwrap_or_default();
    if !cx
        .browser
        .accepts(&cx.app, Form::Login(Some(waiting.interaction.id)), params.field("csrf"))
    {
        return Err(show(&cx, &waiting, Some(LoginError::FormStale), Some(username)));
    }
    let attempt = Attempt {
        username,
        password: params.field("password").unwrap_or_default(),
        current: waiting.signed_in.as_ref().map(|signed_in| &signed_in.session),
        known_browser: known_browser::read(&cx.app, &headers),
        caller: &cx.caller,
        now: cx.now,
    };
    match sign_in(&cx.app, &attempt).await.map_err(|error| cx.error(error))? {
        Outcome::SignedIn(proven) | Outcome::Confirmed(proven) => signed_in(&mut cx, waiting, &proven)
            .await
            .map_err(|error| cx.error(error)),
        Outcome::Refused => Err(show(&cx, &waiting, Some(LoginError::WrongCredentials), Some(username))),
        Outcome::Throttled { retry_after } => {
            let error = LoginError::Throttled(retry_after);
            Err(show(&cx, &waiting, Some(error), Some(username)))
        }
        Outcome::Busy => Err(show(&cx, &waiting, Some(LoginError::Busy), Some(username))),
    }
}

/// Notes the sign-in for this request and goes on with it.
async fn signed_in(cx: &mut PageCx, mut waiting: Waiting, proven: &Proven) -> Result<Response, OAuthError> {
    let session = proven.session;
    cx.browser.sign_in(&cx.app, session, cx.now).await?;
    cx.browser.note_authenticated(&cx.app, session, cx.now);
    let progress = Progress {
        signed_in: Some(session),
        ..waiting.interaction.progress.clone()
    };
    let mut response = if interaction::advance(&cx.app, &mut waiting.interaction, progress).await? {
        let client_id = &waiting.interaction.request.client_id;
        let now_signed_in = cx.current(Some(client_id)).await?;
        flow::go_on(cx, &waiting.journey(), now_signed_in.as_ref()).await
    } else {
        flow::already_answered(cx)
    };
    known_browser::write(&cx.app, &mut response, &proven.known_browser);
    Ok(response)
}

fn show(cx: &PageCx, waiting: &Waiting, error: Option<LoginError>, typed: Option<&str>) -> Response {
    let request = &waiting.interaction.request;
    let known = waiting
        .signed_in
        .as_ref()
        .map(|signed_in| signed_in.user.username.as_str());
    let username = typed.or(request.login_hint.as_deref()).or(known).unwrap_or_default();
    let page = Login {
        frame: cx.frame(),
        action: cx.href(&interaction_path(paths::INTERACTION_LOGIN, waiting.interaction.id)),
        csrf: cx
            .browser
            .form_token(&cx.app, Form::Login(Some(waiting.interaction.id))),
        app: Some(waiting.app_view(cx)),
        about: waiting.about_view(),
        username: username.to_owned(),
        reauth: waiting.signed_in.is_some(),
        error,
    };
    let status = error.map_or(StatusCode::OK, LoginError::status);
    let mut response = html(status, &page, &csp::page_towards(&request.redirect_uri));
    complete(&mut response, error);
    response
}
