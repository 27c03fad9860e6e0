//! Refresh tokens on Postgres, of several requests in one statement: those that are presented at the same time are read together,
//! and rotated together in one commit.
//!
//! Who is alone is a batch of one, at once. A batch waits for no row: what another transaction holds is left out of it, so that a
//! long deletion holds up nobody but its own, and batches that meet cannot wait for each other. What a batch has not rotated, for
//! whatever reason, each does alone, and is told by the statement for one what has become of it. After an answer that was
//! lost nothing is tried again: as with a commit of one's own, it happened once or not at all, and none of them is told that it did.
//!
//! A leaf that a node remembers ([`super::leaves`]) is rotated if what it rests on has not changed, which the statement asks itself.
//! With a poll before it, 32 chains were rotated 13 % slower.

use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use sqlx::Arguments as _;
use sqlx::postgres::PgArguments;
use sqlx::types::Json;

use super::coalesce::{Coalesced, Found};
use super::postgres::{self, Pg};
use super::refresh_tokens::{NumberedRow, load_one, load_refresh_token};
use super::standing_feed::{Basis, Feed, Kept, since_position};
use super::{Backend as _, LoadedRefreshToken, NewRefreshToken, Pool, Result, Store, StoreError, attempts, statements};
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
    ($since:expr, $stands:expr, $access:literal, $client:literal, $held:literal, $insert:literal) => {
        concat!(
            "WITH ",
            $since,
            " held AS (
            SELECT k.*, s.generation
            FROM unnest((SELECT $1::bytea[]), (SELECT $2::uuid[]), (SELECT $3::bigint[]), (SELECT $4::bytea[]), (SELECT $5::bigint[])",
            $access,
            ") CROSS JOIN LATERAL (
                SELECT t.generation FROM refresh_token t JOIN grants g ON g.id = t.grant_id",
            $client,
            "
                WHERE t.digest = k.digest AND t.grant_id = k.grant_id AND t.spent_at IS NULL AND t.replaced_at IS NULL",
            $stands,
            "
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

macro_rules! plain_rotation {
    ($since:expr, $stands:expr) => {
        rotation!(
            $since,
            $stands,
            ") WITH ORDINALITY AS k (digest, grant_id, at, next, next_expires_at, n",
            "",
            "g",
            ""
        )
    };
}

macro_rules! rotation_with_access {
    ($since:expr, $stands:expr) => {
        rotation!(
            $since,
            $stands,
            ", (SELECT $6::bytea[]), (SELECT $7::text[]), (SELECT $8::jsonb[]), (SELECT $9::bigint[]))
            WITH ORDINALITY AS k (digest, grant_id, at, next, next_expires_at, access, client_id, content, access_expires_at, n",
            " JOIN client c ON c.client_id = k.client_id",
            "g, c",
            ", access AS (
            INSERT INTO access_token (digest, grant_id, client_id, content, created_at, expires_at)
            SELECT access, grant_id, client_id, content, at, access_expires_at FROM held
        )"
        )
    };
}

/// Neither grant nor user has changed, by the keys that the triggers write.
macro_rules! stands {
    () => {
        " AND (SELECT goes_on FROM since) AND NOT uuid_send(g.id) = ANY ((SELECT changed FROM since)::bytea[])
                AND NOT uuid_send(g.user_id) = ANY ((SELECT changed FROM since)::bytea[])"
    };
}

statements! {
    LOAD_REFRESH_TOKENS = concat!("SELECT k.n, s.* FROM unnest((SELECT $1::bytea[])) WITH ORDINALITY AS k (wanted, n)
        CROSS JOIN LATERAL (", load_refresh_token!("k.wanted"), " LIMIT 1) s"),
        "SELECT 0";
    ROTATE_REFRESH_TOKENS = plain_rotation!("", ""), "SELECT 0";
    // The client is held as well: the access tokens refer to it.
    ROTATE_WITH_ACCESS_TOKENS = rotation_with_access!("", ""), "SELECT 0";
    // What is only remembered must still be so, in the statement's own snapshot.
    ROTATE_REMEMBERED = plain_rotation!(
        concat!(since_position!("$6", "$7", "$8"), ","), stands!()),
        "SELECT 0";
    ROTATE_REMEMBERED_WITH_ACCESS = rotation_with_access!(
        concat!(since_position!("$10", "$11", "$12"), ","), stands!()),
        "SELECT 0";
}

/// The most writes under way: while some wait for the disk, others are made. From one to four, the more there are the less often
/// the processors have nothing to do, and the more PostgreSQL spends on each rotation: 44 us, 58, 66, 73. The rates are the same.
const WRITES_AT_ONCE: usize = 3;

/// What waits to be read and rotated together.
#[derive(Default)]
pub(super) struct Refreshing {
    loads: Coalesced<TokenDigest, Arc<LoadedRefreshToken>>,
    read: Writes,
    remembered: Writes,
}

/// Those without and with an access token that is stored.
struct Writes {
    plain: Coalesced<Rotation, bool>,
    with_access: Coalesced<Rotation, bool>,
}

impl Default for Writes {
    fn default() -> Self {
        Self {
            plain: Coalesced::at_once(WRITES_AT_ONCE),
            with_access: Coalesced::at_once(WRITES_AT_ONCE),
        }
    }
}

impl Writes {
    fn of(&self, access: Option<&AccessToken>) -> &Coalesced<Rotation, bool> {
        match access {
            None => &self.plain,
            Some(_) => &self.with_access,
        }
    }
}

/// A rotation that is asked for. Two that present the same token are two.
#[derive(Clone)]
struct Rotation(Arc<Wanted>);

struct Wanted {
    presented: RefreshToken,
    /// Where it is only remembered.
    kept: Option<Arc<Kept<LoadedRefreshToken>>>,
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
        kept: None,
        next: next.clone(),
        access: access.cloned(),
        now,
    }));
    let writer = || {
        let pg = pg.clone();
        move |wanted: Arc<[Rotation]>| {
            let pg = pg.clone();
            async move { rotate_all(&pg, &wanted).await }
        }
    };
    let writes = pg.refreshing.read.of(access);
    match writes.ask(wanted, Some(&pg.patience), writer).await? {
        Some(rotated) => Ok(rotated),
        None => postgres::rotate_refresh_token(pg, presented, (next, access), now).await,
    }
}

/// See [`super::Store::rotate_remembered`]. `false`: something has changed, or another caller was first.
pub(super) async fn rotate_remembered(
    (store, pg): (&Store, &Pg),
    kept: &Arc<Kept<LoadedRefreshToken>>,
    (next, access): (&NewRefreshToken, Option<&AccessToken>),
    now: Timestamp,
) -> Result<bool> {
    let presented = &kept.value.token;
    let wanted = Rotation(Arc::new(Wanted {
        presented: presented.clone(),
        kept: Some(kept.clone()),
        next: next.clone(),
        access: access.cloned(),
        now,
    }));
    let writer = || {
        let (feed, pg) = (store.feed.clone(), pg.clone());
        move |wanted: Arc<[Rotation]>| {
            let (feed, pg) = (feed.clone(), pg.clone());
            async move { rotate_all_remembered(&feed, &pg, &wanted).await }
        }
    };
    let writes = pg.refreshing.remembered.of(access);
    match writes.ask(wanted, Some(&pg.patience), writer).await? {
        Some(rotated) => Ok(rotated),
        None if store.feed.confirms(store, pg, kept).await? => rotate(pg, presented, (next, access), now).await,
        None => Ok(false),
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
    match rotate_live(pg, &batch_of(wanted, |_| true), None).await {
        Err(error) if wanted.len() == 1 || matches!(error, StoreError::Unavailable(_)) => Err(error),
        Err(error) => {
            tracing::debug!(%error, "a batch of rotations was undone: each is done alone");
            Ok(Found::new())
        }
        rotated => rotated,
    }
}

/// The same, of those that are as they are remembered.
async fn rotate_all_remembered(feed: &Feed, pg: &Pg, wanted: &[Rotation]) -> Result<Found<bool>> {
    let moves = pg.moves();
    let Some(basis) = feed.basis(moves) else {
        return Ok(Found::new());
    };
    let batch = batch_of(wanted, |wanted| {
        wanted.kept.as_ref().is_some_and(|kept| feed.stands(kept, moves))
    });
    if batch.is_empty() {
        return Ok(Found::new());
    }
    match rotate_live(pg, &batch, Some(&basis)).await {
        Err(error) if !matches!(error, StoreError::Unavailable(_)) => {
            tracing::debug!(%error, "a batch of remembered rotations was undone: each is looked at again");
            Ok(Found::new())
        }
        rotated => rotated,
    }
}

/// With their places. Of those who present the same token one is in it: the statement would insert a successor for each.
fn batch_of(wanted: &[Rotation], takes: impl Fn(&Wanted) -> bool) -> Vec<(usize, &Wanted)> {
    let mut presented = HashSet::new();
    wanted
        .iter()
        .map(|Rotation(wanted)| &**wanted)
        .enumerate()
        .filter(|(_, wanted)| takes(wanted) && presented.insert(wanted.presented.digest))
        .collect()
}

async fn rotate_live(pg: &Pg, batch: &[(usize, &Wanted)], basis: Option<&Basis>) -> Result<Found<bool>> {
    let statement = match (batch.first(), basis) {
        (Some((_, Wanted { access: Some(_), .. })), None) => &ROTATE_WITH_ACCESS_TOKENS,
        (Some((_, Wanted { access: Some(_), .. })), Some(_)) => &ROTATE_REMEMBERED_WITH_ACCESS,
        (_, None) => &ROTATE_REFRESH_TOKENS,
        (_, Some(_)) => &ROTATE_REMEMBERED,
    };
    let places: Vec<i64> = attempts!(pg.patience.within(async {
        let mut lease = pg.lend().await?;
        let db = lease.connection()?;
        let query = sqlx::query_scalar_with(db.text(statement), parameters(batch, basis)?);
        let places = query.fetch_all(&mut *db).await?;
        lease.settled();
        Ok(places)
    }))?;
    let place_of = |n| batch.get(place(n)?).ok_or(StoreError::Corrupt("a place in a batch"));
    places.into_iter().map(|n| Ok((place_of(n)?.0, true))).collect()
}

/// The batch as arrays, and what it rests on. All have an access token, or none has.
fn parameters(batch: &[(usize, &Wanted)], basis: Option<&Basis>) -> Result<PgArguments> {
    let each = || batch.iter().map(|(_, wanted)| *wanted);
    let digests = |digests: Vec<&TokenDigest>| {
        digests
            .into_iter()
            .map(|digest| digest.as_bytes().to_vec())
            .collect::<Vec<_>>()
    };
    let access: Vec<&AccessToken> = each().filter_map(|one| one.access.as_ref()).collect();
    let mut parameters = PgArguments::default();
    let mut fill = || {
        parameters.add(digests(each().map(|one| &one.presented.digest).collect()))?;
        parameters.add(each().map(|one| one.presented.grant_id.0).collect::<Vec<_>>())?;
        parameters.add(each().map(|one| one.now.0).collect::<Vec<_>>())?;
        parameters.add(digests(each().map(|one| &one.next.digest).collect()))?;
        parameters.add(each().map(|one| one.next.expires_at.0).collect::<Vec<_>>())?;
        if !access.is_empty() {
            parameters.add(digests(access.iter().map(|token| &token.digest).collect()))?;
            parameters.add(access.iter().map(|token| token.client_id.as_str()).collect::<Vec<_>>())?;
            parameters.add(access.iter().map(|token| Json(&token.content)).collect::<Vec<_>>())?;
            parameters.add(access.iter().map(|token| token.expires_at.0).collect::<Vec<_>>())?;
        }
        if let Some(basis) = basis {
            let (snapshot, key, started) = basis.parameters();
            parameters.add(snapshot)?;
            parameters.add(key)?;
            parameters.add(started)?;
        }
        Ok(())
    };
    fill().map_err(sqlx::Error::Encode)?;
    Ok(parameters)
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
