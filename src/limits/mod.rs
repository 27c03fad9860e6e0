//! How often something may be tried: taken before it is tried, given back when it turns out honest. The counts are in the
//! database, for all nodes together; their names there are HMACs, so it does not tell who was tried, nor from where.
//!
//! What must be fast and needs no proof is counted in memory instead, for each node by itself ([`crate::quota`]): see [`requests`].

pub mod client_auth;
pub mod known_browser;
pub mod requests;
pub mod sign_in;
pub mod user_code;

use std::net::IpAddr;

use crate::app::App;
use crate::config::Rate;
use crate::crypto::digest::hmac_sha256;
use crate::model::audit_event::{Actor, AuditEvent, AuditKind};
use crate::model::caller::Caller;
use crate::model::throttle::{ThrottleKey, ThrottleKind};
use crate::protocol::error::{OAuthError, Reason};
use crate::store::{Limit, Reservation};
use crate::time::Timestamp;

/// Whether something may be tried now.
#[derive(Debug)]
#[must_use]
pub enum Permit {
    /// It may, and counts as tried.
    Granted(Taken),
    /// It may not, and did not count.
    Throttled {
        /// When it may, in seconds from now: at least 1.
        retry_after: i64,
    },
}

/// What was taken for one try. Dropped when it was wrong: then it stays counted.
#[derive(Debug)]
pub struct Taken {
    /// Counts that a success brings back to nothing.
    own: Vec<Limit>,
    /// Counts shared with others, or that a success proves nothing about: it gives back its own part.
    shared: Vec<Limit>,
}

impl Taken {
    /// It was right. That this cannot be noted is no reason to refuse it.
    pub async fn right(self, app: &App) {
        noted(app.store().forgive(&self.own, &self.shared).await);
    }

    /// It was not tried after all.
    pub async fn untried(self, app: &App) {
        let all: Vec<_> = self.own.into_iter().chain(self.shared).collect();
        noted(app.store().give_back(&all).await);
    }
}

fn noted(given_back: crate::store::Result<()>) {
    if let Err(error) = given_back {
        tracing::warn!(%error, "an honest attempt stays counted until it grows back");
    }
}

/// Takes one of everything, or nothing. Reports the first refusal of each key and window to the audit trail: a flood of
/// attempts is no flood of events.
async fn reserve(
    app: &App,
    taken: Taken,
    now: Timestamp,
    event: impl FnOnce() -> AuditEvent,
) -> Result<Permit, OAuthError> {
    let all: Vec<_> = taken.own.iter().chain(&taken.shared).copied().collect();
    match app.store().reserve(&all, now).await? {
        Reservation::Reserved => Ok(Permit::Granted(taken)),
        Reservation::Refused {
            retry_after,
            which,
            first,
        } => {
            app.metrics().throttled(which);
            if first {
                app.audit().record(event().detail("limit", which.as_str()));
            }
            Ok(Permit::Throttled { retry_after })
        }
    }
}

/// The event of a limit that was reached.
fn throttled(reason: Reason, caller: &Caller, now: Timestamp) -> AuditEvent {
    AuditEvent::new(AuditKind::Throttled, Actor::Nobody, now)
        .by(caller)
        .reason(reason)
}

fn limit(app: &App, kind: ThrottleKind, rate: Rate, parts: &[&[u8]]) -> Limit {
    let mut named = vec![kind.as_str().as_bytes()];
    named.extend(parts);
    let digest = hmac_sha256(app.throttle_key(), &named);
    Limit {
        key: ThrottleKey { kind, digest },
        rate,
    }
}

/// A limit on an address; none where no socket is involved.
fn of_address(app: &App, kind: ThrottleKind, rate: Rate, caller: &Caller) -> Option<Limit> {
    let network = network(caller.address?);
    Some(limit(app, kind, rate, &[&network]))
}

/// What counts as one address: an IPv4 address, and the /64 network of an IPv6 address, which is the least that one person is
/// given and has 2^64 addresses.
pub fn network(address: IpAddr) -> [u8; 16] {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => {
            let mut octets = address.octets();
            octets[8..].fill(0);
            octets
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_is_one_ipv4_address_or_one_ipv6_network() {
        let same = [
            ("192.0.2.1", "::ffff:192.0.2.1"),
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"),
        ];
        for (one, other) in same {
            assert_eq!(
                network(one.parse().unwrap()),
                network(other.parse().unwrap()),
                "{one} {other}"
            );
        }
        let different = [
            ("192.0.2.1", "192.0.2.2"),
            ("2001:db8:1:2::1", "2001:db8:1:3::1"),
            ("192.0.2.1", "::192.0.2.1"),
        ];
        for (one, other) in different {
            assert_ne!(
                network(one.parse().unwrap()),
                network(other.parse().unwrap()),
                "{one} {other}"
            );
        }
    }
}
