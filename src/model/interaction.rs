//! An authorization request that waits for a person: to sign in, to choose an account, to consent.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::browser_session::BrowserSessionId;
use super::row_id;
use crate::protocol::claims_request::RequestedClaims;
use crate::protocol::ids::ClientId;
use crate::protocol::pkce::CodeChallenge;
use crate::protocol::prompt::Prompt;
use crate::protocol::redirect_uri::RedirectUri;
use crate::protocol::response_mode::ResponseMode;
use crate::protocol::scope::Scope;
use crate::time::Timestamp;

row_id! {
    /// Key of an [`Interaction`]. It stands in URLs and is worth nothing without the browser that it is bound to.
    InteractionId
}

/// A waiting request.
#[derive(Clone, Debug)]
pub struct Interaction {
    /// Its key.
    pub id: InteractionId,
    /// The browser that started it; no other may go on with it.
    pub browser: BrowserId,
    /// What was asked, as it was validated.
    pub request: AuthorizationRequest,
    /// What the person has done so far.
    pub progress: Progress,
    /// When it was asked.
    pub created_at: Timestamp,
    /// When it is given up.
    pub expires_at: Timestamp,
    /// When it was answered; then nothing can be answered again.
    pub completed_at: Option<Timestamp>,
}

/// Names one browser across sign-in and sign-out. Lives in the cookie session, never in a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BrowserId(pub Uuid);

/// What a person has done for one request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The sign-in made for this very request.
    #[serde(default)]
    pub signed_in: Option<BrowserSessionId>,
    /// The sign-in chosen to go on with.
    #[serde(default)]
    pub chosen: Option<BrowserSessionId>,
    /// The sign-in under which consent was given.
    #[serde(default)]
    pub consented: Option<BrowserSessionId>,
}

/// A validated authorization request. Its callback is proven: the redirect URI is registered for the client.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationRequest {
    /// Who asks.
    pub client_id: ClientId,
    /// Where the answer goes.
    pub redirect_uri: RedirectUri,
    /// How it goes there.
    pub response_mode: ResponseMode,
    /// Handed back untouched.
    pub state: Option<String>,
    /// Handed back in the ID token.
    pub nonce: Option<String>,
    /// What is asked for.
    pub scope: Scope,
    /// Which resources (RFC 8707).
    pub resources: Vec<String>,
    /// PKCE.
    pub challenge: Option<CodeChallenge>,
    /// What the person is to be asked.
    pub prompt: Prompt,
    /// How old the sign-in may be, in seconds.
    pub max_age: Option<i64>,
    /// Fills in the sign-in page.
    pub login_hint: Option<String>,
    /// The subject of a verified `id_token_hint`.
    pub hinted_subject: Option<String>,
    /// The languages that the client would like pages to be in, best first (`ui_locales`).
    #[serde(default)]
    pub ui_locales: Vec<String>,
    /// What the client asks to be told beside what its scope carries (`claims`), as far as it may.
    #[serde(default)]
    pub claims: RequestedClaims,
    /// The subjects of which the person must be one (`sub` in `claims`); empty leaves it open.
    #[serde(default)]
    pub subjects: Vec<String>,
}

/// Who asks and for what; a login hint may be an e-mail address, and the state is the client's own.
impl std::fmt::Debug for AuthorizationRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuthorizationRequest")
            .field("client_id", &self.client_id)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}
