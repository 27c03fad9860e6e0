//! `resource` (RFC 8707 §2): the one parameter that may be repeated.

use super::error::Reason;
use super::params::Params;

/// Absolute URIs without fragment, each once.
pub fn parse(params: &Params) -> Result<Vec<String>, Reason> {
    let mut resources: Vec<String> = Vec::new();
    for resource in params.all("resource") {
        if resource.contains('#') || url::Url::parse(resource).is_err() {
            return Err(Reason::ResourceMalformed);
        }
        if !resources.iter().any(|known| known == resource) {
            resources.push(resource.to_owned());
        }
    }
    Ok(resources)
}
