//! Pictures of clients.

use super::{Backend as _, Result, Store, in_transaction, on, statements};
use crate::model::client::Client;
use crate::protocol::ids::ClientId;

statements! {
    SET_LOGO = "INSERT INTO client_logo (client_id, media_type, image) VALUES ($1, $2, $3)
        ON CONFLICT (client_id) DO UPDATE SET media_type = excluded.media_type, image = excluded.image";
    // Takes the row: who changes the client meanwhile waits, or has changed its revision.
    HOLD_REVISION = "UPDATE client SET revision = revision WHERE client_id = $1 AND revision = $2";
    ADOPT_LOGO = "INSERT INTO client_logo (client_id, media_type, image) VALUES ($1, $2, $3)
        ON CONFLICT (client_id) DO NOTHING";
    FIND_LOGO = "SELECT media_type, image FROM client_logo WHERE client_id = $1";
}

impl Store {
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
