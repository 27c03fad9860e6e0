//! `/login`: sign in for its own sake. Where it leads is fixed, so there is no address to tamper with.

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;

use super::cx::PageCx;
use super::view::{Login, LoginError};
use crate::accounts::login::{Attempt, Outcome, sign_in};
use crate::http::error::RETRY_AFTER;
use crate::http::paths;
use crate::http::session::Form;

/// The form.
pub async fn get(cx: PageCx) -> Result<Response, Response> {
    show(cx, None, "").await
}

/// The form, filled in.
pub async fn post(mut cx: PageCx, headers: HeaderMap, body: Body) -> Result<Response, Response> {
    let params = cx.read_form(&headers, body).await?;
    let username = params.field("username").unwrap_or_default();
    if !cx.browser.accepts(&cx.app, Form::Login(None), params.field("csrf")) {
        return show(cx, Some(LoginError::FormStale), username).await;
    }
    let current = cx.signed_in().await?;
    let attempt = Attempt {
        username,
        password: params.field("password").unwrap_or_default(),
        current: current.as_ref().map(|signed_in| &signed_in.session),
        caller: &cx.caller,
        now: cx.now,
    };
    match sign_in(&cx.app, &attempt).await.map_err(|error| cx.error(error))? {
        Outcome::SignedIn(session) | Outcome::Confirmed(session) => {
            let bound = cx.browser.sign_in(&cx.app, session, cx.now).await;
            bound.map_err(|error| cx.error(error))?;
            Ok(cx.see_other(paths::HOME))
        }
        Outcome::Refused => show(cx, Some(LoginError::WrongCredentials), username).await,
        Outcome::Busy => show(cx, Some(LoginError::Busy), username).await,
    }
}

/// The form is bound to the browser, so a new browser is given its name first.
async fn show(mut cx: PageCx, error: Option<LoginError>, username: &str) -> Result<Response, Response> {
    let named = cx.browser.ensure_id(&cx.app, cx.now).await;
    named.map_err(|error| cx.error(error))?;
    let page = Login {
        frame: cx.frame(),
        action: cx.href(paths::LOGIN),
        csrf: cx.browser.form_token(&cx.app, Form::Login(None)),
        app: None,
        username: username.to_owned(),
        reauth: false,
        error,
    };
    Ok(retry_later(
        cx.page(error.map_or(StatusCode::OK, LoginError::status), &page),
    ))
}

/// A page that could not check the password says when to try again.
pub(super) fn retry_later(mut response: Response) -> Response {
    if response.status() == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
    }
    response
}

impl LoginError {
    /// The HTTP status of the page that says so.
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::WrongCredentials => StatusCode::UNAUTHORIZED,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::FormStale => StatusCode::FORBIDDEN,
        }
    }
}
