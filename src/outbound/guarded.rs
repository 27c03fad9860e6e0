//! Fetches from addresses that clients name (OWASP SSRF): what is checked is the address that is dialled, so neither a
//! spelling nor a name that resolves differently the second time leads inside.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Certificate, Client, RequestBuilder, header, redirect};
use url::{Host, Url};

use super::addresses::is_public;
use super::{CONNECT_TIMEOUT, OutboundError, USER_AGENT};
use crate::config::{AllowedHost, OutboundConfig};

/// The port of https, the only one that strangers may name.
const HTTPS: u16 = 443;

/// A client for addresses that strangers chose: https alone, no redirect, no proxy, no cookies, little time and little
/// room, and no address inside the network unless the operator allows it. Cheap to clone.
#[derive(Clone)]
pub struct GuardedFetch {
    client: Option<Client>,
    allowed: Arc<[AllowedHost]>,
    max_body: usize,
}

/// What came back. `Debug` leaves the contents out.
pub struct Document {
    /// The HTTP status.
    pub status: u16,
    /// `Content-Type` without its parameters, in lower case.
    pub media_type: Option<String>,
    /// `Cache-Control: max-age`, in seconds.
    pub max_age: Option<i64>,
    /// The whole body.
    pub body: Vec<u8>,
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

impl GuardedFetch {
    /// Sets the client up. An error: the file of authorities cannot be used.
    pub fn new(settings: &OutboundConfig) -> Result<Self, OutboundError> {
        let allowed: Arc<[AllowedHost]> = settings.allow_hosts.clone().into();
        let builder = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(settings.timeout.as_duration())
            .pool_idle_timeout(Duration::from_secs(30))
            .redirect(redirect::Policy::none())
            .no_proxy()
            .https_only(true)
            .http1_only()
            .user_agent(USER_AGENT)
            .dns_resolver(Arc::new(Guard(allowed.clone())))
            .tls_certs_merge(authorities(settings)?);
        let client = builder
            .build()
            .inspect_err(|error| tracing::warn!(%error, "nothing can be fetched for clients"))
            .ok();
        Ok(Self {
            client,
            allowed,
            max_body: settings.max_body,
        })
    }

    /// Whether the address could be fetched as it is written: https, no user, a port and a host that are allowed. What its
    /// name resolves to is checked when it is fetched.
    pub fn check(&self, url: &str) -> Result<Url, OutboundError> {
        let url = Url::parse(url).map_err(|_| OutboundError::Refused)?;
        let port = url.port_or_known_default().ok_or(OutboundError::Refused)?;
        let host = url.host().ok_or(OutboundError::Refused)?;
        let plain = url.scheme() == "https" && url.username().is_empty() && url.password().is_none();
        if plain && self.may_reach(&host, port) {
            Ok(url)
        } else {
            Err(OutboundError::Refused)
        }
    }

    /// A name on port 443 is resolved first, and judged then.
    fn may_reach(&self, host: &Host<&str>, port: u16) -> bool {
        let named = |name: &str| self.allowed.iter().any(|allowed| allowed.is_named(name, port));
        let within = |address| self.allowed.iter().any(|allowed| allowed.contains(address));
        let address = match host {
            Host::Ipv4(v4) => IpAddr::V4(*v4),
            Host::Ipv6(v6) => IpAddr::V6(*v6),
            // On another port a name needs leave by name, or by a network: then its addresses are judged.
            Host::Domain(name) => return port == HTTPS || named(name) || self.has_networks(),
        };
        named(&address.to_string()) || within(address) || (port == HTTPS && is_public(address))
    }

    fn has_networks(&self) -> bool {
        self.allowed
            .iter()
            .any(|allowed| matches!(allowed, AllowedHost::Network(_)))
    }

    /// `GET`. Any status is an answer; what it means is the caller's business.
    pub async fn get(&self, url: &str, accept: &'static str) -> Result<Document, OutboundError> {
        let url = self.check(url)?;
        self.send(self.client()?.get(url).header(header::ACCEPT, accept)).await
    }

    /// `POST` of a form.
    pub async fn post_form(&self, url: &str, form: &[(&str, &str)]) -> Result<Document, OutboundError> {
        let url = self.check(url)?;
        self.send(self.client()?.post(url).form(form)).await
    }

    fn client(&self) -> Result<&Client, OutboundError> {
        self.client.as_ref().ok_or(OutboundError::Unavailable)
    }

    async fn send(&self, request: RequestBuilder) -> Result<Document, OutboundError> {
        let mut response = request.send().await?;
        let text = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let media_type = text(header::CONTENT_TYPE)
            .and_then(|value| value.split(';').next())
            .map(|value| value.trim().to_ascii_lowercase());
        let max_age = text(header::CACHE_CONTROL).and_then(max_age);
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await? {
            if body.len() + piece.len() > self.max_body {
                return Err(OutboundError::TooLarge);
            }
            body.extend_from_slice(&piece);
        }
        Ok(Document {
            status: response.status().as_u16(),
            media_type,
            max_age,
            body,
        })
    }
}

impl fmt::Debug for GuardedFetch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardedFetch").finish_non_exhaustive()
    }
}

fn authorities(settings: &OutboundConfig) -> Result<Vec<Certificate>, OutboundError> {
    if settings.extra_ca.as_os_str().is_empty() {
        return Ok(Vec::new());
    }
    let pem = std::fs::read(&settings.extra_ca).map_err(|_| OutboundError::BadAuthorities)?;
    let found = Certificate::from_pem_bundle(&pem).map_err(|_| OutboundError::BadAuthorities)?;
    if found.is_empty() {
        Err(OutboundError::BadAuthorities)
    } else {
        Ok(found)
    }
}

fn max_age(cache_control: &str) -> Option<i64> {
    let mut directives = cache_control.split(',').map(str::trim);
    directives.find_map(|directive| directive.strip_prefix("max-age=")?.parse().ok())
}

/// Resolves names, and gives only the addresses that may be reached. One that may not refuses the whole name: whoever mixes
/// them is trying something.
struct Guard(Arc<[AllowedHost]>);

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = self.0.clone();
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let by_name = allowed.iter().any(|host| match host {
                AllowedHost::Name(known, _) => known.eq_ignore_ascii_case(name.as_str()),
                AllowedHost::Network(_) => false,
            });
            let may = |address: IpAddr| is_public(address) || allowed.iter().any(|host| host.contains(address));
            if by_name || found.iter().all(|found| may(found.ip())) {
                Ok(Box::new(found.into_iter()) as Addrs)
            } else {
                Err(OutboundError::Refused.into())
            }
        })
    }
}
