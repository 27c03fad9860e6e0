//! Fetches from addresses that clients name (OWASP SSRF): what is checked is the address that is dialled, so neither a
//! spelling nor a name that resolves differently the second time leads inside.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::{Certificate, Client, RequestBuilder, Response, header, redirect};
use tokio::sync::Semaphore;
use tracing::Instrument as _;
use url::Url;

use super::authorities::{self, BadAuthorities};
use super::leave::{Leave, Rules};
use super::resolver::{self, Guard, Lookup};
use super::{CONNECT_TIMEOUT, OutboundError, Purpose, USER_AGENT};
use crate::config::OutboundConfig;
use crate::telemetry::metrics::Metrics;

/// How many fetches are under way at most, so that servers which never answer cost a bounded number of sockets. Who waits
/// longer for a turn than a fetch may take has waited too long.
const AT_ONCE: usize = 128;

/// The longest picture that is read, in bytes, whatever else may be read.
pub const MAX_LOGO_BYTES: usize = 256 * 1024;

/// A client for addresses that strangers chose: https alone, no redirect, no proxy, no cookies, no credentials, little time
/// and little room, and no address inside the network unless the operator allows it. Each fetch has a connection of its own:
/// what was judged for one is never used for another. Cheap to clone.
#[derive(Clone)]
pub struct GuardedFetch(Arc<Inner>);

struct Inner {
    rules: Rules,
    clients: [(Leave, Option<Client>); 3],
    permits: Semaphore,
    timeout: Duration,
    max_body: usize,
    metrics: Metrics,
}

/// What came back. `Debug` leaves the contents out.
pub struct Document {
    /// The HTTP status.
    pub status: u16,
    /// `Content-Type` without its parameters, in lower case.
    pub media_type: Option<String>,
    /// For how long it may be kept, in seconds (`Cache-Control`, RFC 9111 §5.2.2); 0 if it may not be.
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
    pub fn new(settings: &OutboundConfig, metrics: Metrics) -> Result<Self, BadAuthorities> {
        Self::resolving(settings, metrics, &resolver::system())
    }

    /// As [`Self::new`], with another way to look names up.
    pub fn resolving(settings: &OutboundConfig, metrics: Metrics, lookup: &Lookup) -> Result<Self, BadAuthorities> {
        let authorities = authorities::read(&settings.extra_ca)?;
        let rules = Rules::new(&settings.allow_hosts);
        for purpose in Purpose::ALL {
            metrics.fetches_for(purpose.as_str());
        }
        let client = |leave| {
            let (rules, lookup) = (rules.clone(), lookup.clone());
            let guard = Guard { rules, leave, lookup };
            (leave, client(settings, guard, &authorities))
        };
        Ok(Self(Arc::new(Inner {
            clients: [Leave::Named, Leave::Public, Leave::Network].map(client),
            rules,
            permits: Semaphore::new(AT_ONCE),
            timeout: settings.timeout.as_duration(),
            max_body: settings.max_body,
            metrics,
        })))
    }

    /// Whether the address could be fetched as it is written: https, no user, a port and a host that are allowed. What its
    /// name resolves to is checked when it is fetched.
    pub fn check(&self, url: &str) -> Result<Url, OutboundError> {
        self.0.rules.admit(url).map(|(url, _)| url)
    }

    /// `GET`. Any status is an answer; what it means is the caller's business. Nothing of an error may be told to whoever
    /// named the address: it would map the network inside.
    pub async fn get(&self, purpose: Purpose, url: &str, accept: &'static str) -> Result<Document, OutboundError> {
        self.fetch(purpose, url, |client, url| {
            client.get(url).header(header::ACCEPT, accept)
        })
        .await
    }

    /// `POST` of a form; otherwise as [`Self::get`].
    pub async fn post_form(
        &self,
        purpose: Purpose,
        url: &str,
        form: &[(&str, &str)],
    ) -> Result<Document, OutboundError> {
        self.fetch(purpose, url, |client, url| client.post(url).form(form))
            .await
    }

    async fn fetch(
        &self,
        purpose: Purpose,
        url: &str,
        request: impl FnOnce(&Client, Url) -> RequestBuilder,
    ) -> Result<Document, OutboundError> {
        let span = tracing::info_span!(
            target: "portcullis::trace",
            "fetch",
            otel.name = purpose.as_str(),
            otel.kind = "client",
            otel.status_code = tracing::field::Empty,
            error.type = tracing::field::Empty,
        );
        let started = Instant::now();
        let sending = async {
            let (url, leave) = self.0.rules.admit(url)?;
            let request = request(self.client(leave)?, url);
            let answer = self.send(request, purpose);
            let within = tokio::time::timeout(self.0.timeout, answer).await;
            within.unwrap_or(Err(OutboundError::TimedOut))
        };
        let answer = sending.instrument(span.clone()).await;
        if let Err(error) = &answer {
            span.record("otel.status_code", "ERROR");
            span.record("error.type", error.as_str());
        }
        let outcome = outcome(&answer);
        self.0.metrics.fetched(purpose.as_str(), outcome, started.elapsed());
        answer
    }

    fn client(&self, leave: Leave) -> Result<&Client, OutboundError> {
        let mut clients = self.0.clients.iter();
        let found = clients.find(|(known, _)| *known == leave);
        found
            .and_then(|(_, client)| client.as_ref())
            .ok_or(OutboundError::Unavailable)
    }

    fn max_body(&self, purpose: Purpose) -> usize {
        match purpose {
            Purpose::Logo => MAX_LOGO_BYTES,
            _ => self.0.max_body,
        }
    }

    async fn send(&self, request: RequestBuilder, purpose: Purpose) -> Result<Document, OutboundError> {
        let _turn = self.0.permits.acquire().await.map_err(|_| OutboundError::Unavailable)?;
        let mut response = request.send().await?;
        if purpose == Purpose::BackchannelLogout {
            // The status is the answer, whatever comes with it.
            return Ok(Document {
                status: response.status().as_u16(),
                media_type: None,
                max_age: None,
                body: Vec::new(),
            });
        }
        if is_encoded(&response) {
            return Err(OutboundError::Encoded);
        }
        let status = response.status().as_u16();
        let media_type = text(&response, header::CONTENT_TYPE)
            .and_then(|value| value.split(';').next())
            .map(|value| value.trim().to_ascii_lowercase());
        let max_age = text(&response, header::CACHE_CONTROL).and_then(max_age);
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await? {
            if body.len() + piece.len() > self.max_body(purpose) {
                return Err(OutboundError::TooLarge);
            }
            body.extend_from_slice(&piece);
        }
        Ok(Document {
            status,
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

/// `None` when this machine offers no certificates to trust: each fetch then fails, the start does not.
fn client(settings: &OutboundConfig, guard: Guard, authorities: &[Certificate]) -> Option<Client> {
    let builder = Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(settings.timeout.as_duration())
        .pool_max_idle_per_host(0)
        .http1_only()
        .https_only(true)
        .redirect(redirect::Policy::none())
        .referer(false)
        .no_proxy()
        // Whatever features other crates turn on: what is small on the way must be small here.
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
        .user_agent(USER_AGENT)
        .dns_resolver(Arc::new(guard))
        .tls_certs_merge(authorities.iter().cloned());
    builder
        .build()
        .inspect_err(|error| tracing::warn!(%error, "nothing can be fetched for clients"))
        .ok()
}

fn text(response: &Response, name: header::HeaderName) -> Option<&str> {
    response.headers().get(name)?.to_str().ok()
}

/// Nothing was said about accepting an encoding, and none is undone.
fn is_encoded(response: &Response) -> bool {
    let encodings = response.headers().get_all(header::CONTENT_ENCODING);
    encodings
        .iter()
        .any(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity"))
}

fn max_age(cache_control: &str) -> Option<i64> {
    let directives = || {
        cache_control
            .split(',')
            .map(|directive| directive.trim().to_ascii_lowercase())
    };
    if directives().any(|directive| matches!(directive.as_str(), "no-store" | "no-cache")) {
        return Some(0);
    }
    directives().find_map(|directive| {
        let seconds = directive.strip_prefix("max-age=")?.trim_matches('"').parse::<u32>();
        seconds.ok().map(i64::from)
    })
}

/// The closed set that metrics know.
fn outcome(answer: &Result<Document, OutboundError>) -> &'static str {
    match answer {
        Ok(document) if (200..300).contains(&document.status) => "ok",
        Ok(_) => "status",
        Err(error) => error.as_str(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_kept_is_read_as_caches_read_it() {
        for (value, seconds) in [
            ("max-age=60", Some(60)),
            ("public, Max-Age=\"60\"", Some(60)),
            ("max-age=60, no-store", Some(0)),
            ("No-Cache", Some(0)),
            ("max-age=-1", None),
            ("max-age=99999999999999999999", None),
            ("s-maxage=5", None),
            ("", None),
        ] {
            assert_eq!(max_age(value), seconds, "{value}");
        }
    }

    #[test]
    fn debug_shows_no_content() {
        let document = Document {
            status: 200,
            media_type: None,
            max_age: None,
            body: b"secret".to_vec(),
        };
        assert_eq!(format!("{document:?}"), "Document { status: 200, .. }");
    }
}
