//! Rows that more than one file reads, and how they become facts.

use sqlx::types::Json;
use uuid::Uuid;

use super::{Result, StoreError};
use crate::model::browser_session::{BrowserSession, BrowserSessionId};
use crate::model::consent::Allowed;
use crate::model::grant::{Authentication, EndReason, Ended, Grant, GrantId};
use crate::model::user::{PairwiseSalt, PasswordHash, User, UserId, Username};
use crate::protocol::claims_request::RequestedClaims;
use crate::protocol::ids::ClientId;
use crate::protocol::scope::Scope;
use crate::protocol::standard_claims::{ClaimSet, StandardClaims};
use crate::time::Timestamp;

/// The columns of [`UserRow`], of a table that is called `u`.
macro_rules! user_columns {
    () => {
        "u.id AS user_id, u.username, u.password_hash, u.claims, u.is_admin, u.pairwise_salt, \
         u.created_at AS user_created_at, u.updated_at AS user_updated_at, u.disabled_at AS user_disabled_at"
    };
}
pub(super) use user_columns;

/// The columns of [`SessionRow`], of a table that is called `s`.
macro_rules! session_columns {
    () => {
        "s.id AS session_id, s.user_id AS session_user_id, s.auth_time, s.acr, s.amr, s.created_at AS session_created_at, \
         s.last_seen_at, s.expires_at AS session_expires_at, s.ended_at AS session_ended_at, s.user_agent, s.address"
    };
}
pub(super) use session_columns;

/// The columns of [`GrantRow`], of a table that is called `g`.
macro_rules! grant_columns {
    () => {
        "g.id AS grant_id, g.user_id AS grant_user_id, g.client_id AS grant_client_id, g.session_id AS grant_session_id, \
         g.scope AS grant_scope, g.resources, g.userinfo_claims, g.id_token_claims, g.authentication, g.created_at AS grant_created_at, \
         g.expires_at AS grant_expires_at, g.ended_at AS grant_ended_at, g.end_reason"
    };
}
pub(super) use grant_columns;

#[derive(sqlx::FromRow)]
pub(super) struct UserRow {
    user_id: Uuid,
    username: String,
    password_hash: Option<String>,
    claims: Json<StandardClaims>,
    is_admin: bool,
    pairwise_salt: Vec<u8>,
    user_created_at: i64,
    user_updated_at: i64,
    user_disabled_at: Option<i64>,
}

impl TryFrom<UserRow> for User {
    type Error = StoreError;

    fn try_from(row: UserRow) -> Result<Self> {
        let salt = row.pairwise_salt.try_into();
        Ok(Self {
            id: UserId(row.user_id),
            username: Username::stored(row.username),
            password: row.password_hash.map(PasswordHash),
            claims: row.claims.0,
            is_admin: row.is_admin,
            pairwise_salt: PairwiseSalt(salt.map_err(|_| StoreError::Corrupt("users.pairwise_salt"))?),
            created_at: Timestamp(row.user_created_at),
            updated_at: Timestamp(row.user_updated_at),
            disabled_at: row.user_disabled_at.map(Timestamp),
        })
    }
}

#[derive(sqlx::FromRow)]
pub(super) struct SessionRow {
    session_id: Uuid,
    session_user_id: Uuid,
    auth_time: i64,
    acr: String,
    amr: Json<Vec<String>>,
    session_created_at: i64,
    pub(super) last_seen_at: i64,
    session_expires_at: i64,
    session_ended_at: Option<i64>,
    user_agent: Option<String>,
    address: Option<String>,
}

impl From<SessionRow> for BrowserSession {
    fn from(row: SessionRow) -> Self {
        Self {
            id: BrowserSessionId(row.session_id),
            user_id: UserId(row.session_user_id),
            auth_time: Timestamp(row.auth_time),
            acr: row.acr,
            amr: row.amr.0,
            created_at: Timestamp(row.session_created_at),
            expires_at: Timestamp(row.session_expires_at),
            ended_at: row.session_ended_at.map(Timestamp),
            user_agent: row.user_agent,
            // It decides nothing, so what cannot be read is merely not shown.
            address: row.address.and_then(|address| address.parse().ok()),
        }
    }
}

#[derive(sqlx::FromRow)]
pub(super) struct GrantRow {
    grant_id: Uuid,
    grant_user_id: Uuid,
    grant_client_id: String,
    grant_session_id: Uuid,
    grant_scope: String,
    resources: Json<Vec<String>>,
    userinfo_claims: String,
    id_token_claims: String,
    authentication: Json<Authentication>,
    grant_created_at: i64,
    grant_expires_at: i64,
    grant_ended_at: Option<i64>,
    end_reason: Option<String>,
}

impl TryFrom<GrantRow> for Grant {
    type Error = StoreError;

    fn try_from(row: GrantRow) -> Result<Self> {
        let why = EndReason::from_stored(row.end_reason.as_deref().unwrap_or_default());
        Ok(Self {
            id: GrantId(row.grant_id),
            user_id: UserId(row.grant_user_id),
            client_id: client_id(row.grant_client_id)?,
            session_id: BrowserSessionId(row.grant_session_id),
            scope: scope(row.grant_scope)?,
            resources: row.resources.0,
            claims: RequestedClaims {
                userinfo: ClaimSet::stored(&row.userinfo_claims),
                id_token: ClaimSet::stored(&row.id_token_claims),
            },
            authentication: row.authentication.0,
            created_at: Timestamp(row.grant_created_at),
            expires_at: Timestamp(row.grant_expires_at),
            ended: row.grant_ended_at.map(|at| Ended { at: Timestamp(at), why }),
        })
    }
}

pub(super) fn client_id(text: String) -> Result<ClientId> {
    ClientId::try_from(text).map_err(|_| StoreError::Corrupt("client_id"))
}

/// A consent, as its two columns tell of it.
pub(super) fn allowed(scope_text: String, claims: &str) -> Result<Allowed> {
    Ok(Allowed {
        scope: scope(scope_text)?,
        claims: ClaimSet::stored(claims),
    })
}

pub(super) fn scope(text: String) -> Result<Scope> {
    Scope::try_from(text).map_err(|_| StoreError::Corrupt("scope"))
}
