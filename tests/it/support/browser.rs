//! A browser: keeps cookies, follows our own redirects, fills in our forms.

use std::collections::BTreeMap;

use axum::http::Method;
use url::{Url, form_urlencoded};

use super::fixtures::{PASSWORD, TestClient, challenge, verifier};
use super::html::{self, Form};
use super::http::{TestRequest, TestResponse};
use super::server::TestServer;

/// An authorization request, with the secrets that its client keeps.
#[derive(Clone, Debug)]
pub struct AuthRequest {
    pub params: Vec<(String, String)>,
    pub verifier: String,
}

impl AuthRequest {
    /// A good request: PKCE, `state=the-state`, `nonce=the-nonce`.
    pub fn new(client: &TestClient, scope: &str) -> Self {
        let verifier = verifier();
        let params = [
            ("response_type", "code"),
            ("client_id", &client.id),
            ("redirect_uri", &client.redirect_uri),
            ("scope", scope),
            ("state", "the-state"),
            ("nonce", "the-nonce"),
            ("code_challenge", &challenge(&verifier)),
            ("code_challenge_method", "S256"),
        ];
        Self {
            params: params.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            verifier,
        }
    }

    /// With `name` set to `value`, in place of what it was.
    #[must_use]
    pub fn set(self, name: &str, value: &str) -> Self {
        self.without(name).and(name, value)
    }

    /// With another `name=value` beside those that are there.
    #[must_use]
    pub fn and(mut self, name: &str, value: &str) -> Self {
        self.params.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Without `name`.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.params.retain(|(known, _)| known != name);
        self
    }

    /// As a query string.
    pub fn query(&self) -> String {
        form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&self.params)
            .finish()
    }
}

/// Where a navigation ended.
#[derive(Clone, Debug)]
pub enum Landed {
    /// On a page of ours.
    Page(Page),
    /// At a client.
    Callback(Callback),
}

/// A page of ours.
#[derive(Clone, Debug)]
pub struct Page {
    /// Its path.
    pub path: String,
    pub response: TestResponse,
}

/// An answer to a client, by redirect or by form.
#[derive(Clone, Debug)]
pub struct Callback {
    /// Where it went, without the answer's parameters.
    pub uri: String,
    pub params: BTreeMap<String, String>,
    /// It was a form to be posted there (`response_mode=form_post`).
    pub by_form: bool,
}

impl Landed {
    /// The page; fails at a client.
    #[track_caller]
    pub fn page(self) -> Page {
        match self {
            Self::Page(page) => page,
            Self::Callback(callback) => panic!("went to the client: {callback:?}"),
        }
    }

    /// The answer to the client; fails on a page.
    #[track_caller]
    pub fn callback(self) -> Callback {
        match self {
            Self::Callback(callback) => callback,
            Self::Page(page) => panic!("stayed on {}: {} {}", page.path, page.response.status, page.heading()),
        }
    }
}

impl Page {
    /// Its first heading.
    pub fn heading(&self) -> String {
        html::heading(self.response.text())
    }

    /// Its status.
    pub fn status(&self) -> u16 {
        self.response.status.as_u16()
    }

    /// Its form; fails if there is none.
    #[track_caller]
    pub fn form(&self) -> Form {
        html::form(self.response.text()).unwrap_or_else(|| panic!("no form on {}: {}", self.path, self.heading()))
    }

    /// Whether it asks for a password.
    pub fn is_sign_in(&self) -> bool {
        self.path.ends_with("/login")
    }

    /// Whether it asks for consent.
    pub fn is_consent(&self) -> bool {
        self.path.ends_with("/consent")
    }

    /// The values of its buttons called `name`.
    pub fn buttons(&self, name: &str) -> Vec<String> {
        html::buttons(self.response.text(), name)
    }
}

impl Callback {
    /// The answer that this address carries in its query or fragment.
    pub fn at(location: &str) -> Self {
        let url = Url::parse(location).unwrap();
        let text = url.query().or(url.fragment()).unwrap_or_default();
        Self {
            uri: location.split(['?', '#']).next().unwrap_or_default().to_owned(),
            params: form_urlencoded::parse(text.as_bytes()).into_owned().collect(),
            by_form: false,
        }
    }

    /// A parameter; empty when it is missing.
    pub fn get(&self, name: &str) -> &str {
        self.params.get(name).map_or("", String::as_str)
    }

    /// The code; fails on an error.
    #[track_caller]
    pub fn code(&self) -> String {
        assert_eq!(self.get("error"), "", "{self:?}");
        self.params.get("code").expect("a code").clone()
    }
}

/// A person's browser. Clones go on with the same cookies, apart from each other.
#[derive(Clone)]
pub struct Browser {
    server: TestServer,
    cookies: BTreeMap<String, String>,
    address: Option<String>,
    page: Option<Page>,
}

/// A loop of redirects ends here.
const MAX_REDIRECTS: usize = 10;

impl Browser {
    /// A browser that has never been here.
    pub fn new(server: &TestServer) -> Self {
        Self {
            server: server.clone(),
            cookies: BTreeMap::new(),
            address: None,
            page: None,
        }
    }

    /// Sends from this address from now on.
    #[must_use]
    pub fn at(mut self, address: &str) -> Self {
        self.address = Some(address.to_owned());
        self
    }

    /// Talks to another node from now on.
    pub fn switch_to(&mut self, node: &TestServer) {
        self.server = node.clone();
    }

    /// Its `Cookie` header.
    pub fn cookie_header(&self) -> String {
        let pairs: Vec<_> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.join("; ")
    }

    /// Its cookies, to look at or to change.
    pub fn cookies(&mut self) -> &mut BTreeMap<String, String> {
        &mut self.cookies
    }

    /// The page that it shows; fails if there is none.
    #[track_caller]
    pub fn page(&self) -> &Page {
        self.page.as_ref().expect("a page is open")
    }

    /// Opens a path of ours.
    pub async fn open(&mut self, path: &str) -> Landed {
        let request = self.request(Method::GET, path);
        self.navigate(path, request).await
    }

    /// Sends an authorization request.
    pub async fn authorize(&mut self, request: &AuthRequest) -> Landed {
        let prefix = self.server.app.config().issuer.path().to_owned();
        self.open(&format!("{prefix}/authorize?{}", request.query())).await
    }

    /// Fills in the sign-in page that is open.
    pub async fn sign_in(&mut self, username: &str, password: &str) -> Landed {
        self.submit(&[("username", username), ("password", password)]).await
    }

    /// Answers the consent page that is open: `allow` or `deny`.
    pub async fn consent(&mut self, decision: &str) -> Landed {
        self.submit(&[("decision", decision)]).await
    }

    /// Sends the form of the page that is open, with these fields in place of its own.
    pub async fn submit(&mut self, fields: &[(&str, &str)]) -> Landed {
        let (path, request) = self.submission(fields);
        self.navigate(&path, request).await
    }

    /// The request that [`Self::submit`] would send, and its path; for sending it twice, or altered.
    #[track_caller]
    pub fn submission(&self, fields: &[(&str, &str)]) -> (String, TestRequest) {
        let form = self.page().form();
        let own = form.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let replaced = |name: &str| fields.iter().any(|(known, _)| *known == name);
        let mut all: Vec<_> = own.filter(|(name, _)| !replaced(name)).collect();
        all.extend(fields);
        let origin = self.server.app.config().issuer.origin().to_owned();
        let request = self.request(Method::POST, &form.action).origin(&origin).form(&all);
        (form.action, request)
    }

    /// Goes all the way for `user`: signs in if asked, allows if asked.
    pub async fn grant(&mut self, request: &AuthRequest, user: &str) -> Callback {
        let mut landed = self.authorize(request).await;
        if matches!(&landed, Landed::Page(page) if page.is_sign_in()) {
            landed = self.sign_in(user, PASSWORD).await;
        }
        if matches!(&landed, Landed::Page(page) if page.is_consent()) {
            landed = self.consent("allow").await;
        }
        landed.callback()
    }

    /// A request with this browser's cookies, as a navigation within our own site.
    pub fn request(&self, method: Method, path: &str) -> TestRequest {
        let request = self
            .server
            .request(method, path)
            .header("sec-fetch-site", "same-origin")
            .header("sec-fetch-mode", "navigate")
            .header("user-agent", "Test Browser/1.0");
        let request = match &self.address {
            Some(address) => request.from(address),
            None => request,
        };
        if self.cookies.is_empty() {
            request
        } else {
            request.cookie(&self.cookie_header())
        }
    }

    /// Sends `request` and follows our own redirects to a page or to a client.
    pub async fn navigate(&mut self, path: &str, request: TestRequest) -> Landed {
        let (mut path, mut request) = (path.to_owned(), request);
        for _ in 0..MAX_REDIRECTS {
            let response = request.await;
            self.keep_cookies(&response);
            if !response.status.is_redirection() {
                return self.arrive(&path, response);
            }
            let location = response.location().to_owned();
            if !location.starts_with('/') {
                return Landed::Callback(Callback::at(&location));
            }
            request = self.request(Method::GET, &location);
            path = location.split('?').next().unwrap_or_default().to_owned();
        }
        panic!("more than {MAX_REDIRECTS} redirects, at {path}");
    }

    /// A page whose form goes elsewhere is an answer by `form_post`.
    fn arrive(&mut self, path: &str, response: TestResponse) -> Landed {
        if let Some(form) = html::form(response.text()).filter(|form| !form.action.starts_with('/')) {
            return Landed::Callback(Callback {
                uri: form.action,
                params: form.fields.into_iter().collect(),
                by_form: response.text().contains("<form method=\"post\""),
            });
        }
        let path = path.split('?').next().unwrap_or_default().to_owned();
        let page = Page { path, response };
        self.page = Some(page.clone());
        Landed::Page(page)
    }

    fn keep_cookies(&mut self, response: &TestResponse) {
        for cookie in response.headers.get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            let deleted = value.is_empty() || cookie.to_ascii_lowercase().contains("max-age=0");
            if deleted {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}
