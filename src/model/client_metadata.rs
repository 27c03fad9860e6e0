//! What is registered about a client (RFC 7591 §2, OpenID Connect Registration §2), stored as one JSON document.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::protocol::application_type::ApplicationType;
use crate::protocol::assertion_alg::AssertionAlg;
use crate::protocol::client_auth_method::ClientAuthMethod;
use crate::protocol::grant_type::GrantType;
use crate::protocol::jwe::{ContentEncryption, KeyManagementAlg};
use crate::protocol::redirect_uri::RedirectUri;
use crate::protocol::scope::Scope;
use crate::protocol::signing_alg::SigningAlg;

/// The registered properties of a client. What was added later has a default, so that older documents still read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientMetadata {
    /// Name shown to people.
    pub name: String,
    /// Confidential or public (RFC 6749 §2.1), and how a confidential one authenticates.
    pub auth_methods: Vec<ClientAuthMethod>,
    /// Where answers may go, compared exactly.
    pub redirect_uris: Vec<RedirectUri>,
    /// The grants it may use.
    pub grant_types: Vec<GrantType>,
    /// The scopes it may ask for.
    pub scope: Scope,
    /// `aud` of tokens that no API owns; the issuer unless set.
    #[serde(default)]
    pub default_audience: Option<String>,
    /// The audiences whose resource server this client is: it may look up the tokens for them (RFC 7662 §2.1).
    #[serde(default)]
    pub resource_server_for: Vec<String>,
    /// PKCE on authorization requests.
    #[serde(default)]
    pub pkce: PkcePolicy,
    /// Whether people are asked for consent.
    #[serde(default)]
    pub consent: ConsentPolicy,
    /// Whether the token request must repeat `redirect_uri` (RFC 6749 §4.1.3). OAuth 2.1 clients leave it out.
    #[serde(default = "yes")]
    pub redirect_uri_at_token: bool,
    /// `id_token_signed_response_alg` (OpenID Connect Registration §2).
    #[serde(default = "rs256")]
    pub id_token_alg: SigningAlg,
    /// `id_token_encrypted_response_alg` and `…_enc`; `None` is signed only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_token_encryption: Option<Encryption>,
    /// `userinfo_signed_response_alg`; `None` answers with plain JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub userinfo_alg: Option<SigningAlg>,
    /// `userinfo_encrypted_response_alg` and `…_enc`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub userinfo_encryption: Option<Encryption>,
    /// `application_type`.
    #[serde(default)]
    pub application_type: ApplicationType,
    /// The client's own public keys: for its assertions, its request objects, and what is encrypted to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<KeySource>,
    /// `token_endpoint_auth_signing_alg`; `None` is any that the client's method and keys allow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assertion_alg: Option<AssertionAlg>,
    /// Which `aud` its assertions must have.
    #[serde(default)]
    pub assertion_audience: AssertionAudience,
    /// Signed authorization requests.
    #[serde(default)]
    pub request_objects: RequestObjects,
    /// Public or pairwise `sub`.
    #[serde(default)]
    pub subject: SubjectPolicy,
    /// What its authorization requests mean when they leave it out.
    #[serde(default)]
    pub authentication: AuthenticationDefaults,
    /// How it learns that a person signed out.
    #[serde(default)]
    pub logout: LogoutPolicy,
    /// What people are told about it.
    #[serde(default)]
    pub about: About,
}

fn yes() -> bool {
    true
}

fn rs256() -> SigningAlg {
    SigningAlg::Rs256
}

impl ClientMetadata {
    /// A client that may do nothing yet, with the default of everything else.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            auth_methods: Vec::new(),
            redirect_uris: Vec::new(),
            grant_types: Vec::new(),
            scope: Scope::default(),
            default_audience: None,
            resource_server_for: Vec::new(),
            pkce: PkcePolicy::default(),
            consent: ConsentPolicy::default(),
            redirect_uri_at_token: true,
            id_token_alg: SigningAlg::Rs256,
            id_token_encryption: None,
            userinfo_alg: None,
            userinfo_encryption: None,
            application_type: ApplicationType::default(),
            keys: None,
            assertion_alg: None,
            assertion_audience: AssertionAudience::default(),
            request_objects: RequestObjects::default(),
            subject: SubjectPolicy::default(),
            authentication: AuthenticationDefaults::default(),
            logout: LogoutPolicy::default(),
            about: About::default(),
        }
    }
}

impl ClientMetadata {
    /// Whether the client and the server share a secret.
    pub fn has_secret(&self) -> bool {
        self.auth_methods.iter().any(|method| method.needs_secret())
    }

    /// Whether the server must know that secret itself (RFC 7523 §3 with an HMAC), and not only recognise it.
    pub fn has_mac_secret(&self) -> bool {
        self.auth_methods.contains(&ClientAuthMethod::ClientSecretJwt)
    }
}

/// Whether a code challenge must come with the authorization request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PkcePolicy {
    /// Always (OAuth 2.1 §4.1.1).
    #[default]
    Required,
    /// A confidential client may leave it out; against injected codes it should then send a nonce, and compare it (RFC 9700
    /// §2.1.1). A challenge that it does send is enforced.
    Optional,
}

/// Whether people are asked before a client sees anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConsentPolicy {
    /// Asked once for each new scope, and remembered.
    #[default]
    Ask,
    /// The operator's own app: never asked.
    Trusted,
}

/// How an answer is encrypted to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Encryption {
    /// `alg` of the JWE.
    pub alg: KeyManagementAlg,
    /// `enc` of the JWE.
    pub enc: ContentEncryption,
}

/// Where a client's public keys are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeySource {
    /// `jwks`: registered, public members only (RFC 7517 §5).
    Jwks(Value),
    /// `jwks_uri`: fetched when needed.
    JwksUri(String),
}

/// Which `aud` a client assertion must have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AssertionAudience {
    /// The issuer, or the endpoint that it is sent to (RFC 7523 §3).
    #[default]
    Any,
    /// The issuer alone, as a single string (FAPI 2.0 §5.3.3.1).
    Issuer,
}

/// Signed authorization requests (RFC 9101, OpenID Connect Registration §2).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RequestObjects {
    /// `request_object_signing_alg`; `None` is any that its keys allow.
    pub alg: Option<SigningAlg>,
    /// `require_signed_request_object` (RFC 9101 §10.5).
    pub required: bool,
    /// `request_uris`: what may be fetched by reference. A fragment may follow.
    pub uris: Vec<String>,
}

/// Which `sub` the client sees (OpenID Connect Core §8).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubjectPolicy {
    /// The same as all clients.
    #[default]
    Public,
    /// One of its sector's own.
    Pairwise {
        /// The host that all clients of the sector share.
        sector: String,
        /// `sector_identifier_uri`, if that is where the sector comes from.
        uri: Option<String>,
    },
}

/// What authorization requests mean when they leave it out (OpenID Connect Registration §2).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthenticationDefaults {
    /// `default_max_age`, in seconds.
    pub max_age: Option<i64>,
    /// `require_auth_time`. `auth_time` is in every ID token; this only repeats what was registered.
    pub require_auth_time: bool,
    /// `default_acr_values`.
    pub acr_values: Vec<String>,
}

/// Sign-out (OpenID Connect RP-Initiated, Back-Channel and Front-Channel Logout).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogoutPolicy {
    /// `post_logout_redirect_uris`, compared exactly.
    pub redirect_uris: Vec<RedirectUri>,
    /// `backchannel_logout_uri` and `backchannel_logout_session_required`.
    pub backchannel: Option<LogoutChannel>,
    /// `frontchannel_logout_uri` and `frontchannel_logout_session_required`.
    pub frontchannel: Option<LogoutChannel>,
}

/// Where a client listens for sign-outs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogoutChannel {
    /// The address.
    pub uri: String,
    /// Whether it needs `sid` (and, in the front channel, `iss`).
    pub session_required: bool,
}

/// What people are told about a client (RFC 7591 §2).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct About {
    /// `client_uri`: its home page.
    pub client_uri: Option<String>,
    /// `logo_uri`: where its picture was fetched from. Browsers are never sent there.
    pub logo_uri: Option<String>,
    /// `policy_uri`: how it uses what it learns.
    pub policy_uri: Option<String>,
    /// `tos_uri`: its terms.
    pub tos_uri: Option<String>,
    /// `initiate_login_uri` (OpenID Connect Core §4).
    pub initiate_login_uri: Option<String>,
    /// `contacts`.
    pub contacts: Vec<String>,
    /// Translations: `client_name#de` and its kin, by member name with its language tag.
    pub localized: BTreeMap<String, String>,
    /// `software_id`.
    pub software_id: Option<String>,
    /// `software_version`.
    pub software_version: Option<String>,
    /// It registered itself: nobody here has looked at what it says about itself.
    pub self_registered: bool,
}
