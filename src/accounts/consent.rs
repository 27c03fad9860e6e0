//! What a person is asked to allow.

use crate::model::api::Api;
use crate::protocol::scope::{OPENID, OPENID_SCOPES, Scope};

/// One line of the consent page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    /// What it means to a person.
    pub meaning: Meaning,
    /// The scope behind it.
    pub scope: String,
}

/// What a scope means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// What OpenID Connect says (Core §5.4, §11).
    Standard,
    /// What the operator of its API says, in words that complete "This app will be able to …".
    Described(String),
    /// Nobody said. It is shown by its name: hiding it would be worse.
    Undescribed,
}

/// The lines for `scope`; `openid` alone needs none.
pub fn permissions(apis: &[Api], scope: &Scope) -> Vec<Permission> {
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
    scope
        .iter()
        .filter(|token| *token != OPENID)
        .map(|token| Permission {
            meaning: meaning(token),
            scope: token.to_owned(),
        })
        .collect()
}
