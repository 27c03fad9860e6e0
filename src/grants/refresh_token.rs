//! Refresh (RFC 6749 §6): rotation on every use, and reuse ends the grant (OAuth 2.1 §4.3.1, RFC 9700 §4.14.2).

use super::{TokenCx, granted_resources, scope};
use crate::crypto::opaque::{Kind, OpaqueToken};
use crate::model::audit_event::AuditKind;
use crate::model::client::Client;
use crate::model::grant::EndReason;
use crate::model::refresh_token::RefreshTokenState;
use crate::protocol::error::{OAuthError, Reason};
use crate::protocol::params::Params;
use crate::protocol::resource;
use crate::protocol::scope::Scope;
use crate::store::{LoadedRefreshToken, RefreshOutcome, RememberedRefreshToken, Successor};
use crate::time::Timestamp;
use crate::tokens::access::Subject;
use crate::tokens::plan::{Order, TokenResponse, plan};

/// The request.
#[derive(Debug)]
pub struct RefreshRequest {
    token: Option<OpaqueToken>,
    scope: Option<Scope>,
    resources: Vec<String>,
}

/// What to do about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Issue the successor.
    Rotate(Successor),
    /// Refuse, and leave everything as it is.
    Refuse(Reason),
    /// Refuse, and end the grant: somebody else holds the token too.
    RefuseAndRevoke(Reason),
}

/// With the retry window switched off, the loser of an honest race (two tabs) is refused without ending the grant for this
/// many seconds.
const RACE_SECONDS: i64 = 2;

/// How often a request that others outran decides again before it gives up with 503.
const MAX_ROUNDS: usize = 20;

impl RefreshRequest {
    /// Reads the parameters. What cannot be one of our tokens is a wrong token, not a malformed request.
    pub fn parse(params: &Params) -> Result<Self, Reason> {
        let token = params.get("refresh_token")?.ok_or(Reason::RefreshTokenMissing)?;
        Ok(Self {
            token: OpaqueToken::parse(Kind::Refresh, token),
            scope: scope(params)?,
            resources: resource::parse(params)?,
        })
    }
}

pub(super) async fn exchange(cx: &TokenCx<'_>, request: &RefreshRequest) -> Result<TokenResponse, OAuthError> {
    let digest = request.token.as_ref().ok_or(Reason::RefreshTokenUnknown)?.digest();
    let store = cx.app.store();
    if let Some(known) = store.remembered_refresh_token(&digest).await? {
        match attempt(cx, request, Presented::Remembered(&known)).await {
            Ok(Some(response)) => return Ok(response),
            // Whether it was stored, nobody knows.
            Err(error) if error.status() >= 500 => return Err(error),
            // It may be a spent one, which comes before what else there is to refuse.
            Ok(None) | Err(_) => {}
        }
    }
    for _ in 0..MAX_ROUNDS {
        let loaded = store.presented_refresh_token(&digest).await?;
        let loaded = loaded.ok_or(Reason::RefreshTokenUnknown)?;
        if let Some(response) = attempt(cx, request, Presented::Read(&loaded)).await? {
            return Ok(response);
        }
    }
    Err(Reason::Busy.into())
}

/// A token as it was read for this request, or as it is remembered to be live.
#[derive(Clone, Copy)]
enum Presented<'a> {
    Read(&'a LoadedRefreshToken),
    Remembered(&'a RememberedRefreshToken),
}

impl<'a> Presented<'a> {
    fn loaded(self) -> &'a LoadedRefreshToken {
        match self {
            Self::Read(loaded) => loaded,
            Self::Remembered(known) => known,
        }
    }
}

/// One round: `None` when another request of the same family was faster.
async fn attempt(
    cx: &TokenCx<'_>,
    request: &RefreshRequest,
    presented: Presented<'_>,
) -> Result<Option<TokenResponse>, OAuthError> {
    let loaded = presented.loaded();
    let window = cx.app.config().tokens.refresh_retry_window.as_secs();
    let successor = match decide(loaded, cx.client, window, cx.now) {
        Decision::Rotate(successor) => successor,
        Decision::Refuse(reason) => return Err(reason.into()),
        Decision::RefuseAndRevoke(reason) => {
            let (client_id, grant_id) = (&cx.client.client_id, loaded.grant.id);
            tracing::warn!(%client_id, %grant_id, "refresh token replayed, grant revoked");
            cx.app
                .store()
                .end_grant(grant_id, EndReason::RefreshReplay, cx.now)
                .await?;
            cx.record(AuditKind::RefreshReused, &loaded.grant, |event| event.reason(reason));
            return Err(reason.into());
        }
    };
    let scope = narrowed_scope(&loaded.grant.scope, &cx.client.metadata.scope, request.scope.as_ref())?;
    let resources = granted_resources(&loaded.grant.resources, &request.resources)?;
    let target = cx.target(&scope, &resources)?;
    let order = Order {
        client: cx.client,
        subject: Subject::User {
            user: &loaded.user,
            grant: &loaded.grant,
        },
        target,
        refresh: true,
        nonce: None,
        now: cx.now,
    };
    let plan = plan(cx.app, cx.catalog, order).await?;
    let store = cx.app.store();
    let outcome = match presented {
        Presented::Remembered(known) => store.rotate_remembered(known, &plan.stored, cx.now).await?,
        Presented::Read(loaded) => {
            store
                .rotate_refresh_token(loaded, &plan.stored, successor, cx.now)
                .await?
        }
    };
    match outcome {
        RefreshOutcome::Rotated => Ok(Some(plan.response)),
        RefreshOutcome::Outrun => Ok(None),
        RefreshOutcome::Gone => Err(Reason::RefreshTokenUnknown.into()),
    }
}

/// The checks, in order. Everything that could make the request somebody else's comes before the replay check: only the
/// token's own client can be the reason to end the grant.
pub fn decide(loaded: &LoadedRefreshToken, client: &Client, window: i64, now: Timestamp) -> Decision {
    let checks = || -> Result<(), Reason> {
        check_client(loaded, client)?;
        check_grant_alive(loaded, now)?;
        check_user_enabled(loaded)
    };
    match checks() {
        Ok(()) => decide_by_state(loaded, window, now),
        Err(reason) => Decision::Refuse(reason),
    }
}

fn check_client(loaded: &LoadedRefreshToken, client: &Client) -> Result<(), Reason> {
    if loaded.grant.client_id == client.client_id {
        Ok(())
    } else {
        Err(Reason::RefreshTokenOfOtherClient)
    }
}

fn check_grant_alive(loaded: &LoadedRefreshToken, now: Timestamp) -> Result<(), Reason> {
    if loaded.grant.ended.is_some() {
        return Err(Reason::GrantEnded);
    }
    if now < loaded.grant.expires_at {
        Ok(())
    } else {
        Err(Reason::GrantExpired)
    }
}

fn check_user_enabled(loaded: &LoadedRefreshToken) -> Result<(), Reason> {
    if loaded.user.is_enabled() {
        Ok(())
    } else {
        Err(Reason::UserDisabled)
    }
}

fn decide_by_state(loaded: &LoadedRefreshToken, window: i64, now: Timestamp) -> Decision {
    match loaded.token.state {
        RefreshTokenState::Live if now < loaded.token.expires_at => Decision::Rotate(Successor::Next),
        RefreshTokenState::Live => Decision::Refuse(Reason::RefreshTokenExpired),
        RefreshTokenState::Replaced => Decision::Refuse(Reason::RefreshTokenReplaced),
        RefreshTokenState::Spent {
            at,
            successor_used: false,
        } if window > 0 && now.since(at) <= window => Decision::Rotate(Successor::InPlaceOfUnused),
        RefreshTokenState::Spent {
            at,
            successor_used: false,
        } if window == 0 && now.since(at) <= RACE_SECONDS => Decision::Refuse(Reason::RefreshTokenRaced),
        RefreshTokenState::Spent { .. } => Decision::RefuseAndRevoke(Reason::RefreshTokenReplayed),
    }
}

/// What the new access token may do: the grant's scope less what the client has lost since, narrowed on request. The grant
/// keeps its own scope (RFC 6749 §6).
fn narrowed_scope(granted: &Scope, allowed: &Scope, requested: Option<&Scope>) -> Result<Scope, Reason> {
    let still = granted.filter(|token| allowed.contains(token));
    let scope = match requested {
        None => still,
        Some(requested) if !granted.covers(requested) => return Err(Reason::ScopeWidened),
        Some(requested) => requested.filter(|token| still.contains(token)),
    };
    if scope.is_empty() {
        Err(Reason::ScopeNotAllowed)
    } else {
        Ok(scope)
    }
}
