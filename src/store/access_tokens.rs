//! Opaque access tokens, and JWTs that were revoked before their time.

use sqlx::types::Json;
use uuid::Uuid;

use super::rows::{GrantRow, UserRow, grant_columns, user_columns};
use super::{Backend as _, Result, Store, on, rows, statements};
use crate::model::access_token::{AccessToken, AccessTokenContent};
use crate::model::digest::TokenDigest;
use crate::model::grant::{EndReason, Grant, GrantId};
use crate::model::user::User;
use crate::time::Timestamp;

statements! {
    INSERT_ACCESS_TOKEN = "INSERT INTO access_token (digest, grant_id, client_id, content, created_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6)";
    FIND_ACCESS_TOKEN = "SELECT digest, grant_id, client_id, content, created_at, expires_at
        FROM access_token WHERE digest = $1";
    DELETE_ACCESS_TOKEN = "DELETE FROM access_token WHERE digest = $1";
    REVOKE_JWT = "INSERT INTO revoked_jwt (jti, expires_at) VALUES ($1, $2) ON CONFLICT (jti) DO NOTHING";
    // Everything that decides whether a person's token counts, in one row.
    TOKEN_STANDING = concat!("SELECT ", grant_columns!(), ", ", user_columns!(), ",
        EXISTS (SELECT 1 FROM revoked_jwt r WHERE r.jti = $2) AS revoked,
        EXISTS (SELECT 1 FROM client c WHERE c.client_id = g.client_id AND c.disabled_at IS NULL) AS client_enabled
        FROM grants g JOIN users u ON u.id = g.user_id WHERE g.id = $1");
    IS_REVOKED_JWT = "SELECT count(*) FROM revoked_jwt WHERE jti = $1";
    END_GRANT = "UPDATE grants SET ended_at = $2, end_reason = $3 WHERE id = $1 AND ended_at IS NULL";
}

/// Stores an opaque access token, alone or in a transaction.
macro_rules! insert_access_token {
    ($db:expr, $executor:expr, $token:expr) => {{
        sqlx::query($db.text(&$crate::store::access_tokens::INSERT_ACCESS_TOKEN))
            .bind($token.digest.as_bytes().as_slice())
            .bind($token.grant_id.map(|id| id.0))
            .bind($token.client_id.as_str())
            .bind(sqlx::types::Json(&$token.content))
            .bind($token.created_at.0)
            .bind($token.expires_at.0)
            .execute($executor)
            .await?;
    }};
}
pub(super) use insert_access_token;

/// What decides whether a person's access token still counts.
#[derive(Clone, Debug)]
pub struct TokenStanding {
    /// Its grant.
    pub grant: Grant,
    /// The user of the grant.
    pub user: User,
    /// Whether this very token was revoked.
    pub revoked: bool,
    /// Whether its client may act.
    pub client_enabled: bool,
}

#[derive(sqlx::FromRow)]
struct AccessTokenRow {
    digest: Vec<u8>,
    grant_id: Option<Uuid>,
    client_id: String,
    content: Json<AccessTokenContent>,
    created_at: i64,
    expires_at: i64,
}

#[derive(sqlx::FromRow)]
struct StandingRow {
    #[sqlx(flatten)]
    grant: GrantRow,
    #[sqlx(flatten)]
    user: UserRow,
    revoked: bool,
    client_enabled: bool,
}

impl Store {
    /// Stores an opaque access token that no other write carries.
    pub async fn insert_access_token(&self, token: &AccessToken) -> Result<()> {
        on!(self.writer(), |db| insert_access_token!(db, &mut *db, token))
    }

    /// The opaque access token with this digest.
    pub async fn access_token(&self, digest: &TokenDigest) -> Result<Option<AccessToken>> {
        let row: Option<AccessTokenRow> = on!(self.reader(), |db| {
            sqlx::query_as(db.text(&FIND_ACCESS_TOKEN))
                .bind(digest.as_bytes().as_slice())
                .fetch_optional(&mut *db)
                .await?
        })?;
        row.map(|row| {
            Ok(AccessToken {
                digest: TokenDigest::from_bytes(&row.digest)
                    .ok_or(super::StoreError::Corrupt("access_token.digest"))?,
                grant_id: row.grant_id.map(GrantId),
                client_id: rows::client_id(row.client_id)?,
                content: row.content.0,
                created_at: Timestamp(row.created_at),
                expires_at: Timestamp(row.expires_at),
            })
        })
        .transpose()
    }

    /// What the token of grant `id` depends on; `jti` names the token if it is a JWT.
    pub async fn token_standing(&self, id: GrantId, jti: Option<&str>) -> Result<Option<TokenStanding>> {
        let row: Option<StandingRow> = on!(self.reader(), |db| {
            sqlx::query_as(db.text(&TOKEN_STANDING))
                .bind(id.0)
                .bind(jti.unwrap_or_default())
                .fetch_optional(&mut *db)
                .await?
        })?;
        row.map(|row| {
            Ok(TokenStanding {
                grant: row.grant.try_into()?,
                user: row.user.try_into()?,
                revoked: row.revoked,
                client_enabled: row.client_enabled,
            })
        })
        .transpose()
    }

    /// Whether a JWT was revoked before its time.
    pub async fn is_revoked_jwt(&self, jti: &str) -> Result<bool> {
        let count: i64 = on!(self.reader(), |db| {
            sqlx::query_scalar(db.text(&IS_REVOKED_JWT))
                .bind(jti)
                .fetch_one(&mut *db)
                .await?
        })?;
        Ok(count > 0)
    }

    /// Revokes an opaque access token.
    pub async fn delete_access_token(&self, digest: &TokenDigest) -> Result<()> {
        on!(self.writer(), |db| {
            sqlx::query(db.text(&DELETE_ACCESS_TOKEN))
                .bind(digest.as_bytes().as_slice())
                .execute(&mut *db)
                .await?;
        })
    }

    /// Revokes a JWT until it would have expired.
    pub async fn revoke_jwt(&self, jti: &str, expires_at: Timestamp) -> Result<()> {
        on!(self.writer(), |db| {
            sqlx::query(db.text(&REVOKE_JWT))
                .bind(jti)
                .bind(expires_at.0)
                .execute(&mut *db)
                .await?;
        })
    }

    /// Ends a grant, and with it every token that names it.
    pub async fn end_grant(&self, id: GrantId, why: EndReason, now: Timestamp) -> Result<()> {
        on!(self.writer(), |db| {
            sqlx::query(db.text(&END_GRANT))
                .bind(id.0)
                .bind(now.0)
                .bind(why.as_str())
                .execute(&mut *db)
                .await?;
        })
    }
}
