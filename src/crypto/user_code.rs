//! Drawing user codes (RFC 8628 §6.1), and recognising them without storing them.

use super::digest::hmac_sha256;
use super::random;
use crate::model::digest::TokenDigest;
use crate::protocol::user_code::UserCode;

/// Draws a code of `length` letters of `alphabet`, each as likely as the others. `None`: the alphabet is empty or not made of
/// the letters of user codes, or the length is none that a code may have.
#[must_use]
pub fn draw(alphabet: &[u8], length: usize) -> Option<UserCode> {
    let count = u8::try_from(alphabet.len()).ok().filter(|count| *count > 0)?;
    if length > UserCode::MAX_LEN {
        return None;
    }
    // Bytes of the last, incomplete round over the alphabet would favour its first letters.
    let fair = u8::MAX - u8::MAX % count;
    let mut letters = String::with_capacity(length);
    while letters.len() < length {
        let drawn = random::bytes::<16>();
        let fair_ones = drawn.iter().filter(|byte| **byte < fair);
        let missing = length - letters.len();
        letters.extend(
            fair_ones
                .take(missing)
                .map(|byte| char::from(alphabet[usize::from(byte % count)])),
        );
    }
    UserCode::from_letters(&letters)
}

/// What is stored in a code's place. A plain digest of something so short could be searched for by whoever has the database;
/// `key` is not in it.
pub fn digest(key: &[u8; 32], code: &UserCode) -> TokenDigest {
    TokenDigest::new(hmac_sha256(key, &[code.letters().as_bytes()]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::user_code::ALPHABET;

    #[test]
    fn dv_03_every_letter_is_as_likely_at_every_place() {
        let mut seen = [[0_u32; 20]; 8];
        let draws = 20_000;
        for _ in 0..draws {
            let code = draw(ALPHABET, 8).unwrap();
            for (place, letter) in code.letters().bytes().enumerate() {
                seen[place][ALPHABET.iter().position(|known| *known == letter).unwrap()] += 1;
            }
        }
        // 1,000 expected, with a standard deviation of 31: eight of them is a bias, not chance.
        let expected = draws / 20;
        for count in seen.iter().flatten() {
            assert!(count.abs_diff(expected) < 250, "{seen:?}");
        }
    }

    #[test]
    fn what_cannot_be_drawn_is_none() {
        assert!(draw(b"", 8).is_none());
        assert!(draw(ALPHABET, UserCode::MAX_LEN + 1).is_none());
        assert!(draw(ALPHABET, 0).is_none());
        assert!(draw(b"A", 8).is_none());
        assert_eq!(draw(b"B", 4).unwrap().letters(), "BBBB");
    }

    #[test]
    fn the_digest_depends_on_key_and_code() {
        let [one, other] = ["BCDF", "BCDG"].map(|letters| UserCode::from_letters(letters).unwrap());
        assert_eq!(digest(&[1; 32], &one), digest(&[1; 32], &one));
        assert_ne!(digest(&[1; 32], &one), digest(&[2; 32], &one));
        assert_ne!(digest(&[1; 32], &one), digest(&[1; 32], &other));
    }
}
