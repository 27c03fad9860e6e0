//! Reads that are shared: those who ask for the same kind of row at the same time are answered by one statement.
//!
//! Whoever asks while a read is under way joins the next one, never one that began before: an answer is exactly as fresh as a read
//! of one's own would be. Whoever asks alone is answered by a read of its own, without a wait.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::patience::Patience;
use super::stats::{self, Witness};
use super::{Result, StoreError};

/// The most keys in one statement.
const LARGEST_BATCH: usize = 256;

/// The most reads of one kind under way, usually. One would make the batches larger; with two, a connection that has died without a word
/// does not hold up everybody.
const AT_ONCE: usize = 2;

/// A read that has not come back for so long is late; see [`Coalesced::in_turn`].
const LATE: Duration = Duration::from_millis(20);

/// The values that a batch of keys has, each with the place of its key. A key without a row has none.
pub(super) type Found<V> = Vec<(usize, V)>;

/// Reads of one kind.
pub(super) struct Coalesced<K, V>(Arc<Mutex<State<K, V>>>);

struct State<K, V> {
    under_way: usize,
    at_once: usize,
    /// A second read waits until the first one is late.
    in_turn: bool,
    /// When the last read began, for those that are read in turn.
    begun: Option<Instant>,
    waiting: VecDeque<Batch<K, V>>,
}

/// Those whom one statement will answer.
struct Batch<K, V> {
    waiters: HashMap<K, Vec<oneshot::Sender<Answer<V>>>>,
    /// Where the statement is counted and traced: with the request that asked first.
    witness: Witness,
}

type Answer<V> = Result<Option<V>>;

impl<K, V> Default for Coalesced<K, V> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(State {
            under_way: 0,
            at_once: AT_ONCE,
            in_turn: false,
            begun: None,
            waiting: VecDeque::new(),
        })))
    }
}

impl<K, V> Coalesced<K, V> {
    /// Reads that cost the same however many wait for them: one at a time, and another one only while that is late.
    pub(super) fn in_turn() -> Self {
        let coalesced = Self::default();
        lock(&coalesced.0).in_turn = true;
        coalesced
    }

    /// Another number of them under way.
    pub(super) fn at_once(most: usize) -> Self {
        let coalesced = Self::default();
        lock(&coalesced.0).at_once = most;
        coalesced
    }
}

impl<K, V> Coalesced<K, V>
where
    K: Eq + Hash + Clone + Send + Sync + 'static,
    V: Clone + Send + 'static,
{
    /// The value of `key`, by a read that begins after this was called. What `reader` makes, for the one of many that needs it, reads
    /// a batch; an error of it is the answer to all who are in it. Nobody waits longer than `patience` allows. Who stops waiting
    /// takes nothing from the others.
    pub(super) async fn ask<F, R>(&self, key: K, patience: Option<&Patience>, reader: impl FnOnce() -> F) -> Answer<V>
    where
        F: Fn(Arc<[K]>) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Found<V>>> + Send + 'static,
    {
        let (answer, waiting) = oneshot::channel();
        if self.join(key, answer) {
            let turn = Turn::of(&self.0);
            tokio::spawn(turn.read_all(reader()));
        }
        let answered = async { waiting.await.unwrap_or_else(|_| Err(given_up())) };
        stats::shared(async {
            match patience {
                Some(patience) => patience.bear(answered).await,
                None => answered.await,
            }
        })
        .await
    }

    /// Waits with the others. Whether somebody is needed who reads.
    fn join(&self, key: K, answer: oneshot::Sender<Answer<V>>) -> bool {
        let mut state = lock(&self.0);
        let full = |batch: &Batch<K, V>| batch.waiters.len() >= LARGEST_BATCH && !batch.waiters.contains_key(&key);
        if state.waiting.back().is_none_or(full) {
            state.waiting.push_back(Batch {
                waiters: HashMap::new(),
                witness: stats::witness(),
            });
        }
        if let Some(batch) = state.waiting.back_mut() {
            batch.waiters.entry(key).or_default().push(answer);
        }
        let held_up = !state.in_turn || state.begun.is_some_and(|begun| begun.elapsed() > LATE);
        let needed = state.under_way == 0 || (held_up && state.under_way < state.at_once);
        state.under_way += usize::from(needed);
        needed
    }
}

/// The right to read, until nobody waits any more. When it is lost half-way, nobody waits in vain.
struct Turn<K, V> {
    state: Arc<Mutex<State<K, V>>>,
    ended: bool,
}

impl<K, V> Turn<K, V> {
    fn of(state: &Arc<Mutex<State<K, V>>>) -> Self {
        Self {
            state: state.clone(),
            ended: false,
        }
    }

    /// Those who wait now. Taken before the read begins, so that nobody who comes later is among them.
    fn next(&mut self) -> Option<Batch<K, V>> {
        let mut state = lock(&self.state);
        let batch = state.waiting.pop_front();
        if batch.is_none() {
            state.under_way -= 1;
            self.ended = true;
        } else if state.in_turn {
            state.begun = Some(Instant::now());
        }
        batch
    }
}

impl<K, V> Turn<K, V>
where
    K: Eq + Hash + Clone + Send + Sync + 'static,
    V: Clone + Send + 'static,
{
    async fn read_all<R>(mut self, read: impl Fn(Arc<[K]>) -> R + Send + Sync)
    where
        R: Future<Output = Result<Found<V>>> + Send + 'static,
    {
        loop {
            // Whoever is about to ask comes first. With that, and in turn, userinfo for 32 connections took PostgreSQL 4 us of
            // each request in place of 12.
            tokio::task::yield_now().await;
            let Some(batch) = self.next() else { return };
            let (keys, waiters): (Vec<K>, Vec<_>) = batch
                .waiters
                .into_iter()
                .filter(|(_, waiters)| waiters.iter().any(|waiter| !waiter.is_closed()))
                .unzip();
            if keys.is_empty() {
                continue;
            }
            let outcome = batch.witness.over(read_batch(keys.into(), &read)).await;
            answer(outcome, waiters);
        }
    }
}

impl<K, V> Drop for Turn<K, V> {
    fn drop(&mut self) {
        if !self.ended {
            let mut state = lock(&self.state);
            state.under_way -= 1;
            state.waiting.clear();
        }
    }
}

/// One damaged row must not answer for its neighbours: then each is read alone.
async fn read_batch<K: Clone, V, R>(keys: Arc<[K]>, read: &(impl Fn(Arc<[K]>) -> R + Sync)) -> Vec<Answer<V>>
where
    V: Clone,
    R: Future<Output = Result<Found<V>>>,
{
    let read_whole = |keys: Arc<[K]>| async {
        let count = keys.len();
        let found = read(keys).await?;
        let mut values: Vec<Option<V>> = vec![None; count];
        for (place, value) in found {
            *values.get_mut(place).ok_or(StoreError::Corrupt("a place in a batch"))? = Some(value);
        }
        Ok(values)
    };
    match read_whole(keys.clone()).await {
        Ok(values) => values.into_iter().map(Ok).collect(),
        Err(StoreError::Corrupt(_)) if keys.len() > 1 => {
            let mut answers = Vec::with_capacity(keys.len());
            for key in keys.iter() {
                let alone = read_whole([key.clone()].into()).await;
                answers.push(alone.map(|mut values| values.pop().flatten()));
            }
            answers
        }
        Err(error) => vec![Err(error); keys.len()],
    }
}

fn answer<V: Clone>(answers: Vec<Answer<V>>, waiters: Vec<Vec<oneshot::Sender<Answer<V>>>>) {
    for (answer, waiters) in answers.into_iter().zip(waiters) {
        for waiter in waiters {
            // Who has gone needs no answer.
            waiter.send(answer.clone()).unwrap_or_default();
        }
    }
}

fn given_up() -> StoreError {
    StoreError::Unavailable("a shared read was given up".into())
}

/// Nothing that holds the lock can fail half-way.
fn lock<T>(state: &Mutex<T>) -> MutexGuard<'_, T> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::{Semaphore, mpsc};
    use tokio::task::JoinSet;

    use super::*;

    /// A source whose reads begin when asked and end when they are let.
    struct Source {
        coalesced: Coalesced<u32, usize>,
        /// What each read was for, told when it begins.
        begun: mpsc::UnboundedSender<Vec<u32>>,
        go: Semaphore,
        reads: AtomicUsize,
        fails: bool,
    }

    impl Source {
        fn new(fails: bool) -> (Arc<Self>, mpsc::UnboundedReceiver<Vec<u32>>) {
            let (begun, reads) = mpsc::unbounded_channel();
            let source = Self {
                coalesced: Coalesced::default(),
                begun,
                go: Semaphore::new(0),
                reads: AtomicUsize::new(0),
                fails,
            };
            (Arc::new(source), reads)
        }

        /// Each value is the number of the read that it came from. Multiples of a hundred have no row.
        async fn ask(self: Arc<Self>, key: u32) -> Answer<usize> {
            let source = self.clone();
            let read = move |keys: Arc<[u32]>| {
                let source = source.clone();
                async move {
                    let number = source.reads.fetch_add(1, Ordering::SeqCst);
                    source.begun.send(keys.to_vec()).unwrap();
                    source.go.acquire().await.unwrap().forget();
                    if source.fails {
                        return Err(StoreError::Unavailable("away".into()));
                    }
                    if keys.len() > 1 && keys.contains(&13) {
                        return Err(StoreError::Corrupt("thirteen"));
                    }
                    let rows = keys.iter().enumerate().filter(|(_, key)| **key % 100 != 0);
                    Ok(rows.map(|(place, _)| (place, number)).collect())
                }
            };
            self.coalesced.ask(key, None, || read).await
        }

        /// Fills every turn with a read that has begun and waits.
        async fn busy(self: &Arc<Self>, begun: &mut mpsc::UnboundedReceiver<Vec<u32>>) -> JoinSet<Answer<usize>> {
            let mut tasks = JoinSet::new();
            for key in 1..=u32::try_from(AT_ONCE).unwrap() {
                tasks.spawn(self.clone().ask(key));
                assert_eq!(begun.recv().await.unwrap(), [key], "alone, and at once");
            }
            tasks
        }

        async fn until_waiting(&self, keys: usize) {
            while lock(&self.coalesced.0)
                .waiting
                .iter()
                .map(|batch| batch.waiters.len())
                .sum::<usize>()
                < keys
            {
                tokio::task::yield_now().await;
            }
        }
    }

    #[tokio::test]
    async fn who_comes_during_a_read_joins_the_next_and_shares_it() {
        let (source, mut begun) = Source::new(false);
        let first = source.busy(&mut begun).await;
        let mut later = JoinSet::new();
        // Two are asked for each, while other reads are under way that began before.
        for key in (1..=150).chain(1..=150).map(|key| key + 20) {
            later.spawn(source.clone().ask(key));
        }
        source.until_waiting(150).await;
        source.go.add_permits(100);
        for answer in first.join_all().await {
            assert!(answer.unwrap().unwrap() < AT_ONCE);
        }
        let answers: Vec<_> = later.join_all().await.into_iter().map(Result::unwrap).collect();
        assert_eq!(
            answers.iter().filter(|answer| answer.is_none()).count(),
            2,
            "100 has no row"
        );
        assert!(answers.iter().flatten().all(|read| *read >= AT_ONCE), "{answers:?}");
        assert_eq!(
            source.reads.load(Ordering::SeqCst),
            AT_ONCE + 1,
            "300 requests, one read"
        );
    }

    #[tokio::test]
    async fn one_reads_at_a_time_in_turn_and_another_while_it_is_late() {
        let (mut source, mut begun) = Source::new(false);
        Arc::get_mut(&mut source).unwrap().coalesced = Coalesced::in_turn();
        let mut all = JoinSet::new();
        all.spawn(source.clone().ask(1));
        assert_eq!(begun.recv().await.unwrap(), [1]);
        all.spawn(source.clone().ask(2));
        source.until_waiting(1).await;
        assert_eq!(lock(&source.coalesced.0).under_way, 1);
        lock(&source.coalesced.0).begun = Instant::now().checked_sub(2 * LATE);
        all.spawn(source.clone().ask(3));
        let mut second = begun.recv().await.unwrap();
        second.sort_unstable();
        assert_eq!(second, [2, 3], "beside the first, for all who wait");
        source.go.add_permits(100);
        for answer in all.join_all().await {
            assert!(answer.unwrap().is_some());
        }
    }

    #[tokio::test]
    async fn batches_are_bounded() {
        let (source, mut begun) = Source::new(false);
        let first = source.busy(&mut begun).await;
        let mut later = JoinSet::new();
        for key in 1001..1601 {
            later.spawn(source.clone().ask(key));
        }
        source.until_waiting(600).await;
        source.go.add_permits(100);
        first.join_all().await;
        later.join_all().await;
        begun.close();
        let mut sizes = Vec::new();
        while let Some(keys) = begun.recv().await {
            sizes.push(keys.len());
        }
        sizes.sort_unstable();
        assert_eq!(sizes, [600 - 2 * LARGEST_BATCH, LARGEST_BATCH, LARGEST_BATCH]);
    }

    #[tokio::test]
    async fn who_stops_waiting_takes_nothing_from_others() {
        let (source, mut begun) = Source::new(false);
        let mut first = source.busy(&mut begun).await;
        first.abort_all();
        while first.join_next().await.is_some() {}
        let mut gone = JoinSet::new();
        gone.spawn(source.clone().ask(7));
        source.until_waiting(1).await;
        let stays = tokio::spawn(source.clone().ask(8));
        source.until_waiting(2).await;
        gone.abort_all();
        while gone.join_next().await.is_some() {}
        source.go.add_permits(100);
        assert_eq!(stays.await.unwrap().unwrap(), Some(AT_ONCE));
        assert_eq!(begun.recv().await.unwrap(), [8], "nobody waits for 7");
        while lock(&source.coalesced.0).under_way > 0 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn an_error_reaches_all_and_the_next_read_is_tried() {
        let (source, mut begun) = Source::new(true);
        let mut all = source.busy(&mut begun).await;
        for key in 10..20 {
            all.spawn(source.clone().ask(key));
        }
        source.until_waiting(10).await;
        source.go.add_permits(100);
        let answers = all.join_all().await;
        assert_eq!(answers.len(), AT_ONCE + 10);
        assert!(
            answers
                .iter()
                .all(|answer| matches!(answer, Err(StoreError::Unavailable(_))))
        );
        let reads = source.reads.load(Ordering::SeqCst);
        assert!(source.clone().ask(1).await.is_err());
        assert_eq!(source.reads.load(Ordering::SeqCst), reads + 1);
    }

    #[tokio::test]
    async fn a_damaged_row_spoils_no_other() {
        let (source, mut begun) = Source::new(false);
        let first = source.busy(&mut begun).await;
        let mut later = JoinSet::new();
        for key in 11..15 {
            later.spawn(source.clone().ask(key));
        }
        source.until_waiting(4).await;
        source.go.add_permits(100);
        first.join_all().await;
        let answers = later.join_all().await;
        assert!(
            answers.iter().all(|answer| matches!(answer, Ok(Some(_)))),
            "{answers:?}"
        );
    }

    #[tokio::test]
    async fn a_reader_that_dies_leaves_nobody_waiting() {
        let coalesced = Arc::new(Coalesced::<u32, u32>::default());
        let read = |_: Arc<[u32]>| async { panic!("a fault") };
        let answer = coalesced.ask(1, None, || read).await;
        assert!(matches!(answer, Err(StoreError::Unavailable(_))));
        let answer = coalesced.ask(1, None, || |_| async { Ok(vec![(0, 5)]) }).await;
        assert_eq!(answer.unwrap(), Some(5));
    }

    #[tokio::test]
    async fn nobody_waits_longer_than_they_may() {
        let coalesced = Coalesced::<u32, u32>::default();
        let patience = Patience::new(Duration::ZERO);
        let answer = coalesced.ask(1, Some(&patience), || |_| std::future::pending()).await;
        assert!(matches!(answer, Err(StoreError::Unavailable(_))));
    }
}
