//! Where strangers may send us: decided for the address as it is written, and again for what its name resolves to.

use std::net::IpAddr;
use std::sync::Arc;

use url::{Host, Url};

use super::OutboundError;
use super::addresses::is_public;
use crate::config::AllowedHost;

/// The port of https, the only one that strangers may name.
const HTTPS: u16 = 443;

/// The longest address that is looked at, in bytes.
const MAX_LENGTH: usize = 2048;

/// On what grounds a host may be asked, and so which addresses it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leave {
    /// The operator named this host, for this port: it may be anywhere.
    Named,
    /// The port is that of https: it must be on the public network, or on one that the operator allowed.
    Public,
    /// Another port: it must be on a network that the operator allowed.
    Network,
}

/// What the operator allows beyond the public network; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Rules(Arc<[AllowedHost]>);

impl Rules {
    pub fn new(allowed: &[AllowedHost]) -> Self {
        Self(allowed.into())
    }

    /// Whether an address may be fetched as it is written, and on what grounds.
    pub fn admit(&self, text: &str) -> Result<(Url, Leave), OutboundError> {
        let url = parse(text).ok_or(OutboundError::Refused)?;
        let leave = self.leave(&url).ok_or(OutboundError::Refused)?;
        Ok((url, leave))
    }

    fn leave(&self, url: &Url) -> Option<Leave> {
        let port = url.port_or_known_default()?;
        let named = |name: &str| self.0.iter().any(|allowed| allowed.is_named(name, port));
        let address = match url.host()? {
            Host::Ipv4(v4) => IpAddr::V4(v4),
            Host::Ipv6(v6) => IpAddr::V6(v6),
            // A name is resolved first, and its addresses judged then.
            Host::Domain(name) if named(name) => return Some(Leave::Named),
            Host::Domain(_) if port == HTTPS => return Some(Leave::Public),
            Host::Domain(_) => return self.has_networks().then_some(Leave::Network),
        };
        let (by_name, by_port) = (Leave::Named, if port == HTTPS { Leave::Public } else { Leave::Network });
        if named(&address.to_string()) {
            Some(by_name)
        } else {
            self.may_dial(by_port, address).then_some(by_port)
        }
    }

    /// Whether a host that is asked on these grounds may have this address.
    pub fn may_dial(&self, leave: Leave, address: IpAddr) -> bool {
        let within = || self.0.iter().any(|allowed| allowed.contains(address));
        match leave {
            Leave::Named => true,
            Leave::Public => is_public(address) || within(),
            Leave::Network => within(),
        }
    }

    fn has_networks(&self) -> bool {
        let is_network = |allowed: &AllowedHost| matches!(allowed, AllowedHost::Network(_));
        self.0.iter().any(is_network)
    }
}

/// Absolute, https, without a user, and written so that no two parsers disagree about its host: what a URL parser silently
/// repairs (blanks, backslashes, slashes too few or too many) is refused, and so is a trailing dot, which makes two names of
/// one host.
fn parse(text: &str) -> Option<Url> {
    let repaired = |c: char| c.is_whitespace() || c.is_control() || c == '\\';
    let (_, host) = text.split_once("://")?;
    if text.len() > MAX_LENGTH || text.contains(repaired) || host.starts_with('/') {
        return None;
    }
    let url = Url::parse(text).ok()?;
    let plain = url.scheme() == "https" && url.username().is_empty() && url.password().is_none();
    let dotted = url.host_str()?.ends_with('.');
    (plain && !dotted).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(allowed: &[&str]) -> Rules {
        let allowed: Vec<_> = allowed.iter().map(|host| host.parse().unwrap()).collect();
        Rules::new(&allowed)
    }

    fn leave(rules: &Rules, url: &str) -> Option<Leave> {
        rules.admit(url).ok().map(|(_, leave)| leave)
    }

    #[test]
    fn ss_01_no_address_inside_is_admitted() {
        let rules = rules(&[]);
        for host in [
            "127.0.0.1",
            "[::1]",
            "0.0.0.0",
            "[::]",
            "169.254.169.254",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "[fc00::1]",
            "[fd00:ec2::254]",
            "[fe80::1]",
            "[::ffff:127.0.0.1]",
            "[::127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "224.0.0.1",
            "255.255.255.255",
        ] {
            for url in [format!("https://{host}/x"), format!("https://{host}:8443/x")] {
                assert_eq!(leave(&rules, &url), None, "{url}");
            }
        }
        assert_eq!(leave(&rules, "https://93.184.216.34/x"), Some(Leave::Public));
        assert_eq!(leave(&rules, "https://[2606:4700::1111]:443/x"), Some(Leave::Public));
    }

    #[test]
    fn ss_02_spellings_of_addresses_inside_are_refused_as_written() {
        let rules = rules(&[]);
        for host in [
            "2130706433",
            "0x7f000001",
            "017700000001",
            "0177.0.0.1",
            "0x7f.1",
            "127.1",
            "127.0.0.1.",
            "127%2e0%2e0%2e1",
            "%31%32%37.0.0.1",
            "127。0。0。1",
            "127．0．0．1",
            "①②⑦.0.0.1",
            "localhost.",
            "[fe80::1%25eth0]",
            "[fe80::1%eth0]",
            "[::ffff:7f00:1]",
            "[0:0:0:0:0:0:0:1]",
            "user@93.184.216.34",
            "user:secret@client.test",
            ":secret@client.test",
            "client.test\\@127.0.0.1",
            "client.test\t",
            "client .test",
            "",
        ] {
            assert_eq!(leave(&rules, &format!("https://{host}/x")), None, "{host}");
        }
        // Names are judged by what they resolve to, whatever they say.
        for host in [
            "localhost",
            "LOCALHOST",
            "foo.localhost",
            "127.0.0.1.nip.io",
            "bücher.example",
        ] {
            assert_eq!(
                leave(&rules, &format!("https://{host}/x")),
                Some(Leave::Public),
                "{host}"
            );
        }
        for address in ["127.0.0.1", "::1", "10.1.2.3", "::ffff:10.1.2.3"] {
            assert!(!rules.may_dial(Leave::Public, address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn ss_02_what_a_parser_would_repair_is_refused() {
        let rules = rules(&[]);
        for url in [
            "https:",
            "https://",
            "https:///",
            "https:///client.test/",
            "https:client.test/",
            "https:/client.test/",
            "//client.test/x",
            "/x",
            "",
            " https://client.test/",
        ] {
            assert_eq!(leave(&rules, url), None, "{url}");
        }
        let long = format!("https://client.test/{}", "x".repeat(MAX_LENGTH));
        assert_eq!(leave(&rules, &long), None);
    }

    #[test]
    fn ss_06_dr_07_only_https_is_admitted() {
        let rules = rules(&["client.test", "0.0.0.0/0"]);
        for scheme in ["http", "file", "gopher", "ftp", "unix", "ws", "wss", "HTTP", "httpss"] {
            assert_eq!(leave(&rules, &format!("{scheme}://client.test/x")), None, "{scheme}");
        }
        for url in [
            "data:image/png;base64,AAAA",
            "javascript:alert(1)",
            "file:///etc/passwd",
            "about:blank",
        ] {
            assert_eq!(leave(&rules, url), None, "{url}");
        }
        assert_eq!(leave(&rules, "HTTPS://CLIENT.test/x"), Some(Leave::Named));
    }

    #[test]
    fn ss_07_other_ports_need_leave() {
        let none = rules(&[]);
        for port in [0, 22, 25, 80, 444, 6379, 8443] {
            for host in ["client.test", "93.184.216.34", "[2606:4700::1111]"] {
                assert_eq!(leave(&none, &format!("https://{host}:{port}/x")), None, "{host}:{port}");
            }
        }
        // The leave of one port is none for the others: there the host is a stranger again.
        let one_port = rules(&["client.test:8443", "10.0.0.1:8443", "[fd00::1]:8443"]);
        for host in ["client.test", "10.0.0.1", "[fd00::1]"] {
            let at = |port: u16| leave(&one_port, &format!("https://{host}:{port}/x"));
            assert_eq!((at(8443), at(8444)), (Some(Leave::Named), None), "{host}");
        }
        assert_eq!(leave(&one_port, "https://client.test/x"), Some(Leave::Public));
        assert_eq!(leave(&one_port, "https://10.0.0.1/x"), None);
        assert_eq!(leave(&one_port, "https://sub.client.test:8443/x"), None);
        // The leave of a network is for its addresses, on whatever port, and none for the public network's other ports.
        let network = rules(&["10.0.0.0/8"]);
        assert_eq!(leave(&network, "https://10.0.0.1:6379/x"), Some(Leave::Network));
        assert_eq!(leave(&network, "https://93.184.216.34:6379/x"), None);
        assert_eq!(leave(&network, "https://client.test:6379/x"), Some(Leave::Network));
        assert!(!network.may_dial(Leave::Network, "93.184.216.34".parse().unwrap()));
        assert!(network.may_dial(Leave::Network, "10.9.9.9".parse().unwrap()));
    }
}
