//! Giving the code: one write with everything that belongs to it.

use super::callback::{Answer, Callback};
use super::session_state;
use crate::app::App;
use crate::crypto::opaque::{Kind, OpaqueToken};
use crate::model::browser_session::BrowserSession;
use crate::model::client::ConsentPolicy;
use crate::model::consent::Allowed;
use crate::model::grant::{Authentication, Grant, GrantId};
use crate::model::interaction::{AuthorizationRequest, Interaction};
use crate::protocol::error::{OAuthError, Reason};
use crate::protocol::scope::OFFLINE_ACCESS;
use crate::protocol::standard_claims::ClaimSet;
use crate::store::{Catalog, ClientLookup, ConsentUse, IssueOutcome, NewCode, NewGrant};
use crate::time::Timestamp;

/// What a code is given for.
#[derive(Clone, Copy, Debug)]
pub struct Issue<'a> {
    /// The request.
    pub request: &'a AuthorizationRequest,
    /// The sign-in.
    pub session: &'a BrowserSession,
    /// What the person allowed this client before.
    pub consented: Option<&'a Allowed>,
    /// The interaction that ends with it.
    pub waiting: Option<&'a Interaction>,
    /// The client, and the APIs, whose tokens may live longer than others.
    pub found: &'a ClientLookup,
    /// The moment.
    pub now: Timestamp,
}

/// What came of it.
pub enum Issued {
    /// The answer with the code.
    Answer(Answer),
    /// The interaction was answered before, and nothing was stored.
    AlreadyAnswered,
    /// What it rests on (consent, sign-in, account) changed since it was read, and nothing was stored: decide again.
    Changed,
}

/// Stores grant and code.
pub async fn issue(app: &App, issue: &Issue<'_>) -> Result<Issued, OAuthError> {
    let (request, now) = (issue.request, issue.now);
    let settings = &app.config().tokens;
    let offline = request.scope.contains(OFFLINE_ACCESS);
    let code_ends = now.plus(settings.code_lifetime.as_secs());
    let grant = Grant {
        id: GrantId(app.row_key(now)),
        user_id: issue.session.user_id,
        client_id: request.client_id.clone(),
        session_id: issue.session.id,
        scope: request.scope.clone(),
        resources: request.resources.clone(),
        claims: request.claims.clone(),
        authentication: Authentication {
            auth_time: issue.session.auth_time,
            acr: issue.session.acr.clone(),
            amr: issue.session.amr.clone(),
        },
        created_at: now,
        expires_at: if offline {
            now.plus(settings.refresh_absolute_lifetime.as_secs())
        } else {
            code_ends.plus(longest_access(app, &issue.found.catalog))
        },
        ended: None,
    };
    let code = OpaqueToken::generate(Kind::Code);
    let new_code = NewCode {
        digest: code.digest(),
        redirect_uri: request.redirect_uri.clone(),
        challenge: request.challenge,
        nonce: request.nonce.clone(),
        expires_at: code_ends,
    };
    let (asked, consent) = consent(issue);
    let new = NewGrant {
        grant: &grant,
        offline,
        code: &new_code,
        consent: match (&asked, consent) {
            (Some(now), before) => Some(ConsentUse::Remembered { before, now }),
            (None, relied_on) => relied_on.map(ConsentUse::ReliedOn),
        },
        interaction: issue.waiting.map(|waiting| waiting.id),
    };
    match app.store().issue_code(&new).await? {
        IssueOutcome::Issued => {
            let session_state = session_state::for_request(app, request, issue.session);
            let answer = Callback::of(request, app.issuer()).code(code.expose(), session_state);
            Ok(Issued::Answer(answer))
        }
        IssueOutcome::AlreadyAnswered => Ok(Issued::AlreadyAnswered),
        IssueOutcome::Changed => Ok(Issued::Changed),
        IssueOutcome::Gone => Err(Reason::AuthorizeClientUnknown.into()),
    }
}

/// What is remembered from now on, if the person was asked just now: everything allowed so far, less what the client may no
/// longer ask for. And the consent that this goes back to; none for a client that needs none.
fn consent<'a>(issue: &Issue<'a>) -> (Option<Allowed>, Option<&'a Allowed>) {
    let asked = issue
        .waiting
        .is_some_and(|waiting| waiting.progress.consented == Some(issue.session.id));
    let client = issue.found.client.as_ref();
    let allowed = client.filter(|_| asked).map(|client| &client.metadata.scope);
    let Some(allowed) = allowed else {
        let trusted = client.is_some_and(|client| client.metadata.consent == ConsentPolicy::Trusted);
        return (None, issue.consented.filter(|_| !trusted));
    };
    let before = issue.consented.cloned().unwrap_or_default();
    let scope = before
        .scope
        .filter(|token| allowed.contains(token))
        .union(&issue.request.scope);
    let claims = before.claims.union(&issue.request.claims.all()).beyond(&scope);
    let within = ClaimSet::of_scope(allowed);
    let now = Allowed {
        claims: claims.filter(|claim| within.contains(claim)),
        scope,
    };
    (Some(now), issue.consented)
}

/// The longest life of an access token. Without offline access a grant ends with the last token that its code can buy; its
/// row lives that long, and with it the memory that the code was used.
pub(super) fn longest_access(app: &App, catalog: &Catalog) -> i64 {
    let of_apis = catalog.apis.iter().filter_map(|api| api.settings.lifetime);
    of_apis.fold(app.config().tokens.access_lifetime.as_secs(), i64::max)
}
