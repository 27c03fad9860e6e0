//! Deleting what has expired, in batches small enough that nobody waits for them.

use super::{Backend as _, Result, Statement, Store, on, statements, stats};
use crate::time::Timestamp;

/// A grant for which nobody came, with all that belongs to it.
macro_rules! unredeemed {
    () => {
        "DELETE FROM grants WHERE id IN (
            SELECT grant_id FROM code WHERE redeemed_at IS NULL AND expires_at <= $1 - 600 LIMIT $2)"
    };
}

macro_rules! unredeemed_devices {
    () => {
        "DELETE FROM grants WHERE id IN (
            SELECT grant_id FROM device_grant
            WHERE redeemed_at IS NULL AND grant_id IS NOT NULL AND expires_at <= $1 - 600 LIMIT $2)"
    };
}

macro_rules! ended_grants {
    () => {
        "DELETE FROM grants WHERE id IN (
            SELECT g.id FROM grants g WHERE g.expires_at <= $1
            AND NOT EXISTS (SELECT 1 FROM refresh_token r WHERE r.grant_id = g.id) LIMIT $2)"
    };
}

/// A batch of one table: the key's name twice, and the condition, too, which a row that somebody is changing must still meet
/// when its turn comes.
macro_rules! sweep {
    ($table:literal, $key:literal, $condition:literal) => {
        concat!(
            "DELETE FROM ",
            $table,
            " WHERE ",
            $key,
            " IN (SELECT ",
            $key,
            " FROM ",
            $table,
            " WHERE ",
            $condition,
            " LIMIT $2) AND ",
            $condition
        )
    };
}

/// The same on Postgres for rows whose end is told to nodes ([`super::standing_feed`]): what expired, they know by themselves.
macro_rules! untold {
    ($text:expr) => {
        concat!(
            $text,
            " AND (SELECT set_config('portcullis.sweeping', 'on', TRUE)) = 'on'"
        )
    };
}

statements! {
    SWEEP_WEB_SESSIONS = sweep!("web_session", "id_digest", "expires_at <= $1");
    SWEEP_INTERACTIONS = sweep!("interaction", "id", "expires_at <= $1");
    SWEEP_ACCESS_TOKENS = untold!(sweep!("access_token", "digest", "expires_at <= $1")),
        sweep!("access_token", "digest", "expires_at <= $1");
    // A day longer than the token: a clock that was ahead, or is behind, must not bring it back.
    SWEEP_REVOKED_JWTS = untold!(sweep!("revoked_jwt", "jti", "expires_at <= $1 - 86400")),
        sweep!("revoked_jwt", "jti", "expires_at <= $1 - 86400");
    // An hour longer: a clock that was ahead, or falls back, must not make it fresh.
    SWEEP_ASSERTIONS = sweep!("client_assertion", "digest", "expires_at <= $1 - 3600");
    // A code that nobody redeemed takes the grant along that it was to buy, ten minutes after its end: by then a redemption
    // that was under way at that moment is over.
    SWEEP_UNREDEEMED = untold!(unredeemed!()), unredeemed!();
    // Likewise what a person allowed a device that never came back for it. A device that asks again a little late is still
    // told that its code has expired.
    SWEEP_UNREDEEMED_DEVICES = untold!(unredeemed_devices!()), unredeemed_devices!();
    SWEEP_DEVICE_GRANTS = sweep!("device_grant", "id",
        "redeemed_at IS NULL AND grant_id IS NULL AND expires_at <= $1 - 600");
    // A family's spent tokens go first, in batches of their own: one grant may have tens of thousands. They live exactly as
    // long as their family.
    SWEEP_REFRESH_TOKENS = "DELETE FROM refresh_token WHERE digest IN (
            SELECT r.digest FROM grants g JOIN refresh_token r ON r.grant_id = g.id WHERE g.expires_at <= $1 LIMIT $2)";
    // With a grant go its code or device code, and its access tokens.
    SWEEP_GRANTS = untold!(ended_grants!()), ended_grants!();
    SWEEP_BROWSER_SESSIONS = sweep!("browser_session", "id", "expires_at <= $1");
    SWEEP_INITIAL_TOKENS = sweep!("initial_access_token", "id", "expires_at <= $1");
    SWEEP_THROTTLES = sweep!("throttle", "key_digest", "tat_ms <= $1 * CAST(1000 AS BIGINT)");
}

/// In an order in which nothing that is still referred to goes first.
const ORDER: &[&Statement] = &[
    &SWEEP_INTERACTIONS,
    &SWEEP_WEB_SESSIONS,
    &SWEEP_ACCESS_TOKENS,
    &SWEEP_REVOKED_JWTS,
    &SWEEP_ASSERTIONS,
    &SWEEP_UNREDEEMED,
    &SWEEP_UNREDEEMED_DEVICES,
    &SWEEP_DEVICE_GRANTS,
    &SWEEP_REFRESH_TOKENS,
    &SWEEP_GRANTS,
    &SWEEP_BROWSER_SESSIONS,
    &SWEEP_INITIAL_TOKENS,
    &SWEEP_THROTTLES,
];

/// The table that a sweep is about, as its text says.
fn table(statement: &Statement) -> &'static str {
    let rest = statement.sqlite.strip_prefix("DELETE FROM ").unwrap_or_default();
    rest.split(' ').next().unwrap_or_default()
}

/// What one round of sweeping did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Rows deleted, without those that went with their grant.
    pub rows: u64,
    /// Some table had a full batch: there is more.
    pub more: bool,
}

impl Store {
    /// Deletes at most `batch` expired rows of each table. Safe on many nodes at once. A table that fails keeps no other from
    /// being swept; the first error is returned in the end.
    pub async fn sweep(&self, now: Timestamp, batch: i64) -> Result<Swept> {
        let mut swept = Swept::default();
        let mut failed = None;
        for statement in ORDER.iter().copied() {
            let outcome = on!(self.writer(), |db| {
                sqlx::query(db.text(statement))
                    .bind(now.0)
                    .bind(batch)
                    .execute(&mut *db)
                    .await?
                    .rows_affected()
            });
            let rows = match outcome {
                Ok(rows) => rows,
                Err(error) => {
                    failed = failed.or(Some(error));
                    continue;
                }
            };
            stats::swept(table(statement), rows);
            swept.rows += rows;
            swept.more |= rows >= batch.unsigned_abs();
        }
        match self.sweep_standing_changes(now, batch).await {
            Ok(pruned) => swept.more |= pruned.more,
            Err(error) => failed = failed.or(Some(error)),
        }
        failed.map_or(Ok(swept), Err)
    }
}
