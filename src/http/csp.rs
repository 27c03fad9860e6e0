//! Content-Security-Policy, in the one place that has to know Chromium's habit: `form-action` is applied to the redirects
//! that follow a form post too, so a page whose form may end at a client has to allow that client's origin.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use url::{Host, Url};

use crate::crypto::digest::sha256;
use crate::protocol::redirect_uri::RedirectUri;

/// For answers that are no pages.
pub const NOTHING: &str = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// For a page whose forms come back here.
pub fn page() -> String {
    with_form_action("'self'")
}

/// For a page whose form may end at a client. A client on the web is let redirect further, to any https origin: its callback
/// often does, as in front of a whole domain, and the browser would count that as part of the form.
pub fn page_towards(redirect_uri: &RedirectUri) -> String {
    if !redirect_uri.proves_no_identity() {
        return with_form_action("'self' https:");
    }
    match redirect_uri.csp_source() {
        Some(source) => with_form_action(&format!("'self' {source}")),
        None => page(),
    }
}

/// For the page that posts an answer to a client: one known script, and nowhere else to go.
pub fn form_post(redirect_uri: &RedirectUri, script: &str) -> String {
    let hash = STANDARD.encode(sha256(script.as_bytes()));
    let source = if redirect_uri.proves_no_identity() {
        redirect_uri.csp_source().unwrap_or_default()
    } else {
        "https:".to_owned()
    };
    format!(
        "default-src 'none'; script-src 'sha256-{hash}'; style-src 'self'; img-src 'self'; form-action {source}; \
         base-uri 'none'; frame-ancestors 'none'"
    )
}

/// For the page that loads addresses of clients in frames (OpenID Connect Front-Channel Logout §2): these origins, one known
/// script, and no form.
pub fn frames(addresses: &[Url], script: &str) -> String {
    let hash = STANDARD.encode(sha256(script.as_bytes()));
    let mut sources: Vec<_> = addresses.iter().map(source).collect();
    sources.sort_unstable();
    sources.dedup();
    format!(
        "default-src 'none'; script-src 'sha256-{hash}'; style-src 'self'; img-src 'self'; frame-src {}; form-action 'none'; \
         base-uri 'none'; frame-ancestors 'none'",
        sources.join(" ")
    )
}

/// For the page that others may embed: one known script, and nothing else.
pub fn embedded(script: &str) -> String {
    let hash = STANDARD.encode(sha256(script.as_bytes()));
    format!(
        "default-src 'none'; script-src 'sha256-{hash}'; form-action 'none'; base-uri 'none'; frame-ancestors http: https:"
    )
}

/// A policy cannot name an IPv6 address (CSP3 §2.3.1): its scheme has to do.
fn source(address: &Url) -> String {
    match address.host() {
        Some(Host::Ipv6(_)) | None => format!("{}:", address.scheme()),
        Some(_) => address.origin().ascii_serialization(),
    }
}

fn with_form_action(sources: &str) -> String {
    format!(
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action {sources}; \
         object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
    )
}
