//! SQLite: one writer, many readers, and a cheap way to see that nothing was written.

use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _};

use super::group_commit::Writer;
use super::lending::{Lender, Source};
use super::{Result, StoreError, StoreOptions};

/// The two pools over one file. With one write connection writers queue here, where waiting is fair and bounded, instead
/// of fighting for the file lock (measured: p99 of 16 ms against 105 ms with 16 writers).
#[derive(Clone)]
pub(super) struct Pools {
    pub(super) readers: Lender<File>,
    pub(super) writer: Writer,
    wal: Arc<WalIndex>,
}

impl Pools {
    pub(super) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// What the file's write-ahead log says about the last commit of any process; `None` when that cannot be read.
    pub(super) fn last_commit(&self) -> Option<CommitMark> {
        self.wal.mark()
    }
}

/// Opens the file, and makes it when `options.create` allows.
pub(super) async fn open(path: &str, options: &StoreOptions) -> Result<Pools> {
    let path = PathBuf::from(path.split('?').next().unwrap_or_default());
    // SQLite takes a file of no bytes for a new database; here it is one that was lost.
    if !options.create && path.metadata().map_or(0, |meta| meta.len()) == 0 {
        let what = if path.exists() { "is empty" } else { "does not exist" };
        return Err(StoreError::File(format!(
            "the database file {} {what}: restore it, or create a new one with `portcullis migrate`",
            path.display()
        )));
    }
    if options.create {
        make_private(&path)?;
    }
    let connect = SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(options.create)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(options.acquire_timeout))
        .disable_statement_logging();
    let patience = Duration::from_secs(options.acquire_timeout);
    // The writer connects first: it turns write-ahead logging on, which a reader could not.
    let writer = Lender::new(File(connect.clone()), 1, patience)?;
    writer.lend().await?.settled();
    let readers = File(connect.pragma("query_only", "on"));
    let readers = Lender::new(readers, options.max_connections.min(most_readers()), patience)?;
    Ok(Pools {
        readers,
        writer: Writer::new(writer),
        wal: Arc::new(WalIndex::new(&path)),
    })
}

/// Readers work on the cores of this machine, each on a thread of its own with a cache of 2 MB: ten of them on two cores read no
/// faster than four, and took 12 MB more.
fn most_readers() -> u32 {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    u32::try_from(2 * cores).unwrap_or(u32::MAX).max(4)
}

/// A file that connections are made to. They are as good as the disk it is on.
pub(super) struct File(SqliteConnectOptions);

impl Source for File {
    type Connection = SqliteConnection;

    async fn connect(&self) -> Result<SqliteConnection> {
        Ok(SqliteConnection::connect_with(&self.0).await?)
    }

    fn doubts(&self, _unused: Duration) -> bool {
        false
    }

    fn outlives(&self, _age: Duration) -> bool {
        true
    }
}

/// A new database belongs to its owner alone; SQLite gives its side files the same permissions.
fn make_private(path: &Path) -> Result<()> {
    use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};

    let explain = |error: std::io::Error| StoreError::File(format!("cannot create {}: {error}", path.display()));
    if path.exists() {
        return Ok(());
    }
    if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(explain)?;
    }
    std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .map_err(explain)?;
    Ok(())
}

/// The header of the WAL index. Every commit of every process rewrites it before the commit returns
/// (<https://www.sqlite.org/walformat.html>, section 2.1), so equal headers mean that nothing was written in between.
/// Reading it costs two system calls where a query costs two thread hand-overs.
struct WalIndex {
    path: PathBuf,
    file: RwLock<Option<&'static std::fs::File>>,
}

/// Both copies of the header.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct CommitMark([u8; 96]);

impl WalIndex {
    fn new(database: &Path) -> Self {
        let mut path = database.as_os_str().to_owned();
        path.push("-shm");
        Self {
            path: path.into(),
            file: RwLock::new(None),
        }
    }

    fn mark(&self) -> Option<CommitMark> {
        let file = self.file()?;
        let mut header = [0; 96];
        file.read_exact_at(&mut header, 0).ok()?;
        // Two different copies: a commit is being written this moment.
        (header[..48] == header[48..]).then_some(CommitMark(header))
    }

    /// The open index. It is opened anew when it was unlinked, which happens when all connections had closed.
    fn file(&self) -> Option<&'static std::fs::File> {
        let known = *self.file.read().ok()?;
        if let Some(file) = known.filter(|file| file.metadata().is_ok_and(|meta| meta.nlink() > 0)) {
            return Some(file);
        }
        // Never closed: closing any descriptor of a file drops this process's POSIX locks on it, SQLite's among them.
        let file: &'static std::fs::File = Box::leak(Box::new(std::fs::File::open(&self.path).ok()?));
        *self.file.write().ok()? = Some(file);
        Some(file)
    }
}
