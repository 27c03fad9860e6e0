//! Opaque secrets: codes, tokens and client secrets that mean nothing outside our database.
//!
//! # Format
//!
//! ```text
//! pc_rt_ 3kTMd9…(43)…Q0 Ab12Cd
//! prefix body            checksum
//! ```
//!
//! * **prefix**: `pc_`, two letters for the [`Kind`], `_`.
//! * **body**: 32 random bytes as one big-endian number in base 62 (`0-9A-Za-z`), padded with `0` to 43 characters.
//! * **checksum**: the CRC-32 of zlib and PNG over prefix and body, in base 62, padded with `0` to 6 characters.
//!
//! A secret scanner therefore needs one expression, `pc_(ac|rt|at|dc|cs|ia|ra|ru)_[0-9A-Za-z]{49}`, and can
//! discard false finds offline by the checksum. The checksum protects nothing; the 256 random bits do. The
//! prefix is under the checksum, so a secret cannot be relabelled as another kind by accident.

use std::fmt;

use zeroize::Zeroizing;

use super::{digest, random};
use crate::model::digest::TokenDigest;

/// What an opaque secret is for. A secret of one kind is never accepted where another is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Authorization code.
    Code,
    /// Refresh token.
    Refresh,
    /// Opaque access token.
    Access,
    /// Device code (RFC 8628).
    Device,
    /// Client secret that the server drew.
    ClientSecret,
    /// Initial access token for dynamic registration (RFC 7591).
    InitialAccess,
    /// Registration access token (RFC 7592).
    RegistrationAccess,
    /// The secret part of a pushed `request_uri` (RFC 9126).
    PushedRequest,
}

impl Kind {
    /// Every kind.
    pub const ALL: &'static [Self] = &[
        Self::Code,
        Self::Refresh,
        Self::Access,
        Self::Device,
        Self::ClientSecret,
        Self::InitialAccess,
        Self::RegistrationAccess,
        Self::PushedRequest,
    ];

    /// The prefix that secrets of this kind carry.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Code => "pc_ac_",
            Self::Refresh => "pc_rt_",
            Self::Access => "pc_at_",
            Self::Device => "pc_dc_",
            Self::ClientSecret => "pc_cs_",
            Self::InitialAccess => "pc_ia_",
            Self::RegistrationAccess => "pc_ra_",
            Self::PushedRequest => "pc_ru_",
        }
    }
}

/// A well-formed opaque secret in clear. It is wiped on drop, never printed, and stored only as its digest.
#[derive(Clone)]
pub struct OpaqueToken {
    text: Zeroizing<String>,
}

impl OpaqueToken {
    /// Draws a new secret of 256 bits.
    #[must_use]
    pub fn generate(kind: Kind) -> Self {
        let secret = Zeroizing::new(random::bytes::<32>());
        let mut text = Zeroizing::new(String::with_capacity(PREFIX_LEN + BODY_LEN + CHECKSUM_LEN));
        text.push_str(kind.prefix());
        push_base62(&mut text, &secret[..], BODY_LEN);
        let checksum = crc32(text.as_bytes());
        push_base62(&mut text, &checksum.to_be_bytes(), CHECKSUM_LEN);
        Self { text }
    }

    /// Accepts text of exactly this form and kind. `None` spares a database look-up; it says nothing about
    /// whether the secret was ever issued.
    pub fn parse(kind: Kind, text: &str) -> Option<Self> {
        let tail = text.strip_prefix(kind.prefix())?;
        let well_formed =
            tail.len() == BODY_LEN + CHECKSUM_LEN && tail.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !well_formed {
            return None;
        }
        // Everything is ASCII from here on, so this is a character boundary.
        let (covered, checksum) = text.split_at(PREFIX_LEN + BODY_LEN);
        let mut expected = String::with_capacity(CHECKSUM_LEN);
        push_base62(&mut expected, &crc32(covered.as_bytes()).to_be_bytes(), CHECKSUM_LEN);
        (expected == checksum).then(|| Self {
            text: Zeroizing::new(text.to_owned()),
        })
    }

    /// The secret itself, to send to the one client it is for.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// What is stored in its place.
    pub fn digest(&self) -> TokenDigest {
        digest::token_digest(&self.text)
    }
}

impl fmt::Debug for OpaqueToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpaqueToken({}…)", &self.text[..PREFIX_LEN])
    }
}

const PREFIX_LEN: usize = 6;
/// 62^43 is just above 2^256.
const BODY_LEN: usize = 43;
/// 62^6 is above 2^32.
const CHECKSUM_LEN: usize = 6;
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Digits that are divided off at once: 62^5 is the largest power below 2^32. Digit by digit and byte by byte a rotation spent
/// 5 % of its time here.
const CHUNK: usize = 5;
const CHUNK_BASE: u64 = 62u64.pow(5);

/// Appends `number` (big-endian, at most 32 bytes) in base 62, padded with `0` to `width` characters.
fn push_base62(out: &mut String, number: &[u8], width: usize) {
    let mut rest = Zeroizing::new([0u32; 8]);
    for (place, &byte) in number.iter().rev().enumerate() {
        rest[7 - place / 4] |= u32::from(byte) << (8 * (place % 4));
    }
    let mut digits = Zeroizing::new([b'0'; BODY_LEN]);
    for chunk in digits[..width].rchunks_mut(CHUNK) {
        let mut value = divide_by_chunk(&mut rest);
        for digit in chunk.iter_mut().rev() {
            *digit = BASE62[value % 62];
            value /= 62;
        }
    }
    out.extend(digits[..width].iter().map(|&digit| char::from(digit)));
}

/// Divides a big-endian number in place by [`CHUNK_BASE`] and returns the remainder.
fn divide_by_chunk(number: &mut [u32; 8]) -> usize {
    let mut remainder = 0u64;
    for limb in number.iter_mut() {
        let value = remainder << 32 | u64::from(*limb);
        // The quotient fits a limb, because the remainder carried in is below the divisor.
        *limb = (value / CHUNK_BASE) as u32;
        remainder = value % CHUNK_BASE;
    }
    remainder as usize
}

/// CRC-32 as in zlib and PNG (reflected polynomial `0xEDB88320`). Inputs are 49 bytes: no table is worth it.
fn crc32(data: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for &byte in data {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            let mask = (crc & 1).wrapping_neg();
            crc = (crc >> 1) ^ (0xEDB8_8320 & mask);
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn crc32_matches_the_published_vector() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn base62_pads_and_holds_the_largest_number() {
        let mut text = String::new();
        push_base62(&mut text, &[0; 32], BODY_LEN);
        assert_eq!(text, "0".repeat(BODY_LEN));
        text.clear();
        push_base62(&mut text, &[0, 0, 0, 62], 3);
        assert_eq!(text, "010");
        text.clear();
        push_base62(&mut text, &[0xff; 32], BODY_LEN);
        // 2^256 - 1, by arithmetic elsewhere.
        assert_eq!(
            text, "yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp1",
            "43 digits must hold 32 bytes"
        );
    }

    #[test]
    fn base62_is_what_division_digit_by_digit_gives() {
        for seed in 1..500u128 {
            let number = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
            let mut text = String::new();
            push_base62(&mut text, &number.to_be_bytes(), BODY_LEN);
            let value = text.bytes().fold(0u128, |value, digit| {
                let place = BASE62.iter().position(|known| *known == digit).unwrap();
                value * 62 + u128::try_from(place).unwrap()
            });
            assert_eq!(value, number, "{text}");
        }
    }

    #[test]
    fn every_kind_round_trips_and_no_kind_is_taken_for_another() {
        for &kind in Kind::ALL {
            let token = OpaqueToken::generate(kind);
            assert_eq!(token.expose().len(), 55);
            for &other in Kind::ALL {
                let parsed = OpaqueToken::parse(other, token.expose());
                assert_eq!(parsed.is_some(), other == kind, "{kind:?} as {other:?}");
            }
            let relabelled = token.expose().replacen(kind.prefix(), "pc_zz_", 1);
            assert!(OpaqueToken::parse(kind, &relabelled).is_none());
        }
    }

    #[test]
    fn relabelling_breaks_the_checksum() {
        let code = OpaqueToken::generate(Kind::Code);
        let forged = code.expose().replacen("pc_ac_", "pc_rt_", 1);
        assert!(OpaqueToken::parse(Kind::Refresh, &forged).is_none());
    }

    #[test]
    fn any_single_changed_character_is_noticed() {
        let token = OpaqueToken::generate(Kind::Access);
        for at in 0..token.expose().len() {
            let mut bytes = token.expose().as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'x' { b'y' } else { b'x' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(OpaqueToken::parse(Kind::Access, &changed).is_none(), "position {at}");
        }
    }

    #[test]
    fn hostile_text_is_none_and_never_a_panic() {
        let good = OpaqueToken::generate(Kind::Code);
        let cases = [
            String::new(),
            "pc_ac_".to_owned(),
            format!("{} ", good.expose()),
            format!(" {}", good.expose()),
            format!("{}=", good.expose()),
            good.expose()[..54].to_owned(),
            // 49 bytes, but of two and three bytes each: a boundary falls inside a character.
            format!("pc_ac_{}a", "é".repeat(24)),
            format!("pc_ac_{}a", "€".repeat(16)),
            format!("pc_ac_{}\0", &good.expose()[6..54]),
            "é".repeat(55),
        ];
        for text in cases {
            assert!(OpaqueToken::parse(Kind::Code, &text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn debug_shows_the_kind_only() {
        let token = OpaqueToken::generate(Kind::Refresh);
        assert_eq!(format!("{token:?}"), "OpaqueToken(pc_rt_…)");
    }

    #[test]
    fn the_digest_is_over_the_whole_text() {
        let token = OpaqueToken::generate(Kind::Refresh);
        let parsed = OpaqueToken::parse(Kind::Refresh, token.expose()).unwrap();
        assert_eq!(parsed.digest(), digest::token_digest(token.expose()));
    }

    proptest! {
        #[test]
        fn parse_never_panics(tail in "\\PC{0,60}") {
            let _ = OpaqueToken::parse(Kind::Code, &tail);
            let _ = OpaqueToken::parse(Kind::Code, &format!("pc_ac_{tail}"));
        }
    }
}
