//! Password hashing: Argon2id (RFC 9106), bounded so that a flood of logins cannot take the machine.
//!
//! * At most `permits` hashes run at once, so memory stays below permits × cost; at most `queue` callers wait,
//!   and the next one is told [`PasswordError::Busy`].
//! * Hashes run on threads of their own, which give way to those that serve.
//! * A caller that hangs up while waiting leaves the queue without hashing.
//! * An unknown user, a missing password and an unusable stored hash cost one real hash, so that the answer's
//!   timing does not tell whether an account exists.
//! * Text is prepared as RFC 8265 `OpaqueString`: other spaces become U+0020, then NFC. NFKC would
//!   make different passwords equal ("²" and "2"), which that profile avoids on purpose.

use std::sync::{
    Arc,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

use argon2::{Algorithm, Argon2, Params, Version, password_hash::phc};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::Instrument as _;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use super::hashing_threads::{HashingThreads, Memory};
use super::{digest, random};

/// The longest password accepted, in bytes. Checked before any work is done.
pub const MAX_PASSWORD_BYTES: usize = 512;
/// The longest password accepted, in characters.
pub const MAX_PASSWORD_CHARS: usize = 256;

/// The cost of one hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashParams {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub iterations: u32,
    /// Lanes.
    pub parallelism: u32,
}

/// Why a password could not be hashed or checked. None of these means "wrong password".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Longer than [`MAX_PASSWORD_BYTES`] or [`MAX_PASSWORD_CHARS`].
    #[error("the password is longer than {MAX_PASSWORD_CHARS} characters")]
    TooLong,
    /// The queue is full; the caller should answer 503 with `Retry-After`.
    #[error("too many passwords are being checked at the moment")]
    Busy,
    /// The configured cost is not possible.
    #[error("these password hash parameters are not possible: {0}")]
    Parameters(String),
    /// The hash could not be computed, for want of memory or of a thread.
    #[error("the password hash could not be computed")]
    Failed,
}

/// The outcome of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The password is right.
    Match {
        /// The stored hash was made at another cost; hash the password again and store the result.
        needs_rehash: bool,
    },
    /// The password is wrong, the user unknown, or the stored hash unusable.
    Mismatch,
}

/// Hashes and checks passwords. Clones share the permits and the queue.
#[derive(Clone, Debug)]
pub struct PasswordHasher {
    params: Params,
    limit: usize,
    permits: Arc<Semaphore>,
    threads: HashingThreads,
    waiting: Arc<AtomicUsize>,
    refused: Arc<AtomicU64>,
    queue: usize,
    begun: Arc<AtomicU64>,
}

/// How busy a [`PasswordHasher`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashingLoad {
    /// How many hashes may run at once.
    pub limit: usize,
    /// How many run.
    pub running: usize,
    /// How many callers wait.
    pub waiting: usize,
    /// How many were told [`PasswordError::Busy`] since the start.
    pub refused: u64,
}

impl PasswordHasher {
    /// A hasher that runs `permits` hashes at once (0: one for every two cores) and lets `queue` callers wait.
    pub fn new(cost: HashParams, permits: usize, queue: usize) -> Result<Self, PasswordError> {
        let params = Params::new(cost.memory_kib, cost.iterations, cost.parallelism, Some(OUTPUT_LEN))
            .map_err(|error| PasswordError::Parameters(error.to_string()))?;
        if !is_sane(&params) {
            return Err(PasswordError::Parameters(format!(
                "at most {MAX_MEMORY_KIB} KiB, {MAX_ITERATIONS} iterations and {MAX_PARALLELISM} lanes"
            )));
        }
        let permits = match permits {
            0 => std::thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2)),
            permits => permits.min(Semaphore::MAX_PERMITS),
        };
        Ok(Self {
            params,
            limit: permits,
            permits: Arc::new(Semaphore::new(permits)),
            threads: HashingThreads::new(permits),
            waiting: Arc::default(),
            refused: Arc::default(),
            queue,
            begun: Arc::default(),
        })
    }

    /// Hashes a password into a PHC string with a fresh salt.
    pub async fn hash(&self, password: &str) -> Result<String, PasswordError> {
        let password = prepare(password)?;
        let params = self.params.clone();
        self.run(move |memory| hash_now(memory, params, &password)).await
    }

    /// Checks a password against a stored PHC string. `None` stands for "no such user" or "has no password"
    /// and takes as long as a real check.
    pub async fn verify(&self, password: &str, stored: Option<&str>) -> Result<Verdict, PasswordError> {
        let password = prepare(password)?;
        let stored = stored.and_then(|text| match StoredHash::parse(text) {
            Ok(stored) => Some(stored),
            Err(reason) => {
                tracing::warn!(reason, "a stored password hash is unusable; the login is refused");
                None
            }
        });
        let current = self.params.clone();
        self.run(move |memory| verify_now(memory, &current, stored, &password))
            .await
    }

    /// How busy it is at this moment.
    pub fn load(&self) -> HashingLoad {
        HashingLoad {
            limit: self.limit,
            running: self.limit.saturating_sub(self.permits.available_permits()),
            waiting: self.waiting.load(Ordering::SeqCst).min(self.queue),
            refused: self.refused.load(Ordering::Relaxed),
        }
    }

    /// Whether a check of `password` would be turned away at once, as far as can be said beforehand: for callers who have to
    /// do something before it.
    pub fn would_take(&self, password: &str) -> Result<(), PasswordError> {
        prepare(password)?;
        if self.permits.available_permits() == 0 && self.waiting.load(Ordering::SeqCst) >= self.queue {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return Err(PasswordError::Busy);
        }
        Ok(())
    }

    /// How many hashes were begun since the start.
    pub fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    /// Runs `work` on a hashing thread under a permit. The permit travels with the work: a caller that hangs
    /// up after the start does not make room for another hash before this one is done.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Memory) -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let hashing = async {
            let permit = self.admit().await?;
            self.begun.fetch_add(1, Ordering::Relaxed);
            let running = self.threads.run(move |memory| {
                let _permit = permit;
                work(memory)
            });
            running.await.unwrap_or(Err(PasswordError::Failed))
        };
        let span = tracing::info_span!(target: "portcullis::trace", "password hash");
        hashing.instrument(span).await
    }

    /// Waits for a permit, unless too many wait already.
    async fn admit(&self) -> Result<OwnedSemaphorePermit, PasswordError> {
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return Ok(permit);
        }
        let place = QueuePlace::take(&self.waiting, self.queue);
        let _place = place.inspect_err(|_| {
            self.refused.fetch_add(1, Ordering::Relaxed);
        })?;
        Arc::clone(&self.permits)
            .acquire_owned()
            .await
            .map_err(|_| PasswordError::Failed)
    }
}

const OUTPUT_LEN: usize = 32;
const SALT_LEN: usize = 16;

/// A stored hash may not ask for more than this. Whoever can write one row must not be able to take all memory.
const MAX_MEMORY_KIB: u32 = 1024 * 1024;
const MAX_ITERATIONS: u32 = 20;
const MAX_PARALLELISM: u32 = 16;

fn is_sane(params: &Params) -> bool {
    params.m_cost() <= MAX_MEMORY_KIB && params.t_cost() <= MAX_ITERATIONS && params.p_cost() <= MAX_PARALLELISM
}

/// A place in the queue, given up on drop, which includes the caller's cancellation.
struct QueuePlace(Arc<AtomicUsize>);

impl QueuePlace {
    fn take(waiting: &Arc<AtomicUsize>, limit: usize) -> Result<Self, PasswordError> {
        // Taken first and given back by the drop below when the queue was full.
        let before = waiting.fetch_add(1, Ordering::SeqCst);
        let place = Self(Arc::clone(waiting));
        if before < limit {
            Ok(place)
        } else {
            Err(PasswordError::Busy)
        }
    }
}

impl Drop for QueuePlace {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Refuses what is too long, then normalises.
fn prepare(password: &str) -> Result<Zeroizing<String>, PasswordError> {
    if password.len() > MAX_PASSWORD_BYTES || password.chars().count() > MAX_PASSWORD_CHARS {
        return Err(PasswordError::TooLong);
    }
    let spaced = password.chars().map(|c| if is_other_space(c) { ' ' } else { c });
    Ok(Zeroizing::new(spaced.nfc().collect()))
}

/// The members of the category `Zs` outside ASCII.
fn is_other_space(c: char) -> bool {
    matches!(
        c,
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}'
    )
}

/// What a PHC string says, held to limits before anything is allocated for it.
struct StoredHash {
    argon2: Argon2<'static>,
    algorithm: Algorithm,
    version: Version,
    params: Params,
    salt: phc::Salt,
    output: phc::Output,
}

impl StoredHash {
    fn parse(text: &str) -> Result<Self, &'static str> {
        let hash = phc::PasswordHash::new(text).map_err(|_| "not a PHC string")?;
        let algorithm = Algorithm::try_from(hash.algorithm.as_str()).map_err(|_| "not an Argon2 hash")?;
        let version = hash
            .version
            .map_or(Ok(Version::V0x10), Version::try_from)
            .map_err(|_| "unknown Argon2 version")?;
        let params = Params::try_from(&hash).map_err(|_| "impossible cost parameters")?;
        if !is_sane(&params) {
            return Err("absurd cost parameters");
        }
        let salt = hash
            .salt
            .filter(|salt| salt.len() >= argon2::MIN_SALT_LEN)
            .ok_or("no salt, or too short a salt")?;
        let output = hash.hash.ok_or("no hash value")?;
        let argon2 = Argon2::new(algorithm, version, params.clone());
        Ok(Self {
            argon2,
            algorithm,
            version,
            params,
            salt,
            output,
        })
    }

    fn matches(&self, memory: &mut Memory, password: &str) -> Result<bool, PasswordError> {
        let mut computed = Zeroizing::new(vec![0; self.output.len()]);
        fill(&self.argon2, memory, password, &self.salt, &mut computed)?;
        Ok(digest::equal(&computed, self.output.as_bytes()))
    }

    fn is_at_cost(&self, current: &Params) -> bool {
        self.algorithm == Algorithm::Argon2id
            && self.version == Version::V0x13
            && self.output.len() == OUTPUT_LEN
            && cost_of(&self.params) == cost_of(current)
    }
}

fn cost_of(params: &Params) -> (u32, u32, u32) {
    (params.m_cost(), params.t_cost(), params.p_cost())
}

/// In memory that is there already: with 19 MiB from the allocator for each, a hash takes 17.3 ms, and so 16.7 ms.
fn fill(
    argon2: &Argon2<'_>,
    memory: &mut Memory,
    password: &str,
    salt: &[u8],
    output: &mut [u8],
) -> Result<(), PasswordError> {
    let blocks = memory.blocks(argon2.params().block_count());
    let blocks = blocks.ok_or(PasswordError::Failed)?;
    argon2
        .hash_password_into_with_memory(password.as_bytes(), salt, output, blocks)
        .map_err(|_| PasswordError::Failed)
}

fn hash_now(memory: &mut Memory, params: Params, password: &str) -> Result<String, PasswordError> {
    let salt = random::bytes::<SALT_LEN>();
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut output = Zeroizing::new([0; OUTPUT_LEN]);
    fill(&argon2, memory, password, &salt, &mut *output)?;
    let written = || {
        let hash = phc::PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: phc::ParamsString::try_from(argon2.params()).ok()?,
            salt: Some(phc::Salt::new(&salt).ok()?),
            hash: Some(phc::Output::new(&*output).ok()?),
        };
        Some(hash.to_string())
    };
    written().ok_or(PasswordError::Failed)
}

fn verify_now(
    memory: &mut Memory,
    current: &Params,
    stored: Option<StoredHash>,
    password: &str,
) -> Result<Verdict, PasswordError> {
    let Some(stored) = stored else {
        hash_now(memory, current.clone(), password)?;
        return Ok(Verdict::Mismatch);
    };
    if !stored.matches(memory, password)? {
        return Ok(Verdict::Mismatch);
    }
    Ok(Verdict::Match {
        needs_rehash: !stored.is_at_cost(current),
    })
}

#[cfg(test)]
mod tests {
    use std::{
        future::Future,
        task::{Context, Poll, Waker},
    };

    use super::*;

    const CHEAP: HashParams = HashParams {
        memory_kib: 64,
        iterations: 1,
        parallelism: 1,
    };

    fn hasher(permits: usize, queue: usize) -> PasswordHasher {
        PasswordHasher::new(CHEAP, permits, queue).unwrap()
    }

    #[tokio::test]
    async fn right_and_wrong_passwords() {
        let hasher = hasher(0, 4);
        let stored = hasher.hash("correct horse").await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{stored}");
        let right = hasher.verify("correct horse", Some(&stored)).await;
        assert_eq!(right, Ok(Verdict::Match { needs_rehash: false }));
        assert_eq!(hasher.verify("wrong", Some(&stored)).await, Ok(Verdict::Mismatch));
        assert_eq!(hasher.verify("", Some(&stored)).await, Ok(Verdict::Mismatch));
        assert_eq!(hasher.verify("correct horse", None).await, Ok(Verdict::Mismatch));
    }

    #[tokio::test]
    async fn two_hashes_of_one_password_differ() {
        let hasher = hasher(0, 4);
        assert_ne!(hasher.hash("same").await, hasher.hash("same").await);
    }

    #[tokio::test]
    async fn lg_22_another_cost_asks_for_a_rehash() {
        let old = PasswordHasher::new(HashParams { iterations: 2, ..CHEAP }, 1, 1).unwrap();
        let stored = old.hash("correct horse").await.unwrap();
        let verdict = hasher(1, 1).verify("correct horse", Some(&stored)).await;
        assert_eq!(verdict, Ok(Verdict::Match { needs_rehash: true }));
    }

    #[tokio::test]
    async fn composed_and_decomposed_text_and_odd_spaces_are_one_password() {
        let hasher = hasher(0, 4);
        let stored = hasher.hash("caf\u{e9} au lait").await.unwrap();
        let verdict = hasher.verify("cafe\u{301}\u{a0}au\u{3000}lait", Some(&stored)).await;
        assert_eq!(verdict, Ok(Verdict::Match { needs_rehash: false }));
        let stored = hasher.hash("x2").await.unwrap();
        assert_eq!(hasher.verify("x\u{b2}", Some(&stored)).await, Ok(Verdict::Mismatch));
    }

    #[tokio::test]
    async fn length_is_checked_before_hashing() {
        let hasher = hasher(0, 4);
        for long in ["a".repeat(257), "€".repeat(171), "a".repeat(1 << 20)] {
            assert_eq!(hasher.hash(&long).await, Err(PasswordError::TooLong));
            assert_eq!(hasher.verify(&long, None).await, Err(PasswordError::TooLong));
        }
        assert!(hasher.hash(&"a".repeat(256)).await.is_ok());
    }

    #[tokio::test]
    async fn lg_23_unusable_stored_hashes_are_a_mismatch() {
        let salt_and_hash = "c29tZXNhbHRzb21lc2FsdA$Zm9vYmFyYmF6Zm9vYmFyYmF6Zm9vYmFyYmF6Zm9vYmFyYmE";
        let cases = [
            String::new(),
            "garbage".to_owned(),
            "$".to_owned(),
            "$argon2id$v=19$m=64,t=1,p=1".to_owned(),
            "$argon2id$v=19$m=64,t=1,p=1$c2hvcnQ$Zm9vYmFy".to_owned(),
            "$2b$12$abcdefghijklmnopqrstuv".to_owned(),
            "\u{fffd}\u{0}$argon2id".to_owned(),
            format!("$argon2id$v=19$m=4294967295,t=1,p=1${salt_and_hash}"),
            format!("$argon2id$v=19$m=2097152,t=1,p=1${salt_and_hash}"),
            format!("$argon2id$v=19$m=64,t=4294967295,p=1${salt_and_hash}"),
            format!("$argon2id$v=19$m=64,t=1,p=16777215${salt_and_hash}"),
            format!("$argon2id$v=19$m=64,t=0,p=0${salt_and_hash}"),
            format!("$argon2id$v=99$m=64,t=1,p=1${salt_and_hash}"),
            format!("$argon2id$v=19$m=-1,t=1,p=1${salt_and_hash}"),
            format!("$scrypt$ln=31,r=8,p=1${salt_and_hash}"),
        ];
        let hasher = hasher(0, 4);
        for stored in cases {
            assert!(StoredHash::parse(&stored).is_err(), "{stored}");
            assert_eq!(
                hasher.verify("x", Some(&stored)).await,
                Ok(Verdict::Mismatch),
                "{stored}"
            );
        }
    }

    #[test]
    fn absurd_configuration_is_refused() {
        for cost in [
            HashParams {
                memory_kib: 2 * MAX_MEMORY_KIB,
                ..CHEAP
            },
            HashParams { iterations: 0, ..CHEAP },
            HashParams {
                iterations: 21,
                ..CHEAP
            },
            HashParams {
                parallelism: 0,
                ..CHEAP
            },
            HashParams {
                parallelism: 9,
                ..CHEAP
            },
        ] {
            assert!(PasswordHasher::new(cost, 1, 1).is_err(), "{cost:?}");
        }
    }

    /// Polls once, with nobody to wake.
    fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[tokio::test]
    async fn lg_24_the_queue_is_bounded() {
        let hasher = hasher(1, 2);
        let running = hasher.admit().await.unwrap();
        let mut first = Box::pin(hasher.hash("first"));
        let mut second = Box::pin(hasher.hash("second"));
        assert!(poll_once(first.as_mut()).is_pending());
        assert!(poll_once(second.as_mut()).is_pending());
        assert_eq!(hasher.hash("third").await, Err(PasswordError::Busy));
        assert_eq!(hasher.verify("third", None).await, Err(PasswordError::Busy));
        drop(running);
        assert!(first.await.is_ok());
        assert!(second.await.is_ok());
        assert!(hasher.hash("third").await.is_ok());
    }

    #[tokio::test]
    async fn lg_25_a_caller_that_hangs_up_leaves_the_queue() {
        let hasher = hasher(1, 1);
        let running = hasher.admit().await.unwrap();
        let mut gone = Box::pin(hasher.hash("gone"));
        assert!(poll_once(gone.as_mut()).is_pending());
        assert_eq!(hasher.waiting.load(Ordering::SeqCst), 1);
        drop(gone);
        assert_eq!(hasher.waiting.load(Ordering::SeqCst), 0);
        let mut next = Box::pin(hasher.hash("next"));
        assert!(poll_once(next.as_mut()).is_pending(), "the place is free again");
        drop(running);
        assert!(next.await.is_ok());
        assert_eq!(hasher.permits.available_permits(), 1);
    }

    #[tokio::test]
    async fn a_hash_that_has_started_keeps_its_permit_until_it_is_done() {
        let hasher = hasher(1, 1);
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let mut running = Box::pin(hasher.run(move |_| {
            let _ = wait.recv();
            Ok(())
        }));
        assert!(poll_once(running.as_mut()).is_pending());
        drop(running);
        assert_eq!(hasher.permits.available_permits(), 0);
        drop(go);
        assert!(hasher.hash("next").await.is_ok());
    }
}
