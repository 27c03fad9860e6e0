//! `response_type` (RFC 6749 §3.1.1): `code` and nothing else (OAuth 2.1 §10.1).

use super::error::Reason;
use super::wire_enum;

wire_enum! {
    /// What the authorization endpoint answers with.
    ResponseType {
        /// An authorization code.
        Code = "code",
    }
}

impl ResponseType {
    /// Reads the parameter. Its words are a set (OAuth 2.1 §4.1.1), so any combination that is not exactly `code` is
    /// refused, whatever its order.
    pub fn parse(text: &str) -> Result<Self, Reason> {
        text.parse().map_err(|()| Reason::ResponseTypeUnsupported)
    }
}
