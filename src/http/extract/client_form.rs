//! A request of a client: its parameters, and what it presents to prove itself.

use axum::extract::{FromRequest, Request};
use axum::http::header;

use super::form;
use crate::app::App;
use crate::client_auth::Presented;
use crate::http::error::ApiError;
use crate::http::{client_address, paths};
use crate::model::caller::Caller;
use crate::protocol::error::Reason;
use crate::protocol::params::Params;

/// The body, read once.
#[derive(Debug)]
pub struct ClientForm {
    /// The parameters.
    pub params: Params,
    /// The client and its proof.
    pub presented: Presented,
    /// Who sent it.
    pub caller: Caller,
}

impl FromRequest<App> for ClientForm {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        // Secrets and tokens in a URL end up in logs (RFC 6749 §2.3.1).
        if parts.uri.query().is_some_and(|query| !query.is_empty()) {
            return Err(Reason::ParameterInQuery.into());
        }
        let params = form::read(&parts.headers, body, app.config().server.max_body).await?;
        params.refuse_repeated()?;
        let authorization: Vec<&[u8]> = parts
            .headers
            .get_all(header::AUTHORIZATION)
            .iter()
            .map(|value| value.as_bytes())
            .collect();
        let endpoints = || Vec::from([paths::TOKEN, parts.uri.path()].map(|path| app.config().issuer.url(path)));
        let presented = Presented::from_request(&authorization, &params, endpoints)?;
        let caller = client_address::caller(&parts.extensions, &parts.headers);
        Ok(Self {
            params,
            presented,
            caller,
        })
    }
}
