//! A client registers itself (RFC 7591 §3).

use super::answer::Registered;
use super::{Policy, RegistrationCx, RegistrationError, metadata, names, sector, statement};
use crate::config::RegistrationMode;
use crate::crypto::jwt::JsonObject;
use crate::crypto::opaque::{Kind, OpaqueToken};
use crate::crypto::{client_secret, random};
use crate::limits;
use crate::logos;
use crate::model::audit_event::{Actor, AuditEvent, AuditKind};
use crate::model::client::{Client, ClientMetadata, ClientSecret, SecretVerifier};
use crate::model::registration::InitialAccessToken;
use crate::protocol::error::Reason;
use crate::protocol::ids::ClientId;
use crate::store::{NewRegistration, RegistrationOutcome};

/// Registers the client that `document` describes. `presented` is the initial access token.
pub async fn register(
    cx: &RegistrationCx<'_>,
    presented: Option<&str>,
    document: &JsonObject,
) -> Result<Registered, RegistrationError> {
    limits::requests::permit_registration(cx.app, cx.caller, cx.now)?;
    let initial_token = admit(cx, presented).await?;
    let metadata = decide(cx, document).await?;
    let mut registered = store(cx, metadata, initial_token.as_ref()).await?;
    registered.keep_statement(cx.app.config(), document);
    Ok(registered)
}

/// Whether the caller may register anything. Where everybody may, a token is not looked at.
async fn admit(
    cx: &RegistrationCx<'_>,
    presented: Option<&str>,
) -> Result<Option<InitialAccessToken>, RegistrationError> {
    match cx.app.config().registration.mode {
        RegistrationMode::Open => return Ok(None),
        // Its route is not even there.
        RegistrationMode::Off => return Err(Reason::InitialTokenWrong.into()),
        RegistrationMode::Token => {}
    }
    let presented = presented.ok_or(RegistrationError::TokenMissing)?;
    let found = match OpaqueToken::parse(Kind::InitialAccess, presented) {
        Some(token) => cx.app.store().find_initial_token(&token.digest()).await?,
        None => None,
    };
    match found.filter(|token| token.is_usable(cx.now)) {
        Some(token) => Ok(Some(token)),
        None => Err(cx.refused_token(Reason::InitialTokenWrong, None)),
    }
}

/// What is to be registered, if everything about it is right.
async fn decide(cx: &RegistrationCx<'_>, document: &JsonObject) -> Result<ClientMetadata, RegistrationError> {
    let config = &cx.app.config().registration;
    if cx.app.store().count_self_registered().await? >= i64::from(config.max_clients) {
        return Err(Reason::RegistrationsTooMany.into());
    }
    let document = statement::over(cx, document).await?;
    let mut metadata = metadata::read(&document, &Policy::for_strangers(config))?;
    names::check(cx.app, &metadata).await?;
    sector::settle(cx.app, &mut metadata).await?;
    Ok(metadata)
}

async fn store(
    cx: &RegistrationCx<'_>,
    metadata: ClientMetadata,
    initial_token: Option<&InitialAccessToken>,
) -> Result<Registered, RegistrationError> {
    let client_id = draw_client_id();
    let secret = metadata.has_secret().then(|| OpaqueToken::generate(Kind::ClientSecret));
    let access_token = OpaqueToken::generate(Kind::RegistrationAccess);
    let client = Client {
        secrets: secret
            .iter()
            .map(|secret| stored_secret(cx, &client_id, &metadata, secret))
            .collect(),
        client_id,
        revision: 1,
        metadata,
        has_logo: false,
        created_at: cx.now,
        updated_at: cx.now,
        disabled_at: None,
    };
    let new = NewRegistration {
        client: &client,
        access_token: access_token.digest(),
        initial_token: initial_token.map(|token| token.id),
        max_clients: i64::from(cx.app.config().registration.max_clients),
    };
    match cx.app.store().register_client(&new).await? {
        RegistrationOutcome::Registered => {}
        RegistrationOutcome::TokenSpent => return Err(cx.refused_token(Reason::InitialTokenWrong, None)),
        RegistrationOutcome::TooMany => return Err(Reason::RegistrationsTooMany.into()),
    }
    let event = AuditEvent::new(AuditKind::ClientRegistered, Actor::Nobody, cx.now)
        .by(cx.caller)
        .client(&client.client_id);
    cx.app.audit().record(match initial_token {
        Some(token) => event.detail("initial_token", token.id.to_string()),
        None => event,
    });
    logos::wanted(cx.app, &client, cx.now);
    Ok(Registered {
        client,
        secret,
        access_token,
        statement: None,
    })
}

/// A drawn secret of a client with `metadata`, as it is stored.
pub fn stored_secret(
    cx: &RegistrationCx<'_>,
    client: &ClientId,
    metadata: &ClientMetadata,
    secret: &OpaqueToken,
) -> ClientSecret {
    let id = random::uuid_v7(cx.now);
    let seal = || client_secret::seal(cx.app.master_key(), client, id, secret.expose().as_bytes());
    ClientSecret {
        id,
        verifier: SecretVerifier::Digest(secret.digest()),
        sealed: metadata.has_mac_secret().then(seal),
        created_at: cx.now,
        expires_at: None,
    }
}

/// A new `client_id`.
pub fn draw_client_id() -> ClientId {
    let drawn = ClientId::parse(&format!("app_{}", random::draw(random::BASE62, 16)));
    drawn.unwrap_or_else(|| unreachable!("letters and digits are a client id"))
}
