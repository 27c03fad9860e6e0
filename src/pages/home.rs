//! `/`: who is signed in.

use axum::http::StatusCode;
use axum::response::Response;

use super::account_apps::open_href;
use super::cx::PageCx;
use super::flow::account_view;
use super::view::Home;
use crate::http::paths;
use crate::http::session::Form;
use crate::protocol::error::OAuthError;
use crate::store::SignedIn;

/// The page.
pub async fn get(mut cx: PageCx) -> Result<Response, Response> {
    let signed_in = cx.signed_in().await?;
    let locale = signed_in
        .as_ref()
        .and_then(|signed_in| signed_in.user.claims.locale.as_deref());
    cx.wishes.add_profile(locale);
    let apps = match &signed_in {
        Some(signed_in) => startable(&cx, signed_in).await?,
        None => Vec::new(),
    };
    let page = Home {
        frame: cx.frame(),
        user: signed_in.as_ref().map(|signed_in| account_view(&signed_in.user)),
        csrf: cx.browser.form_token(&cx.app, Form::Logout),
        sign_out_action: cx.href(paths::LOGOUT),
        account_href: cx.href(paths::ACCOUNT),
        sign_in_href: cx.href(paths::LOGIN),
        apps,
    };
    Ok(cx.page(StatusCode::OK, &page))
}

/// The most apps on the page; all of them are in the account.
const MOST: usize = 12;

/// Apps that the person uses and that can be opened from here, by name.
async fn startable(cx: &PageCx, signed_in: &SignedIn) -> Result<Vec<(String, String)>, Response> {
    let apps = cx.app.store().apps_of_user(signed_in.user.id, cx.now).await;
    let apps = apps.map_err(|error| cx.error(OAuthError::from(error)))?;
    let mut links: Vec<_> = apps
        .into_iter()
        .filter_map(|app| Some((app.name, open_href(cx, &app.initiate_login_uri?)?)))
        .collect();
    links.sort_by_key(|(name, _)| name.to_lowercase());
    links.truncate(MOST);
    Ok(links)
}
