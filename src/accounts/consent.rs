//! What a person is asked to allow, in words.

use crate::model::api::Api;
use crate::protocol::scope::Scope;

/// One line of the consent page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    /// What the app will be able to do; completes "This app will be able to …".
    pub text: String,
    /// The scope behind it.
    pub scope: String,
}

/// What the scopes of OpenID Connect mean to a person; `openid` alone needs no line.
const OPENID_TEXTS: &[(&str, &str)] = &[
    ("profile", "See your name and the rest of your public profile"),
    ("email", "See your e-mail address"),
    ("address", "See your postal address"),
    ("phone", "See your phone number"),
    (
        "offline_access",
        "Stay connected while you are away, until you withdraw it",
    ),
];

/// The lines for `scope`. A scope that nobody described is shown by its name: hiding it would be worse.
pub fn permissions(apis: &[Api], scope: &Scope) -> Vec<Permission> {
    let describe = |token: &str| {
        let openid = OPENID_TEXTS
            .iter()
            .find(|(name, _)| *name == token)
            .map(|(_, text)| (*text).to_owned());
        let described = || {
            apis.iter()
                .flat_map(|api| &api.settings.scopes)
                .find(|scope| scope.name == token)
        };
        openid
            .or_else(|| described().map(|scope| scope.description.clone()))
            .unwrap_or_else(|| format!("Use “{token}”"))
    };
    scope
        .iter()
        .filter(|token| *token != crate::protocol::scope::OPENID)
        .map(|token| Permission {
            text: describe(token),
            scope: token.to_owned(),
        })
        .collect()
}
