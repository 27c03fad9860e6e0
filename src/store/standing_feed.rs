//! How a node on Postgres knows that what it keeps of standings is exactly what the database has, for one tiny read that many share.
//!
//! Triggers write into `standing_change` what has changed, in the same commit. A node has a *position*: a snapshot, all of whose
//! changes it has applied. A *poll* asks in one statement for the present snapshot, and for the changes that this one sees and the
//! position does not. Such a change was made by a transaction that was running when the position was taken, or began later, so its
//! number is at least the position's xmin, however late it commits: an index finds it. Whatever is still kept after a poll that
//! began after a request came is as if the request had read it itself.
//!
//! A row counts as kept from before its read began: what is applied since then and concerns it makes it void, though it may have been
//! read after that. Only rows that were read after a position was taken are kept. So there is no order of poll, read and change
//! in which a row that misses a change counts.
//!
//! Numbers of transactions say nothing in another database, in an older state of it, or after a crash, when some come again. So the
//! poll also reads when the server was started and the row `life`, a random value in a table that crashes and changes of the primary
//! empty. If either differs, or changes were deleted that the position does not see, everything is forgotten. No clock decides.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant};

use super::coalesce::{Coalesced, Found};
use super::postgres::Pg;
use super::{Backend as _, Db, Result, Store, StoreError, Swept, on, statements};
use crate::crypto::random;
use crate::time::Timestamp;

/// Changes that one poll takes. Of more, everything is forgotten.
const MOST_CHANGES: usize = 4_096;

/// Changes that are remembered, for what was read before them: 1 MB.
const MOST_REMEMBERED: usize = 32_768;

/// How long the feed is left alone after it could not be used.
const REST: Duration = Duration::from_secs(30);

/// Changes are deleted when they were there for so long, in seconds: who has not asked since then forgets everything.
const KEPT: i64 = 300;

/// A position that is older is renewed before a write rests on it: it finds all that has changed since then, for each of its rows.
const RECENT: Duration = Duration::from_millis(200);

/// How many triggers write the feed.
const TRIGGERS: i64 = 15;

/// The table `since`, of one row, for a write that rests on what is kept: whether the life of [`Basis`] goes on, and the keys of
/// all that the write's snapshot sees changed and the position does not. A key without its kind says too much rather than too
/// little. The parameters are the position's snapshot, and the life's key and start.
macro_rules! since_position {
    ($snapshot:literal, $key:literal, $started:literal) => {
        concat!(
            "since AS MATERIALIZED (
            SELECT array_agg(key) AS changed, count(*) < 4098 AND bool_and(kind <> 'all') AND bool_or(kind = 'life' AND key = ",
            $key,
            " AND coalesce(pruned <= pg_snapshot_xmin(",
            $snapshot,
            "::text::pg_snapshot), TRUE)) AND date_part('epoch', pg_postmaster_start_time()) = ",
            $started,
            " AS goes_on
            FROM (SELECT kind, key, pruned FROM standing_change
                WHERE xid >= pg_snapshot_xmin(",
            $snapshot,
            "::text::pg_snapshot) AND NOT pg_visible_in_snapshot(xid, ",
            $snapshot,
            "::text::pg_snapshot)
                LIMIT 4098) c
        )"
        )
    };
}
pub(super) use since_position;

statements! {
    // The row `life` has the highest number, so each poll sees it, first. The LIMIT is one more than [`MOST_CHANGES`] with it.
    POLL_STANDINGS = "SELECT pg_current_snapshot()::text, date_part('epoch', pg_postmaster_start_time()), kind, key,
            coalesce(pruned > pg_snapshot_xmin($1::text::pg_snapshot), FALSE)
        FROM standing_change
        WHERE xid >= pg_snapshot_xmin($1::text::pg_snapshot) AND NOT pg_visible_in_snapshot(xid, $1::text::pg_snapshot)
        ORDER BY xid DESC LIMIT 4098",
        "SELECT '', 0.0, kind, key, FALSE FROM standing_change WHERE key = $1";
    // Where a trigger is missing, as on engines that take none on distributed tables, the feed says nothing.
    OPEN_STANDINGS = "SELECT pg_current_snapshot()::text, date_part('epoch', pg_postmaster_start_time()), key, (
            SELECT count(*) FROM pg_trigger WHERE tgname IN ('standing_changed', 'standing_deleted', 'standing_truncated')
            AND tgrelid IN ('grants'::regclass, 'users'::regclass, 'client'::regclass, 'access_token'::regclass, 'revoked_jwt'::regclass)
            AND tgenabled IN ('O', 'A'))
        FROM standing_change WHERE kind = 'life'",
        "SELECT '', 0.0, key, 0 FROM standing_change";
    BEGIN_LIFE = "INSERT INTO standing_change (xid, kind, key) VALUES ('18446744073709551615', 'life', $1)
        ON CONFLICT (kind) WHERE kind = 'life' DO NOTHING",
        "INSERT INTO standing_change (xid, kind, key) SELECT 0, 'life', $1 WHERE FALSE";
    STANDINGS_XMIN = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text", "SELECT '0'";
    PRUNE_STANDINGS = "WITH gone AS (
            DELETE FROM standing_change WHERE ctid = ANY (ARRAY(
                SELECT ctid FROM standing_change WHERE xid < $1::text::xid8 LIMIT $2))
            RETURNING 1
        ), told AS (
            UPDATE standing_change SET pruned = greatest(pruned, $1::text::xid8)
            WHERE kind = 'life' AND EXISTS (SELECT 1 FROM gone)
        )
        SELECT count(*) FROM gone",
        "SELECT count(*) FROM standing_change WHERE kind = $1 LIMIT $2";
}

/// What a row rests on, each as a hash of its kind and key: two that meet are both read again.
pub(super) type Tags = [u64; 4];

/// What can change, by the name that the triggers give it.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Grant,
    User,
    Client,
    Token,
    Jwt,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Grant => "grant",
            Self::User => "user",
            Self::Client => "client",
            Self::Token => "token",
            Self::Jwt => "jwt",
        }
    }
}

/// A row, since when it is kept, and what concerns it.
pub(super) struct Kept<V> {
    pub(super) value: Arc<V>,
    pub(super) tags: Tags,
    pub(super) mark: Mark,
}

/// How many changes were applied.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(super) struct Mark(u64);

/// What was polled.
pub(super) struct Feed {
    state: RwLock<State>,
    polls: Coalesced<(), ()>,
    hasher: RandomState,
    /// When the sweep last looked, and the transactions that were over by then.
    pruning: Mutex<Option<(Timestamp, String)>>,
}

#[derive(Default)]
struct State {
    position: Option<Arc<Position>>,
    applied: Mark,
    /// What was kept before is void.
    void: Mark,
    /// When what has each tag last changed, since `void`.
    changes: HashMap<u64, Mark>,
    rests_since: Option<Instant>,
}

/// A snapshot of one life of a database, all of whose changes were applied.
struct Position {
    snapshot: String,
    xmin: u64,
    life: Life,
    /// [`Pg::moves`] from before it was taken.
    moves: u64,
    taken: Instant,
}

/// What a write rests on that asks itself what has changed.
pub(super) struct Basis(Arc<Position>);

impl Basis {
    /// The parameters of [`since_position`].
    pub(super) fn parameters(&self) -> (&str, &[u8], f64) {
        let Life { started, key } = &self.0.life;
        (&self.0.snapshot, key, *started)
    }
}

#[derive(Clone, PartialEq)]
struct Life {
    /// When the server was started.
    started: f64,
    key: Vec<u8>,
}

/// The snapshot, the server's start, kind and key of a change, and whether changes are missing.
type Row = (String, f64, String, Vec<u8>, bool);

impl Default for Feed {
    fn default() -> Self {
        Self {
            state: RwLock::default(),
            polls: Coalesced::in_turn(),
            hasher: RandomState::new(),
            pruning: Mutex::default(),
        }
    }
}

impl Position {
    fn new(snapshot: String, life: Life, moves: u64) -> Result<Self> {
        let xmin = snapshot.split(':').next().and_then(|xmin| xmin.parse().ok());
        let xmin = xmin.ok_or(StoreError::Corrupt("a snapshot"))?;
        Ok(Self {
            snapshot,
            xmin,
            life,
            moves,
            taken: Instant::now(),
        })
    }
}

/// A poisoned lock means that nothing is kept.
impl Feed {
    pub(super) fn tag(&self, kind: Kind, key: &[u8]) -> u64 {
        self.tag_of(kind.as_str(), key)
    }

    fn tag_of(&self, kind: &str, key: &[u8]) -> u64 {
        self.hasher.hash_one((kind, key))
    }

    /// Whether nothing that was applied concerns the row, in a database that has moved so often.
    pub(super) fn stands<V>(&self, kept: &Kept<V>, moves: u64) -> bool {
        let Ok(state) = self.state.read() else { return false };
        let position = state.position.as_ref();
        let is_new = |tag: &u64| state.changes.get(tag).is_some_and(|changed| *changed > kept.mark);
        position.is_some_and(|position| position.moves == moves)
            && kept.mark >= state.void
            && (state.changes.is_empty() || !kept.tags.iter().any(is_new))
    }

    /// Whether a row that is kept is as if it were read now.
    pub(super) async fn confirms<V>(&self, store: &Store, pg: &Pg, kept: &Kept<V>) -> Result<bool> {
        if !self.stands(kept, pg.moves()) {
            return Ok(false);
        }
        match self.poll(store, pg).await {
            Ok(()) => Ok(self.stands(kept, pg.moves())),
            Err(error @ StoreError::Unavailable(_)) => Err(error),
            Err(_) => Ok(false),
        }
    }

    /// Whether a row that is kept was as if it were read, a moment ago: a write may rest on it that asks for what has changed since
    /// the position, see [`Feed::basis`].
    pub(super) async fn confirmed_lately<V>(&self, store: &Store, pg: &Pg, kept: &Kept<V>) -> Result<bool> {
        let is_recent = |position: &Arc<Position>| position.taken.elapsed() < RECENT;
        match self.position(pg.moves()).0.as_ref().is_some_and(is_recent) {
            true => Ok(self.stands(kept, pg.moves())),
            false => self.confirms(store, pg, kept).await,
        }
    }

    /// The position, for a write that excludes what has changed since then. A row may be in it if it stands after this.
    pub(super) fn basis(&self, moves: u64) -> Option<Basis> {
        self.position(moves).0.map(Basis)
    }

    /// Applies what has changed by now, together with others.
    pub(super) async fn poll(&self, store: &Store, pg: &Pg) -> Result<()> {
        let poller = || {
            let store = store.clone();
            move |_| store.clone().poll_standings()
        };
        self.polls.ask((), Some(&pg.patience), poller).await.map(drop)
    }

    /// From when on a row counts as kept whose read begins after this. `None`: it cannot be kept.
    pub(super) async fn mark(&self, store: &Store, pg: &Pg) -> Result<Option<Mark>> {
        if let Some(mark) = self.mark_at(pg.moves()) {
            return Ok(Some(mark));
        }
        if self.rests() {
            return Ok(None);
        }
        self.poll(store, pg).await?;
        Ok(self.mark_at(pg.moves()))
    }

    fn mark_at(&self, moves: u64) -> Option<Mark> {
        let state = self.state.read().ok()?;
        let current = state.position.as_ref().is_some_and(|position| position.moves == moves);
        current.then_some(state.applied)
    }

    fn rests(&self) -> bool {
        let state = self.state.read();
        state.map_or(true, |state| {
            state.rests_since.is_some_and(|since| since.elapsed() < REST)
        })
    }

    /// What to poll from, with what was void by then.
    fn position(&self, moves: u64) -> (Option<Arc<Position>>, Mark) {
        let Ok(state) = self.state.read() else {
            return (None, Mark::default());
        };
        let position = state.position.clone();
        (position.filter(|position| position.moves == moves), state.void)
    }

    /// Everything that is kept is void. From now on changes are asked for since `position`; without one, from later on.
    fn start(&self, position: Option<Position>) {
        let Ok(mut state) = self.state.write() else { return };
        state.void_all();
        state.rests_since = None;
        state.position = position.map(Arc::new);
    }

    fn rest(&self) {
        let Ok(mut state) = self.state.write() else { return };
        state.void_all();
        state.position = None;
        state.rests_since = Some(Instant::now());
    }

    /// What a poll found that asked for changes since `since`, when `void` was void.
    fn apply(&self, since: &Position, void: Mark, rows: &[Row]) -> Result<()> {
        let Some((snapshot, started, key)) = rows
            .first()
            .filter(|(.., kind, _, _)| kind == "life")
            .map(|(snapshot, started, _, key, _)| (snapshot.clone(), *started, key.clone()))
        else {
            self.start(None);
            return Ok(());
        };
        let next = Position::new(snapshot, Life { started, key }, since.moves)?;
        let is_missing = rows.iter().any(|(.., is_missing)| *is_missing);
        let is_all = rows.iter().any(|(_, _, kind, ..)| kind == "all");
        if next.life != since.life || is_missing || is_all || rows.len() > MOST_CHANGES + 1 {
            self.start(Some(next));
            return Ok(());
        }
        let Ok(mut state) = self.state.write() else {
            return Ok(());
        };
        // Whoever waits for this poll asks for rows from before then, which are void.
        if state.void != void {
            return Ok(());
        }
        for (_, _, kind, key, _) in rows.iter().skip(1) {
            let tag = self.tag_of(kind, key);
            state.change(tag);
        }
        // Of two polls at once the one that ends last may have begun first. All up to both was applied.
        if state
            .position
            .as_ref()
            .is_none_or(|position| position.xmin <= next.xmin)
        {
            state.position = Some(Arc::new(next));
        }
        Ok(())
    }
}

impl State {
    fn void_all(&mut self) {
        self.applied.0 += 1;
        self.void = self.applied;
        self.changes.clear();
    }

    fn change(&mut self, tag: u64) {
        if self.changes.len() >= MOST_REMEMBERED {
            self.void_all();
        }
        self.applied.0 += 1;
        self.changes.insert(tag, self.applied);
    }
}

impl Store {
    async fn poll_standings(self) -> Result<Found<()>> {
        let Db::Postgres(pg) = &self.db else {
            return Ok(Vec::new());
        };
        let moves = pg.moves();
        let (position, void) = self.feed.position(moves);
        let polled = match position {
            Some(since) => self
                .changes_since(&since)
                .await
                .and_then(|rows| self.feed.apply(&since, void, &rows)),
            None => self.open_feed(moves).await,
        };
        match polled {
            Ok(()) => Ok(vec![(0, ())]),
            Err(error @ (StoreError::Unavailable(_) | StoreError::Conflict)) => Err(error),
            // A feed that cannot be read stands in nobody's way.
            Err(error) => {
                tracing::warn!(%error, "what tokens rest on is read each time: its changes cannot be read");
                self.feed.rest();
                Ok(Vec::new())
            }
        }
    }

    async fn changes_since(&self, since: &Position) -> Result<Vec<Row>> {
        on!(self.reader(), |db| sqlx::query_as(db.text(&POLL_STANDINGS))
            .bind(since.snapshot.as_str())
            .fetch_all(&mut *db)
            .await?)
    }

    /// Takes a position, from which on rows are kept.
    async fn open_feed(&self, moves: u64) -> Result<()> {
        // The second time for what the first has begun.
        for _ in 0..2 {
            let found: Option<(String, f64, Vec<u8>, i64)> =
                on!(self.reader(), |db| sqlx::query_as(db.text(&OPEN_STANDINGS))
                    .fetch_optional(&mut *db)
                    .await?)?;
            match found {
                Some((snapshot, started, key, TRIGGERS)) => {
                    self.feed
                        .start(Some(Position::new(snapshot, Life { started, key }, moves)?));
                    return Ok(());
                }
                Some(_) => return Err(StoreError::Schema("a trigger of `standing_change` is missing".into())),
                // A database that takes no writes can still be read.
                None if self.begin_life().await.is_err() => {
                    self.feed.rest();
                    return Ok(());
                }
                None => {}
            }
        }
        Err(StoreError::Corrupt("standing_change"))
    }

    /// After a crash, or on a standby that took over.
    async fn begin_life(&self) -> Result<()> {
        on!(self.writer(), |db| {
            sqlx::query(db.text(&BEGIN_LIFE))
                .bind(random::bytes::<16>().as_slice())
                .execute(&mut *db)
                .await?;
        })
    }

    /// Deletes changes that were there for long. How long is a matter of room alone: who has not seen one is told that it is missing.
    /// Times are never compared with those of changes, which may commit long after they were made.
    pub(super) async fn sweep_standing_changes(&self, now: Timestamp, batch: i64) -> Result<Swept> {
        let Db::Postgres(_) = &self.db else {
            return Ok(Swept::default());
        };
        let looked = self.feed.pruning.lock().map_or(None, |pruning| pruning.clone());
        if looked.as_ref().is_some_and(|(at, _)| now < at.plus(KEPT)) {
            return Ok(Swept::default());
        }
        let xmin: String = on!(self.reader(), |db| sqlx::query_scalar(db.text(&STANDINGS_XMIN))
            .fetch_one(&mut *db)
            .await?)?;
        let mut rows = 0;
        if let Some((_, over)) = looked {
            let pruned: i64 = on!(self.writer(), |db| sqlx::query_scalar(db.text(&PRUNE_STANDINGS))
                .bind(over.as_str())
                .bind(batch)
                .fetch_one(&mut *db)
                .await?)?;
            rows = pruned.unsigned_abs();
        }
        let more = rows >= batch.unsigned_abs();
        if !more && let Ok(mut pruning) = self.feed.pruning.lock() {
            *pruning = Some((now, xmin));
        }
        Ok(Swept { rows, more })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOVES: u64 = 3;

    fn life(key: u8) -> Life {
        Life {
            started: 1.5,
            key: vec![key],
        }
    }

    fn feed_at(xmin: u64) -> Feed {
        let feed = Feed::default();
        feed.start(Some(at(xmin)));
        feed
    }

    fn at(xmin: u64) -> Position {
        Position::new(format!("{xmin}:{xmin}:"), life(1), MOVES).unwrap()
    }

    fn kept(feed: &Feed, user: &[u8]) -> Kept<()> {
        Kept {
            value: Arc::new(()),
            tags: [feed.tag(Kind::Grant, b"g"), feed.tag(Kind::User, user), 0, 0],
            mark: feed.mark_at(MOVES).unwrap(),
        }
    }

    fn row(xmin: u64, kind: &str, key: &[u8]) -> Row {
        (format!("{xmin}:{xmin}:"), 1.5, kind.to_owned(), key.to_owned(), false)
    }

    /// What a poll found that began now.
    fn poll(feed: &Feed, xmin: u64, changes: &[(&str, &[u8])]) {
        let (since, void) = feed.position(MOVES);
        let rows = changes.iter().map(|(kind, key)| row(xmin, kind, key));
        let rows = std::iter::once(row(xmin, "life", &[1])).chain(rows);
        let rows: Vec<_> = rows.collect();
        feed.apply(&since.unwrap(), void, &rows).unwrap();
    }

    fn xmin(feed: &Feed) -> Option<u64> {
        feed.position(MOVES).0.map(|position| position.xmin)
    }

    #[test]
    fn a_change_ends_what_it_concerns_and_was_kept_from_before_it() {
        let feed = feed_at(10);
        let (alice, bob) = (kept(&feed, b"alice"), kept(&feed, b"bob"));
        poll(&feed, 11, &[]);
        assert!(feed.stands(&alice, MOVES) && feed.stands(&bob, MOVES));
        poll(
            &feed,
            12,
            &[("client", b"alice"), ("user", b"alice"), ("user", b"carol")],
        );
        assert!(!feed.stands(&alice, MOVES) && feed.stands(&bob, MOVES));
        assert_eq!(xmin(&feed), Some(12));
        let anew = kept(&feed, b"alice");
        assert!(feed.stands(&anew, MOVES));
        poll(&feed, 13, &[("grant", b"g")]);
        assert!(!feed.stands(&anew, MOVES) && !feed.stands(&bob, MOVES));
    }

    #[test]
    fn what_was_asked_for_before_a_change_was_applied_is_not_kept_after_it() {
        let feed = feed_at(10);
        let mark = kept(&feed, b"alice");
        poll(&feed, 11, &[("user", b"alice")]);
        let read = Kept {
            value: Arc::new(()),
            ..mark
        };
        assert!(!feed.stands(&read, MOVES));
    }

    #[test]
    fn nothing_is_kept_without_a_position_or_in_another_database() {
        let feed = Feed::default();
        assert_eq!(feed.mark_at(MOVES), None);
        feed.start(Some(at(10)));
        let alice = kept(&feed, b"alice");
        assert!(feed.stands(&alice, MOVES) && !feed.stands(&alice, MOVES + 1));
        assert_eq!(feed.mark_at(MOVES + 1), None);
        assert!(feed.position(MOVES + 1).0.is_none(), "the next poll takes another one");
        feed.rest();
        assert!(!feed.stands(&alice, MOVES) && feed.rests());
        feed.start(Some(at(11)));
        assert!(!feed.stands(&alice, MOVES) && !feed.rests());
    }

    #[test]
    fn what_cannot_be_told_in_full_ends_everything() {
        let void = |rows: Vec<Row>| {
            let feed = feed_at(10);
            let alice = kept(&feed, b"alice");
            let (since, before) = feed.position(MOVES);
            feed.apply(&since.unwrap(), before, &rows).unwrap();
            (!feed.stands(&alice, MOVES), xmin(&feed))
        };
        let first = || row(11, "life", &[1]);
        assert_eq!(void(vec![first()]), (false, Some(11)));
        assert_eq!(void(vec![]), (true, None), "a crash");
        assert_eq!(void(vec![row(11, "user", b"bob")]), (true, None));
        assert_eq!(void(vec![row(11, "life", &[2])]), (true, Some(11)), "another life");
        let mut restarted = first();
        restarted.1 += 1.0;
        assert_eq!(void(vec![restarted]), (true, Some(11)), "another start");
        let mut pruned = first();
        pruned.4 = true;
        assert_eq!(void(vec![pruned]), (true, Some(11)), "changes are missing");
        assert_eq!(void(vec![first(), row(11, "all", b"")]), (true, Some(11)));
        let many = |count| std::iter::once(first()).chain(vec![row(11, "user", b"bob"); count]);
        assert_eq!(void(many(MOST_CHANGES).collect()), (false, Some(11)));
        assert_eq!(void(many(MOST_CHANGES + 1).collect()), (true, Some(11)));
    }

    #[test]
    fn of_two_polls_the_one_that_ends_last_may_have_begun_first() {
        let feed = feed_at(10);
        let (since, void) = feed.position(MOVES);
        let since = since.unwrap();
        feed.apply(&since, void, &[row(12, "life", &[1])]).unwrap();
        feed.apply(&since, void, &[row(11, "life", &[1])]).unwrap();
        assert_eq!(xmin(&feed), Some(12));
        // One from before everything was forgotten says nothing of what is kept since, and moves nothing.
        feed.start(Some(at(20)));
        feed.apply(&since, void, &[row(30, "life", &[1])]).unwrap();
        assert_eq!(xmin(&feed), Some(20));
    }

    #[test]
    fn too_many_changes_to_remember_end_everything() {
        let feed = feed_at(10);
        let alice = kept(&feed, b"alice");
        for number in 0..u32::try_from(MOST_REMEMBERED).unwrap() {
            poll(&feed, 11, &[("user", &number.to_be_bytes())]);
        }
        assert!(feed.stands(&alice, MOVES));
        poll(&feed, 11, &[("user", b"bob")]);
        assert!(!feed.stands(&alice, MOVES));
        let alice = kept(&feed, b"alice");
        poll(&feed, 12, &[("user", b"alice")]);
        assert!(!feed.stands(&alice, MOVES));
    }
}
