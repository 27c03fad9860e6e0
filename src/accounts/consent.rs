//! What a person is asked to allow.

use crate::model::api::Api;
use crate::protocol::scope::{OPENID, OPENID_SCOPES, Scope};
use crate::protocol::standard_claims::{ClaimSet, scope_of};

/// One line of the consent page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    /// What it means to a person.
    pub meaning: Meaning,
    /// The scope, or the claim, behind it.
    pub scope: String,
}

/// What a scope means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// What OpenID Connect says (Core §5.4, §11).
    Standard,
    /// What the operator of its API says, in words that complete "This app will be able to …".
    Described(String),
    /// A single claim (OpenID Connect Core §5.5).
    Claim,
    /// Nobody said. It is shown by its name: hiding it would be worse.
    Undescribed,
}

/// The lines for `scope`, and for the single claims beyond it; `openid` alone needs none.
pub fn permissions(apis: &[Api], scope: &Scope, claims: &ClaimSet) -> Vec<Permission> {
    let described = |token: &str| {
        let mut scopes = apis.iter().flat_map(|api| &api.settings.scopes);
        scopes.find(|scope| scope.name == token)
    };
    let meaning = |token: &str| {
        if OPENID_SCOPES.contains(&token) {
            Meaning::Standard
        } else {
            described(token).map_or(Meaning::Undescribed, |scope| {
                Meaning::Described(scope.description.clone())
            })
        }
    };
    let scopes = scope.iter().filter(|token| *token != OPENID);
    let scopes = scopes.map(|token| (meaning(token), token));
    // What no scope carries is about the sign-in, which the app learns of anyway.
    let single = claims.beyond(scope).filter(|claim| scope_of(claim).is_some());
    let single = single.iter().map(|claim| (Meaning::Claim, claim));
    scopes
        .chain(single)
        .map(|(meaning, name)| Permission {
            meaning,
            scope: name.to_owned(),
        })
        .collect()
}
