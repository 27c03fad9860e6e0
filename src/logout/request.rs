//! What a client asks of `/logout`, and whether that is done at once, asked first, or refused
//! (OpenID Connect RP-Initiated Logout §2, §3).

use std::sync::Arc;

use crate::app::App;
use crate::model::browser_session::BrowserSession;
use crate::model::client::Client;
use crate::model::user::User;
use crate::protocol::error::{OAuthError, Reason};
use crate::protocol::ids::ClientId;
use crate::protocol::params::Params;
use crate::protocol::redirect_uri::RedirectUri;
use crate::time::Timestamp;
use crate::tokens::subject;
use crate::tokens::verify::{self, HintedSession};

/// The parameters that the question repeats in its form, so that the answer to it is decided on the same grounds. `logout_hint`
/// changes nothing: who is signed in here is known.
pub const PARAMETERS: &[&str] = &[
    "id_token_hint",
    "client_id",
    "post_logout_redirect_uri",
    "state",
    "ui_locales",
];

/// The longest `state` that is carried.
const MAX_STATE: usize = 2048;

/// A request as it was read. What could not be verified is not in it.
#[derive(Clone, Debug, Default)]
pub struct LogoutRequest {
    /// What `id_token_hint` proves.
    pub hint: Option<HintedSession>,
    /// The client that asks, enabled: the hint's, or without a hint the one that `client_id` names.
    pub client: Option<Arc<Client>>,
    /// `post_logout_redirect_uri`.
    pub redirect_uri: Option<String>,
    /// `state`.
    pub state: Option<String>,
}

/// How it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The browser was sent here, and shows what we answer.
    Openly,
    /// By something that nobody sees: a picture, a frame, a script, a `HEAD`.
    Unseen,
    /// By the person, on our own page.
    Confirmed,
}

/// Everything that decides.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// What was asked.
    pub request: &'a LogoutRequest,
    /// How.
    pub asked: Asked,
    /// The sign-in, if one counts, and whose it is.
    pub signed_in: Option<(&'a BrowserSession, &'a User)>,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// End the sign-in, and go back at once if there is where.
    SignOut(Option<Return>),
    /// Ask the person first.
    Ask(Option<Return>),
    /// Nobody is signed in; go back at once.
    Leave(Return),
    /// Nobody is signed in; say so. What the request proves is too little to be sent on, but enough for a link.
    Over(Option<Return>),
}

/// Where a person goes after signing out. Only [`decide`] makes one, from a registered URI.
#[derive(Clone, Debug)]
pub struct Return {
    client: Arc<Client>,
    uri: RedirectUri,
    state: Option<String>,
}

impl PartialEq for Return {
    fn eq(&self, other: &Self) -> bool {
        (&self.client.client_id, &self.uri, &self.state) == (&other.client.client_id, &other.uri, &other.state)
    }
}

impl Eq for Return {}

impl Return {
    /// Whose it is.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The registered URI.
    pub fn uri(&self) -> &RedirectUri {
        &self.uri
    }

    /// The address, with `state` if there was one and nothing else (§3).
    pub fn location(&self) -> String {
        let state = self.state.as_deref().map(|state| ("state", state));
        self.uri.with_query(state)
    }
}

/// Verifies what the request brings. A hint that is not one of our ID tokens, or that was issued to another client than
/// `client_id` names, is left out, and with it everything that rests on it (§4): then there is no client either.
pub async fn read(app: &App, params: &Params, now: Timestamp) -> Result<LogoutRequest, OAuthError> {
    let [hint, client_id, redirect_uri, state] =
        ["id_token_hint", "client_id", "post_logout_redirect_uri", "state"].map(|name| params.get(name));
    let (hint, client_id) = (hint?, client_id?);
    let verified = match hint {
        None => None,
        Some(hint) => {
            let ring = app.key_ring(&*app.store().catalog().await?)?;
            let verified = verify::hinted_session(&ring, app.issuer(), hint, now).ok();
            verified.filter(|hinted| client_id.is_none_or(|named| named == hinted.client_id.as_str()))
        }
    };
    let asking = match (&verified, hint) {
        (Some(hinted), _) => Some(hinted.client_id.clone()),
        (None, Some(_)) => None,
        (None, None) => client_id.and_then(ClientId::parse),
    };
    let client = match asking {
        Some(id) => app.store().find_client(&id).await?.client,
        None => None,
    };
    Ok(LogoutRequest {
        hint: verified,
        client: client.filter(|client| client.is_enabled()),
        redirect_uri: redirect_uri?.map(str::to_owned),
        state: state?.map(str::to_owned),
    })
}

/// Decides, in this order: where it may lead, whether anybody is signed in, whether they must be asked.
pub fn decide(facts: &Facts<'_>) -> Result<Step, Reason> {
    check_state(facts.request)?;
    let back = check_return(facts.request)?;
    let proven = facts.request.hint.is_some();
    Ok(match (facts.signed_in, back) {
        // An ID token of its own gets anybody who registers here: whoever has not signed in sees a page first (RFC 9700 §4.11.2).
        (None, Some(back)) if proven && !back.client.metadata.about.self_registered => Step::Leave(back),
        (None, back) => Step::Over(back),
        (Some(signed_in), back) if may_end(facts, signed_in) => Step::SignOut(back),
        (Some(_), back) => Step::Ask(back),
    })
}

fn check_state(request: &LogoutRequest) -> Result<(), Reason> {
    match &request.state {
        Some(state) if state.len() > MAX_STATE => Err(Reason::StateTooLong),
        _ => Ok(()),
    }
}

/// Without a client there is no list to compare with, and nowhere to go.
fn check_return(request: &LogoutRequest) -> Result<Option<Return>, Reason> {
    let (Some(attempt), Some(client)) = (&request.redirect_uri, &request.client) else {
        return Ok(None);
    };
    let uri = client
        .post_logout_redirect_uri(attempt)
        .ok_or(Reason::PostLogoutRedirectUriUnregistered)?;
    Ok(Some(Return {
        client: client.clone(),
        uri,
        state: request.state.clone(),
    }))
}

/// The person said so; or a client did that holds an ID token of this very person, and the browser shows what comes of it.
fn may_end(facts: &Facts<'_>, signed_in: (&BrowserSession, &User)) -> bool {
    match facts.asked {
        Asked::Confirmed => true,
        Asked::Unseen => false,
        Asked::Openly => is_about(facts.request, signed_in),
    }
}

/// The hint is of this sign-in, or of another sign-in of the same person: a client may hold one from before (§2).
fn is_about(request: &LogoutRequest, (session, user): (&BrowserSession, &User)) -> bool {
    let Some(hint) = &request.hint else { return false };
    let of_them = |client: &Arc<Client>| hint.subject == subject::of(client, user);
    hint.sid == Some(session.id) || request.client.as_ref().is_some_and(of_them)
}
