//! What may be registered, whoever registers it: single values, and how the properties of a client fit together.

use std::net::{Ipv4Addr, Ipv6Addr};

use serde_json::Value;
use url::{Host, Url};

use super::refusal::Refusal;
use crate::client_keys::check_encryption;
use crate::crypto::jwk_set::JwkSet;
use crate::model::client::{ClientMetadata, PkcePolicy};
use crate::protocol::client_auth_method::ClientAuthMethod as Method;
use crate::protocol::display_text::label;
use crate::protocol::grant_type::GrantType as Grant;
use crate::protocol::redirect_uri::RedirectUri;

/// The longest name of a client, in characters.
pub const MAX_NAME: usize = 100;
/// Every authorization request reads them all.
pub const MAX_REDIRECT_URIS: usize = 100;
/// The most of any other list of addresses.
pub const MAX_URIS: usize = 20;
/// The longest address.
const MAX_URI: usize = 2048;

/// The rules that no single property shows.
pub fn check(metadata: &ClientMetadata) -> Result<(), Refusal> {
    let may = |grant| metadata.grant_types.contains(&grant);
    let public = metadata.auth_methods.contains(&Method::None);
    let rule = |holds: bool, member, why: &str| {
        if holds {
            Ok(())
        } else {
            Err(Refusal::metadata(member, why))
        }
    };
    rule(
        !public || metadata.auth_methods.len() == 1,
        "token_endpoint_auth_method",
        "a client is public (none) or has a secret, not both",
    )?;
    rule(
        !(public && may(Grant::ClientCredentials)),
        "grant_types",
        "client_credentials needs a client that keeps a secret: a public client cannot use it (RFC 6749 section 4.4)",
    )?;
    rule(
        !public || metadata.resource_server_for.is_empty(),
        "token_endpoint_auth_method",
        "a resource server proves who it is when it looks up tokens: a public client cannot be one (RFC 7662 section 2.1)",
    )?;
    rule(
        !(public && metadata.pkce == PkcePolicy::Optional),
        "pkce",
        "PKCE is what protects a public client: it cannot be optional (RFC 9700 section 2.1.1)",
    )?;
    rule(
        !may(Grant::AuthorizationCode) || !metadata.redirect_uris.is_empty(),
        "redirect_uris",
        "authorization_code needs a place to answer, such as https://app.example/callback",
    )?;
    rule(
        !may(Grant::RefreshToken) || may(Grant::AuthorizationCode) || may(Grant::DeviceCode),
        "grant_types",
        "refresh_token needs a grant that issues refresh tokens: add authorization_code",
    )?;
    rule(
        metadata.redirect_uris.len() <= MAX_REDIRECT_URIS,
        "redirect_uris",
        "a client has at most 100 redirect URIs",
    )?;
    check_keys(metadata)?;
    check_frontchannel(metadata)
}

/// What is signed by the client or encrypted to it needs its keys.
fn check_keys(metadata: &ClientMetadata) -> Result<(), Refusal> {
    let proves_by_key = metadata.auth_methods.contains(&Method::PrivateKeyJwt);
    let signs = metadata.request_objects.required;
    if metadata.keys.is_none() && (proves_by_key || signs) {
        let why = "private_key_jwt and signed requests need keys: send jwks or jwks_uri";
        return Err(Refusal::metadata("jwks", why));
    }
    if let Some(alg) = metadata.assertion_alg {
        let method = Method::of_assertion(alg);
        if !metadata.auth_methods.contains(&method) {
            let why = format!("assertions with {alg} belong to {method}");
            return Err(Refusal::metadata("token_endpoint_auth_signing_alg", why));
        }
    }
    check_encryption(metadata).map_err(|error| Refusal::metadata("jwks", error.to_string()))
}

/// OpenID Connect Front-Channel Logout §2.
fn check_frontchannel(metadata: &ClientMetadata) -> Result<(), Refusal> {
    let Some(channel) = &metadata.logout.frontchannel else {
        return Ok(());
    };
    let origin = Url::parse(&channel.uri)
        .ok()
        .map(|url| url.origin().ascii_serialization());
    if metadata.redirect_uris.iter().any(|uri| uri.origin() == origin) {
        return Ok(());
    }
    let why = "must have the scheme, host and port of a redirect URI";
    Err(Refusal::metadata("frontchannel_logout_uri", why))
}

/// A name that people are asked to trust.
pub fn name(text: &str) -> Result<String, Refusal> {
    let name = label(text, MAX_NAME);
    name.map(str::to_owned)
        .map_err(|error| Refusal::metadata("client_name", error.to_string()))
}

/// An https address without a fragment.
pub fn https(member: &'static str, text: &str) -> Result<String, Refusal> {
    if text.contains('#') {
        return Err(Refusal::metadata(
            member,
            "must have no fragment: remove everything from the # on",
        ));
    }
    request_uri(member, text)
}

/// An https address, whose fragment may hold the digest of what is there (OpenID Connect Registration §2, `request_uris`).
pub fn request_uri(member: &'static str, text: &str) -> Result<String, Refusal> {
    parse(text)
        .map(|_| text.to_owned())
        .ok_or_else(|| Refusal::metadata(member, "must be an absolute https URL without a user name"))
}

/// An address that people are given to follow. What names this machine or a private network by number leads every reader
/// somewhere else, unless it is a host that people are sent back to anyway: an app's in that network.
pub fn link(member: &'static str, text: &str, redirect_uris: &[RedirectUri]) -> Result<String, Refusal> {
    let url = https(member, text)?;
    let to = host(&url);
    let known = to.is_some() && redirect_uris.iter().any(|uri| host(uri.as_str()) == to);
    let inside = Url::parse(&url)
        .ok()
        .is_none_or(|url| names_this_machine_or_network(&url));
    if inside && !known {
        return Err(Refusal::metadata(member, "must not lead to a private address"));
    }
    Ok(url)
}

fn parse(text: &str) -> Option<Url> {
    let written = text.len() <= MAX_URI
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'\\' && byte != b'"');
    let url = Url::parse(text).ok().filter(|_| written)?;
    let plain = url.scheme() == "https" && url.username().is_empty() && url.password().is_none();
    Some(url).filter(|url| plain && url.has_host())
}

fn names_this_machine_or_network(url: &Url) -> bool {
    let v4 = |ip: Ipv4Addr| ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_unspecified();
    let v6 = |ip: Ipv6Addr| {
        let mapped = ip.to_ipv4_mapped().is_some_and(v4);
        mapped || ip.is_loopback() || ip.is_unspecified() || ip.is_unique_local() || ip.is_unicast_link_local()
    };
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost")
        }
        Some(Host::Ipv4(ip)) => v4(ip),
        Some(Host::Ipv6(ip)) => v6(ip),
        None => true,
    }
}

/// The host of an address.
fn host(url: &str) -> Option<String> {
    Url::parse(url).ok()?.host_str().map(str::to_owned)
}

/// A JWK Set with public keys alone (RFC 7591 §2), each of which can be used.
pub fn jwks(set: &Value) -> Result<(), Refusal> {
    let read = JwkSet::register(set);
    read.map(drop)
        .map_err(|error| Refusal::metadata("jwks", error.to_string()))
}

/// Each once, in the order given.
pub fn unique<T: PartialEq>(given: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut all = Vec::new();
    for item in given {
        if !all.contains(&item) {
            all.push(item);
        }
    }
    all
}
