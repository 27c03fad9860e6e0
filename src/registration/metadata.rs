//! From a JSON object to what is stored about a client (RFC 7591 §2, OpenID Connect Registration §2). Members that this server
//! does not know are ignored; of what it does not do, it registers what it does, and the answer says so.

use serde_json::Value;

use super::about;
use super::members::{Members, words};
use super::policy::Policy;
use super::refusal::Refusal;
use super::rules;
use crate::crypto::jwt::JsonObject;
use crate::model::client::{
    AuthenticationDefaults, ClientMetadata, Encryption, KeySource, PkcePolicy, RequestObjects, SubjectPolicy,
};
use crate::protocol::application_type::ApplicationType;
use crate::protocol::assertion_alg::AssertionAlg;
use crate::protocol::client_auth_method::ClientAuthMethod;
use crate::protocol::grant_type::GrantType;
use crate::protocol::jwe::{ContentEncryption, KeyManagementAlg};
use crate::protocol::redirect_uri::RedirectUri;
use crate::protocol::response_type::ResponseType;
use crate::protocol::scope::Scope;
use crate::protocol::signing_alg::SigningAlg;
use crate::protocol::subject_type::SubjectType;

/// The longest `default_max_age`: a year.
const MAX_MAX_AGE: i64 = 365 * 86_400;

/// Reads a registration under `policy`. What only a look outside shows (`sector_identifier_uri`, `logo_uri`) is left to
/// the caller.
pub fn read(document: &JsonObject, policy: &Policy) -> Result<ClientMetadata, Refusal> {
    let from = Members(document);
    let mut to = ClientMetadata::new("");
    to.about.self_registered = policy.self_registered;
    grant_types(from, policy, &mut to)?;
    response_types(from, &to)?;
    redirect_uris(from, policy, &mut to)?;
    application_type(from, &mut to)?;
    authentication(from, policy, &mut to)?;
    keys(from, &mut to)?;
    scope(from, policy, &mut to)?;
    about::name(from, &mut to)?;
    about::links(from, &mut to)?;
    about::software(from, &mut to)?;
    answers(from, &mut to)?;
    request_objects(from, &mut to)?;
    subject(from, &mut to)?;
    defaults(from, &mut to)?;
    about::logout(from, policy, &mut to)?;
    rules::check(&to)?;
    Ok(to)
}

/// Of the grants that it asks for, those that there are and that it may have. Without a list: `authorization_code`.
fn grant_types(from: Members<'_>, policy: &Policy, to: &mut ClientMetadata) -> Result<(), Refusal> {
    let asked = from.list("grant_types", 20)?;
    let asked = asked.unwrap_or_else(|| vec![GrantType::AuthorizationCode.as_str()]);
    let known = asked.iter().filter_map(|text| text.parse().ok());
    let may = |grant: &GrantType| policy.grant_types.contains(grant);
    to.grant_types = rules::unique(known.filter(may));
    // A resource server asks for no tokens, but only an operator registers one.
    if to.grant_types.is_empty() && (policy.self_registered || !asked.is_empty()) {
        let why = format!("must hold one of {}", words(&policy.grant_types));
        return Err(Refusal::metadata("grant_types", why));
    }
    Ok(())
}

/// `code` is all there is: who asks for more gets that, who asks for something else nothing (RFC 7591 §2.1).
fn response_types(from: Members<'_>, to: &ClientMetadata) -> Result<(), Refusal> {
    let Some(asked) = from.list("response_types", 20)? else {
        return Ok(());
    };
    let for_code = to.grant_types.contains(&GrantType::AuthorizationCode);
    if for_code && !asked.contains(&ResponseType::Code.as_str()) {
        return Err(Refusal::metadata(
            "response_types",
            "must hold code, as grant_types holds authorization_code",
        ));
    }
    if !for_code && !asked.is_empty() {
        return Err(Refusal::metadata(
            "response_types",
            "must be empty without the grant authorization_code",
        ));
    }
    Ok(())
}

fn redirect_uris(from: Members<'_>, policy: &Policy, to: &mut ClientMetadata) -> Result<(), Refusal> {
    // Whatever is wrong with them has an error code of its own.
    let asked = from.list("redirect_uris", rules::MAX_REDIRECT_URIS);
    let asked = asked.map_err(|refusal| Refusal::redirect_uri(refusal.why))?;
    let uris = asked
        .unwrap_or_default()
        .into_iter()
        .map(|text| redirect_uri(text, policy));
    to.redirect_uris = rules::unique(uris.collect::<Result<Vec<_>, _>>()?);
    if to.redirect_uris.is_empty() && to.grant_types.contains(&GrantType::AuthorizationCode) {
        return Err(Refusal::redirect_uri("the grant authorization_code needs one"));
    }
    Ok(())
}

/// One redirect URI that may be registered, and where policy lets answers go.
pub(super) fn redirect_uri(text: &str, policy: &Policy) -> Result<RedirectUri, Refusal> {
    let uri = RedirectUri::register(text)?;
    if !policy.may_answer_to(&uri) {
        return Err(Refusal::redirect_uri("this host is not allowed here"));
    }
    Ok(uri)
}

/// Without the member, redirect URIs that only an installed application can have tell.
fn application_type(from: Members<'_>, to: &mut ClientMetadata) -> Result<(), Refusal> {
    let stated = from.word("application_type", ApplicationType::ALL)?;
    let is_private = |uri: &RedirectUri| uri.origin().is_none();
    let private = to.redirect_uris.iter().any(is_private);
    if private && stated == Some(ApplicationType::Web) {
        return Err(Refusal::redirect_uri(
            "a private scheme needs the application_type native",
        ));
    }
    let told = if private {
        ApplicationType::Native
    } else {
        ApplicationType::Web
    };
    to.application_type = stated.unwrap_or(told);
    Ok(())
}

fn authentication(from: Members<'_>, policy: &Policy, to: &mut ClientMetadata) -> Result<(), Refusal> {
    const NAME: &str = "token_endpoint_auth_method";
    let stated = from.word(NAME, ClientAuthMethod::ALL)?;
    let method = stated.unwrap_or(ClientAuthMethod::ClientSecretBasic);
    if !policy.auth_methods.contains(&method) {
        return Err(Refusal::metadata(
            NAME,
            format!("must be one of {}", words(&policy.auth_methods)),
        ));
    }
    to.auth_methods = vec![method];
    to.assertion_alg = from.word("token_endpoint_auth_signing_alg", AssertionAlg::ALL)?;
    let public = method == ClientAuthMethod::None;
    to.pkce = if public { PkcePolicy::Required } else { policy.pkce };
    Ok(())
}

fn keys(from: Members<'_>, to: &mut ClientMetadata) -> Result<(), Refusal> {
    let uri = from.text("jwks_uri")?;
    to.keys = match (from.value("jwks"), uri) {
        (Some(_), Some(_)) => return Err(Refusal::metadata("jwks", "must not come together with jwks_uri")),
        (Some(jwks), None) => {
            rules::jwks(jwks)?;
            Some(KeySource::Jwks(jwks.clone()))
        }
        (None, Some(uri)) => Some(KeySource::JwksUri(rules::https("jwks_uri", uri)?)),
        (None, None) => None,
    };
    Ok(())
}

/// Of the scopes that it asks for, those that it may have; without a list all of them.
fn scope(from: Members<'_>, policy: &Policy, to: &mut ClientMetadata) -> Result<(), Refusal> {
    let Some(text) = from.text("scope")? else {
        to.scope = policy.default_scope(&to.grant_types);
        return Ok(());
    };
    let malformed = |_| Refusal::metadata("scope", "must be a list of scopes, separated by single spaces");
    let asked = Scope::parse(text).map_err(malformed)?;
    to.scope = policy.allowed(&asked);
    if to.scope.is_empty() {
        return Err(Refusal::metadata(
            "scope",
            "none of these scopes is open to this client",
        ));
    }
    Ok(())
}

/// How ID tokens and userinfo are signed and encrypted.
fn answers(from: Members<'_>, to: &mut ClientMetadata) -> Result<(), Refusal> {
    let id_token_alg = from.word("id_token_signed_response_alg", SigningAlg::ALL)?;
    to.id_token_alg = id_token_alg.unwrap_or(SigningAlg::Rs256);
    to.userinfo_alg = from.word("userinfo_signed_response_alg", SigningAlg::ALL)?;
    to.id_token_encryption = encryption(
        from,
        "id_token_encrypted_response_alg",
        "id_token_encrypted_response_enc",
    )?;
    to.userinfo_encryption = encryption(
        from,
        "userinfo_encrypted_response_alg",
        "userinfo_encrypted_response_enc",
    )?;
    Ok(())
}

/// `enc` without `alg` means nothing; `alg` without `enc` means A128CBC-HS256 (OpenID Connect Registration §2).
fn encryption(from: Members<'_>, alg: &'static str, enc: &'static str) -> Result<Option<Encryption>, Refusal> {
    let named = from.word(alg, KeyManagementAlg::ALL)?;
    match (named, from.word(enc, ContentEncryption::ALL)?) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(Refusal::metadata(enc, format!("needs {alg}"))),
        (Some(alg), enc) => Ok(Some(Encryption {
            alg,
            enc: enc.unwrap_or(ContentEncryption::A128CbcHs256),
        })),
    }
}

fn request_objects(from: Members<'_>, to: &mut ClientMetadata) -> Result<(), Refusal> {
    for name in ["request_object_encryption_alg", "request_object_encryption_enc"] {
        if from.text(name)?.is_some() {
            return Err(Refusal::metadata(name, "encrypted request objects are not supported"));
        }
    }
    let uris = from.list("request_uris", rules::MAX_URIS)?.unwrap_or_default();
    let uris = uris.into_iter().map(|uri| rules::request_uri("request_uris", uri));
    to.request_objects = RequestObjects {
        alg: from.word("request_object_signing_alg", SigningAlg::ALL)?,
        required: from.flag("require_signed_request_object")?,
        uris: uris.collect::<Result<_, _>>()?,
    };
    Ok(())
}

/// Which sector a pairwise client belongs to is found out by [`super::sector`], which may have to look outside.
fn subject(from: Members<'_>, to: &mut ClientMetadata) -> Result<(), Refusal> {
    let kind = from.word("subject_type", SubjectType::ALL)?;
    let uri = from.text("sector_identifier_uri")?;
    let uri = uri.map(|uri| rules::https("sector_identifier_uri", uri)).transpose()?;
    if kind != Some(SubjectType::Pairwise) {
        return Ok(());
    }
    let sector = String::new();
    to.subject = SubjectPolicy::Pairwise { sector, uri };
    Ok(())
}

fn defaults(from: Members<'_>, to: &mut ClientMetadata) -> Result<(), Refusal> {
    let max_age = match from.value("default_max_age") {
        None => None,
        Some(value) => Some(seconds(value)?),
    };
    let acr_values = from.list("default_acr_values", 20)?.unwrap_or_default();
    if acr_values.iter().any(|acr| !is_acr(acr)) {
        let why = "must be an array of words of at most 255 characters";
        return Err(Refusal::metadata("default_acr_values", why));
    }
    to.authentication = AuthenticationDefaults {
        max_age,
        require_auth_time: from.flag("require_auth_time")?,
        acr_values: acr_values.into_iter().map(str::to_owned).collect(),
    };
    Ok(())
}

fn seconds(value: &Value) -> Result<i64, Refusal> {
    let seconds = value.as_i64().filter(|seconds| (0..=MAX_MAX_AGE).contains(seconds));
    seconds.ok_or_else(|| Refusal::metadata("default_max_age", "must be a number of seconds, at most a year"))
}

/// One word of `acr_values`, which is a list separated by spaces (OpenID Connect Core §3.1.2.1).
fn is_acr(text: &str) -> bool {
    (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}
