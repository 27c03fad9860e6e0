//! The audit trail: events are added and read, and go when their time is over.

use serde_json::{Map, Value, json};
use sqlx::types::Json;
use uuid::Uuid;

use super::{Backend as _, Db, Result, Statement, Store, Swept, on, statements, stats};
use crate::crypto::random;
use crate::model::audit_event::{AuditEntry, AuditEvent, AuditEventId, AuditKind, AuditRecord};
use crate::model::grant::GrantId;
use crate::model::user::UserId;
use crate::protocol::ids::ClientId;
use crate::time::Timestamp;

/// What every filter compares; a parameter that is null compares nothing. `$1` is a list of kinds: `,sign_in,sign_out,`.
macro_rules! filtered {
    () => {
        "($1 LIKE '%,' || kind || ',%' OR $1 IS NULL) AND (subject = $2 OR $2 IS NULL) AND (client_id = $3 OR $3 IS NULL) \
         AND (address = $4 OR $4 IS NULL) AND (lower(reason) LIKE '%' || lower($5) || '%' OR $5 IS NULL) \
         AND at >= $6 AND at < $7"
    };
}

/// A page of the trail, newest first, of the events that a condition leaves; the condition stands first and apart so that its
/// index is used.
macro_rules! newest {
    ($condition:literal) => {
        concat!(
            "SELECT seq, id, at, kind, actor_kind, actor_id, subject, client_id, grant_id, address, reason, request_id, count, \
             detail FROM audit_event WHERE ",
            $condition,
            " AND ",
            filtered!(),
            " AND seq <= $8 ORDER BY at DESC, seq DESC LIMIT $9"
        )
    };
}

statements! {
    // The rows come as one JSON array, so that a batch is one statement and one commit. A key that is there already was
    // stored by an attempt whose answer got lost.
    INSERT_EVENTS = "INSERT INTO audit_event (id, at, kind, actor_kind, actor_id, subject, client_id, grant_id, address,
            reason, request_id, count, detail)
        SELECT (e->>'id')::uuid, (e->>'at')::bigint, e->>'kind', e->>'actor_kind', e->>'actor_id', (e->>'subject')::uuid,
            e->>'client_id', (e->>'grant_id')::uuid, e->>'address', e->>'reason', e->>'request_id', (e->>'count')::bigint,
            e->'detail'
        FROM jsonb_array_elements($1::jsonb) WITH ORDINALITY AS rows (e, number) ORDER BY number
        ON CONFLICT (id) DO NOTHING",
        "INSERT INTO audit_event (id, at, kind, actor_kind, actor_id, subject, client_id, grant_id, address, reason,
            request_id, count, detail)
        SELECT unhex(e.value->>'id', '-'), e.value->>'at', e.value->>'kind', e.value->>'actor_kind', e.value->>'actor_id',
            unhex(e.value->>'subject', '-'), e.value->>'client_id', unhex(e.value->>'grant_id', '-'), e.value->>'address',
            e.value->>'reason', e.value->>'request_id', e.value->>'count', e.value->'detail'
        FROM json_each($1) e WHERE true ORDER BY e.key
        ON CONFLICT (id) DO NOTHING";
    NEWEST_EVENTS = newest!("at >= $6");
    NEWEST_EVENTS_OF_SUBJECT = newest!("subject = $2");
    NEWEST_EVENTS_OF_CLIENT = newest!("client_id = $3");
    NEWEST_EVENTS_OF_ADDRESS = newest!("address = $4");
    EVENTS_AFTER = concat!(
        "SELECT seq, id, at, kind, actor_kind, actor_id, subject, client_id, grant_id, address, reason, request_id, count, \
         detail FROM audit_event WHERE ",
        filtered!(),
        " AND seq > $8 ORDER BY seq LIMIT $9"
    );
    DELETE_OLD_EVENTS = "DELETE FROM audit_event WHERE seq IN (
            SELECT seq FROM audit_event WHERE at < $1 ORDER BY at, seq LIMIT $2)";
    LAST_SEQ = "SELECT COALESCE(max(seq), 0) FROM audit_event";
}

/// Which events to read. What is `None` or empty leaves all.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Of one of these kinds.
    pub kinds: Vec<AuditKind>,
    /// About this person.
    pub subject: Option<UserId>,
    /// About this client.
    pub client: Option<ClientId>,
    /// From this address.
    pub address: Option<String>,
    /// For a reason that holds these words.
    pub reason: Option<String>,
    /// Not before this moment.
    pub since: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
}

#[derive(sqlx::FromRow)]
struct EntryRow {
    seq: i64,
    id: Uuid,
    at: i64,
    kind: String,
    actor_kind: String,
    actor_id: Option<String>,
    subject: Option<Uuid>,
    client_id: Option<String>,
    grant_id: Option<Uuid>,
    address: Option<String>,
    reason: Option<String>,
    request_id: Option<String>,
    count: i64,
    detail: Json<Map<String, Value>>,
}

impl Store {
    /// Stores events, all or none, and returns when they are committed.
    pub async fn insert_audit_events(&self, events: &[AuditEvent]) -> Result<()> {
        let record = |event: &AuditEvent| AuditRecord {
            id: AuditEventId(random::uuid_v7(event.at)),
            event: event.clone(),
        };
        let records: Vec<_> = events.iter().map(record).collect();
        self.insert_audit_records(&records).await
    }

    /// Stores events under the keys that they have, all or none. Those that are there already stay as they are.
    pub async fn insert_audit_records(&self, records: &[AuditRecord]) -> Result<()> {
        let rows = Json(rows(records));
        on!(self.writer(), |db| {
            sqlx::query(db.text(&INSERT_EVENTS))
                .bind(&rows)
                .execute(&mut *db)
                .await?;
        })
    }

    /// Whether an event can be stored: stores `event` and takes it back.
    pub async fn try_audit_event(&self, event: &AuditEvent) -> Result<()> {
        let id = AuditEventId(random::uuid_v7(event.at));
        let record = AuditRecord {
            id,
            event: event.clone(),
        };
        let rows = Json(rows(&[record]));
        stats::timed(async {
            match &self.db {
                Db::Postgres(pg) => {
                    let mut lease = pg.lend().await?;
                    let mut tx = sqlx::Connection::begin(lease.connection()?).await?;
                    sqlx::query(tx.text(&INSERT_EVENTS))
                        .bind(&rows)
                        .execute(&mut *tx)
                        .await?;
                    tx.rollback().await?;
                    lease.settled();
                    Ok(())
                }
                Db::Sqlite(pools) => {
                    let mut turn = pools.writer.transaction().await?;
                    let db = turn.connection()?;
                    sqlx::query(db.text(&INSERT_EVENTS))
                        .bind(&rows)
                        .execute(&mut *db)
                        .await?;
                    // Dropped without a commit, it is undone.
                    Ok(())
                }
            }
        })
        .await
    }

    /// The newest `limit` events up to place `last`, in the order in which they happened.
    pub async fn audit_events(&self, filter: &AuditFilter, last: i64, limit: i64) -> Result<Vec<AuditEntry>> {
        let statement = match filter {
            AuditFilter { subject: Some(_), .. } => &NEWEST_EVENTS_OF_SUBJECT,
            AuditFilter { client: Some(_), .. } => &NEWEST_EVENTS_OF_CLIENT,
            AuditFilter { address: Some(_), .. } => &NEWEST_EVENTS_OF_ADDRESS,
            _ => &NEWEST_EVENTS,
        };
        let mut entries = self.read_events(statement, filter, last, limit).await?;
        entries.reverse();
        Ok(entries)
    }

    /// The first `limit` events behind place `after`, in the order of their places: whoever goes on from the last place each
    /// time sees every event once.
    pub async fn audit_events_after(&self, filter: &AuditFilter, after: i64, limit: i64) -> Result<Vec<AuditEntry>> {
        self.read_events(&EVENTS_AFTER, filter, after, limit).await
    }

    /// The place of the last event; 0 before the first.
    pub async fn last_audit_event(&self) -> Result<i64> {
        on!(self.reader(), |db| sqlx::query_scalar(db.text(&LAST_SEQ))
            .fetch_one(&mut *db)
            .await?)
    }

    /// Deletes at most `batch` events from before `end`. The one way in which events go.
    pub async fn sweep_audit_events(&self, end: Timestamp, batch: i64) -> Result<Swept> {
        let rows = on!(self.writer(), |db| {
            sqlx::query(db.text(&DELETE_OLD_EVENTS))
                .bind(end.0)
                .bind(batch)
                .execute(&mut *db)
                .await?
                .rows_affected()
        })?;
        Ok(Swept {
            rows,
            more: rows >= batch.unsigned_abs(),
        })
    }

    async fn read_events(
        &self,
        statement: &'static Statement,
        filter: &AuditFilter,
        seq: i64,
        limit: i64,
    ) -> Result<Vec<AuditEntry>> {
        let kinds = kind_list(&filter.kinds);
        let rows: Vec<EntryRow> = on!(self.reader(), |db| {
            sqlx::query_as(db.text(statement))
                .bind(kinds.as_deref())
                .bind(filter.subject.map(|subject| subject.0))
                .bind(filter.client.as_ref().map(ClientId::as_str))
                .bind(filter.address.as_deref())
                .bind(filter.reason.as_deref())
                .bind(filter.since.map_or(i64::MIN, |since| since.0))
                .bind(filter.until.map_or(i64::MAX, |until| until.0))
                .bind(seq)
                .bind(limit)
                .fetch_all(&mut *db)
                .await?
        })?;
        Ok(rows.into_iter().map(AuditEntry::from).collect())
    }
}

/// The kinds as the statements take them, or nothing for all.
fn kind_list(kinds: &[AuditKind]) -> Option<String> {
    let list = || kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(",");
    (!kinds.is_empty()).then(|| format!(",{},", list()))
}

fn rows(records: &[AuditRecord]) -> Vec<Value> {
    let row = |AuditRecord { id, event }: &AuditRecord| {
        json!({
            "id": id,
            "at": event.at,
            "kind": event.kind,
            "actor_kind": event.actor.kind(),
            "actor_id": event.actor.id().map(|id| storable(&id)),
            "subject": event.subject,
            "client_id": event.client_id,
            "grant_id": event.grant_id,
            "address": event.address,
            "reason": event.reason.map(crate::protocol::error::Reason::as_str),
            "request_id": event.request_id.as_deref().map(storable),
            "count": event.count,
            "detail": storable_value(&Value::Object(event.detail.clone())),
        })
    };
    records.iter().map(row).collect()
}

/// The longest text of an event; nobody fills the disk with one.
const MAX_TEXT: usize = 1024;

/// Without NUL, which Postgres cannot store: one such text would keep its whole batch out.
fn storable(text: &str) -> String {
    text.chars()
        .map(|c| if c == '\0' { '\u{FFFD}' } else { c })
        .take(MAX_TEXT)
        .collect()
}

fn storable_value(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(storable(text)),
        Value::Array(values) => values.iter().map(storable_value).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (storable(name), storable_value(value)))
            .collect(),
        other => other.clone(),
    }
}

impl From<EntryRow> for AuditEntry {
    fn from(row: EntryRow) -> Self {
        Self {
            seq: row.seq,
            id: AuditEventId(row.id),
            at: Timestamp(row.at),
            kind: row.kind,
            actor_kind: row.actor_kind,
            actor_id: row.actor_id,
            subject: row.subject.map(UserId),
            client_id: row.client_id,
            grant_id: row.grant_id.map(GrantId),
            address: row.address,
            reason: row.reason,
            request_id: row.request_id,
            count: row.count,
            detail: row.detail.0,
        }
    }
}
