//! A device that asks to be let in (RFC 8628): what it asked for, from where, and what became of it.

use std::net::IpAddr;

use super::digest::TokenDigest;
use super::grant::GrantId;
use super::interaction::BrowserId;
use super::row_id;
use crate::protocol::ids::ClientId;
use crate::protocol::scope::Scope;
use crate::time::Timestamp;

row_id! {
    /// Key of a [`DeviceGrant`].
    DeviceGrantId
}

row_id! {
    /// Key of a [`DeviceVisit`]. It stands in URLs and is worth nothing without the browser that it is bound to.
    DeviceVisitId
}

/// A device authorization request.
#[derive(Clone, Debug)]
pub struct DeviceGrant {
    /// Its key.
    pub id: DeviceGrantId,
    /// SHA-256 of the device code.
    pub digest: TokenDigest,
    /// Who asks.
    pub client_id: ClientId,
    /// For what.
    pub scope: Scope,
    /// Which resources (RFC 8707).
    pub resources: Vec<String>,
    /// Where it was asked from.
    pub address: Option<IpAddr>,
    /// The program that asked, as it names itself.
    pub user_agent: Option<String>,
    /// Seconds between two polls; grows with every poll that comes too early.
    pub interval: i64,
    /// When a poll last came too early.
    pub slowed_at: Option<Timestamp>,
    /// When it was asked.
    pub created_at: Timestamp,
    /// When it is given up.
    pub expires_at: Timestamp,
    /// Where it stands.
    pub state: DeviceGrantState,
}

/// Where a device authorization request stands. Whether it has expired is told by the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceGrantState {
    /// Nobody has answered.
    Pending,
    /// A person refused.
    Denied {
        /// When.
        at: Timestamp,
    },
    /// A person allowed it; the device has not asked since.
    Approved {
        /// When.
        at: Timestamp,
        /// What it buys.
        grant_id: GrantId,
    },
    /// The device has its tokens.
    Redeemed {
        /// When.
        at: Timestamp,
        /// What it bought.
        grant_id: GrantId,
    },
}

impl DeviceGrant {
    /// Whether a person may still answer it at `now`.
    pub fn awaits_answer(&self, now: Timestamp) -> bool {
        self.state == DeviceGrantState::Pending && now < self.expires_at
    }

    /// The interval never grows beyond the whole life of the request, in seconds.
    pub fn lifetime(&self) -> i64 {
        self.expires_at.since(self.created_at)
    }
}

/// A browser in which somebody entered the user code of a device.
#[derive(Clone, Debug)]
pub struct DeviceVisit {
    /// Its key.
    pub id: DeviceVisitId,
    /// The browser; no other may answer here.
    pub browser: BrowserId,
    /// The device.
    pub device_id: DeviceGrantId,
    /// The user code, sealed for this visit: the page shows it once more, for comparison.
    pub sealed_code: Vec<u8>,
}
