//! Client credentials (RFC 6749 §4.4): a client's own token. JWTs cost no write.

use super::{TokenCx, scope};
use crate::model::audit_event::AuditKind;
use crate::model::client::Client;
use crate::protocol::error::{OAuthError, Reason};
use crate::protocol::grant_type::GrantType;
use crate::protocol::params::Params;
use crate::protocol::resource;
use crate::protocol::scope::{OPENID_SCOPES, Scope};
use crate::tokens::access::Subject;
use crate::tokens::plan::{Order, TokenResponse, plan};

/// The request.
#[derive(Debug)]
pub struct ClientCredentialsRequest {
    scope: Option<Scope>,
    resources: Vec<String>,
}

impl ClientCredentialsRequest {
    pub(super) fn parse(params: &Params) -> Result<Self, Reason> {
        Ok(Self {
            scope: scope(params)?,
            resources: resource::parse(params)?,
        })
    }
}

pub(super) async fn exchange(
    cx: &TokenCx<'_>,
    request: &ClientCredentialsRequest,
) -> Result<TokenResponse, OAuthError> {
    let scope = decide(cx.client, request)?;
    let target = cx.target(&scope, &request.resources)?;
    let order = Order {
        client: cx.client,
        subject: Subject::Client,
        target,
        refresh: false,
        nonce: None,
        now: cx.now,
    };
    let plan = plan(cx.app, cx.catalog, order).await?;
    if let Some(token) = &plan.stored.access {
        cx.app.store().insert_access_token(token).await?;
    }
    let event = cx.event(AuditKind::TokensIssued);
    let event = event.detail("grant_type", GrantType::ClientCredentials.as_str());
    cx.app.audit().record(event.detail("scope", scope.to_string()));
    Ok(plan.response)
}

/// The scope of the token. Without a request it is everything that the client may have; scopes about a person never are.
fn decide(client: &Client, request: &ClientCredentialsRequest) -> Result<Scope, Reason> {
    if client.is_public() {
        return Err(Reason::GrantNotRegistered);
    }
    let allowed = client.metadata.scope.filter(|token| !OPENID_SCOPES.contains(&token));
    match &request.scope {
        None => Ok(allowed),
        Some(requested) if allowed.covers(requested) => Ok(requested.clone()),
        Some(_) => Err(Reason::ScopeNotAllowed),
    }
}
