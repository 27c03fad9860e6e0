//! The address behind a request. A header about it is believed from a trusted proxy only, and only what that proxy itself
//! wrote: the right-most entry that is no trusted proxy.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::http::{Extensions, HeaderMap, HeaderValue, header};

use crate::config::{ProxyHeader, ServerConfig};
use crate::model::caller::{Caller, MAX_USER_AGENT};
use crate::telemetry::traces::Parent;

/// What the layers found out about a request and noted on it.
#[derive(Clone, Debug)]
pub struct Sender {
    /// Names the request, from the caller's side into the log and back.
    pub request_id: Arc<str>,
    /// The client's address.
    pub address: Option<IpAddr>,
}

/// Finds out the address of the client behind the connection.
pub fn find_out(peer: Option<SocketAddr>, headers: &HeaderMap, server: &ServerConfig) -> Option<IpAddr> {
    Some(behind(peer?.ip().to_canonical(), headers, server))
}

/// The trace that a request belongs to (W3C Trace Context), if a trusted proxy says so. A stranger could give all their
/// requests one id, or have every one of them recorded.
pub fn trace_parent<'a>(peer: Option<SocketAddr>, headers: &'a HeaderMap, server: &ServerConfig) -> Option<Parent<'a>> {
    let peer = peer?.ip();
    let trusted = server.trusted_proxies.iter().any(|network| network.contains(peer));
    let header = |name: &str| headers.get(name)?.to_str().ok();
    let traceparent = trusted.then(|| header("traceparent"))??;
    Some(Parent {
        traceparent,
        tracestate: header("tracestate"),
    })
}

/// Everything known about the sender of a request.
pub fn caller(extensions: &Extensions, headers: &HeaderMap) -> Caller {
    let user_agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    let sender = extensions.get::<Sender>();
    // What can be read as text is ASCII.
    Caller {
        request_id: sender.map_or_else(String::new, |sender| sender.request_id.to_string()),
        address: sender.and_then(|sender| sender.address),
        user_agent: user_agent.map(|agent| agent[..agent.len().min(MAX_USER_AGENT)].to_owned()),
    }
}

/// Walks from the peer towards the client, as long as those who tell of the next are trusted. What cannot be read ends the
/// walk: then the last proxy that could be read stands for the client.
fn behind(peer: IpAddr, headers: &HeaderMap, server: &ServerConfig) -> IpAddr {
    let trusted = |address: IpAddr| server.trusted_proxies.iter().any(|network| network.contains(address));
    let mut reached = peer;
    if !trusted(reached) {
        return reached;
    }
    let (name, read): (_, fn(&str) -> Option<IpAddr>) = match server.proxy_header {
        ProxyHeader::XForwardedFor => ("x-forwarded-for", address),
        ProxyHeader::Forwarded => ("forwarded", forwarded_for),
    };
    let values: Vec<&[u8]> = headers.get_all(name).iter().map(HeaderValue::as_bytes).collect();
    // Entry by entry: bytes that a client put in front of what the proxy wrote spoil their own entry and no other.
    for entry in values.iter().rev().flat_map(|value| value.rsplit(|byte| *byte == b',')) {
        let entry = std::str::from_utf8(entry).unwrap_or_default();
        let Some(next) = read(entry.trim()) else {
            return reached;
        };
        reached = next;
        if !trusted(reached) {
            return reached;
        }
    }
    reached
}

/// The `for` of one element of `Forwarded` (RFC 7239 §4, §6).
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let mut pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let (_, node) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    address(node.trim().trim_matches('"'))
}

/// An address, with a port or without; IPv6 may stand in brackets.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let parsed = bare.unwrap_or(text).parse::<IpAddr>();
    let with_port = || text.parse::<SocketAddr>().map(|socket| socket.ip());
    parsed
        .or_else(|_| with_port())
        .ok()
        .map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;

    use super::*;

    fn found(proxies: &[&str], header: ProxyHeader, peer: &str, values: &[&str]) -> String {
        let server = ServerConfig {
            trusted_proxies: proxies.iter().map(|proxy| proxy.parse().unwrap()).collect(),
            proxy_header: header,
            ..ServerConfig::default()
        };
        let mut headers = HeaderMap::new();
        for value in values {
            let (name, value) = value.split_once(": ").unwrap();
            headers.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_bytes(value.as_bytes()).unwrap(),
            );
        }
        let peer = SocketAddr::new(peer.parse().unwrap(), 4711);
        find_out(Some(peer), &headers, &server).unwrap().to_string()
    }

    #[test]
    fn headers_of_strangers_change_nothing() {
        let said = ["x-forwarded-for: 198.51.100.1", "forwarded: for=198.51.100.1"];
        assert_eq!(found(&[], ProxyHeader::XForwardedFor, "192.0.2.1", &said), "192.0.2.1");
        let other = ["10.0.0.0/8"];
        assert_eq!(
            found(&other, ProxyHeader::XForwardedFor, "192.0.2.1", &said),
            "192.0.2.1"
        );
        assert_eq!(found(&other, ProxyHeader::Forwarded, "192.0.2.1", &said), "192.0.2.1");
    }

    #[test]
    fn the_right_most_stranger_is_the_client() {
        let table: &[(&[&str], &str)] = &[
            (&["x-forwarded-for: 198.51.100.1"], "198.51.100.1"),
            (&["x-forwarded-for: 6.6.6.6, 198.51.100.1"], "198.51.100.1"),
            (&["x-forwarded-for: 6.6.6.6, 198.51.100.1, 10.1.1.1"], "198.51.100.1"),
            (
                &["x-forwarded-for: 6.6.6.6", "x-forwarded-for: 198.51.100.1,10.1.1.1"],
                "198.51.100.1",
            ),
            (&["x-forwarded-for: 10.3.3.3, 10.2.2.2"], "10.3.3.3"),
            (&["x-forwarded-for: 198.51.100.1:1234"], "198.51.100.1"),
            (&["x-forwarded-for: [2001:db8::7]:1234"], "2001:db8::7"),
            (&["x-forwarded-for: 2001:db8::7"], "2001:db8::7"),
            (&["x-forwarded-for: ::ffff:198.51.100.1"], "198.51.100.1"),
            (&["x-forwarded-for: é, 198.51.100.1"], "198.51.100.1"),
            // what cannot be read ends the walk at the proxy that could
            (&["x-forwarded-for: a"], "10.9.9.9"),
            (&["x-forwarded-for: 6.6.6.6, unknown, 10.1.1.1"], "10.1.1.1"),
            (&["x-forwarded-for: "], "10.9.9.9"),
            // the header that this proxy does not write is the client's own
            (&["forwarded: for=6.6.6.6"], "10.9.9.9"),
            (&[], "10.9.9.9"),
        ];
        for (headers, expected) in table {
            let address = found(&["10.0.0.0/8"], ProxyHeader::XForwardedFor, "10.9.9.9", headers);
            assert_eq!(address, *expected, "{headers:?}");
        }
    }

    #[test]
    fn forwarded_is_read_as_its_rfc_says() {
        let table: &[(&str, &str)] = &[
            ("forwarded: for=198.51.100.1", "198.51.100.1"),
            (
                "forwarded: proto=https;For=\"198.51.100.1:99\";by=10.0.0.1",
                "198.51.100.1",
            ),
            ("forwarded: for=6.6.6.6, for=\"[2001:db8::7]\"", "2001:db8::7"),
            ("forwarded: for=6.6.6.6, for=_hidden", "10.9.9.9"),
            ("forwarded: proto=https", "10.9.9.9"),
            ("x-forwarded-for: 6.6.6.6", "10.9.9.9"),
        ];
        for (header, expected) in table {
            let address = found(&["10.9.9.9"], ProxyHeader::Forwarded, "10.9.9.9", &[header]);
            assert_eq!(address, *expected, "{header}");
        }
    }

    #[test]
    fn a_trace_is_joined_at_a_trusted_proxys_word_only() {
        let mut server = ServerConfig {
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
            ..ServerConfig::default()
        };
        let mut headers = HeaderMap::new();
        headers.insert("traceparent", HeaderValue::from_static("00-aa-bb-01"));
        let joined = |peer: &str, server: &ServerConfig| {
            let peer = SocketAddr::new(peer.parse().unwrap(), 4711);
            trace_parent(Some(peer), &headers, server).map(|parent| parent.traceparent)
        };
        assert_eq!(joined("10.1.1.1", &server), Some("00-aa-bb-01"));
        assert_eq!(joined("::ffff:10.1.1.1", &server), Some("00-aa-bb-01"));
        assert_eq!(joined("192.0.2.1", &server), None);
        server.trusted_proxies.clear();
        assert_eq!(joined("10.1.1.1", &server), None);
        assert_eq!(joined("127.0.0.1", &server), None);
    }

    #[test]
    fn a_mapped_peer_is_the_ipv4_address_that_it_is() {
        let said = ["x-forwarded-for: 198.51.100.1"];
        let address = found(&["127.0.0.1"], ProxyHeader::XForwardedFor, "::ffff:127.0.0.1", &said);
        assert_eq!(address, "198.51.100.1");
    }
}
