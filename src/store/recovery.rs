//! After a database came back from a backup, or from a standby that had not heard everything: what was spent, rotated or
//! revoked since is live again in it, and nobody can tell which. Everything that can be asked for again ends.

use super::{Backend as _, Db, Result, Statement, Store, in_transaction, on, statements};
use crate::model::grant::EndReason;
use crate::time::Timestamp;
use sqlx::AssertSqlSafe;

statements! {
    END_EVERY_GRANT = "UPDATE grants SET ended_at = $1, end_reason = $2 WHERE ended_at IS NULL";
    END_EVERY_SESSION = "UPDATE browser_session SET ended_at = $1 WHERE ended_at IS NULL";
    DELETE_EVERY_CODE = "DELETE FROM code";
    // With those who stand before one.
    DELETE_EVERY_DEVICE = "DELETE FROM device_grant";
    DELETE_EVERY_ACCESS_TOKEN = "DELETE FROM access_token";
    DELETE_EVERY_INTERACTION = "DELETE FROM interaction";
    DELETE_EVERY_COOKIE = "DELETE FROM web_session";
    // The timeline changes when a standby takes over, the object id when the database was made anew; the number of
    // transactions falls when the files themselves are older.
    DATABASE_MARK = "SELECT s.system_identifier || '/' || c.timeline_id || '/' || d.oid,
            pg_snapshot_xmax(pg_current_snapshot())::text::bigint, extract(epoch FROM clock_timestamp())::bigint
            FROM pg_control_system() s, pg_control_checkpoint() c, pg_database d WHERE d.datname = current_database()",
        "SELECT '', user_version, NULL FROM pragma_user_version";
}

/// What is deleted without a trace, beside what ends.
const GONE: &[&Statement] = &[
    &DELETE_EVERY_CODE,
    &DELETE_EVERY_DEVICE,
    &DELETE_EVERY_ACCESS_TOKEN,
    &DELETE_EVERY_INTERACTION,
    &DELETE_EVERY_COOKIE,
];

/// What [`Store::end_everything`] ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// Grants, with their codes and refresh tokens.
    pub grants: u64,
    /// Sign-ins.
    pub sessions: u64,
}

/// Which database this is, and how far it got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseMark {
    /// Differs between databases, and between the lives of one. Empty on SQLite, which has no such thing.
    pub lineage: String,
    /// Never falls, unless an older state came back.
    pub position: i64,
    /// The clock of its machine, if that is another one.
    pub clock: Option<Timestamp>,
}

impl Store {
    /// Ends every sign-in, grant, code, device code, refresh token and opaque access token, and every request that waits for a person.
    /// Users, clients, consents and keys stay as they are. One transaction, which takes its time over large tables: open the store
    /// with patience.
    pub async fn end_everything(&self, now: Timestamp) -> Result<Ended> {
        in_transaction!(self, |tx| {
            let grants = sqlx::query(tx.text(&END_EVERY_GRANT))
                .bind(now.0)
                .bind(EndReason::Restored.as_str())
                .execute(&mut *tx)
                .await?
                .rows_affected();
            let sessions = sqlx::query(tx.text(&END_EVERY_SESSION))
                .bind(now.0)
                .execute(&mut *tx)
                .await?
                .rows_affected();
            for statement in GONE.iter().copied() {
                sqlx::query(tx.text(statement)).execute(&mut *tx).await?;
            }
            Ended { grants, sessions }
        })
    }

    /// Where the database stands. SQLite counts nothing by itself in write-ahead mode, so there this raises the number
    /// that the file has for its owner.
    pub async fn raise_mark(&self) -> Result<DatabaseMark> {
        if let Db::Sqlite(pools) = &self.db {
            let mut turn = pools.writer.alone().await?;
            let mut tx = sqlx::Connection::begin_with(turn.connection()?, "BEGIN IMMEDIATE").await?;
            let (_, position, _): (String, i64, Option<i64>) =
                sqlx::query_as(tx.text(&DATABASE_MARK)).fetch_one(&mut *tx).await?;
            // A pragma takes no parameters.
            let raise = format!("PRAGMA user_version = {}", position.saturating_add(1));
            sqlx::query(AssertSqlSafe(raise)).execute(&mut *tx).await?;
            tx.commit().await?;
            turn.commit().await?;
        }
        self.mark().await
    }

    /// Where the database stands, without touching it.
    pub async fn mark(&self) -> Result<DatabaseMark> {
        let (lineage, position, clock): (_, _, Option<i64>) =
            on!(self.reader(), |db| sqlx::query_as(db.text(&DATABASE_MARK))
                .fetch_one(&mut *db)
                .await?)?;
        Ok(DatabaseMark {
            lineage,
            position,
            clock: clock.map(Timestamp),
        })
    }
}
