//! The hosts in a PostgreSQL URL: one, or several of which one takes writes at a time, as libpq writes it (PostgreSQL, "34.1.1
//! Connection Strings").

use url::Url;

use super::Secret;

/// Where PostgreSQL may be found.
#[derive(Clone, Debug)]
pub struct Hosts {
    /// In the order in which they are tried.
    pub each: Vec<Host>,
    /// Whether one that takes no writes is passed over (`target_session_attrs`): unless told otherwise, when there are several.
    pub must_write: bool,
    /// How many seconds one host may take to let us in (`connect_timeout`), if that was said.
    pub connect_timeout: Option<u64>,
}

/// One of them.
#[derive(Clone, Debug)]
pub struct Host {
    /// For people: without user and password.
    pub name: String,
    /// The whole URL with this host alone, and without the parameters that are ours.
    pub url: Secret<String>,
}

/// A host with its port, both as they stand in a URL.
type Address = (String, Option<u16>);

impl Hosts {
    /// Reads a URL. The error says what to write; it never quotes the URL, which may hold a password.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parts = Parts::split(text).ok_or("is not a postgres:// URL")?;
        let mut named = Vec::new();
        let mut ports = Vec::new();
        let mut kept = Vec::new();
        let (mut must_write, mut connect_timeout) = (None, None);
        for pair in parts.query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decoded(value);
            match name {
                "host" if value.contains(',') => named = value.split(',').map(escaped).collect(),
                "port" if value.contains(',') => ports = value.split(',').map(str::to_owned).collect(),
                "hostaddr" if value.contains(',') => {
                    return Err("takes several addresses as host=, not as hostaddr=".into());
                }
                "target_session_attrs" => must_write = Some(wants_writes(&value)?),
                "connect_timeout" => connect_timeout = Some(seconds(&value)?),
                _ => kept.push(pair),
            }
        }
        let listed = addresses(parts.hosts)?;
        let addresses = match (named.is_empty(), listed.len() > 1) {
            (true, _) => with_ports(listed, &ports)?,
            (false, false) => with_ports(named.into_iter().map(|host| (host, None)).collect(), &ports)?,
            (false, true) => {
                return Err("names several hosts before the path and in host= as well: leave one of them out".into());
            }
        };
        let query = kept.join("&");
        let each: Vec<_> = addresses.iter().map(|address| parts.of(address, &query)).collect();
        if each.len() > 1 && each.iter().any(|host| Url::parse(host.url.expose()).is_err()) {
            return Err(
                "names a host that is none: write postgres://user:password@first:5432,second:5432/database".into(),
            );
        }
        Ok(Self {
            must_write: must_write.unwrap_or(each.len() > 1),
            each,
            connect_timeout,
        })
    }
}

/// A URL around its hosts.
struct Parts<'a> {
    /// Scheme, user and password.
    before: &'a str,
    hosts: &'a str,
    path: &'a str,
    query: &'a str,
}

/// A URL with one host in place of several, and the several, as they were written. `None` where there is one, or where something is
/// wrong: an unescaped slash in a password makes a host of its first half.
pub(super) fn with_one_for_all(text: &str, one: &str) -> Option<(String, String)> {
    let parts = Parts::split(text).filter(|parts| !parts.path.contains('@'))?;
    let several = parts.hosts.contains(',') && addresses(parts.hosts).is_ok();
    let mark = if parts.query.is_empty() { "" } else { "?" };
    several.then(|| {
        let url = format!("{}{one}{}{mark}{}", parts.before, parts.path, parts.query);
        (url, parts.hosts.to_owned())
    })
}

impl<'a> Parts<'a> {
    fn split(text: &'a str) -> Option<Self> {
        let text = text.split('#').next()?;
        let (scheme, rest) = text.split_once("://")?;
        if !matches!(scheme, "postgres" | "postgresql") {
            return None;
        }
        let (located, query) = rest.split_once('?').unwrap_or((rest, ""));
        let authority = located.split('/').next()?;
        let hosts_at = authority.rfind('@').map_or(0, |at| at + 1);
        let (before, _) = text.split_at(scheme.len() + 3 + hosts_at);
        Some(Self {
            before,
            hosts: &authority[hosts_at..],
            path: &located[authority.len()..],
            query,
        })
    }

    fn of(&self, (host, port): &Address, query: &str) -> Host {
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        let mark = if query.is_empty() { "" } else { "?" };
        Host {
            name: format!("{}{port}", decoded(host)),
            url: Secret::new(format!("{}{host}{port}{}{mark}{query}", self.before, self.path)),
        }
    }
}

/// `a:5432,[::1],%2Frun%2Fpostgresql`
fn addresses(text: &str) -> Result<Vec<Address>, String> {
    let address = |(number, text): (usize, &str)| {
        // What stands in brackets has colons of its own.
        let colon = text.rfind(':').filter(|at| !text[*at..].contains(']'));
        let (host, digits) = colon.map_or((text, ""), |at| (&text[..at], &text[at + 1..]));
        if host.contains(':') && !host.starts_with('[') {
            let place = number + 1;
            return Err(format!(
                "has an IPv6 address as host {place}: write it in brackets, [2001:db8::1]"
            ));
        }
        Ok((host.to_owned(), port(digits, number)?))
    };
    let several = text.contains(',');
    let addresses: Vec<Address> = text.split(',').enumerate().map(address).collect::<Result<_, _>>()?;
    match addresses.iter().position(|(host, _)| several && host.is_empty()) {
        Some(number) => Err(format!(
            "has no name for host {}: there is a comma too many",
            number + 1
        )),
        None => Ok(addresses),
    }
}

/// `ports`: what `port=` lists, one for each host.
fn with_ports(mut addresses: Vec<Address>, ports: &[String]) -> Result<Vec<Address>, String> {
    if ports.is_empty() {
        return Ok(addresses);
    }
    if ports.len() != addresses.len() {
        return Err(format!(
            "names {} hosts and {} ports: port= takes one for all, or one for each",
            addresses.len(),
            ports.len()
        ));
    }
    for (number, (address, digits)) in addresses.iter_mut().zip(ports).enumerate() {
        address.1 = port(digits, number)?;
    }
    Ok(addresses)
}

/// None where nothing is written.
fn port(digits: &str, number: usize) -> Result<Option<u16>, String> {
    if digits.is_empty() {
        return Ok(None);
    }
    match digits.parse() {
        Ok(port) if port > 0 => Ok(Some(port)),
        _ => Err(format!(
            "has no valid port for host {}: write a number from 1 to 65535",
            number + 1
        )),
    }
}

/// A standby cannot be used: nearly every request writes, and those that do not must see what was revoked a moment ago.
fn wants_writes(value: &str) -> Result<bool, String> {
    match value {
        "read-write" | "primary" => Ok(true),
        "any" => Ok(false),
        _ => Err("has another target_session_attrs than read-write, primary or any: a standby cannot serve".into()),
    }
}

fn seconds(value: &str) -> Result<u64, String> {
    let seconds: Result<u64, _> = value.parse();
    seconds
        .ok()
        .filter(|seconds| (1..=60).contains(seconds))
        .ok_or_else(|| "has another connect_timeout than 1 to 60 (seconds for each host)".into())
}

fn decoded(text: &str) -> String {
    let pair = format!("v={}", text.replace('+', "%2B"));
    let decoded = url::form_urlencoded::parse(pair.as_bytes()).next();
    decoded.map(|(_, value)| value.into_owned()).unwrap_or_default()
}

/// A host of `host=` as it stands before the path: a folder of sockets has slashes, an IPv6 address colons.
fn escaped(host: &str) -> String {
    match host.parse::<std::net::Ipv6Addr>() {
        Ok(address) => format!("[{address}]"),
        Err(_) => host.replace('%', "%25").replace('/', "%2F"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn urls(text: &str) -> Vec<String> {
        let hosts = Hosts::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        hosts.each.iter().map(|host| host.url.expose().clone()).collect()
    }

    #[test]
    fn each_host_gets_a_url_of_its_own() {
        let cases: &[(&str, &[&str])] = &[
            ("postgres://u:p@a/d", &["postgres://u:p@a/d"]),
            ("postgres://u:p@a,b/d", &["postgres://u:p@a/d", "postgres://u:p@b/d"]),
            (
                "postgresql://u:p%40%2C%2F@a:1,b,c:3/d?sslmode=require&connect_timeout=2&target_session_attrs=read-write",
                &[
                    "postgresql://u:p%40%2C%2F@a:1/d?sslmode=require",
                    "postgresql://u:p%40%2C%2F@b/d?sslmode=require",
                    "postgresql://u:p%40%2C%2F@c:3/d?sslmode=require",
                ],
            ),
            // What stands before the last @ is no host.
            (
                "postgres://u:p,q@r@a:1,b/d",
                &["postgres://u:p,q@r@a:1/d", "postgres://u:p,q@r@b/d"],
            ),
            (
                "postgres://[2001:db8::1]:5433,[::1],192.0.2.1:7/d",
                &[
                    "postgres://[2001:db8::1]:5433/d",
                    "postgres://[::1]/d",
                    "postgres://192.0.2.1:7/d",
                ],
            ),
            (
                "postgres://u@%2Frun%2Fpostgresql,b:7/d",
                &["postgres://u@%2Frun%2Fpostgresql/d", "postgres://u@b:7/d"],
            ),
            (
                "postgres:///d?host=/run/postgresql&port=7",
                &["postgres:///d?host=/run/postgresql&port=7"],
            ),
            (
                "postgres:///d?host=/run/postgresql,b,::1&port=1,2,3&user=u",
                &[
                    "postgres://%2Frun%2Fpostgresql:1/d?user=u",
                    "postgres://b:2/d?user=u",
                    "postgres://[::1]:3/d?user=u",
                ],
            ),
            (
                "postgres://a,b/d?port=7",
                &["postgres://a/d?port=7", "postgres://b/d?port=7"],
            ),
            ("postgres://a:,b/d#part", &["postgres://a/d", "postgres://b/d"]),
        ];
        for (text, expected) in cases {
            assert_eq!(urls(text), *expected, "{text}");
        }
    }

    #[test]
    fn several_hosts_are_asked_whether_they_take_writes() {
        for (text, must_write, connect_timeout) in [
            ("postgres://a/d", false, None),
            ("postgres://a,b/d", true, None),
            ("postgres://a,b/d?target_session_attrs=any", false, None),
            (
                "postgres://a/d?target_session_attrs=primary&connect_timeout=60",
                true,
                Some(60),
            ),
        ] {
            let hosts = Hosts::parse(text).unwrap();
            assert_eq!(
                (hosts.must_write, hosts.connect_timeout),
                (must_write, connect_timeout),
                "{text}"
            );
        }
    }

    #[test]
    fn a_host_is_told_to_people_without_user_and_password() {
        let hosts = Hosts::parse("postgres://u:hunter2@%2Frun%2Fpg,[::1]:7,b/d?password=hunter2").unwrap();
        let names: Vec<_> = hosts.each.iter().map(|host| host.name.as_str()).collect();
        assert_eq!(names, ["/run/pg", "[::1]:7", "b"]);
        assert!(!format!("{hosts:?}").contains("hunter2"), "{hosts:?}");
    }

    #[test]
    fn errors_say_what_to_write_and_never_quote_the_url() {
        for (text, expected) in [
            ("mysql://u:hunter2@a,b/d", "is not a postgres:// URL"),
            ("postgres:u:hunter2@a,b/d", "is not a postgres:// URL"),
            (
                "postgres://u:hunter2@a,,b/d",
                "has no name for host 2: there is a comma too many",
            ),
            (
                "postgres://u:hunter2@a,b,/d",
                "has no name for host 3: there is a comma too many",
            ),
            (
                "postgres://u:hunter2@a,:7/d",
                "has no name for host 2: there is a comma too many",
            ),
            (
                "postgres://u:hunter2@a,b:0/d",
                "has no valid port for host 2: write a number from 1 to 65535",
            ),
            (
                "postgres://u:hunter2@a:65536,b/d",
                "has no valid port for host 1: write a number from 1 to 65535",
            ),
            (
                "postgres://u:hunter2/@a,b/d",
                "has no valid port for host 1: write a number from 1 to 65535",
            ),
            (
                "postgres://u:hunter2@a,2001:db8::1/d",
                "has an IPv6 address as host 2: write it in brackets, [2001:db8::1]",
            ),
            (
                "postgres://u:hunter2@a,b c/d",
                "names a host that is none: write postgres://user:password@first:5432,second:5432/database",
            ),
            (
                "postgres://u:hunter2@a,b/d?port=1,2,3",
                "names 2 hosts and 3 ports: port= takes one for all, or one for each",
            ),
            (
                "postgres://u:hunter2@a,b/d?host=c,d",
                "names several hosts before the path and in host= as well: leave one of them out",
            ),
            (
                "postgres:///d?hostaddr=192.0.2.1,192.0.2.2",
                "takes several addresses as host=, not as hostaddr=",
            ),
            (
                "postgres://u:hunter2@a,b/d?target_session_attrs=prefer-standby",
                "has another target_session_attrs than read-write, primary or any: a standby cannot serve",
            ),
            (
                "postgres://u:hunter2@a,b/d?connect_timeout=0",
                "has another connect_timeout than 1 to 60 (seconds for each host)",
            ),
        ] {
            assert_eq!(Hosts::parse(text).unwrap_err(), expected, "{text}");
        }
    }
}
