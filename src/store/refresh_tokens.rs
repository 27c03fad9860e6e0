//! Refresh tokens: loading, rotating, retrying.
//!
//! One live leaf for each grant, at every moment: a rotation spends the leaf in the write that inserts its successor, and a
//! retry replaces the unused successor in the write that inserts another.

use std::sync::Arc;

use super::access_tokens::insert_access_token;
use super::rows::{GrantRow, UserRow};
use super::{Backend as _, Db, NewTokens, Pool, Result, Store, StoreError, in_transaction, on, rotations, statements};
use crate::model::digest::TokenDigest;
use crate::model::grant::Grant;
use crate::model::refresh_token::{RefreshToken, RefreshTokenState};
use crate::model::user::User;
use crate::time::Timestamp;

/// Selects the refresh token of a digest. Whether the successor was used is asked of a spent one alone: the live leaf has none.
/// `OFFSET 0` has Postgres look for it by its index. It may else make a table of all spent tokens first, as Postgres 18 does.
macro_rules! load_refresh_token {
    ($digest:literal) => {
        concat!(
            "SELECT ",
            $crate::store::rows::grant_columns!(),
            ", ",
            $crate::store::rows::user_columns!(),
            ",
        r.digest, r.generation, r.created_at AS token_created_at, r.expires_at AS token_expires_at, r.spent_at, r.replaced_at,
        r.spent_at IS NOT NULL AND EXISTS (SELECT 1 FROM refresh_token n
            WHERE n.grant_id = r.grant_id AND n.generation = r.generation + 1 AND n.spent_at IS NOT NULL
            LIMIT 1 OFFSET 0) AS successor_used
        FROM refresh_token r JOIN grants g ON g.id = r.grant_id JOIN users u ON u.id = g.user_id
        WHERE r.digest = ",
            $digest
        )
    };
}
pub(super) use load_refresh_token;

statements! {
    LOAD_REFRESH_TOKEN = load_refresh_token!("$1");
    SPEND_REFRESH_TOKEN = "UPDATE refresh_token SET spent_at = $2
        WHERE digest = $1 AND spent_at IS NULL AND replaced_at IS NULL";
    // Takes the grant's row first: retries of one family then run one after the other, and each sees the last one's leaf.
    LOCK_GRANT = "UPDATE grants SET expires_at = expires_at WHERE id = $1 AND ended_at IS NULL";
    REPLACE_SUCCESSOR = "UPDATE refresh_token SET replaced_at = $3
        WHERE grant_id = $1 AND generation = $2 AND spent_at IS NULL AND replaced_at IS NULL";
    INSERT_REFRESH_TOKEN = "INSERT INTO refresh_token (digest, grant_id, generation, created_at, expires_at)
        VALUES ($1, $2, $3, $4, $5)";
}

/// Stores a refresh token in a transaction.
macro_rules! insert_refresh_token {
    ($tx:expr, $token:expr, $grant_id:expr, $generation:expr, $now:expr) => {
        sqlx::query($tx.text(&$crate::store::refresh_tokens::INSERT_REFRESH_TOKEN))
            .bind($token.digest.as_bytes().as_slice())
            .bind($grant_id.0)
            .bind($generation)
            .bind($now.0)
            .bind($token.expires_at.0)
            .execute(&mut *$tx)
            .await?
    };
}
pub(super) use insert_refresh_token;

/// A refresh token about to be issued.
#[derive(Clone, Debug)]
pub struct NewRefreshToken {
    /// SHA-256 of the token.
    pub digest: TokenDigest,
    /// When it ends unless used.
    pub expires_at: Timestamp,
}

/// A refresh token with everything that decides about it.
#[derive(Clone, Debug)]
pub struct LoadedRefreshToken {
    /// The token.
    pub token: RefreshToken,
    /// Its grant.
    pub grant: Grant,
    /// The user of the grant.
    pub user: User,
}

/// How the successor comes to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Successor {
    /// The presented token is the live leaf and is spent now.
    Next,
    /// The presented token was spent a moment ago; its unused successor is replaced.
    InPlaceOfUnused,
}

/// What became of a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshOutcome {
    /// The new token is the live leaf.
    Rotated,
    /// Another request was faster: look again and decide again.
    Outrun,
    /// The grant went away in the meantime.
    Gone,
}

/// With its place in a batch.
#[derive(sqlx::FromRow)]
pub(super) struct NumberedRow {
    pub(super) n: i64,
    #[sqlx(flatten)]
    pub(super) token: RefreshTokenRow,
}

#[derive(sqlx::FromRow)]
pub(super) struct RefreshTokenRow {
    #[sqlx(flatten)]
    grant: GrantRow,
    #[sqlx(flatten)]
    user: UserRow,
    digest: Vec<u8>,
    generation: i64,
    token_created_at: i64,
    token_expires_at: i64,
    spent_at: Option<i64>,
    replaced_at: Option<i64>,
    successor_used: bool,
}

impl Store {
    /// The refresh token with this digest, its grant and user, as they are now.
    pub async fn load_refresh_token(&self, digest: &TokenDigest) -> Result<Option<LoadedRefreshToken>> {
        match &self.db {
            Db::Postgres(pg) => Ok(rotations::load(pg, digest).await?.map(Arc::unwrap_or_clone)),
            Db::Sqlite(_) => load_one(self.reader(), digest).await,
        }
    }

    /// Issues the successor of `presented`.
    pub async fn rotate_refresh_token(
        &self,
        presented: &LoadedRefreshToken,
        tokens: &NewTokens,
        successor: Successor,
        now: Timestamp,
    ) -> Result<RefreshOutcome> {
        let Some(next) = &tokens.refresh else {
            return Ok(RefreshOutcome::Gone);
        };
        if let (Db::Postgres(pg), Successor::Next) = (&self.db, successor) {
            let rotated = rotations::rotate(pg, &presented.token, (next, tokens.access.as_ref()), now).await;
            let outcome = outcome_of(rotated);
            self.keep_successor(&presented.token, next, &outcome, now);
            return outcome;
        }
        outcome_of(self.rotate_in_steps(presented, (next, tokens), successor, now).await)
    }

    async fn rotate_in_steps(
        &self,
        presented: &LoadedRefreshToken,
        (next, tokens): (&NewRefreshToken, &NewTokens),
        successor: Successor,
        now: Timestamp,
    ) -> Result<bool> {
        let (token, grant) = (&presented.token, presented.grant.id.0);
        let generation = token.generation + 1;
        in_transaction!(self, |tx| {
            let made_room = match successor {
                Successor::Next => sqlx::query(tx.text(&SPEND_REFRESH_TOKEN))
                    .bind(token.digest.as_bytes().as_slice())
                    .bind(now.0)
                    .execute(&mut *tx)
                    .await?
                    .rows_affected(),
                Successor::InPlaceOfUnused => {
                    sqlx::query(tx.text(&LOCK_GRANT)).bind(grant).execute(&mut *tx).await?;
                    sqlx::query(tx.text(&REPLACE_SUCCESSOR))
                        .bind(grant)
                        .bind(generation)
                        .bind(now.0)
                        .execute(&mut *tx)
                        .await?
                        .rows_affected()
                }
            };
            if made_room == 1 {
                insert_refresh_token!(tx, next, presented.grant.id, generation, now);
                if let Some(access) = &tokens.access {
                    insert_access_token!(tx, &mut *tx, access);
                }
            }
            made_room == 1
        })
    }
}

pub(super) async fn load_one(reader: Pool<'_>, digest: &TokenDigest) -> Result<Option<LoadedRefreshToken>> {
    let row: Option<RefreshTokenRow> = on!(reader, |db| {
        sqlx::query_as(db.text(&LOAD_REFRESH_TOKEN))
            .bind(digest.as_bytes().as_slice())
            .fetch_optional(&mut *db)
            .await?
    })?;
    row.map(LoadedRefreshToken::try_from).transpose()
}

/// `false`: another caller was first.
pub(super) fn outcome_of(rotated: Result<bool>) -> Result<RefreshOutcome> {
    match rotated {
        Ok(true) => Ok(RefreshOutcome::Rotated),
        Ok(false) => Ok(RefreshOutcome::Outrun),
        Err(StoreError::Gone) => Ok(RefreshOutcome::Gone),
        Err(other) => Err(other),
    }
}

impl TryFrom<RefreshTokenRow> for LoadedRefreshToken {
    type Error = StoreError;

    fn try_from(row: RefreshTokenRow) -> Result<Self> {
        let grant: Grant = row.grant.try_into()?;
        let state = match (row.spent_at, row.replaced_at) {
            (Some(at), _) => RefreshTokenState::Spent {
                at: Timestamp(at),
                successor_used: row.successor_used,
            },
            (None, Some(_)) => RefreshTokenState::Replaced,
            (None, None) => RefreshTokenState::Live,
        };
        Ok(Self {
            token: RefreshToken {
                digest: TokenDigest::from_bytes(&row.digest).ok_or(StoreError::Corrupt("refresh_token.digest"))?,
                grant_id: grant.id,
                generation: row.generation,
                created_at: Timestamp(row.token_created_at),
                expires_at: Timestamp(row.token_expires_at),
                state,
            },
            grant,
            user: row.user.try_into()?,
        })
    }
}
