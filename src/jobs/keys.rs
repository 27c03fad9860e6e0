//! Signing keys: the first of each algorithm at the first start, successors when it is time or an operator asks, and the
//! private parts sealed again when the master key changes.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::crypto::client_secret;
use crate::crypto::keys::{self, KeyError, generate};
use crate::crypto::seal::{MasterKey, SealError};
use crate::model::audit_event::{Actor, AuditEvent, AuditKind};
use crate::model::signing_key::SigningKey;
use crate::protocol::signing_alg::SigningAlg;
use crate::store::{KeyWrite, Predecessors, Resealed, Resealing, Store, StoreError};
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
    /// The stored keys are sealed under a master key that this process was not given: what it made could not be opened by
    /// the others.
    #[error("the signing keys are sealed under another master key than this process has; restart it with that key")]
    OtherMasterKey,
    /// A stored key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A stored client secret cannot be opened.
    #[error("a client secret: {0}")]
    Secret(#[from] SealError),
    /// Keys are made or changed faster than they can be sealed.
    #[error("the signing keys changed again and again meanwhile; nothing was changed, try again")]
    Busy,
}

/// Between two looks at the age of the keys.
const INTERVAL: Duration = Duration::from_secs(600);

/// How often sealing keys again is tried while others change them.
const ROUNDS: usize = 5;

/// What becomes of the keys before a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handover {
    /// The new key signs after so many seconds; until then the present one does, which stays published until everything
    /// that it signed has expired.
    After(i64),
    /// The new key signs at once, and those before it are revoked: what they signed counts nowhere any more.
    Revoke,
}

/// Rotates keys when it is time, until it is told to stop.
pub async fn run(app: App, stop: CancellationToken) {
    loop {
        match stop.run_until_cancelled(rotate_due(&app)).await {
            None => return,
            Some(Ok(_)) => {}
            Some(Err(error)) => tracing::warn!(%error, "signing keys could not be rotated; it is tried again"),
        }
        if stop.run_until_cancelled(tokio::time::sleep(INTERVAL)).await.is_none() {
            return;
        }
    }
}

/// Makes the successor of each key that has signed for `keys.rotation_period`, less the time that the successor is published
/// before it signs. On many nodes at once each key still gets one. Returns those made here.
pub async fn rotate_due(app: &App) -> Result<Vec<SigningKey>, KeyJobError> {
    let settings = &app.config().keys;
    let (period, lead) = (settings.rotation_period.as_secs(), settings.publication_lead.as_secs());
    if period == 0 {
        return Ok(Vec::new());
    }
    let known = app.store().signing_keys().await?;
    let now = app.clock().now();
    let mut made = Vec::new();
    for newest in SigningAlg::ALL.iter().filter_map(|alg| newest(&known, *alg)) {
        if now < newest.active_from.plus(period - lead) {
            continue;
        }
        // Behind the very key that is due: a node that was slower finds the place taken.
        match succeed(app, &known, (newest.alg, newest.generation), Handover::After(lead)).await {
            Ok(key) => {
                tracing::info!(alg = %key.alg, kid = key.kid, "a signing key was rotated");
                let event = AuditEvent::new(AuditKind::KeyRotated, Actor::System, now);
                app.audit().record(describe(event, &key));
                made.push(key);
            }
            Err(KeyJobError::Outrun(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(made)
}

/// Makes sure that there is a key of every algorithm. On many nodes at once each algorithm still gets one.
pub async fn ensure(app: &App) -> Result<(), KeyJobError> {
    let known = app.store().signing_keys().await?;
    for alg in SigningAlg::ALL.iter().copied() {
        if known.iter().any(|key| key.alg == alg) {
            continue;
        }
        let now = app.clock().now();
        let key = make(app, &known, (alg, 1), now).await?;
        // Outrun by another node is as good: its key is there.
        let first = Predecessors::Retire { gone_at: now };
        if app.store().insert_key(&key, first).await? == KeyWrite::Done {
            let event = AuditEvent::new(AuditKind::KeyRotated, Actor::System, now);
            app.audit().record(describe(event, &key));
        }
    }
    Ok(())
}

/// Makes the successor of the newest key of `alg`; it is published at once.
pub async fn rotate(app: &App, alg: SigningAlg, handover: Handover) -> Result<SigningKey, KeyJobError> {
    let known = app.store().signing_keys().await?;
    let generation = newest(&known, alg).map_or(0, |key| key.generation);
    succeed(app, &known, (alg, generation), handover).await
}

/// Makes the key after this generation.
async fn succeed(
    app: &App,
    known: &[SigningKey],
    (alg, generation): (SigningAlg, i64),
    handover: Handover,
) -> Result<SigningKey, KeyJobError> {
    let now = app.clock().now();
    let mut key = make(app, known, (alg, generation + 1), now).await?;
    let retirement = retirement(app).await?;
    let predecessors = match handover {
        Handover::After(lead) => {
            key.active_from = now.plus(lead);
            let gone_at = key.active_from.plus(retirement);
            Predecessors::Retire { gone_at }
        }
        Handover::Revoke => Predecessors::Revoke {
            at: now,
            gone_at: now.plus(retirement),
        },
    };
    match app.store().insert_key(&key, predecessors).await? {
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

/// Seals every private key under `to` that is not, opening them with `from`: all in one commit, so that an interruption leaves
/// all or none. Returns how many were sealed again.
pub async fn reseal(store: &Store, from: &MasterKey, to: &MasterKey) -> Result<usize, KeyJobError> {
    let from = from.clone().with_other(to.clone());
    let mut sealed = 0;
    for _ in 0..ROUNDS {
        let known = store.signing_keys().await?;
        let elsewhere = |key: &&SigningKey| {
            from.that_sealed(&key.sealed_private)
                .is_none_or(|by| by.id() != to.id())
        };
        let mut resealed = Vec::new();
        for key in known.iter().filter(elsewhere) {
            let sealed_private = keys::reseal(key, &from, to)?;
            resealed.push(Resealed { key, sealed_private });
        }
        if resealed.is_empty() {
            return Ok(sealed);
        }
        if store.reseal_keys(&resealed).await? == Resealing::Done {
            sealed += resealed.len();
        }
    }
    Err(KeyJobError::Busy)
}

/// Seals every client secret that is kept under `to`, one by one: an interruption leaves some to be done, which open with
/// either key meanwhile. Returns how many were sealed again.
pub async fn reseal_client_secrets(store: &Store, from: &MasterKey, to: &MasterKey) -> Result<usize, KeyJobError> {
    let from = from.clone().with_other(to.clone());
    let mut sealed = 0;
    for _ in 0..ROUNDS {
        let mut outrun = false;
        for client in store.clients().await? {
            for secret in &client.secrets {
                if let Some(resealed) = client_secret::reseal(&from, to, &client.client_id, secret)? {
                    let done = store.reseal_secret(secret, &resealed).await?;
                    sealed += usize::from(done);
                    outrun |= !done;
                }
            }
        }
        if !outrun {
            return Ok(sealed);
        }
    }
    Err(KeyJobError::Busy)
}

fn newest(known: &[SigningKey], alg: SigningAlg) -> Option<&SigningKey> {
    let of_alg = known.iter().filter(|key| key.alg == alg);
    of_alg.max_by_key(|key| key.generation)
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

/// RSA keys take up to a second of computing, which must not hold up requests. Sealed as the `known` keys are: while the
/// master key changes, a node that has the next one already makes no key that the others could not open.
async fn make(
    app: &App,
    known: &[SigningKey],
    (alg, generation): (SigningAlg, i64),
    now: Timestamp,
) -> Result<SigningKey, KeyJobError> {
    let master = match known.last() {
        None => app.master_key(),
        Some(key) => {
            let sealed_it = app.master_key().that_sealed(&key.sealed_private);
            sealed_it.ok_or(KeyJobError::OtherMasterKey)?
        }
    };
    let generated = tokio::task::spawn_blocking(move || generate(alg)).await;
    let Ok(Ok(key)) = generated else {
        return Err(KeyJobError::Generation);
    };
    Ok(SigningKey {
        kid: key.kid.clone(),
        alg,
        generation,
        sealed_private: key.seal(master),
        public_jwk: key.public_jwk,
        created_at: now,
        active_from: now,
        retires_at: None,
        gone_at: None,
        revoked_at: None,
    })
}
