//! What this node last saw of the clock and of the database, in a file beside the master key: so that a restored
//! database, another one, and a clock that went back are noticed.

use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::config::Config;
use crate::store::{DatabaseMark, Store, StoreError};
use crate::time::Timestamp;

/// Between two looks.
const INTERVAL: Duration = Duration::from_secs(60);
/// A clock that is set right by less than this is nobody's business.
const STEP: i64 = 5;
/// Clocks of two machines that differ by more than this: nodes see each other's codes as expired, or as not yet valid.
const SKEW: i64 = 10;

/// The file's contents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastSeen {
    /// When.
    pub at: Timestamp,
    /// See [`DatabaseMark::lineage`].
    pub lineage: String,
    /// See [`DatabaseMark::position`].
    pub position: i64,
    /// Since when an older or another database is suspected, until an operator has dealt with it.
    #[serde(default)]
    pub doubted_since: Option<Timestamp>,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alarm {
    /// The machine's clock went back by so many seconds.
    ClockWentBack(i64),
    /// The machine's clock is so many seconds ahead of that of the database, or behind it if negative.
    ClockDiffers(i64),
    /// The database is not as far as it was, or not the one that it was.
    OlderDatabase,
}

/// Looks until it is told to stop, and then once more, so that a stop leaves nothing unseen.
pub async fn run(app: App, stop: CancellationToken) {
    let mut writable = true;
    let mut readable = true;
    loop {
        match once(&app).await {
            Ok(alarms) => {
                readable = true;
                alarms.into_iter().for_each(alarm);
            }
            // Once for each outage.
            Err(LookError::Store(error)) if std::mem::take(&mut readable) => {
                tracing::warn!(%error, "the database cannot be looked at: meanwhile an older one will not be noticed");
            }
            Err(LookError::Store(_)) => {}
            // Once: a node whose file system is read-only goes without.
            Err(LookError::File(error)) if std::mem::take(&mut writable) => {
                tracing::warn!(%error, path = %path(app.config()).display(), "a restored database will not be noticed");
            }
            Err(LookError::File(_)) => {}
        }
        if stop.is_cancelled() {
            return;
        }
        stop.run_until_cancelled(tokio::time::sleep(INTERVAL)).await;
    }
}

/// Why there was no look.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file.
    #[error(transparent)]
    File(#[from] io::Error),
}

/// Compares with what was last seen, and notes what is seen now. The file is read first: whatever another process of this
/// node writes into it meanwhile, the database is at least as far.
pub async fn once(app: &App) -> Result<Vec<Alarm>, LookError> {
    let path = path(app.config());
    let before = read(&path)?;
    let mark = app.store().mark().await?;
    let now = app.clock().now();
    let alarms = compare(before.as_ref(), &mark, now);
    let doubted = before.and_then(|before| before.doubted_since);
    let doubted = doubted.or_else(|| alarms.contains(&Alarm::OlderDatabase).then_some(now));
    // Only now: raised first, the number of a state that is one look older would be the one that was seen.
    let raised = app.store().raise_mark().await?;
    write(&path, &LastSeen::new(raised, now, doubted))?;
    Ok(alarms)
}

/// Notes that an operator has dealt with the database as it is.
pub async fn settle(config: &Config, store: &Store, now: Timestamp) -> Result<(), LookError> {
    let mark = store.raise_mark().await?;
    Ok(write(&path(config), &LastSeen::new(mark, now, None))?)
}

/// Since when an older or another database is suspected. `None` also when nothing was ever seen.
pub fn doubted_since(config: &Config) -> Option<Timestamp> {
    read(&path(config)).ok()??.doubted_since
}

fn compare(before: Option<&LastSeen>, mark: &DatabaseMark, now: Timestamp) -> Vec<Alarm> {
    let back = before.map_or(0, |before| before.at.since(now));
    let ahead = mark.clock.map_or(0, |clock| now.since(clock));
    let older = before.is_some_and(|before| {
        before.lineage != mark.lineage || mark.position < before.position || before.doubted_since.is_some()
    });
    let alarms = [
        (back > STEP).then_some(Alarm::ClockWentBack(back)),
        (ahead.abs() > SKEW).then_some(Alarm::ClockDiffers(ahead)),
        older.then_some(Alarm::OlderDatabase),
    ];
    alarms.into_iter().flatten().collect()
}

fn alarm(alarm: Alarm) {
    match alarm {
        Alarm::ClockWentBack(seconds) => tracing::error!(
            seconds,
            "the clock went back: codes, tokens and sessions live longer by that"
        ),
        Alarm::ClockDiffers(seconds) => tracing::warn!(
            seconds,
            "this machine's clock is not that of the database's: set both by a time service"
        ),
        Alarm::OlderDatabase => tracing::error!(
            "this is not the database that was last seen, or an older state of it: codes that were spent, sessions that \
             were ended and tokens that were revoked may be live again; run `portcullis after-restore`"
        ),
    }
}

impl LastSeen {
    fn new(mark: DatabaseMark, at: Timestamp, doubted_since: Option<Timestamp>) -> Self {
        Self {
            at,
            lineage: mark.lineage,
            position: mark.position,
            doubted_since,
        }
    }
}

fn path(config: &Config) -> PathBuf {
    config.server.data_dir.join("last-seen.json")
}

/// A file that holds something else counts as none: it guards nothing.
fn read(path: &Path) -> io::Result<Option<LastSeen>> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The file is complete or as it was. It needs no fsync: after a power cut the old one is as good.
fn write(path: &Path, seen: &LastSeen) -> io::Result<()> {
    let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(&serde_json::to_vec(seen)?)?;
    std::fs::rename(&temporary, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_falls_back_is_alarmed() {
        let mark = |lineage: &str, position| DatabaseMark {
            lineage: lineage.to_owned(),
            position,
            clock: None,
        };
        let before = LastSeen::new(mark("a", 7), Timestamp(1000), None);
        let doubted = LastSeen::new(mark("a", 7), Timestamp(1000), Some(Timestamp(900)));
        let cases = [
            (&before, mark("a", 8), 1060, vec![]),
            (&before, mark("a", 7), 1000, vec![]),
            (&before, mark("a", 7), 995, vec![]),
            (&before, mark("a", 8), 994, vec![Alarm::ClockWentBack(6)]),
            (&before, mark("a", 6), 1060, vec![Alarm::OlderDatabase]),
            (&before, mark("b", 9), 1060, vec![Alarm::OlderDatabase]),
            (&doubted, mark("a", 8), 1060, vec![Alarm::OlderDatabase]),
            (
                &before,
                mark("a", 1),
                400,
                vec![Alarm::ClockWentBack(600), Alarm::OlderDatabase],
            ),
        ];
        for (before, mark, now, alarms) in cases {
            assert_eq!(
                compare(Some(before), &mark, Timestamp(now)),
                alarms,
                "{mark:?} at {now}"
            );
        }
    }

    #[test]
    fn ft_36_a_clock_other_than_the_databases_is_alarmed() {
        for (clock, alarms) in [
            (Some(1000), vec![]),
            (Some(990), vec![]),
            (Some(989), vec![Alarm::ClockDiffers(11)]),
            (Some(1600), vec![Alarm::ClockDiffers(-600)]),
            (None, vec![]),
        ] {
            let mark = DatabaseMark {
                lineage: String::new(),
                position: 1,
                clock: clock.map(Timestamp),
            };
            assert_eq!(compare(None, &mark, Timestamp(1000)), alarms, "{clock:?}");
        }
    }

    #[test]
    fn the_file_is_private_and_anything_else_counts_as_none() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("last-seen.json");
        assert_eq!(read(&path).unwrap(), None);
        let mark = DatabaseMark {
            lineage: "a".to_owned(),
            position: 7,
            clock: None,
        };
        let seen = LastSeen::new(mark, Timestamp(5), Some(Timestamp(4)));
        write(&path, &seen).unwrap();
        assert_eq!(read(&path).unwrap(), Some(seen));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        std::fs::write(&path, "half a f").unwrap();
        assert_eq!(read(&path).unwrap(), None);
    }
}
