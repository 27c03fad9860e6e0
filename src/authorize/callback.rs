//! Where an answer may go, as a value: only [`establish`] makes a [`Callback`], from a registered redirect URI, and only a
//! callback can send anything to a client. An error raised before it exists cannot be redirected.

use url::form_urlencoded::Serializer;

use crate::model::client::Client;
use crate::model::interaction::AuthorizationRequest;
use crate::protocol::error::{ErrorCode, Reason};
use crate::protocol::params::Params;
use crate::protocol::redirect_uri::RedirectUri;
use crate::protocol::response_mode::ResponseMode;

/// The proven place to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callback {
    redirect_uri: RedirectUri,
    response_mode: ResponseMode,
    state: Option<String>,
    issuer: String,
}

/// An answer on its way through the browser.
#[derive(Clone, PartialEq, Eq)]
pub enum Answer {
    /// `303 See Other` to this URL.
    Redirect(String),
    /// A page that posts these fields to the redirect URI (Form Post Response Mode §2).
    FormPost {
        /// The redirect URI.
        action: RedirectUri,
        /// The response parameters.
        fields: Vec<(&'static str, String)>,
    },
}

/// Parameters of an answer may be codes.
impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Answer(…)")
    }
}

/// Proves the redirect URI. OpenID Connect requires the parameter (Core §3.1.2.1); here every request has it.
pub fn establish(params: &Params, client: &Client, issuer: &str) -> Result<Callback, Reason> {
    let attempt = params.get("redirect_uri")?.ok_or(Reason::RedirectUriMissing)?;
    let redirect_uri = client.redirect_uri(attempt).ok_or(Reason::RedirectUriUnregistered)?;
    Ok(Callback {
        redirect_uri,
        // What is wrong with these two is found by the checks that follow, and answered without them.
        response_mode: params
            .get("response_mode")
            .ok()
            .and_then(|mode| ResponseMode::parse(mode).ok())
            .unwrap_or_default(),
        state: params.get("state").ok().flatten().map(str::to_owned),
        issuer: issuer.to_owned(),
    })
}

impl Callback {
    /// The callback of a request that was validated before.
    pub fn of(request: &AuthorizationRequest, issuer: &str) -> Self {
        Self {
            redirect_uri: request.redirect_uri.clone(),
            response_mode: request.response_mode,
            state: request.state.clone(),
            issuer: issuer.to_owned(),
        }
    }

    /// The place itself.
    pub fn redirect_uri(&self) -> &RedirectUri {
        &self.redirect_uri
    }

    /// How answers travel there.
    pub fn response_mode(&self) -> ResponseMode {
        self.response_mode
    }

    /// What comes back untouched.
    pub fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }

    /// The successful answer (RFC 6749 §4.1.2, OpenID Connect Session Management §2).
    pub fn code(&self, code: &str, session_state: Option<String>) -> Answer {
        let mut fields = vec![("code", code.to_owned())];
        fields.extend(session_state.map(|session_state| ("session_state", session_state)));
        self.answer(fields)
    }

    /// The answer that tells of an error (RFC 6749 §4.1.2.1).
    pub fn error(&self, code: ErrorCode) -> Answer {
        self.answer(vec![
            ("error", code.as_str().to_owned()),
            ("error_description", code.description().to_owned()),
        ])
    }

    /// Every answer names its issuer (RFC 9207 §2).
    fn answer(&self, mut fields: Vec<(&'static str, String)>) -> Answer {
        fields.extend(self.state.clone().map(|state| ("state", state)));
        fields.push(("iss", self.issuer.clone()));
        match self.response_mode {
            ResponseMode::Query => Answer::Redirect(self.with_query(&fields)),
            ResponseMode::Fragment => Answer::Redirect(format!("{}#{}", self.redirect_uri.as_str(), encoded(&fields))),
            ResponseMode::FormPost => Answer::FormPost {
                action: self.redirect_uri.clone(),
                fields,
            },
        }
    }

    /// A registered query is kept (RFC 6749 §3.1.2). The empty fragment stops browsers from carrying over one that an
    /// attacker put on the way here (RFC 9700 §4.1.3).
    fn with_query(&self, fields: &[(&'static str, String)]) -> String {
        let query = encoded(fields);
        let uri = self.redirect_uri.as_str();
        let separator = match uri.split_once('?') {
            None => "?",
            Some((_, "")) => "",
            Some(_) => "&",
        };
        format!("{uri}{separator}{query}#")
    }
}

fn encoded(fields: &[(&'static str, String)]) -> String {
    Serializer::new(String::new()).extend_pairs(fields).finish()
}
