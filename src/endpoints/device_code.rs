//! `POST /device/code` (RFC 8628 §3.1, §3.2).

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::app::App;
use crate::authorize::device::start::{StartCx, Started, start};
use crate::client_auth;
use crate::http::error::ApiError;
use crate::http::extract::client_form::ClientForm;
use crate::http::{paths, respond};
use crate::protocol::error::OAuthError;

/// RFC 8628 §3.2.
#[derive(Serialize)]
struct DeviceAuthorizationResponse<'a> {
    device_code: &'a str,
    user_code: String,
    verification_uri: String,
    verification_uri_complete: String,
    expires_in: i64,
    interval: i64,
}

/// Answers a device authorization request.
pub async fn post(State(app): State<App>, form: ClientForm) -> Response {
    let mut response = match begin(&app, &form).await {
        Ok(started) => respond::json(StatusCode::OK, &answer(&app, &started)),
        Err(error) => ApiError(error).into_response(),
    };
    respond::note_client(&mut response, form.presented.client_id());
    response
}

async fn begin(app: &App, form: &ClientForm) -> Result<Started, OAuthError> {
    let now = app.clock().now();
    let authenticated = client_auth::authenticate(app, &form.presented, &form.caller, now).await?;
    let cx = StartCx {
        app,
        client: &authenticated.client,
        catalog: &authenticated.catalog,
        caller: &form.caller,
        now,
    };
    start(&cx, &form.params).await
}

fn answer<'a>(app: &App, started: &'a Started) -> DeviceAuthorizationResponse<'a> {
    let user_code = started.user_code.hyphenated();
    let verification_uri = app.config().issuer.url(paths::DEVICE);
    DeviceAuthorizationResponse {
        device_code: started.device_code.expose(),
        verification_uri_complete: format!("{verification_uri}?user_code={user_code}"),
        verification_uri,
        user_code,
        expires_in: started.expires_in,
        interval: started.interval,
    }
}
