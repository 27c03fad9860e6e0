//! Redirect URIs: what may be registered, and when an attempt is the registered one (RFC 6749 §3.1.2, RFC 8252,
//! RFC 9700 §2.1, §4.1.3). Matching compares text; only the port of a loopback URI floats.

use serde::{Deserialize, Serialize};
use url::form_urlencoded::Serializer;
use url::{Host, Url};

/// A redirect URI that passed registration, or an attempt that matched one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RedirectUri(String);

/// Why a URI cannot be registered. The text says what would be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedirectUriError {
    /// Over [`RedirectUri::MAX_LEN`].
    #[error("a redirect URI is at most 2048 bytes")]
    TooLong,
    /// Not parseable as an absolute URI, or not written in its normal form.
    #[error("not an absolute URI in its normal form, such as https://app.example/callback")]
    Malformed,
    /// Holds a fragment (RFC 6749 §3.1.2).
    #[error("a redirect URI has no fragment: remove everything from the # on")]
    Fragment,
    /// Holds user info.
    #[error("a redirect URI has no user name or password before its host")]
    UserInfo,
    /// Holds `*`.
    #[error("redirect URIs are compared exactly: register each one instead of using *")]
    Wildcard,
    /// http beyond loopback.
    #[error("http is for loopback only (localhost, 127.0.0.1, [::1]): use https")]
    InsecureHttp,
    /// A scheme that runs code, reads files, or is not a reverse domain name (RFC 8252 §7.1).
    #[error(
        "use https, loopback http, or a private scheme that is a reverse domain name such as com.example.app:/callback"
    )]
    Scheme,
    /// The query already holds a response parameter.
    #[error(
        "the query must not hold code, state, iss, error, error_description, response or session_state: the answer adds them"
    )]
    ReservedParameter,
}

/// Response parameters that a registered query may not hold already.
const RESERVED: &[&str] = &[
    "code",
    "state",
    "iss",
    "error",
    "error_description",
    "error_uri",
    "response",
    "session_state",
];

impl RedirectUri {
    /// The longest URI that can be registered.
    pub const MAX_LEN: usize = 2048;

    /// Checks a URI for registration.
    pub fn register(text: &str) -> Result<Self, RedirectUriError> {
        use RedirectUriError as E;
        if text.len() > Self::MAX_LEN {
            return Err(E::TooLong);
        }
        if text.contains('*') {
            return Err(E::Wildcard);
        }
        if text.contains('#') {
            return Err(E::Fragment);
        }
        if !text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'"' | b'<' | b'>'))
        {
            return Err(E::Malformed);
        }
        let url = Url::parse(text).map_err(|_| E::Malformed)?;
        if !url.username().is_empty() || url.password().is_some() || authority(text).contains('@') {
            return Err(E::UserInfo);
        }
        check_scheme(&url)?;
        check_normal_form(text, &url)?;
        if url.query_pairs().any(|(name, _)| RESERVED.contains(&name.as_ref())) {
            return Err(E::ReservedParameter);
        }
        Ok(Self(text.to_owned()))
    }

    /// A URI as it came from the database, where only matched attempts are stored.
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    /// Whether `attempt` is this URI; the attempt itself is then the place to answer, so that a loopback port is kept.
    pub fn matches(&self, attempt: &str) -> Option<Self> {
        let same = self.0 == attempt || self.matches_on_loopback(attempt);
        same.then(|| Self(attempt.to_owned()))
    }

    /// RFC 8252 §7.3: for loopback http the port is chosen at run time. Host text, path and query stay equal, byte for
    /// byte. `localhost` is treated like the literal addresses (RFC 9700 §4.1.3 allows it for native apps).
    fn matches_on_loopback(&self, attempt: &str) -> bool {
        ["http://127.0.0.1", "http://[::1]", "http://localhost"]
            .iter()
            .any(|host| {
                let halves = (self.0.strip_prefix(host), attempt.strip_prefix(host));
                let (Some(registered), Some(attempted)) = halves else {
                    return false;
                };
                match (without_port(registered), without_port(attempted)) {
                    (Some(registered), Some(attempted)) => registered == attempted,
                    _ => false,
                }
            })
    }

    /// The address with these fields in its query. A registered query is kept (RFC 6749 §3.1.2). The empty fragment stops
    /// browsers from carrying over one that an attacker put on the way here (RFC 9700 §4.1.3).
    pub fn with_query<'a>(&self, fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
        let query = Serializer::new(String::new()).extend_pairs(fields).finish();
        let separator = match self.0.split_once('?') {
            _ if query.is_empty() => "",
            None => "?",
            Some((_, "")) => "",
            Some(_) => "&",
        };
        format!("{}{separator}{query}#", self.0)
    }

    /// The URI as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `scheme://host[:port]` for CORS and for showing where an answer goes; `None` for private-use schemes.
    pub fn origin(&self) -> Option<String> {
        let url = Url::parse(&self.0).ok()?;
        matches!(url.scheme(), "http" | "https").then(|| url.origin().ascii_serialization())
    }

    /// The host to show to people; the scheme for private-use schemes.
    pub fn display_host(&self) -> String {
        match Url::parse(&self.0) {
            Ok(url) => url
                .host_str()
                .map_or_else(|| format!("{}:", url.scheme()), str::to_owned),
            Err(_) => String::new(),
        }
    }

    /// What CSP `form-action` has to allow for an answer to this URI: its origin, or its scheme.
    pub fn csp_source(&self) -> Option<String> {
        let url = Url::parse(&self.0).ok()?;
        // A policy cannot name an IPv6 address (CSP3 §2.3.1): its scheme has to do.
        let named = !matches!(url.host(), Some(Host::Ipv6(_)));
        self.origin()
            .filter(|_| named)
            .or_else(|| Some(format!("{}:", url.scheme())))
    }

    /// Whether anybody's program on the machine could receive the answer: loopback and private schemes prove no identity
    /// (RFC 8252 §8.6).
    pub fn proves_no_identity(&self) -> bool {
        !self.0.starts_with("https://")
    }
}

/// Only https, loopback http, and reverse-domain private schemes.
fn check_scheme(url: &Url) -> Result<(), RedirectUriError> {
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_loopback(url) => Ok(()),
        "http" => Err(RedirectUriError::InsecureHttp),
        scheme if scheme.contains('.') => Ok(()),
        _ => Err(RedirectUriError::Scheme),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Text that a parser would rewrite (case of host, default port, dot segments, odd slashes) is not registrable: what is
/// stored is what is compared and what is shown. A missing `/` after the host is the one difference that is left alone.
fn check_normal_form(text: &str, url: &Url) -> Result<(), RedirectUriError> {
    let normal = url.as_str();
    let bare_host = normal.strip_suffix('/') == Some(text);
    if normal == text || bare_host {
        Ok(())
    } else {
        Err(RedirectUriError::Malformed)
    }
}

/// What stands between `//` and the next delimiter.
fn authority(text: &str) -> &str {
    let rest = text.split_once("//").map_or("", |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

/// What follows the host and its optional `:port`; `None` when what follows is neither, or the port is no port.
fn without_port(after_host: &str) -> Option<&str> {
    let starts_path = |rest: &str| rest.is_empty() || rest.starts_with(['/', '?']);
    let Some(port_and_rest) = after_host.strip_prefix(':') else {
        return starts_path(after_host).then_some(after_host);
    };
    let end = port_and_rest.find(['/', '?']).unwrap_or(port_and_rest.len());
    let (port, rest) = port_and_rest.split_at(end);
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    (digits && port.parse::<u16>().is_ok()).then_some(rest)
}
