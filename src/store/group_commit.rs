//! One writer of the SQLite file, whose operations commit together when they wait for each other.
//!
//! A commit waits for the disk; what comes meanwhile queues for the connection. Whoever is done and sees others in the queue
//! leaves the transaction open and hands the connection on, and is answered after the COMMIT of all. One that is alone begins
//! and commits as it would without this, and a single statement of its own needs neither.
//!
//! An operation of several statements that joins a transaction has a savepoint, to which it is taken back when it fails or is
//! given up; a statement is whole or nothing by itself. What runs on behalf of others (the COMMIT, taking back) runs in a task,
//! which nobody's hanging up can end half-way.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sqlx::SqliteConnection;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::lending::{Lease, Lender, Lent};
use super::patience::{is_there, pause};
use super::sqlite::File;
use super::{Result, Statement, StoreError, statements};

statements! {
    // Takes the write lock at once: a reader that turns writer fails with BUSY.
    BEGIN = "SELECT 1", "BEGIN IMMEDIATE";
    FIRST_SAVEPOINT = "SELECT 1", "SAVEPOINT operation";
    // Both in one hand-over to the thread of the connection.
    NEXT_SAVEPOINT = "SELECT 1", "RELEASE operation; SAVEPOINT operation";
    TAKE_BACK = "SELECT 1", "ROLLBACK TO operation";
    COMMIT = "SELECT 1", "COMMIT";
    ROLLBACK = "SELECT 1", "ROLLBACK";
}

/// The most operations of one commit.
const MOST: usize = 64;

/// Between two looks whether a connection that nobody can have any more was given back.
const HANDED_BACK: Duration = Duration::from_millis(1);

/// A transaction that is open for so long takes no more operations: the first one waits for the last.
const LONGEST: Duration = Duration::from_millis(20);

/// The writer's connection, and those who wait for it.
#[derive(Clone)]
pub(super) struct Writer {
    lender: Lender<File>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// How many would join a transaction.
    waiting: AtomicUsize,
    /// A transaction may have been left open for those who wait. Set before `waiting` is looked at, and looked at after
    /// `waiting` was lowered: of one who leaves it open and one who goes away, one at least sees the other.
    open: AtomicBool,
    /// Touched by the holder of the connection alone.
    group: Mutex<Group>,
}

/// The open transaction.
#[derive(Default)]
struct Group {
    /// Since when.
    began: Option<Instant>,
    savepoint: Savepoint,
    /// Those whose part is done; told whether it was committed.
    members: Vec<oneshot::Sender<bool>>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Savepoint {
    /// Not there yet.
    #[default]
    Unset,
    /// Nothing was written since.
    Fresh,
    /// Holds the work of a member.
    Used,
}

/// What a turn may have to take back.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Nothing: it has not begun.
    Starting,
    /// Nothing: its statement did all or nothing.
    Statement,
    /// What was written since the savepoint.
    Transaction,
}

/// The connection, for one operation. Dropped before [`Turn::commit`], the operation is undone.
pub(super) struct Turn {
    writer: Writer,
    lease: Option<Lease<File>>,
    part: Part,
    /// Its statements run in the open transaction, and count when that is committed.
    joined: bool,
}

/// Counts one who waits, until it is dropped.
struct Waiting<'a>(&'a Writer, bool);

impl Writer {
    pub(super) fn new(lender: Lender<File>) -> Self {
        Self {
            lender,
            shared: Arc::default(),
        }
    }

    /// The connection for statements each of which is whole by itself.
    pub(super) async fn statements(&self) -> Result<Turn> {
        let mut turn = self.next().await?;
        if turn.writer.begun() {
            turn.joined = true;
            let mut group = self.group();
            if group.savepoint == Savepoint::Fresh {
                group.savepoint = Savepoint::Used;
            }
        } else if self.shared.waiting.load(SeqCst) > 0 {
            turn.begin().await?;
        }
        turn.part = Part::Statement;
        Ok(turn)
    }

    /// The connection inside a transaction.
    pub(super) async fn transaction(&self) -> Result<Turn> {
        let mut turn = self.next().await?;
        if self.begun() {
            turn.joined = true;
            let savepoint = self.group().savepoint;
            match savepoint {
                Savepoint::Unset => run(turn.connection()?, &FIRST_SAVEPOINT).await?,
                Savepoint::Fresh => {}
                Savepoint::Used => run(turn.connection()?, &NEXT_SAVEPOINT).await?,
            }
            self.group().savepoint = Savepoint::Used;
        } else {
            turn.begin().await?;
        }
        turn.part = Part::Transaction;
        Ok(turn)
    }

    /// The connection outside of any transaction, for what cannot run in one.
    pub(super) async fn alone(&self) -> Result<Turn> {
        let mut lease = self.lender.lend().await?;
        if self.begun() {
            let writer = self.clone();
            // Others wait for this commit: it goes on if this caller does not.
            let ended = tokio::spawn(async move { writer.end(lease).await }).await;
            lease = ended.ok().flatten().ok_or_else(undone)?;
        }
        Ok(self.turn(lease))
    }

    /// How busy the connection is.
    pub(super) fn lent(&self) -> Lent {
        self.lender.lent()
    }

    /// Waits for what is under way, and closes the connection.
    pub(super) async fn close(&self) {
        if let Ok(turn) = self.alone().await
            && let Err(error) = turn.commit().await
        {
            tracing::warn!(%error, "the last writes did not end in order");
        }
        self.lender.close().await;
    }

    async fn next(&self) -> Result<Turn> {
        let mut waiting = Waiting::new(self);
        let lease = self.lender.lend().await?;
        waiting.1 = true;
        Ok(self.turn(lease))
    }

    fn turn(&self, lease: Lease<File>) -> Turn {
        Turn {
            writer: self.clone(),
            lease: Some(lease),
            part: Part::Starting,
            joined: false,
        }
    }

    /// A thread that died holding the lock has left a whole value behind: each change is one assignment.
    fn group(&self) -> MutexGuard<'_, Group> {
        self.shared.group.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begun(&self) -> bool {
        self.group().began.is_some()
    }

    /// Whether the transaction is left open. True only if somebody waits who will find it so, or will have it ended.
    fn goes_on(&self) -> bool {
        self.shared.open.store(true, SeqCst);
        let room = {
            let group = self.group();
            group.members.len() + 1 < MOST && group.began.is_some_and(|began| began.elapsed() < LONGEST)
        };
        room && self.shared.waiting.load(SeqCst) > 0
    }

    /// Forgets the transaction, which is over. Gives those who wait to hear how it ended.
    fn forget(&self) -> Vec<oneshot::Sender<bool>> {
        self.shared.open.store(false, SeqCst);
        std::mem::take(&mut *self.group()).members
    }

    /// Commits for all, tells them, and gives the connection back if it is still good.
    async fn end(&self, mut lease: Lease<File>) -> Option<Lease<File>> {
        let committed = match lease.connection() {
            Ok(connection) => run(connection, &COMMIT).await,
            Err(error) => Err(error),
        };
        if let Err(error) = &committed {
            tracing::warn!(%error, "writes could not be committed");
            return self.fail(lease).await;
        }
        tell(self.forget(), true);
        Some(lease)
    }

    /// Undoes everything, tells all, and gives the connection back if it is still good.
    async fn fail(&self, mut lease: Lease<File>) -> Option<Lease<File>> {
        let undone = match lease.connection() {
            Ok(connection) => run(connection, &ROLLBACK).await,
            Err(error) => Err(error),
        };
        let members = self.forget();
        // Also where SQLite has rolled back by itself, on which it is not to be relied.
        let lease = if undone.is_ok() {
            Some(lease)
        } else {
            lease.discarded();
            None
        };
        tell(members, false);
        lease
    }

    /// Takes back what an operation did that failed or was given up, and goes on with the others.
    async fn recover(&self, mut lease: Lease<File>, part: Part) {
        let there = match lease.connection() {
            Ok(connection) => is_there(connection).await,
            Err(_) => false,
        };
        if !there {
            let members = self.forget();
            lease.discarded();
            tell(members, false);
            return;
        }
        let lease = if !self.begun() {
            Some(lease)
        } else if self.group().members.is_empty() {
            self.fail(lease).await
        } else {
            self.take_back(lease, part).await
        };
        if let Some(lease) = lease {
            lease.settled();
        }
    }

    /// An error can have ended the whole transaction (a full disk, for one). Only a savepoint that is still there proves that it
    /// has not; without that proof nobody may join any more, and COMMIT says what became of it.
    async fn take_back(&self, mut lease: Lease<File>, part: Part) -> Option<Lease<File>> {
        let has_savepoint = part == Part::Transaction && self.group().savepoint == Savepoint::Used;
        if !has_savepoint {
            return self.end(lease).await;
        }
        let taken_back = match lease.connection() {
            Ok(connection) => run(connection, &TAKE_BACK).await,
            Err(error) => Err(error),
        };
        if taken_back.is_err() {
            return self.fail(lease).await;
        }
        self.group().savepoint = Savepoint::Fresh;
        if self.goes_on() {
            Some(lease)
        } else {
            self.end(lease).await
        }
    }

    /// Ends a transaction that was left open for one who went away, unless another has done so.
    async fn end_if_left(self) {
        while self.shared.open.load(SeqCst) {
            let began = self.group().began;
            match self.lender.lend().await {
                Ok(lease) if self.begun() => {
                    if let Some(lease) = self.end(lease).await {
                        lease.settled();
                    }
                }
                Ok(lease) => {
                    self.shared.open.store(false, SeqCst);
                    lease.settled();
                }
                // The queue is long, or the pool is closed. Those who wait find the transaction when their turn comes, or come
                // here themselves when it does not; the last of them finds nobody left.
                Err(_) if self.shared.waiting.load(SeqCst) > 0 => return,
                // Somebody is at work in it, finds that nobody waits, and commits.
                Err(_) if self.lender.lent().in_use > 0 => pause(HANDED_BACK).await,
                // It went with its connection.
                Err(_) if self.group().began == began => tell(self.forget(), false),
                Err(_) => {}
            }
        }
    }
}

impl Turn {
    /// The connection.
    pub(super) fn connection(&mut self) -> Result<&mut SqliteConnection> {
        self.lease.as_mut().ok_or_else(undone)?.connection()
    }

    /// Returns when the operation is on the disk. If that fails, nothing has happened.
    pub(super) async fn commit(mut self) -> Result<()> {
        let writer = self.writer.clone();
        if !writer.begun() {
            if self.joined {
                // Whoever ended the transaction did not do so for this one.
                return Err(undone());
            }
            self.settle();
            return Ok(());
        }
        let goes_on = writer.goes_on();
        if !goes_on && writer.group().members.is_empty() {
            run(self.connection()?, &COMMIT).await?;
            writer.forget();
            self.settle();
            return Ok(());
        }
        let (tell, told) = oneshot::channel();
        writer.group().members.push(tell);
        if goes_on {
            self.settle();
        } else if let Some(lease) = self.lease.take() {
            tokio::spawn(async move {
                if let Some(lease) = writer.end(lease).await {
                    lease.settled();
                }
            });
        }
        match told.await {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(undone()),
        }
    }

    async fn begin(&mut self) -> Result<()> {
        self.joined = true;
        // Before it is tried: given up half-way, it may be open.
        self.writer.group().began = Some(Instant::now());
        run(self.connection()?, &BEGIN).await
    }

    fn settle(&mut self) {
        if let Some(lease) = self.lease.take() {
            lease.settled();
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(lease) = self.lease.take() else { return };
        let (writer, part) = (self.writer.clone(), self.part);
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move { writer.recover(lease, part).await });
        } else {
            let members = writer.forget();
            lease.discarded();
            tell(members, false);
        }
    }
}

impl<'a> Waiting<'a> {
    fn new(writer: &'a Writer) -> Self {
        writer.shared.waiting.fetch_add(1, SeqCst);
        Self(writer, false)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let Self(writer, has_turn) = self;
        writer.shared.waiting.fetch_sub(1, SeqCst);
        if !*has_turn
            && writer.shared.open.load(SeqCst)
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn((*writer).clone().end_if_left());
        }
    }
}

/// Not counted among the statements of a request: several share them.
async fn run(connection: &mut SqliteConnection, statement: &'static Statement) -> Result<()> {
    sqlx::query(statement.sqlite).execute(connection).await?;
    Ok(())
}

/// Those who have gone away need not be told.
fn tell(members: Vec<oneshot::Sender<bool>>, committed: bool) {
    for member in members {
        if member.send(committed).is_err() {
            tracing::trace!("a caller did not wait for its commit");
        }
    }
}

fn undone() -> StoreError {
    StoreError::Unavailable("the writes could not be committed".into())
}
