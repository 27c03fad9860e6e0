//! `POST /register` (RFC 7591 §3.1), `GET|PUT|DELETE /register/{client_id}` (RFC 7592 §2).

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;

use crate::app::App;
use crate::http::extract::registration::{Presented, Registration};
use crate::http::{paths, respond};
use crate::registration::answer::Registered;
use crate::registration::{RegistrationCx, RegistrationError, manage, register};

/// Registers a client.
pub async fn post(State(app): State<App>, request: Registration) -> Result<Response, RegistrationError> {
    let token = request.presented.token.as_deref();
    let registered = register::register(&cx(&app, &request.presented), token, &request.document).await?;
    Ok(answer(&app, StatusCode::CREATED, &registered))
}

/// Tells a client what is registered about it.
pub async fn get(
    State(app): State<App>,
    Path(id): Path<String>,
    presented: Presented,
) -> Result<Response, RegistrationError> {
    let owner = manage::owner(&cx(&app, &presented), &id, presented.token.as_deref()).await?;
    Ok(answer(&app, StatusCode::OK, &manage::read(owner)))
}

/// Registers something else about a client.
pub async fn put(
    State(app): State<App>,
    Path(id): Path<String>,
    request: Registration,
) -> Result<Response, RegistrationError> {
    let cx = cx(&app, &request.presented);
    let owner = manage::owner(&cx, &id, request.presented.token.as_deref()).await?;
    let registered = manage::replace(&cx, owner, &request.document).await?;
    Ok(answer(&app, StatusCode::OK, &registered))
}

/// Deletes a client.
pub async fn delete(
    State(app): State<App>,
    Path(id): Path<String>,
    presented: Presented,
) -> Result<Response, RegistrationError> {
    let cx = cx(&app, &presented);
    let owner = manage::owner(&cx, &id, presented.token.as_deref()).await?;
    manage::delete(&cx, &owner).await?;
    let mut response = respond::plain(StatusCode::NO_CONTENT, "");
    respond::note_client(&mut response, &owner.client.client_id);
    Ok(response)
}

fn cx<'a>(app: &'a App, presented: &'a Presented) -> RegistrationCx<'a> {
    RegistrationCx {
        app,
        caller: &presented.caller,
        now: app.clock().now(),
    }
}

fn answer(app: &App, status: StatusCode, registered: &Registered) -> Response {
    let id = &registered.client.client_id;
    let uri = app.config().issuer.url(&paths::fill(paths::REGISTRATION, id.as_str()));
    let mut response = respond::json(status, &registered.document(&uri));
    respond::note_client(&mut response, id);
    response
}
