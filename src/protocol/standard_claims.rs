//! The standard claims of OpenID Connect Core §5.1, and which scope carries which (§5.4).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::scope::Scope;
use super::wire_enum;

wire_enum! {
    /// The standard claims that say something about a person. The two that vouch for another claim (`email_verified`,
    /// `phone_number_verified`) and `updated_at` are the server's to say.
    ClaimName {
        /// Full name.
        Name = "name",
        /// Given name.
        GivenName = "given_name",
        /// Family name.
        FamilyName = "family_name",
        /// Middle name.
        MiddleName = "middle_name",
        /// Casual name.
        Nickname = "nickname",
        /// Name by which the person wishes to be called.
        PreferredUsername = "preferred_username",
        /// Profile page.
        Profile = "profile",
        /// Profile picture.
        Picture = "picture",
        /// Web page or blog.
        Website = "website",
        /// Gender.
        Gender = "gender",
        /// Date of birth.
        Birthdate = "birthdate",
        /// Time zone.
        Zoneinfo = "zoneinfo",
        /// Language.
        Locale = "locale",
        /// E-mail address.
        Email = "email",
        /// Telephone number.
        PhoneNumber = "phone_number",
        /// Postal address, with all its members.
        Address = "address",
    }
}

/// Everything about a person that OpenID Connect names. Absent members are left out of answers.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StandardClaims {
    /// Full name for display.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Given name or first name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_name: Option<String>,
    /// Surname or last name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family_name: Option<String>,
    /// Middle name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub middle_name: Option<String>,
    /// Casual name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nickname: Option<String>,
    /// Name by which the person wishes to be called; the username unless set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preferred_username: Option<String>,
    /// URL of the profile page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// URL of the profile picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
    /// URL of the web page or blog.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub website: Option<String>,
    /// Gender, free text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gender: Option<String>,
    /// `YYYY-MM-DD` or `YYYY`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub birthdate: Option<String>,
    /// Time zone name, as `Europe/Paris`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zoneinfo: Option<String>,
    /// Language tag, as `fr-CA`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// Preferred e-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Whether that address was proven.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email_verified: Option<bool>,
    /// Telephone number, E.164 preferred.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<String>,
    /// Whether that number was proven.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone_number_verified: Option<bool>,
    /// Postal address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
}

/// The address claim (OpenID Connect Core §5.1.1).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Address {
    /// The whole address, lines separated by newlines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub formatted: Option<String>,
    /// Street, house number, and so on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub street_address: Option<String>,
    /// City.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locality: Option<String>,
    /// State or province.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Zip or postal code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<String>,
    /// Country.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
}

/// Personal data stays out of logs.
impl std::fmt::Debug for StandardClaims {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StandardClaims(…)")
    }
}

/// The claims of scope `profile`, apart from `updated_at`, which the server knows itself.
const PROFILE: &[&str] = &[
    "name",
    "family_name",
    "given_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "picture",
    "website",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
];

/// When the record of a person last changed: of scope `profile`, and the server's to say.
pub const UPDATED_AT: &str = "updated_at";

/// Which claims each scope carries (OpenID Connect Core §5.4), apart from [`UPDATED_AT`].
pub const SCOPE_CLAIMS: &[(&str, &[&str])] = &[
    ("profile", PROFILE),
    ("email", &["email", "email_verified"]),
    ("address", &["address"]),
    ("phone", &["phone_number", "phone_number_verified"]),
];

/// The scope that carries `claim`, with the claim; `None` for what is not a claim about a person that is known here.
fn carried(claim: &str) -> Option<(&'static str, &'static str)> {
    if claim == UPDATED_AT {
        return Some(("profile", UPDATED_AT));
    }
    SCOPE_CLAIMS.iter().find_map(|(scope, claims)| {
        let known = claims.iter().find(|known| **known == claim)?;
        Some((*scope, *known))
    })
}

/// The scope that carries `claim`.
pub fn scope_of(claim: &str) -> Option<&'static str> {
    carried(claim).map(|(scope, _)| scope)
}

/// Claims about a person, each once and in the order of their names, so that equal sets are equal texts. Holds only what is
/// known here; everything else is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<String>")]
pub struct ClaimSet(BTreeSet<&'static str>);

impl ClaimSet {
    /// Reads what [`Display`](std::fmt::Display) writes.
    pub fn stored(text: &str) -> Self {
        text.split(' ').collect()
    }

    /// The claims that `scope` carries.
    pub fn of_scope(scope: &Scope) -> Self {
        let carried = SCOPE_CLAIMS.iter().filter(|(token, _)| scope.contains(token));
        let mut claims: BTreeSet<_> = carried.flat_map(|(_, claims)| claims.iter().copied()).collect();
        claims.extend(scope.contains("profile").then_some(UPDATED_AT));
        Self(claims)
    }

    /// Whether `claim` is in the set.
    pub fn contains(&self, claim: &str) -> bool {
        self.0.contains(claim)
    }

    /// Whether every claim of `other` is in this set.
    pub fn covers(&self, other: &Self) -> bool {
        other.0.is_subset(&self.0)
    }

    /// The claims of both.
    pub fn union(&self, other: &Self) -> Self {
        Self(self.0.union(&other.0).copied().collect())
    }

    /// The claims that `scope` does not carry already.
    pub fn beyond(&self, scope: &Scope) -> Self {
        self.filter(|claim| scope_of(claim).is_none_or(|token| !scope.contains(token)))
    }

    /// The claims for which `keep` holds.
    pub fn filter(&self, keep: impl Fn(&str) -> bool) -> Self {
        Self(self.0.iter().copied().filter(|claim| keep(claim)).collect())
    }

    /// The claims, in order.
    pub fn iter(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().copied()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> FromIterator<&'a str> for ClaimSet {
    fn from_iter<I: IntoIterator<Item = &'a str>>(names: I) -> Self {
        Self(names.into_iter().filter_map(carried).map(|(_, claim)| claim).collect())
    }
}

impl From<Vec<String>> for ClaimSet {
    fn from(names: Vec<String>) -> Self {
        names.iter().map(String::as_str).collect()
    }
}

impl std::fmt::Display for ClaimSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, claim) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(claim)?;
        }
        Ok(())
    }
}

impl StandardClaims {
    /// The claims of `set` that are known of the person, as JSON members.
    pub fn of(&self, set: &ClaimSet) -> serde_json::Map<String, serde_json::Value> {
        let Ok(serde_json::Value::Object(mut all)) = serde_json::to_value(self) else {
            return serde_json::Map::new();
        };
        all.retain(|claim, _| set.contains(claim));
        all
    }
}
