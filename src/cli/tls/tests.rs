use std::fs;

use super::watch::Watcher;
use super::*;
use crate::time::Timestamp;

/// A folder with a certificate and its key.
struct Pair {
    folder: tempfile::TempDir,
}

impl Pair {
    fn new() -> Self {
        let pair = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        pair.replace(2030);
        pair
    }

    fn files(&self) -> Files {
        Files {
            certificate: self.folder.path().join("tls.crt"),
            key: self.folder.path().join("tls.key"),
        }
    }

    /// Another pair, until the end of a year.
    fn replace(&self, year: i32) {
        let (certificate, key) = made(year);
        fs::write(self.files().certificate, certificate).unwrap();
        fs::write(self.files().key, key).unwrap();
    }
}

fn made(year: i32) -> (String, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2020, 1, 2);
    params.not_after = rcgen::date_time_ymd(year, 12, 31);
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

fn end(identity: &Identity) -> Option<Timestamp> {
    Some(identity.validity.not_after)
}

fn last_day(year: i32) -> Option<Timestamp> {
    Timestamp::from_utc((year, 12, 31), (0, 0, 0))
}

#[test]
fn a_pair_is_loaded_with_its_days_and_protocols() {
    let pair = Pair::new();
    for year in [2049, 2050, 2130] {
        pair.replace(year);
        let identity = pair.files().load().unwrap();
        assert_eq!(end(&identity), last_day(year));
        assert_eq!(
            Some(identity.validity.not_before),
            Timestamp::from_utc((2020, 1, 2), (0, 0, 0))
        );
        assert_eq!(identity.config.alpn_protocols, [&b"h2"[..], b"http/1.1"]);
    }
}

#[test]
fn what_cannot_be_served_says_which_file_is_wrong() {
    let (good, other) = (Pair::new(), Pair::new());
    let files = good.files();
    let refusal = |certificate: &Path, key: &Path| {
        let files = Files {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
        };
        files.load().err().map(|error| error.to_string()).unwrap_or_default()
    };
    let cases = [
        (refusal(&files.certificate, &files.key), ""),
        (refusal(&files.key, &files.key), "tls.key holds no PEM certificate"),
        (
            refusal(&files.certificate, &files.certificate),
            "tls.crt holds no PEM private key",
        ),
        (
            refusal(&files.certificate, &other.files().key),
            "cannot be used together",
        ),
        (
            refusal(&good.folder.path().join("gone"), &files.key),
            "gone: No such file",
        ),
    ];
    for (message, expected) in cases {
        assert!(
            message.contains(expected) && message.is_empty() == expected.is_empty(),
            "{message}"
        );
    }
    let not_der = "-----BEGIN CERTIFICATE-----\nbm8=\n-----END CERTIFICATE-----\n";
    fs::write(&files.certificate, not_der).unwrap();
    assert!(refusal(&files.certificate, &files.key).contains("tls.crt holds no PEM certificate"));
}

#[test]
fn only_a_good_new_pair_replaces_the_old_one() {
    let pair = Pair::new();
    let mut watcher = Watcher::new(pair.files(), pair.files().load().unwrap().validity);
    assert!(watcher.look(false).is_none(), "nothing changed");
    pair.replace(2031);
    assert_eq!(watcher.look(false).as_ref().and_then(end), last_day(2031));
    assert!(watcher.look(false).is_none(), "once");
    assert!(watcher.look(true).is_some(), "again when asked");

    // The certificate comes before its key.
    let (certificate, key) = made(2032);
    fs::write(pair.files().certificate, certificate).unwrap();
    assert!(watcher.look(false).is_none());
    fs::write(pair.files().key, &key).unwrap();
    assert_eq!(watcher.look(false).as_ref().and_then(end), last_day(2032));

    fs::write(pair.files().key, "").unwrap();
    for asked in [false, false, false, true] {
        assert!(watcher.look(asked).is_none());
    }
    fs::remove_file(pair.files().key).unwrap();
    assert!(watcher.look(false).is_none());
    fs::write(pair.files().key, key).unwrap();
    assert_eq!(watcher.look(false).as_ref().and_then(end), last_day(2032), "mended");
}

#[test]
fn an_ending_certificate_is_told_once() {
    const DAY: i64 = 24 * 3600;
    let pair = Pair::new();
    let validity = pair.files().load().unwrap().validity;
    let mut watcher = Watcher::new(pair.files(), validity);
    let days_before_the_end = [
        (30, None),
        (13, Some(Standing::EndsSoon)),
        (12, None),
        (-1, Some(Standing::Ended)),
        (-2, None),
        (40_000, Some(Standing::NotYet)),
    ];
    for (days, told) in days_before_the_end {
        assert_eq!(
            watcher.tell_standing(validity.not_after.plus(-days * DAY)),
            told,
            "{days}"
        );
    }
    // A week's certificate is renewed within the week.
    let short = Validity {
        not_before: Timestamp(0),
        not_after: Timestamp(8 * DAY),
    };
    assert_eq!(short.standing(Timestamp(3 * DAY)), Standing::Good);
    assert_eq!(short.standing(Timestamp(7 * DAY)), Standing::EndsSoon);
    assert_eq!(short.standing(Timestamp(8 * DAY)), Standing::EndsSoon);
    assert_eq!(short.standing(Timestamp(8 * DAY + 1)), Standing::Ended);
}

#[test]
fn damaged_certificates_have_no_days() {
    let (pem, _) = made(2030);
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    let whole = Validity::of(&der).unwrap();
    for length in 0..der.len() {
        let cut = CertificateDer::from(der[..length].to_vec());
        assert!(Validity::of(&cut).is_none_or(|read| read == whole), "{length}");
    }
    for at in 0..der.len() {
        let mut bytes = der.to_vec();
        bytes[at] ^= 0xff;
        // Whatever comes of it, it comes without a panic.
        std::hint::black_box(Validity::of(&CertificateDer::from(bytes)));
    }
}
