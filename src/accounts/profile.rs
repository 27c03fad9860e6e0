//! What people change about themselves: only what the operator lets them, and never that something is verified.

use crate::accounts::claims::{self, ClaimProblem};
use crate::app::App;
use crate::model::user::{User, UserId, Username};
use crate::protocol::error::OAuthError;
use crate::protocol::standard_claims::{Address, ClaimName, StandardClaims};
use crate::protocol::wire_enum;
use crate::store::UserWrite;
use crate::time::Timestamp;

wire_enum! {
    /// A line of the profile, by the name of its claim or member of the address.
    Field {
        /// Full name.
        Name = "name",
        /// Given name.
        GivenName = "given_name",
        /// Middle name.
        MiddleName = "middle_name",
        /// Family name.
        FamilyName = "family_name",
        /// Casual name.
        Nickname = "nickname",
        /// Name by which the person wishes to be called.
        PreferredUsername = "preferred_username",
        /// Gender.
        Gender = "gender",
        /// Date of birth.
        Birthdate = "birthdate",
        /// Profile picture.
        Picture = "picture",
        /// Profile page.
        Profile = "profile",
        /// Web page or blog.
        Website = "website",
        /// Language.
        Locale = "locale",
        /// Time zone.
        Zoneinfo = "zoneinfo",
        /// Street, house number, and so on; may be several lines.
        StreetAddress = "street_address",
        /// Postal code.
        PostalCode = "postal_code",
        /// City.
        Locality = "locality",
        /// State or province.
        Region = "region",
        /// Country.
        Country = "country",
        /// E-mail address.
        Email = "email",
        /// Telephone number.
        PhoneNumber = "phone_number",
    }
}

impl Field {
    /// The claim that it belongs to.
    pub const fn claim(self) -> ClaimName {
        match self {
            Self::Name => ClaimName::Name,
            Self::GivenName => ClaimName::GivenName,
            Self::MiddleName => ClaimName::MiddleName,
            Self::FamilyName => ClaimName::FamilyName,
            Self::Nickname => ClaimName::Nickname,
            Self::PreferredUsername => ClaimName::PreferredUsername,
            Self::Gender => ClaimName::Gender,
            Self::Birthdate => ClaimName::Birthdate,
            Self::Picture => ClaimName::Picture,
            Self::Profile => ClaimName::Profile,
            Self::Website => ClaimName::Website,
            Self::Locale => ClaimName::Locale,
            Self::Zoneinfo => ClaimName::Zoneinfo,
            Self::StreetAddress | Self::PostalCode | Self::Locality | Self::Region | Self::Country => {
                ClaimName::Address
            }
            Self::Email => ClaimName::Email,
            Self::PhoneNumber => ClaimName::PhoneNumber,
        }
    }

    /// Whether others may reach the person by it: to change it, one proves again who one is.
    pub const fn is_contact(self) -> bool {
        matches!(self, Self::Email | Self::PhoneNumber)
    }

    /// What it holds. An address that is known as a whole only stands in the street's lines.
    pub fn value(self, claims: &StandardClaims) -> Option<&str> {
        let address = claims.address.as_ref();
        let member = |get: fn(&Address) -> &Option<String>| address.and_then(|address| get(address).as_deref());
        match self {
            Self::StreetAddress => match address {
                Some(address) if !has_members(address) => address.formatted.as_deref(),
                _ => member(|address| &address.street_address),
            },
            Self::PostalCode => member(|address| &address.postal_code),
            Self::Locality => member(|address| &address.locality),
            Self::Region => member(|address| &address.region),
            Self::Country => member(|address| &address.country),
            Self::Name => claims.name.as_deref(),
            Self::GivenName => claims.given_name.as_deref(),
            Self::MiddleName => claims.middle_name.as_deref(),
            Self::FamilyName => claims.family_name.as_deref(),
            Self::Nickname => claims.nickname.as_deref(),
            Self::PreferredUsername => claims.preferred_username.as_deref(),
            Self::Gender => claims.gender.as_deref(),
            Self::Birthdate => claims.birthdate.as_deref(),
            Self::Picture => claims.picture.as_deref(),
            Self::Profile => claims.profile.as_deref(),
            Self::Website => claims.website.as_deref(),
            Self::Locale => claims.locale.as_deref(),
            Self::Zoneinfo => claims.zoneinfo.as_deref(),
            Self::Email => claims.email.as_deref(),
            Self::PhoneNumber => claims.phone_number.as_deref(),
        }
    }

    fn slot(self, claims: &mut StandardClaims) -> &mut Option<String> {
        let StandardClaims { address, .. } = claims;
        match self {
            Self::StreetAddress => &mut address.get_or_insert_default().street_address,
            Self::PostalCode => &mut address.get_or_insert_default().postal_code,
            Self::Locality => &mut address.get_or_insert_default().locality,
            Self::Region => &mut address.get_or_insert_default().region,
            Self::Country => &mut address.get_or_insert_default().country,
            Self::Name => &mut claims.name,
            Self::GivenName => &mut claims.given_name,
            Self::MiddleName => &mut claims.middle_name,
            Self::FamilyName => &mut claims.family_name,
            Self::Nickname => &mut claims.nickname,
            Self::PreferredUsername => &mut claims.preferred_username,
            Self::Gender => &mut claims.gender,
            Self::Birthdate => &mut claims.birthdate,
            Self::Picture => &mut claims.picture,
            Self::Profile => &mut claims.profile,
            Self::Website => &mut claims.website,
            Self::Locale => &mut claims.locale,
            Self::Zoneinfo => &mut claims.zoneinfo,
            Self::Email => &mut claims.email,
            Self::PhoneNumber => &mut claims.phone_number,
        }
    }
}

/// One line as it shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which.
    pub field: Field,
    /// What it shall hold; `None` clears it.
    pub value: Option<String>,
}

/// What differs between `present` and what was typed into `fields`. Nothing else in a form is looked at.
pub fn changes(present: &StandardClaims, fields: &[Field], typed: impl Fn(Field) -> Option<String>) -> Vec<Change> {
    let change = |field: Field| {
        let value = tidy(&typed(field)?);
        let before = field.value(present).map(tidy).unwrap_or_default();
        (value != before).then(|| Change {
            field,
            value: Some(value).filter(|value| !value.is_empty()),
        })
    };
    fields.iter().copied().filter_map(change).collect()
}

/// Browsers send the lines of a text area with both signs at their ends.
fn tidy(text: &str) -> String {
    text.replace("\r\n", "\n").trim().to_owned()
}

/// Makes the changes. A new address or number is nobody's proven one.
pub fn apply(changes: &[Change], claims: &mut StandardClaims) {
    for Change { field, value } in changes {
        *field.slot(claims) = value.clone();
        match field {
            Field::Email => claims.email_verified = value.is_some().then_some(false),
            Field::PhoneNumber => claims.phone_number_verified = value.is_some().then_some(false),
            _ => {}
        }
    }
    if changes.iter().any(|change| change.field.claim() == ClaimName::Address) {
        tidy_address(claims);
    }
}

/// Where the address was known as a whole too, the whole follows its parts.
fn tidy_address(claims: &mut StandardClaims) {
    if let Some(address) = claims.address.as_mut() {
        let whole = whole_address(address);
        address.formatted = address.formatted.take().and(whole);
    }
    claims.address.take_if(|address| *address == Address::default());
}

fn whole_address(address: &Address) -> Option<String> {
    let on_one_line = |parts: &[&Option<String>]| {
        let parts: Vec<_> = parts.iter().filter_map(|part| part.as_deref()).collect();
        parts.join(" ")
    };
    let lines = [
        on_one_line(&[&address.street_address]),
        on_one_line(&[&address.postal_code, &address.locality]),
        on_one_line(&[&address.region]),
        on_one_line(&[&address.country]),
    ];
    let lines: Vec<_> = lines.into_iter().filter(|line| !line.is_empty()).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

fn has_members(address: &Address) -> bool {
    let Address {
        formatted: _,
        street_address,
        locality,
        region,
        postal_code,
        country,
    } = address;
    [street_address, locality, region, postal_code, country]
        .iter()
        .any(|member| member.is_some())
}

/// What is wrong with the lines that would change. What was there before is not held against the person.
pub fn problems(present: &StandardClaims, changes: &[Change]) -> Vec<(Field, ClaimProblem)> {
    let mut claims = present.clone();
    apply(changes, &mut claims);
    let found = claims::problems(&claims);
    let of_field = |field: Field| {
        let finding = found.iter().find(|finding| finding.claim == field.as_str());
        finding.map(|finding| (field, finding.problem))
    };
    changes.iter().filter_map(|change| of_field(change.field)).collect()
}

/// What became of a profile that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Saved {
    /// These claims have changed.
    Changed(Vec<ClaimName>),
    /// Nothing was to be changed.
    Unchanged,
    /// Nothing has changed, because of these.
    Refused(Vec<(Field, ClaimProblem)>),
    /// The account is gone.
    Gone,
}

/// Checks and stores. Only the lines that differ from what `user` saw are written: an operator who changes others at the same
/// moment is not undone.
pub async fn save(app: &App, user: &User, changes: &[Change], now: Timestamp) -> Result<Saved, OAuthError> {
    if changes.is_empty() {
        return Ok(Saved::Unchanged);
    }
    let mut problems = problems(&user.claims, changes);
    let email = changes.iter().find(|change| change.field == Field::Email);
    if let Some(address) = email.and_then(|change| change.value.as_deref())
        && problems.is_empty()
        && is_name_of_another(app, address, user.id).await?
    {
        problems.push((Field::Email, ClaimProblem::OtherUsersName));
    }
    if !problems.is_empty() {
        return Ok(Saved::Refused(problems));
    }
    let edit = |claims: &mut StandardClaims| apply(changes, claims);
    match app.store().edit_claims(user.id, edit, now).await? {
        UserWrite::Done => Ok(Saved::Changed(claims_of(changes))),
        UserWrite::NotFound | UserWrite::Taken => Ok(Saved::Gone),
    }
}

/// A name that looks like an e-mail address receives what is meant for that address.
async fn is_name_of_another(app: &App, address: &str, user: UserId) -> Result<bool, OAuthError> {
    let Some(name) = Username::canonical(address) else {
        return Ok(false);
    };
    let found = app.store().user_by_name(&name).await?;
    Ok(found.is_some_and(|found| found.id != user))
}

fn claims_of(changes: &[Change]) -> Vec<ClaimName> {
    let mut names: Vec<_> = changes.iter().map(|change| change.field.claim()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(pairs: &'static [(&'static str, &'static str)]) -> impl Fn(Field) -> Option<String> {
        |field| {
            let found = pairs.iter().find(|(name, _)| *name == field.as_str());
            found.map(|(_, value)| (*value).to_owned())
        }
    }

    fn ada() -> StandardClaims {
        StandardClaims {
            name: Some("Ada".into()),
            email: Some("ada@example.com".into()),
            email_verified: Some(true),
            phone_number: Some("+1 555 0100".into()),
            phone_number_verified: Some(true),
            ..StandardClaims::default()
        }
    }

    fn edited(present: &StandardClaims, pairs: &'static [(&'static str, &'static str)]) -> StandardClaims {
        let mut claims = present.clone();
        apply(&changes(present, Field::ALL, typed(pairs)), &mut claims);
        claims
    }

    #[test]
    fn only_the_lines_that_differ_and_may_be_changed_change() {
        let sent = typed(&[("name", " Ada "), ("nickname", "Countess"), ("gender", "")]);
        let found = changes(&ada(), &[Field::Name, Field::Nickname, Field::Gender], sent);
        let nickname = Change {
            field: Field::Nickname,
            value: Some("Countess".into()),
        };
        assert_eq!(found, [nickname]);
        let sent = typed(&[("name", ""), ("nickname", "Countess")]);
        let cleared = Change {
            field: Field::Name,
            value: None,
        };
        assert_eq!(changes(&ada(), &[Field::Name], sent), [cleared]);
        assert_eq!(changes(&ada(), Field::ALL, |_| None), []);
    }

    #[test]
    fn every_line_keeps_what_is_typed_into_it() {
        for field in Field::ALL.iter().copied() {
            let change = Change {
                field,
                value: Some("1815".to_owned()),
            };
            let mut claims = StandardClaims::default();
            apply(std::slice::from_ref(&change), &mut claims);
            assert_eq!(field.value(&claims), Some("1815"), "{field}");
            let others = Field::ALL.iter().filter(|other| other.value(&claims).is_some());
            assert_eq!(others.count(), 1, "{field}");
            apply(&[Change { field, value: None }], &mut claims);
            assert!(claims == StandardClaims::default(), "{field}");
        }
    }

    #[test]
    fn lg_37_a_new_address_or_number_is_not_verified() {
        let claims = edited(&ada(), &[("email", "eve@example.com"), ("email_verified", "true")]);
        assert_eq!(
            (claims.email_verified, claims.phone_number_verified),
            (Some(false), Some(true))
        );
        let claims = edited(
            &ada(),
            &[("phone_number", "+1 555 0199"), ("phone_number_verified", "true")],
        );
        assert_eq!(
            (claims.email_verified, claims.phone_number_verified),
            (Some(true), Some(false))
        );
        let claims = edited(&ada(), &[("email", ""), ("phone_number", "")]);
        assert_eq!((claims.email_verified, claims.phone_number_verified), (None, None));
        // The same address again proves nothing and changes nothing.
        let claims = edited(&ada(), &[("email", "ada@example.com")]);
        assert_eq!(claims.email_verified, Some(true));
    }

    #[test]
    fn a_whole_address_follows_its_parts() {
        let mut present = StandardClaims {
            address: Some(Address {
                formatted: Some("1 Road\r\nTown".into()),
                ..Address::default()
            }),
            ..StandardClaims::default()
        };
        assert_eq!(Field::StreetAddress.value(&present), Some("1 Road\r\nTown"));
        assert_eq!(
            changes(&present, Field::ALL, typed(&[("street_address", "1 Road\r\nTown")])),
            []
        );
        present = edited(
            &present,
            &[
                ("street_address", "1 Road\r\nBack yard"),
                ("postal_code", "123"),
                ("locality", "Town"),
            ],
        );
        let address = present.address.clone().unwrap();
        assert_eq!(address.formatted.as_deref(), Some("1 Road\nBack yard\n123 Town"));
        assert_eq!(address.street_address.as_deref(), Some("1 Road\nBack yard"));
        present = edited(
            &present,
            &[("street_address", ""), ("postal_code", ""), ("locality", "")],
        );
        assert_eq!(present.address, None);
        // Where no whole was known, none is made up.
        let country = edited(&present, &[("country", "France")]).address.unwrap();
        assert_eq!((country.formatted, country.country.as_deref()), (None, Some("France")));
    }

    #[test]
    fn a_problem_is_told_at_its_line_and_old_ones_are_let_be() {
        let present = StandardClaims {
            locale: Some("klingon speech".into()),
            ..ada()
        };
        let found = |pairs| problems(&present, &changes(&present, Field::ALL, typed(pairs)));
        assert_eq!(found(&[("name", "Ada Lovelace"), ("locale", "klingon speech")]), []);
        assert_eq!(
            found(&[
                ("website", "javascript:alert(1)"),
                ("email", "nobody"),
                ("region", "a\tb")
            ]),
            [
                (Field::Website, ClaimProblem::NotWebAddress),
                (Field::Region, ClaimProblem::Control),
                (Field::Email, ClaimProblem::NotEmail),
            ]
        );
    }
}
