//! A client looks after what is registered about it (RFC 7592).

use serde_json::Value;

use super::answer::Registered;
use super::register::stored_secret;
use super::{Policy, Refusal, RegistrationCx, RegistrationError, metadata, names, sector, statement};
use crate::crypto::digest;
use crate::crypto::jwt::JsonObject;
use crate::crypto::opaque::{Kind, OpaqueToken};
use crate::limits;
use crate::logos;
use crate::model::audit_event::{Actor, AuditEvent, AuditKind};
use crate::model::client::{Client, ClientMetadata, ClientSecret, PkcePolicy, SecretVerifier};
use crate::protocol::client_auth_method::ClientAuthMethod;
use crate::protocol::error::Reason;
use crate::protocol::ids::ClientId;
use crate::store::{ClientChange, ClientWrite};

/// A client that has proven that its registration is its own.
#[derive(Debug)]
pub struct Owner {
    /// The client.
    pub client: Client,
    /// What it presented.
    pub access_token: OpaqueToken,
}

/// The client that `presented` lets manage `client_id`. What is wrong is not told: an unknown client, another client's token and
/// a disabled client look the same (RFC 7592 §2.1).
pub async fn owner(
    cx: &RegistrationCx<'_>,
    client_id: &str,
    presented: Option<&str>,
) -> Result<Owner, RegistrationError> {
    let presented = presented.ok_or(RegistrationError::TokenMissing)?;
    let id = ClientId::parse(client_id);
    let refused = || Err(cx.refused_token(Reason::RegistrationTokenWrong, id.as_ref()));
    let (Some(id), Some(token)) = (&id, OpaqueToken::parse(Kind::RegistrationAccess, presented)) else {
        return refused();
    };
    let known = cx.app.store().registration_token(id).await?;
    if !known.is_some_and(|known| digest::equal(known.as_bytes(), token.digest().as_bytes())) {
        return refused();
    }
    match cx.app.store().client(id).await? {
        Some(client) if client.is_enabled() => Ok(Owner {
            client,
            access_token: token,
        }),
        _ => refused(),
    }
}

/// What is registered (RFC 7592 §2.1). The secret is not known here.
pub fn read(owner: Owner) -> Registered {
    Registered {
        client: owner.client,
        secret: None,
        access_token: owner.access_token,
        statement: None,
    }
}

/// Registers `document` in place of what was there (RFC 7592 §2.2).
pub async fn replace(
    cx: &RegistrationCx<'_>,
    owner: Owner,
    document: &JsonObject,
) -> Result<Registered, RegistrationError> {
    limits::requests::permit_registration(cx.app, cx.caller, cx.now)?;
    check_identity(&owner.client, document)?;
    let policy = Policy::for_change(&cx.app.config().registration, &owner.client);
    let stated = statement::over(cx, document).await?;
    let mut changed = metadata::read(&stated, &policy)?;
    keep_what_is_the_operators(&owner.client.metadata, &mut changed);
    names::check(cx.app, &changed).await?;
    sector::settle(cx.app, &mut changed).await?;
    let mut registered = commit(cx, owner, changed).await?;
    registered.keep_statement(cx.app.config(), document);
    Ok(registered)
}

/// Deletes the client with everything that was issued to it (RFC 7592 §2.3).
pub async fn delete(cx: &RegistrationCx<'_>, owner: &Owner) -> Result<(), RegistrationError> {
    let id = &owner.client.client_id;
    if cx.app.store().delete_client(id).await? == ClientWrite::NotFound {
        return Err(Reason::RegistrationTokenWrong.into());
    }
    record(
        cx,
        AuditEvent::new(AuditKind::ClientDeleted, Actor::Client(id.clone()), cx.now).client(id),
    );
    Ok(())
}

/// It says who it is, and sets nothing that is the server's to set (RFC 7592 §2.2).
fn check_identity(client: &Client, document: &JsonObject) -> Result<(), Refusal> {
    const MANAGED: &[&str] = &[
        "registration_access_token",
        "registration_client_uri",
        "client_secret_expires_at",
        "client_id_issued_at",
    ];
    if document.get("client_id").and_then(Value::as_str) != Some(client.client_id.as_str()) {
        let why = "must be the one of this client";
        return Err(Refusal::because(Reason::RegistrationClientId, "client_id", why));
    }
    if let Some(member) = MANAGED.iter().find(|member| document.contains_key(**member)) {
        return Err(Refusal::because(
            Reason::RegistrationManaged,
            member,
            "is set by this server: leave it out",
        ));
    }
    let secret = document.get("client_secret").filter(|secret| !secret.is_null());
    if secret.is_some_and(|secret| !is_secret_of(client, secret)) {
        let why = "must be a present secret of this client, or left out";
        return Err(Refusal::because(Reason::RegistrationSecret, "client_secret", why));
    }
    Ok(())
}

/// Secrets that a person chose are not recognised here: clients that register themselves have none.
fn is_secret_of(client: &Client, given: &Value) -> bool {
    let given = given
        .as_str()
        .and_then(|text| OpaqueToken::parse(Kind::ClientSecret, text));
    let Some(given) = given.map(|secret| secret.digest()) else {
        return false;
    };
    client.secrets.iter().any(|known| match &known.verifier {
        SecretVerifier::Digest(known) => digest::equal(known.as_bytes(), given.as_bytes()),
        SecretVerifier::Password(_) => false,
    })
}

/// What RFC 7591 has no word for stays as it is.
pub fn keep_what_is_the_operators(present: &ClientMetadata, changed: &mut ClientMetadata) {
    changed.default_audience.clone_from(&present.default_audience);
    changed.resource_server_for.clone_from(&present.resource_server_for);
    changed.consent = present.consent;
    changed.redirect_uri_at_token = present.redirect_uri_at_token;
    changed.assertion_audience = present.assertion_audience;
    // An operator may have named more than one, which RFC 7591 cannot say.
    let stated = changed.auth_methods.first().copied().unwrap_or(ClientAuthMethod::None);
    if present.auth_methods.contains(&stated) {
        changed.auth_methods.clone_from(&present.auth_methods);
    }
    if stated != ClientAuthMethod::None && !present.auth_methods.contains(&ClientAuthMethod::None) {
        changed.pkce = present.pkce;
    } else if stated == ClientAuthMethod::None {
        changed.pkce = PkcePolicy::Required;
    }
}

async fn commit(
    cx: &RegistrationCx<'_>,
    owner: Owner,
    changed: ClientMetadata,
) -> Result<Registered, RegistrationError> {
    let client = &owner.client;
    // One that was only kept to be recognised is no key for an HMAC: it is replaced.
    let will_do = |secret: &ClientSecret| secret.sealed.is_some() || !changed.has_mac_secret();
    let lacks_secret = changed.has_secret() && !client.live_secrets(cx.now).any(will_do);
    let secret = lacks_secret.then(|| OpaqueToken::generate(Kind::ClientSecret));
    let stored = secret
        .as_ref()
        .map(|secret| stored_secret(cx, &client.client_id, &changed, secret));
    let change = ClientChange {
        client,
        metadata: &changed,
        secret: stored.as_ref(),
        forget_consents: is_another_to_people(&client.metadata, &changed),
    };
    match cx.app.store().change_client(&change, cx.now).await? {
        ClientWrite::Done => {}
        ClientWrite::NotFound | ClientWrite::Taken | ClientWrite::Conflict => {
            return Err(Reason::RegistrationConflict.into());
        }
    }
    let id = &client.client_id;
    let event = AuditEvent::new(AuditKind::ClientChanged, Actor::Client(id.clone()), cx.now).client(id);
    record(cx, event.detail("registration", "replaced"));
    let client = cx.app.store().client(id).await?.ok_or(Reason::RegistrationTokenWrong)?;
    logos::wanted(cx.app, &client, cx.now);
    Ok(Registered {
        client,
        secret,
        access_token: owner.access_token,
        statement: None,
    })
}

/// Whether what people consented to was something else: by its name, or by where they are sent.
fn is_another_to_people(before: &ClientMetadata, after: &ClientMetadata) -> bool {
    before.name != after.name
        || before.about.localized != after.about.localized
        || after
            .redirect_uris
            .iter()
            .any(|uri| !before.redirect_uris.contains(uri))
}

fn record(cx: &RegistrationCx<'_>, event: AuditEvent) {
    cx.app.audit().record(event.by(cx.caller));
}
