//! What an operator wants to know of a database.

use super::{Backend as _, Result, Store, on, statements};
use crate::time::Timestamp;

statements! {
    INSPECT = "SELECT 'PostgreSQL ' || current_setting('server_version'), pg_database_size(current_database()),
            extract(epoch FROM clock_timestamp())::bigint, current_setting('max_connections')::bigint,
            current_setting('synchronous_commit'), current_setting('synchronous_standby_names') <> ''",
        "SELECT 'SQLite ' || sqlite_version(), c.page_count * s.page_size, unixepoch(), NULL, NULL, NULL
            FROM pragma_page_count c, pragma_page_size s";
    COUNT_PEOPLE_AND_APPS = "SELECT (SELECT count(*) FROM users WHERE disabled_at IS NULL),
            (SELECT count(*) FROM users WHERE disabled_at IS NULL AND is_admin),
            (SELECT count(*) FROM client WHERE disabled_at IS NULL)";
    WRITE_NOTHING = "UPDATE catalog_version SET version = version WHERE id = 1";
}

/// The database itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// Its kind and version, for people.
    pub version: String,
    /// Its size on disk.
    pub bytes: i64,
    /// Its clock. On SQLite that is this machine's.
    pub clock: Timestamp,
    /// How many connections it takes from everybody together. `None` where there is no such bound.
    pub max_connections: Option<i64>,
    /// What its answer to a commit is worth. `None` where that is not a matter of settings.
    pub commits: Option<Commits>,
}

/// When PostgreSQL acknowledges a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commits {
    /// `synchronous_commit`.
    pub synchronous: String,
    /// Whether `synchronous_standby_names` names any.
    pub standbys: bool,
}

/// What is registered, without what is disabled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Registered {
    /// People.
    pub users: i64,
    /// Administrators among them.
    pub admins: i64,
    /// Clients.
    pub clients: i64,
}

impl Store {
    /// Looks at the database, whatever its schema.
    pub async fn inspect(&self) -> Result<Inspection> {
        type Row = (String, i64, i64, Option<i64>, Option<String>, Option<bool>);
        let (version, bytes, clock, max_connections, synchronous, standbys): Row =
            on!(self.reader(), |db| sqlx::query_as(db.text(&INSPECT))
                .fetch_one(&mut *db)
                .await?)?;
        let commits = synchronous.zip(standbys);
        Ok(Inspection {
            version,
            bytes,
            clock: Timestamp(clock),
            max_connections,
            commits: commits.map(|(synchronous, standbys)| Commits { synchronous, standbys }),
        })
    }

    /// Counts what is registered.
    pub async fn registered(&self) -> Result<Registered> {
        let (users, admins, clients) = on!(self.reader(), |db| sqlx::query_as(db.text(&COUNT_PEOPLE_AND_APPS))
            .fetch_one(&mut *db)
            .await?)?;
        Ok(Registered { users, admins, clients })
    }

    /// Writes what is there already, which fails where nothing can be written: a full disk, a standby, a file of another
    /// owner.
    pub async fn try_to_write(&self) -> Result<()> {
        on!(self.writer(), |db| {
            sqlx::query(db.text(&WRITE_NOTHING)).execute(&mut *db).await?;
        })
    }
}
