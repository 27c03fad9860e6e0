//! What the metadata says of each feature.

use serde_json::Value;
use url::Url;

use crate::conformance::checks::assert_public_keys;
use crate::conformance::suite::Suite;

/// The members that the suite knows (those of RFC 8414, OpenID Connect and their extensions that are published here); another
/// one would be a warning.
const KNOWN: &[&str] = &[
    "acr_values_supported",
    "authorization_endpoint",
    "authorization_response_iss_parameter_supported",
    "backchannel_logout_session_supported",
    "backchannel_logout_supported",
    "check_session_iframe",
    "claim_types_supported",
    "claims_locales_supported",
    "claims_parameter_supported",
    "claims_supported",
    "code_challenge_methods_supported",
    "device_authorization_endpoint",
    "display_values_supported",
    "dpop_signing_alg_values_supported",
    "end_session_endpoint",
    "frontchannel_logout_session_supported",
    "frontchannel_logout_supported",
    "grant_types_supported",
    "id_token_encryption_alg_values_supported",
    "id_token_encryption_enc_values_supported",
    "id_token_signing_alg_values_supported",
    "introspection_endpoint",
    "introspection_endpoint_auth_methods_supported",
    "introspection_endpoint_auth_signing_alg_values_supported",
    "issuer",
    "jwks_uri",
    "op_policy_uri",
    "op_tos_uri",
    "prompt_values_supported",
    "pushed_authorization_request_endpoint",
    "registration_endpoint",
    "request_object_encryption_alg_values_supported",
    "request_object_encryption_enc_values_supported",
    "request_object_signing_alg_values_supported",
    "request_parameter_supported",
    "request_uri_parameter_supported",
    "require_pushed_authorization_requests",
    "require_request_uri_registration",
    "require_signed_request_object",
    "response_modes_supported",
    "response_types_supported",
    "revocation_endpoint",
    "revocation_endpoint_auth_methods_supported",
    "revocation_endpoint_auth_signing_alg_values_supported",
    "scopes_supported",
    "service_documentation",
    "signed_metadata",
    "subject_types_supported",
    "tls_client_certificate_bound_access_tokens",
    "token_endpoint",
    "token_endpoint_auth_methods_supported",
    "token_endpoint_auth_signing_alg_values_supported",
    "ui_locales_supported",
    "userinfo_encryption_alg_values_supported",
    "userinfo_encryption_enc_values_supported",
    "userinfo_endpoint",
    "userinfo_signing_alg_values_supported",
];

/// With registration the suite asks for `id_token` and `token id_token` among the response types and for `implicit` among the
/// grants too (OpenID Connect Core §15.2): those two conditions fail by design, and nothing else does.
pub async fn oidcc_discovery_endpoint_verification(suite: &Suite) {
    let told = suite.metadata.as_object().unwrap();
    let unknown: Vec<_> = told.keys().filter(|name| !KNOWN.contains(&name.as_str())).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    for (name, value) in told {
        if name.ends_with("_supported") && !value.is_boolean() {
            let strings = value.as_array().unwrap_or_else(|| panic!("{name}: {value}"));
            assert!(!strings.is_empty() && strings.iter().all(Value::is_string), "{name}");
        }
    }
    let endpoints: Vec<_> = told
        .iter()
        .filter(|(name, _)| name.ends_with("_endpoint") || name.ends_with("_uri") || *name == "issuer")
        .map(|(name, value)| (name.as_str(), Url::parse(value.as_str().unwrap()).unwrap()))
        .collect();
    for (name, url) in &endpoints {
        assert_eq!(url.scheme(), "https", "{name}");
        assert!(url.fragment().is_none(), "{name}");
    }
    for needed in [
        "authorization_endpoint",
        "token_endpoint",
        "userinfo_endpoint",
        "registration_endpoint",
        "jwks_uri",
    ] {
        assert!(endpoints.iter().any(|(name, _)| *name == needed), "{needed}");
    }
    for (member, value) in [
        ("response_types_supported", "code"),
        ("grant_types_supported", "authorization_code"),
        ("subject_types_supported", "public"),
        ("subject_types_supported", "pairwise"),
        ("id_token_signing_alg_values_supported", "RS256"),
        ("userinfo_signing_alg_values_supported", "RS256"),
        ("request_object_signing_alg_values_supported", "RS256"),
        ("token_endpoint_auth_methods_supported", "private_key_jwt"),
        ("scopes_supported", "openid"),
        ("claims_supported", "sub"),
    ] {
        assert!(suite.supports(member, value), "{member}: {value}");
    }
    for flag in [
        "claims_parameter_supported",
        "request_parameter_supported",
        "request_uri_parameter_supported",
    ] {
        assert_eq!(told[flag], true, "{flag}");
    }
    assert_locales(&told["ui_locales_supported"]);
    assert_public_keys(&suite.jwks().await);
    assert!(!suite.supports("response_types_supported", "id_token"), "by design");
    assert!(!suite.supports("grant_types_supported", "implicit"), "by design");
}

/// Written as BCP 47 has it: a language in small letters, a script with one capital, a region in capitals.
#[track_caller]
fn assert_locales(locales: &Value) {
    for locale in locales.as_array().unwrap() {
        let mut parts = locale.as_str().unwrap().split('-');
        assert!(
            parts.next().unwrap().bytes().all(|byte| byte.is_ascii_lowercase()),
            "{locale}"
        );
        for part in parts {
            let canonical = match part.len() {
                2 => part.to_ascii_uppercase(),
                4 => part[..1].to_ascii_uppercase() + &part[1..].to_ascii_lowercase(),
                _ => part.to_ascii_lowercase(),
            };
            assert_eq!(part, canonical, "{locale}");
        }
    }
}

pub async fn oidcc_rp_initiated_logout_discovery_endpoint_verification(suite: &Suite) {
    assert!(suite.path("end_session_endpoint").starts_with('/'));
}

pub async fn oidcc_backchannel_logout_discovery_endpoint_verification(suite: &Suite) {
    oidcc_rp_initiated_logout_discovery_endpoint_verification(suite).await;
    assert_eq!(suite.metadata["backchannel_logout_supported"], true);
    assert_eq!(suite.metadata["backchannel_logout_session_supported"], true);
}

pub async fn oidcc_frontchannel_logout_discovery_endpoint_verification(suite: &Suite) {
    oidcc_rp_initiated_logout_discovery_endpoint_verification(suite).await;
    assert_eq!(suite.metadata["frontchannel_logout_supported"], true);
    assert_eq!(suite.metadata["frontchannel_logout_session_supported"], true);
}

pub async fn oidcc_session_management_discovery_endpoint_verification(suite: &Suite) {
    oidcc_rp_initiated_logout_discovery_endpoint_verification(suite).await;
    assert!(suite.path("check_session_iframe").starts_with('/'));
}
