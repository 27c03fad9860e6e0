//! `/account/apps`: the apps that can use the account, and `/account/apps/{client_id}`: taking it back.

use axum::body::Body;
use axum::extract::{Path, RawQuery};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use url::Url;

use super::account::{self, Notice};
use super::cx::PageCx;
use super::error::PageError;
use super::paging;
use super::permissions::permissions;
use super::return_to::ReturnTo;
use super::view::{AccountApp, AccountApps, App as AppView, AppLine};
use super::when::when;
use crate::http::paths;
use crate::http::session::Form;
use crate::model::api::Api;
use crate::model::audit_event::AuditKind;
use crate::model::client::ConsentPolicy;
use crate::protocol::error::OAuthError;
use crate::protocol::ids::ClientId;
use crate::store::{AppOfUser, SignedIn, Withdrawal};

/// The list, by name.
pub async fn list(mut cx: PageCx, RawQuery(query): RawQuery) -> Result<Response, Response> {
    let signed_in = account::require(&mut cx, ReturnTo::Apps).await?;
    let mut apps = apps(&cx, &signed_in).await?;
    apps.sort_by_key(|app| app.name.to_lowercase());
    let catalog = cx.app.store().catalog().await;
    let catalog = catalog.map_err(|error| cx.error(OAuthError::from(error)))?;
    let (shown, pager) = paging::page(query.as_deref(), apps.len(), &cx.href(paths::ACCOUNT_APPS));
    let page = AccountApps {
        frame: cx.frame(),
        nav: account::nav(&cx, ReturnTo::Apps),
        notice: Notice::of(query.as_deref()),
        apps: apps[shown].iter().map(|app| line(&cx, app, &catalog.apis)).collect(),
        pager,
    };
    Ok(cx.page(StatusCode::OK, &page))
}

/// The question.
pub async fn get(mut cx: PageCx, Path(client_id): Path<String>) -> Result<Response, Response> {
    let signed_in = account::require(&mut cx, ReturnTo::Apps).await?;
    let apps = apps(&cx, &signed_in).await?;
    let Some(app) = apps.iter().find(|app| app.client_id.as_str() == client_id) else {
        return Err(cx.error(PageError::NotFound));
    };
    let found = cx.app.store().find_client(&app.client_id).await;
    let found = found.map_err(|error| cx.error(OAuthError::from(error)))?;
    let trusted = |policy: &ConsentPolicy| *policy == ConsentPolicy::Trusted;
    let page = AccountApp {
        frame: cx.frame(),
        nav: account::nav(&cx, ReturnTo::Apps),
        line: line(&cx, app, &found.catalog.apis),
        trusted: found.client.is_some_and(|client| trusted(&client.metadata.consent)),
        action: cx.href(&paths::fill(paths::ACCOUNT_APP, app.client_id.as_str())),
        csrf: cx.browser.form_token(&cx.app, Form::Apps),
        back_href: cx.href(paths::ACCOUNT_APPS),
    };
    Ok(cx.page(StatusCode::OK, &page))
}

/// Takes it back. It makes nobody mightier, so it asks for no recent sign-in. Doing it twice is no error.
pub async fn post(
    mut cx: PageCx,
    Path(client_id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Response> {
    let signed_in = account::require(&mut cx, ReturnTo::Apps).await?;
    let params = cx.read_form(&headers, body).await?;
    if !cx.browser.accepts(&cx.app, Form::Apps, params.field("csrf")) {
        return Err(cx.error(PageError::FormStale));
    }
    let Some(client_id) = ClientId::parse(&client_id) else {
        return Err(cx.error(PageError::NotFound));
    };
    let withdrawn = cx
        .app
        .store()
        .withdraw_consent(signed_in.user.id, &client_id, cx.now)
        .await;
    if let Withdrawal::Done { grants } = withdrawn.map_err(|error| cx.error(OAuthError::from(error)))? {
        let event = account::event(&cx, AuditKind::ConsentWithdrawn, &signed_in);
        cx.app.audit().record(event.client(&client_id).detail("grants", grants));
    }
    Ok(cx.see_other(&Notice::Withdrawn.at(paths::ACCOUNT_APPS)))
}

async fn apps(cx: &PageCx, signed_in: &SignedIn) -> Result<Vec<AppOfUser>, Response> {
    let apps = cx.app.store().apps_of_user(signed_in.user.id, cx.now).await;
    apps.map_err(|error| cx.error(OAuthError::from(error)))
}

fn line(cx: &PageCx, app: &AppOfUser, apis: &[Api]) -> AppLine {
    let client_id = app.client_id.as_str();
    AppLine {
        app: AppView {
            name: app.name.clone(),
            host: None,
            logo_href: app
                .has_logo
                .then(|| cx.href(&paths::fill(paths::CLIENT_LOGO, client_id))),
        },
        permissions: permissions(apis, &app.scope, &app.claims),
        since: when(app.since, cx.now),
        last_used: app.last_used_at.map(|at| when(at, cx.now)),
        open_href: app.initiate_login_uri.as_deref().and_then(|uri| open_href(cx, uri)),
        href: cx.href(&paths::fill(paths::ACCOUNT_APP, client_id)),
    }
}

/// Third-party-initiated login (OpenID Connect Core §4): the app is told who we are, and comes back with a request of its own.
pub fn open_href(cx: &PageCx, initiate_login_uri: &str) -> Option<String> {
    let mut url = Url::parse(initiate_login_uri).ok()?;
    url.query_pairs_mut().append_pair("iss", cx.app.issuer());
    Some(url.into())
}
