//! What every page is given: the server, the browser, the moment, and how to answer.

use askama::Template;
use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tower_sessions::Session;

use super::error::{self, PageError};
use super::view::Frame;
use crate::accounts::sessions;
use crate::app::App;
use crate::http::client_address;
use crate::http::extract::form;
use crate::http::session::Browser;
use crate::http::{assets, csp, paths, respond};
use crate::logos;
use crate::model::caller::Caller;
use crate::model::client::Client;
use crate::protocol::error::{OAuthError, Reason};
use crate::protocol::params::Params;
use crate::store::SignedIn;
use crate::time::Timestamp;

/// The context of one page request.
#[derive(Clone)]
pub struct PageCx {
    /// The server.
    pub app: App,
    /// Who is asking, as far as a cookie tells.
    pub browser: Browser,
    /// The moment of the request.
    pub now: Timestamp,
    /// Who is asking, as far as the network tells. Its request id is the reference that error pages show.
    pub caller: Caller,
}

impl FromRequestParts<App> for PageCx {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        let caller = client_address::caller(&parts.extensions, &parts.headers);
        let now = app.clock().now();
        let failed = |error: OAuthError| error::render(app, &caller.request_id, PageError::from(error));
        let Ok(session) = Session::from_request_parts(parts, app).await else {
            return Err(failed(Reason::Internal.into()));
        };
        match Browser::load(app, session, &parts.headers).await {
            Ok(browser) => Ok(Self {
                app: app.clone(),
                browser,
                now,
                caller: caller.clone(),
            }),
            Err(error) => Err(failed(error)),
        }
    }
}

impl PageCx {
    /// A path of ours as a link.
    pub fn href(&self, path: &str) -> String {
        href(&self.app, path)
    }

    /// Where a client's picture is. If it was not fetched yet, a later page will have it.
    pub fn logo_href(&self, client: &Client) -> Option<String> {
        logos::wanted(&self.app, client, self.now);
        let path = || paths::fill(paths::CLIENT_LOGO, client.client_id.as_str());
        client.has_logo.then(|| self.href(&path()))
    }

    /// What all pages share.
    pub fn frame(&self) -> Frame {
        frame(&self.app)
    }

    /// A page whose forms come back here.
    pub fn page(&self, status: StatusCode, page: &impl Template) -> Response {
        html(status, page, &csp::page())
    }

    /// Reads a form that was sent to this page; `Err` is the page to show instead.
    pub async fn read_form(&self, headers: &HeaderMap, body: Body) -> Result<Params, Response> {
        let limit = self.app.config().server.max_body;
        form::read(headers, body, limit)
            .await
            .map_err(|reason| self.error(reason))
    }

    /// Who is signed in, if that counts.
    pub async fn signed_in(&self) -> Result<Option<SignedIn>, Response> {
        let current = sessions::current(&self.app, self.browser.signed_in(), None, &self.caller, self.now).await;
        current.map_err(|error| self.error(error))
    }

    /// The page for an error.
    pub fn error(&self, error: impl Into<PageError>) -> Response {
        error::render(&self.app, &self.caller.request_id, error.into())
    }

    /// On to another page of ours.
    pub fn see_other(&self, path: &str) -> Response {
        respond::see_other(&self.href(path))
    }
}

/// A path of ours as a link: the issuer may have a path of its own before it.
pub fn href(app: &App, path: &str) -> String {
    let prefix = app.config().issuer.path().trim_end_matches('/');
    format!("{prefix}{path}")
}

/// What all pages share.
pub fn frame(app: &App) -> Frame {
    Frame {
        lang: "en".to_owned(),
        stylesheet_href: href(app, &assets::stylesheet()),
        icon_href: href(app, &assets::icon()),
        product: app.config().server.display_name.clone(),
    }
}

/// A rendered page under a content security policy.
pub fn html(status: StatusCode, page: &impl Template, policy: &str) -> Response {
    let Ok(text) = page.render() else {
        return respond::plain(StatusCode::INTERNAL_SERVER_ERROR, "the page could not be written").into_response();
    };
    let mut response = respond::with_type(status, "text/html; charset=utf-8", text.into_bytes());
    if let Ok(policy) = HeaderValue::from_str(policy) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// The path of a page of a waiting request.
pub fn interaction_path(path: &str, id: crate::model::interaction::InteractionId) -> String {
    paths::fill(path, &id.to_string())
}
