//! What is registered, in the words of the registration (RFC 7591 §3.2.1): what a client sent may have become something else.

use serde_json::{Map, Value, json};

use crate::config::Config;
use crate::crypto::jwt::JsonObject;
use crate::crypto::opaque::OpaqueToken;
use crate::model::client::{Client, ClientMetadata, Encryption, KeySource, LogoutChannel, SubjectPolicy};
use crate::protocol::client_auth_method::ClientAuthMethod;
use crate::protocol::grant_type::GrantType;
use crate::protocol::response_type::ResponseType;
use crate::protocol::subject_type::SubjectType;

/// A registered client as its owner sees it (RFC 7591 §3.2.1, RFC 7592 §3).
pub struct Registered {
    /// The client.
    pub client: Client,
    /// A secret that was drawn just now; it is told this once.
    pub secret: Option<OpaqueToken>,
    /// What its owner manages it with.
    pub access_token: OpaqueToken,
    /// The software statement that was believed just now.
    pub statement: Option<String>,
}

impl Registered {
    /// A statement that counted is told back as it came (RFC 7591 §3.2.1).
    pub fn keep_statement(&mut self, config: &Config, document: &JsonObject) {
        if !config.registration.software_statement_issuers.is_empty() {
            let statement = document.get("software_statement").and_then(Value::as_str);
            self.statement = statement.map(str::to_owned);
        }
    }

    /// The answer; `uri` is where the client is managed.
    pub fn document(&self, uri: &str) -> JsonObject {
        let mut members = metadata(&self.client.metadata);
        set(&mut members, "client_id", json!(self.client.client_id));
        set(&mut members, "client_id_issued_at", json!(self.client.created_at.0));
        set(
            &mut members,
            "registration_access_token",
            json!(self.access_token.expose()),
        );
        set(&mut members, "registration_client_uri", json!(uri));
        set(&mut members, "software_statement", json!(self.statement));
        if let Some(secret) = &self.secret {
            set(&mut members, "client_secret", json!(secret.expose()));
            // It does not expire.
            set(&mut members, "client_secret_expires_at", json!(0));
        }
        members
    }
}

/// The members of RFC 7591 §2 and OpenID Connect Registration §2. What is not registered is left out.
pub fn metadata(client: &ClientMetadata) -> JsonObject {
    let mut members = Map::new();
    // One is registered by a client, more by an operator: then the first is what a client of RFC 7591 would choose.
    let method = client.auth_methods.first().unwrap_or(&ClientAuthMethod::None);
    let for_code = client.grant_types.contains(&GrantType::AuthorizationCode);
    let response_types: &[ResponseType] = if for_code { ResponseType::ALL } else { &[] };
    set(&mut members, "client_name", json!(client.name));
    set(&mut members, "redirect_uris", json!(client.redirect_uris));
    set(&mut members, "response_types", json!(response_types));
    set(&mut members, "grant_types", json!(client.grant_types));
    set(&mut members, "application_type", json!(client.application_type));
    set(&mut members, "token_endpoint_auth_method", json!(method));
    set(
        &mut members,
        "token_endpoint_auth_signing_alg",
        json!(client.assertion_alg),
    );
    set(&mut members, "scope", json!(client.scope.to_string()));
    about(&mut members, client);
    protection(&mut members, client);
    logout(&mut members, client);
    members
}

fn about(members: &mut JsonObject, client: &ClientMetadata) {
    let about = &client.about;
    set(members, "client_uri", json!(about.client_uri));
    set(members, "logo_uri", json!(about.logo_uri));
    set(members, "policy_uri", json!(about.policy_uri));
    set(members, "tos_uri", json!(about.tos_uri));
    set(members, "initiate_login_uri", json!(about.initiate_login_uri));
    set(members, "contacts", json!(about.contacts));
    set(members, "software_id", json!(about.software_id));
    set(members, "software_version", json!(about.software_version));
    for (name, text) in &about.localized {
        set(members, name, json!(text));
    }
}

/// Keys, signatures, encryption, subjects, and what authorization requests mean.
fn protection(members: &mut JsonObject, client: &ClientMetadata) {
    match &client.keys {
        Some(KeySource::Jwks(jwks)) => set(members, "jwks", jwks.clone()),
        Some(KeySource::JwksUri(uri)) => set(members, "jwks_uri", json!(uri)),
        None => {}
    }
    set(members, "id_token_signed_response_alg", json!(client.id_token_alg));
    set(members, "userinfo_signed_response_alg", json!(client.userinfo_alg));
    encryption(
        members,
        ["id_token_encrypted_response_alg", "id_token_encrypted_response_enc"],
        client.id_token_encryption,
    );
    encryption(
        members,
        ["userinfo_encrypted_response_alg", "userinfo_encrypted_response_enc"],
        client.userinfo_encryption,
    );
    set(members, "request_object_signing_alg", json!(client.request_objects.alg));
    flag(
        members,
        "require_signed_request_object",
        client.request_objects.required,
    );
    set(members, "request_uris", json!(client.request_objects.uris));
    match &client.subject {
        SubjectPolicy::Public => set(members, "subject_type", json!(SubjectType::Public)),
        SubjectPolicy::Pairwise { uri, .. } => {
            set(members, "subject_type", json!(SubjectType::Pairwise));
            set(members, "sector_identifier_uri", json!(uri));
        }
    }
    let defaults = &client.authentication;
    set(members, "default_max_age", json!(defaults.max_age));
    flag(members, "require_auth_time", defaults.require_auth_time);
    set(members, "default_acr_values", json!(defaults.acr_values));
}

fn encryption(members: &mut JsonObject, [alg, enc]: [&str; 2], encryption: Option<Encryption>) {
    if let Some(encryption) = encryption {
        set(members, alg, json!(encryption.alg));
        set(members, enc, json!(encryption.enc));
    }
}

fn logout(members: &mut JsonObject, client: &ClientMetadata) {
    let logout = &client.logout;
    set(members, "post_logout_redirect_uris", json!(logout.redirect_uris));
    channel(
        members,
        ["backchannel_logout_uri", "backchannel_logout_session_required"],
        logout.backchannel.as_ref(),
    );
    channel(
        members,
        ["frontchannel_logout_uri", "frontchannel_logout_session_required"],
        logout.frontchannel.as_ref(),
    );
}

fn channel(members: &mut JsonObject, [uri, sid]: [&str; 2], channel: Option<&LogoutChannel>) {
    if let Some(channel) = channel {
        set(members, uri, json!(channel.uri));
        set(members, sid, json!(channel.session_required));
    }
}

fn flag(members: &mut JsonObject, name: &str, flag: bool) {
    if flag {
        set(members, name, json!(true));
    }
}

/// Unless there is nothing to say. An empty list of response types says something.
fn set(members: &mut JsonObject, name: &str, value: Value) {
    let empty = value.as_array().is_some_and(Vec::is_empty) && name != "response_types" && name != "redirect_uris";
    if !value.is_null() && !empty {
        members.insert(name.to_owned(), value);
    }
}
