//! How each line of a profile looks, and what is said when it cannot stay so.

use crate::accounts::claims::{ClaimProblem, MAX_CHARS};
use crate::accounts::profile::Field;

/// How a line looks.
pub(super) struct Looks {
    /// What people call it.
    pub label: &'static str,
    /// The type of its input.
    pub kind: &'static str,
    /// The token of HTML that says what a browser may fill in.
    pub autocomplete: &'static str,
    /// How it is written.
    pub hint: &'static str,
    /// Whether it takes the whole width.
    pub wide: bool,
}

/// How `field` looks.
pub(super) const fn looks(field: Field) -> Looks {
    match field {
        Field::Name => line("Full name", "name").wide("As apps show it."),
        Field::GivenName => line("Given name", "given-name"),
        Field::MiddleName => line("Middle name", "additional-name"),
        Field::FamilyName => line("Family name", "family-name"),
        Field::Nickname => line("Nickname", "nickname"),
        Field::PreferredUsername => line("Name in apps", "off"),
        Field::Gender => line("Gender", "sex"),
        Field::Birthdate => line("Date of birth", "bday").hint("YYYY-MM-DD, or the year alone."),
        Field::Picture => line("Picture", "photo")
            .kind("url")
            .wide("The address of an image, with https://."),
        Field::Profile => line("Profile page", "off").kind("url").wide(""),
        Field::Website => line("Website", "url").kind("url").wide(""),
        Field::Locale => line("Language", "language").hint("A tag such as en or fr-CA."),
        Field::Zoneinfo => line("Time zone", "off").hint("A name such as Europe/Paris."),
        Field::StreetAddress => line("Street and number", "street-address").wide(""),
        Field::PostalCode => line("Postal code", "postal-code"),
        Field::Locality => line("City", "address-level2"),
        Field::Region => line("State or province", "address-level1"),
        Field::Country => line("Country", "country-name"),
        Field::Email => line("E-mail address", "email").kind("email").wide(""),
        Field::PhoneNumber => line("Phone number", "tel")
            .kind("tel")
            .wide("With the country's code, such as +1 555 0100."),
    }
}

const fn line(label: &'static str, autocomplete: &'static str) -> Looks {
    Looks {
        label,
        kind: "text",
        autocomplete,
        hint: "",
        wide: false,
    }
}

impl Looks {
    const fn kind(self, kind: &'static str) -> Self {
        Self { kind, ..self }
    }

    const fn hint(self, hint: &'static str) -> Self {
        Self { hint, ..self }
    }

    const fn wide(self, hint: &'static str) -> Self {
        Self {
            hint,
            wide: true,
            ..self
        }
    }
}

/// What to do about it, for the person.
pub(super) const fn advice(problem: ClaimProblem) -> &'static str {
    match problem {
        ClaimProblem::Empty => "Type something, or leave it empty.",
        ClaimProblem::TooLong => {
            const { assert!(MAX_CHARS == 512, "the sentence names the number") };
            "Use at most 512 characters."
        }
        ClaimProblem::Control => "Remove the characters that cannot be seen; paste it as plain text.",
        ClaimProblem::NotWebAddress => "Use an address that starts with https:// or http://.",
        ClaimProblem::NotEmail => "This is not an e-mail address. It looks like alice@example.com.",
        ClaimProblem::NotBirthdate => "Write it as YYYY-MM-DD, or give the year alone.",
        ClaimProblem::NotPhoneNumber => "This is not a phone number. It looks like +1 555 0100.",
        ClaimProblem::NotLocale => "Use a language tag such as en or fr-CA.",
        ClaimProblem::NotZoneinfo => "Use the name of a time zone such as Europe/Paris.",
        ClaimProblem::OtherUsersName | ClaimProblem::NothingToVerify => {
            "This address cannot be used here. Choose another one."
        }
    }
}
