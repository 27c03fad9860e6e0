//! `/logout`: asks, then ends the sign-in. A GET ends nothing, so no picture on another site can sign anybody out.

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::cx::PageCx;
use super::error::PageError;
use super::flow::account_view;
use super::view::{SignOut, SignedOut};
use crate::accounts::{sessions, trail};
use crate::http::paths;
use crate::http::session::Form;

/// The question; for somebody who is not signed in, the answer.
pub async fn get(cx: PageCx) -> Result<Response, Response> {
    let Some(signed_in) = cx.signed_in().await? else {
        return Ok(done(&cx));
    };
    let page = SignOut {
        frame: cx.frame(),
        csrf: cx.browser.form_token(&cx.app, Form::Logout),
        action: cx.href(paths::LOGOUT),
        account: account_view(&signed_in.user),
    };
    Ok(cx.page(StatusCode::OK, &page))
}

/// Ends the sign-in. Doing it twice is no error.
pub async fn post(mut cx: PageCx, headers: HeaderMap, body: Body) -> Result<Response, Response> {
    let params = cx.read_form(&headers, body).await?;
    let Some(session) = cx.browser.signed_in() else {
        return Ok(done(&cx));
    };
    if !cx.browser.accepts(&cx.app, Form::Logout, params.field("csrf")) {
        return Err(cx.error(PageError::FormStale));
    }
    let signed_in = cx.signed_in().await?;
    sessions::sign_out(&cx.app, session, cx.now)
        .await
        .map_err(|error| cx.error(error))?;
    if let Some(signed_in) = signed_in {
        trail::signed_out(&cx.app, signed_in.user.id, (&cx.caller, cx.now));
    }
    let forgotten = cx.browser.forget().await;
    forgotten.map_err(|error| cx.error(error))?;
    Ok(done(&cx))
}

fn done(cx: &PageCx) -> Response {
    cx.page(StatusCode::OK, &SignedOut { frame: cx.frame() })
}
