//! How each line of a profile looks, and what is said when it cannot stay so.

use super::text::Message;
use crate::accounts::claims::{ClaimProblem, MAX_CHARS};
use crate::accounts::profile::Field;

/// How a line looks.
pub(super) struct Looks {
    /// The key of what people call it.
    pub label: &'static str,
    /// The type of its input.
    pub kind: &'static str,
    /// The token of HTML that says what a browser may fill in.
    pub autocomplete: &'static str,
    /// The key of how it is written.
    pub hint: Option<&'static str>,
    /// Whether it takes the whole width.
    pub wide: bool,
}

/// How `field` looks.
pub(super) const fn looks(field: Field) -> Looks {
    match field {
        Field::Name => line("field-name", "name").wide().hint("field-name-hint"),
        Field::GivenName => line("field-given-name", "given-name"),
        Field::MiddleName => line("field-middle-name", "additional-name"),
        Field::FamilyName => line("field-family-name", "family-name"),
        Field::Nickname => line("field-nickname", "nickname"),
        Field::PreferredUsername => line("field-preferred-username", "off"),
        Field::Gender => line("field-gender", "sex"),
        Field::Birthdate => line("field-birthdate", "bday").hint("field-birthdate-hint"),
        Field::Picture => line("field-picture", "photo")
            .kind("url")
            .wide()
            .hint("field-picture-hint"),
        Field::Profile => line("field-profile", "off").kind("url").wide(),
        Field::Website => line("field-website", "url").kind("url").wide(),
        Field::Locale => line("field-locale", "language").hint("field-locale-hint"),
        Field::Zoneinfo => line("field-zoneinfo", "off").hint("field-zoneinfo-hint"),
        Field::StreetAddress => line("field-street-address", "street-address").wide(),
        Field::PostalCode => line("field-postal-code", "postal-code"),
        Field::Locality => line("field-locality", "address-level2"),
        Field::Region => line("field-region", "address-level1"),
        Field::Country => line("field-country", "country-name"),
        Field::Email => line("field-email", "email").kind("email").wide(),
        Field::PhoneNumber => line("field-phone-number", "tel")
            .kind("tel")
            .wide()
            .hint("field-phone-number-hint"),
    }
}

const fn line(label: &'static str, autocomplete: &'static str) -> Looks {
    Looks {
        label,
        kind: "text",
        autocomplete,
        hint: None,
        wide: false,
    }
}

impl Looks {
    const fn kind(self, kind: &'static str) -> Self {
        Self { kind, ..self }
    }

    const fn hint(self, hint: &'static str) -> Self {
        let hint = Some(hint);
        Self { hint, ..self }
    }

    const fn wide(self) -> Self {
        Self { wide: true, ..self }
    }
}

/// What to do about it, for the person.
pub(super) fn advice(problem: ClaimProblem) -> Message {
    let key = match problem {
        ClaimProblem::Empty => "claim-empty",
        ClaimProblem::TooLong => return Message::new("claim-too-long").with("count", MAX_CHARS),
        ClaimProblem::Control => "claim-control",
        ClaimProblem::NotWebAddress => "claim-not-web-address",
        ClaimProblem::NotEmail => "claim-not-email",
        ClaimProblem::NotBirthdate => "claim-not-birthdate",
        ClaimProblem::NotPhoneNumber => "claim-not-phone-number",
        ClaimProblem::NotLocale => "claim-not-locale",
        ClaimProblem::NotZoneinfo => "claim-not-zoneinfo",
        ClaimProblem::OtherUsersName | ClaimProblem::NothingToVerify => "claim-not-usable",
    };
    Message::new(key)
}
