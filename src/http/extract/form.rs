//! Bodies: bounded in size and time. Most are forms.

use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, header};

use crate::protocol::error::Reason;
use crate::protocol::params::Params;

/// How long a body may take. Forms are small; whoever sends one byte now and then only wants to hold the connection.
const DEADLINE: Duration = Duration::from_secs(10);

/// Reads a body of `application/x-www-form-urlencoded`, of at most `limit` bytes.
pub async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Result<Params, Reason> {
    if !is_form(headers) {
        return Err(Reason::BodyNotForm);
    }
    Params::parse(&bytes(headers, body, limit).await?)
}

/// Reads a body of at most `limit` bytes, whatever it holds.
pub async fn bytes(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, Reason> {
    in_time(DEADLINE, read_patiently(headers, body, limit)).await
}

async fn in_time<T>(deadline: Duration, reading: impl Future<Output = Result<T, Reason>>) -> Result<T, Reason> {
    tokio::time::timeout(deadline, reading)
        .await
        .unwrap_or(Err(Reason::BodyTooSlow))
}

async fn read_patiently(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, Reason> {
    let declared = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > limit as u64) {
        return Err(Reason::BodyTooLarge);
    }
    to_bytes(body, limit).await.map_err(|_| Reason::BodyTooLarge)
}

/// Whether the body is a form.
pub fn is_form(headers: &HeaderMap) -> bool {
    is_type(headers, "application/x-www-form-urlencoded")
}

/// The media type, once, with no charset but UTF-8 and no content coding.
pub fn is_type(headers: &HeaderMap, expected: &str) -> bool {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(only), None) = (types.next(), types.next()) else {
        return false;
    };
    let Ok(text) = only.to_str() else { return false };
    let mut parts = text.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default();
    let parameters_fit = parts.all(|part| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        !name.eq_ignore_ascii_case("charset") || value.trim_matches('"').eq_ignore_ascii_case("utf-8")
    });
    media_type.eq_ignore_ascii_case(expected) && parameters_fit && !headers.contains_key(header::CONTENT_ENCODING)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_that_does_not_end_is_given_up() {
        let never = std::future::pending::<Result<Params, Reason>>();
        assert_eq!(in_time(Duration::from_millis(1), never).await, Err(Reason::BodyTooSlow));
        let status = crate::protocol::error::OAuthError::from(Reason::BodyTooSlow).status();
        assert_eq!(status, 408);
    }
}
