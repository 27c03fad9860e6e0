//! Clients that register themselves: what lets them, what they manage themselves with, and when they were last seen.

use uuid::Uuid;

use super::{Backend as _, Result, Store, StoreError, clients, in_transaction, on, rows, statements, stats};
use crate::model::client::Client;
use crate::model::digest::TokenDigest;
use crate::model::registration::{InitialAccessToken, InitialTokenId};
use crate::protocol::ids::ClientId;
use crate::time::Timestamp;

statements! {
    INSERT_INITIAL_TOKEN = "INSERT INTO initial_access_token (id, digest, label, created_at, expires_at, max_uses, uses)
        VALUES ($1, $2, $3, $4, $5, $6, 0)";
    LIST_INITIAL_TOKENS = "SELECT id, digest, label, created_at, expires_at, max_uses, uses FROM initial_access_token
        ORDER BY created_at, id";
    FIND_INITIAL_TOKEN = "SELECT id, digest, label, created_at, expires_at, max_uses, uses FROM initial_access_token
        WHERE digest = $1";
    DELETE_INITIAL_TOKEN = "DELETE FROM initial_access_token WHERE id = $1";
    SPEND_INITIAL_TOKEN = "UPDATE initial_access_token SET uses = uses + 1
        WHERE id = $1 AND (max_uses IS NULL OR uses < max_uses) AND (expires_at IS NULL OR expires_at > $2)";
    // Registrations wait for each other here, so that none of them counts past another. One that fails changes nothing, so
    // that nobody can have all nodes read everything again by trying.
    LOCK_REGISTRATIONS = "UPDATE catalog_version SET version = version WHERE id = 1";
    COUNT_SELF_REGISTERED = "SELECT count(*) FROM client_registration WHERE self_registered";
    SET_REGISTRATION = "INSERT INTO client_registration (client_id, token_digest, self_registered, used_at)
        VALUES ($1, $2, $3, $4)
        ON CONFLICT (client_id) DO UPDATE SET token_digest = excluded.token_digest";
    FIND_REGISTRATION = "SELECT token_digest FROM client_registration WHERE client_id = $1";
    NOTE_USE = "UPDATE client_registration SET used_at = $2 WHERE client_id = $1 AND used_at < $2";
    SWEEP_UNUSED_CLIENTS = "DELETE FROM client WHERE client_id IN (
            SELECT client_id FROM client_registration WHERE self_registered AND used_at <= $1 LIMIT $2)
        AND EXISTS (SELECT 1 FROM client_registration r
            WHERE r.client_id = client.client_id AND r.self_registered AND r.used_at <= $1)
        RETURNING client_id";
}

/// A client that registers itself.
#[derive(Debug)]
pub struct NewRegistration<'a> {
    /// The client, with its secrets.
    pub client: &'a Client,
    /// Of what it manages itself with.
    pub access_token: TokenDigest,
    /// What let it, where something has to.
    pub initial_token: Option<InitialTokenId>,
    /// The most clients that may have registered themselves.
    pub max_clients: i64,
}

/// What became of a registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistrationOutcome {
    /// It is stored.
    Registered,
    /// The initial access token was used up, revoked or expired in the meantime.
    TokenSpent,
    /// There are as many as may be.
    TooMany,
}

#[derive(sqlx::FromRow)]
struct InitialTokenRow {
    id: Uuid,
    digest: Vec<u8>,
    label: String,
    created_at: i64,
    expires_at: Option<i64>,
    max_uses: Option<i64>,
    uses: i64,
}

impl Store {
    /// Stores what lets clients register themselves.
    pub async fn insert_initial_token(&self, token: &InitialAccessToken) -> Result<()> {
        on!(self.writer(), |db| {
            sqlx::query(db.text(&INSERT_INITIAL_TOKEN))
                .bind(token.id.0)
                .bind(token.digest.as_bytes().as_slice())
                .bind(&token.label)
                .bind(token.created_at.0)
                .bind(token.expires_at.map(|at| at.0))
                .bind(token.max_uses)
                .execute(&mut *db)
                .await?;
        })
    }

    /// All of them, the oldest first.
    pub async fn initial_tokens(&self) -> Result<Vec<InitialAccessToken>> {
        let rows: Vec<InitialTokenRow> = on!(self.reader(), |db| sqlx::query_as(db.text(&LIST_INITIAL_TOKENS))
            .fetch_all(&mut *db)
            .await?)?;
        rows.into_iter().map(InitialAccessToken::try_from).collect()
    }

    /// The one with this digest, usable or not.
    pub async fn find_initial_token(&self, digest: &TokenDigest) -> Result<Option<InitialAccessToken>> {
        let row: Option<InitialTokenRow> = on!(self.reader(), |db| {
            sqlx::query_as(db.text(&FIND_INITIAL_TOKEN))
                .bind(digest.as_bytes().as_slice())
                .fetch_optional(&mut *db)
                .await?
        })?;
        row.map(InitialAccessToken::try_from).transpose()
    }

    /// Takes it back. Clients that it has registered stay. Whether there was one.
    pub async fn revoke_initial_token(&self, id: InitialTokenId) -> Result<bool> {
        let rows = on!(self.writer(), |db| {
            sqlx::query(db.text(&DELETE_INITIAL_TOKEN))
                .bind(id.0)
                .execute(&mut *db)
                .await?
                .rows_affected()
        })?;
        Ok(rows == 1)
    }

    /// How many clients have registered themselves and are still there.
    pub async fn count_self_registered(&self) -> Result<i64> {
        on!(self.reader(), |db| sqlx::query_scalar(db.text(&COUNT_SELF_REGISTERED))
            .fetch_one(&mut *db)
            .await?)
    }

    /// Registers a client, if what lets it still does, and there is room.
    pub async fn register_client(&self, new: &NewRegistration<'_>) -> Result<RegistrationOutcome> {
        let (client, now) = (new.client, new.client.created_at.0);
        let id = client.client_id.as_str();
        let outcome = in_transaction!(self, |tx| {
            sqlx::query(tx.text(&LOCK_REGISTRATIONS)).execute(&mut *tx).await?;
            let count: i64 = sqlx::query_scalar(tx.text(&COUNT_SELF_REGISTERED))
                .fetch_one(&mut *tx)
                .await?;
            let spent = match new.initial_token {
                _ if count >= new.max_clients => 0,
                None => 1,
                Some(token) => sqlx::query(tx.text(&SPEND_INITIAL_TOKEN))
                    .bind(token.0)
                    .bind(now)
                    .execute(&mut *tx)
                    .await?
                    .rows_affected(),
            };
            if count >= new.max_clients {
                RegistrationOutcome::TooMany
            } else if spent == 0 {
                RegistrationOutcome::TokenSpent
            } else {
                clients::insert!(tx, client);
                sqlx::query(tx.text(&SET_REGISTRATION))
                    .bind(id)
                    .bind(new.access_token.as_bytes().as_slice())
                    .bind(true)
                    .bind(now)
                    .execute(&mut *tx)
                    .await?;
                RegistrationOutcome::Registered
            }
        })?;
        if outcome == RegistrationOutcome::Registered {
            self.catalog_changed().await;
        }
        Ok(outcome)
    }

    /// Of what the client manages itself with; `None` if it has nothing of the kind.
    pub async fn registration_token(&self, id: &ClientId) -> Result<Option<TokenDigest>> {
        let digest: Option<Vec<u8>> = on!(self.reader(), |db| {
            sqlx::query_scalar(db.text(&FIND_REGISTRATION))
                .bind(id.as_str())
                .fetch_optional(&mut *db)
                .await?
        })?;
        let parsed = digest.map(|digest| TokenDigest::from_bytes(&digest).ok_or(StoreError::Corrupt("token_digest")));
        parsed.transpose()
    }

    /// Gives an operator's client something to manage itself with, in place of what it had.
    pub async fn set_registration_token(&self, id: &ClientId, token: &TokenDigest, now: Timestamp) -> Result<()> {
        on!(self.writer(), |db| {
            sqlx::query(db.text(&SET_REGISTRATION))
                .bind(id.as_str())
                .bind(token.as_bytes().as_slice())
                .bind(false)
                .bind(now.0)
                .execute(&mut *db)
                .await?;
        })
    }

    /// Notes that a self-registered client is in use, to within a day: most calls cost nothing.
    pub async fn note_client_use(&self, id: &ClientId, now: Timestamp) -> Result<()> {
        if !self.client_use.is_news(id, now) {
            return Ok(());
        }
        on!(self.writer(), |db| {
            sqlx::query(db.text(&NOTE_USE))
                .bind(id.as_str())
                .bind(now.0)
                .execute(&mut *db)
                .await?;
        })?;
        self.client_use.remember(id, now);
        Ok(())
    }

    /// Deletes at most `batch` self-registered clients that did nothing since `unused_since`, and says which.
    pub async fn sweep_unused_clients(&self, unused_since: Timestamp, batch: i64) -> Result<Vec<ClientId>> {
        let ids: Vec<String> = on!(self.writer(), |db| {
            sqlx::query_scalar(db.text(&SWEEP_UNUSED_CLIENTS))
                .bind(unused_since.0)
                .bind(batch)
                .fetch_all(&mut *db)
                .await?
        })?;
        stats::swept("client", ids.len() as u64);
        if !ids.is_empty() {
            self.catalog_changed().await;
        }
        ids.into_iter().map(rows::client_id).collect()
    }
}

impl TryFrom<InitialTokenRow> for InitialAccessToken {
    type Error = StoreError;

    fn try_from(row: InitialTokenRow) -> Result<Self> {
        Ok(Self {
            id: InitialTokenId(row.id),
            digest: TokenDigest::from_bytes(&row.digest).ok_or(StoreError::Corrupt("initial_access_token.digest"))?,
            label: row.label,
            created_at: Timestamp(row.created_at),
            expires_at: row.expires_at.map(Timestamp),
            max_uses: row.max_uses,
            uses: row.uses,
        })
    }
}
