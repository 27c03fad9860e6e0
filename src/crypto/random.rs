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
    uuid::Builder::from_unix_timestamp_millis(millis, &bytes::<10>()).into_uuid()
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
    fn two_draws_differ() {
        assert_ne!(super::bytes::<32>(), super::bytes::<32>());
    }
}
