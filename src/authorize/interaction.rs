//! Requests that wait for a person: begun, looked up by the browser that began them, and moved on.

use uuid::Uuid;

use crate::app::App;
use crate::model::client::Client;
use crate::model::interaction::{AuthorizationRequest, BrowserId, Interaction, InteractionId, Progress};
use crate::protocol::error::OAuthError;
use crate::protocol::grant_type::GrantType;
use crate::protocol::standard_claims::ClaimSet;
use crate::store::InteractionWrite;
use crate::time::Timestamp;

/// Why an interaction cannot go on. None of these says whether it exists for somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// Unknown, another browser's, or given up.
    Unknown,
    /// Answered already.
    Answered,
}

/// Stores a request that has to wait.
pub async fn begin(
    app: &App,
    request: AuthorizationRequest,
    browser: BrowserId,
    now: Timestamp,
) -> Result<Interaction, OAuthError> {
    let interaction = Interaction {
        id: InteractionId(app.row_key(now)),
        browser,
        request,
        progress: Progress::default(),
        created_at: now,
        expires_at: now.plus(app.config().sessions.interaction_lifetime.as_secs()),
        completed_at: None,
    };
    app.store().insert_interaction(&interaction).await?;
    Ok(interaction)
}

/// Finds the waiting request `id` for the browser that began it.
pub async fn find(
    app: &App,
    id: Uuid,
    browser: Option<BrowserId>,
    now: Timestamp,
) -> Result<Result<Interaction, Unusable>, OAuthError> {
    let found = app.store().interaction(InteractionId(id)).await?;
    Ok(check(found, browser, now))
}

fn check(found: Option<Interaction>, browser: Option<BrowserId>, now: Timestamp) -> Result<Interaction, Unusable> {
    let interaction = found.ok_or(Unusable::Unknown)?;
    if browser != Some(interaction.browser) || interaction.expires_at <= now {
        return Err(Unusable::Unknown);
    }
    if interaction.completed_at.is_some() {
        return Err(Unusable::Answered);
    }
    Ok(interaction)
}

/// Whether a request that waited would still be accepted: an operator may have disabled the client since, or taken away the
/// grant, the scope, or the address that the answer would go to.
pub fn may_go_on(request: &AuthorizationRequest, client: &Client) -> bool {
    client.is_enabled()
        && client.may(GrantType::AuthorizationCode)
        && client.redirect_uri(request.redirect_uri.as_str()).is_some()
        && client.metadata.scope.covers(&request.scope)
        && ClaimSet::of_scope(&client.metadata.scope).covers(&request.claims.all())
}

/// Records progress. `false`: the request went on without this page.
pub async fn advance(app: &App, interaction: &mut Interaction, progress: Progress) -> Result<bool, OAuthError> {
    let saved = app.store().save_progress(interaction, &progress).await?;
    interaction.progress = progress;
    Ok(saved == InteractionWrite::Done)
}

/// Ends a request without a code. `false`: it was answered before.
pub async fn finish(app: &App, interaction: &Interaction, now: Timestamp) -> Result<bool, OAuthError> {
    Ok(app.store().complete_interaction(interaction.id, now).await? == InteractionWrite::Done)
}
