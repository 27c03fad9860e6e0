//! Telling a supervisor of the systemd kind how the server is (`sd_notify(3)`): one datagram to a socket that it names.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// The server listens.
pub const READY: &str = "READY=1";
/// The server finishes what is under way.
pub const STOPPING: &str = "STOPPING=1";

/// Says it, if there is anybody to tell. That nobody hears it is no reason to stop.
pub fn tell(state: &str) {
    let Some(path) = std::env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    let told = address(&path).and_then(|address| UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address));
    if let Err(error) = told {
        tracing::debug!(%error, "the supervisor cannot be told");
    }
}

/// A name that starts with `@` is one of Linux's, outside the file system.
fn address(path: &OsStr) -> io::Result<SocketAddr> {
    #[cfg(target_os = "linux")]
    if let [b'@', name @ ..] = path.as_bytes() {
        return <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name);
    }
    SocketAddr::from_pathname(path)
}
