//! Encrypting what is for the eyes of one client (OpenID Connect Core §10.2).

use crate::app::App;
use crate::client_keys::{self, ClientKeysError};
use crate::crypto::jwe::{self, Payload, Recipient};
use crate::model::client::{Client, Encryption};
use crate::protocol::error::{OAuthError, Reason};
use crate::time::Timestamp;

/// How something is encrypted, and to which key.
#[derive(Clone, Debug)]
pub struct Envelope {
    recipient: Recipient,
    encryption: Encryption,
}

impl Envelope {
    /// What `client` registered to have encrypted, with its key for that: before anything is spent that is answered so. `None`:
    /// nothing is registered, and nothing is looked up.
    pub async fn prepare(
        app: &App,
        client: &Client,
        registered: Option<Encryption>,
        now: Timestamp,
    ) -> Result<Option<Self>, OAuthError> {
        let Some(encryption) = registered else {
            return Ok(None);
        };
        // Boxed: it may fetch, and most answers would carry room for that.
        let found = Box::pin(client_keys::for_encryption(app, client, encryption.alg, now)).await;
        let recipient = found.map_err(|error| {
            let alg = encryption.alg;
            tracing::warn!(client_id = %client.client_id, %alg, %error, "nothing can be encrypted to the client");
            match error {
                ClientKeysError::Unavailable => Reason::EncryptionKeysUnavailable,
                ClientKeysError::NoKeys | ClientKeysError::Jws(_) => Reason::EncryptionKeyMissing,
            }
        })?;
        Ok(Some(Self { recipient, encryption }))
    }

    /// Encrypts.
    pub fn seal(&self, payload: Payload<'_>) -> Result<String, OAuthError> {
        jwe::encrypt(payload, &self.recipient, self.encryption).map_err(|error| {
            tracing::warn!(%error, alg = %self.encryption.alg);
            Reason::EncryptionKeyMissing.into()
        })
    }
}
