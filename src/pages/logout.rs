//! `/logout` (OpenID Connect RP-Initiated Logout §2): read, decide, end the sign-in or ask first. Without proof, nothing but the
//! person's own word ends it: no link and no picture on another site can.

use axum::body::Body;
use axum::extract::RawQuery;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;

use super::about;
use super::cx::{PageCx, html};
use super::error::PageError;
use super::flow::account_view;
use super::view::{App as AppView, Back, SignOut, SignedOut};
use crate::accounts::{sessions, trail};
use crate::http::extract::form;
use crate::http::session::Form;
use crate::http::{csp, paths, respond};
use crate::limits::requests::permit_address;
use crate::logout::request::{Asked, Facts, PARAMETERS, Return, Step, decide, read};
use crate::model::user::User;
use crate::protocol::error::Reason;
use crate::protocol::params::Params;
use crate::store::SignedIn;

/// A request in the query.
pub async fn get(
    cx: PageCx,
    method: Method,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Response> {
    let params = in_query(query).map_err(|reason| cx.error(reason))?;
    let asked = how(&method, &headers);
    answer(cx, &params, asked).await
}

/// A client's request in a form, or the answer to our own question.
///
/// A form that another site posts comes without our cookie (`SameSite=Lax`), so it is asked again as a GET, which comes with it.
pub async fn post(
    cx: PageCx,
    method: Method,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Response> {
    let limit = cx.app.config().server.max_body;
    let in_body = form::read(&headers, body, limit)
        .await
        .map_err(|reason| cx.error(reason))?;
    let in_query = in_query(query).map_err(|reason| cx.error(reason))?;
    let params = in_query.join(in_body);
    if params.mentions("csrf") {
        return confirmed(cx, &params).await;
    }
    if !cx.browser.sent_cookie {
        return Ok(cx.see_other(&format!("{}?{}", paths::LOGOUT, params.to_query())));
    }
    answer(cx, &params, how(&method, &headers)).await
}

fn in_query(query: Option<String>) -> Result<Params, Reason> {
    Params::parse(query.unwrap_or_default().as_bytes())
}

/// Browsers tell what a request is for; what does not tell is taken for a person.
fn how(method: &Method, headers: &HeaderMap) -> Asked {
    let is = |name: &str, expected: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.is_none_or(|value| value == expected)
    };
    let seen = *method != Method::HEAD && is("sec-fetch-mode", "navigate") && is("sec-fetch-dest", "document");
    if seen { Asked::Openly } else { Asked::Unseen }
}

/// The person's own word, with the token of the page that asked. Where nobody is signed in any more it changes nothing.
async fn confirmed(cx: PageCx, params: &Params) -> Result<Response, Response> {
    let known = cx.browser.signed_in().is_some();
    if known && !cx.browser.accepts(&cx.app, Form::Logout, params.field("csrf")) {
        return Err(cx.error(PageError::FormStale));
    }
    answer(cx, params, Asked::Confirmed).await
}

async fn answer(mut cx: PageCx, params: &Params, asked: Asked) -> Result<Response, Response> {
    permit_address(&cx.app, &cx.caller, cx.now).map_err(|error| cx.error(error))?;
    let request = read(&cx.app, params, cx.now).await.map_err(|error| cx.error(error))?;
    let signed_in = cx.signed_in().await?;
    cx.wishes.add_parameters(params, cx.now);
    let locale = signed_in
        .as_ref()
        .and_then(|signed_in| signed_in.user.claims.locale.as_deref());
    cx.wishes.add_profile(locale);
    let facts = Facts {
        request: &request,
        asked,
        session: signed_in.as_ref().map(|signed_in| &signed_in.session),
    };
    let step = decide(&facts).map_err(|reason| cx.error(reason))?;
    let mut response = match (step, signed_in) {
        (Step::Ask(back), Some(signed_in)) => ask(&cx, params, back, &signed_in.user),
        (Step::SignOut(back), signed_in) => {
            end(&mut cx, signed_in).await?;
            leave_or_say(&cx, back)
        }
        (Step::Leave(back), _) => leave_or_say(&cx, Some(back)),
        (Step::Over(back) | Step::Ask(back), _) => signed_out(&cx, back),
    };
    if let Some(client) = &request.client {
        respond::note_client(&mut response, &client.client_id);
    }
    Ok(response)
}

/// The question. It repeats a request that leads somewhere; the rest of one that does not is forgotten.
fn ask(cx: &PageCx, params: &Params, back: Option<Return>, user: &User) -> Response {
    let names = if back.is_some() { PARAMETERS } else { &[] };
    let repeated = names.iter().filter_map(|name| Some((*name, params.field(name)?)));
    let page = SignOut {
        frame: cx.frame(),
        csrf: cx.browser.form_token(&cx.app, Form::Logout),
        action: cx.href(paths::LOGOUT),
        account: account_view(user),
        app: back.as_ref().map(|back| app_view(cx, back)),
        fields: repeated
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
    };
    let policy = back.map_or_else(csp::page, |back| csp::page_towards(back.uri()));
    html(StatusCode::OK, &page, &policy)
}

fn app_view(cx: &PageCx, back: &Return) -> AppView {
    let client = back.client();
    AppView {
        name: about::name(&client.metadata, cx.language()),
        host: (!back.uri().proves_no_identity()).then(|| back.uri().display_host()),
        logo_href: cx.logo_href(client),
    }
}

async fn end(cx: &mut PageCx, signed_in: Option<SignedIn>) -> Result<(), Response> {
    let Some(signed_in) = signed_in else { return Ok(()) };
    sessions::sign_out(&cx.app, signed_in.session.id, cx.now)
        .await
        .map_err(|error| cx.error(error))?;
    trail::signed_out(&cx.app, signed_in.user.id, (&cx.caller, cx.now));
    let forgotten = cx.browser.forget().await;
    forgotten.map_err(|error| cx.error(error))
}

fn leave_or_say(cx: &PageCx, back: Option<Return>) -> Response {
    match back {
        Some(back) => respond::see_other(&back.location()),
        None => signed_out(cx, None),
    }
}

fn signed_out(cx: &PageCx, back: Option<Return>) -> Response {
    let page = SignedOut {
        frame: cx.frame(),
        back: back.map(|back| Back {
            name: about::name(&back.client().metadata, cx.language()),
            href: back.location(),
        }),
    };
    cx.page(StatusCode::OK, &page)
}
