//! A presented access token (RFC 6750 §2): in the header, or in the body of a form; never in the URL (OAuth 2.1 §5.1).

use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, Method, header};

use super::form;
use crate::app::App;
use crate::http::error::BearerError;
use crate::protocol::error::Reason;

/// The token.
pub struct Bearer(pub String);

impl std::fmt::Debug for Bearer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Bearer(…)")
    }
}

impl FromRequest<App> for Bearer {
    type Rejection = BearerError;

    async fn from_request(request: Request, app: &App) -> Result<Self, BearerError> {
        let (parts, body) = request.into_parts();
        let in_header = from_header(&parts.headers)?;
        // Only a form can present a token (RFC 6750 §2.2); any other body says nothing about it.
        let has_form = parts.method == Method::POST && form::is_form(&parts.headers);
        let in_body = if has_form {
            let params = form::read(&parts.headers, body, app.config().server.max_body).await?;
            params.get("access_token")?.map(str::to_owned)
        } else {
            None
        };
        match (in_header, in_body) {
            (Some(_), Some(_)) => Err(Reason::TokenPresentedTwice.into()),
            (Some(token), None) | (None, Some(token)) => Ok(Self(token)),
            (None, None) => Err(BearerError(None)),
        }
    }
}

/// A token in the header. The scheme is matched without case (RFC 9110 §11.1); another scheme presents no token.
pub fn from_header(headers: &HeaderMap) -> Result<Option<String>, Reason> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(first) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Reason::TokenPresentedTwice);
    }
    let text = first.to_str().map_err(|_| Reason::AccessTokenInvalid)?;
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(token.trim().to_owned())),
        _ => Ok(None),
    }
}
