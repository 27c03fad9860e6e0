//! Who takes part. Ours, the limits and the peers are all asked the same: to make themselves ready for a workload, and to
//! say what each of the 32 connections is to send.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;

use crate::commits::Writers;
use crate::load::{Outcome, Scripts, drive};
use crate::workload::Workload;

/// Something that can be measured. It is started before the first round and idle while others are measured; it ends when
/// it is dropped.
#[async_trait]
pub trait Contender: Send {
    /// As in the report, such as "`oidc-provider`, in memory".
    fn name(&self) -> String;

    /// Its version, for the report's list.
    fn version(&self) -> String;

    /// What it is in the comparison.
    fn role(&self) -> Role;

    /// Makes ready for `workload` what takes time: signs people in, gets the tokens that are to be looked up, and warms up
    /// nothing (the driver does). `None`: it does not take part in this one.
    async fn prepare(&mut self, workload: Workload) -> anyhow::Result<Option<Load>>;

    /// Where to read what it costs.
    fn gauges(&self) -> Gauges;
}

/// What a contender is in the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// What answers least: the limit of everything that is asked over HTTP.
    Limit,
    /// A commit of a single row on SQLite: the limit of what writes there.
    CommitOnSqlite,
    /// A commit of a single row on PostgreSQL.
    CommitOnPostgres,
    /// Portcullis on SQLite.
    OursOnSqlite,
    /// Portcullis on PostgreSQL.
    OursOnPostgres,
    /// Another server of this kind.
    Peer,
}

/// Processes and files to read.
#[derive(Clone, Debug, Default)]
pub struct Gauges {
    /// The server's processes.
    pub server: Vec<u32>,
    /// The database server's first process; its children count too.
    pub postgres: Option<u32>,
    /// A connection to the database of this contender, where commits can be counted.
    pub database: Option<String>,
    /// A log that has a line for each request with the number of its statements, `queries=N`.
    pub log: Option<PathBuf>,
}

/// What is driven.
pub enum Load {
    /// Requests to this address.
    Requests(SocketAddr, Scripts),
    /// Commits of single rows.
    Commits(Writers),
}

impl Load {
    /// Drives it for so long.
    pub async fn drive(&mut self, length: Duration) -> anyhow::Result<Outcome> {
        match self {
            Self::Requests(address, scripts) => drive(*address, scripts, length).await,
            Self::Commits(writers) => writers.drive(length).await,
        }
    }
}
