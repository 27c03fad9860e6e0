//! Which of a client's keys is encrypted to.

use super::{ClientKeysError, current, newer};
use crate::app::App;
use crate::crypto::jwe::Recipient;
use crate::crypto::jwk_set::JwkSet;
use crate::model::client::{Client, ClientMetadata, Encryption, KeySource};
use crate::protocol::jwe::KeyManagementAlg;
use crate::time::Timestamp;

/// The key of `client` for encryption with `alg`. Where keys are fetched and none at hand fits, newer ones are asked for, at most
/// once in an interval.
pub async fn for_encryption(
    app: &App,
    client: &Client,
    alg: KeyManagementAlg,
    now: Timestamp,
) -> Result<Recipient, ClientKeysError> {
    let keys = current(app, client, now).await?;
    if let Some(recipient) = Recipient::choose(&keys, alg) {
        return Ok(recipient);
    }
    let newer = newer(app, client, &keys, now).await?;
    newer
        .and_then(|keys| Recipient::choose(&keys, alg))
        .ok_or(ClientKeysError::NoKeys)
}

/// What is to be encrypted with `alg` has no key to be encrypted to. The text says what would be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the client has no public key for encryption with {0}: register its jwks with one, or its jwks_uri")]
pub struct NoFittingKey(pub KeyManagementAlg);

/// Whether there is a key for all that `metadata` has encrypted, as far as can be told without fetching.
pub fn check_encryption(metadata: &ClientMetadata) -> Result<(), NoFittingKey> {
    let wanted = [metadata.id_token_encryption, metadata.userinfo_encryption];
    for Encryption { alg, .. } in wanted.into_iter().flatten() {
        let fits = match &metadata.keys {
            None => false,
            Some(KeySource::JwksUri(_)) => true,
            Some(KeySource::Jwks(set)) => JwkSet::read(set).is_ok_and(|set| Recipient::choose(&set, alg).is_some()),
        };
        if !fits {
            return Err(NoFittingKey(alg));
        }
    }
    Ok(())
}
