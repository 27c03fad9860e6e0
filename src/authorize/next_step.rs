//! What a request still needs before a code can be given. Pure: the same function answers the first visit, the return from
//! sign-in and from consent, and `prompt=none`.

use crate::model::browser_session::BrowserSession;
use crate::model::client::{Client, ConsentPolicy};
use crate::model::consent::Allowed;
use crate::model::interaction::{AuthorizationRequest, Progress};
use crate::model::user::User;
use crate::protocol::error::Reason;
use crate::time::Timestamp;
use crate::tokens::subject;

/// Everything that decides.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// What was asked.
    pub request: &'a AuthorizationRequest,
    /// Who asks.
    pub client: &'a Client,
    /// Who is signed in, if that counts.
    pub session: Option<&'a BrowserSession>,
    /// The person whose sign-in that is.
    pub user: Option<&'a User>,
    /// What they allowed this client before.
    pub consented: Option<&'a Allowed>,
    /// What they did for this very request.
    pub progress: &'a Progress,
    /// The moment.
    pub now: Timestamp,
}

/// The next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Ask for credentials.
    Login(LoginReason),
    /// Ask which account.
    SelectAccount,
    /// Ask for consent.
    Consent,
    /// Give the code.
    Issue,
    /// Tell the client.
    Refuse(Reason),
}

/// Why credentials are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginReason {
    /// Nobody is signed in.
    NotSignedIn,
    /// The sign-in is older than `max_age`.
    TooOld,
    /// `prompt=login`.
    Asked,
    /// Somebody other than the hinted person is signed in.
    OtherUser,
}

impl LoginReason {
    fn refusal(self) -> Reason {
        match self {
            Self::NotSignedIn => Reason::NotSignedIn,
            Self::TooOld => Reason::SignInTooOld,
            Self::Asked => Reason::SignInAskedAgain,
            Self::OtherUser => Reason::OtherUserThanHint,
        }
    }
}

/// Decides, in this order: who, which account, what for. With `prompt=none` every question becomes its error.
pub fn next_step(facts: &Facts<'_>) -> Step {
    let step = wanted_step(facts);
    if !facts.request.prompt.none {
        return step;
    }
    match step {
        Step::Login(why) => Step::Refuse(why.refusal()),
        Step::SelectAccount => Step::Refuse(Reason::AccountNotChosen),
        Step::Consent => Step::Refuse(Reason::ConsentMissing),
        done => done,
    }
}

fn wanted_step(facts: &Facts<'_>) -> Step {
    let Some(session) = facts.session else {
        return Step::Login(LoginReason::NotSignedIn);
    };
    if must_choose_account(facts, session) {
        return Step::SelectAccount;
    }
    if let Some(step) = sign_in_again(facts, session) {
        return step;
    }
    if must_consent(facts, session) {
        Step::Consent
    } else {
        Step::Issue
    }
}

/// A fresh sign-in for this request is a choice of account too.
fn must_choose_account(facts: &Facts<'_>, session: &BrowserSession) -> bool {
    let chosen = [facts.progress.chosen, facts.progress.signed_in].contains(&Some(session.id));
    facts.request.prompt.select_account && !chosen
}

/// A sign-in made for this very request satisfies `prompt=login` and any `max_age`; otherwise `max_age=0` could never be met.
/// It does not make somebody else of the person: a hint that still does not fit ends the request.
fn sign_in_again(facts: &Facts<'_>, session: &BrowserSession) -> Option<Step> {
    let fresh = facts.progress.signed_in == Some(session.id);
    let other = is_other(facts);
    let too_old = facts
        .request
        .max_age
        .is_some_and(|limit| facts.now.since(session.auth_time) > limit);
    let too_old = too_old || facts.request.max_age == Some(0);
    match (fresh, other) {
        (true, true) => Some(Step::Refuse(Reason::OtherUserThanHint)),
        (true, false) => None,
        (false, true) => Some(Step::Login(LoginReason::OtherUser)),
        (false, false) if facts.request.prompt.login => Some(Step::Login(LoginReason::Asked)),
        (false, false) if too_old => Some(Step::Login(LoginReason::TooOld)),
        (false, false) => None,
    }
}

/// Whether somebody else is signed in than `id_token_hint` or the claim `sub` asks for.
fn is_other(facts: &Facts<'_>) -> bool {
    let (hinted, wanted) = (facts.request.hinted_subject.as_ref(), &facts.request.subjects);
    if hinted.is_none() && wanted.is_empty() {
        return false;
    }
    let Some(subject) = facts.user.map(|user| subject::of(facts.client, user)) else {
        return true;
    };
    hinted.is_some_and(|hint| *hint != subject) || !(wanted.is_empty() || wanted.contains(&subject))
}

/// Consent counts for the sign-in that gave it. What is remembered does not count for a client that anybody's program on
/// the machine could pass for (RFC 8252 §8.6), nor when consent is asked for (`prompt=consent`).
fn must_consent(facts: &Facts<'_>, session: &BrowserSession) -> bool {
    if facts.progress.consented == Some(session.id) {
        return false;
    }
    if facts.request.prompt.consent {
        return true;
    }
    if facts.client.metadata.consent == ConsentPolicy::Trusted {
        return false;
    }
    let covered = facts
        .consented
        .is_some_and(|consented| consented.covers(&facts.request.scope, &facts.request.claims.all()));
    !(covered && remembers_consent(facts.client, facts.request))
}

/// Whether a consent given now will count for later requests like this one.
pub fn remembers_consent(client: &Client, request: &AuthorizationRequest) -> bool {
    !(client.is_public() && request.redirect_uri.proves_no_identity())
}
