//! The browser behind a request: its cookie session, its sign-in, and the tokens of its forms.

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use tower_sessions::cookie::SameSite;
use tower_sessions::{Session, SessionManagerLayer};
use uuid::Uuid;

use super::browser_state::Standing;
use crate::app::App;
use crate::crypto::digest::{equal, hmac_sha256};
use crate::crypto::random;
use crate::model::browser_session::{BrowserSession, BrowserSessionId};
use crate::model::device_grant::DeviceVisitId;
use crate::model::interaction::{BrowserId, InteractionId};
use crate::protocol::error::{OAuthError, Reason};
use crate::store::{WebSessions, expiry_at};
use crate::time::Timestamp;

/// The only entry of a cookie session.
const ENTRY: &str = "browser";

/// What a cookie session holds.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Entry {
    browser: BrowserId,
    signed_in: Option<BrowserSessionId>,
}

/// A form, for its token. Tokens of sign-in forms are bound to the browser, since nobody is signed in yet and two tabs must
/// not disturb each other; all others are bound to the sign-in as well.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// Sign in, for a request or for its own sake.
    Login(Option<InteractionId>),
    /// Choose an account.
    Account(InteractionId),
    /// Consent.
    Consent(InteractionId),
    /// Enter the code of a device; nobody need be signed in.
    DeviceCode,
    /// Sign in for a device.
    DeviceLogin(DeviceVisitId),
    /// Allow or refuse a device.
    DeviceConfirm(DeviceVisitId),
    /// Sign out.
    Logout,
    /// Change the profile.
    Profile,
    /// Change how one is reached.
    Contact,
    /// Change the password.
    Password,
    /// End sessions.
    Sessions,
    /// Take access back from an app.
    Apps,
}

/// The browser of this request. It holds the id of its cookie session, hence no `Debug`.
#[derive(Clone)]
pub struct Browser {
    session: Session,
    entry: Option<Entry>,
    standing: Standing,
    /// Whether it sent our cookie at all, good or not.
    pub sent_cookie: bool,
}

/// The layer that keeps cookie sessions. On https the name's `__Host-` prefix binds the cookie to this host alone.
pub fn layer(app: &App) -> SessionManagerLayer<WebSessions> {
    let secure = app.config().issuer.is_https();
    SessionManagerLayer::new(WebSessions::new(app.store().clone(), app.clock().clone()))
        .with_name(cookie_name(app))
        .with_secure(secure)
        .with_http_only(true)
        .with_same_site(SameSite::Lax)
        .with_path("/")
        .with_always_save(false)
}

/// The name of the session cookie.
fn cookie_name(app: &App) -> &'static str {
    if app.config().issuer.is_https() {
        "__Host-portcullis"
    } else {
        "portcullis"
    }
}

impl Browser {
    /// Reads the cookie session of a request.
    pub async fn load(
        app: &App,
        session: Session,
        headers: &HeaderMap,
        standing: Standing,
    ) -> Result<Self, OAuthError> {
        let entry = session.get::<Entry>(ENTRY).await.map_err(|error| unavailable(&error))?;
        let sent_cookie = headers.get_all(header::COOKIE).iter().any(|cookies| {
            let name = cookie_name(app);
            cookies
                .to_str()
                .is_ok_and(|cookies| cookies.split("; ").any(|cookie| cookie.split('=').next() == Some(name)))
        });
        Ok(Self {
            session,
            entry,
            standing,
            sent_cookie,
        })
    }

    /// Its name, if it has one.
    pub fn id(&self) -> Option<BrowserId> {
        self.entry.map(|entry| entry.browser)
    }

    /// Its sign-in, if there is one; whether that counts is for others to say.
    pub fn signed_in(&self) -> Option<BrowserSessionId> {
        self.entry.and_then(|entry| entry.signed_in)
    }

    /// Its name; a new browser is given one, for as long as a request may wait.
    pub async fn ensure_id(&mut self, app: &App, now: Timestamp) -> Result<BrowserId, OAuthError> {
        if let Some(id) = self.id() {
            return Ok(id);
        }
        let entry = Entry {
            browser: BrowserId(random::uuid_v4()),
            signed_in: None,
        };
        self.save(entry, now.plus(app.config().sessions.interaction_lifetime.as_secs()))
            .await?;
        Ok(entry.browser)
    }

    /// Binds a sign-in to the browser, under a new cookie: what the old one was, nobody can become by knowing it.
    pub async fn sign_in(&mut self, app: &App, id: BrowserSessionId, now: Timestamp) -> Result<(), OAuthError> {
        let browser = self.id().unwrap_or(BrowserId(random::uuid_v4()));
        self.session.cycle_id().await.map_err(|error| unavailable(&error))?;
        let entry = Entry {
            browser,
            signed_in: Some(id),
        };
        self.save(entry, now.plus(app.config().sessions.absolute_timeout.as_secs()))
            .await
    }

    /// Notes that credentials were checked right now, and that `id` stands for it.
    pub fn note_authenticated(&self, app: &App, id: BrowserSessionId, now: Timestamp) {
        self.standing.authenticated(app, id, now);
    }

    /// Notes who was found to be signed in. A browser that does not even send its cookie is in another site's frame, and says
    /// nothing about that.
    pub fn note_found(&self, app: &App, found: Option<&BrowserSession>, now: Timestamp) {
        match found {
            Some(session) => self.standing.signed_in(app, session, false, now),
            None if self.sent_cookie => self.standing.nobody(),
            None => {}
        }
    }

    /// Notes that an application was told of `session`.
    pub fn note_answered(&self, app: &App, session: &BrowserSession, now: Timestamp) {
        self.standing.signed_in(app, session, true, now);
    }

    /// Forgets everything about the browser.
    pub async fn forget(&mut self) -> Result<(), OAuthError> {
        self.entry = None;
        self.standing.nobody();
        self.session.flush().await.map_err(|error| unavailable(&error))
    }

    async fn save(&mut self, entry: Entry, until: Timestamp) -> Result<(), OAuthError> {
        self.session.set_expiry(expiry_at(until));
        self.session
            .insert(ENTRY, entry)
            .await
            .map_err(|error| unavailable(&error))?;
        if let Err(error) = self.session.save().await {
            // With nothing left in it the layer does not try again, which would end in an empty 500 in place of our answer.
            self.session.clear().await;
            return Err(unavailable(&error));
        }
        self.entry = Some(entry);
        Ok(())
    }

    /// The token of a form, for this browser alone.
    pub fn form_token(&self, app: &App, form: Form) -> String {
        let browser = self.id().map_or(Uuid::nil(), |id| id.0);
        let sign_in = self.signed_in().map_or(Uuid::nil(), |id| id.0);
        let (name, about, sign_in) = match form {
            Form::Login(interaction) => ("login", interaction.map(|id| id.0), Uuid::nil()),
            Form::Account(interaction) => ("account", Some(interaction.0), sign_in),
            Form::Consent(interaction) => ("consent", Some(interaction.0), sign_in),
            Form::DeviceCode => ("device code", None, Uuid::nil()),
            Form::DeviceLogin(visit) => ("device login", Some(visit.0), Uuid::nil()),
            Form::DeviceConfirm(visit) => ("device confirm", Some(visit.0), sign_in),
            Form::Logout => ("logout", None, sign_in),
            Form::Profile => ("profile", None, sign_in),
            Form::Contact => ("contact", None, sign_in),
            Form::Password => ("password", None, sign_in),
            Form::Sessions => ("sessions", None, sign_in),
            Form::Apps => ("apps", None, sign_in),
        };
        let about = about.unwrap_or(Uuid::nil());
        let parts = [
            name.as_bytes(),
            browser.as_bytes(),
            about.as_bytes(),
            sign_in.as_bytes(),
        ];
        URL_SAFE_NO_PAD.encode(hmac_sha256(app.form_key(), &parts))
    }

    /// Whether `presented` is the token of this form in this browser.
    pub fn accepts(&self, app: &App, form: Form, presented: Option<&str>) -> bool {
        let expected = self.form_token(app, form);
        self.entry.is_some() && presented.is_some_and(|token| equal(token.as_bytes(), expected.as_bytes()))
    }
}

fn unavailable(error: &tower_sessions::session::Error) -> OAuthError {
    tracing::warn!(%error, "cookie session unavailable");
    Reason::StoreUnavailable.into()
}
