//! Devices that ask to be let in: started, polled, answered, redeemed.

use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::types::Json;
use sqlx::{FromRow, Row as _};
use uuid::Uuid;

use super::access_tokens::insert_access_token;
use super::grants::insert_grant;
use super::refresh_tokens::insert_refresh_token;
use super::rows::{GrantRow, UserRow, grant_columns, user_columns};
use super::{
    Backend as _, CodeOutcome, Db, NewTokens, Result, Store, StoreError, in_transaction, on, postgres, rows, statements,
};
use crate::model::device_grant::{DeviceGrant, DeviceGrantId, DeviceGrantState, DeviceVisit, DeviceVisitId};
use crate::model::digest::TokenDigest;
use crate::model::grant::{Grant, GrantId};
use crate::model::interaction::BrowserId;
use crate::model::user::User;
use crate::time::Timestamp;

/// The columns of [`DeviceRow`], of a table that is called `d`.
macro_rules! device_columns {
    () => {
        "d.id AS device_id, d.digest, d.client_id AS device_client_id, d.scope AS device_scope, \
         d.resources AS device_resources, d.address, d.user_agent AS device_user_agent, d.poll_interval, d.slowed_at, \
         d.created_at AS device_created_at, d.expires_at AS device_expires_at, d.decision, d.decided_at, \
         d.grant_id AS device_grant_id, d.redeemed_at"
    };
}

statements! {
    INSERT_DEVICE_GRANT = "INSERT INTO device_grant
        (id, digest, user_code, client_id, scope, resources, address, user_agent, poll_interval, created_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    // Stops counting where the answer makes no difference any more.
    COUNT_LIVE_DEVICES = "SELECT count(*) FROM (SELECT 1 FROM device_grant
        WHERE redeemed_at IS NULL AND decision IS NULL AND expires_at > $1 LIMIT $2) live";
    // All that decides about a poll, in one read by a unique key.
    LOAD_DEVICE_GRANT = concat!("SELECT ", device_columns!(), ", ", grant_columns!(), ", ", user_columns!(), ",
        EXISTS (SELECT 1 FROM browser_session s
            WHERE s.id = g.session_id AND s.ended_at IS NULL AND s.expires_at > $2) AS session_live
        FROM device_grant d LEFT JOIN grants g ON g.id = d.grant_id LEFT JOIN users u ON u.id = g.user_id
        WHERE d.digest = $1");
    // Adds up whatever else happens at the same time, but not beyond the request's own life: a device that does not listen
    // costs a bounded number of writes.
    SLOW_DOWN_DEVICE = "UPDATE device_grant SET poll_interval = poll_interval + $3, slowed_at = $2
        WHERE digest = $1 AND poll_interval < expires_at - created_at";
    CLAIM_DEVICE = "SELECT 0",
        "UPDATE device_grant SET redeemed_at = $2
            WHERE digest = $1 AND decision = 'allow' AND redeemed_at IS NULL AND expires_at > $2";
    FIND_BY_USER_CODE = concat!("SELECT ", device_columns!(), " FROM device_grant d WHERE d.user_code = $1");
    INSERT_DEVICE_VISIT = "INSERT INTO device_visit (id, browser, device_id, sealed_code) VALUES ($1, $2, $3, $4)";
    FIND_DEVICE_VISIT = concat!("SELECT v.browser, v.sealed_code, ", device_columns!(), "
        FROM device_visit v JOIN device_grant d ON d.id = v.device_id WHERE v.id = $1 AND v.browser = $2");
    ANSWER_DEVICE = "UPDATE device_grant SET decision = $2, decided_at = $3, grant_id = $4
        WHERE id = $1 AND decision IS NULL AND expires_at > $3";
}

/// A device grant with everything that decides about a poll.
#[derive(Clone, Debug)]
pub struct LoadedDeviceGrant {
    /// The request.
    pub device: DeviceGrant,
    /// What a person allowed, once they have.
    pub approval: Option<DeviceApproval>,
}

/// What a person allowed a device.
#[derive(Clone, Debug)]
pub struct DeviceApproval {
    /// The grant.
    pub grant: Grant,
    /// The person.
    pub user: User,
    /// Whether the sign-in behind it goes on.
    pub session_live: bool,
}

/// What became of a new device authorization request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceStart {
    /// It waits for a person.
    Started,
    /// Another one has this user code.
    UserCodeTaken,
    /// The client is gone.
    Gone,
}

/// What became of a person's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceAnswer {
    /// It counts.
    Stored,
    /// The sign-in or the account is not what it was read as, and nothing was stored.
    Changed,
    /// Another answer was first, or it came too late.
    TooLate,
    /// The person or the client is gone.
    Gone,
}

/// How many devices wait for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiveDevices {
    /// So many, or the limit.
    pub count: u64,
    /// Whether they were counted just now, and not remembered.
    pub fresh: bool,
}

#[derive(sqlx::FromRow)]
struct DeviceRow {
    device_id: Uuid,
    digest: Vec<u8>,
    device_client_id: String,
    device_scope: String,
    device_resources: Json<Vec<String>>,
    address: Option<String>,
    device_user_agent: Option<String>,
    poll_interval: i64,
    slowed_at: Option<i64>,
    device_created_at: i64,
    device_expires_at: i64,
    decision: Option<String>,
    decided_at: Option<i64>,
    device_grant_id: Option<Uuid>,
    redeemed_at: Option<i64>,
}

#[derive(sqlx::FromRow)]
struct ApprovalRow {
    #[sqlx(flatten)]
    grant: GrantRow,
    #[sqlx(flatten)]
    user: UserRow,
    session_live: bool,
}

#[derive(sqlx::FromRow)]
struct VisitRow {
    browser: Uuid,
    sealed_code: Vec<u8>,
    #[sqlx(flatten)]
    device: DeviceRow,
}

struct LoadedRow {
    device: DeviceRow,
    approval: Option<ApprovalRow>,
}

/// The joined columns are all there, or all missing.
macro_rules! loaded_row_from {
    ($($row:ty),+) => {$(
        impl FromRow<'_, $row> for LoadedRow {
            fn from_row(row: &$row) -> sqlx::Result<Self> {
                let approved = row.try_get::<Option<Uuid>, _>("grant_id")?.is_some();
                Ok(Self {
                    device: DeviceRow::from_row(row)?,
                    approval: if approved { Some(ApprovalRow::from_row(row)?) } else { None },
                })
            }
        }
    )+};
}
loaded_row_from!(PgRow, SqliteRow);

impl Store {
    /// Stores a new request under the digest of its user code.
    pub async fn insert_device_grant(&self, device: &DeviceGrant, user_code: &TokenDigest) -> Result<DeviceStart> {
        let inserted = on!(self.writer(), |db| {
            sqlx::query(db.text(&INSERT_DEVICE_GRANT))
                .bind(device.id.0)
                .bind(device.digest.as_bytes().as_slice())
                .bind(user_code.as_bytes().as_slice())
                .bind(device.client_id.as_str())
                .bind(device.scope.to_string())
                .bind(Json(&device.resources))
                .bind(device.address.map(|address| address.to_string()))
                .bind(device.user_agent.as_deref())
                .bind(device.interval)
                .bind(device.created_at.0)
                .bind(device.expires_at.0)
                .execute(&mut *db)
                .await?;
        });
        match inserted {
            Ok(()) => Ok(DeviceStart::Started),
            Err(StoreError::Taken) => Ok(DeviceStart::UserCodeTaken),
            Err(StoreError::Gone) => Ok(DeviceStart::Gone),
            Err(other) => Err(other),
        }
    }

    /// How many devices wait for a person, at most `limit`. Counted once a second on each node.
    pub async fn live_devices(&self, limit: u32, now: Timestamp) -> Result<LiveDevices> {
        if let Some(count) = self.pace.live(now) {
            return Ok(LiveDevices { count, fresh: false });
        }
        let count: i64 = on!(self.reader(), |db| {
            sqlx::query_scalar(db.text(&COUNT_LIVE_DEVICES))
                .bind(now.0)
                .bind(i64::from(limit))
                .fetch_one(&mut *db)
                .await?
        })?;
        let count = u64::try_from(count).unwrap_or_default();
        self.pace.remember_live(now, count);
        Ok(LiveDevices { count, fresh: true })
    }

    /// The request with this device code, and what was allowed.
    pub async fn load_device_grant(&self, digest: &TokenDigest, now: Timestamp) -> Result<Option<LoadedDeviceGrant>> {
        let row: Option<LoadedRow> = on!(self.reader(), |db| {
            sqlx::query_as(db.text(&LOAD_DEVICE_GRANT))
                .bind(digest.as_bytes().as_slice())
                .bind(now.0)
                .fetch_optional(&mut *db)
                .await?
        })?;
        row.map(LoadedDeviceGrant::try_from).transpose()
    }

    /// Notes a poll, in memory alone. Returns when this node saw the one before it.
    pub fn note_device_poll(&self, digest: &TokenDigest, now: Timestamp) -> Option<Timestamp> {
        self.pace.note(digest, now)
    }

    /// Makes the interval of a device longer by `seconds`, for good and on every node.
    pub async fn slow_device_down(&self, digest: &TokenDigest, seconds: i64, now: Timestamp) -> Result<()> {
        on!(self.writer(), |db| {
            sqlx::query(db.text(&SLOW_DOWN_DEVICE))
                .bind(digest.as_bytes().as_slice())
                .bind(now.0)
                .bind(seconds)
                .execute(&mut *db)
                .await?;
        })
    }

    /// Claims an approved request and stores what it buys: all of it, or none. Of many callers exactly one is told `Redeemed`.
    pub async fn redeem_device_grant(
        &self,
        digest: &TokenDigest,
        grant: GrantId,
        tokens: &NewTokens,
        now: Timestamp,
    ) -> Result<CodeOutcome> {
        let redeemed = match &self.db {
            Db::Postgres(pool) => postgres::redeem_device_grant(pool, digest, tokens, now).await,
            Db::Sqlite(_) => self.redeem_device_in_steps(digest, grant, tokens, now).await,
        };
        match redeemed {
            Ok(true) => Ok(CodeOutcome::Redeemed),
            Ok(false) => Ok(CodeOutcome::AlreadyRedeemed),
            Err(StoreError::Gone) => Ok(CodeOutcome::Gone),
            Err(other) => Err(other),
        }
    }

    async fn redeem_device_in_steps(
        &self,
        digest: &TokenDigest,
        grant: GrantId,
        tokens: &NewTokens,
        now: Timestamp,
    ) -> Result<bool> {
        in_transaction!(self, |tx| {
            let claimed = sqlx::query(tx.text(&CLAIM_DEVICE))
                .bind(digest.as_bytes().as_slice())
                .bind(now.0)
                .execute(&mut *tx)
                .await?
                .rows_affected();
            if claimed == 1 {
                if let Some(refresh) = &tokens.refresh {
                    insert_refresh_token!(tx, refresh, grant, 1_i64, now);
                }
                if let Some(access) = &tokens.access {
                    insert_access_token!(tx, &mut *tx, access);
                }
            }
            claimed == 1
        })
    }

    /// The request with this user code, whatever became of it.
    pub async fn device_by_user_code(&self, user_code: &TokenDigest) -> Result<Option<DeviceGrant>> {
        let row: Option<DeviceRow> = on!(self.reader(), |db| {
            sqlx::query_as(db.text(&FIND_BY_USER_CODE))
                .bind(user_code.as_bytes().as_slice())
                .fetch_optional(&mut *db)
                .await?
        })?;
        row.map(DeviceGrant::try_from).transpose()
    }

    /// Remembers that a browser entered a user code. `false`: the request is gone.
    pub async fn insert_device_visit(&self, visit: &DeviceVisit) -> Result<bool> {
        let inserted = on!(self.writer(), |db| {
            sqlx::query(db.text(&INSERT_DEVICE_VISIT))
                .bind(visit.id.0)
                .bind(visit.browser.0)
                .bind(visit.device_id.0)
                .bind(visit.sealed_code.as_slice())
                .execute(&mut *db)
                .await?;
        });
        match inserted {
            Ok(()) => Ok(true),
            Err(StoreError::Gone) => Ok(false),
            Err(other) => Err(other),
        }
    }

    /// What was entered in this browser under this key, with its request.
    pub async fn device_visit(
        &self,
        id: DeviceVisitId,
        browser: BrowserId,
    ) -> Result<Option<(DeviceVisit, DeviceGrant)>> {
        let row: Option<VisitRow> = on!(self.reader(), |db| {
            sqlx::query_as(db.text(&FIND_DEVICE_VISIT))
                .bind(id.0)
                .bind(browser.0)
                .fetch_optional(&mut *db)
                .await?
        })?;
        row.map(|row| {
            let visit = DeviceVisit {
                id,
                browser: BrowserId(row.browser),
                device_id: DeviceGrantId(row.device.device_id),
                sealed_code: row.sealed_code,
            };
            Ok((visit, row.device.try_into()?))
        })
        .transpose()
    }

    /// Lets a device in: stores the grant that it will be given tokens under. Only the first answer counts.
    pub async fn approve_device(&self, id: DeviceGrantId, grant: &Grant, offline: bool) -> Result<DeviceAnswer> {
        let now = grant.created_at.0;
        let stored = in_transaction!(self, |tx| {
            let claimed = sqlx::query(tx.text(&ANSWER_DEVICE))
                .bind(id.0)
                .bind("allow")
                .bind(now)
                .bind(Some(grant.id.0))
                .execute(&mut *tx)
                .await?
                .rows_affected();
            if claimed == 1 && !insert_grant!(tx, grant, offline) {
                // To return early is to roll back: nobody has answered yet.
                return Ok(DeviceAnswer::Changed);
            }
            if claimed == 1 {
                DeviceAnswer::Stored
            } else {
                DeviceAnswer::TooLate
            }
        });
        match stored {
            Err(StoreError::Gone) => Ok(DeviceAnswer::Gone),
            other => other,
        }
    }

    /// Refuses a device. Only the first answer counts.
    pub async fn deny_device(&self, id: DeviceGrantId, now: Timestamp) -> Result<DeviceAnswer> {
        let stored = on!(self.writer(), |db| {
            sqlx::query(db.text(&ANSWER_DEVICE))
                .bind(id.0)
                .bind("deny")
                .bind(now.0)
                .bind(None::<Uuid>)
                .execute(&mut *db)
                .await?
                .rows_affected()
                == 1
        });
        answered(stored)
    }
}

fn answered(stored: Result<bool>) -> Result<DeviceAnswer> {
    match stored {
        Ok(true) => Ok(DeviceAnswer::Stored),
        Ok(false) => Ok(DeviceAnswer::TooLate),
        Err(StoreError::Gone) => Ok(DeviceAnswer::Gone),
        Err(other) => Err(other),
    }
}

impl TryFrom<DeviceRow> for DeviceGrant {
    type Error = StoreError;

    fn try_from(row: DeviceRow) -> Result<Self> {
        let state = state(&row)?;
        Ok(Self {
            id: DeviceGrantId(row.device_id),
            digest: TokenDigest::from_bytes(&row.digest).ok_or(StoreError::Corrupt("device_grant.digest"))?,
            client_id: rows::client_id(row.device_client_id)?,
            scope: rows::scope(row.device_scope)?,
            resources: row.device_resources.0,
            address: row.address.and_then(|address| address.parse().ok()),
            user_agent: row.device_user_agent,
            interval: row.poll_interval,
            slowed_at: row.slowed_at.map(Timestamp),
            created_at: Timestamp(row.device_created_at),
            expires_at: Timestamp(row.device_expires_at),
            state,
        })
    }
}

fn state(row: &DeviceRow) -> Result<DeviceGrantState> {
    let decided_at = row.decided_at.map(Timestamp);
    let grant_id = row.device_grant_id.map(GrantId);
    match (row.decision.as_deref(), decided_at, grant_id, row.redeemed_at) {
        (None, None, None, None) => Ok(DeviceGrantState::Pending),
        (Some("deny"), Some(at), None, None) => Ok(DeviceGrantState::Denied { at }),
        (Some("allow"), Some(at), Some(grant_id), None) => Ok(DeviceGrantState::Approved { at, grant_id }),
        (Some("allow"), Some(_), Some(grant_id), Some(at)) => Ok(DeviceGrantState::Redeemed {
            at: Timestamp(at),
            grant_id,
        }),
        _ => Err(StoreError::Corrupt("device_grant.decision")),
    }
}

impl TryFrom<LoadedRow> for LoadedDeviceGrant {
    type Error = StoreError;

    fn try_from(row: LoadedRow) -> Result<Self> {
        let approval = row.approval.map(|row| {
            Ok::<_, StoreError>(DeviceApproval {
                grant: row.grant.try_into()?,
                user: row.user.try_into()?,
                session_live: row.session_live,
            })
        });
        Ok(Self {
            device: row.device.try_into()?,
            approval: approval.transpose()?,
        })
    }
}
