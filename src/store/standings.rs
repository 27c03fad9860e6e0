//! How standings are read: with those of others in one statement, and on SQLite not again before somebody has written.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, RwLock};

use super::coalesce::{Coalesced, Found};
use super::sqlite::CommitMark;
use super::{Db, Result, Store};

/// The most rows of one kind that are remembered. Beyond it all are forgotten and read again.
const CAPACITY: usize = 4_096;

/// Rows of one kind.
pub(super) struct Shared<K, V> {
    reads: Coalesced<K, Arc<V>>,
    known: RwLock<Known<K, V>>,
}

/// What was read while the database was as the mark says. Equal marks mean that nobody has committed anything since (see
/// [`super::sqlite`]), so this is exact, and there is nothing to invalidate. Without it a row costs its share of two hand-overs
/// to the thread of a connection.
struct Known<K, V> {
    mark: Option<CommitMark>,
    rows: HashMap<K, Arc<V>>,
}

impl<K, V> Default for Shared<K, V> {
    fn default() -> Self {
        Self {
            reads: Coalesced::default(),
            known: RwLock::new(Known {
                mark: None,
                rows: HashMap::new(),
            }),
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
        R: Future<Output = Result<Found<Arc<V>>>> + Send + 'static,
    {
        // Taken before the read begins: a commit in between makes the next request look again.
        let mark = store.commit_mark();
        if let Some(known) = self.at(mark, &key) {
            return Ok(Some(known));
        }
        let patience = match &store.db {
            Db::Postgres(pg) => Some(&*pg.patience),
            Db::Sqlite(_) => None,
        };
        let reader = store.clone();
        let read = move |keys| read(reader.clone(), keys);
        let found = self.reads.ask(key.clone(), patience, read).await?;
        if let (Some(mark), Some(value)) = (mark, &found) {
            self.remember(mark, key, value);
        }
        Ok(found)
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
