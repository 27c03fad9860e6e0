//! Other servers of this kind, from package registries. Each is a [`Contender`](crate::contender::Contender) with the role
//! [`Role::Peer`](crate::contender::Role::Peer): a process that is started on a free port of the loopback interface, and the
//! scripts of the workloads that it can do. What most of them need is ready made: [`crate::script::Repeat`] sends prepared
//! requests, [`crate::script::Rotation`] goes down a chain of refresh tokens, [`crate::script::CodeFlow`] does
//! authorize → token with the cookies of a [`crate::visitor::Visitor`] who has signed in.

use std::path::Path;

use crate::contender::Contender;

/// Starts those that are installed. `folder` is theirs to write to; it goes away afterwards.
pub async fn start(_folder: &Path) -> anyhow::Result<Vec<Box<dyn Contender>>> {
    Ok(Vec::new())
}
