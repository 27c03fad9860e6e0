//! What every page is given: the server, the browser, the moment, and how to answer.

use axum::body::Body;
use axum::extract::{FromRequestParts, OriginalUri};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tower_sessions::Session;

use super::error::{self, PageError};
use super::text::{Language, Message};
use super::view::{Frame, LanguageLink, Page};
use super::wishes::{self, Choice, Wishes};
use crate::accounts::sessions;
use crate::app::App;
use crate::http::browser_state::Standing;
use crate::http::client_address;
use crate::http::extract::form;
use crate::http::session::Browser;
use crate::http::{assets, csp, paths, respond};
use crate::logos;
use crate::model::caller::Caller;
use crate::model::client::Client;
use crate::protocol::error::{OAuthError, Reason};
use crate::protocol::ids::ClientId;
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
    /// In which languages the page may be.
    pub wishes: Wishes,
    /// Where this page can be had again, in another language.
    here: Here,
}

impl FromRequestParts<App> for PageCx {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        let caller = client_address::caller(&parts.extensions, &parts.headers);
        let now = app.clock().now();
        let wishes = Wishes::of_browser(app, &parts.headers);
        let here = Here::of(parts);
        if let Some(choice) = here.chosen(now) {
            let mut response = respond::see_other(&here.link(None));
            choice.keep(app, &mut response);
            return Err(response);
        }
        let failed =
            |error: OAuthError| error::render(app, wishes.language(), &caller.request_id, PageError::from(error));
        let Ok(session) = Session::from_request_parts(parts, app).await else {
            return Err(failed(Reason::Internal.into()));
        };
        let standing = parts.extensions.get::<Standing>().cloned().unwrap_or_default();
        match Browser::load(app, session, &parts.headers, standing).await {
            Ok(browser) => Ok(Self {
                app: app.clone(),
                browser,
                now,
                caller: caller.clone(),
                wishes,
                here,
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
        let language = self.language();
        let link = |other: Language| LanguageLink {
            name: other.name(),
            tag: other.tag(),
            href: self.here.link(Some(other)),
            current: other == language,
        };
        Frame {
            languages: Language::all().filter(|_| self.here.whole).map(link).collect(),
            ..frame(&self.app, language)
        }
    }

    /// The language of the page.
    pub fn language(&self) -> Language {
        self.wishes.language()
    }

    /// A text in the language of the page.
    pub fn text(&self, message: impl Into<Message>) -> String {
        self.language().text(message)
    }

    /// A page whose forms come back here.
    pub fn page(&self, status: StatusCode, page: &impl Page) -> Response {
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
        self.current(None).await.map_err(|error| self.error(error))
    }

    /// Who is signed in, if that counts, with the consent for `client`, if one is asked about.
    pub async fn current(&self, client: Option<&ClientId>) -> Result<Option<SignedIn>, OAuthError> {
        let id = self.browser.signed_in();
        let found = sessions::current(&self.app, id, client, &self.caller, self.now).await?;
        let session = found.as_ref().map(|found| &found.session);
        self.browser.note_found(&self.app, session, self.now);
        Ok(found)
    }

    /// The page for an error.
    pub fn error(&self, error: impl Into<PageError>) -> Response {
        error::render(&self.app, self.language(), &self.caller.request_id, error.into())
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

/// What all pages share, without links to other languages.
pub fn frame(app: &App, language: Language) -> Frame {
    Frame {
        language,
        languages: Vec::new(),
        stylesheet_href: href(app, &assets::stylesheet()),
        icon_href: href(app, &assets::icon()),
        product: app.config().server.display_name.clone(),
    }
}

/// A rendered page under a content security policy.
pub fn html(status: StatusCode, page: &impl Page, policy: &str) -> Response {
    let Ok(text) = page.render() else {
        return respond::plain(StatusCode::INTERNAL_SERVER_ERROR, "the page could not be written").into_response();
    };
    let mut response = respond::with_type(status, "text/html; charset=utf-8", text.into_bytes());
    if let Ok(policy) = HeaderValue::from_str(policy) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    wishes::declare(&mut response, page.frame().language);
    response
}

/// The address of a request, with the language that a link chose taken out of it.
#[derive(Clone)]
struct Here {
    path: String,
    query: String,
    chosen: Option<Language>,
    whole: bool,
}

/// What is repeated in links to the same page: nothing that it does not know, nothing that could be read as something else.
fn is_repeated(pair: &str) -> bool {
    let Some((name, value)) = pair.split_once('=') else {
        return false;
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    ["to", "user_code", "page"].contains(&name) && value.len() <= 40 && value.chars().all(plain)
}

impl Here {
    fn of(parts: &Parts) -> Self {
        let original = parts.extensions.get::<OriginalUri>();
        let uri = original.map_or(&parts.uri, |original| &original.0);
        let pairs = uri.query().unwrap_or_default().split('&');
        let others = pairs
            .clone()
            .filter(|pair| !pair.is_empty() && pair.split('=').next() != Some(wishes::PARAMETER));
        let mut choices = pairs
            .clone()
            .filter_map(|pair| pair.strip_prefix(wishes::PARAMETER)?.strip_prefix('='));
        // Requests of apps have parameters of their own, and no links to choose by.
        let is_ours = parts.method == Method::GET && parts.uri.path() != paths::AUTHORIZE;
        let chosen = choices.next_back().filter(|_| is_ours).and_then(Language::of_tag);
        let (kept, dropped): (Vec<_>, Vec<_>) = others.partition(|pair| is_repeated(pair));
        // A request of an app that signs somebody out cannot be repeated, and is no choice.
        let whole = parts.uri.path() != paths::LOGOUT || dropped.is_empty();
        Self {
            path: uri.path().to_owned(),
            query: kept.join("&"),
            chosen: chosen.filter(|_| whole),
            whole,
        }
    }

    fn chosen(&self, at: Timestamp) -> Option<Choice> {
        self.chosen.map(|language| Choice { language, at })
    }

    /// The same address, choosing `language`.
    fn link(&self, language: Option<Language>) -> String {
        let choice = language.map(|language| format!("{}={}", wishes::PARAMETER, language.tag()));
        let query = [self.query.as_str(), choice.as_deref().unwrap_or_default()];
        let query: Vec<_> = query.into_iter().filter(|part| !part.is_empty()).collect();
        if query.is_empty() {
            self.path.clone()
        } else {
            format!("{}?{}", self.path, query.join("&"))
        }
    }
}

/// The path of a page of a waiting request.
pub fn interaction_path(path: &str, id: crate::model::interaction::InteractionId) -> String {
    paths::fill(path, &id.to_string())
}
