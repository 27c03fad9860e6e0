//! `GET|POST /userinfo` (OpenID Connect Core §5.3).

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use crate::app::App;
use crate::http::error::BearerError;
use crate::http::extract::bearer::Bearer;
use crate::http::respond;
use crate::tokens::userinfo::{Answer, userinfo};

/// Answers with the claims that the access token opens.
pub async fn answer(State(app): State<App>, Bearer(token): Bearer) -> Result<Response, BearerError> {
    let now = app.clock().now();
    let catalog = app.store().catalog().await?;
    let info = userinfo(&app, &catalog, &token, now).await?;
    let mut response = match info.answer {
        Answer::Plain(claims) => respond::json(StatusCode::OK, &claims),
        Answer::Jwt(jwt) => respond::jwt(jwt),
    };
    respond::note_client(&mut response, &info.client_id);
    Ok(response)
}
