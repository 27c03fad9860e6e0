//! Cookie sessions in the database, for tower-sessions. The key is the digest of the cookie's value: a copy of the table
//! opens no session.

use std::collections::HashMap;

use async_trait::async_trait;
use sqlx::types::Json;
use tower_sessions::SessionStore;
use tower_sessions::session::{Id, Record};
use tower_sessions::session_store::{Error, Result as SessionResult};

use super::{Backend as _, Result, Store, StoreError, on, statements};
use crate::crypto::digest::sha256;
use crate::time::{Clock, Timestamp};

statements! {
    INSERT_WEB_SESSION = "INSERT INTO web_session (id_digest, data, expires_at) VALUES ($1, $2, $3)";
    // An update only: a late request must not bring back a session that another request has ended.
    SAVE_WEB_SESSION = "UPDATE web_session SET data = $2, expires_at = $3 WHERE id_digest = $1";
    LOAD_WEB_SESSION = "SELECT data, expires_at FROM web_session WHERE id_digest = $1 AND expires_at > $2";
    DELETE_WEB_SESSION = "DELETE FROM web_session WHERE id_digest = $1";
}

type Data = HashMap<String, serde_json::Value>;

/// The session store that the HTTP layer is given.
#[derive(Clone)]
pub struct WebSessions {
    store: Store,
    clock: Clock,
}

impl WebSessions {
    /// Sessions in `store`, which expire by `clock`.
    pub fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock }
    }

    async fn insert(&self, record: &Record) -> Result<()> {
        let digest = digest(&record.id);
        on!(self.store.writer(), |db| {
            sqlx::query(db.text(&INSERT_WEB_SESSION))
                .bind(digest.as_slice())
                .bind(Json(&record.data))
                .bind(record.expiry_date.unix_timestamp())
                .execute(&mut *db)
                .await?;
        })
    }
}

impl std::fmt::Debug for WebSessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WebSessions")
    }
}

#[async_trait]
impl SessionStore for WebSessions {
    async fn create(&self, record: &mut Record) -> SessionResult<()> {
        // 128 random bits do not collide; if they ever do, the next ones will not.
        while let Err(error) = self.insert(record).await {
            match error {
                StoreError::Taken => record.id = Id::default(),
                other => return Err(backend(&other)),
            }
        }
        Ok(())
    }

    async fn save(&self, record: &Record) -> SessionResult<()> {
        let digest = digest(&record.id);
        let saved = on!(self.store.writer(), |db| {
            sqlx::query(db.text(&SAVE_WEB_SESSION))
                .bind(digest.as_slice())
                .bind(Json(&record.data))
                .bind(record.expiry_date.unix_timestamp())
                .execute(&mut *db)
                .await?;
        });
        saved.map_err(|error| backend(&error))
    }

    async fn load(&self, id: &Id) -> SessionResult<Option<Record>> {
        let (digest, now) = (digest(id), self.clock.now());
        let row: Result<Option<(Json<Data>, i64)>> = on!(self.store.reader(), |db| {
            sqlx::query_as(db.text(&LOAD_WEB_SESSION))
                .bind(digest.as_slice())
                .bind(now.0)
                .fetch_optional(&mut *db)
                .await?
        });
        let Some((data, expires_at)) = row.map_err(|error| backend(&error))? else {
            return Ok(None);
        };
        let expiry_date = time::OffsetDateTime::from_unix_timestamp(expires_at)
            .map_err(|_| Error::Decode("expires_at is out of range".into()))?;
        Ok(Some(Record {
            id: *id,
            data: data.0,
            expiry_date,
        }))
    }

    async fn delete(&self, id: &Id) -> SessionResult<()> {
        let digest = digest(id);
        let deleted = on!(self.store.writer(), |db| {
            sqlx::query(db.text(&DELETE_WEB_SESSION))
                .bind(digest.as_slice())
                .execute(&mut *db)
                .await?;
        });
        deleted.map_err(|error| backend(&error))
    }
}

fn digest(id: &Id) -> [u8; 32] {
    sha256(&id.0.to_be_bytes())
}

fn backend(error: &StoreError) -> Error {
    Error::Backend(error.to_string())
}

/// A moment as tower-sessions wants it.
pub fn expiry_at(at: Timestamp) -> Option<tower_sessions::Expiry> {
    time::OffsetDateTime::from_unix_timestamp(at.0)
        .ok()
        .map(tower_sessions::Expiry::AtDateTime)
}
