//! What a person is asked to allow, in words.

use crate::model::api::Api;
use crate::protocol::scope::Scope;
use crate::protocol::standard_claims::ClaimSet;

/// One line of the consent page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    /// What the app will be able to do; completes "This app will be able to …".
    pub text: String,
    /// The scope, or the claim, behind it.
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

/// What single claims mean to a person.
const CLAIM_TEXTS: &[(&str, &str)] = &[
    ("name", "See your full name"),
    ("given_name", "See your given name"),
    ("middle_name", "See your middle name"),
    ("family_name", "See your family name"),
    ("nickname", "See your nickname"),
    ("preferred_username", "See the name that you use in apps"),
    ("gender", "See your gender"),
    ("birthdate", "See your date of birth"),
    ("picture", "See your picture"),
    ("profile", "See the address of your profile page"),
    ("website", "See the address of your website"),
    ("locale", "See your language"),
    ("zoneinfo", "See your time zone"),
    ("updated_at", "See when your profile was last changed"),
    ("email", "See your e-mail address"),
    ("email_verified", "See whether your e-mail address is confirmed"),
    ("address", "See your postal address"),
    ("phone_number", "See your phone number"),
    ("phone_number_verified", "See whether your phone number is confirmed"),
];

/// The lines for the scope, and for the single claims beyond it. A scope that nobody described is shown by its name: hiding it
/// would be worse.
pub fn permissions(apis: &[Api], scope: &Scope, claims: &ClaimSet) -> Vec<Permission> {
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
    let scopes = scope.iter().filter(|token| *token != crate::protocol::scope::OPENID);
    let scopes = scopes.map(|token| (describe(token), token));
    let beyond = claims.beyond(scope);
    let single = CLAIM_TEXTS.iter().filter(|(claim, _)| beyond.contains(claim));
    scopes
        .chain(single.map(|(claim, text)| ((*text).to_owned(), *claim)))
        .map(|(text, name)| Permission {
            text,
            scope: name.to_owned(),
        })
        .collect()
}
