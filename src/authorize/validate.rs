//! The checks on an authorization request, in their order. From here on errors go to the client.

use super::callback::Callback;
use crate::crypto::keys::KeyRing;
use crate::model::client::{Client, PkcePolicy};
use crate::model::interaction::AuthorizationRequest;
use crate::protocol::claims_request::{self, ClaimsRequest, RequestedClaims};
use crate::protocol::discovery::ACR_VALUES;
use crate::protocol::error::Reason;
use crate::protocol::grant_type::GrantType;
use crate::protocol::params::Params;
use crate::protocol::pkce::CodeChallenge;
use crate::protocol::prompt::Prompt;
use crate::protocol::resource;
use crate::protocol::response_mode::ResponseMode;
use crate::protocol::response_type::ResponseType;
use crate::protocol::scope::{OPENID, OPENID_SCOPES, Scope};
use crate::protocol::standard_claims::scope_of;
use crate::store::Catalog;
use crate::time::Timestamp;
use crate::tokens::{audience, verify};

/// The longest `state` that is kept.
const MAX_STATE: usize = 4096;
/// The longest `nonce` that is kept.
const MAX_NONCE: usize = 1024;
/// The longest `login_hint` that is used; a longer one is no name.
const MAX_LOGIN_HINT: usize = 320;

/// The longest `ui_locales` that is used.
const MAX_UI_LOCALES: usize = 256;

/// What the checks look at.
#[derive(Clone, Copy)]
pub struct ValidateCx<'a> {
    /// Who asks.
    pub client: &'a Client,
    /// The APIs that exist.
    pub catalog: &'a Catalog,
    /// The keys that ID tokens were signed with.
    pub ring: &'a KeyRing,
    /// This server.
    pub issuer: &'a str,
    /// The moment of the request.
    pub now: Timestamp,
}

/// The list. Each line is one rule.
pub fn validate(cx: &ValidateCx<'_>, callback: &Callback, params: &Params) -> Result<AuthorizationRequest, Reason> {
    params.refuse_repeated()?;
    check_response_type(params)?;
    check_response_mode(params)?;
    check_grant_registered(cx.client)?;
    check_unsupported(params)?;
    check_state(callback)?;
    let nonce = check_nonce(params)?;
    let challenge = check_pkce(cx.client, params)?;
    let scope = check_scope(cx.client, params)?;
    let resources = check_resources(cx, &scope, params)?;
    let prompt = Prompt::parse(params.get("prompt")?)?;
    let max_age = check_max_age(cx.client, params)?;
    let asked = claims_request::parse(params.get("claims")?)?;
    check_acr(&asked)?;
    let hinted_subject = check_id_token_hint(cx, params)?;
    Ok(AuthorizationRequest {
        client_id: cx.client.client_id.clone(),
        redirect_uri: callback.redirect_uri().clone(),
        response_mode: callback.response_mode(),
        state: callback.state().map(str::to_owned),
        nonce,
        resources,
        challenge,
        prompt,
        max_age,
        login_hint: login_hint(params)?,
        hinted_subject,
        ui_locales: ui_locales(params)?,
        claims: claims(cx.client, &scope, &asked.claims),
        subjects: asked.subjects,
        scope,
    })
}

fn check_response_type(params: &Params) -> Result<(), Reason> {
    ResponseType::parse(params.get("response_type")?.ok_or(Reason::ResponseTypeMissing)?).map(drop)
}

fn check_response_mode(params: &Params) -> Result<(), Reason> {
    ResponseMode::parse(params.get("response_mode")?).map(drop)
}

fn check_grant_registered(client: &Client) -> Result<(), Reason> {
    if client.may(GrantType::AuthorizationCode) {
        Ok(())
    } else {
        Err(Reason::GrantNotRegistered)
    }
}

/// Refused rather than overlooked (OpenID Connect Core §3.1.2.6).
fn check_unsupported(params: &Params) -> Result<(), Reason> {
    match params.get("registration")? {
        Some(_) => Err(Reason::Registration),
        None => Ok(()),
    }
}

fn check_state(callback: &Callback) -> Result<(), Reason> {
    if callback.state().is_some_and(|state| state.len() > MAX_STATE) {
        Err(Reason::StateTooLong)
    } else {
        Ok(())
    }
}

fn check_nonce(params: &Params) -> Result<Option<String>, Reason> {
    match params.get("nonce")? {
        Some(nonce) if nonce.len() > MAX_NONCE => Err(Reason::NonceTooLong),
        nonce => Ok(nonce.map(str::to_owned)),
    }
}

/// S256 always, unless the operator lets a confidential client go without. A nonce could then do part of its work (RFC 9700
/// §2.1.1), but is of use only to a client that compares it, which nobody here can see; the risk is the operator's choice.
fn check_pkce(client: &Client, params: &Params) -> Result<Option<CodeChallenge>, Reason> {
    let challenge = CodeChallenge::parse(params.get("code_challenge")?, params.get("code_challenge_method")?)?;
    let optional = client.metadata.pkce == PkcePolicy::Optional && !client.is_public();
    match challenge {
        Some(challenge) => Ok(Some(challenge)),
        None if optional => Ok(None),
        None => Err(Reason::CodeChallengeMissing),
    }
}

/// Without `scope`, the API scopes that the client is registered for are its default (RFC 6749 §3.3).
pub(super) fn check_scope(client: &Client, params: &Params) -> Result<Scope, Reason> {
    let Some(text) = params.get("scope")? else {
        let default = client.metadata.scope.filter(|token| !OPENID_SCOPES.contains(&token));
        return if default.is_empty() {
            Err(Reason::ScopeMissing)
        } else {
            Ok(default)
        };
    };
    let scope = Scope::parse(text)?;
    if client.metadata.scope.covers(&scope) {
        Ok(scope)
    } else {
        Err(Reason::ScopeNotAllowed)
    }
}

fn check_resources(cx: &ValidateCx<'_>, scope: &Scope, params: &Params) -> Result<Vec<String>, Reason> {
    let resources = resource::parse(params)?;
    audience::check_resources(&cx.catalog.apis, cx.client, scope, &resources)?;
    Ok(resources)
}

/// A number of seconds; without it, what the client registered (`default_max_age`). What is none, negative, or over 136 years
/// is an error.
fn check_max_age(client: &Client, params: &Params) -> Result<Option<i64>, Reason> {
    let Some(text) = params.get("max_age")? else {
        return Ok(client.metadata.authentication.max_age);
    };
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = text
        .parse::<u32>()
        .ok()
        .filter(|_| digits)
        .ok_or(Reason::MaxAgeMalformed)?;
    Ok(Some(i64::from(seconds)))
}

/// An authentication context that must be reached (OpenID Connect Core §5.5.1.1) can be one that no sign-in here reaches.
/// `acr_values` and `default_acr_values` are wishes, and there is one context, so they leave nothing to choose.
fn check_acr(asked: &ClaimsRequest) -> Result<(), Reason> {
    let reachable = |acr: &String| ACR_VALUES.contains(&acr.as_str());
    if asked.essential_acr.is_empty() || asked.essential_acr.iter().any(reachable) {
        Ok(())
    } else {
        Err(Reason::AcrUnreachable)
    }
}

/// The claims that the client may be told: by their own name it gets at nothing that it could not get at by scope. Without
/// `openid` there is no place to tell them.
fn claims(client: &Client, scope: &Scope, asked: &RequestedClaims) -> RequestedClaims {
    if !scope.contains(OPENID) {
        return RequestedClaims::default();
    }
    asked.filter(|claim| scope_of(claim).is_some_and(|token| client.metadata.scope.contains(token)))
}

fn check_id_token_hint(cx: &ValidateCx<'_>, params: &Params) -> Result<Option<String>, Reason> {
    params
        .get("id_token_hint")?
        .map(|hint| verify::id_token_hint(cx.ring, cx.issuer, &cx.client.client_id, hint, cx.now))
        .transpose()
}

fn login_hint(params: &Params) -> Result<Option<String>, Reason> {
    Ok(params
        .get("login_hint")?
        .filter(|hint| hint.len() <= MAX_LOGIN_HINT)
        .map(str::to_owned))
}

/// Language tags separated by spaces (OpenID Connect Core §3.1.2.1). What is too long to be such a list is left out: nothing
/// may fail because of it.
fn ui_locales(params: &Params) -> Result<Vec<String>, Reason> {
    let text = params.get("ui_locales")?.filter(|text| text.len() <= MAX_UI_LOCALES);
    Ok(text.map_or_else(Vec::new, |text| {
        text.split_ascii_whitespace().map(str::to_owned).collect()
    }))
}
