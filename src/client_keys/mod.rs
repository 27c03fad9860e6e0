//! The public keys of clients: registered with them (`jwks`), or fetched from where they publish them (`jwks_uri`, RFC 7591 §2)
//! and kept in memory.

use std::sync::Arc;

use crate::app::App;
use crate::crypto::jwk_set::JwkSet;
use crate::crypto::jwt::{ClientJws, JsonObject, JwtError};
use crate::model::client::{Client, KeySource};
use crate::outbound::Wanted;
use crate::time::Timestamp;

/// Why a client's keys prove nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientKeysError {
    /// It has registered none, or none that can be read.
    #[error("the client has no keys")]
    NoKeys,
    /// They cannot be fetched, and those that were fetched before are too old.
    #[error("the client's keys cannot be fetched")]
    Unavailable,
    /// None of them made this signature.
    #[error(transparent)]
    Jws(#[from] JwtError),
}

/// The claims of `jws`, if a key of `client` signed it. Where keys are fetched and those at hand do not fit, newer ones are
/// asked for, at most once in an interval: the client may have changed them.
pub async fn verify<'a>(
    app: &App,
    client: &Client,
    jws: &'a ClientJws<'_>,
    now: Timestamp,
) -> Result<&'a JsonObject, ClientKeysError> {
    let keys = current(app, client, now).await?;
    match jws.verify(&keys) {
        Ok(claims) => Ok(claims),
        Err(error) => match newer(app, client, &keys, now).await? {
            Some(keys) => Ok(jws.verify(&keys)?),
            None => Err(error.into()),
        },
    }
}

/// The keys of `client`, as they are at hand or can be fetched.
pub async fn current(app: &App, client: &Client, now: Timestamp) -> Result<Arc<JwkSet>, ClientKeysError> {
    match &client.metadata.keys {
        None => Err(ClientKeysError::NoKeys),
        Some(KeySource::Jwks(set)) => JwkSet::read(set).map(Arc::new).map_err(|_| ClientKeysError::NoKeys),
        Some(KeySource::JwksUri(uri)) => fetched(app, client, uri, Wanted::AsKept, now).await,
    }
}

/// Other keys than `keys`, which lack what is looked for, if the client publishes others by now.
pub async fn newer(
    app: &App,
    client: &Client,
    keys: &JwkSet,
    now: Timestamp,
) -> Result<Option<Arc<JwkSet>>, ClientKeysError> {
    let Some(KeySource::JwksUri(uri)) = &client.metadata.keys else {
        return Ok(None);
    };
    let fetched = fetched(app, client, uri, Wanted::Newer, now).await?;
    Ok(Some(fetched).filter(|newer| **newer != *keys))
}

async fn fetched(
    app: &App,
    client: &Client,
    uri: &str,
    wanted: Wanted,
    now: Timestamp,
) -> Result<Arc<JwkSet>, ClientKeysError> {
    let owner = client.client_id.as_str();
    let keys = app.published_keys().get(owner, uri, wanted, now).await;
    keys.map_err(|_| ClientKeysError::Unavailable)
}
