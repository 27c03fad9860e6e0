//! One message to the server and its answer.

use axum::http::StatusCode;
use serde_json::Value;

use super::flow::TokenSet;
use super::glossary;
use super::inspect::Claim;
use crate::outbound::{Fetched, OutboundError};

/// One request and its answer, as they are shown.
#[derive(Clone)]
pub(super) struct Exchange {
    pub line: String,
    /// The `Authorization` header, with secrets left out.
    pub authorization: String,
    pub fields: Vec<Claim>,
    /// The HTTP status, or why there is none.
    pub answer: Result<u16, OutboundError>,
    pub challenge: Option<String>,
    pub body: String,
}

impl Exchange {
    pub fn new(
        line: String,
        authorization: String,
        form: &[(&str, &str)],
        answer: Result<Fetched, OutboundError>,
    ) -> Self {
        let fields = form.iter().map(|(name, value)| field(name, value)).collect();
        let (answer, challenge, body) = match answer {
            Ok(fetched) => (Ok(fetched.status), fetched.challenge, indent(fetched.body)),
            Err(error) => (Err(error), None, String::new()),
        };
        Self {
            line,
            authorization,
            fields,
            answer,
            challenge,
            body,
        }
    }

    /// A status of the 2xx kind.
    pub fn succeeded(&self) -> bool {
        self.answer.is_ok_and(|status| (200..300).contains(&status))
    }

    /// A status of the 4xx kind. Silence is no refusal.
    pub fn refused(&self) -> bool {
        self.answer.is_ok_and(|status| (400..500).contains(&status))
    }

    /// The status in words, or why there is none.
    pub fn status(&self) -> String {
        match self.answer {
            Ok(status) => {
                let phrase = StatusCode::from_u16(status)
                    .ok()
                    .and_then(|status| status.canonical_reason());
                format!("{status} {}", phrase.unwrap_or_default()).trim_end().to_owned()
            }
            Err(error) => format!("No answer: {error}"),
        }
    }

    /// The tokens in the answer, if it is a good one.
    pub fn token_set(&self) -> Option<TokenSet> {
        if self.succeeded() {
            serde_json::from_str(&self.body).ok()
        } else {
            None
        }
    }
}

/// A parameter as a row with its meaning.
pub(super) fn field(name: &str, value: &str) -> Claim {
    Claim {
        name: name.to_owned(),
        value: value.to_owned(),
        date: None,
        meaning: glossary::parameter(name),
    }
}

/// JSON on several lines; anything else as it is.
fn indent(body: String) -> String {
    let parsed: Option<Value> = serde_json::from_str(&body).ok();
    parsed
        .and_then(|json| serde_json::to_string_pretty(&json).ok())
        .unwrap_or(body)
}

#[cfg(test)]
pub(super) use tests::answer;

#[cfg(test)]
mod tests {
    use super::*;

    pub(in crate::playground) fn answer(answer: Result<(u16, &str), OutboundError>) -> Exchange {
        let fetched = answer.map(|(status, body)| Fetched {
            status,
            challenge: None,
            date: None,
            body: body.to_owned(),
        });
        Exchange::new(String::new(), String::new(), &[], fetched)
    }

    #[test]
    fn only_a_good_answer_holds_tokens() {
        let body = r#"{"access_token":"a","token_type":"Bearer"}"#;
        assert!(answer(Ok((200, body))).token_set().is_some());
        assert!(answer(Ok((400, body))).token_set().is_none());
        assert!(answer(Ok((200, "<html>"))).token_set().is_none());
    }

    #[test]
    fn statuses_and_bodies_are_readable() {
        let refused = answer(Ok((400, r#"{"b":1}"#)));
        assert_eq!(
            (refused.status().as_str(), refused.body.as_str()),
            ("400 Bad Request", "{\n  \"b\": 1\n}")
        );
        assert_eq!(answer(Ok((599, "plain"))).status(), "599");
    }

    #[test]
    fn silence_is_told_and_is_no_refusal() {
        let silent = answer(Err(OutboundError::TimedOut));
        assert_eq!(silent.status(), "No answer: the server did not answer in time");
        assert!(!silent.refused() && !silent.succeeded());
    }
}
