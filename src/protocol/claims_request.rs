//! The `claims` parameter (OpenID Connect Core §5.5): single claims that a client asks for, and what it demands of the sign-in.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::error::Reason;
use super::standard_claims::ClaimSet;

/// The longest value that is read.
const MAX_LEN: usize = 8 * 1024;
/// The most values of one claim that are kept.
const MAX_VALUES: usize = 16;
/// The longest of them that is kept: as long as a `sub` can be (OpenID Connect Core §2).
const MAX_VALUE: usize = 255;

/// The claims about a person that a client asks for one by one, beside those of its scope. Whether they are essential makes
/// no difference: a claim that a person lets a client have, and that they have, is given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RequestedClaims {
    /// For the answer of the userinfo endpoint.
    pub userinfo: ClaimSet,
    /// For the ID token.
    pub id_token: ClaimSet,
}

impl RequestedClaims {
    /// All of them, wherever they are to appear.
    pub fn all(&self) -> ClaimSet {
        self.userinfo.union(&self.id_token)
    }

    /// Those for which `keep` holds.
    pub fn filter(&self, keep: impl Fn(&str) -> bool) -> Self {
        Self {
            userinfo: self.userinfo.filter(&keep),
            id_token: self.id_token.filter(&keep),
        }
    }
}

/// The parameter as far as it is understood. Claims that nobody here knows, and tagged with languages, are left out (§5.5).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClaimsRequest {
    /// What is to be told of the person.
    pub claims: RequestedClaims,
    /// The subjects of which the person must be one; empty leaves it open.
    pub subjects: Vec<String>,
    /// The authentication contexts of which one must be reached (§5.5.1.1); empty leaves it open.
    pub essential_acr: Vec<String>,
}

/// Reads the parameter. What is not a JSON object, has a member that is not what §5.5 says, is too long, or nests beyond the
/// JSON reader's bound of 128, is refused.
pub fn parse(text: Option<&str>) -> Result<ClaimsRequest, Reason> {
    let Some(text) = text else {
        return Ok(ClaimsRequest::default());
    };
    if text.len() > MAX_LEN {
        return Err(Reason::ClaimsMalformed);
    }
    let all: Map<String, Value> = serde_json::from_str(text).map_err(|_| Reason::ClaimsMalformed)?;
    let userinfo = members(&all, "userinfo")?;
    let id_token = members(&all, "id_token")?;
    let mut subjects = Vec::new();
    for place in [&userinfo, &id_token] {
        narrow(&mut subjects, wanted(place, "sub")?)?;
    }
    let essential_acr = if is_essential(&id_token, "acr") {
        wanted(&id_token, "acr")?
    } else {
        Vec::new()
    };
    Ok(ClaimsRequest {
        claims: RequestedClaims {
            userinfo: userinfo.keys().map(String::as_str).collect(),
            id_token: id_token.keys().map(String::as_str).collect(),
        },
        subjects,
        essential_acr,
    })
}

/// The claims asked for in one place. Each is asked for by `null` or an object.
fn members(all: &Map<String, Value>, place: &str) -> Result<Map<String, Value>, Reason> {
    let claims = match all.get(place) {
        None | Some(Value::Null) => return Ok(Map::new()),
        Some(Value::Object(claims)) => claims,
        Some(_) => return Err(Reason::ClaimsMalformed),
    };
    let asked = |value: &Value| value.is_null() || value.is_object();
    if claims.values().all(asked) {
        Ok(claims.clone())
    } else {
        Err(Reason::ClaimsMalformed)
    }
}

fn is_essential(claims: &Map<String, Value>, name: &str) -> bool {
    let essential = claims.get(name).and_then(|claim| claim.get("essential"));
    essential == Some(&Value::Bool(true))
}

/// The values of which a claim is to have one: `value` or `values`.
fn wanted(claims: &Map<String, Value>, name: &str) -> Result<Vec<String>, Reason> {
    let claim = claims.get(name);
    let member = |member: &str| claim.and_then(|claim| claim.get(member));
    let values = match (member("value"), member("values")) {
        (None, None) => return Ok(Vec::new()),
        (Some(one), None) => std::slice::from_ref(one),
        (None, Some(Value::Array(many))) if !many.is_empty() && many.len() <= MAX_VALUES => many.as_slice(),
        _ => return Err(Reason::ClaimsMalformed),
    };
    let text = |value: &Value| value.as_str().filter(|text| text.len() <= MAX_VALUE).map(str::to_owned);
    values
        .iter()
        .map(|value| text(value).ok_or(Reason::ClaimsMalformed))
        .collect()
}

/// Leaves only the subjects that both places agree on. When there is none, nobody could be the right person.
fn narrow(subjects: &mut Vec<String>, wanted: Vec<String>) -> Result<(), Reason> {
    if subjects.is_empty() {
        *subjects = wanted;
    } else if !wanted.is_empty() {
        subjects.retain(|subject| wanted.contains(subject));
        if subjects.is_empty() {
            return Err(Reason::ClaimsMalformed);
        }
    }
    Ok(())
}
