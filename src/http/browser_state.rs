//! The cookie that our frame in an application's page reads (OpenID Connect Session Management §3.2). It follows what requests
//! find out about the sign-in, whichever page finds it; see [`BrowserState`] for what it holds.

use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

use super::cookies;
use crate::app::App;
use crate::authorize::session_state::BrowserState;
use crate::model::browser_session::{BrowserSession, BrowserSessionId};
use crate::time::Timestamp;

const NAME: &str = "portcullis-state";

/// The full name of the cookie, for the frame.
pub fn cookie_name(app: &App) -> String {
    cookies::full_name(app, NAME).into_owned()
}

/// What a request found out about the sign-in of its browser so far. All who answer the request share it, and the last word
/// counts.
#[derive(Clone, Default)]
pub struct Standing(Arc<Mutex<Option<Found>>>);

#[derive(Clone)]
enum Found {
    SignedIn {
        state: BrowserState,
        /// For how many seconds, if nothing happens.
        lasts: i64,
        /// Whether that time begins anew.
        renew: bool,
    },
    Nobody,
}

impl Standing {
    /// `session` counts. An answer to an application is its last use, from which the idle time runs (`renew`).
    pub fn signed_in(&self, app: &App, session: &BrowserSession, renew: bool, now: Timestamp) {
        self.put(Found::SignedIn {
            state: BrowserState::of(app, session.id, session.auth_time),
            lasts: idle_timeout(app).min(session.expires_at.since(now)),
            renew,
        });
    }

    /// Credentials were checked right now, and `session` stands for it.
    pub fn authenticated(&self, app: &App, session: BrowserSessionId, now: Timestamp) {
        self.put(Found::SignedIn {
            state: BrowserState::of(app, session, now),
            lasts: idle_timeout(app),
            renew: true,
        });
    }

    /// Whoever was signed in is so no more.
    pub fn nobody(&self) {
        self.put(Found::Nobody);
    }

    fn put(&self, found: Found) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
    }

    fn take(&self) -> Option<Found> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

fn idle_timeout(app: &App) -> i64 {
    app.config().sessions.idle_timeout.as_secs()
}

/// Keeps the cookie true. What the browser has already is not sent again: an answer that comes late, after a sign-out, would
/// bring it back.
pub async fn follow(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let standing = Standing::default();
    request.extensions_mut().insert(standing.clone());
    let sent = cookies::read(&app, request.headers(), NAME).map(str::to_owned);
    let mut response = next.run(request).await;
    match standing.take() {
        Some(Found::SignedIn { state, lasts, renew }) if renew || sent.as_deref() != Some(state.as_str()) => {
            cookies::write_for_frames(&app, &mut response, NAME, state.as_str(), lasts);
        }
        Some(Found::Nobody) if sent.is_some() => cookies::write_for_frames(&app, &mut response, NAME, "", 0),
        _ => {}
    }
    response
}
