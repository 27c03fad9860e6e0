//! The error page: what happened, what to do, a reference that the log carries, and a hint for the app's developer that
//! gives nothing away.

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use super::cx;
use super::text::{Language, Message};
use super::view::ErrorPage;
use super::wishes::Wishes;
use crate::app::App;
use crate::http::client_address::Sender;
use crate::http::error::retry_later;
use crate::http::{csp, respond};
use crate::protocol::error::{ErrorCode, OAuthError, Reason};

/// What went wrong with a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageError {
    /// In the protocol's terms.
    Protocol(OAuthError),
    /// A form came without the token of its page.
    FormStale,
    /// A waiting request that is not this browser's, or has been given up.
    NoInteraction,
    /// A device that this browser did not enter the code of, or that has given up.
    NoDevice,
    /// There is no such page.
    NotFound,
}

impl From<OAuthError> for PageError {
    fn from(error: OAuthError) -> Self {
        Self::Protocol(error)
    }
}

impl From<Reason> for PageError {
    fn from(reason: Reason) -> Self {
        Self::Protocol(reason.into())
    }
}

/// What the page says, by the keys of its texts.
struct Words {
    status: u16,
    heading: &'static str,
    message: &'static str,
    hint: Option<&'static str>,
}

/// Renders the page and notes the reason for the log.
pub fn render(app: &App, language: Language, reference: &str, error: PageError) -> Response {
    let words = words(error);
    let page = ErrorPage {
        frame: cx::frame(app, language),
        heading: Message::new(words.heading),
        message: Message::new(words.message),
        developer_hint: words.hint.map(Message::new),
        reference: reference.to_owned(),
    };
    let status = StatusCode::from_u16(words.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = cx::html(status, &page, &csp::page());
    if let PageError::Protocol(error) = error {
        retry_later(&mut response, error);
        respond::note_reason(&mut response, error);
    }
    response
}

/// Two layers answer by themselves, with a status and nothing else: that of cookie sessions when a session cannot be stored, and
/// that which refuses the forms of other sites. Here that becomes a page.
pub async fn for_bare_answers(State(app): State<App>, request: Request, next: Next) -> Response {
    let reference = request.extensions().get::<Sender>().cloned();
    let language = Wishes::of_browser(&app, request.headers()).language();
    let response = next.run(request).await;
    let error = match response.status() {
        StatusCode::INTERNAL_SERVER_ERROR => Reason::StoreUnavailable.into(),
        StatusCode::FORBIDDEN => PageError::FormStale,
        _ => return response,
    };
    if response.headers().contains_key(header::CONTENT_TYPE) {
        return response;
    }
    let reference = reference.map(|sender| sender.request_id).unwrap_or_default();
    render(&app, language, &reference, error)
}

fn words(error: PageError) -> Words {
    match error {
        PageError::Protocol(error) => protocol_words(error),
        PageError::FormStale => Words {
            status: 403,
            heading: "error-form-stale",
            message: "error-form-stale-advice",
            hint: None,
        },
        PageError::NoInteraction => Words {
            status: 400,
            heading: "error-no-interaction",
            message: "error-no-interaction-advice",
            hint: None,
        },
        PageError::NoDevice => Words {
            status: 400,
            heading: "error-no-device",
            message: "error-no-device-advice",
            hint: None,
        },
        PageError::NotFound => Words {
            status: 404,
            heading: "error-not-found",
            message: "error-not-found-advice",
            hint: None,
        },
    }
}

fn protocol_words(error: OAuthError) -> Words {
    if error.reason == Reason::PostLogoutRedirectUriUnregistered {
        return Words {
            status: error.status(),
            heading: "error-request",
            message: "error-logout-advice",
            hint: Some(developer_hint(error.reason)),
        };
    }
    match error.code {
        ErrorCode::TemporarilyUnavailable => Words {
            status: error.status(),
            heading: "error-unavailable",
            message: "error-unavailable-advice",
            hint: None,
        },
        ErrorCode::TooManyRequests => Words {
            status: error.status(),
            heading: "error-too-many",
            message: "error-too-many-advice",
            hint: None,
        },
        ErrorCode::ServerError => Words {
            status: error.status(),
            heading: "error-internal",
            message: "error-internal-advice",
            hint: None,
        },
        _ => Words {
            status: error.status(),
            heading: "error-request",
            message: "error-request-advice",
            hint: Some(developer_hint(error.reason)),
        },
    }
}

/// What to mend, by the key of its text. An unknown and a disabled client read the same.
fn developer_hint(reason: Reason) -> &'static str {
    match reason {
        Reason::AuthorizeClientIdMissing => "hint-client-id-missing",
        Reason::AuthorizeClientUnknown => "hint-client-unknown",
        Reason::RedirectUriMissing => "hint-redirect-uri-missing",
        Reason::RedirectUriUnregistered => "hint-redirect-uri-unregistered",
        Reason::PostLogoutRedirectUriUnregistered => "hint-post-logout-redirect-uri-unregistered",
        Reason::ParameterRepeated => "hint-parameter-repeated",
        Reason::ParameterMalformed => "hint-parameter-malformed",
        _ => "hint-request",
    }
}
