//! APIs: the resource servers.

use sqlx::types::Json;
use uuid::Uuid;

use super::{Backend as _, Result, Store, StoreError, on, statements};
use crate::model::api::{Api, ApiId, ApiSettings};
use crate::time::Timestamp;

statements! {
    INSERT_API = "INSERT INTO api (id, audience, settings, created_at) VALUES ($1, $2, $3, $4)";
    LIST_APIS = "SELECT id, audience, settings, created_at FROM api ORDER BY audience";
    UPDATE_API = "UPDATE api SET settings = $2 WHERE id = $1";
    DELETE_API = "DELETE FROM api WHERE id = $1";
}

/// What became of a write on an API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiWrite {
    /// It is stored.
    Done,
    /// There is no such API.
    NotFound,
    /// The audience belongs to another.
    Taken,
}

#[derive(sqlx::FromRow)]
struct ApiRow {
    id: Uuid,
    audience: String,
    settings: Json<ApiSettings>,
    created_at: i64,
}

impl Store {
    /// Registers an API.
    pub async fn insert_api(&self, api: &Api) -> Result<ApiWrite> {
        let inserted = on!(self.writer(), |db| {
            sqlx::query(db.text(&INSERT_API))
                .bind(api.id.0)
                .bind(api.audience.as_str())
                .bind(Json(&api.settings))
                .bind(api.created_at.0)
                .execute(&mut *db)
                .await?;
        });
        match inserted {
            Ok(()) => {
                self.catalog_changed().await;
                Ok(ApiWrite::Done)
            }
            Err(StoreError::Taken) => Ok(ApiWrite::Taken),
            Err(other) => Err(other),
        }
    }

    /// All APIs, by audience.
    pub async fn apis(&self) -> Result<Vec<Api>> {
        let rows: Vec<ApiRow> = on!(self.reader(), |db| sqlx::query_as(db.text(&LIST_APIS))
            .fetch_all(&mut *db)
            .await?)?;
        Ok(rows.into_iter().map(Api::from).collect())
    }

    /// Replaces the settings of an API.
    pub async fn update_api(&self, id: ApiId, settings: &ApiSettings) -> Result<ApiWrite> {
        let rows = on!(self.writer(), |db| {
            sqlx::query(db.text(&UPDATE_API))
                .bind(id.0)
                .bind(Json(settings))
                .execute(&mut *db)
                .await?
                .rows_affected()
        })?;
        Ok(self.api_written(rows).await)
    }

    /// Deletes an API: its scopes can no longer be granted.
    pub async fn delete_api(&self, id: ApiId) -> Result<ApiWrite> {
        let rows = on!(self.writer(), |db| {
            sqlx::query(db.text(&DELETE_API))
                .bind(id.0)
                .execute(&mut *db)
                .await?
                .rows_affected()
        })?;
        Ok(self.api_written(rows).await)
    }

    async fn api_written(&self, rows: u64) -> ApiWrite {
        if rows == 0 {
            return ApiWrite::NotFound;
        }
        self.catalog_changed().await;
        ApiWrite::Done
    }
}

impl From<ApiRow> for Api {
    fn from(row: ApiRow) -> Self {
        Self {
            id: ApiId(row.id),
            audience: row.audience,
            settings: row.settings.0,
            created_at: Timestamp(row.created_at),
        }
    }
}
