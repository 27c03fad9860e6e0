//! `session_state` (OpenID Connect Session Management §2, §3): what an application keeps, so that our frame in its page can tell
//! without a request whether the sign-in is still the one that the application knows.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::app::App;
use crate::crypto::digest::{hmac_sha256, sha256};
use crate::crypto::random;
use crate::model::browser_session::{BrowserSession, BrowserSessionId};
use crate::model::interaction::AuthorizationRequest;
use crate::protocol::ids::ClientId;
use crate::protocol::scope::OPENID;
use crate::time::Timestamp;

/// The OP browser state (§3.2): another one for each sign-in, and for each time that credentials were checked in it. Scripts of
/// our frame read it, so it tells nothing, and nobody can go back from it to the sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrowserState(String);

impl BrowserState {
    /// That of the sign-in `session`, in which credentials were last checked at `auth_time`.
    pub fn of(app: &App, session: BrowserSessionId, auth_time: Timestamp) -> Self {
        let parts: [&[u8]; 2] = [session.0.as_bytes(), &auth_time.0.to_be_bytes()];
        Self(URL_SAFE_NO_PAD.encode(hmac_sha256(app.browser_state_key(), &parts)))
    }

    /// As the cookie holds it: letters, digits, `-` and `_`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What the answer to `request` says of the sign-in. `None` where nobody could ask our frame: it is switched off, the request is
/// none of OpenID Connect, or the answer goes to an app that is no page.
pub fn for_request(app: &App, request: &AuthorizationRequest, session: &BrowserSession) -> Option<String> {
    if !app.config().sessions.management || !request.scope.contains(OPENID) {
        return None;
    }
    let origin = request.redirect_uri.origin()?;
    let state = BrowserState::of(app, session.id, session.auth_time);
    let salt = URL_SAFE_NO_PAD.encode(random::bytes::<16>());
    Some(session_state(&request.client_id, &origin, &state, &salt))
}

/// The value itself; `templates/partials/check_session.js` computes the same.
fn session_state(client_id: &ClientId, origin: &str, state: &BrowserState, salt: &str) -> String {
    let known = format!("{client_id} {origin} {} {salt}", state.as_str());
    format!("{}.{salt}", URL_SAFE_NO_PAD.encode(sha256(known.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(client_id: &str, origin: &str, state: &str, salt: &str) -> String {
        let client_id = ClientId::parse(client_id).unwrap();
        session_state(&client_id, origin, &BrowserState(state.to_owned()), salt)
    }

    /// `printf '%s' 'shop https://shop.example c3RhdGU c2FsdA' | openssl dgst -sha256 -binary | basenc --base64url`
    #[test]
    fn oidcc_session_management_the_value_is_that_of_another_program() {
        assert_eq!(
            of("shop", "https://shop.example", "c3RhdGU", "c2FsdA"),
            "q6TmGo0JCY7Fs9sEiSdtysaG51sLrtSoz_fF-HZlRkU.c2FsdA"
        );
    }

    #[test]
    fn oidcc_session_management_every_part_counts() {
        let known = of("shop", "https://shop.example", "state", "salt");
        for other in [
            of("shop2", "https://shop.example", "state", "salt"),
            of("shop", "https://shop.example:8443", "state", "salt"),
            of("shop", "http://shop.example", "state", "salt"),
            of("shop", "https://shop.example", "other", "salt"),
            of("shop", "https://shop.example", "state", "pepper"),
        ] {
            let digest = |value: &str| value.split('.').next().map(str::to_owned);
            assert_ne!(digest(&known), digest(&other));
            assert!(!other.contains(' '));
        }
    }
}
