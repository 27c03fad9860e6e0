//! The error page: what happened, what to do, a reference that the log carries, and a hint for the app's developer that
//! gives nothing away.

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use super::cx;
use super::view::ErrorPage;
use crate::app::App;
use crate::http::error::retry_later;
use crate::http::layers::RequestId;
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

/// What the page says.
struct Words {
    status: u16,
    heading: &'static str,
    message: &'static str,
    hint: Option<&'static str>,
}

/// Renders the page and notes the reason for the log.
pub fn render(app: &App, reference: &str, error: PageError) -> Response {
    let words = words(error);
    let page = ErrorPage {
        frame: cx::frame(app),
        heading: words.heading.to_owned(),
        message: words.message.to_owned(),
        developer_hint: words.hint.map(str::to_owned),
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

/// The layer of cookie sessions answers by itself, 500 and nothing else, when a session cannot be stored. Here that becomes
/// the page that says to try again.
pub async fn for_unsaved_session(State(app): State<App>, request: Request, next: Next) -> Response {
    let reference = request.extensions().get::<RequestId>().cloned();
    let response = next.run(request).await;
    let unsaved = response.status() == StatusCode::INTERNAL_SERVER_ERROR
        && !response.headers().contains_key(header::CONTENT_TYPE);
    if unsaved {
        let reference = reference.map(|id| id.0).unwrap_or_default();
        return render(&app, &reference, Reason::StoreUnavailable.into());
    }
    response
}

fn words(error: PageError) -> Words {
    match error {
        PageError::Protocol(error) => protocol_words(error),
        PageError::FormStale => Words {
            status: 403,
            heading: "This form is out of date",
            message: "Nothing was changed. Go back, load the page again, and try once more.",
            hint: None,
        },
        PageError::NoInteraction => Words {
            status: 400,
            heading: "This sign-in has expired",
            message: "It was started too long ago, or in another browser. Go back to the app and start again.",
            hint: None,
        },
        PageError::NoDevice => Words {
            status: 400,
            heading: "This device is not waiting any more",
            message: "It asked too long ago, or its code was entered in another browser. Start again on the device.",
            hint: None,
        },
        PageError::NotFound => Words {
            status: 404,
            heading: "There is nothing here",
            message: "The address may be mistyped, or the page has moved.",
            hint: None,
        },
    }
}

fn protocol_words(error: OAuthError) -> Words {
    if error.reason == Reason::PostLogoutRedirectUriUnregistered {
        return Words {
            status: error.status(),
            heading: "The app sent a request that we cannot accept",
            message: "It asked to sign you out and to lead you to an address that it has not registered, so nothing was \
                      done. You can still sign out on this server's own page.",
            hint: Some(developer_hint(error.reason)),
        };
    }
    match error.code {
        ErrorCode::TemporarilyUnavailable => Words {
            status: error.status(),
            heading: "We cannot answer right now",
            message: "Please try again in a moment.",
            hint: None,
        },
        ErrorCode::TooManyRequests => Words {
            status: error.status(),
            heading: "Too many attempts",
            message: "Please wait a little, then try again.",
            hint: None,
        },
        ErrorCode::ServerError => Words {
            status: error.status(),
            heading: "Something went wrong here",
            message: "It is not your doing. If it happens again, tell the operator the reference below.",
            hint: None,
        },
        _ => Words {
            status: error.status(),
            heading: "The app sent a request that we cannot accept",
            message: "You were not signed in, and nothing was shared. Go back to the app; if this happens again, tell \
                      the people who run it.",
            hint: Some(developer_hint(error.reason)),
        },
    }
}

/// What to mend. An unknown and a disabled client read the same.
fn developer_hint(reason: Reason) -> &'static str {
    match reason {
        Reason::AuthorizeClientIdMissing => "Send client_id with the authorization request.",
        Reason::AuthorizeClientUnknown => {
            "No client that may be used has this client_id. Compare it with the one that was registered."
        }
        Reason::RedirectUriMissing => "Send redirect_uri: one of those that are registered for the client.",
        Reason::RedirectUriUnregistered => {
            "redirect_uri must equal a registered one, character by character. Only the port of a loopback address \
             (http://127.0.0.1, http://[::1], http://localhost) may differ."
        }
        Reason::PostLogoutRedirectUriUnregistered => {
            "post_logout_redirect_uri must equal a registered one, character by character. Only the port of a loopback \
             address may differ."
        }
        Reason::ParameterRepeated => "Send each parameter once.",
        Reason::ParameterMalformed => "Send parameters as percent-encoded UTF-8 without NUL.",
        _ => "Compare the request with RFC 6749 section 4.1.1.",
    }
}
