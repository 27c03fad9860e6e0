//! Refresh tokens on Postgres, of several requests in one statement: those that are presented at the same time are read together,
//! and rotated together in one commit.
//!
//! Who is alone is a batch of one, at once. A batch waits for no row: what another transaction holds is left out of it, so that a
//! long deletion holds up nobody but its own, and batches that meet cannot wait for each other. What a batch has not rotated, for
//! whatever reason, each does alone, and is told by the statement for one what has become of it. After an answer that was
//! lost nothing is tried again: as with a commit of one's own, it happened once or not at all, and none of them is told that it did.

use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use sqlx::Arguments as _;
use sqlx::postgres::PgArguments;
use sqlx::types::Json;

use super::coalesce::{Coalesced, Found};
use super::postgres::{self, Pg};
use super::refresh_tokens::{NumberedRow, load_one, load_refresh_token};
use super::{Backend as _, LoadedRefreshToken, NewRefreshToken, Pool, Result, StoreError, attempts, statements};
use crate::model::access_token::AccessToken;
use crate::model::digest::TokenDigest;
use crate::model::refresh_token::RefreshToken;
use crate::time::Timestamp;

// Each leaf is looked up by itself (`LIMIT 1` keeps it so): as a plain join, a plan made while the tables were small could read
// all of them. For the same reason `spent` comes in by the primary key, as an insert: the row is there and is held, so it is
// always the conflict. `held` is the condition: a leaf that is live, and stays it until the commit. `(SELECT $1)` hides how
// long the arrays are: a plan for exactly that many would look cheaper than the kept one, and one alone would be planned anew
// each time, for 0.35 ms in place of 0.12.
macro_rules! rotation {
    ($access:literal, $client:literal, $held:literal, $insert:literal) => {
        concat!(
            "WITH held AS (
            SELECT k.*, s.generation
            FROM unnest((SELECT $1::bytea[]), (SELECT $2::uuid[]), (SELECT $3::bigint[]), (SELECT $4::bytea[]), (SELECT $5::bigint[])",
            $access,
            ") CROSS JOIN LATERAL (
                SELECT t.generation FROM refresh_token t JOIN grants g ON g.id = t.grant_id",
            $client,
            "
                WHERE t.digest = k.digest AND t.grant_id = k.grant_id AND t.spent_at IS NULL AND t.replaced_at IS NULL
                LIMIT 1 FOR KEY SHARE OF ",
            $held,
            " SKIP LOCKED FOR NO KEY UPDATE OF t SKIP LOCKED
            ) s
        ), spent AS (
            INSERT INTO refresh_token (digest, grant_id, generation, created_at, expires_at)
            SELECT digest, grant_id, generation, at, at FROM held
            ON CONFLICT (digest, grant_id) DO UPDATE SET spent_at = excluded.created_at
        ), successors AS (
            INSERT INTO refresh_token (digest, grant_id, generation, created_at, expires_at)
            SELECT next, grant_id, generation + 1, at, next_expires_at FROM held
        )",
            $insert,
            " SELECT n FROM held"
        )
    };
}

statements! {
    LOAD_REFRESH_TOKENS = concat!("SELECT k.n, s.* FROM unnest((SELECT $1::bytea[])) WITH ORDINALITY AS k (wanted, n)
        CROSS JOIN LATERAL (", load_refresh_token!("k.wanted"), " LIMIT 1) s"),
        "SELECT 0";
    ROTATE_REFRESH_TOKENS = rotation!(
        ") WITH ORDINALITY AS k (digest, grant_id, at, next, next_expires_at, n",
        "",
        "g",
        ""),
        "SELECT 0";
    // The client is held as well: the access tokens refer to it.
    ROTATE_WITH_ACCESS_TOKENS = rotation!(
        ", (SELECT $6::bytea[]), (SELECT $7::text[]), (SELECT $8::jsonb[]), (SELECT $9::bigint[]))
            WITH ORDINALITY AS k (digest, grant_id, at, next, next_expires_at, access, client_id, content, access_expires_at, n",
        " JOIN client c ON c.client_id = k.client_id",
        "g, c",
        ", access AS (
            INSERT INTO access_token (digest, grant_id, client_id, content, created_at, expires_at)
            SELECT access, grant_id, client_id, content, at, access_expires_at FROM held
        )"),
        "SELECT 0";
}

/// The most writes under way: while some wait for the disk, others are made. With two the processors had nothing to do for a
/// fifth of the time.
const WRITES_AT_ONCE: usize = 4;

/// What waits to be read and rotated together.
pub(super) struct Refreshing {
    loads: Coalesced<TokenDigest, Arc<LoadedRefreshToken>>,
    plain: Coalesced<Rotation, bool>,
    with_access: Coalesced<Rotation, bool>,
}

impl Default for Refreshing {
    fn default() -> Self {
        Self {
            loads: Coalesced::default(),
            plain: Coalesced::at_once(WRITES_AT_ONCE),
            with_access: Coalesced::at_once(WRITES_AT_ONCE),
        }
    }
}

/// A rotation that is asked for. Two that present the same token are two.
#[derive(Clone)]
struct Rotation(Arc<Wanted>);

struct Wanted {
    presented: RefreshToken,
    next: NewRefreshToken,
    access: Option<AccessToken>,
    now: Timestamp,
}

/// See [`super::Store::load_refresh_token`].
pub(super) async fn load(pg: &Pg, digest: &TokenDigest) -> Result<Option<Arc<LoadedRefreshToken>>> {
    let reader = || {
        let pg = pg.clone();
        move |digests: Arc<[TokenDigest]>| {
            let pg = pg.clone();
            async move { load_all(&pg, &digests).await }
        }
    };
    pg.refreshing.loads.ask(*digest, Some(&pg.patience), reader).await
}

/// See [`super::Store::rotate_refresh_token`]. `false`: another caller was first.
pub(super) async fn rotate(
    pg: &Pg,
    presented: &RefreshToken,
    (next, access): (&NewRefreshToken, Option<&AccessToken>),
    now: Timestamp,
) -> Result<bool> {
    let wanted = Rotation(Arc::new(Wanted {
        presented: presented.clone(),
        next: next.clone(),
        access: access.cloned(),
        now,
    }));
    let kind = match access {
        None => &pg.refreshing.plain,
        Some(_) => &pg.refreshing.with_access,
    };
    let writer = || {
        let pg = pg.clone();
        move |wanted: Arc<[Rotation]>| {
            let pg = pg.clone();
            async move { rotate_all(&pg, &wanted).await }
        }
    };
    match kind.ask(wanted, Some(&pg.patience), writer).await? {
        Some(rotated) => Ok(rotated),
        None => postgres::rotate_refresh_token(pg, presented, (next, access), now).await,
    }
}

async fn load_all(pg: &Pg, digests: &[TokenDigest]) -> Result<Found<Arc<LoadedRefreshToken>>> {
    if let [digest] = digests {
        let found = load_one(Pool::Postgres(pg), digest).await?;
        return Ok(found.into_iter().map(|token| (0, Arc::new(token))).collect());
    }
    let keys: Vec<&[u8]> = digests.iter().map(|digest| digest.as_bytes().as_slice()).collect();
    let rows: Vec<NumberedRow> = attempts!(pg.patience.within(async {
        let mut lease = pg.lend().await?;
        let db = lease.connection()?;
        let query = sqlx::query_as(db.text(&LOAD_REFRESH_TOKENS)).bind(&keys);
        let rows = query.fetch_all(&mut *db).await?;
        lease.settled();
        Ok(rows)
    }))?;
    rows.into_iter()
        .map(|row| Ok((place(row.n)?, Arc::new(row.token.try_into()?))))
        .collect()
}

/// Those that were rotated. What a failure came to is for the statements for one to say, except where it may have happened.
async fn rotate_all(pg: &Pg, wanted: &[Rotation]) -> Result<Found<bool>> {
    // Of those who present the same token one is in the statement: it would insert a successor for each.
    let mut presented = HashSet::new();
    let batch: Vec<(usize, &Wanted)> = wanted
        .iter()
        .map(|Rotation(wanted)| &**wanted)
        .enumerate()
        .filter(|(_, wanted)| presented.insert(wanted.presented.digest))
        .collect();
    match rotate_live(pg, &batch).await {
        Ok(places) => {
            let place_of = |n| batch.get(place(n)?).ok_or(StoreError::Corrupt("a place in a batch"));
            places.into_iter().map(|n| Ok((place_of(n)?.0, true))).collect()
        }
        Err(error) if wanted.len() == 1 || matches!(error, StoreError::Unavailable(_)) => Err(error),
        Err(error) => {
            tracing::debug!(%error, "a batch of rotations was undone: each is done alone");
            Ok(Found::new())
        }
    }
}

async fn rotate_live(pg: &Pg, batch: &[(usize, &Wanted)]) -> Result<Vec<i64>> {
    let statement = match batch.first() {
        Some((_, Wanted { access: Some(_), .. })) => &ROTATE_WITH_ACCESS_TOKENS,
        _ => &ROTATE_REFRESH_TOKENS,
    };
    attempts!(pg.patience.within(async {
        let mut lease = pg.lend().await?;
        let db = lease.connection()?;
        let query = sqlx::query_scalar_with(db.text(statement), arrays(batch)?);
        let places = query.fetch_all(&mut *db).await?;
        lease.settled();
        Ok(places)
    }))
}

/// The batch as arrays. All have an access token, or none has.
fn arrays(batch: &[(usize, &Wanted)]) -> Result<PgArguments> {
    let each = || batch.iter().map(|(_, wanted)| *wanted);
    let digests = |digests: Vec<&TokenDigest>| {
        digests
            .into_iter()
            .map(|digest| digest.as_bytes().to_vec())
            .collect::<Vec<_>>()
    };
    let access: Vec<&AccessToken> = each().filter_map(|one| one.access.as_ref()).collect();
    let mut arrays = PgArguments::default();
    let mut fill = || {
        arrays.add(digests(each().map(|one| &one.presented.digest).collect()))?;
        arrays.add(each().map(|one| one.presented.grant_id.0).collect::<Vec<_>>())?;
        arrays.add(each().map(|one| one.now.0).collect::<Vec<_>>())?;
        arrays.add(digests(each().map(|one| &one.next.digest).collect()))?;
        arrays.add(each().map(|one| one.next.expires_at.0).collect::<Vec<_>>())?;
        if !access.is_empty() {
            arrays.add(digests(access.iter().map(|token| &token.digest).collect()))?;
            arrays.add(access.iter().map(|token| token.client_id.as_str()).collect::<Vec<_>>())?;
            arrays.add(access.iter().map(|token| Json(&token.content)).collect::<Vec<_>>())?;
            arrays.add(access.iter().map(|token| token.expires_at.0).collect::<Vec<_>>())?;
        }
        Ok(())
    };
    fill().map_err(sqlx::Error::Encode)?;
    Ok(arrays)
}

/// Postgres counts from one.
fn place(n: i64) -> Result<usize> {
    let place = usize::try_from(n).ok().and_then(|n| n.checked_sub(1));
    place.ok_or(StoreError::Corrupt("a place in a batch"))
}

impl PartialEq for Rotation {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Rotation {}

impl Hash for Rotation {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.next.digest.hash(state);
    }
}
