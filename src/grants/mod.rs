//! The token endpoint's grants: one file each, always load, decide, plan, commit.

mod authorization_code;
mod client_credentials;
mod device_code;
mod refresh_token;

use crate::app::App;
use crate::model::audit_event::{Actor, AuditEvent, AuditKind};
use crate::model::caller::Caller;
use crate::model::client::Client;
use crate::model::grant::Grant;
use crate::protocol::error::{OAuthError, Reason};
use crate::protocol::grant_type::GrantType;
use crate::protocol::params::Params;
use crate::protocol::scope::Scope;
use crate::store::Catalog;
use crate::time::Timestamp;
use crate::tokens::audience::{self, Target};
use crate::tokens::plan::TokenResponse;

pub use authorization_code::{CodeRequest, Decision as CodeDecision, decide as decide_code};
pub use client_credentials::ClientCredentialsRequest;
pub use device_code::{Decision as DeviceDecision, DeviceCodeRequest, decide as decide_device};
pub use refresh_token::{Decision as RefreshDecision, RefreshRequest, decide as decide_refresh};

/// What every grant is given.
#[derive(Clone, Copy)]
pub struct TokenCx<'a> {
    /// The server.
    pub app: &'a App,
    /// The authenticated client.
    pub client: &'a Client,
    /// The APIs and keys that are current.
    pub catalog: &'a Catalog,
    /// Who asks, as far as the network tells.
    pub caller: &'a Caller,
    /// The moment of the request.
    pub now: Timestamp,
}

/// A token request, parsed.
#[derive(Debug)]
pub enum GrantRequest {
    /// RFC 6749 §4.1.3.
    AuthorizationCode(CodeRequest),
    /// RFC 6749 §6.
    RefreshToken(RefreshRequest),
    /// RFC 6749 §4.4.2.
    ClientCredentials(ClientCredentialsRequest),
    /// RFC 8628 §3.4.
    DeviceCode(DeviceCodeRequest),
}

/// Reads a token request that `client` may make.
pub fn parse(params: &Params, client: &Client) -> Result<GrantRequest, Reason> {
    params.refuse_repeated()?;
    let grant_type = params.get("grant_type")?.ok_or(Reason::GrantTypeMissing)?;
    let grant_type: GrantType = grant_type.parse().map_err(|()| Reason::GrantTypeUnknown)?;
    if !client.may(grant_type) {
        return Err(Reason::GrantNotRegistered);
    }
    match grant_type {
        GrantType::AuthorizationCode => CodeRequest::parse(params).map(GrantRequest::AuthorizationCode),
        GrantType::RefreshToken => RefreshRequest::parse(params).map(GrantRequest::RefreshToken),
        GrantType::ClientCredentials => ClientCredentialsRequest::parse(params).map(GrantRequest::ClientCredentials),
        GrantType::DeviceCode => DeviceCodeRequest::parse(params).map(GrantRequest::DeviceCode),
    }
}

/// The grant type that a request names, if it names one that exists.
pub fn grant_type(params: &Params) -> Option<GrantType> {
    params.get("grant_type").ok()??.parse().ok()
}

/// Answers a token request. The grants that work on the database are boxed: their futures are large, and a machine's token
/// would carry room for them.
pub async fn exchange(cx: &TokenCx<'_>, request: GrantRequest) -> Result<TokenResponse, OAuthError> {
    match request {
        GrantRequest::AuthorizationCode(request) => Box::pin(authorization_code::exchange(cx, &request)).await,
        GrantRequest::RefreshToken(request) => Box::pin(refresh_token::exchange(cx, &request)).await,
        GrantRequest::DeviceCode(request) => Box::pin(device_code::exchange(cx, &request)).await,
        GrantRequest::ClientCredentials(request) => client_credentials::exchange(cx, &request).await,
    }
}

impl TokenCx<'_> {
    /// Leaves in the audit trail what the client did with a grant.
    fn record(&self, kind: AuditKind, grant: &Grant, more: impl FnOnce(AuditEvent) -> AuditEvent) {
        let event = self.event(kind).subject(grant.user_id).grant(grant.id);
        self.app.audit().record(more(event));
    }

    fn event(&self, kind: AuditKind) -> AuditEvent {
        let client = &self.client.client_id;
        AuditEvent::new(kind, Actor::Client(client.clone()), self.now)
            .by(self.caller)
            .client(client)
    }

    /// The target of a token with `scope` at `resources`. A scope of which nothing is left there is an error: the client
    /// asked for something, and an answer that leaves `scope` out would say that it got it (RFC 6749 §5.1).
    fn target(&self, scope: &Scope, resources: &[String]) -> Result<Target, Reason> {
        let lifetime = self.app.config().tokens.access_lifetime.as_secs();
        let issuer = self.app.issuer();
        let target = audience::resolve(&self.catalog.apis, self.client, issuer, scope, (resources, lifetime))?;
        let lost = target.scope.is_empty() && !scope.is_empty();
        if lost { Err(Reason::ScopeNotAllowed) } else { Ok(target) }
    }
}

/// The requested resources must be among those of the grant, if it names any (RFC 8707 §2.2).
fn granted_resources(granted: &[String], requested: &[String]) -> Result<Vec<String>, Reason> {
    if requested.is_empty() {
        return Ok(granted.to_vec());
    }
    let beyond = !granted.is_empty() && requested.iter().any(|resource| !granted.contains(resource));
    if beyond {
        Err(Reason::ResourceNotGranted)
    } else {
        Ok(requested.to_vec())
    }
}

/// An optional `scope` parameter.
fn scope(params: &Params) -> Result<Option<Scope>, Reason> {
    params.get("scope")?.map(Scope::parse).transpose()
}
