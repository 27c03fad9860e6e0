//! How standings are read: with those of others in one statement, and not again before something of them has changed. On SQLite
//! that is whenever somebody has written; on Postgres a poll tells what has ([`super::standing_feed`]).

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, RwLock};

use quick_cache::sync::Cache;

use super::coalesce::{Coalesced, Found};
use super::postgres::Pg;
use super::sqlite::CommitMark;
use super::standing_feed::{Kept, Tags};
use super::{Db, Result, Store};

/// The most rows of one kind that are remembered on SQLite. Beyond it all are forgotten and read again.
const CAPACITY: usize = 4_096;

/// The same on Postgres, where rows stay for as long as they are used. The largest, for userinfo, have a kilobyte each.
const KEPT: usize = 8_192;

/// A row with what it rests on.
pub(super) type Tagged<V> = (Arc<V>, Tags);

/// Rows of one kind.
pub(super) struct Shared<K, V> {
    reads: Coalesced<K, Tagged<V>>,
    known: RwLock<Known<K, V>>,
    kept: Cache<K, Arc<Kept<V>>>,
}

/// What was read while the database was as the mark says. Equal marks mean that nobody has committed anything since (see
/// [`super::sqlite`]), so this is exact, and there is nothing to invalidate. Without it a row costs its share of two hand-overs
/// to the thread of a connection.
struct Known<K, V> {
    mark: Option<CommitMark>,
    rows: HashMap<K, Arc<V>>,
}

impl<K, V> Default for Shared<K, V>
where
    K: Eq + Hash,
{
    fn default() -> Self {
        Self {
            reads: Coalesced::default(),
            known: RwLock::new(Known {
                mark: None,
                rows: HashMap::new(),
            }),
            kept: Cache::new(KEPT),
        }
    }
}

impl<K, V> Shared<K, V>
where
    K: Eq + Hash + Clone + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    /// The row of `key`, as it is now. `read` reads a batch.
    pub(super) async fn get<R>(
        &self,
        store: &Store,
        key: K,
        read: impl Fn(Store, Arc<[K]>) -> R + Send + Sync + 'static,
    ) -> Result<Option<Arc<V>>>
    where
        R: Future<Output = Result<Found<Tagged<V>>>> + Send + 'static,
    {
        match &store.db {
            Db::Postgres(pg) => self.polled(store, pg, key, read).await,
            Db::Sqlite(_) => self.marked(store, key, read).await,
        }
    }

    async fn polled<R>(
        &self,
        store: &Store,
        pg: &Pg,
        key: K,
        read: impl Fn(Store, Arc<[K]>) -> R + Send + Sync + 'static,
    ) -> Result<Option<Arc<V>>>
    where
        R: Future<Output = Result<Found<Tagged<V>>>> + Send + 'static,
    {
        let feed = &store.feed;
        if let Some(kept) = self.kept.get(&key)
            && feed.confirms(store, pg, &kept).await?
        {
            return Ok(Some(kept.value.clone()));
        }
        // Taken before the read begins.
        let mark = feed.mark(store, pg).await?;
        let found = self
            .reads
            .ask(key.clone(), Some(&pg.patience), || {
                let reader = store.clone();
                move |keys| read(reader.clone(), keys)
            })
            .await?;
        // Found rows only: keys that do not exist are endless.
        let Some((value, tags)) = found else { return Ok(None) };
        if let Some(mark) = mark {
            let value = value.clone();
            self.kept.insert(key, Arc::new(Kept { value, tags, mark }));
        }
        Ok(Some(value))
    }

    async fn marked<R>(
        &self,
        store: &Store,
        key: K,
        read: impl Fn(Store, Arc<[K]>) -> R + Send + Sync + 'static,
    ) -> Result<Option<Arc<V>>>
    where
        R: Future<Output = Result<Found<Tagged<V>>>> + Send + 'static,
    {
        // Taken before the read begins: a commit in between makes the next request look again.
        let mark = store.commit_mark();
        if let Some(known) = self.at(mark, &key) {
            return Ok(Some(known));
        }
        let found = self
            .reads
            .ask(key.clone(), None, || {
                let reader = store.clone();
                move |keys| read(reader.clone(), keys)
            })
            .await?;
        let value = found.map(|(value, _)| value);
        if let (Some(mark), Some(value)) = (mark, &value) {
            self.remember(mark, key, value);
        }
        Ok(value)
    }

    /// A poisoned lock is passed over.
    fn at(&self, mark: Option<CommitMark>, key: &K) -> Option<Arc<V>> {
        let known = self.known.read().ok()?;
        (mark.is_some() && known.mark == mark).then(|| known.rows.get(key).cloned())?
    }

    /// Found rows only: keys that do not exist are endless.
    fn remember(&self, mark: CommitMark, key: K, value: &Arc<V>) {
        let Ok(mut known) = self.known.write() else { return };
        if known.mark != Some(mark) || known.rows.len() >= CAPACITY {
            known.mark = Some(mark);
            known.rows.clear();
        }
        known.rows.insert(key, value.clone());
    }
}
