//! `/interaction/{id}/login`: sign in for a waiting request.

use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::cx::{PageCx, html, interaction_path};
use super::flow::{self, Waiting};
use super::view::{Login, LoginError};
use crate::accounts::login::{Attempt, Outcome, sign_in};
use crate::accounts::sessions;
use crate::authorize::interaction;
use crate::http::extract::form;
use crate::http::session::Form;
use crate::http::{csp, paths};
use crate::model::browser_session::BrowserSessionId;
use crate::model::interaction::Progress;
use crate::protocol::error::OAuthError;

/// The form.
pub async fn get(cx: PageCx, Path(id): Path<String>) -> Response {
    match flow::load_waiting(&cx, &id).await {
        Ok(waiting) => show(&cx, &waiting, StatusCode::OK, None, None),
        Err(page) => page,
    }
}

/// The form, filled in.
pub async fn post(mut cx: PageCx, Path(id): Path<String>, headers: HeaderMap, body: Body) -> Response {
    let params = match form::read(&headers, body, cx.app.config().server.max_body).await {
        Ok(params) => params,
        Err(reason) => return cx.error(reason),
    };
    let waiting = match flow::load_waiting(&cx, &id).await {
        Ok(waiting) => waiting,
        Err(page) => return page,
    };
    let field = |name| params.get(name).ok().flatten().unwrap_or_default();
    if !cx.browser.accepts(
        &cx.app,
        Form::Login(Some(waiting.interaction.id)),
        params.get("csrf").ok().flatten(),
    ) {
        return show(
            &cx,
            &waiting,
            StatusCode::FORBIDDEN,
            Some(LoginError::FormStale),
            Some(field("username")),
        );
    }
    let attempt = Attempt {
        username: field("username"),
        password: field("password"),
        current: waiting.signed_in.as_ref().map(|signed_in| &signed_in.session),
        user_agent: cx.browser.user_agent.as_deref(),
        now: cx.now,
    };
    let outcome = match sign_in(&cx.app, &attempt).await {
        Ok(outcome) => outcome,
        Err(error) => return cx.error(error),
    };
    match outcome {
        Outcome::SignedIn(session) | Outcome::Confirmed(session) => match signed_in(&mut cx, waiting, session).await {
            Ok(response) => response,
            Err(error) => cx.error(error),
        },
        Outcome::Refused => show(
            &cx,
            &waiting,
            StatusCode::UNAUTHORIZED,
            Some(LoginError::WrongCredentials),
            Some(field("username")),
        ),
        Outcome::Busy => show(
            &cx,
            &waiting,
            StatusCode::SERVICE_UNAVAILABLE,
            Some(LoginError::Busy),
            Some(field("username")),
        ),
    }
}

/// Notes the sign-in for this request and goes on with it.
async fn signed_in(cx: &mut PageCx, waiting: Waiting, session: BrowserSessionId) -> Result<Response, OAuthError> {
    let mut waiting = waiting;
    cx.browser.sign_in(&cx.app, session, cx.now).await?;
    let progress = Progress {
        signed_in: Some(session),
        ..waiting.interaction.progress.clone()
    };
    if !interaction::advance(&cx.app, &mut waiting.interaction, progress).await? {
        return Ok(flow::already_answered(cx));
    }
    let client_id = waiting.interaction.request.client_id.clone();
    let now_signed_in = sessions::current(&cx.app, Some(session), Some(&client_id), cx.now).await?;
    Ok(flow::go_on(cx, &waiting.journey(), now_signed_in.as_ref()).await)
}

fn show(
    cx: &PageCx,
    waiting: &Waiting,
    status: StatusCode,
    error: Option<LoginError>,
    typed: Option<&str>,
) -> Response {
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
        username: username.to_owned(),
        reauth: false,
        error,
        switch_href: None,
    };
    let mut response = html(status, &page, &csp::page_towards(&request.redirect_uri));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response
            .headers_mut()
            .insert(axum::http::header::RETRY_AFTER, crate::http::error::RETRY_AFTER);
    }
    response
}
