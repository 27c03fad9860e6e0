//! Who sent a request, as far as the network tells.

use std::net::IpAddr;

/// What is known about the sender of a request. The audit trail, throttling and the list of a person's sessions use it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// Names the request in the log and the audit trail.
    pub request_id: String,
    /// The client's address: the peer's, or what a trusted proxy says. `None` where no socket is involved.
    pub address: Option<IpAddr>,
    /// The program as it names itself, cut to [`MAX_USER_AGENT`] characters.
    pub user_agent: Option<String>,
}

/// The longest user agent that is kept.
pub const MAX_USER_AGENT: usize = 256;
