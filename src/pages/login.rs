//! `/login`: sign in for its own sake. It leads to one of our own pages, so there is no address to tamper with.

use axum::body::Body;
use axum::extract::RawQuery;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;

use super::cx::PageCx;
use super::return_to::ReturnTo;
use super::view::{Login, LoginError};
use crate::accounts::login::{Attempt, Outcome, sign_in};
use crate::http::error::RETRY_AFTER;
use crate::http::session::Form;
use crate::model::user::Username;

/// The form.
pub async fn get(cx: PageCx, RawQuery(query): RawQuery) -> Result<Response, Response> {
    show(cx, ReturnTo::of(query.as_deref()), None, "").await
}

/// The form, filled in.
pub async fn post(
    mut cx: PageCx,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Response> {
    let to = ReturnTo::of(query.as_deref());
    let params = cx.read_form(&headers, body).await?;
    let username = params.field("username").unwrap_or_default();
    if !cx.browser.accepts(&cx.app, Form::Login(None), params.field("csrf")) {
        return show(cx, to, Some(LoginError::FormStale), username).await;
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
            Ok(cx.see_other(to.path()))
        }
        Outcome::Refused => show(cx, to, Some(LoginError::WrongCredentials), username).await,
        Outcome::Busy => show(cx, to, Some(LoginError::Busy), username).await,
    }
}

/// The form is bound to the browser, so a new browser is given its name first.
async fn show(mut cx: PageCx, to: ReturnTo, error: Option<LoginError>, username: &str) -> Result<Response, Response> {
    let named = cx.browser.ensure_id(&cx.app, cx.now).await;
    named.map_err(|error| cx.error(error))?;
    // Whoever is sent here from a page of theirs is to prove that it is still they.
    let known = match to {
        ReturnTo::Home => None,
        _ => cx.signed_in().await?.map(|signed_in| signed_in.user.username),
    };
    let known_name = known.as_ref().map_or("", Username::as_str);
    let page = Login {
        frame: cx.frame(),
        action: cx.href(&to.login()),
        csrf: cx.browser.form_token(&cx.app, Form::Login(None)),
        app: None,
        username: if username.is_empty() { known_name } else { username }.to_owned(),
        reauth: known.is_some(),
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
