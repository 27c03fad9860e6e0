//! The few threads that hash passwords. They run at a lower priority than those that serve, so that a queue of sign-ins takes
//! what token requests leave and no more; they rest between hashes where others want their core; and each keeps its block of
//! memory from one hash to the next. Nobody signs in for [`IDLE`]: then they end, and the memory goes back.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use argon2::Block;
use tokio::sync::oneshot;
use zeroize::Zeroize as _;

/// How long a thread waits for the next password before it gives its memory back.
const IDLE: Duration = Duration::from_secs(1);

/// What is added to the process's nice value: a thirtieth of the weight of a thread that serves. Once it runs, a thread of any
/// weight keeps its core for a few milliseconds; the more weight, the more often that is seen in the p99 of tokens. With still
/// less, sign-ins would come to a halt on a machine that is busy with tokens.
#[cfg(target_os = "linux")]
const NICER: i32 = 15;

/// How many times as long as it computed a thread rests, where it had to wait for a core. A low priority does not keep latency
/// alone: who wakes may wait for the core until the kernel's next tick, up to 4 ms. With hashes under way all the time, beside
/// them the p99 of introspection was 3.0 times that without; with seven times the rest, 1.7 to 2.2 times.
const REST: u32 = 9;

/// No longer than this: hashes of 100 ms or more then take a greater share of the core, so that people who sign in are not kept.
const LONGEST_REST: Duration = Duration::from_secs(1);

/// Blake2b and the compression work on a few kilobytes.
const STACK: usize = 512 * 1024;

type Job = Box<dyn FnOnce(&mut Memory) + Send>;

/// Runs hashes; clones share the threads. They are started when there is something to hash.
#[derive(Clone)]
pub(super) struct HashingThreads(Arc<Inner>);

struct Inner {
    most: usize,
    work: Mutex<Work>,
    arrived: Condvar,
}

#[derive(Default)]
struct Work {
    jobs: VecDeque<Job>,
    threads: usize,
    idle: usize,
}

/// There is neither a thread nor room for one, or the work ended in a panic.
#[derive(Debug)]
pub(super) struct NotRun;

impl HashingThreads {
    /// At most so many threads. The caller bounds how many jobs there are.
    pub(super) fn new(most: usize) -> Self {
        Self(Arc::new(Inner {
            most,
            work: Mutex::default(),
            arrived: Condvar::new(),
        }))
    }

    /// Runs `job` to its end, even if the caller hangs up.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> Result<T, NotRun> {
        let (answer, answered) = oneshot::channel();
        self.submit(Box::new(move |memory| {
            // The caller may have hung up.
            drop(answer.send(job(memory)));
        }))?;
        answered.await.map_err(|_| NotRun)
    }

    fn submit(&self, job: Job) -> Result<(), NotRun> {
        let mut work = self.0.work();
        if work.idle <= work.jobs.len() && work.threads < self.0.most {
            let inner = self.0.clone();
            let thread = std::thread::Builder::new()
                .name("password-hash".to_owned())
                .stack_size(STACK);
            match thread.spawn(move || inner.serve()) {
                Ok(_) => work.threads += 1,
                // Those that run will come to it.
                Err(_) if work.threads > 0 => {}
                Err(_) => return Err(NotRun),
            }
        }
        work.jobs.push_back(job);
        drop(work);
        self.0.arrived.notify_one();
        Ok(())
    }
}

impl Inner {
    fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self) {
        // Without it sign-ins are as before: they compete with tokens.
        #[cfg(target_os = "linux")]
        rustix::process::nice(NICER).unwrap_or_default();
        let mut memory = Memory::default();
        while let Some(job) = self.next() {
            let begun = Begun::now();
            // Whoever waits learns of a panic by the answer that does not come.
            drop(catch_unwind(AssertUnwindSafe(|| job(&mut memory))));
            #[expect(
                clippy::disallowed_methods,
                reason = "a thread of its own, which is to let others have the core"
            )]
            std::thread::sleep(begun.rest());
        }
    }

    /// Waits for work; `None` when the thread is to end, which is then counted already.
    fn next(&self) -> Option<Job> {
        let mut work = self.work();
        if work.jobs.is_empty() {
            work.idle += 1;
            let waited = self.arrived.wait_timeout_while(work, IDLE, |work| work.jobs.is_empty());
            work = waited.unwrap_or_else(PoisonError::into_inner).0;
            work.idle -= 1;
        }
        let job = work.jobs.pop_front();
        if job.is_none() {
            work.threads -= 1;
        }
        job
    }
}

/// When a hash began, by the clock and by the time for which this thread had a core.
struct Begun {
    at: Instant,
    computed: Duration,
}

impl Begun {
    fn now() -> Self {
        Self {
            at: Instant::now(),
            computed: computed(),
        }
    }

    /// How long to rest after it.
    fn rest(&self) -> Duration {
        rest_after(self.at.elapsed(), computed().saturating_sub(self.computed))
    }
}

/// Nothing where the machine had a core for it all the time, or nearly.
fn rest_after(took: Duration, computed: Duration) -> Duration {
    let waited = took.saturating_sub(computed);
    if waited > computed / 8 {
        (computed * REST).min(LONGEST_REST)
    } else {
        Duration::ZERO
    }
}

/// For how long this thread has had a core.
#[cfg(target_os = "linux")]
fn computed() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// Without it no thread rests.
#[cfg(not(target_os = "linux"))]
fn computed() -> Duration {
    Duration::ZERO
}

impl std::fmt::Debug for HashingThreads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HashingThreads(…)")
    }
}

/// What Argon2 works in. Overwritten by the next hash, and wiped before it is given back.
#[derive(Default)]
pub(super) struct Memory(Vec<Block>);

impl Memory {
    /// So many blocks, with anything in them; `None` when there is no such room.
    pub(super) fn blocks(&mut self, count: usize) -> Option<&mut [Block]> {
        // A stored hash of another cost must not leave this thread with its memory.
        if self.0.len() != count {
            self.wipe();
            self.0 = Vec::new();
            self.0.try_reserve_exact(count).ok()?;
            self.0.resize(count, Block::new());
        }
        Some(&mut self.0)
    }

    fn wipe(&mut self) {
        self.0.iter_mut().for_each(Block::zeroize);
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.wipe();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::thread::{ThreadId, current};

    use super::*;

    fn threads(count: usize) -> HashingThreads {
        HashingThreads::new(count)
    }

    /// What a job saw: its thread, and where its memory lies.
    async fn seen(threads: &HashingThreads, blocks: usize) -> (ThreadId, usize) {
        let look = move |memory: &mut Memory| (current().id(), memory.blocks(blocks).unwrap().as_ptr() as usize);
        threads.run(look).await.unwrap()
    }

    #[tokio::test]
    async fn one_thread_keeps_its_memory_for_the_next_hash() {
        let threads = threads(1);
        let (thread, memory) = seen(&threads, 64).await;
        assert_ne!(thread, current().id());
        assert_eq!(seen(&threads, 64).await, (thread, memory));
        let length = |count| threads.run(move |memory| memory.blocks(count).map(|blocks| blocks.len()));
        assert_eq!(length(8).await.unwrap(), Some(8), "and no more than a hash needs");
        assert_eq!(length(usize::MAX).await.unwrap(), None);
        assert_eq!(length(64).await.unwrap(), Some(64));
    }

    #[tokio::test]
    async fn no_more_threads_than_were_asked_for() {
        let threads = threads(2);
        let mut ids = HashSet::new();
        let mut running = tokio::task::JoinSet::new();
        for _ in 0..20 {
            let threads = threads.clone();
            running.spawn(async move { seen(&threads, 1).await.0 });
        }
        while let Some(id) = running.join_next().await {
            ids.insert(id.unwrap());
        }
        assert!((1..=2).contains(&ids.len()), "{ids:?}");
    }

    #[tokio::test]
    async fn a_panic_costs_one_answer() {
        let threads = threads(1);
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {}));
        let failed = threads.run(|_| panic!("on purpose")).await;
        std::panic::set_hook(hook);
        let failed: Result<(), NotRun> = failed;
        assert!(failed.is_err());
        seen(&threads, 1).await;
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn those_who_serve_come_first() {
        use rustix::process::getpriority_process;

        let ours = getpriority_process(None).unwrap();
        let theirs = threads(1).run(|_| getpriority_process(None).unwrap()).await.unwrap();
        assert_eq!(theirs, (ours + NICER).min(19));
        assert_eq!(getpriority_process(None).unwrap(), ours);
    }

    #[test]
    fn a_thread_rests_where_others_want_its_core() {
        let ms = Duration::from_millis;
        let waited = [(19, 16, 144), (160, 16, 144), (300, 200, 1000), (5, 0, 0)];
        for (took, computed, rest) in [(16, 16, 0), (18, 16, 0)].into_iter().chain(waited) {
            assert_eq!(rest_after(ms(took), ms(computed)), ms(rest), "{computed} ms of {took}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn only_time_on_a_core_counts_as_computed() {
        let begun = Begun::now();
        let (_sender, nothing) = std::sync::mpsc::channel::<()>();
        nothing.recv_timeout(Duration::from_millis(20)).unwrap_err();
        let waited = computed().saturating_sub(begun.computed);
        assert!(waited < Duration::from_millis(20), "{waited:?}");
        let mut sum = 0_u64;
        while computed() - begun.computed <= waited {
            sum = std::hint::black_box(sum + 1);
        }
        assert!(!begun.rest().is_zero());
    }

    #[test]
    fn threads_that_have_nothing_to_do_end() {
        let threads = threads(1);
        let inner = threads.0.clone();
        inner.work().threads = 1;
        // With no job, the wait runs out. On a thread of its own, for it changes its priority.
        let serving = threads.0.clone();
        std::thread::spawn(move || serving.serve()).join().unwrap();
        assert_eq!(inner.work().threads, 0);
        assert_eq!(inner.work().idle, 0);
    }
}
