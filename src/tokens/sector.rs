//! The sector of a pairwise client (OpenID Connect Core §8.1): which clients see the same subjects.

use std::collections::HashSet;

use url::Url;

use crate::model::client::SubjectPolicy;
use crate::outbound::{Document, GuardedFetch, OutboundError, Purpose};
use crate::protocol::redirect_uri::RedirectUri;

/// The most redirect URIs that a sector's document may list.
const MAX_LISTED: usize = 1000;

/// Why a client cannot have pairwise subjects so. The text says what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SectorError {
    /// `sector_identifier_uri` is none that may be fetched, or nothing came back.
    #[error("sector_identifier_uri: {0}")]
    Fetch(#[from] OutboundError),
    /// Another status than 200.
    #[error("sector_identifier_uri: the answer has the status {0}, not 200")]
    Status(u16),
    /// The document is no list of URIs, or too long a one.
    #[error("sector_identifier_uri: the answer is no JSON array of at most {MAX_LISTED} redirect URIs")]
    NotAList,
    /// A redirect URI of the client is not on the list.
    #[error("sector_identifier_uri: its list lacks the redirect URI {0}")]
    NotListed(String),
    /// There is nothing to take a host from, or nothing that is anybody's own.
    #[error(
        "pairwise subjects need a sector_identifier_uri for a client without redirect URIs, or with one that is not https"
    )]
    NoHost,
    /// The redirect URIs do not agree.
    #[error("the redirect URIs have several hosts: pairwise subjects then need a sector_identifier_uri")]
    SeveralHosts,
}

/// What a pairwise client is registered with. With `uri` its document is fetched, once, and must list each of `redirect_uris`;
/// without it they must have one host. To be asked again whenever the redirect URIs change.
pub async fn resolve(
    fetch: &GuardedFetch,
    uri: Option<&str>,
    redirect_uris: &[RedirectUri],
) -> Result<SubjectPolicy, SectorError> {
    let Some(uri) = uri else {
        let sector = host_of_all(redirect_uris)?;
        return Ok(SubjectPolicy::Pairwise { sector, uri: None });
    };
    let url = fetch.check(uri)?;
    let document = fetch.get(Purpose::SectorIdentifier, uri, "application/json").await?;
    check_listed(&document, redirect_uris)?;
    Ok(SubjectPolicy::Pairwise {
        sector: host(&url).ok_or(SectorError::NoHost)?,
        uri: Some(uri.to_owned()),
    })
}

/// Loopback and private schemes belong to nobody: as a sector they would be shared with strangers.
fn host_of_all(redirect_uris: &[RedirectUri]) -> Result<String, SectorError> {
    let hosts = redirect_uris.iter().map(|uri| {
        let https = !uri.proves_no_identity();
        https
            .then(|| Url::parse(uri.as_str()).ok())
            .flatten()
            .and_then(|url| host(&url))
    });
    let hosts: Option<HashSet<String>> = hosts.collect();
    let mut hosts = hosts.ok_or(SectorError::NoHost)?.into_iter();
    match (hosts.next(), hosts.next()) {
        (Some(only), None) => Ok(only),
        (Some(_), Some(_)) => Err(SectorError::SeveralHosts),
        (None, _) => Err(SectorError::NoHost),
    }
}

/// The host alone: neither scheme nor port (OpenID Connect Core §8.1).
fn host(url: &Url) -> Option<String> {
    url.host_str().map(str::to_owned)
}

fn check_listed(document: &Document, redirect_uris: &[RedirectUri]) -> Result<(), SectorError> {
    if document.status != 200 {
        return Err(SectorError::Status(document.status));
    }
    let listed: Vec<String> = serde_json::from_slice(&document.body).map_err(|_| SectorError::NotAList)?;
    if listed.len() > MAX_LISTED {
        return Err(SectorError::NotAList);
    }
    let listed: HashSet<&str> = listed.iter().map(String::as_str).collect();
    let missing = redirect_uris.iter().find(|uri| !listed.contains(uri.as_str()));
    missing.map_or(Ok(()), |uri| Err(SectorError::NotListed(uri.as_str().to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uris(texts: &[&str]) -> Vec<RedirectUri> {
        texts.iter().map(|text| RedirectUri::register(text).unwrap()).collect()
    }

    #[test]
    fn without_a_document_the_sector_is_the_one_host() {
        let cases: [(&[&str], Result<&str, SectorError>); 7] = [
            (&["https://app.example/a", "https://app.example/b"], Ok("app.example")),
            (
                &["https://app.example/a", "https://app.example:8443/b"],
                Ok("app.example"),
            ),
            (
                &["https://app.example/", "https://www.app.example/"],
                Err(SectorError::SeveralHosts),
            ),
            (&[], Err(SectorError::NoHost)),
            (&["http://127.0.0.1/cb"], Err(SectorError::NoHost)),
            (&["http://localhost:8080/cb"], Err(SectorError::NoHost)),
            (
                &["https://app.example/a", "com.example.app:/cb"],
                Err(SectorError::NoHost),
            ),
        ];
        for (given, expected) in cases {
            assert_eq!(host_of_all(&uris(given)), expected.map(str::to_owned), "{given:?}");
        }
    }

    #[test]
    fn dr_12_the_document_must_list_every_redirect_uri() {
        let own = uris(&["https://a.example/cb", "https://b.example/cb"]);
        let too_long = serde_json::to_string(&vec!["https://a.example/cb"; MAX_LISTED + 1]).unwrap();
        let cases: [(u16, &str, Result<(), SectorError>); 9] = [
            (
                200,
                r#"["https://a.example/cb","https://c.example/cb","https://b.example/cb"]"#,
                Ok(()),
            ),
            (
                200,
                r#"["https://a.example/cb"]"#,
                Err(SectorError::NotListed("https://b.example/cb".into())),
            ),
            (
                200,
                r#"["https://a.example/cb","https://b.example/cb/"]"#,
                Err(SectorError::NotListed("https://b.example/cb".into())),
            ),
            (200, "[]", Err(SectorError::NotListed("https://a.example/cb".into()))),
            (200, r#"{"redirect_uris":[]}"#, Err(SectorError::NotAList)),
            (200, r#"["https://a.example/cb",1]"#, Err(SectorError::NotAList)),
            (200, "", Err(SectorError::NotAList)),
            (200, &too_long, Err(SectorError::NotAList)),
            (404, "[]", Err(SectorError::Status(404))),
        ];
        for (status, body, expected) in cases {
            let document = Document {
                status,
                media_type: None,
                max_age: None,
                body: body.as_bytes().to_vec(),
            };
            assert_eq!(check_listed(&document, &own), expected, "{status} {body:.60}");
        }
    }
}
