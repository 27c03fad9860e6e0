//! Signing keys.

use sqlx::types::Json;

use super::{Backend as _, Result, Store, StoreError, in_transaction, on, statements};
use crate::model::signing_key::SigningKey;
use crate::protocol::signing_alg::SigningAlg;
use crate::time::Timestamp;

statements! {
    LIST_KEYS = "SELECT kid, alg, generation, public_jwk, sealed_private, created_at, active_from, retires_at, gone_at
        FROM signing_key ORDER BY alg, generation";
    INSERT_KEY = "INSERT INTO signing_key (kid, alg, generation, public_jwk, sealed_private, created_at, active_from)
        VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (alg, generation) DO NOTHING";
    // The predecessor signs until its successor is active, and is published until the last thing it signed has expired.
    RETIRE_OLDER_KEYS = "UPDATE signing_key SET retires_at = $3, gone_at = $4
        WHERE alg = $1 AND generation < $2 AND retires_at IS NULL";
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
}

impl Store {
    /// All keys.
    pub async fn signing_keys(&self) -> Result<Vec<SigningKey>> {
        let rows: Vec<KeyRow> = on!(self.reader(), |db| sqlx::query_as(db.text(&LIST_KEYS))
            .fetch_all(db)
            .await?)?;
        rows.into_iter().map(SigningKey::try_from).collect()
    }

    /// Stores a key of the next generation; its predecessors retire when it becomes active and are gone at `gone_at`.
    pub async fn insert_key(&self, key: &SigningKey, gone_at: Timestamp) -> Result<KeyWrite> {
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
                sqlx::query(tx.text(&RETIRE_OLDER_KEYS))
                    .bind(key.alg.as_str())
                    .bind(key.generation)
                    .bind(key.active_from.0)
                    .bind(gone_at.0)
                    .execute(&mut *tx)
                    .await?;
            }
            rows
        })?;
        Ok(if rows == 1 { KeyWrite::Done } else { KeyWrite::Outrun })
    }

    /// Deletes the keys that are no longer published. Returns how many.
    pub async fn delete_gone_keys(&self, now: Timestamp) -> Result<u64> {
        on!(self.writer(), |db| {
            sqlx::query(db.text(&DELETE_GONE_KEYS))
                .bind(now.0)
                .execute(db)
                .await?
                .rows_affected()
        })
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
        })
    }
}
