//! Who is to be told that a sign-in has ended. The rows come by triggers, in the commit that lets a client in, and in the one
//! that ends the sign-in, whatever its reason.

use sqlx::types::{Json, Uuid};

use super::{Backend as _, Result, Store, StoreError, on, statements};
use crate::model::browser_session::BrowserSessionId;
use crate::model::client::ClientMetadata;
use crate::model::user::UserId;
use crate::protocol::ids::ClientId;
use crate::time::Timestamp;

statements! {
    CLIENTS_TO_TELL = "SELECT client_id FROM logout_notice WHERE due_at <= $1
        GROUP BY client_id ORDER BY min(due_at), client_id";
    NEXT_NOTICE = "SELECT session_id, user_id, ended_at, tries FROM logout_notice
        WHERE client_id = $1 AND due_at <= $2 ORDER BY due_at, session_id LIMIT 1";
    // Of those who read the same row, one.
    CLAIM_NOTICE = "UPDATE logout_notice SET tries = tries + 1, due_at = $4
        WHERE session_id = $1 AND client_id = $2 AND tries = $3";
    DELETE_NOTICE = "DELETE FROM logout_notice WHERE session_id = $1 AND client_id = $2";
    CLIENTS_OF_SESSION = "SELECT c.metadata FROM session_client s JOIN client c ON c.client_id = s.client_id
        WHERE s.session_id = $1 ORDER BY c.client_id";
}

/// A client that is to be told of the end of a sign-in (OpenID Connect Back-Channel Logout §2.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogoutNotice {
    /// The sign-in.
    pub session: BrowserSessionId,
    /// Whom to tell.
    pub client_id: ClientId,
    /// Whose sign-in it was.
    pub user: UserId,
    /// When it ended.
    pub ended_at: Timestamp,
    /// How often it was tried before.
    pub tries: i64,
}

impl Store {
    /// Waits until this process has ended a sign-in, since it was last waited for.
    pub async fn sign_in_ended(&self) {
        self.ended.notified().await;
    }

    /// The clients that there is something to tell by now.
    pub async fn clients_to_tell(&self, now: Timestamp) -> Result<Vec<ClientId>> {
        let names: Vec<String> = on!(self.reader(), |db| {
            sqlx::query_scalar(db.text(&CLIENTS_TO_TELL))
                .bind(now.0)
                .fetch_all(&mut *db)
                .await?
        })?;
        let parsed = names.into_iter().map(|name| ClientId::parse(&name));
        parsed.collect::<Option<_>>().ok_or(StoreError::Corrupt("client_id"))
    }

    /// What `client` is to be told next.
    pub async fn next_logout_notice(&self, client: &ClientId, now: Timestamp) -> Result<Option<LogoutNotice>> {
        let row: Option<(Uuid, Uuid, i64, i64)> = on!(self.reader(), |db| {
            sqlx::query_as(db.text(&NEXT_NOTICE))
                .bind(client.as_str())
                .bind(now.0)
                .fetch_optional(&mut *db)
                .await?
        })?;
        Ok(row.map(|(session, user, ended_at, tries)| LogoutNotice {
            session: BrowserSessionId(session),
            client_id: client.clone(),
            user: UserId(user),
            ended_at: Timestamp(ended_at),
            tries,
        }))
    }

    /// Takes a notice until `again`: nobody else tells of it before. Who took it and does not come back has it tried again
    /// then. `false`: another has taken it.
    pub async fn claim_logout_notice(&self, notice: &LogoutNotice, again: Timestamp) -> Result<bool> {
        let rows = on!(self.writer(), |db| {
            sqlx::query(db.text(&CLAIM_NOTICE))
                .bind(notice.session.0)
                .bind(notice.client_id.as_str())
                .bind(notice.tries)
                .bind(again.0)
                .execute(&mut *db)
                .await?
                .rows_affected()
        })?;
        Ok(rows == 1)
    }

    /// Nothing is left to tell. `false`: another said so before.
    pub async fn finish_logout_notice(&self, notice: &LogoutNotice) -> Result<bool> {
        let rows = on!(self.writer(), |db| {
            sqlx::query(db.text(&DELETE_NOTICE))
                .bind(notice.session.0)
                .bind(notice.client_id.as_str())
                .execute(&mut *db)
                .await?
                .rows_affected()
        })?;
        Ok(rows == 1)
    }

    /// The clients that were let in during a sign-in and want to hear of its end, by their names.
    pub async fn clients_of_session(&self, session: BrowserSessionId) -> Result<Vec<ClientMetadata>> {
        let rows: Vec<Json<ClientMetadata>> = on!(self.reader(), |db| {
            sqlx::query_scalar(db.text(&CLIENTS_OF_SESSION))
                .bind(session.0)
                .fetch_all(&mut *db)
                .await?
        })?;
        Ok(rows.into_iter().map(|Json(metadata)| metadata).collect())
    }
}
