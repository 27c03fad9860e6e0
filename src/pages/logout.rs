//! `/logout`: asks, then ends the sign-in. A GET ends nothing, so no picture on another site can sign anybody out.

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::cx::PageCx;
use super::error::PageError;
use super::flow::account_view;
use super::view::{SignOut, SignedOut};
use crate::accounts::sessions;
use crate::http::extract::form;
use crate::http::paths;
use crate::http::session::Form;

/// The question; for somebody who is not signed in, the answer.
pub async fn get(cx: PageCx) -> Response {
    let signed_in = match sessions::current(&cx.app, cx.browser.signed_in(), None, cx.now).await {
        Ok(signed_in) => signed_in,
        Err(error) => return cx.error(error),
    };
    let Some(signed_in) = signed_in else { return done(&cx) };
    let page = SignOut {
        frame: cx.frame(),
        csrf: cx.browser.form_token(&cx.app, Form::Logout),
        action: cx.href(paths::LOGOUT),
        account: account_view(&signed_in.user),
    };
    cx.page(StatusCode::OK, &page)
}

/// Ends the sign-in. Doing it twice is no error.
pub async fn post(mut cx: PageCx, headers: HeaderMap, body: Body) -> Response {
    let params = match form::read(&headers, body, cx.app.config().server.max_body).await {
        Ok(params) => params,
        Err(reason) => return cx.error(reason),
    };
    let Some(session) = cx.browser.signed_in() else {
        return done(&cx);
    };
    if !cx
        .browser
        .accepts(&cx.app, Form::Logout, params.get("csrf").ok().flatten())
    {
        return cx.error(PageError::FormStale);
    }
    if let Err(error) = sessions::sign_out(&cx.app, session, cx.now).await {
        return cx.error(error);
    }
    match cx.browser.forget().await {
        Ok(()) => done(&cx),
        Err(error) => cx.error(error),
    }
}

fn done(cx: &PageCx) -> Response {
    cx.page(StatusCode::OK, &SignedOut { frame: cx.frame() })
}
