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
    /// JWT or opaque.
    pub format: AccessTokenFormat,
    /// The signature of a JWT.
    pub algorithm: SigningAlg,
    /// Seconds of life: the shortest that one of the APIs allows.
    pub lifetime: i64,
}

/// Signature of tokens that no API owns.
const DEFAULT_ALGORITHM: SigningAlg = SigningAlg::Es256;

/// Finds the target: the requested resources, else the APIs that own the scope, else the client's default audience, else
/// the issuer. With `openid` the issuer belongs to it, since that is what userinfo checks.
///
/// A requested resource narrows the scope to what it owns (RFC 8707 §2.2). `lifetime` is the configured default in seconds.
pub fn resolve(
    apis: &[Api],
    client: &Client,
    issuer: &str,
    scope: &Scope,
    (resources, lifetime): (&[String], i64),
) -> Result<Target, Reason> {
    let chosen = if resources.is_empty() {
        owners(apis, scope)
    } else {
        named(apis, client, scope, resources)?
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
    let left = if resources.is_empty() {
        scope.clone()
    } else {
        narrowed(apis, &chosen, scope)
    };
    if left.contains(OPENID) && !audience.iter().any(|known| known == issuer) {
        audience.push(issuer.to_owned());
    }
    let (format, algorithm) = agreed(&chosen)?;
    let of_api = |api: &&Api| api.settings.lifetime.unwrap_or(lifetime);
    Ok(Target {
        audience,
        scope: left,
        format,
        algorithm,
        lifetime: chosen.iter().map(of_api).min().unwrap_or(lifetime),
    })
}

/// Whether every resource is an API that this client may ask for with this scope.
pub fn check_resources(apis: &[Api], client: &Client, scope: &Scope, resources: &[String]) -> Result<(), Reason> {
    named(apis, client, scope, resources).map(drop)
}

/// An API counts for those who ask for one of its scopes, or have it as their default audience: an audience is a right like
/// any other, since many APIs check nothing else.
fn named<'a>(apis: &'a [Api], client: &Client, scope: &Scope, resources: &[String]) -> Result<Vec<&'a Api>, Reason> {
    let default = client.metadata.default_audience.as_deref();
    let may = |api: &Api| default == Some(api.audience.as_str()) || scope.iter().any(|token| api.owns(token));
    let find = |resource: &String| {
        let api = apis
            .iter()
            .find(|api| api.audience == *resource)
            .ok_or(Reason::ResourceUnknown)?;
        if may(api) {
            Ok(api)
        } else {
            Err(Reason::ResourceNotGranted)
        }
    };
    resources.iter().map(find).collect()
}

fn owners<'a>(apis: &'a [Api], scope: &Scope) -> Vec<&'a Api> {
    apis.iter()
        .filter(|api| scope.iter().any(|token| api.owns(token)))
        .collect()
}

/// One token has one form and one signature. APIs that disagree are asked for one at a time, by `resource`.
fn agreed(chosen: &[&Api]) -> Result<(AccessTokenFormat, SigningAlg), Reason> {
    let Some(first) = chosen.first() else {
        return Ok((AccessTokenFormat::Jwt, DEFAULT_ALGORITHM));
    };
    let wanted = |api: &Api| (api.settings.format, api.settings.algorithm);
    let same = chosen.iter().all(|api| wanted(api) == wanted(first));
    if same {
        Ok(wanted(first))
    } else {
        Err(Reason::ResourcesDisagree)
    }
}

/// Leaves out what belongs to APIs that were not asked for. Scopes that no API owns stay.
fn narrowed(apis: &[Api], chosen: &[&Api], scope: &Scope) -> Scope {
    scope.filter(|token| {
        let owned_elsewhere = apis.iter().any(|api| api.owns(token));
        OPENID_SCOPES.contains(&token) || !owned_elsewhere || chosen.iter().any(|api| api.owns(token))
    })
}
