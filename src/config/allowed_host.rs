//! Places inside the network that may be reached although strangers name them.

use std::net::{IpAddr, Ipv6Addr};
use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::Network;

/// "jwks.internal", "jwks.internal:8443", "[fd00::1]:8443", "10.0.0.0/8" or "127.0.0.1".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum AllowedHost {
    /// A host by its name, on one port or on all.
    Name(String, Option<u16>),
    /// Every address of a network, on all ports.
    Network(Network),
}

impl AllowedHost {
    /// Whether the host that a URL names is this one.
    pub fn is_named(&self, host: &str, port: u16) -> bool {
        match self {
            Self::Name(name, only) => name.eq_ignore_ascii_case(host) && only.is_none_or(|only| only == port),
            Self::Network(_) => false,
        }
    }

    /// Whether an address belongs to it.
    pub fn contains(&self, address: IpAddr) -> bool {
        match self {
            Self::Name(..) => false,
            Self::Network(network) => network.contains(address),
        }
    }
}

/// Why a text is no such place.
#[derive(Debug, thiserror::Error)]
#[error(
    "expected a host such as \"jwks.internal\" or \"jwks.internal:8443\", or a network such as \"10.0.0.0/8\", found \"{0}\""
)]
pub struct InvalidHost(String);

impl FromStr for AllowedHost {
    type Err = InvalidHost;

    fn from_str(text: &str) -> Result<Self, InvalidHost> {
        if let Ok(network) = text.parse() {
            return Ok(Self::Network(network));
        }
        let invalid = || InvalidHost(text.to_owned());
        let (name, port) = match text.rsplit_once(':') {
            Some((name, port)) => (name, Some(port.parse().map_err(|_| invalid())?)),
            None => (text, None),
        };
        if let Some(v6) = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let address: Ipv6Addr = v6.parse().map_err(|_| invalid())?;
            return Ok(Self::Name(address.to_string(), port));
        }
        let is_host_byte = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
        if name.is_empty() || !name.bytes().all(is_host_byte) {
            return Err(invalid());
        }
        Ok(Self::Name(name.to_ascii_lowercase(), port))
    }
}

impl TryFrom<String> for AllowedHost {
    type Error = InvalidHost;

    fn try_from(text: String) -> Result<Self, InvalidHost> {
        text.parse()
    }
}

impl From<AllowedHost> for String {
    fn from(host: AllowedHost) -> Self {
        host.to_string()
    }
}

impl fmt::Display for AllowedHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(v6, Some(port)) if v6.contains(':') => write!(f, "[{v6}]:{port}"),
            Self::Name(name, Some(port)) => write!(f, "{name}:{port}"),
            Self::Name(name, None) => f.write_str(name),
            Self::Network(network) => network.fmt(f),
        }
    }
}
