//! `response_mode` (OAuth 2.0 Multiple Response Types §2.1, Form Post Response Mode).

use super::error::Reason;
use super::wire_enum;

wire_enum! {
    /// How the authorization response travels.
    #[derive(Default)]
    ResponseMode {
        /// In the query of the redirect URI: the default for `code`.
        #[default]
        Query = "query",
        /// In the fragment of the redirect URI, which a browser keeps from the server there.
        Fragment = "fragment",
        /// As a form that the browser posts to the redirect URI.
        FormPost = "form_post",
    }
}

impl ResponseMode {
    /// Reads the parameter; absent means `query`, the default for `response_type=code`.
    pub fn parse(text: Option<&str>) -> Result<Self, Reason> {
        text.map_or(Ok(Self::default()), |text| {
            text.parse().map_err(|()| Reason::ResponseModeUnsupported)
        })
    }
}
