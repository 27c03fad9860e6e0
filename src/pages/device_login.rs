//! `/device/{id}/login`: sign in for a device whose code was entered.

use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::cx::PageCx;
use super::device_visit::{self, Visiting, path};
use super::flow::about_view;
use super::login::complete;
use super::view::{Login, LoginError};
use crate::accounts::login::{Attempt, Outcome, sign_in};
use crate::http::session::Form;
use crate::http::{known_browser, paths};

/// The form.
pub async fn get(cx: PageCx, Path(id): Path<String>) -> Result<Response, Response> {
    let visiting = device_visit::load(&cx, &id).await?;
    Ok(show(&cx, &visiting, None, None))
}

/// The form, filled in. Whoever signs in is asked about the device next.
pub async fn post(
    mut cx: PageCx,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Response> {
    let params = cx.read_form(&headers, body).await?;
    let visiting = device_visit::load(&cx, &id).await?;
    let visit_id = visiting.visited.visit.id;
    let username = params.field("username").unwrap_or_default();
    if !cx
        .browser
        .accepts(&cx.app, Form::DeviceLogin(visit_id), params.field("csrf"))
    {
        return Err(show(&cx, &visiting, Some(LoginError::FormStale), Some(username)));
    }
    let attempt = Attempt {
        username,
        password: params.field("password").unwrap_or_default(),
        current: visiting.signed_in.as_ref().map(|signed_in| &signed_in.session),
        known_browser: known_browser::read(&cx.app, &headers),
        caller: &cx.caller,
        now: cx.now,
    };
    match sign_in(&cx.app, &attempt).await.map_err(|error| cx.error(error))? {
        Outcome::SignedIn(proven) | Outcome::Confirmed(proven) => {
            let bound = cx.browser.sign_in(&cx.app, proven.session, cx.now).await;
            bound.map_err(|error| cx.error(error))?;
            cx.browser.note_authenticated(&cx.app, proven.session, cx.now);
            let mut response = cx.see_other(&path(paths::DEVICE_CONFIRM, visit_id));
            known_browser::write(&cx.app, &mut response, &proven.known_browser);
            Ok(response)
        }
        Outcome::Refused => Err(show(&cx, &visiting, Some(LoginError::WrongCredentials), Some(username))),
        Outcome::Throttled { retry_after } => {
            let error = LoginError::Throttled(retry_after);
            Err(show(&cx, &visiting, Some(error), Some(username)))
        }
        Outcome::Busy => Err(show(&cx, &visiting, Some(LoginError::Busy), Some(username))),
    }
}

fn show(cx: &PageCx, visiting: &Visiting, error: Option<LoginError>, typed: Option<&str>) -> Response {
    let visit_id = visiting.visited.visit.id;
    let known = visiting
        .signed_in
        .as_ref()
        .map(|signed_in| signed_in.user.username.as_str());
    let page = Login {
        frame: cx.frame(),
        action: cx.href(&path(paths::DEVICE_LOGIN, visit_id)),
        csrf: cx.browser.form_token(&cx.app, Form::DeviceLogin(visit_id)),
        app: Some(visiting.app_view(cx)),
        about: about_view(&visiting.client),
        username: typed.or(known).unwrap_or_default().to_owned(),
        reauth: visiting.signed_in.is_some(),
        error,
    };
    let mut response = cx.page(error.map_or(StatusCode::OK, LoginError::status), &page);
    complete(&mut response, error);
    response
}
