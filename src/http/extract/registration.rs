//! A request about a registration: a bearer token in the header alone (RFC 7591 §3, RFC 7592 §2), and a JSON object.

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;

use super::{bearer, form};
use crate::app::App;
use crate::crypto::jwt::{JsonObject, strict_object};
use crate::http::client_address;
use crate::model::caller::Caller;
use crate::protocol::error::Reason;
use crate::registration::RegistrationError;

/// Who asks.
pub struct Presented {
    /// The token, if there is one.
    pub token: Option<String>,
    /// Who sent it.
    pub caller: Caller,
}

/// Who asks, and what is to be registered.
pub struct Registration {
    /// Who asks.
    pub presented: Presented,
    /// The metadata, read strictly: one object, no member twice at any depth.
    pub document: JsonObject,
}

impl FromRequestParts<App> for Presented {
    type Rejection = RegistrationError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, RegistrationError> {
        Ok(Self {
            token: bearer::from_header(&parts.headers)?,
            caller: client_address::caller(&parts.extensions, &parts.headers),
        })
    }
}

impl FromRequest<App> for Registration {
    type Rejection = RegistrationError;

    async fn from_request(request: Request, app: &App) -> Result<Self, RegistrationError> {
        let (mut parts, body) = request.into_parts();
        let presented = Presented::from_request_parts(&mut parts, app).await?;
        if !form::is_type(&parts.headers, "application/json") {
            return Err(Reason::BodyNotJson.into());
        }
        let bytes = form::bytes(&parts.headers, body, app.config().server.max_body).await?;
        let document = strict_object(&bytes).ok_or(Reason::RegistrationDocument)?;
        Ok(Self { presented, document })
    }
}
