//! Server metadata (OpenID Connect Discovery §3, RFC 8414 §2). Every list comes from the enum that the dispatch matches
//! on, so the document cannot promise what the code does not do.

use serde::Serialize;

use super::assertion_alg::AssertionAlg;
use super::client_auth_method::ClientAuthMethod;
use super::display::Display;
use super::grant_type::GrantType;
use super::jwe::{ContentEncryption, KeyManagementAlg};
use super::pkce::CodeChallengeMethod;
use super::prompt::PromptValue;
use super::response_mode::ResponseMode;
use super::response_type::ResponseType;
use super::signing_alg::SigningAlg;
use super::standard_claims::SCOPE_CLAIMS;
use super::subject_type::SubjectType;

/// The URLs that metadata names.
#[derive(Clone, Debug)]
pub struct Endpoints {
    /// RFC 6749 §3.1.
    pub authorization: String,
    /// RFC 6749 §3.2.
    pub token: String,
    /// RFC 8628 §3.1.
    pub device_authorization: String,
    /// OpenID Connect Core §5.3.
    pub userinfo: String,
    /// RFC 7009.
    pub revocation: String,
    /// RFC 7662.
    pub introspection: String,
    /// RFC 7591; `None`: nobody registers a client over HTTP.
    pub registration: Option<String>,
    /// RFC 7517.
    pub jwks: String,
    /// OpenID Connect RP-Initiated Logout §2.
    pub end_session: String,
    /// OpenID Connect Session Management §3.3; `None`: switched off.
    pub check_session: Option<String>,
}

/// The metadata document.
#[derive(Clone, Debug, Serialize)]
#[expect(
    missing_docs,
    reason = "each member is defined by the specification under its own name"
)]
pub struct Metadata {
    pub issuer: String,
    pub authorization_endpoint: String,
    pub token_endpoint: String,
    pub device_authorization_endpoint: String,
    pub userinfo_endpoint: String,
    pub revocation_endpoint: String,
    pub introspection_endpoint: String,
    pub jwks_uri: String,
    pub end_session_endpoint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check_session_iframe: Option<String>,
    pub backchannel_logout_supported: bool,
    pub backchannel_logout_session_supported: bool,
    pub frontchannel_logout_supported: bool,
    pub frontchannel_logout_session_supported: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registration_endpoint: Option<String>,
    pub scopes_supported: Vec<String>,
    pub response_types_supported: &'static [ResponseType],
    pub response_modes_supported: &'static [ResponseMode],
    pub grant_types_supported: &'static [GrantType],
    pub subject_types_supported: &'static [SubjectType],
    pub id_token_signing_alg_values_supported: &'static [SigningAlg],
    pub id_token_encryption_alg_values_supported: &'static [KeyManagementAlg],
    pub id_token_encryption_enc_values_supported: &'static [ContentEncryption],
    pub userinfo_signing_alg_values_supported: &'static [SigningAlg],
    pub userinfo_encryption_alg_values_supported: &'static [KeyManagementAlg],
    pub userinfo_encryption_enc_values_supported: &'static [ContentEncryption],
    pub token_endpoint_auth_methods_supported: &'static [ClientAuthMethod],
    pub token_endpoint_auth_signing_alg_values_supported: &'static [AssertionAlg],
    pub revocation_endpoint_auth_methods_supported: &'static [ClientAuthMethod],
    pub revocation_endpoint_auth_signing_alg_values_supported: &'static [AssertionAlg],
    pub introspection_endpoint_auth_methods_supported: &'static [ClientAuthMethod],
    pub introspection_endpoint_auth_signing_alg_values_supported: &'static [AssertionAlg],
    pub code_challenge_methods_supported: &'static [CodeChallengeMethod],
    pub prompt_values_supported: &'static [PromptValue],
    pub display_values_supported: &'static [Display],
    pub acr_values_supported: &'static [&'static str],
    pub ui_locales_supported: Vec<&'static str>,
    pub claim_types_supported: &'static [&'static str],
    pub claims_supported: Vec<&'static str>,
    pub claims_parameter_supported: bool,
    pub request_parameter_supported: bool,
    pub request_object_signing_alg_values_supported: &'static [SigningAlg],
    pub request_uri_parameter_supported: bool,
    pub require_request_uri_registration: bool,
    pub authorization_response_iss_parameter_supported: bool,
}

/// The authentication context of a password sign-in (OpenID Connect Core §2, ISO/IEC 29115 level 1).
pub const ACR_PASSWORD: &str = "1";
/// Every context that a sign-in here can reach.
pub const ACR_VALUES: &[&str] = &[ACR_PASSWORD];

/// Claims about the sign-in itself, beside those of [`SCOPE_CLAIMS`].
const TOKEN_CLAIMS: &[&str] = &[
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "auth_time",
    "nonce",
    "acr",
    "amr",
    "sid",
    "at_hash",
];

impl Metadata {
    /// The document of an issuer with these endpoints. `scopes` are those that it tells the world of, `ui_locales` the languages
    /// of its pages.
    pub fn new(issuer: String, endpoints: Endpoints, scopes: Vec<String>, ui_locales: Vec<&'static str>) -> Self {
        let scoped = SCOPE_CLAIMS.iter().flat_map(|(_, claims)| claims.iter().copied());
        Self {
            issuer,
            authorization_endpoint: endpoints.authorization,
            token_endpoint: endpoints.token,
            device_authorization_endpoint: endpoints.device_authorization,
            userinfo_endpoint: endpoints.userinfo,
            revocation_endpoint: endpoints.revocation,
            introspection_endpoint: endpoints.introspection,
            jwks_uri: endpoints.jwks,
            end_session_endpoint: endpoints.end_session,
            check_session_iframe: endpoints.check_session,
            backchannel_logout_supported: true,
            backchannel_logout_session_supported: true,
            frontchannel_logout_supported: true,
            frontchannel_logout_session_supported: true,
            registration_endpoint: endpoints.registration,
            scopes_supported: scopes,
            response_types_supported: ResponseType::ALL,
            response_modes_supported: ResponseMode::ALL,
            grant_types_supported: GrantType::ALL,
            subject_types_supported: SubjectType::ALL,
            id_token_signing_alg_values_supported: SigningAlg::ALL,
            id_token_encryption_alg_values_supported: KeyManagementAlg::ALL,
            id_token_encryption_enc_values_supported: ContentEncryption::ALL,
            userinfo_signing_alg_values_supported: SigningAlg::ALL,
            userinfo_encryption_alg_values_supported: KeyManagementAlg::ALL,
            userinfo_encryption_enc_values_supported: ContentEncryption::ALL,
            token_endpoint_auth_methods_supported: ClientAuthMethod::ALL,
            token_endpoint_auth_signing_alg_values_supported: AssertionAlg::ALL,
            revocation_endpoint_auth_methods_supported: ClientAuthMethod::ALL,
            revocation_endpoint_auth_signing_alg_values_supported: AssertionAlg::ALL,
            introspection_endpoint_auth_methods_supported: ClientAuthMethod::CONFIDENTIAL,
            introspection_endpoint_auth_signing_alg_values_supported: AssertionAlg::ALL,
            code_challenge_methods_supported: CodeChallengeMethod::ALL,
            prompt_values_supported: PromptValue::ALL,
            display_values_supported: Display::ALL,
            acr_values_supported: ACR_VALUES,
            ui_locales_supported: ui_locales,
            claim_types_supported: &["normal"],
            claims_supported: TOKEN_CLAIMS
                .iter()
                .copied()
                .chain(scoped)
                .chain(["updated_at"])
                .collect(),
            claims_parameter_supported: true,
            request_parameter_supported: true,
            request_object_signing_alg_values_supported: SigningAlg::ALL,
            request_uri_parameter_supported: false,
            require_request_uri_registration: false,
            authorization_response_iss_parameter_supported: true,
        }
    }

    /// With request objects fetched by `request_uri` or not; only where clients registered that they may be.
    #[must_use]
    pub fn fetching_request_objects(self, fetched: bool) -> Self {
        Self {
            request_uri_parameter_supported: fetched,
            require_request_uri_registration: fetched,
            ..self
        }
    }
}
