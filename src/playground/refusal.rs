//! Why the playground cannot go on, told to the person who looks at it.

use crate::outbound::OutboundError;

/// Each ends in a page of its own.
#[derive(Debug)]
pub(super) enum Refusal {
    /// Discovery did not answer.
    Discovery(OutboundError),
    /// Discovery answered with something else than metadata.
    DiscoveryStatus(u16),
    /// The metadata are not usable.
    Metadata(String),
    /// A parameter of the answer came twice.
    Repeated(&'static str),
    /// Neither `code` nor `error`.
    NoAnswer,
    /// No request of this browser carried this `state`.
    UnknownState,
    /// The answer to this request has been used.
    AlreadyUsed,
    /// `iss` is not who was asked.
    WrongIssuer { expected: String, found: String },
    /// The server answered with an error.
    Declined { error: String, description: Option<String> },
    /// A form that this site did not send.
    ForeignForm,
    /// The metadata name no device authorization endpoint.
    NoDeviceLogin,
    /// No finished sign-in in this browser.
    NoResult,
    /// No such page.
    NotFound,
}

impl Refusal {
    /// A stable short name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Discovery(_) | Self::DiscoveryStatus(_) => "discovery_failed",
            Self::Metadata(_) => "bad_metadata",
            Self::Repeated(_) => "repeated_parameter",
            Self::NoAnswer => "no_answer",
            Self::UnknownState => "unknown_state",
            Self::AlreadyUsed => "already_used",
            Self::WrongIssuer { .. } => "wrong_issuer",
            Self::Declined { .. } => "declined",
            Self::ForeignForm => "foreign_form",
            Self::NoDeviceLogin => "no_device_login",
            Self::NoResult => "no_result",
            Self::NotFound => "not_found",
        }
    }

    /// The HTTP status of the page. A well-formed "no" from the server is a success of the protocol.
    pub fn status(&self) -> u16 {
        match self {
            Self::Declined { .. } => 200,
            Self::Repeated(_) | Self::NoAnswer | Self::UnknownState | Self::AlreadyUsed | Self::WrongIssuer { .. } => {
                400
            }
            Self::ForeignForm => 403,
            Self::NoResult | Self::NoDeviceLogin | Self::NotFound => 404,
            Self::Discovery(_) | Self::DiscoveryStatus(_) | Self::Metadata(_) => 502,
        }
    }

    /// A few words; also the title.
    pub fn heading(&self) -> &'static str {
        match self {
            Self::Discovery(_) | Self::DiscoveryStatus(_) => "The server does not answer",
            Self::Metadata(_) => "The server describes itself wrongly",
            Self::Repeated(_) | Self::NoAnswer => "This is no answer to a sign-in",
            Self::UnknownState => "Nobody here asked for this answer",
            Self::AlreadyUsed => "This answer was already used",
            Self::WrongIssuer { .. } => "The answer comes from somebody else",
            Self::Declined { error, .. } if error == "access_denied" => "Access was denied",
            Self::Declined { .. } => "The server said no",
            Self::ForeignForm => "This form came from another site",
            Self::NoDeviceLogin => "No device login here",
            Self::NoResult => "Nothing to show yet",
            Self::NotFound => "No such page",
        }
    }

    /// What happened, and what a client does about it.
    pub fn message(&self) -> String {
        match self {
            Self::Discovery(error) => format!("Discovery failed: {error}. Is Portcullis still running?"),
            Self::DiscoveryStatus(status) => format!("Discovery answered with status {status} instead of metadata."),
            Self::Metadata(why) => format!("The discovery document cannot be used: {why}."),
            Self::Declined { error, .. } => declined(error).to_owned(),
            Self::Repeated(name) => {
                format!("The parameter {name} came twice. A client refuses to guess which one was meant.")
            }
            Self::WrongIssuer { expected, found } => format!(
                "The request went to {expected}, but iss names {found}. This is how a client notices that two servers \
                 were mixed up (RFC 9207). It does not send the code to anybody."
            ),
            fixed => fixed.fixed_message().to_owned(),
        }
    }

    fn fixed_message(&self) -> &'static str {
        match self {
            Self::NoAnswer => "It holds neither a code nor an error. Nothing was sent to the server.",
            Self::UnknownState => {
                "No sign-in under way in this browser carried this state. A client stops here, before it touches the \
                 code: otherwise a stranger could sign you in to an account of theirs. It also happens when a \
                 sign-in took longer than 30 minutes, or began in another browser."
            }
            Self::AlreadyUsed => "A code works once, and so does its state. What it brought is still here.",
            Self::ForeignForm => "Only the buttons of this site can do that. Nothing was done.",
            Self::NoDeviceLogin => "The server's metadata name no device_authorization_endpoint.",
            Self::NoResult => {
                "There is no finished sign-in in this browser. Results are kept in memory for 30 minutes, and only \
                 while the playground runs."
            }
            _ => "There is nothing at this address.",
        }
    }

    /// The server's own words, as it sent them.
    pub fn details(&self) -> Vec<(&'static str, &str)> {
        match self {
            Self::Declined { error, description } => {
                let description = description.as_deref().map(|text| ("error_description", text));
                [Some(("error", error.as_str())), description]
                    .into_iter()
                    .flatten()
                    .collect()
            }
            _ => Vec::new(),
        }
    }

    /// Whether the last result is worth a link.
    pub fn has_result(&self) -> bool {
        matches!(self, Self::AlreadyUsed)
    }
}

/// What the errors of RFC 6749 §4.1.2.1 and OpenID Connect Core §3.1.2.6 mean to a client.
fn declined(error: &str) -> &'static str {
    match error {
        "access_denied" => {
            "You, or the server, said no. The client learns just that: no code, no token, no name. It may ask again."
        }
        "login_required" | "consent_required" | "interaction_required" | "account_selection_required" => {
            "The request allowed no page to be shown, but one is needed."
        }
        "invalid_scope" => "The request asked for a scope that does not exist or that this client may not have.",
        "invalid_request" => "A parameter of the request is missing, malformed or repeated.",
        "unauthorized_client" => "This client is registered, but not for this flow.",
        "unsupported_response_type" => "The server does not issue what was asked for in this way.",
        "server_error" | "temporarily_unavailable" => "The server could not answer. Trying again may help.",
        _ => "The server refused the request, and says why below.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_explains_itself() {
        let declined = |error: &str| Refusal::Declined {
            error: error.to_owned(),
            description: None,
        };
        let all = [
            Refusal::Discovery(OutboundError::TimedOut),
            Refusal::DiscoveryStatus(404),
            Refusal::Metadata("why".to_owned()),
            Refusal::Repeated("code"),
            Refusal::NoAnswer,
            Refusal::UnknownState,
            Refusal::AlreadyUsed,
            Refusal::WrongIssuer {
                expected: "a".to_owned(),
                found: "b".to_owned(),
            },
            declined("access_denied"),
            declined("something_new"),
            Refusal::ForeignForm,
            Refusal::NoDeviceLogin,
            Refusal::NoResult,
            Refusal::NotFound,
        ];
        for refusal in all {
            assert!(refusal.message().ends_with(['.', '?']), "{}", refusal.name());
            assert!(!refusal.heading().is_empty());
            assert!((200..600).contains(&refusal.status()));
        }
    }
}
