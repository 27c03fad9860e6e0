//! Comparing client secrets.

use crate::app::App;
use crate::crypto::digest::{equal, sha256};
use crate::crypto::password::{PasswordError, Verdict};
use crate::model::client::{Client, SecretVerifier};
use crate::protocol::error::{OAuthError, Reason};
use crate::time::Timestamp;

/// Longer than any secret that was ever issued or accepted.
const MAX_LEN: usize = 512;

/// Whether `presented` is one of the live secrets of `client`.
pub(super) async fn check(app: &App, client: &Client, presented: &str, now: Timestamp) -> Result<(), OAuthError> {
    if presented.is_empty() || presented.len() > MAX_LEN {
        return Err(Reason::ClientSecretWrong.into());
    }
    let digest = sha256(presented.as_bytes());
    for secret in client.live_secrets(now) {
        let right = match &secret.verifier {
            SecretVerifier::Digest(stored) => equal(stored.as_bytes(), &digest),
            SecretVerifier::Password(stored) => match app.passwords().verify(presented, Some(stored)).await {
                Ok(verdict) => matches!(verdict, Verdict::Match { .. }),
                Err(PasswordError::TooLong) => false,
                Err(PasswordError::Busy) => return Err(Reason::Busy.into()),
                Err(PasswordError::Failed | PasswordError::Parameters(_)) => return Err(Reason::Internal.into()),
            },
        };
        if right {
            return Ok(());
        }
    }
    Err(Reason::ClientSecretWrong.into())
}

/// What [`check`] would have cost, for a client that does not exist.
pub(super) fn waste_a_comparison(presented: Option<&str>) {
    let digest = sha256(presented.unwrap_or_default().as_bytes());
    std::hint::black_box(equal(&[0; 32], &digest));
}
