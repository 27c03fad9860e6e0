use crate::cli::doctor::facts::{Answer, CertificateFound, Database, Directory, MasterKeyFound};
use crate::cli::tls::Validity;
use crate::config::{Config, Secret};
use crate::model::signing_key::SigningKey;
use crate::outbound::OutboundError;
use crate::protocol::signing_alg::SigningAlg;
use crate::store::{Commits, Inspection, MigrationState, Registered};
use crate::time::Timestamp;

use super::Verdict::{Fail, Warn};
use super::*;

const NOW: Timestamp = Timestamp(1_800_000_000);

/// An installation as it should be.
fn healthy() -> Facts {
    let mut config = Config::with_defaults("https://id.example".parse().unwrap());
    config.server.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    Facts {
        now: NOW,
        issuer: Ok(answer(Some("https://id.example"))),
        database: Ok(Database {
            inspection: Inspection {
                version: "PostgreSQL 17.2".to_owned(),
                bytes: 12_500_000,
                clock: NOW.plus(1),
                max_connections: Some(100),
                commits: Some(commits("on", false)),
            },
            schema: Ok(MigrationState::Current),
            write: Some(Ok(())),
            registered: Some(Registered {
                users: 2,
                admins: 1,
                clients: 1,
            }),
            keys: Some(SigningAlg::ALL.iter().map(|alg| key(*alg)).collect()),
        }),
        master_key: Some(Ok(MasterKeyFound {
            source: "the configuration".to_owned(),
            opens: Ok(()),
        })),
        certificate: None,
        authorities: Ok(0),
        data_dir: Some(Directory {
            mode: 0o700,
            free: Some(5 << 30),
        }),
        open_files: Some(65536),
        doubted_since: None,
        config,
    }
}

fn commits(synchronous: &str, standbys: bool) -> Commits {
    Commits {
        synchronous: synchronous.to_owned(),
        standbys,
    }
}

fn answer(issuer: Option<&str>) -> Answer {
    Answer {
        status: 200,
        issuer: issuer.map(str::to_owned),
        date: Some(NOW.plus(-2)),
    }
}

fn key(alg: SigningAlg) -> SigningKey {
    SigningKey {
        kid: alg.to_string(),
        alg,
        generation: 1,
        public_jwk: serde_json::Value::Null,
        sealed_private: Vec::new(),
        created_at: NOW.plus(-30 * DAY),
        active_from: NOW.plus(-30 * DAY),
        retires_at: None,
        gone_at: None,
        revoked_at: None,
    }
}

/// What the named check says of a healthy installation that was changed. `None`: nothing.
fn verdict(name: &str, change: impl FnOnce(&mut Facts)) -> Option<(Verdict, String)> {
    let mut facts = healthy();
    change(&mut facts);
    let found = CHECKS
        .iter()
        .filter_map(|check| check(&facts))
        .find(|finding| finding.check == name)?;
    assert_eq!(found.advice.is_none(), found.verdict == Verdict::Ok, "{found:?}");
    Some((found.verdict, found.message))
}

#[track_caller]
fn says(name: &str, verdict_expected: Verdict, part: &str, change: impl FnOnce(&mut Facts)) {
    let (found, message) = verdict(name, change).unwrap();
    assert_eq!(found, verdict_expected, "{name}: {message}");
    assert!(message.contains(part), "{name}: {message}");
}

fn db(facts: &mut Facts) -> &mut Database {
    facts.database.as_mut().unwrap()
}

#[test]
fn a_healthy_installation_is_well_in_every_respect() {
    let findings: Vec<_> = CHECKS.iter().filter_map(|check| check(&healthy())).collect();
    assert_eq!(
        findings.len(),
        CHECKS.len() - 3,
        "all but the certificate, the history, and registration, which is off"
    );
    let unwell: Vec<_> = findings
        .iter()
        .filter(|finding| finding.verdict != Verdict::Ok)
        .collect();
    assert!(unwell.is_empty(), "{unwell:?}");
    let mut names: Vec<_> = findings.iter().map(|finding| finding.check).collect();
    names.dedup();
    assert_eq!(names.len(), findings.len());
}

#[test]
fn the_way_to_the_issuer_is_judged() {
    says("issuer", Warn, "in the clear", |facts| {
        facts.config.issuer = "http://localhost:8080".parse().unwrap();
    });
    says("network", Fail, "cannot be reached", |facts| {
        facts.issuer = Err(OutboundError::Unreachable);
    });
    says("network", Fail, "calls itself https://other.example", |facts| {
        facts.issuer = Ok(answer(Some("https://other.example")));
    });
    says("network", Fail, "answers 200 without a discovery document", |facts| {
        facts.issuer = Ok(answer(None));
    });
}

#[test]
fn ft_36_a_skewed_clock_is_told() {
    let offsets = [
        (0, Verdict::Ok),
        (10, Verdict::Ok),
        (11, Warn),
        (60, Warn),
        (61, Fail),
        (600, Fail),
    ];
    for (offset, expected) in offsets {
        for sign in [1, -1] {
            let other = NOW.plus(sign * offset);
            says("clock", expected, "", |facts| {
                facts.issuer.as_mut().unwrap().date = Some(other);
            });
            says("clock", expected, "", |facts| db(facts).inspection.clock = other);
        }
    }
    says("clock", Warn, "no other clock", |facts| {
        facts.issuer = Err(OutboundError::TimedOut);
        facts.database = Err("gone".to_owned());
    });
}

#[test]
fn certificates_are_judged() {
    let with = |left: i64, key_mode| {
        move |facts: &mut Facts| {
            let validity = Validity {
                not_before: NOW.plus(-60 * DAY),
                not_after: NOW.plus(left),
            };
            facts.certificate = Some(Ok(CertificateFound { validity, key_mode }));
        }
    };
    says("certificate", Verdict::Ok, "counts until", with(60 * DAY, 0o600));
    says("certificate", Warn, "others may read", with(60 * DAY, 0o640));
    says("certificate", Warn, "ends on", with(5 * DAY, 0o600));
    says("certificate", Fail, "ended on", with(-1, 0o600));
    says("certificate", Fail, "no PEM", |facts| {
        facts.certificate = Some(Err("no PEM".to_owned()));
    });
}

#[test]
fn proxies_are_judged_by_what_the_settings_mean() {
    says("proxies", Warn, "none is trusted", |facts| {
        facts.config.server.trusted_proxies.clear();
    });
    says("proxies", Verdict::Ok, "directly", |facts| {
        facts.config.server.trusted_proxies.clear();
        facts.config.server.tls_certificate = "tls.crt".into();
    });
    for everybody in ["0.0.0.0/0", "::/0"] {
        says("proxies", Fail, "trusts everybody", |facts| {
            facts.config.server.trusted_proxies.push(everybody.parse().unwrap());
        });
    }
}

#[test]
fn the_database_is_judged() {
    says("database", Fail, "no such file", |facts| {
        facts.database = Err("no such file".to_owned());
    });
    says("schema", Fail, "2 migration(s)", |facts| {
        db(facts).schema = Ok(MigrationState::Pending(2));
    });
    says("schema", Warn, "may go on", |facts| {
        db(facts).schema = Ok(MigrationState::Newer(15));
    });
    says("schema", Fail, "newer", |facts| {
        db(facts).schema = Err("newer".to_owned());
    });
    says("writes", Fail, "read-only", |facts| {
        db(facts).write = Some(Err("read-only".to_owned()));
    });
    for (most, expected) in [
        (Some(100), Verdict::Ok),
        (Some(25), Warn),
        (Some(15), Fail),
        (Some(5), Fail),
    ] {
        says("connections", expected, "of the", |facts| {
            db(facts).inspection.max_connections = most;
        });
    }
    assert_eq!(
        verdict("connections", |facts| db(facts).inspection.max_connections = None),
        None
    );
    for (url, synchronous, standbys, expected, message) in [
        ("postgres://a/d", "on", false, Verdict::Ok, "on disk"),
        ("postgres://a/d", "remote_apply", true, Verdict::Ok, "a standby has"),
        ("postgres://a/d", "off", true, Warn, "undoes what was answered"),
        ("postgres://a,b/d", "on", true, Verdict::Ok, "a standby has"),
        ("postgres://a,b/d", "on", false, Warn, "may lack the last ones"),
        ("postgres://a,b/d", "local", true, Warn, "may lack the last ones"),
        ("postgres://a,b/d", "remote_write", true, Warn, "may lack the last ones"),
    ] {
        says("commits", expected, message, |facts| {
            facts.config.database.url = Secret::new(url.to_owned());
            db(facts).inspection.commits = Some(commits(synchronous, standbys));
        });
    }
    assert_eq!(verdict("commits", |facts| db(facts).inspection.commits = None), None);
    for name in [
        "schema",
        "writes",
        "connections",
        "commits",
        "signing keys",
        "people and apps",
    ] {
        assert_eq!(
            verdict(name, |facts| facts.database = Err("gone".to_owned())),
            None,
            "{name}"
        );
    }
}

#[test]
fn an_older_state_of_the_database_is_told() {
    says("history", Fail, "1970-01-01T00:00:09Z", |facts| {
        facts.doubted_since = Some(Timestamp(9));
    });
}

#[test]
fn keys_are_judged() {
    says("master key", Fail, "missing", |facts| facts.master_key = None);
    says("master key", Warn, "none yet", |facts| {
        facts.master_key = None;
        db(facts).keys = Some(Vec::new());
    });
    says("master key", Fail, "mode 0644", |facts| {
        facts.master_key = Some(Err("mode 0644".to_owned()));
    });
    says("master key", Fail, "cannot be opened", |facts| {
        facts.master_key = Some(Ok(MasterKeyFound {
            source: "x".to_owned(),
            opens: Err("cannot be opened".to_owned()),
        }));
    });
    says("signing keys", Warn, "none yet", |facts| {
        db(facts).keys = Some(Vec::new());
    });
    says("signing keys", Fail, "ES256", |facts| {
        db(facts)
            .keys
            .as_mut()
            .unwrap()
            .retain(|key| key.alg != SigningAlg::Es256);
    });
    says("signing keys", Fail, "none is active", |facts| {
        db(facts).keys.as_mut().unwrap()[0].active_from = NOW.plus(1);
    });
    says("signing keys", Warn, "366 days", |facts| {
        db(facts).keys.as_mut().unwrap()[0].active_from = NOW.plus(-366 * DAY);
    });
}

#[test]
fn the_machine_is_judged() {
    let directory = |mode, free| move |facts: &mut Facts| facts.data_dir = Some(Directory { mode, free });
    says("data directory", Warn, "0755", directory(0o755, None));
    says("data directory", Warn, "not there yet", |facts| facts.data_dir = None);
    says("data directory", Verdict::Ok, "nothing needs it", |facts| {
        facts.data_dir = None;
        facts.config.keys.master_key = Some(Secret::new(String::new()));
    });
    says("disk", Warn, "512.0 MiB", directory(0o700, Some(512 << 20)));
    says("disk", Fail, "1.5 KiB", directory(0o700, Some(1536)));
    assert_eq!(verdict("disk", directory(0o700, None)), None);
    says("open files", Warn, "256", |facts| facts.open_files = Some(256));
    says("open files", Verdict::Ok, "as many", |facts| facts.open_files = None);
}

#[test]
fn an_empty_installation_is_told_what_comes_next() {
    let registered = |users, clients| {
        move |facts: &mut Facts| {
            let admins = users;
            db(facts).registered = Some(Registered { users, admins, clients });
        }
    };
    says("people and apps", Warn, "0 user(s)", registered(0, 0));
    says("people and apps", Warn, "0 client(s)", registered(1, 0));
}

#[test]
fn authorities_that_cannot_be_used_are_told() {
    let unreadable = "/etc/ca.pem cannot be read: No such file or directory".to_owned();
    says("fetches", Fail, "outbound.extra_ca: /etc/ca.pem cannot", |facts| {
        facts.authorities = Err(unreadable);
    });
    says(
        "fetches",
        Verdict::Ok,
        "1 allowed place(s), with 2 authorities",
        |facts| {
            facts.config.outbound.allow_hosts = vec!["10.0.0.0/8".parse().unwrap()];
            facts.authorities = Ok(2);
        },
    );
}

#[test]
fn open_registration_is_pointed_out() {
    use crate::config::RegistrationMode;

    let said = |mode, hosts: &[&str]| {
        let hosts = hosts.iter().map(|host| host.parse().unwrap()).collect();
        verdict("registration", |facts| {
            facts.config.registration.mode = mode;
            facts.config.registration.redirect_hosts = hosts;
        })
        .map(|(verdict, _)| verdict)
    };
    assert_eq!(said(RegistrationMode::Off, &[]), None);
    assert_eq!(said(RegistrationMode::Token, &[]), Some(Verdict::Ok));
    assert_eq!(said(RegistrationMode::Open, &[]), Some(Warn));
    assert_eq!(said(RegistrationMode::Open, &["*.example.com"]), Some(Verdict::Ok));
}
