//! `/`: who is signed in.

use axum::http::StatusCode;
use axum::response::Response;

use super::cx::PageCx;
use super::flow::account_view;
use super::view::Home;
use crate::accounts::sessions;
use crate::http::paths;
use crate::http::session::Form;

/// The page.
pub async fn get(cx: PageCx) -> Response {
    let signed_in = match sessions::current(&cx.app, cx.browser.signed_in(), None, cx.now).await {
        Ok(signed_in) => signed_in,
        Err(error) => return cx.error(error),
    };
    let page = Home {
        frame: cx.frame(),
        user: signed_in.as_ref().map(|signed_in| account_view(&signed_in.user)),
        csrf: cx.browser.form_token(&cx.app, Form::Logout),
        sign_out_action: cx.href(paths::LOGOUT),
        sign_in_href: cx.href(paths::LOGIN),
    };
    cx.page(StatusCode::OK, &page)
}
