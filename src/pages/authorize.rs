//! `GET|POST /authorize` (RFC 6749 §3.1): assemble, establish the callback, validate, load, go on.

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::cx::PageCx;
use super::flow::{self, Journey};
use crate::app::App;
use crate::authorize::callback::Callback;
use crate::authorize::request::{self, Refused};
use crate::authorize::validate::{ValidateCx, validate};
use crate::http::extract::form;
use crate::http::{paths, respond};
use crate::limits::requests::permit_address;
use crate::model::client::Client;
use crate::protocol::error::{OAuthError, Reason};
use crate::protocol::params::Params;
use crate::store::ClientLookup;

/// The request in the query.
pub async fn get(cx: PageCx, RawQuery(query): RawQuery) -> Response {
    match Params::parse(query.unwrap_or_default().as_bytes()) {
        Ok(params) => answer(cx, params, None).await,
        Err(reason) => cx.error(reason),
    }
}

/// The request in a form. A parameter that is in the query as well counts as sent twice.
///
/// A form that another site posts comes without our cookie (`SameSite=Lax`), whoever is signed in. Such a request, once found
/// good, is asked again as a GET, which comes with it. To answer it here would be to mistake it for that of a new browser, and
/// to give the browser a new cookie in place of the one it has.
pub async fn post(
    State(app): State<App>,
    cx: PageCx,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let read = form::read(&headers, body, app.config().server.max_body).await;
    let params = match (Params::parse(query.unwrap_or_default().as_bytes()), read) {
        (Ok(in_query), Ok(in_body)) => in_query.join(in_body),
        (Err(reason), _) | (_, Err(reason)) => return cx.error(reason),
    };
    let as_get = (!cx.browser.sent_cookie).then(|| format!("{}?{}", cx.href(paths::AUTHORIZE), params.to_query()));
    answer(cx, params, as_get).await
}

/// `elsewhere`: where a good request is asked again, if this is not the place to answer it.
async fn answer(mut cx: PageCx, params: Params, elsewhere: Option<String>) -> Response {
    let app = cx.app.clone();
    cx.wishes.add_parameters(&params, cx.now);
    if let Err(error) = permit_address(&app, &cx.caller, cx.now) {
        return cx.error(error);
    }
    let assembled = match Box::pin(request::assemble(&app, params, cx.now)).await {
        Ok(assembled) => assembled,
        Err(Refused { error, to: None }) => return cx.error(error),
        Err(Refused {
            error,
            to: Some((callback, client_id)),
        }) => return tell(&cx, &callback, &client_id, error),
    };
    let callback = assembled.callback;
    let checked = app.key_ring(&assembled.catalog).and_then(|ring| {
        let (client, catalog) = (assembled.client.as_ref(), assembled.catalog.as_ref());
        let check = ValidateCx {
            client,
            catalog,
            ring: &ring,
            issuer: app.issuer(),
            now: cx.now,
        };
        Ok(validate(&check, &callback, &assembled.params)?)
    });
    let request = match checked {
        Ok(request) => request,
        Err(error) => return refuse(&cx, &callback, &assembled.client, error).await,
    };
    if let Some(location) = elsewhere {
        return respond::see_other(&location);
    }
    let signed_in = match cx.current(Some(&request.client_id)).await {
        Ok(signed_in) => signed_in,
        Err(error) => return tell(&cx, &callback, &request.client_id, error),
    };
    let found = ClientLookup {
        client: Some(assembled.client),
        catalog: assembled.catalog,
    };
    let journey = Journey {
        request: &request,
        found: &found,
        waiting: None,
    };
    flow::go_on(&mut cx, &journey, signed_in.as_ref()).await
}

/// A client that nobody here has looked at sends nobody anywhere who has not signed in: it may have registered for no more than a
/// link that begins with our name (RFC 9700 §4.11.2). Its own developers read the page.
async fn refuse(cx: &PageCx, callback: &Callback, client: &Client, error: OAuthError) -> Response {
    if client.metadata.about.self_registered {
        let signed_in = cx.current(Some(&client.client_id)).await;
        if !matches!(signed_in, Ok(Some(_))) {
            return cx.error(error);
        }
    }
    tell(cx, callback, &client.client_id, error)
}

fn tell(cx: &PageCx, callback: &Callback, client_id: &crate::protocol::ids::ClientId, error: OAuthError) -> Response {
    if error.reason == Reason::Internal {
        return cx.error(error);
    }
    let mut response = flow::deliver(cx, callback.error(error.code));
    respond::note_client(&mut response, client_id);
    respond::note_reason(&mut response, error);
    response
}
