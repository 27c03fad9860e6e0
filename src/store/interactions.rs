//! Requests that wait for a person.

use sqlx::types::Json;
use uuid::Uuid;

use super::{Backend as _, Result, Store, on, statements};
use crate::model::interaction::{AuthorizationRequest, BrowserId, Interaction, InteractionId, Progress};
use crate::time::Timestamp;

statements! {
    INSERT_INTERACTION = "INSERT INTO interaction (id, browser, request, progress, created_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6)";
    FIND_INTERACTION = "SELECT id, browser, request, progress, created_at, expires_at, completed_at
        FROM interaction WHERE id = $1";
    // Only over the progress that was read: two answers at once cannot undo each other.
    SAVE_PROGRESS = "UPDATE interaction SET progress = $2 WHERE id = $1 AND progress = $3 AND completed_at IS NULL";
    COMPLETE_INTERACTION = "UPDATE interaction SET completed_at = $2 WHERE id = $1 AND completed_at IS NULL";
}

/// What became of a write on an interaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InteractionWrite {
    /// It is stored.
    Done,
    /// The request was answered, or went another way, in the meantime.
    Outrun,
}

#[derive(sqlx::FromRow)]
struct InteractionRow {
    id: Uuid,
    browser: Uuid,
    request: Json<AuthorizationRequest>,
    progress: Json<Progress>,
    created_at: i64,
    expires_at: i64,
    completed_at: Option<i64>,
}

impl Store {
    /// Stores a waiting request.
    pub async fn insert_interaction(&self, interaction: &Interaction) -> Result<()> {
        on!(self.writer(), |db| {
            sqlx::query(db.text(&INSERT_INTERACTION))
                .bind(interaction.id.0)
                .bind(interaction.browser.0)
                .bind(Json(&interaction.request))
                .bind(Json(&interaction.progress))
                .bind(interaction.created_at.0)
                .bind(interaction.expires_at.0)
                .execute(&mut *db)
                .await?;
        })
    }

    /// The waiting request with this key.
    pub async fn interaction(&self, id: InteractionId) -> Result<Option<Interaction>> {
        let row: Option<InteractionRow> = on!(self.reader(), |db| {
            sqlx::query_as(db.text(&FIND_INTERACTION))
                .bind(id.0)
                .fetch_optional(&mut *db)
                .await?
        })?;
        Ok(row.map(Interaction::from))
    }

    /// Records what the person did.
    pub async fn save_progress(&self, interaction: &Interaction, progress: &Progress) -> Result<InteractionWrite> {
        let rows = on!(self.writer(), |db| {
            sqlx::query(db.text(&SAVE_PROGRESS))
                .bind(interaction.id.0)
                .bind(Json(progress))
                .bind(Json(&interaction.progress))
                .execute(&mut *db)
                .await?
                .rows_affected()
        })?;
        Ok(if rows == 1 {
            InteractionWrite::Done
        } else {
            InteractionWrite::Outrun
        })
    }

    /// Ends a waiting request without a code.
    pub async fn complete_interaction(&self, id: InteractionId, now: Timestamp) -> Result<InteractionWrite> {
        let rows = on!(self.writer(), |db| {
            sqlx::query(db.text(&COMPLETE_INTERACTION))
                .bind(id.0)
                .bind(now.0)
                .execute(&mut *db)
                .await?
                .rows_affected()
        })?;
        Ok(if rows == 1 {
            InteractionWrite::Done
        } else {
            InteractionWrite::Outrun
        })
    }
}

impl From<InteractionRow> for Interaction {
    fn from(row: InteractionRow) -> Self {
        Self {
            id: InteractionId(row.id),
            browser: BrowserId(row.browser),
            request: row.request.0,
            progress: row.progress.0,
            created_at: Timestamp(row.created_at),
            expires_at: Timestamp(row.expires_at),
            completed_at: row.completed_at.map(Timestamp),
        }
    }
}
