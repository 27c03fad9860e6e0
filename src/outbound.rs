//! The only HTTP client, in two forms.
//!
//! [`Outbound`] goes where the operator's own configuration says, or the metadata of an issuer that it names: nothing that
//! a stranger chose may be passed to it, because there is no guard against addresses inside the network. What clients name
//! is fetched by [`GuardedFetch`] alone, and what is kept of it is in a [`CachedFetch`].

mod addresses;
mod attempts;
mod authorities;
mod cached;
mod guarded;
mod leave;
mod purpose;
mod resolver;

use std::error::Error;
use std::fmt;
use std::time::Duration;

use reqwest::{Client, RequestBuilder, Response, header, redirect};
use url::form_urlencoded;

pub use self::attempts::{Attempt, Attempts};
pub use self::authorities::{BadAuthorities, count_authorities};
pub use self::cached::{CacheTimes, CachedFetch, CachedKind, NoDocument, Wanted};
pub use self::guarded::{Document, GuardedFetch, MAX_LOGO_BYTES};
pub use self::purpose::Purpose;
pub use self::resolver::{LookingUp, Lookup};
use crate::time::Timestamp;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const TOTAL_TIMEOUT: Duration = Duration::from_secs(5);
const MAX_BODY_BYTES: usize = 256 * 1024;
const USER_AGENT: &str = concat!("portcullis/", env!("CARGO_PKG_VERSION"));

/// A client that gives up early, follows no redirect, uses no proxy and reads no more than 256 KiB.
#[derive(Clone, Debug)]
pub struct Outbound {
    /// `None` when this machine offers no certificates to trust: each call then fails, the start does not.
    client: Option<Client>,
}

/// What came back. `Debug` leaves the body out, because bodies hold tokens.
pub struct Fetched {
    /// The HTTP status.
    pub status: u16,
    /// `WWW-Authenticate`: where a resource says why it refused a token (RFC 6750 §3).
    pub challenge: Option<String>,
    /// `Date`: the other side's clock (RFC 9110 §6.6.1).
    pub date: Option<Timestamp>,
    /// The whole body.
    pub body: String,
}

impl fmt::Debug for Fetched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetched")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// Why nothing came back. Holds no address, because addresses may hold secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutboundError {
    /// The machine has no trusted certificates, or its TLS library did not start.
    #[error("the HTTP client could not be set up")]
    Unavailable,
    /// No connection.
    #[error("the server cannot be reached")]
    Unreachable,
    /// Later than the timeout.
    #[error("the server did not answer in time")]
    TimedOut,
    /// The address is none that strangers may send us to.
    #[error("the address may not be fetched")]
    Refused,
    /// More than is read.
    #[error("the answer is too long")]
    TooLarge,
    /// The body is compressed, and nobody asked for that.
    #[error("the answer is compressed")]
    Encoded,
    /// The body is not UTF-8.
    #[error("the answer is not text")]
    NotText,
    /// Anything else that breaks an exchange off.
    #[error("the exchange broke off")]
    Broken,
}

impl Outbound {
    /// Sets the client up. Costs a moment (certificates are read), so keep it and clone it.
    #[must_use]
    pub fn new() -> Self {
        let client = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TOTAL_TIMEOUT)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .user_agent(USER_AGENT)
            .build()
            .inspect_err(|error| tracing::warn!(%error, "no outbound HTTP client"))
            .ok();
        Self { client }
    }

    /// `GET`, asking for JSON.
    pub async fn get_json(&self, url: &str) -> Result<Fetched, OutboundError> {
        fetch(self.client()?.get(url)).await
    }

    /// `GET` with a bearer token (RFC 6750 §2.1), asking for JSON.
    pub async fn get_bearer(&self, url: &str, token: &str) -> Result<Fetched, OutboundError> {
        fetch(self.client()?.get(url).bearer_auth(token)).await
    }

    /// `POST` of a form. `basic` is a client's identifier and secret, encoded as RFC 6749 §2.3.1 asks: each is
    /// form-encoded before the two are joined, unlike plain HTTP Basic.
    pub async fn post_form(
        &self,
        url: &str,
        form: &[(&str, &str)],
        basic: Option<(&str, &str)>,
    ) -> Result<Fetched, OutboundError> {
        let request = self.client()?.post(url).form(form);
        fetch(match basic {
            Some((id, secret)) => request.basic_auth(form_encode(id), Some(form_encode(secret))),
            None => request,
        })
        .await
    }

    fn client(&self) -> Result<&Client, OutboundError> {
        self.client.as_ref().ok_or(OutboundError::Unavailable)
    }
}

impl Default for Outbound {
    fn default() -> Self {
        Self::new()
    }
}

fn form_encode(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

async fn fetch(request: RequestBuilder) -> Result<Fetched, OutboundError> {
    let response = request.header(header::ACCEPT, "application/json").send().await?;
    let challenge = response.headers().get(header::WWW_AUTHENTICATE);
    let date = response.headers().get(header::DATE);
    Ok(Fetched {
        status: response.status().as_u16(),
        date: date.and_then(|value| value.to_str().ok()).and_then(http_date),
        challenge: challenge.and_then(|value| value.to_str().ok()).map(str::to_owned),
        body: read(response).await?,
    })
}

/// The one form of a date that HTTP still writes, such as `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7).
fn http_date(text: &str) -> Option<Timestamp> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let (_, rest) = text.strip_suffix(" GMT")?.split_once(", ")?;
    let mut words = rest.split(' ');
    let day = words.next()?.parse().ok()?;
    let name = words.next()?;
    let month = 1 + MONTHS.iter().position(|month| *month == name)?;
    let year = words.next()?.parse().ok()?;
    let mut time = words.next()?.split(':').map(|part| part.parse().ok());
    let time = (time.next()??, time.next()??, time.next()??);
    Timestamp::from_utc((year, u8::try_from(month).ok()?, day), time)
}

/// Reads piece by piece and stops at the cap: `Content-Length` is only what the sender claims.
async fn read(mut response: Response) -> Result<String, OutboundError> {
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await? {
        if body.len() + piece.len() > MAX_BODY_BYTES {
            return Err(OutboundError::TooLarge);
        }
        body.extend_from_slice(&piece);
    }
    String::from_utf8(body).map_err(|_| OutboundError::NotText)
}

impl OutboundError {
    /// Its name in metrics and traces.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed_out",
            Self::Refused => "refused",
            Self::TooLarge => "too_large",
            Self::Encoded => "encoded",
            Self::NotText => "not_text",
            Self::Broken => "broken",
        }
    }
}

/// Ours, if the cause of it all is one: what a resolver of ours refused comes back wrapped several times.
fn own_cause(error: &reqwest::Error) -> Option<OutboundError> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(own) = error.downcast_ref() {
            return Some(*own);
        }
        cause = error.source();
    }
    None
}

impl From<reqwest::Error> for OutboundError {
    fn from(error: reqwest::Error) -> Self {
        if let Some(cause) = own_cause(&error) {
            cause
        } else if error.is_timeout() {
            Self::TimedOut
        } else if error.is_connect() {
            Self::Unreachable
        } else {
            Self::Broken
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_credentials_are_form_encoded_first() {
        assert_eq!(form_encode("a b:c/é"), "a+b%3Ac%2F%C3%A9");
    }

    #[test]
    fn dates_are_read_as_http_writes_them() {
        let date = |text| http_date(text).map(Timestamp::as_i64);
        assert_eq!(date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(date("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        for other in [
            "",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Abc 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49 GMT",
            "Sun, 32 Nov 1994 08:49:37 GMT",
        ] {
            assert_eq!(date(other), None, "{other}");
        }
    }

    #[test]
    fn debug_shows_no_body() {
        let fetched = Fetched {
            status: 200,
            challenge: None,
            date: None,
            body: "secret".to_owned(),
        };
        assert!(!format!("{fetched:?}").contains("secret"));
    }
}
