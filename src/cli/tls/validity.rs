//! From when to when a certificate counts. Of X.509 (RFC 5280 §4.1) only this is read, and only of the server's own certificate:
//! the library reads the rest.

use rustls_pki_types::CertificateDer;

use crate::time::Timestamp;

/// A certificate's days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// The first moment.
    pub not_before: Timestamp,
    /// The last moment.
    pub not_after: Timestamp,
}

/// How a certificate stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Clients accept it, and will for a while.
    Good,
    /// It should have been renewed by now.
    EndsSoon,
    /// Clients refuse it.
    Ended,
    /// Clients refuse it still; or the clock of this machine is wrong.
    NotYet,
}

/// Certificates are renewed a month before their end, short-lived ones in their last third. Who is later than this is late.
const LATE: i64 = 14 * 24 * 3600;

impl Validity {
    /// Reads it; `None` if that is no certificate.
    pub fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let (outer, _) = element(certificate, SEQUENCE)?;
        let (mut rest, _) = element(outer, SEQUENCE)?;
        if rest.first() == Some(&VERSION) {
            rest = element(rest, VERSION)?.1;
        }
        // Serial number, algorithm of the signature, issuer.
        for tag in [INTEGER, SEQUENCE, SEQUENCE] {
            rest = element(rest, tag)?.1;
        }
        let (times, _) = element(rest, SEQUENCE)?;
        let (not_before, rest) = moment(times)?;
        let (not_after, _) = moment(rest)?;
        Some(Self { not_before, not_after })
    }

    /// How it stands at `now`.
    pub fn standing(self, now: Timestamp) -> Standing {
        let lifetime = self.not_after.since(self.not_before);
        let left = self.not_after.since(now);
        if now < self.not_before {
            Standing::NotYet
        } else if left < 0 {
            Standing::Ended
        } else if left < LATE.min(lifetime / 4) {
            Standing::EndsSoon
        } else {
            Standing::Good
        }
    }
}

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

/// The contents of the DER element at the start, which must have this tag, and what follows it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = bytes.split_first()?;
    let (&short, rest) = rest.split_first()?;
    let (length, rest) = if short < 0x80 {
        (usize::from(short), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(short & 0x7f))?;
        let fits = (1..=4).contains(&digits.len());
        let length = digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit));
        (fits.then_some(length)?, rest)
    };
    (found == tag).then(|| rest.split_at_checked(length))?
}

/// `YYMMDDHHMMSSZ` until 2049, `YYYYMMDDHHMMSSZ` from then on (RFC 5280 §4.1.2.5).
fn moment(bytes: &[u8]) -> Option<(Timestamp, &[u8])> {
    let tag = *bytes.first()?;
    let (text, rest) = element(bytes, tag)?;
    let digits = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let (year, digits) = match tag {
        UTC_TIME => {
            let (year, digits) = digits.split_at_checked(2)?;
            let year: i32 = year.parse().ok()?;
            (year + if year < 50 { 2000 } else { 1900 }, digits)
        }
        GENERALIZED_TIME => {
            let (year, digits) = digits.split_at_checked(4)?;
            (year.parse().ok()?, digits)
        }
        _ => return None,
    };
    let pair = |at: usize| digits.get(at..at + 2)?.parse::<u8>().ok();
    let date = (year, pair(0)?, pair(2)?);
    let at = Timestamp::from_utc(date, (pair(4)?, pair(6)?, pair(8)?))?;
    Some((at, rest))
}
