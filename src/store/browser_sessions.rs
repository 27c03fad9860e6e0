//! Sign-ins.

use std::net::IpAddr;

use sqlx::types::Json;

use super::rows::{SessionRow, UserRow, session_columns, user_columns};
use super::{Backend as _, Result, Store, in_transaction, on, rows, statements};
use crate::model::browser_session::{BrowserSession, BrowserSessionId};
use crate::model::consent::Allowed;
use crate::model::grant::EndReason;
use crate::model::user::{PasswordHash, User, UserId};
use crate::protocol::ids::ClientId;
use crate::time::Timestamp;

macro_rules! insert_session {
    () => {
        "INSERT INTO browser_session
        (id, user_id, auth_time, acr, amr, created_at, last_seen_at, expires_at, user_agent, address)
        SELECT $1, $2, $3, $4, $5, $6, $6, $7, $8, $10 FROM users
        WHERE id = $2 AND disabled_at IS NULL AND (CAST($9 AS TEXT) IS NULL OR password_hash = $9)"
    };
}

statements! {
    // Only for the password that was verified: a sign-in that was under way when the password changed does not outlive it.
    // On Postgres the user's row is locked as well, so that a change that is not committed yet is waited for and seen.
    INSERT_SESSION = concat!(insert_session!(), " FOR SHARE"), insert_session!();
    REAUTHENTICATE = "UPDATE browser_session SET auth_time = $2, last_seen_at = $2, address = COALESCE($3, address)
        WHERE id = $1 AND ended_at IS NULL AND expires_at > $2";
    TOUCH_SESSION = "UPDATE browser_session SET last_seen_at = $2, address = COALESCE($3, address)
        WHERE id = $1 AND last_seen_at < $2";
    // One row answers who is signed in, whether that counts, and what this client was allowed before.
    SIGNED_IN = concat!("SELECT ", session_columns!(), ", ", user_columns!(), ", c.scope AS consented, c.claims AS consented_claims
        FROM browser_session s JOIN users u ON u.id = s.user_id
        LEFT JOIN consent c ON c.user_id = s.user_id AND c.client_id = $2
        WHERE s.id = $1");
    END_SESSION = "UPDATE browser_session SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL";
    END_ONLINE_GRANTS = "UPDATE grants SET ended_at = $2, end_reason = $3
        WHERE session_id = $1 AND ended_at IS NULL AND NOT offline";
    SESSIONS_OF_USER = concat!("SELECT ", session_columns!(), " FROM browser_session s
        WHERE s.user_id = $1 AND s.ended_at IS NULL AND s.expires_at > $2 ORDER BY s.last_seen_at DESC, s.id");
    END_OWN_SESSION = "UPDATE browser_session SET ended_at = $3 WHERE id = $1 AND user_id = $2 AND ended_at IS NULL";
    // Postgres has no type for a NULL that is only compared, hence the casts.
    END_OTHER_SESSIONS = "UPDATE browser_session SET ended_at = $2
        WHERE user_id = $1 AND ended_at IS NULL AND (CAST($3 AS UUID) IS NULL OR id <> $3)",
        "UPDATE browser_session SET ended_at = $2 WHERE user_id = $1 AND ended_at IS NULL AND ($3 IS NULL OR id <> $3)";
    // Of every sign-in that has ended, those before this moment included: of a sign-in that has ended nothing online is left.
    END_ONLINE_GRANTS_OF_ENDED = "UPDATE grants SET ended_at = $2, end_reason = $3
        WHERE user_id = $1 AND ended_at IS NULL AND NOT offline AND session_id IN
            (SELECT s.id FROM browser_session s WHERE s.user_id = $1 AND s.ended_at IS NOT NULL)";
}

/// One of a person's sign-ins.
#[derive(Clone, Debug)]
pub struct SessionOfUser {
    /// The sign-in.
    pub session: BrowserSession,
    /// When it was last used, give or take a few minutes.
    pub last_seen_at: Timestamp,
}

/// A sign-in with its user, and what they consented to for the client at hand.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The sign-in.
    pub session: BrowserSession,
    /// When it was last used.
    pub last_seen_at: Timestamp,
    /// Whose it is.
    pub user: User,
    /// What the user has allowed to the client before.
    pub consented: Option<Allowed>,
}

#[derive(sqlx::FromRow)]
struct SignedInRow {
    #[sqlx(flatten)]
    session: SessionRow,
    #[sqlx(flatten)]
    user: UserRow,
    consented: Option<String>,
    consented_claims: Option<String>,
}

impl Store {
    /// Stores a sign-in that rests on the password behind `verified`. `false`: the user was disabled or deleted, or has another
    /// password by now, and nobody is signed in.
    pub async fn insert_browser_session(
        &self,
        session: &BrowserSession,
        verified: Option<&PasswordHash>,
    ) -> Result<bool> {
        let rows = on!(self.writer(), |db| {
            sqlx::query(db.text(&INSERT_SESSION))
                .bind(session.id.0)
                .bind(session.user_id.0)
                .bind(session.auth_time.0)
                .bind(session.acr.as_str())
                .bind(Json(&session.amr))
                .bind(session.created_at.0)
                .bind(session.expires_at.0)
                .bind(session.user_agent.as_deref())
                .bind(verified.map(|hash| hash.0.as_str()))
                .bind(session.address.map(|address| address.to_string()))
                .execute(&mut *db)
                .await?
                .rows_affected()
        })?;
        Ok(rows == 1)
    }

    /// Records that credentials were checked again. `false`: the sign-in has ended.
    pub async fn reauthenticate(&self, id: BrowserSessionId, address: Option<IpAddr>, now: Timestamp) -> Result<bool> {
        let rows = on!(self.writer(), |db| {
            sqlx::query(db.text(&REAUTHENTICATE))
                .bind(id.0)
                .bind(now.0)
                .bind(address.map(|address| address.to_string()))
                .execute(&mut *db)
                .await?
                .rows_affected()
        })?;
        Ok(rows == 1)
    }

    /// Records that a sign-in was used, and from where.
    pub async fn touch_session(&self, id: BrowserSessionId, address: Option<IpAddr>, now: Timestamp) -> Result<()> {
        on!(self.writer(), |db| {
            sqlx::query(db.text(&TOUCH_SESSION))
                .bind(id.0)
                .bind(now.0)
                .bind(address.map(|address| address.to_string()))
                .execute(&mut *db)
                .await?;
        })
    }

    /// The sign-in `id` with its user, and the consent for `client` if one is asked about.
    pub async fn signed_in(&self, id: BrowserSessionId, client: Option<&ClientId>) -> Result<Option<SignedIn>> {
        let row: Option<SignedInRow> = on!(self.reader(), |db| {
            sqlx::query_as(db.text(&SIGNED_IN))
                .bind(id.0)
                .bind(client.map_or("", ClientId::as_str))
                .fetch_optional(&mut *db)
                .await?
        })?;
        let Some(row) = row else { return Ok(None) };
        let claims = row.consented_claims.unwrap_or_default();
        let consented = row.consented.map(|scope| rows::allowed(scope, &claims));
        Ok(Some(SignedIn {
            last_seen_at: Timestamp(row.session.last_seen_at),
            session: row.session.into(),
            user: row.user.try_into()?,
            consented: consented.transpose()?,
        }))
    }

    /// Ends a sign-in and every grant in it that was not given for offline use.
    pub async fn end_session(&self, id: BrowserSessionId, now: Timestamp) -> Result<()> {
        let ended = in_transaction!(self, |tx| {
            sqlx::query(tx.text(&END_SESSION))
                .bind(id.0)
                .bind(now.0)
                .execute(&mut *tx)
                .await?;
            let why = EndReason::SignedOut.as_str();
            sqlx::query(tx.text(&END_ONLINE_GRANTS))
                .bind(id.0)
                .bind(now.0)
                .bind(why)
                .execute(&mut *tx)
                .await?;
        });
        self.ended.notify_one();
        ended
    }

    /// The sign-ins of a person that have neither ended nor expired, the last used first. Those that were idle for too long
    /// are among them: how long that is, is a setting.
    pub async fn sessions_of_user(&self, user: UserId, now: Timestamp) -> Result<Vec<SessionOfUser>> {
        let rows: Vec<SessionRow> = on!(self.reader(), |db| {
            sqlx::query_as(db.text(&SESSIONS_OF_USER))
                .bind(user.0)
                .bind(now.0)
                .fetch_all(&mut *db)
                .await?
        })?;
        let sessions = rows.into_iter().map(|row| SessionOfUser {
            last_seen_at: Timestamp(row.last_seen_at),
            session: row.into(),
        });
        Ok(sessions.collect())
    }

    /// As [`Store::end_session`], if the sign-in is `user`'s. `false`: it is not, or has ended before.
    pub async fn end_session_of(&self, user: UserId, id: BrowserSessionId, now: Timestamp) -> Result<bool> {
        let outcome = in_transaction!(self, |tx| {
            let ended = sqlx::query(tx.text(&END_OWN_SESSION))
                .bind(id.0)
                .bind(user.0)
                .bind(now.0)
                .execute(&mut *tx)
                .await?
                .rows_affected();
            if ended == 1 {
                sqlx::query(tx.text(&END_ONLINE_GRANTS))
                    .bind(id.0)
                    .bind(now.0)
                    .bind(EndReason::SignedOut.as_str())
                    .execute(&mut *tx)
                    .await?;
            }
            ended == 1
        });
        self.ended.notify_one();
        outcome
    }

    /// Ends every sign-in of a person but `keep`, and in them every grant that was not given for offline use. Returns how
    /// many sign-ins ended.
    pub async fn end_other_sessions(
        &self,
        user: UserId,
        keep: Option<BrowserSessionId>,
        now: Timestamp,
    ) -> Result<u64> {
        let outcome = in_transaction!(self, |tx| {
            let ended = sqlx::query(tx.text(&END_OTHER_SESSIONS))
                .bind(user.0)
                .bind(now.0)
                .bind(keep.map(|id| id.0))
                .execute(&mut *tx)
                .await?
                .rows_affected();
            sqlx::query(tx.text(&END_ONLINE_GRANTS_OF_ENDED))
                .bind(user.0)
                .bind(now.0)
                .bind(EndReason::SignedOut.as_str())
                .execute(&mut *tx)
                .await?;
            ended
        });
        self.ended.notify_one();
        outcome
    }
}
