//! Where a sign-in for its own sake leads: one of these pages. A request chooses among them by name and can name no other
//! address.

use crate::http::paths;
use crate::protocol::params::Params;
use crate::protocol::wire_enum;

wire_enum! {
    /// A page to come back to after signing in.
    ReturnTo {
        /// The front page.
        Home = "home",
        /// The account.
        Account = "account",
        /// The profile.
        Profile = "profile",
        /// E-mail address and phone number.
        Contact = "contact",
        /// The password.
        Password = "password",
        /// The list of sign-ins.
        Sessions = "sessions",
        /// The list of apps.
        Apps = "apps",
    }
}

impl ReturnTo {
    /// The page that the query of a sign-in page names; the front page unless it names one.
    pub fn of(query: Option<&str>) -> Self {
        let params = Params::parse(query.unwrap_or_default().as_bytes()).unwrap_or_default();
        let named = params.field("to").and_then(|name| name.parse().ok());
        named.unwrap_or(Self::Home)
    }

    /// Its path.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Home => paths::HOME,
            Self::Account => paths::ACCOUNT,
            Self::Profile => paths::ACCOUNT_PROFILE,
            Self::Contact => paths::ACCOUNT_CONTACT,
            Self::Password => paths::ACCOUNT_PASSWORD,
            Self::Sessions => paths::ACCOUNT_SESSIONS,
            Self::Apps => paths::ACCOUNT_APPS,
        }
    }

    /// The sign-in page that leads there.
    pub fn login(self) -> String {
        match self {
            Self::Home => paths::LOGIN.to_owned(),
            other => format!("{}?to={other}", paths::LOGIN),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_chooses_among_our_pages_only() {
        for page in ReturnTo::ALL.iter().copied() {
            let login = page.login();
            let query = login.split_once('?').map(|(_, query)| query);
            assert_eq!(ReturnTo::of(query), page);
        }
        for query in [
            "",
            "to=",
            "to=https://evil.example/",
            "to=//evil.example",
            "to=/account",
            "to=Profile",
            "to=profile&to=profile",
            "to=%00",
            "to=%zz",
            "return_to=profile",
        ] {
            assert_eq!(ReturnTo::of(Some(query)), ReturnTo::Home, "{query}");
        }
    }
}
