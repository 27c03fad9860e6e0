//! What operators do to a running server: copies, restores, failovers, several processes, and asking what is wrong.

mod backups;
mod doctors;
mod restores;
mod upgrades;

use std::path::Path;

use crate::support::TestServer;
use crate::support::process::{Ended, configure, portcullis, run};

/// Runs a command beside the server, with its database, its master key and this data directory.
fn command(server: &TestServer, data: &Path, arguments: &[&str]) -> Ended {
    let mut command = portcullis(arguments);
    command.args(["--issuer", server.app.issuer()]);
    configure(&mut command, server, data, &[]);
    run(command)
}

/// The file of an SQLite database.
fn file_of(server: &TestServer) -> &Path {
    Path::new(server.db.url().strip_prefix("sqlite://").unwrap())
}
