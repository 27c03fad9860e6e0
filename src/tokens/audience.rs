//! For whom a token is, and for what (RFC 8707, RFC 9068 §3).

use crate::model::api::{AccessTokenFormat, Api};
use crate::model::client::Client;
use crate::protocol::error::Reason;
use crate::protocol::scope::{OPENID, OPENID_SCOPES, Scope};
use crate::protocol::signing_alg::SigningAlg;

/// What access token to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// `aud`: never empty.
    pub audience: Vec<String>,
    /// The scope that counts there.
    pub scope: Scope,
    /// JWT, unless an API wants to look tokens up.
    pub format: AccessTokenFormat,
    /// The signature of a JWT.
    pub algorithm: SigningAlg,
    /// Seconds of life, where an API says so; the shortest counts.
    pub lifetime: Option<i64>,
}

/// Signature of tokens that no API owns.
const DEFAULT_ALGORITHM: SigningAlg = SigningAlg::Es256;

/// Finds the target: the requested resources, else the APIs that own the scope, else the client's default audience, else
/// the issuer. With `openid` the issuer belongs to it, since that is what userinfo checks.
///
/// A requested resource narrows the scope to what it owns (RFC 8707 §2.2).
pub fn resolve(
    apis: &[Api],
    client: &Client,
    issuer: &str,
    scope: &Scope,
    resources: &[String],
) -> Result<Target, Reason> {
    let chosen = if resources.is_empty() {
        owners(apis, scope)
    } else {
        named(apis, resources)?
    };
    let scope = if resources.is_empty() {
        scope.clone()
    } else {
        narrowed(apis, &chosen, scope)
    };
    let mut audience: Vec<String> = chosen.iter().map(|api| api.audience.clone()).collect();
    if audience.is_empty() {
        audience.push(
            client
                .metadata
                .default_audience
                .clone()
                .unwrap_or_else(|| issuer.to_owned()),
        );
    }
    if scope.contains(OPENID) && !audience.iter().any(|known| known == issuer) {
        audience.push(issuer.to_owned());
    }
    let opaque = chosen
        .iter()
        .any(|api| api.settings.format == AccessTokenFormat::Opaque);
    Ok(Target {
        audience,
        scope,
        format: if opaque {
            AccessTokenFormat::Opaque
        } else {
            AccessTokenFormat::Jwt
        },
        algorithm: chosen.first().map_or(DEFAULT_ALGORITHM, |api| api.settings.algorithm),
        lifetime: chosen.iter().filter_map(|api| api.settings.lifetime).min(),
    })
}

/// Whether every resource is an API that is registered here.
pub fn check_resources(apis: &[Api], resources: &[String]) -> Result<(), Reason> {
    named(apis, resources).map(drop)
}

fn named<'a>(apis: &'a [Api], resources: &[String]) -> Result<Vec<&'a Api>, Reason> {
    let find = |resource: &String| {
        apis.iter()
            .find(|api| api.audience == *resource)
            .ok_or(Reason::ResourceUnknown)
    };
    resources.iter().map(find).collect()
}

fn owners<'a>(apis: &'a [Api], scope: &Scope) -> Vec<&'a Api> {
    apis.iter()
        .filter(|api| scope.iter().any(|token| api.owns(token)))
        .collect()
}

/// Leaves out what belongs to APIs that were not asked for. Scopes that no API owns stay.
fn narrowed(apis: &[Api], chosen: &[&Api], scope: &Scope) -> Scope {
    scope.filter(|token| {
        let owned_elsewhere = apis.iter().any(|api| api.owns(token));
        OPENID_SCOPES.contains(&token) || !owned_elsewhere || chosen.iter().any(|api| api.owns(token))
    })
}
