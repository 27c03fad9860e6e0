//! Randomness, from the operating system only.

use ring::rand::{SecureRandom, SystemRandom};

/// Fills an array from the operating system's generator.
///
/// There is no error to handle: a server that cannot draw secrets must not answer at all, so a failing
/// entropy source aborts the process at once. Unwinding would leave other requests running on whatever
/// state the failure left behind.
#[must_use]
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut out = [0; N];
    if SystemRandom::new().fill(&mut out).is_err() {
        tracing::error!("the operating system's random generator failed; aborting");
        std::process::abort();
    }
    out
}

/// A UUID version 7 (RFC 9562 §5.7) of `now`: row keys that sort by age. It tells its time, so it is never a secret.
pub fn uuid_v7(now: crate::time::Timestamp) -> uuid::Uuid {
    let millis = u64::try_from(now.as_i64()).unwrap_or_default().saturating_mul(1000);
    uuid::Builder::from_unix_timestamp_millis(millis, &public_bytes()).into_uuid()
}

/// Random bytes for what is no secret. They are drawn for many at once and lie in memory until they are used, which saves a
/// system call for each: the two of a token request took 1.3 % of its time.
fn public_bytes() -> [u8; 10] {
    const MANY: usize = 64;
    thread_local! {
        static DRAWN: std::cell::RefCell<([[u8; 10]; MANY], usize)> = const { std::cell::RefCell::new(([[0; 10]; MANY], MANY)) };
    }
    DRAWN.with_borrow_mut(|(drawn, used)| {
        if *used == MANY {
            let fresh = bytes::<{ 10 * MANY }>();
            for (name, bytes) in drawn.iter_mut().zip(fresh.chunks_exact(10)) {
                name.copy_from_slice(bytes);
            }
            *used = 0;
        }
        *used += 1;
        drawn[*used - 1]
    })
}

/// A UUID version 4: a key that tells nothing, for what strangers get to see, such as a subject.
pub fn uuid_v4() -> uuid::Uuid {
    uuid::Builder::from_random_bytes(bytes::<16>()).into_uuid()
}

/// Draws text of `len` characters of `alphabet`, each as likely as the next.
pub fn draw(alphabet: &[u8], len: usize) -> String {
    let fair = 256 - 256 % alphabet.len();
    let mut text = String::with_capacity(len);
    while text.len() < len {
        let [byte] = bytes::<1>();
        if usize::from(byte) < fair {
            text.push(char::from(alphabet[usize::from(byte) % alphabet.len()]));
        }
    }
    text
}

/// Letters and digits.
pub const BASE62: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

#[cfg(test)]
mod tests {
    #[test]
    fn no_uuid_comes_twice() {
        let draw = || {
            (0..200)
                .map(|_| super::uuid_v7(crate::time::Timestamp::new(7)))
                .collect::<Vec<_>>()
        };
        let other = std::thread::spawn(draw);
        let all: std::collections::HashSet<_> = draw().into_iter().chain(other.join().unwrap()).collect();
        assert_eq!(all.len(), 400);
        assert!(all.iter().all(|uuid| uuid.get_version_num() == 7));
    }

    #[test]
    fn two_draws_differ() {
        assert_ne!(super::bytes::<32>(), super::bytes::<32>());
    }
}
