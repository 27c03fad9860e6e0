//! Signing keys.

use sqlx::types::Json;

use super::{Backend as _, Result, Store, StoreError, in_transaction, on, statements};
use crate::model::signing_key::SigningKey;
use crate::protocol::signing_alg::SigningAlg;
use crate::time::Timestamp;

statements! {
    LIST_KEYS = "SELECT kid, alg, generation, public_jwk, sealed_private, created_at, active_from, retires_at, gone_at,
            revoked_at
        FROM signing_key ORDER BY alg, generation";
    INSERT_KEY = "INSERT INTO signing_key (kid, alg, generation, public_jwk, sealed_private, created_at, active_from)
        VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (alg, generation) DO NOTHING";
    // The predecessor signs until its successor is active, and is published until the last thing it signed has expired.
    RETIRE_OLDER_KEYS = "UPDATE signing_key SET retires_at = $3, gone_at = $4
        WHERE alg = $1 AND generation < $2 AND retires_at IS NULL";
    // A key that has not signed yet is revoked as well: who knows one may know them all.
    REVOKE_OLDER_KEYS = "UPDATE signing_key SET revoked_at = $3, gone_at = COALESCE(gone_at, $4)
        WHERE alg = $1 AND generation < $2 AND revoked_at IS NULL";
    RESEAL_KEY = "UPDATE signing_key SET sealed_private = $3 WHERE kid = $1 AND sealed_private = $2";
    DELETE_GONE_KEYS = "DELETE FROM signing_key WHERE gone_at IS NOT NULL AND gone_at <= $1";
}

/// What became of a new key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyWrite {
    /// It is stored and published.
    Done,
    /// Another node made this generation first; its key counts.
    Outrun,
}

/// What becomes of the keys before a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Predecessors {
    /// They sign until the new key is active, and are published until `gone_at`.
    Retire {
        /// When the last thing that they signed has expired.
        gone_at: Timestamp,
    },
    /// They and everything that they signed are out at once.
    Revoke {
        /// When.
        at: Timestamp,
        /// Until when they are remembered.
        gone_at: Timestamp,
    },
}

/// What became of sealing keys again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resealing {
    /// All of them.
    Done,
    /// None: a key was changed or deleted since it was read.
    Outrun,
}

/// A stored key with its private part sealed again.
#[derive(Debug)]
pub struct Resealed<'a> {
    /// The key as it was read.
    pub key: &'a SigningKey,
    /// Its private part, sealed under another master key.
    pub sealed_private: Vec<u8>,
}

#[derive(sqlx::FromRow)]
struct KeyRow {
    kid: String,
    alg: String,
    generation: i64,
    public_jwk: Json<serde_json::Value>,
    sealed_private: Vec<u8>,
    created_at: i64,
    active_from: i64,
    retires_at: Option<i64>,
    gone_at: Option<i64>,
    revoked_at: Option<i64>,
}

impl Store {
    /// All keys.
    pub async fn signing_keys(&self) -> Result<Vec<SigningKey>> {
        let rows: Vec<KeyRow> = on!(self.reader(), |db| sqlx::query_as(db.text(&LIST_KEYS))
            .fetch_all(&mut *db)
            .await?)?;
        rows.into_iter().map(SigningKey::try_from).collect()
    }

    /// Stores a key of the next generation, and says what becomes of its predecessors, in one commit.
    pub async fn insert_key(&self, key: &SigningKey, predecessors: Predecessors) -> Result<KeyWrite> {
        let (statement, at, gone_at) = match predecessors {
            Predecessors::Retire { gone_at } => (&RETIRE_OLDER_KEYS, key.active_from, gone_at),
            Predecessors::Revoke { at, gone_at } => (&REVOKE_OLDER_KEYS, at, gone_at),
        };
        let rows = in_transaction!(self, |tx| {
            let rows = sqlx::query(tx.text(&INSERT_KEY))
                .bind(key.kid.as_str())
                .bind(key.alg.as_str())
                .bind(key.generation)
                .bind(Json(&key.public_jwk))
                .bind(key.sealed_private.as_slice())
                .bind(key.created_at.0)
                .bind(key.active_from.0)
                .execute(&mut *tx)
                .await?
                .rows_affected();
            if rows == 1 {
                sqlx::query(tx.text(statement))
                    .bind(key.alg.as_str())
                    .bind(key.generation)
                    .bind(at.0)
                    .bind(gone_at.0)
                    .execute(&mut *tx)
                    .await?;
            }
            rows
        })?;
        if rows == 0 {
            return Ok(KeyWrite::Outrun);
        }
        self.catalog_changed().await;
        Ok(KeyWrite::Done)
    }

    /// Replaces the sealed private parts of `keys`, all in one commit or none.
    pub async fn reseal_keys(&self, keys: &[Resealed<'_>]) -> Result<Resealing> {
        let resealing = in_transaction!(self, |tx| {
            for resealed in keys {
                let updated = sqlx::query(tx.text(&RESEAL_KEY))
                    .bind(resealed.key.kid.as_str())
                    .bind(resealed.key.sealed_private.as_slice())
                    .bind(resealed.sealed_private.as_slice())
                    .execute(&mut *tx)
                    .await?;
                if updated.rows_affected() == 0 {
                    // Not committed, and so undone.
                    return Ok(Resealing::Outrun);
                }
            }
            Resealing::Done
        })?;
        self.catalog_changed().await;
        Ok(resealing)
    }

    /// Deletes the keys that are no longer published. Returns how many.
    pub async fn delete_gone_keys(&self, now: Timestamp) -> Result<u64> {
        let rows = on!(self.writer(), |db| {
            sqlx::query(db.text(&DELETE_GONE_KEYS))
                .bind(now.0)
                .execute(&mut *db)
                .await?
                .rows_affected()
        })?;
        if rows > 0 {
            self.catalog_changed().await;
        }
        Ok(rows)
    }
}

impl TryFrom<KeyRow> for SigningKey {
    type Error = StoreError;

    fn try_from(row: KeyRow) -> Result<Self> {
        Ok(Self {
            kid: row.kid,
            alg: row
                .alg
                .parse::<SigningAlg>()
                .map_err(|_| StoreError::Corrupt("signing_key.alg"))?,
            generation: row.generation,
            public_jwk: row.public_jwk.0,
            sealed_private: row.sealed_private,
            created_at: Timestamp(row.created_at),
            active_from: Timestamp(row.active_from),
            retires_at: row.retires_at.map(Timestamp),
            gone_at: row.gone_at.map(Timestamp),
            revoked_at: row.revoked_at.map(Timestamp),
        })
    }
}
