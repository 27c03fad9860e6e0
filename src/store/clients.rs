//! Clients, their secrets and pictures.

use std::collections::BTreeSet;

use sqlx::types::Json;
use uuid::Uuid;

use super::{Backend as _, Result, Store, StoreError, in_transaction, on, rows, statements};
use crate::model::client::{Client, ClientMetadata, ClientSecret, SealedSecret, SecretVerifier};
use crate::model::digest::TokenDigest;
use crate::protocol::ids::ClientId;
use crate::protocol::redirect_uri::RedirectUri;
use crate::time::Timestamp;

/// The columns of [`ClientRow`]: one row for each secret, or one without.
macro_rules! client_columns {
    () => {
        "c.client_id, c.revision, c.metadata, c.created_at, c.updated_at, c.disabled_at, \
         EXISTS (SELECT 1 FROM client_logo l WHERE l.client_id = c.client_id) AS has_logo, \
         s.id AS secret_id, s.digest AS secret_digest, s.password_hash AS secret_hash, s.sealed AS secret_sealed, \
         s.created_at AS secret_created_at, s.expires_at AS secret_expires_at"
    };
}

statements! {
    // The version comes with the client, so that one round trip also tells whether the rest of the catalog is current.
    FIND_CLIENT = concat!("SELECT v.version, ", client_columns!(), " FROM catalog_version v
        LEFT JOIN client c ON c.client_id = $1
        LEFT JOIN client_secret s ON s.client_id = c.client_id
        WHERE v.id = 1 ORDER BY s.expires_at IS NULL DESC, s.created_at DESC, s.id DESC");
    LIST_CLIENTS = concat!("SELECT v.version, ", client_columns!(), " FROM catalog_version v
        JOIN client c ON v.id = 1
        LEFT JOIN client_secret s ON s.client_id = c.client_id
        ORDER BY c.client_id, s.expires_at IS NULL DESC, s.created_at DESC, s.id DESC");
    INSERT_CLIENT = "INSERT INTO client (client_id, revision, metadata, created_at, updated_at) VALUES ($1, 1, $2, $3, $3)";
    // Only over the version that was read: of two editors the second is told.
    UPDATE_CLIENT = "UPDATE client SET metadata = $2, updated_at = $3, revision = revision + 1
        WHERE client_id = $1 AND revision = $4";
    DISABLE_CLIENT = "UPDATE client SET disabled_at = $2, updated_at = $2 WHERE client_id = $1 AND disabled_at IS NULL";
    ENABLE_CLIENT = "UPDATE client SET disabled_at = NULL, updated_at = $2 WHERE client_id = $1";
    DELETE_CLIENT = "DELETE FROM client WHERE client_id = $1";
    INSERT_SECRET = "INSERT INTO client_secret (id, client_id, digest, password_hash, sealed, created_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    // The same order as above: the newest is the one that a rotation has given no end yet. Times alone do not tell, since
    // two rotations may happen within a second.
    NEWEST_SECRET = "SELECT id FROM client_secret WHERE client_id = $1
        ORDER BY expires_at IS NULL DESC, created_at DESC, id DESC LIMIT 1";
    // Every write on a client's secrets takes this row first, so that two rotations cannot pass each other.
    LOCK_CLIENT = "UPDATE client SET updated_at = $2 WHERE client_id = $1";
    END_OLDER_SECRETS = "DELETE FROM client_secret WHERE client_id = $1 AND id <> $2";
    EXPIRE_SECRET = "UPDATE client_secret SET expires_at = $2 WHERE id = $1 AND (expires_at IS NULL OR expires_at > $2)";
    FORGET_SECRETS = "UPDATE client_secret SET sealed = NULL WHERE client_id = $1 AND sealed IS NOT NULL";
    RESEAL_SECRET = "UPDATE client_secret SET sealed = $3 WHERE id = $1 AND sealed = $2";
    DELETE_SECRETS = "DELETE FROM client_secret WHERE client_id = $1";
    FORGET_CONSENTS = "DELETE FROM consent WHERE client_id = $1";
    INSERT_ORIGIN = "INSERT INTO client_origin (origin, client_id) VALUES ($1, $2)";
    DELETE_ORIGINS = "DELETE FROM client_origin WHERE client_id = $1";
    KNOWS_ORIGIN = "SELECT count(*) FROM client_origin o JOIN client c ON c.client_id = o.client_id
        WHERE o.origin = $1 AND c.disabled_at IS NULL";
    SET_LOGO = "INSERT INTO client_logo (client_id, media_type, image) VALUES ($1, $2, $3)
        ON CONFLICT (client_id) DO UPDATE SET media_type = excluded.media_type, image = excluded.image";
    // Takes the row: who changes the client meanwhile waits, or has changed its revision.
    HOLD_REVISION = "UPDATE client SET revision = revision WHERE client_id = $1 AND revision = $2";
    ADOPT_LOGO = "INSERT INTO client_logo (client_id, media_type, image) VALUES ($1, $2, $3)
        ON CONFLICT (client_id) DO NOTHING";
    DELETE_LOGO = "DELETE FROM client_logo WHERE client_id = $1";
    FIND_LOGO = "SELECT media_type, image FROM client_logo WHERE client_id = $1";
}

/// Stores a secret of the client `$id`, in a transaction.
macro_rules! insert_secret {
    ($tx:ident, $id:expr, $secret:expr) => {{
        let secret: &$crate::model::client::ClientSecret = $secret;
        let (digest, hash) = $crate::store::clients::columns(&secret.verifier);
        sqlx::query($tx.text(&$crate::store::clients::INSERT_SECRET))
            .bind(secret.id)
            .bind($id)
            .bind(digest)
            .bind(hash)
            .bind($crate::store::clients::sealed(secret))
            .bind(secret.created_at.0)
            .bind(secret.expires_at.map(|at| at.0))
            .execute(&mut *$tx)
            .await?;
    }};
}
pub(super) use insert_secret;

/// Stores a client with its secrets and origins, in a transaction.
macro_rules! insert {
    ($tx:ident, $client:expr) => {{
        use $crate::store::Backend as _;
        use $crate::store::clients::{self, INSERT_CLIENT, INSERT_ORIGIN};
        let client: &$crate::model::client::Client = $client;
        let id = client.client_id.as_str();
        sqlx::query($tx.text(&INSERT_CLIENT))
            .bind(id)
            .bind(sqlx::types::Json(&client.metadata))
            .bind(client.created_at.0)
            .execute(&mut *$tx)
            .await?;
        for secret in &client.secrets {
            clients::insert_secret!($tx, id, secret);
        }
        for origin in clients::origins(&client.metadata) {
            sqlx::query($tx.text(&INSERT_ORIGIN))
                .bind(origin)
                .bind(id)
                .execute(&mut *$tx)
                .await?;
        }
    }};
}
pub(super) use insert;

/// What became of a write on a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientWrite {
    /// It is stored.
    Done,
    /// There is no such client.
    NotFound,
    /// The `client_id` belongs to another.
    Taken,
    /// Someone changed the client since it was read.
    Conflict,
}

/// A change of a client.
#[derive(Debug)]
pub struct ClientChange<'a> {
    /// The client as it was read.
    pub client: &'a Client,
    /// What is registered about it from now on.
    pub metadata: &'a ClientMetadata,
    /// A secret in place of those it has.
    pub secret: Option<&'a ClientSecret>,
    /// People are asked again, since it is not what they consented to.
    pub forget_consents: bool,
}

/// A new secret, and what becomes of the one before.
#[derive(Debug)]
pub struct SecretRotation<'a> {
    /// Whose.
    pub client: &'a Client,
    /// The new one.
    pub secret: &'a ClientSecret,
    /// Until when the newest of the present ones is still accepted; older ones end at once.
    pub overlap_until: Timestamp,
}

#[derive(sqlx::FromRow)]
struct ClientRow {
    version: i64,
    client_id: Option<String>,
    revision: Option<i64>,
    metadata: Option<Json<ClientMetadata>>,
    created_at: Option<i64>,
    updated_at: Option<i64>,
    disabled_at: Option<i64>,
    has_logo: bool,
    secret_id: Option<Uuid>,
    secret_digest: Option<Vec<u8>>,
    secret_hash: Option<String>,
    secret_sealed: Option<Vec<u8>>,
    secret_created_at: Option<i64>,
    secret_expires_at: Option<i64>,
}

impl Store {
    /// The client as it stands in the database this moment, and the version of the catalog that it belongs to.
    pub(super) async fn read_client(&self, id: &ClientId) -> Result<(i64, Option<Client>)> {
        let rows: Vec<ClientRow> = on!(self.reader(), |db| {
            sqlx::query_as(db.text(&FIND_CLIENT))
                .bind(id.as_str())
                .fetch_all(&mut *db)
                .await?
        })?;
        let version = rows
            .first()
            .map(|row| row.version)
            .ok_or(StoreError::Corrupt("catalog_version"))?;
        Ok((version, assemble(rows)?.pop()))
    }

    /// The client, for those who are about to change it.
    pub async fn client(&self, id: &ClientId) -> Result<Option<Client>> {
        Ok(self.read_client(id).await?.1)
    }

    /// All clients, by `client_id`.
    pub async fn clients(&self) -> Result<Vec<Client>> {
        assemble(on!(self.reader(), |db| sqlx::query_as(db.text(&LIST_CLIENTS))
            .fetch_all(&mut *db)
            .await?)?)
    }

    /// Registers a client with its secrets.
    pub async fn insert_client(&self, client: &Client) -> Result<ClientWrite> {
        let inserted: Result<()> = in_transaction!(self, |tx| {
            insert!(tx, client);
        });
        match inserted {
            Ok(()) => {
                self.catalog_changed().await;
                Ok(ClientWrite::Done)
            }
            Err(StoreError::Taken) => Ok(ClientWrite::Taken),
            Err(other) => Err(other),
        }
    }

    /// Replaces the metadata of `client` by `metadata`, if nobody changed it since it was read. With another `logo_uri` its
    /// picture goes, since it shows what the client no longer names.
    pub async fn update_client(
        &self,
        client: &Client,
        metadata: &ClientMetadata,
        now: Timestamp,
    ) -> Result<ClientWrite> {
        let change = ClientChange {
            client,
            metadata,
            secret: None,
            forget_consents: false,
        };
        self.change_client(&change, now).await
    }

    /// Changes a client, if nobody changed it since it was read. A public client keeps no secret.
    pub async fn change_client(&self, change: &ClientChange<'_>, now: Timestamp) -> Result<ClientWrite> {
        let (client, metadata) = (change.client, change.metadata);
        let id = client.client_id.as_str();
        let other_logo = metadata.about.logo_uri != client.metadata.about.logo_uri;
        let rows = in_transaction!(self, |tx| {
            let rows = sqlx::query(tx.text(&UPDATE_CLIENT))
                .bind(id)
                .bind(Json(metadata))
                .bind(now.0)
                .bind(client.revision)
                .execute(&mut *tx)
                .await?
                .rows_affected();
            if rows == 1 {
                sqlx::query(tx.text(&DELETE_ORIGINS)).bind(id).execute(&mut *tx).await?;
                for origin in origins(metadata) {
                    sqlx::query(tx.text(&INSERT_ORIGIN))
                        .bind(origin)
                        .bind(id)
                        .execute(&mut *tx)
                        .await?;
                }
                // No secret is kept in a way that nothing needs any more.
                if !metadata.has_secret() {
                    sqlx::query(tx.text(&DELETE_SECRETS)).bind(id).execute(&mut *tx).await?;
                } else if !metadata.has_mac_secret() {
                    sqlx::query(tx.text(&FORGET_SECRETS)).bind(id).execute(&mut *tx).await?;
                }
                if other_logo {
                    sqlx::query(tx.text(&DELETE_LOGO)).bind(id).execute(&mut *tx).await?;
                }
                if let Some(secret) = change.secret {
                    sqlx::query(tx.text(&DELETE_SECRETS)).bind(id).execute(&mut *tx).await?;
                    insert_secret!(tx, id, secret);
                }
                if change.forget_consents {
                    sqlx::query(tx.text(&FORGET_CONSENTS))
                        .bind(id)
                        .execute(&mut *tx)
                        .await?;
                }
            }
            rows
        })?;
        if rows == 0 {
            return Ok(ClientWrite::Conflict);
        }
        self.catalog_changed().await;
        Ok(ClientWrite::Done)
    }

    /// Disables or enables a client.
    pub async fn set_client_enabled(&self, id: &ClientId, enabled: bool, now: Timestamp) -> Result<ClientWrite> {
        let statement = if enabled { &ENABLE_CLIENT } else { &DISABLE_CLIENT };
        on!(self.writer(), |db| {
            sqlx::query(db.text(statement))
                .bind(id.as_str())
                .bind(now.0)
                .execute(&mut *db)
                .await?;
        })?;
        self.catalog_changed().await;
        Ok(if self.client(id).await?.is_some() {
            ClientWrite::Done
        } else {
            ClientWrite::NotFound
        })
    }

    /// Deletes a client with everything that was issued to it.
    pub async fn delete_client(&self, id: &ClientId) -> Result<ClientWrite> {
        let rows = on!(self.writer(), |db| {
            sqlx::query(db.text(&DELETE_CLIENT))
                .bind(id.as_str())
                .execute(&mut *db)
                .await?
                .rows_affected()
        })?;
        if rows == 0 {
            return Ok(ClientWrite::NotFound);
        }
        self.catalog_changed().await;
        Ok(ClientWrite::Done)
    }

    /// Adds a secret. Of two rotations that saw the same newest secret, the second is told of the conflict, so that no
    /// caller walks away with a secret that another has already replaced.
    pub async fn rotate_secret(&self, rotation: &SecretRotation<'_>) -> Result<ClientWrite> {
        let id = rotation.client.client_id.as_str();
        let seen = rotation.client.secrets.first().map(|secret| secret.id);
        let rotated = in_transaction!(self, |tx| {
            let now = rotation.secret.created_at.0;
            let locked = sqlx::query(tx.text(&LOCK_CLIENT))
                .bind(id)
                .bind(now)
                .execute(&mut *tx)
                .await?
                .rows_affected();
            let newest: Option<Uuid> = sqlx::query_scalar(tx.text(&NEWEST_SECRET))
                .bind(id)
                .fetch_optional(&mut *tx)
                .await?;
            if locked == 0 {
                ClientWrite::NotFound
            } else if newest != seen {
                ClientWrite::Conflict
            } else {
                if let Some(newest) = newest {
                    sqlx::query(tx.text(&END_OLDER_SECRETS))
                        .bind(id)
                        .bind(newest)
                        .execute(&mut *tx)
                        .await?;
                    let end = rotation.overlap_until.0;
                    sqlx::query(tx.text(&EXPIRE_SECRET))
                        .bind(newest)
                        .bind(end)
                        .execute(&mut *tx)
                        .await?;
                }
                insert_secret!(tx, id, rotation.secret);
                ClientWrite::Done
            }
        })?;
        if rotated == ClientWrite::Done {
            self.catalog_changed().await;
        }
        Ok(rotated)
    }

    /// Replaces a sealed secret by what it is under another master key. `false`: it was changed or deleted since it was read.
    pub async fn reseal_secret(&self, secret: &ClientSecret, resealed: &SealedSecret) -> Result<bool> {
        let rows = on!(self.writer(), |db| {
            sqlx::query(db.text(&RESEAL_SECRET))
                .bind(secret.id)
                .bind(sealed(secret))
                .bind(resealed.0.as_slice())
                .execute(&mut *db)
                .await?
                .rows_affected()
        })?;
        if rows == 1 {
            self.catalog_changed().await;
        }
        Ok(rows == 1)
    }

    /// Whether an enabled client has a redirect URI of this web origin.
    pub async fn knows_origin(&self, origin: &str) -> Result<bool> {
        let count: i64 = on!(self.reader(), |db| {
            sqlx::query_scalar(db.text(&KNOWS_ORIGIN))
                .bind(origin)
                .fetch_one(&mut *db)
                .await?
        })?;
        Ok(count > 0)
    }

    /// Stores the picture of a client.
    pub async fn set_logo(&self, id: &ClientId, media_type: &str, image: &[u8]) -> Result<()> {
        on!(self.writer(), |db| {
            sqlx::query(db.text(&SET_LOGO))
                .bind(id.as_str())
                .bind(media_type)
                .bind(image)
                .execute(&mut *db)
                .await?;
        })?;
        self.catalog_changed().await;
        Ok(())
    }

    /// Stores the picture that was fetched for `client`, unless the client has changed since it was read or has got one.
    pub async fn adopt_logo(&self, client: &Client, media_type: &str, image: &[u8]) -> Result<bool> {
        let id = client.client_id.as_str();
        let adopted = in_transaction!(self, |tx| {
            let held = sqlx::query(tx.text(&HOLD_REVISION))
                .bind(id)
                .bind(client.revision)
                .execute(&mut *tx)
                .await?
                .rows_affected();
            let stored = if held == 1 {
                sqlx::query(tx.text(&ADOPT_LOGO))
                    .bind(id)
                    .bind(media_type)
                    .bind(image)
                    .execute(&mut *tx)
                    .await?
                    .rows_affected()
            } else {
                0
            };
            stored == 1
        })?;
        if adopted {
            self.catalog_changed().await;
        }
        Ok(adopted)
    }

    /// The picture of a client, with its media type.
    pub async fn logo(&self, id: &ClientId) -> Result<Option<(String, Vec<u8>)>> {
        on!(self.reader(), |db| sqlx::query_as(db.text(&FIND_LOGO))
            .bind(id.as_str())
            .fetch_optional(&mut *db)
            .await?)
    }
}

/// Folds the rows of one client into it; rows of one client are neighbours.
fn assemble(rows: Vec<ClientRow>) -> Result<Vec<Client>> {
    let mut clients: Vec<Client> = Vec::new();
    for row in rows {
        let Some(id) = row.client_id.clone() else { continue };
        let secret = secret(&row)?;
        match clients.last_mut().filter(|client| client.client_id.as_str() == id) {
            Some(client) => client.secrets.extend(secret),
            None => clients.push(Client {
                client_id: rows::client_id(id)?,
                revision: row.revision.unwrap_or_default(),
                metadata: row.metadata.ok_or(StoreError::Corrupt("client.metadata"))?.0,
                secrets: secret.into_iter().collect(),
                has_logo: row.has_logo,
                created_at: Timestamp(row.created_at.unwrap_or_default()),
                updated_at: Timestamp(row.updated_at.unwrap_or_default()),
                disabled_at: row.disabled_at.map(Timestamp),
            }),
        }
    }
    Ok(clients)
}

fn secret(row: &ClientRow) -> Result<Option<ClientSecret>> {
    let Some(id) = row.secret_id else { return Ok(None) };
    let verifier = match (&row.secret_digest, &row.secret_hash) {
        (Some(digest), None) => TokenDigest::from_bytes(digest).map(SecretVerifier::Digest),
        (None, Some(hash)) => Some(SecretVerifier::Password(hash.clone())),
        _ => None,
    };
    Ok(Some(ClientSecret {
        id,
        verifier: verifier.ok_or(StoreError::Corrupt("client_secret"))?,
        sealed: row.secret_sealed.clone().map(SealedSecret),
        created_at: Timestamp(row.secret_created_at.unwrap_or_default()),
        expires_at: row.secret_expires_at.map(Timestamp),
    }))
}

pub(super) fn sealed(secret: &ClientSecret) -> Option<&[u8]> {
    secret.sealed.as_ref().map(|sealed| sealed.0.as_slice())
}

pub(super) fn columns(verifier: &SecretVerifier) -> (Option<&[u8]>, Option<&str>) {
    match verifier {
        SecretVerifier::Digest(digest) => (Some(digest.as_bytes()), None),
        SecretVerifier::Password(hash) => (None, Some(hash)),
    }
}

pub(super) fn origins(metadata: &ClientMetadata) -> BTreeSet<String> {
    metadata.redirect_uris.iter().filter_map(RedirectUri::origin).collect()
}
