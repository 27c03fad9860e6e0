//! Names become addresses here, and only those that may be dialled: the connection goes to the very address that was judged.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::Semaphore;

use super::OutboundError;
use super::leave::{Leave, Rules};

/// What looks names up.
pub type Lookup = Arc<dyn Fn(String) -> LookingUp + Send + Sync>;

/// The addresses of a name, on their way.
pub type LookingUp = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Each lookup holds a thread until the machine's resolver gives up, long after nobody waits for it any more.
const LOOKUPS: usize = 32;

/// Names that never exist (RFC 6761 §6.4 and §6.5): those of examples, and those that say so.
const RESERVED: [&str; 2] = [".example", ".invalid"];

/// The machine's own resolver. It is not asked for names that cannot exist.
pub(super) fn system() -> Lookup {
    let permits = Arc::new(Semaphore::new(LOOKUPS));
    Arc::new(move |name| {
        if RESERVED.iter().any(|reserved| name.ends_with(reserved)) {
            return Box::pin(async { Err(io::ErrorKind::NotFound.into()) });
        }
        let permits = permits.clone();
        Box::pin(async move {
            let permit = permits.acquire_owned().await.map_err(io::Error::other)?;
            let lookup = tokio::spawn(async move {
                let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
                drop(permit);
                Ok(found.map(|found| found.ip()).collect())
            });
            lookup.await?
        })
    })
}

/// The resolver of hosts that are asked on the same grounds.
pub(super) struct Guard {
    pub rules: Rules,
    pub leave: Leave,
    pub lookup: Lookup,
}

impl Resolve for Guard {
    /// One address that may not be dialled refuses the whole name: whoever mixes them is trying something.
    fn resolve(&self, name: Name) -> Resolving {
        let (rules, leave) = (self.rules.clone(), self.leave);
        let found = (self.lookup)(name.as_str().to_owned());
        Box::pin(async move {
            let found = found.await?;
            if found.iter().all(|address| rules.may_dial(leave, *address)) {
                // The port is the one of the URL: zero means that.
                let found = found.into_iter().map(|address| SocketAddr::new(address, 0));
                Ok(Box::new(found) as Addrs)
            } else {
                Err(OutboundError::Refused.into())
            }
        })
    }
}
