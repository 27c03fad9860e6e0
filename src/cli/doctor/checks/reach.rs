//! The way from clients to the server.

use super::Verdict::{Fail, Warn};
use super::{Finding, bad, ok};
use crate::cli::doctor::facts::Facts;
use crate::cli::output;
use crate::cli::tls::Standing;
use crate::config::{Network, RegistrationMode};
use crate::outbound::OutboundError;
use crate::time::Timestamp;

/// A clock that differs by more than this breaks codes and assertions.
const CLOCK_WARN: i64 = 10;
/// As above, for tokens of ordinary leeway.
const CLOCK_FAIL: i64 = 60;

pub fn configuration(facts: &Facts) -> Option<Finding> {
    let server = &facts.config.server;
    ok("configuration", format!("valid; listens on {}", server.listen))
}

pub fn issuer(facts: &Facts) -> Option<Finding> {
    let issuer = &facts.config.issuer;
    if issuer.is_https() {
        return ok("issuer", issuer.as_str());
    }
    let message = format!(
        "{} is for this machine only: cookies and tokens travel in the clear",
        issuer.as_str()
    );
    bad(
        "issuer",
        Warn,
        message,
        "set an https issuer before anybody else uses the server",
    )
}

/// Clients that register themselves: whether strangers may.
pub fn registration(facts: &Facts) -> Option<Finding> {
    const NAME: &str = "registration";
    let registration = &facts.config.registration;
    match registration.mode {
        RegistrationMode::Off => None,
        RegistrationMode::Token => ok(NAME, "clients register themselves with an initial access token"),
        RegistrationMode::Open => bad(
            NAME,
            Warn,
            "anybody may register a client, and people are sent to it after they signed in here",
            "set registration.mode = \"token\", or name the hosts that you trust in registration.redirect_hosts",
        )
        .filter(|_| registration.redirect_hosts.is_empty())
        .or_else(|| {
            ok(
                NAME,
                "anybody may register a client, for the hosts in registration.redirect_hosts",
            )
        }),
    }
}

pub fn network(facts: &Facts) -> Option<Finding> {
    const NAME: &str = "network";
    let expected = facts.config.issuer.as_str();
    match &facts.issuer {
        Err(error) => {
            let advice = match error {
                OutboundError::Unavailable => "install the certificates of the public authorities (ca-certificates)",
                OutboundError::Unreachable => {
                    "is the server running, does the name lead to it, and does this machine trust its certificate?"
                }
                _ => "look at the proxy between this machine and the server",
            };
            bad(NAME, Fail, format!("{expected} as clients see it: {error}"), advice)
        }
        Ok(answer) if answer.issuer.as_deref() == Some(expected) => ok(NAME, "the issuer answers under its own name"),
        Ok(answer) => {
            let (message, advice) = match &answer.issuer {
                Some(other) => (
                    format!("whoever answers there calls itself {other}"),
                    "make `issuer` and the address the same, to the letter; clients compare them",
                ),
                None => (
                    format!("{expected} answers {} without a discovery document", answer.status),
                    "let the proxy pass on every path, /.well-known/ included",
                ),
            };
            bad(NAME, Fail, message, advice)
        }
    }
}

/// Against the clocks of others: the issuer's, which may be another node's or a proxy's, and that of the database's machine.
pub fn clock(facts: &Facts) -> Option<Finding> {
    const NAME: &str = "clock";
    let of_issuer = facts.issuer.as_ref().ok().and_then(|answer| answer.date);
    let of_database = facts.database.as_ref().ok().map(|database| database.inspection.clock);
    let offset = |other: Option<Timestamp>| other.map(|other| facts.now.since(other));
    let worst = [offset(of_issuer), offset(of_database)]
        .into_iter()
        .flatten()
        .max_by_key(|offset| offset.abs());
    let Some(seconds) = worst else {
        return bad(
            NAME,
            Warn,
            "there is no other clock to compare with",
            "mend what failed first",
        );
    };
    let advice = "let a time service such as systemd-timesyncd or chrony set the clock on every machine";
    let message = format!("this machine's clock differs by {} s from another's", seconds.abs());
    match seconds.abs() {
        0..=CLOCK_WARN => ok(NAME, "agrees with the others"),
        offset if offset <= CLOCK_FAIL => bad(NAME, Warn, message, advice),
        _ => bad(NAME, Fail, message, advice),
    }
}

pub fn certificate(facts: &Facts) -> Option<Finding> {
    const NAME: &str = "certificate";
    let found = match facts.certificate.as_ref()? {
        Ok(found) => found,
        Err(error) => {
            return bad(
                NAME,
                Fail,
                error,
                "give server.tls_certificate and server.tls_key a matching pair",
            );
        }
    };
    let (from, to) = (
        output::date(found.validity.not_before),
        output::date(found.validity.not_after),
    );
    let renew = "renew it; the server takes the new files over by itself";
    match found.validity.standing(facts.now) {
        Standing::Ended => bad(NAME, Fail, format!("ended on {to}"), renew),
        Standing::NotYet => bad(NAME, Fail, format!("counts from {from}"), "look at the clock, or wait"),
        Standing::EndsSoon => bad(NAME, Warn, format!("ends on {to}"), renew),
        Standing::Good if found.key_mode & 0o077 != 0 => {
            let message = format!("the key's file has mode {:04o}: others may read it", found.key_mode);
            bad(NAME, Warn, message, "chmod 600, for the user that the server runs as")
        }
        Standing::Good => ok(NAME, format!("counts until {to}")),
    }
}

/// What a proxy does with its header cannot be seen from here; what the settings mean can.
pub fn proxies(facts: &Facts) -> Option<Finding> {
    const NAME: &str = "proxies";
    let server = &facts.config.server;
    let everybody = |network: &Network| network.to_string().ends_with("/0");
    if server.trusted_proxies.iter().any(everybody) {
        let message = "server.trusted_proxies trusts everybody, so everybody chooses the address that they come from";
        return bad(NAME, Fail, message, "name the addresses of your proxies alone");
    }
    if !server.trusted_proxies.is_empty() {
        let names: Vec<_> = server.trusted_proxies.iter().map(ToString::to_string).collect();
        return ok(NAME, format!("{} may name the client", names.join(", ")));
    }
    if facts.config.issuer.is_https() && !server.speaks_tls() {
        let message =
            "TLS ends at a proxy, and none is trusted to name the client: everybody seems to come from the proxy";
        return bad(
            NAME,
            Warn,
            message,
            "set server.trusted_proxies to the proxy's addresses",
        );
    }
    ok(NAME, "none; clients come directly")
}

/// What clients have fetched.
pub fn fetches(facts: &Facts) -> Option<Finding> {
    const NAME: &str = "fetches";
    let beyond = match facts.config.outbound.allow_hosts.len() {
        0 => "the public network only".to_owned(),
        places => format!("the public network and {places} allowed place(s)"),
    };
    match &facts.authorities {
        Ok(0) => ok(NAME, format!("what clients name is fetched from {beyond}")),
        Ok(count) => {
            let message = format!("what clients name is fetched from {beyond}, with {count} authorities of your own");
            ok(NAME, message)
        }
        Err(problem) => bad(
            NAME,
            Fail,
            format!("outbound.extra_ca: {problem}"),
            "name a PEM file of certificates that the server may read, or leave it empty; the server does not start",
        ),
    }
}
