//! Errors as machines get them (RFC 6749 §5.2, RFC 6750 §3).

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::respond;
use crate::protocol::error::{ErrorCode, OAuthError};
use crate::registration::RegistrationError;

/// After how many seconds a caller may try again when the server could not answer.
pub const RETRY_AFTER: HeaderValue = HeaderValue::from_static("2");

/// An error of an endpoint that clients authenticate at.
#[derive(Clone, Copy, Debug)]
pub struct ApiError(pub OAuthError);

/// An error of an endpoint that takes bearer tokens. `None`: no token was presented, and none is named wrong
/// (RFC 6750 §3.1).
#[derive(Clone, Copy, Debug)]
pub struct BearerError(pub Option<OAuthError>);

#[derive(Serialize)]
struct Body<'a> {
    error: ErrorCode,
    error_description: &'a str,
}

impl<E: Into<OAuthError>> From<E> for ApiError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl<E: Into<OAuthError>> From<E> for BearerError {
    fn from(error: E) -> Self {
        Self(Some(error.into()))
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = body(self.0);
        if self.0.code == ErrorCode::InvalidClient {
            let challenge = HeaderValue::from_static(r#"Basic realm="portcullis", charset="UTF-8""#);
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

impl IntoResponse for BearerError {
    fn into_response(self) -> Response {
        let Some(error) = self.0 else {
            let mut response = respond::plain(StatusCode::UNAUTHORIZED, "present an access token\n");
            response.headers_mut().insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static(r#"Bearer realm="portcullis""#),
            );
            return response;
        };
        let mut response = body(error);
        if error.status() >= 500 || error.code == ErrorCode::TooManyRequests {
            return response;
        }
        let challenge = format!(
            r#"Bearer realm="portcullis", error="{}", error_description="{}""#,
            error.code,
            error.code.description()
        );
        if let Ok(challenge) = HeaderValue::from_str(&challenge) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

impl IntoResponse for RegistrationError {
    /// RFC 7591 §3.2.2: the description tells a developer which member to mend.
    fn into_response(self) -> Response {
        match self {
            Self::TokenMissing => BearerError(None).into_response(),
            Self::Refused(refusal) => described(refusal.reason.into(), &refusal.to_string()),
            Self::Failed(error) if error.code == ErrorCode::InvalidToken => BearerError(Some(error)).into_response(),
            Self::Failed(error) => body(error),
        }
    }
}

fn body(error: OAuthError) -> Response {
    described(error, error.code.description())
}

fn described(error: OAuthError, description: &str) -> Response {
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = Body {
        error: error.code,
        error_description: description,
    };
    let mut response = respond::json(status, &body);
    retry_later(&mut response, error);
    // The rest of the body may still be on its way.
    if matches!(status, StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_TIMEOUT) {
        response
            .headers_mut()
            .insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    respond::note_reason(&mut response, error);
    response
}

/// Says when to try again, if that would help.
pub fn retry_later(response: &mut Response, error: OAuthError) {
    let retry_after = match error.retry_after {
        Some(seconds) => HeaderValue::from(seconds),
        None if error.status() == 503 => RETRY_AFTER,
        None => return,
    };
    response.headers_mut().insert(header::RETRY_AFTER, retry_after);
}

/// An error of an endpoint without a client: documents, readiness.
#[derive(Clone, Copy, Debug)]
pub struct DocumentError(pub OAuthError);

impl<E: Into<OAuthError>> From<E> for DocumentError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for DocumentError {
    fn into_response(self) -> Response {
        body(self.0)
    }
}
