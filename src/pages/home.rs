//! `/`: who is signed in.

use axum::http::StatusCode;
use axum::response::Response;

use super::cx::PageCx;
use super::flow::account_view;
use super::view::Home;
use crate::http::paths;
use crate::http::session::Form;

/// The page.
pub async fn get(mut cx: PageCx) -> Result<Response, Response> {
    let signed_in = cx.signed_in().await?;
    let locale = signed_in
        .as_ref()
        .and_then(|signed_in| signed_in.user.claims.locale.as_deref());
    cx.wishes.add_profile(locale);
    let page = Home {
        frame: cx.frame(),
        user: signed_in.as_ref().map(|signed_in| account_view(&signed_in.user)),
        csrf: cx.browser.form_token(&cx.app, Form::Logout),
        sign_out_action: cx.href(paths::LOGOUT),
        account_href: cx.href(paths::ACCOUNT),
        sign_in_href: cx.href(paths::LOGIN),
    };
    Ok(cx.page(StatusCode::OK, &page))
}
