//! Comparing client secrets.

use super::failed;
use crate::app::App;
use crate::crypto::digest::{equal, sha256};
use crate::crypto::password::{PasswordError, Verdict};
use crate::limits::{self, Permit};
use crate::model::caller::Caller;
use crate::model::client::{Client, SecretVerifier};
use crate::protocol::error::{OAuthError, Reason};
use crate::time::Timestamp;

/// Longer than any secret that was ever issued or accepted.
const MAX_LEN: usize = 512;

/// Whether `presented` is one of the live secrets of `client`. Generated secrets are compared first: only a failure is
/// counted, so that a client which proves itself writes nothing. Chosen ones are counted before they are hashed, unless this process has
/// seen them proven.
pub(super) async fn check(
    app: &App,
    client: &Client,
    presented: &str,
    caller: &Caller,
    now: Timestamp,
) -> Result<(), OAuthError> {
    let wrong = Reason::ClientSecretWrong;
    if presented.is_empty() || presented.len() > MAX_LEN {
        return Err(failed(app, &client.client_id, wrong, caller, now).await);
    }
    let digest = sha256(presented.as_bytes());
    let mut chosen = Vec::new();
    for secret in client.live_secrets(now) {
        match &secret.verifier {
            SecretVerifier::Digest(stored) if equal(stored.as_bytes(), &digest) => return Ok(()),
            SecretVerifier::Digest(_) => {}
            SecretVerifier::Password(stored) => chosen.push(stored.as_str()),
        }
    }
    if chosen.is_empty() {
        return Err(failed(app, &client.client_id, wrong, caller, now).await);
    }
    // On the heap, as it is long and seldom: every request would carry room for it.
    Box::pin(check_chosen(app, client, &chosen, presented, caller, now)).await
}

async fn check_chosen(
    app: &App,
    client: &Client,
    chosen: &[&str],
    presented: &str,
    caller: &Caller,
    now: Timestamp,
) -> Result<(), OAuthError> {
    if chosen
        .iter()
        .any(|stored| app.proven_secrets().knows(stored, presented))
    {
        return Ok(());
    }
    if matches!(app.passwords().would_take(presented), Err(PasswordError::Busy)) {
        return Err(Reason::Busy.into());
    }
    let taken = match limits::client_auth::permit(app, &client.client_id, caller, now).await? {
        Permit::Granted(taken) => taken,
        Permit::Throttled { retry_after } => return Err(OAuthError::until(Reason::ClientAuthThrottled, retry_after)),
    };
    for stored in chosen {
        match app.passwords().verify(presented, Some(stored)).await {
            Ok(Verdict::Match { .. }) => {
                app.proven_secrets().remember(stored, presented);
                taken.right(app).await;
                return Ok(());
            }
            Ok(Verdict::Mismatch) | Err(PasswordError::TooLong) => {}
            Err(error) => {
                taken.untried(app).await;
                let busy = matches!(error, PasswordError::Busy);
                return Err(if busy { Reason::Busy } else { Reason::Internal }.into());
            }
        }
    }
    Err(Reason::ClientSecretWrong.into())
}

/// What [`check`] would have cost, for a client that does not exist.
pub(super) fn waste_a_comparison(presented: Option<&str>) {
    let digest = sha256(presented.unwrap_or_default().as_bytes());
    std::hint::black_box(equal(&[0; 32], &digest));
}
