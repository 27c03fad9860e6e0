//! How long a node on Postgres counts on what it keeps of the catalog without asking, and how a change waits for it.
//!
//! A node says in `catalog_reader` which version it holds, and for how long at most; only when that is committed it reads the
//! version, and counts on that one for so long, by its own clock from before it began. Whoever has changed the catalog reads
//! those rows after the commit. So either the row is seen, and waited for until the node has looked again, or the node read the
//! version after the commit: there is no third way, whatever the delays. No two clocks are compared: a node that is not heard of
//! again is waited for as long as it said, from after the commit, and is forgotten then.
//!
//! Notifications only make it quick. Where they do not arrive (through a pooler that lends connections by the transaction), a
//! change waits for the next beat of each node, and is as exact.

use std::sync::RwLock;
use std::time::{Duration, Instant};

use sqlx::Acquire as _;
use sqlx::postgres::PgListener;
use uuid::Uuid;

use super::catalog::CATALOG_VERSION;
use super::patience::{pause, until};
use super::{Backend as _, Db, Result, Store, StoreError, on, statements};
use crate::crypto::random;

statements! {
    HOLD_CATALOG = "INSERT INTO catalog_reader (node, seen, beat, lasts) VALUES ($1, $2, $3, $4)
        ON CONFLICT (node) DO UPDATE SET seen = excluded.seen, beat = excluded.beat, lasts = excluded.lasts";
    RELEASE_CATALOG = "DELETE FROM catalog_reader WHERE node = $1";
    // The row of nobody is missing after a crash or a change of the primary, which leave this table empty: nodes that cannot
    // be seen may count on the version before, as long as they ever do.
    READERS_BEHIND = "WITH reset AS (
            INSERT INTO catalog_reader (node, seen, beat, lasts) VALUES ($2, 0, $3, $4) ON CONFLICT DO NOTHING
        )
        SELECT r.node, r.beat, r.lasts FROM catalog_reader r JOIN catalog_version v ON v.id = 1
        WHERE r.seen < v.version AND r.node <> $1
        UNION ALL SELECT $2, $3, $4 WHERE NOT EXISTS (SELECT 1 FROM catalog_reader n WHERE n.node = $2)",
        "SELECT node, beat, lasts FROM catalog_reader";
    FORGET_READER = "DELETE FROM catalog_reader WHERE node = $1 AND beat = $2";
    SETTLE_RESET = "UPDATE catalog_reader SET seen = 9223372036854775807 WHERE node = $1 AND beat = $2";
}

/// What Postgres notifies of.
const CHANNEL: &str = "portcullis_catalog";

/// Nodes count on what they hold no longer than this.
const LONGEST: Duration = Duration::from_secs(3);

/// Between two looks at those who are behind: most have heard of it after the first.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// How often a node looks, and how long it counts on what it saw.
#[derive(Clone, Copy, Debug)]
pub struct CatalogPace {
    /// Between two looks, if nothing is heard.
    pub beat: Duration,
    /// How long a look is good for; three seconds at most.
    pub lease: Duration,
}

impl Default for CatalogPace {
    /// Two looks may fail before a node asks with each request again.
    fn default() -> Self {
        Self {
            beat: Duration::from_secs(1),
            lease: LONGEST,
        }
    }
}

/// What this process may count on.
pub(super) struct Lease {
    /// Another one for each process.
    node: Uuid,
    trust: RwLock<Trust>,
}

/// A version that is the current one.
#[derive(Clone, Copy)]
struct Held {
    version: i64,
    until: Instant,
    /// As long as the database has moved no further. The host before may be running still, and know of no change.
    moves: u64,
}

#[derive(Clone, Copy, Default)]
struct Trust {
    held: Option<Held>,
    /// How often that was called into doubt.
    doubts: u64,
}

impl Default for Lease {
    fn default() -> Self {
        Self {
            node: random::uuid_v4(),
            trust: RwLock::default(),
        }
    }
}

/// A poisoned lock means that nothing is trusted.
impl Lease {
    /// The version that is the current one this moment, if that is known without asking a database that has moved so often.
    pub(super) fn version(&self, moves: u64) -> Option<i64> {
        let held = self.trust.read().ok()?.held?;
        (held.moves == moves && Instant::now() < held.until).then_some(held.version)
    }

    /// Asks with each request from now on, until it has looked again.
    pub(super) fn doubt(&self) {
        if let Ok(mut trust) = self.trust.write() {
            *trust = Trust {
                held: None,
                doubts: trust.doubts + 1,
            };
        }
    }

    fn doubts(&self) -> u64 {
        self.trust.read().map_or(0, |trust| trust.doubts)
    }

    /// Counts on what is held, unless doubts arose since there were `doubts`.
    fn trust(&self, held: Held, doubts: u64) {
        if let Ok(mut trust) = self.trust.write()
            && trust.doubts == doubts
        {
            trust.held = Some(held);
        }
    }
}

/// A connection of its own on which a node hears of changes and says what it holds.
pub struct CatalogWatch {
    store: Store,
    listener: PgListener,
    pace: CatalogPace,
    seen: i64,
    beat: i64,
    /// Where the database was when this began to listen.
    moves: u64,
}

impl Store {
    /// Begins to listen. `None` on SQLite, where nothing is to be waited for.
    pub async fn watch_catalog(&self, pace: CatalogPace) -> Result<Option<CatalogWatch>> {
        let Db::Postgres(pg) = &self.db else {
            return Ok(None);
        };
        let pace = CatalogPace {
            lease: pace.lease.min(LONGEST),
            ..pace
        };
        let listening = async {
            let (mut listener, moves) = pg.listener().await?;
            listener.eager_reconnect(false);
            listener.listen(CHANNEL).await?;
            Ok((listener, moves))
        };
        let (listener, moves) = until(LONGEST, listening).await?;
        // It may be another database than before, or an older state of it.
        self.cache.forget();
        Ok(Some(CatalogWatch {
            store: self.clone(),
            listener,
            pace,
            seen: 0,
            beat: i64::from_be_bytes(random::bytes()),
            moves,
        }))
    }

    /// To be called after each commit that has changed the catalog: returns when no node counts on what was before.
    pub(super) async fn catalog_changed(&self) {
        self.lease.doubt();
        let Db::Postgres(_) = &self.db else { return };
        let committed = Instant::now();
        // Who cannot be asked for is waited for as long as anybody may count on anything.
        if let Err(error) = self.await_readers(committed).await {
            tracing::warn!(%error, "other nodes cannot be asked whether they know of the change: it is waited for them");
            pause(bound(LONGEST).saturating_sub(committed.elapsed())).await;
        }
    }

    async fn await_readers(&self, committed: Instant) -> Result<()> {
        let waited_for = self.readers_behind().await?;
        let mut behind = waited_for.clone();
        let longest = waited_for.iter().map(|reader| reader.2).max().unwrap_or_default();
        let longest = Duration::from_millis(longest.unsigned_abs()).min(LONGEST);
        let mut step = FIRST_PAUSE;
        while !behind.is_empty() {
            if committed.elapsed() > bound(longest) {
                behind.retain(|reader| waited_for.contains(reader));
                return self.forget_readers(&behind).await;
            }
            pause(step).await;
            step = (2 * step).min(LONGEST_PAUSE);
            // Another beat alone proves nothing: until it has read the version, a node counts on what it saw before.
            behind = self.readers_behind().await?;
        }
        Ok(())
    }

    async fn readers_behind(&self) -> Result<Vec<(Uuid, i64, i64)>> {
        let lasts = i64::try_from(LONGEST.as_millis()).unwrap_or(i64::MAX);
        on!(self.writer(), |db| {
            sqlx::query_as(db.text(&READERS_BEHIND))
                .bind(self.lease.node)
                .bind(Uuid::nil())
                .bind(i64::from_be_bytes(random::bytes()))
                .bind(lasts)
                .fetch_all(&mut *db)
                .await?
        })
    }

    /// Those who were waited for as long as they may count on anything, and so do not.
    async fn forget_readers(&self, readers: &[(Uuid, i64, i64)]) -> Result<()> {
        for (node, beat, _) in readers {
            let statement = if node.is_nil() { &SETTLE_RESET } else { &FORGET_READER };
            on!(self.writer(), |db| {
                sqlx::query(db.text(statement))
                    .bind(node)
                    .bind(beat)
                    .execute(&mut *db)
                    .await?;
            })?;
        }
        Ok(())
    }
}

/// As long as `lease`, by any clock: two machines' run apart by far less than this.
fn bound(lease: Duration) -> Duration {
    lease + lease / 20
}

impl CatalogWatch {
    /// Looks, and counts on what it sees. After an error it counts on nothing.
    pub async fn look(&mut self) -> Result<()> {
        let looked = until(self.pace.lease, self.look_unhurried()).await;
        if looked.is_err() {
            self.store.lease.doubt();
        }
        looked
    }

    async fn look_unhurried(&mut self) -> Result<()> {
        if let Db::Postgres(pg) = &self.store.db
            && pg.moves() != self.moves
        {
            return Err(StoreError::Unavailable("the database is on another host now".into()));
        }
        // The second time for those who wait for the version that the first has found.
        for _ in 0..3 {
            while self.listener.next_buffered().is_some() {}
            let (doubts, began) = (self.store.lease.doubts(), Instant::now());
            self.beat = self.beat.wrapping_add(1);
            let lasts = i64::try_from(self.pace.lease.as_millis()).unwrap_or(i64::MAX);
            let db = self.listener.acquire().await?;
            sqlx::query(db.text(&HOLD_CATALOG))
                .bind(self.store.lease.node)
                .bind(self.seen)
                .bind(self.beat)
                .bind(lasts)
                .execute(&mut *db)
                .await?;
            let version = sqlx::query_scalar(db.text(&CATALOG_VERSION))
                .fetch_one(&mut *db)
                .await?;
            let held = Held {
                version,
                until: began + self.pace.lease,
                moves: self.moves,
            };
            self.store.lease.trust(held, doubts);
            if std::mem::replace(&mut self.seen, version) == version {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Returns when the catalog was changed. From then on this node counts on nothing until it has looked.
    pub async fn changed(&mut self) -> Result<()> {
        let heard = self.listener.try_recv().await;
        self.store.lease.doubt();
        match heard? {
            Some(_) => Ok(()),
            None => Err(StoreError::Unavailable("the connection that listens was lost".into())),
        }
    }

    /// Counts on nothing any more, and says so, so that nobody waits for this node.
    pub async fn release(mut self) -> Result<()> {
        self.store.lease.doubt();
        let released = async {
            let db = self.listener.acquire().await?;
            sqlx::query(db.text(&RELEASE_CATALOG))
                .bind(self.store.lease.node)
                .execute(&mut *db)
                .await?;
            Ok(())
        };
        until(self.pace.lease, released).await
    }
}

impl Drop for CatalogWatch {
    /// Nobody looks any more.
    fn drop(&mut self) {
        self.store.lease.doubt();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(version: i64, until: Instant) -> Held {
        Held {
            version,
            until,
            moves: 0,
        }
    }

    #[test]
    fn a_version_is_trusted_for_as_long_as_it_was_said() {
        let lease = Lease::default();
        assert_eq!(lease.version(0), None);
        let now = Instant::now();
        lease.trust(held(7, now + Duration::from_secs(60)), lease.doubts());
        assert_eq!(lease.version(0), Some(7));
        assert_eq!(lease.version(1), None, "the database has moved");
        lease.trust(held(8, now), lease.doubts());
        assert_eq!(lease.version(0), None);
    }

    #[test]
    fn a_doubt_outlives_a_look_that_began_before_it() {
        let lease = Lease::default();
        let until = Instant::now() + Duration::from_secs(60);
        lease.trust(held(7, until), lease.doubts());
        let before = lease.doubts();
        lease.doubt();
        assert_eq!(lease.version(0), None);
        lease.trust(held(7, until), before);
        assert_eq!(lease.version(0), None, "what was read before the doubt");
        lease.trust(held(8, until), lease.doubts());
        assert_eq!(lease.version(0), Some(8));
    }
}
