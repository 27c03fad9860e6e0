//! `prompt` (OpenID Connect Core §3.1.2.1).

use super::error::Reason;
use super::wire_enum;

wire_enum! {
    /// What the person is to be asked.
    PromptValue {
        /// Show nothing; answer an error instead.
        None = "none",
        /// Ask for credentials again.
        Login = "login",
        /// Ask for consent again.
        Consent = "consent",
        /// Ask which account.
        SelectAccount = "select_account",
    }
}

/// The set of prompts in one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Prompt {
    /// Nothing may be shown.
    pub none: bool,
    /// Credentials are asked again.
    pub login: bool,
    /// Consent is asked again.
    pub consent: bool,
    /// The account is asked.
    pub select_account: bool,
}

impl Prompt {
    /// Reads the space-separated list. `none` beside anything else is an error, and so is a word that is not defined.
    pub fn parse(text: Option<&str>) -> Result<Self, Reason> {
        let mut prompt = Self::default();
        for word in text.unwrap_or_default().split(' ').filter(|word| !word.is_empty()) {
            match word.parse::<PromptValue>().map_err(|()| Reason::PromptInvalid)? {
                PromptValue::None => prompt.none = true,
                PromptValue::Login => prompt.login = true,
                PromptValue::Consent => prompt.consent = true,
                PromptValue::SelectAccount => prompt.select_account = true,
            }
        }
        let asks = prompt.login || prompt.consent || prompt.select_account;
        if prompt.none && asks {
            Err(Reason::PromptInvalid)
        } else {
            Ok(prompt)
        }
    }
}
