//! Making signing keys: the first of each algorithm at the first start, and successors on request.

use crate::app::App;
use crate::crypto::keys::generate;
use crate::model::audit_event::{Actor, AuditEvent, AuditKind};
use crate::model::signing_key::SigningKey;
use crate::protocol::signing_alg::SigningAlg;
use crate::store::{KeyWrite, Store, StoreError};
use crate::time::Timestamp;

/// Why a key could not be made.
#[derive(Debug, thiserror::Error)]
pub enum KeyJobError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The key could not be generated.
    #[error("a signing key could not be generated")]
    Generation,
    /// A key of this generation exists already: somebody else rotated at the same moment.
    #[error("another rotation of {0} happened at the same moment; look at `portcullis key list`")]
    Outrun(SigningAlg),
}

/// Makes sure that there is a key of every algorithm. On many nodes at once each algorithm still gets one.
pub async fn ensure(app: &App) -> Result<(), KeyJobError> {
    let known = app.store().signing_keys().await?;
    for alg in SigningAlg::ALL.iter().copied() {
        if known.iter().any(|key| key.alg == alg) {
            continue;
        }
        let now = app.clock().now();
        let key = make(app, alg, 1, now).await?;
        // Outrun by another node is as good: its key is there.
        if app.store().insert_key(&key, now).await? == KeyWrite::Done {
            let event = AuditEvent::new(AuditKind::KeyRotated, Actor::System, now);
            app.audit().record(describe(event, &key));
        }
    }
    Ok(())
}

/// Makes the successor of the key of `alg`. It is published at once, signs after `lead` seconds, and the predecessor is
/// published until everything that it signed has expired.
pub async fn rotate(app: &App, alg: SigningAlg, lead: i64) -> Result<SigningKey, KeyJobError> {
    let now = app.clock().now();
    let newest = newest_generation(app.store(), alg).await?;
    let mut key = make(app, alg, newest + 1, now).await?;
    key.active_from = now.plus(lead);
    let gone_at = key.active_from.plus(retirement(app).await?);
    match app.store().insert_key(&key, gone_at).await? {
        KeyWrite::Done => Ok(key),
        KeyWrite::Outrun => Err(KeyJobError::Outrun(alg)),
    }
}

/// What an event about a key tells of it.
pub fn describe(event: AuditEvent, key: &SigningKey) -> AuditEvent {
    event
        .detail("kid", key.kid.as_str())
        .detail("alg", key.alg.as_str())
        .detail("generation", key.generation)
}

async fn newest_generation(store: &Store, alg: SigningAlg) -> Result<i64, StoreError> {
    let keys = store.signing_keys().await?;
    Ok(keys
        .iter()
        .filter(|key| key.alg == alg)
        .map(|key| key.generation)
        .max()
        .unwrap_or_default())
}

/// How long a key is published after its last signature: as configured, and never shorter than its longest token lives.
async fn retirement(app: &App) -> Result<i64, StoreError> {
    let tokens = &app.config().tokens;
    let of_apis = app
        .store()
        .apis()
        .await?
        .into_iter()
        .filter_map(|api| api.settings.lifetime)
        .max()
        .unwrap_or_default();
    let longest = of_apis
        .max(tokens.access_lifetime.as_secs())
        .max(tokens.id_token_lifetime.as_secs());
    Ok(app.config().keys.retirement.as_secs().max(longest))
}

/// RSA keys take up to a second of computing, which must not hold up requests.
async fn make(app: &App, alg: SigningAlg, generation: i64, now: Timestamp) -> Result<SigningKey, KeyJobError> {
    let generated = tokio::task::spawn_blocking(move || generate(alg)).await;
    let Ok(Ok(key)) = generated else {
        return Err(KeyJobError::Generation);
    };
    Ok(SigningKey {
        kid: key.kid.clone(),
        alg,
        generation,
        sealed_private: key.seal(app.master_key()),
        public_jwk: key.public_jwk,
        created_at: now,
        active_from: now,
        retires_at: None,
        gone_at: None,
    })
}
