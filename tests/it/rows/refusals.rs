//! What a refusal must look like, to the last header.

use crate::support::{Callback, TestResponse};

/// HTTP 400 with this error code at an endpoint for clients (RFC 6749 §5.2).
#[track_caller]
pub fn refused(response: &TestResponse, error: &str) {
    assert_eq!(
        (response.status.as_u16(), response.error().as_str()),
        (400, error),
        "{}",
        response.text()
    );
    assert_eq!(response.header("www-authenticate"), "");
    error_object(response);
}

/// HTTP 401 `invalid_client` that names the scheme (RFC 6749 §5.2).
#[track_caller]
pub fn unauthenticated(response: &TestResponse) {
    assert_eq!(
        (response.status.as_u16(), response.error().as_str()),
        (401, "invalid_client"),
        "{}",
        response.text()
    );
    assert!(response.header("www-authenticate").starts_with("Basic realm=\""));
    error_object(response);
}

/// A refused access token (RFC 6750 §3).
#[track_caller]
pub fn bearer_refused(response: &TestResponse, status: u16, error: &str) {
    assert_eq!(
        (response.status.as_u16(), response.error().as_str()),
        (status, error),
        "{}",
        response.text()
    );
    let challenge = response.header("www-authenticate");
    assert!(challenge.starts_with("Bearer "), "{challenge}");
    assert!(challenge.contains(&format!("error=\"{error}\"")), "{challenge}");
    error_object(response);
}

/// An error that went back to the client through the browser, and nothing that it could use.
#[track_caller]
pub fn sent_back(callback: &Callback, redirect_uri: &str, error: &str) {
    assert_eq!((callback.uri.as_str(), callback.get("error")), (redirect_uri, error));
    assert_eq!(callback.get("state"), "the-state");
    assert_eq!(callback.get("iss"), "https://id.example");
    assert!(!callback.params.contains_key("code"));
}

/// A JSON object of the registered members, in the allowed characters, that nobody may keep.
#[track_caller]
fn error_object(response: &TestResponse) {
    assert_eq!(response.header("content-type"), "application/json");
    assert_eq!(response.header("cache-control"), "no-store");
    assert_eq!(response.header("set-cookie"), "");
    let body = response.json();
    for (name, value) in body.as_object().expect("an object") {
        assert!(
            ["error", "error_description", "error_uri"].contains(&name.as_str()),
            "{name}"
        );
        let text = value.as_str().expect("a string");
        let allowed = |byte: u8| matches!(byte, 0x20 | 0x21 | 0x23..=0x5B | 0x5D..=0x7E);
        assert!(text.bytes().all(allowed), "{text}");
    }
}
