//! What an app may do, in words for the person.

use super::text::Message;
use super::view::Permission;
use crate::accounts::consent::{Meaning, permissions as meanings};
use crate::model::api::Api;
use crate::protocol::scope::Scope;
use crate::protocol::standard_claims::ClaimSet;

/// What the scopes of OpenID Connect mean to a person, by the keys of their texts.
const OPENID_TEXTS: &[(&str, &str)] = &[
    ("profile", "scope-profile"),
    ("email", "scope-email"),
    ("address", "scope-address"),
    ("phone", "scope-phone"),
    ("offline_access", "scope-offline-access"),
];

/// What single claims mean to a person, in the order to show.
const CLAIM_TEXTS: &[(&str, &str)] = &[
    ("name", "see-name"),
    ("given_name", "see-given-name"),
    ("middle_name", "see-middle-name"),
    ("family_name", "see-family-name"),
    ("nickname", "see-nickname"),
    ("preferred_username", "see-preferred-username"),
    ("gender", "see-gender"),
    ("birthdate", "see-birthdate"),
    ("picture", "see-picture"),
    ("profile", "see-profile"),
    ("website", "see-website"),
    ("locale", "see-locale"),
    ("zoneinfo", "see-zoneinfo"),
    ("updated_at", "see-updated-at"),
    ("email", "scope-email"),
    ("email_verified", "see-email-verified"),
    ("address", "scope-address"),
    ("phone_number", "scope-phone"),
    ("phone_number_verified", "see-phone-number-verified"),
];

/// The lines for the scope, and for the single claims beyond it. Those of an API are in its operator's own words.
pub fn permissions(apis: &[Api], scope: &Scope, claims: &ClaimSet) -> Vec<Permission> {
    let beyond = claims.beyond(scope);
    let single = CLAIM_TEXTS.iter().filter(|(claim, _)| beyond.contains(claim));
    let single = single.map(|(claim, key)| Permission {
        text: Message::new(key),
        scope: (*claim).to_owned(),
    });
    let lines = meanings(apis, scope).into_iter();
    let scopes = lines.map(|line| Permission {
        text: text(&line.scope, line.meaning),
        scope: line.scope,
    });
    scopes.chain(single).collect()
}

fn text(scope: &str, meaning: Meaning) -> Message {
    let standard = OPENID_TEXTS.iter().find(|(name, _)| *name == scope);
    match (meaning, standard) {
        (Meaning::Described(words), _) => Message::verbatim(words),
        (Meaning::Standard, Some((_, key))) => Message::new(key),
        (Meaning::Standard | Meaning::Undescribed, _) => Message::new("scope-undescribed").with("scope", scope),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::text::Language;
    use crate::protocol::scope::OPENID_SCOPES;

    #[test]
    fn the_standard_scopes_are_said_in_every_language() {
        let scope = Scope::from_tokens(OPENID_SCOPES.iter().copied());
        for language in Language::all() {
            let lines = permissions(&[], &scope, &ClaimSet::default());
            assert_eq!(lines.len(), OPENID_SCOPES.len() - 1, "all but openid");
            for line in lines {
                let bare = Message::new("scope-undescribed").with("scope", line.scope.as_str());
                assert_ne!(language.text(&line.text), language.text(bare));
            }
        }
    }

    #[test]
    fn what_nobody_described_is_shown_by_its_name() {
        let lines = permissions(&[], &Scope::from_tokens(["files:read"]), &ClaimSet::default());
        let said: Vec<_> = Language::all().map(|language| language.text(&lines[0].text)).collect();
        assert!(said.iter().all(|text| text.contains("files:read")), "{said:?}");
        assert_eq!(Language::english().text(&lines[0].text), "Use “files:read”");
    }
}
