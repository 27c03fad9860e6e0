//! Whether a program may work on a database: what migrations it knows, and which were applied.
//!
//! A new version migrates while the nodes of the version before go on, and those may even be started again. So a migration
//! adds and leaves alone what older programs use (*expand*). One that takes something away (*contract*) says in its name
//! which programs may go on: `0016_needs_0015_drop_hint.sql` suits those that know migration 15. The name comes into the
//! database with the migration, so that a program reads there of migrations that it was built without.

use super::{Result, StoreError};

/// A migration of this program, or one that was applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migration {
    /// Its number.
    pub version: i64,
    /// Its file's name without the number, with spaces for underscores.
    pub description: String,
    /// SHA-384 of its text.
    pub checksum: Vec<u8>,
}

/// Where the schema stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MigrationState {
    /// What this binary knows is there, and nothing else.
    Current,
    /// A later version was here, up to this migration, and left what this binary needs.
    Newer(i64),
    /// This many migrations are still to run.
    Pending(usize),
}

/// What this program knows beside what the database has.
#[derive(Clone, Debug)]
pub struct Schema {
    /// The migrations of this program, by number.
    pub known: Vec<Migration>,
    /// Those of the database, by number.
    pub applied: Vec<Migration>,
}

impl Migration {
    /// The oldest migration that a program must know to go on after this one; none for one that only adds.
    pub fn needs(&self) -> Option<i64> {
        let mut words = self.description.split(' ');
        match (words.next(), words.next()) {
            // Whoever did write something else there wanted to shut older programs out.
            (Some("needs"), number) => Some(number.and_then(|number| number.parse().ok()).unwrap_or(self.version)),
            _ => None,
        }
    }
}

impl Schema {
    /// Where the schema stands. An error tells why this program must not touch the database.
    pub fn state(&self) -> Result<MigrationState> {
        let newest = self.known.last().map_or(0, |migration| migration.version);
        let pending = self.pending().count();
        for applied in &self.applied {
            match self.known.iter().find(|known| known.version == applied.version) {
                Some(known) if known.checksum != applied.checksum => return Err(changed(applied.version)),
                Some(_) => {}
                // Between those that are known, or beside some that are missing, it belongs to another history.
                None if applied.version < newest || pending > 0 => return Err(unknown(applied.version)),
                None if applied.needs().is_some_and(|needed| needed > newest) => return Err(unknown(applied.version)),
                None => {}
            }
        }
        Ok(match (pending, self.applied.last()) {
            (0, Some(last)) if last.version > newest => MigrationState::Newer(last.version),
            (0, _) => MigrationState::Current,
            (count, _) => MigrationState::Pending(count),
        })
    }

    /// What is still to run.
    pub fn pending(&self) -> impl Iterator<Item = &Migration> {
        let applied = |version| self.applied.iter().any(|applied| applied.version == version);
        self.known.iter().filter(move |known| !applied(known.version))
    }

    /// What was applied by a later version.
    pub fn unknown(&self) -> impl Iterator<Item = &Migration> {
        let known = |version| self.known.iter().any(|known| known.version == version);
        self.applied.iter().filter(move |applied| !known(applied.version))
    }
}

pub(super) fn unknown(version: i64) -> StoreError {
    StoreError::Schema(format!(
        "the database is at migration {version}, which this binary does not know and cannot go on with: run a newer portcullis"
    ))
}

pub(super) fn changed(version: i64) -> StoreError {
    StoreError::Schema(format!(
        "migration {version} was applied with other contents than this binary's: do not edit migrations"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn migration(version: i64, description: &str) -> Migration {
        Migration {
            version,
            description: description.to_owned(),
            checksum: vec![u8::try_from(version).unwrap()],
        }
    }

    fn state_with(applied: &[Migration]) -> Result<MigrationState> {
        let known = [1, 2, 4].map(|version| migration(version, "ours")).to_vec();
        let applied = applied.to_vec();
        Schema { known, applied }.state()
    }

    #[test]
    fn a_name_tells_which_programs_may_go_on() {
        for (description, expected) in [
            ("device", None),
            ("what the device needs", None),
            ("needs 0015 drop hint", Some(15)),
            ("needs 16", Some(16)),
            ("needs", Some(16)),
            ("needs the newest", Some(16)),
        ] {
            assert_eq!(migration(16, description).needs(), expected, "{description}");
        }
    }

    #[test]
    fn the_state_follows_from_what_was_applied() {
        use MigrationState::{Current, Newer, Pending};

        let ours = [1, 2, 4].map(|version| migration(version, "ours"));
        let and = |later: &[Migration]| [&ours, later].concat();
        let mut edited = ours.clone();
        edited[0].checksum = vec![9];
        let cases = [
            ("an empty database", vec![], Some(Pending(3))),
            ("the first alone", ours[..1].to_vec(), Some(Pending(2))),
            ("all", ours.to_vec(), Some(Current)),
            ("edited", edited.to_vec(), None),
            ("a later one", and(&[migration(5, "more")]), Some(Newer(5))),
            (
                "two later ones",
                and(&[migration(5, "more"), migration(7, "yet more")]),
                Some(Newer(7)),
            ),
            (
                "in the middle",
                vec![
                    ours[0].clone(),
                    ours[1].clone(),
                    migration(3, "theirs"),
                    ours[2].clone(),
                ],
                None,
            ),
            (
                "a later one, and one is missing",
                vec![ours[0].clone(), ours[1].clone(), migration(5, "more")],
                None,
            ),
            (
                "contracted since ours",
                and(&[migration(5, "more"), migration(6, "needs 0004 drop")]),
                Some(Newer(6)),
            ),
            (
                "contracted behind us",
                and(&[migration(5, "more"), migration(6, "needs 0005 drop")]),
                None,
            ),
            (
                "and expanded again",
                and(&[migration(5, "needs 0005 drop"), migration(6, "more")]),
                None,
            ),
        ];
        for (what, applied, expected) in cases {
            assert_eq!(state_with(&applied).ok(), expected, "{what}");
        }
    }
}
