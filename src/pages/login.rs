//! `/login`: sign in for its own sake. Where it leads is fixed, so there is no address to tamper with.

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;

use super::cx::PageCx;
use super::view::{Login, LoginError};
use crate::accounts::login::{Attempt, Outcome, sign_in};
use crate::accounts::sessions;
use crate::http::error::RETRY_AFTER;
use crate::http::extract::form;
use crate::http::paths;
use crate::http::session::Form;

/// The form.
pub async fn get(mut cx: PageCx) -> Response {
    if let Err(error) = cx.browser.ensure_id(&cx.app, cx.now).await {
        return cx.error(error);
    }
    show(&cx, StatusCode::OK, None, "")
}

/// The form, filled in.
pub async fn post(mut cx: PageCx, headers: HeaderMap, body: Body) -> Response {
    let params = match form::read(&headers, body, cx.app.config().server.max_body).await {
        Ok(params) => params,
        Err(reason) => return cx.error(reason),
    };
    let field = |name| params.get(name).ok().flatten().unwrap_or_default();
    let username = field("username");
    if !cx
        .browser
        .accepts(&cx.app, Form::Login(None), params.get("csrf").ok().flatten())
    {
        return match cx.browser.ensure_id(&cx.app, cx.now).await {
            Ok(_) => show(&cx, StatusCode::FORBIDDEN, Some(LoginError::FormStale), username),
            Err(error) => cx.error(error),
        };
    }
    let current = match sessions::current(&cx.app, cx.browser.signed_in(), None, cx.now).await {
        Ok(current) => current,
        Err(error) => return cx.error(error),
    };
    let attempt = Attempt {
        username,
        password: field("password"),
        current: current.as_ref().map(|signed_in| &signed_in.session),
        user_agent: cx.browser.user_agent.as_deref(),
        now: cx.now,
    };
    match sign_in(&cx.app, &attempt).await {
        Ok(Outcome::SignedIn(session) | Outcome::Confirmed(session)) => {
            match cx.browser.sign_in(&cx.app, session, cx.now).await {
                Ok(()) => cx.see_other(paths::HOME),
                Err(error) => cx.error(error),
            }
        }
        Ok(Outcome::Refused) => show(
            &cx,
            StatusCode::UNAUTHORIZED,
            Some(LoginError::WrongCredentials),
            username,
        ),
        Ok(Outcome::Busy) => show(&cx, StatusCode::SERVICE_UNAVAILABLE, Some(LoginError::Busy), username),
        Err(error) => cx.error(error),
    }
}

fn show(cx: &PageCx, status: StatusCode, error: Option<LoginError>, username: &str) -> Response {
    let page = Login {
        frame: cx.frame(),
        action: cx.href(paths::LOGIN),
        csrf: cx.browser.form_token(&cx.app, Form::Login(None)),
        app: None,
        username: username.to_owned(),
        reauth: false,
        error,
        switch_href: None,
    };
    let mut response = cx.page(status, &page);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
    }
    response
}
