//! A sign-in in one browser.

use std::net::IpAddr;

use super::row_id;
use super::user::UserId;
use crate::time::Timestamp;

row_id! {
    /// Key of a [`BrowserSession`], and `sid` in ID tokens.
    BrowserSessionId
}

/// A person signed in, in one browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrowserSession {
    /// Its key.
    pub id: BrowserSessionId,
    /// Who signed in.
    pub user_id: UserId,
    /// When credentials were last checked (`auth_time`).
    pub auth_time: Timestamp,
    /// The authentication context reached (`acr`).
    pub acr: String,
    /// The methods used (`amr`, RFC 8176).
    pub amr: Vec<String>,
    /// When it began.
    pub created_at: Timestamp,
    /// When it ends for good.
    pub expires_at: Timestamp,
    /// When it was ended by someone.
    pub ended_at: Option<Timestamp>,
    /// The browser as it named itself, cut to a sane length.
    pub user_agent: Option<String>,
    /// Where it was last used.
    pub address: Option<IpAddr>,
}

impl BrowserSession {
    /// Whether it counts at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.ended_at.is_none() && now < self.expires_at
    }
}
