//! Who sent a request, as far as the network tells.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

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

/// Whether two addresses are close enough to be in one household or office, as far as addresses tell: the same /24 network of
/// IPv4, the same /48 of IPv6. Of one address of each kind nothing can be said, so they count as different; save for
/// `localhost`, which is both.
pub fn same_network(one: IpAddr, other: IpAddr) -> bool {
    let plain = |address: IpAddr| match address.to_canonical() {
        IpAddr::V6(Ipv6Addr::LOCALHOST) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        other => other,
    };
    match (plain(one), plain(other)) {
        (IpAddr::V4(one), IpAddr::V4(other)) => one.octets()[..3] == other.octets()[..3],
        (IpAddr::V6(one), IpAddr::V6(other)) => one.octets()[..6] == other.octets()[..6],
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::same_network;

    #[test]
    fn networks_are_compared_as_far_as_a_household_goes() {
        for (one, other, same) in [
            ("192.0.2.1", "192.0.2.254", true),
            ("192.0.2.1", "192.0.3.1", false),
            ("192.0.2.1", "::ffff:192.0.2.9", true),
            ("2001:db8:7:1::1", "2001:db8:7:ffff::9", true),
            ("2001:db8:7::1", "2001:db8:8::1", false),
            ("192.0.2.1", "2001:db8::1", false),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "::1", true),
            ("127.9.9.9", "::1", false),
        ] {
            let (a, b) = (one.parse().unwrap(), other.parse().unwrap());
            assert_eq!((same_network(a, b), same_network(b, a)), (same, same), "{one} {other}");
        }
    }
}
