//! `/login`: sign in for its own sake. It leads to one of our own pages, so there is no address to tamper with.

use axum::body::Body;
use axum::extract::RawQuery;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;

use super::cx::PageCx;
use super::return_to::ReturnTo;
use super::view::{AppAbout, Login, LoginError};
use crate::accounts::login::{Attempt, Outcome, sign_in};
use crate::http::error::RETRY_AFTER;
use crate::http::session::Form;
use crate::http::{known_browser, respond};
use crate::model::user::Username;
use crate::protocol::error::{OAuthError, Reason};

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
        known_browser: known_browser::read(&cx.app, &headers),
        caller: &cx.caller,
        now: cx.now,
    };
    match sign_in(&cx.app, &attempt).await.map_err(|error| cx.error(error))? {
        Outcome::SignedIn(proven) | Outcome::Confirmed(proven) => {
            let bound = cx.browser.sign_in(&cx.app, proven.session, cx.now).await;
            bound.map_err(|error| cx.error(error))?;
            cx.browser.note_authenticated(&cx.app, proven.session, cx.now);
            let mut response = cx.see_other(to.path());
            known_browser::write(&cx.app, &mut response, &proven.known_browser);
            Ok(response)
        }
        Outcome::Refused => show(cx, to, Some(LoginError::WrongCredentials), username).await,
        Outcome::Throttled { retry_after } => show(cx, to, Some(LoginError::Throttled(retry_after)), username).await,
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
        about: AppAbout::default(),
        username: if username.is_empty() { known_name } else { username }.to_owned(),
        reauth: known.is_some(),
        error,
    };
    let mut response = cx.page(error.map_or(StatusCode::OK, LoginError::status), &page);
    complete(&mut response, error);
    Ok(response)
}

/// A page on which no password was checked says when to try again, and the log says why.
pub(super) fn complete(response: &mut Response, error: Option<LoginError>) {
    let retry_after = match error {
        Some(LoginError::Busy) => RETRY_AFTER,
        Some(LoginError::Throttled(seconds)) => {
            respond::note_reason(response, OAuthError::until(Reason::SignInThrottled, seconds));
            HeaderValue::from(seconds)
        }
        _ => return,
    };
    response.headers_mut().insert(header::RETRY_AFTER, retry_after);
}

impl LoginError {
    /// The HTTP status of the page that says so.
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::WrongCredentials => StatusCode::UNAUTHORIZED,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::Throttled(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::FormStale => StatusCode::FORBIDDEN,
        }
    }
}
