//! What every request shares: configuration, store, clock, keys. State only, no routes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};

use uuid::Uuid;

use crate::config::{ClientKeysConfig, Config, PasswordsConfig};
use crate::crypto::jwk_set::JwkSet;
use crate::crypto::keys::KeyRing;
use crate::crypto::password::{HashParams, PasswordError, PasswordHasher};
use crate::crypto::proven::ProvenSecrets;
use crate::crypto::random;
use crate::crypto::seal::MasterKey;
use crate::outbound::{Attempts, BadAuthorities, CacheTimes, CachedFetch, CachedKind, GuardedFetch, Purpose};
use crate::protocol::error::{OAuthError, Reason};
use crate::quota::Quotas;
use crate::store::{Catalog, Store};
use crate::telemetry::audit::AuditLog;
use crate::telemetry::metrics::Metrics;
use crate::time::{Clock, Timestamp};

/// Settings that fit together and cannot be met on this machine.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// `[passwords]`.
    #[error(transparent)]
    Passwords(#[from] PasswordError),
    /// `[outbound]`.
    #[error("outbound.extra_ca: {0}")]
    Outbound(#[from] BadAuthorities),
}

/// The server's state; cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    config: Config,
    store: Store,
    clock: Clock,
    passwords: PasswordHasher,
    master_key: MasterKey,
    form_key: [u8; 32],
    user_code_key: [u8; 32],
    throttle_key: [u8; 32],
    browser_state_key: [u8; 32],
    quotas: Quotas,
    proven_secrets: ProvenSecrets,
    audit: AuditLog,
    metrics: Metrics,
    fetch: GuardedFetch,
    published_keys: CachedFetch<JwkSet>,
    logo_attempts: Attempts,
    ring: RwLock<Option<(i64, Arc<KeyRing>)>>,
    stopping: AtomicBool,
}

impl App {
    /// Puts the state together. An error names settings that cannot be met.
    pub fn new(config: Config, store: Store, clock: Clock, master_key: MasterKey) -> Result<Self, SettingsError> {
        let passwords = password_hasher(&config.passwords)?;
        let form_key = master_key.derive("forms");
        let user_code_key = master_key.derive("user_code");
        let throttle_key = master_key.derive("throttle");
        let browser_state_key = master_key.derive("browser state");
        let quotas = Quotas::new(&config.limits, &clock);
        let ring = RwLock::new(None);
        let metrics = metrics(&config);
        let fetch = GuardedFetch::new(&config.outbound, metrics.clone())?;
        let published_keys = published_keys(&fetch, &config.client_keys);
        let audit = AuditLog::new(config.audit.record_addresses, metrics.clone());
        Ok(Self(Arc::new(Inner {
            config,
            store,
            clock,
            passwords,
            master_key,
            form_key,
            user_code_key,
            audit,
            throttle_key,
            browser_state_key,
            metrics,
            fetch,
            published_keys,
            logo_attempts: Attempts::default(),
            quotas,
            proven_secrets: ProvenSecrets::new(),
            ring,
            stopping: AtomicBool::new(false),
        })))
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// The database.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// The clock. Requests read it once, at their edge.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// The one place that hashes passwords, so that its bounds hold for the whole process.
    pub fn passwords(&self) -> &PasswordHasher {
        &self.0.passwords
    }

    /// The key that signing keys are sealed under.
    pub fn master_key(&self) -> &MasterKey {
        &self.0.master_key
    }

    /// The key of form tokens; the same on every node.
    pub fn form_key(&self) -> &[u8; 32] {
        &self.0.form_key
    }

    /// The key under which user codes of devices are recognised; the same on every node.
    pub fn user_code_key(&self) -> &[u8; 32] {
        &self.0.user_code_key
    }

    /// The key of the names of throttle counters, and of what tells a browser that an account knows; the same on every node.
    pub fn throttle_key(&self) -> &[u8; 32] {
        &self.0.throttle_key
    }

    /// The key under which scripts are told one sign-in from another; the same on every node.
    pub fn browser_state_key(&self) -> &[u8; 32] {
        &self.0.browser_state_key
    }

    /// What this node counts by itself.
    pub fn quotas(&self) -> &Quotas {
        &self.0.quotas
    }

    /// Where security events are left for the audit trail.
    pub fn audit(&self) -> &AuditLog {
        &self.0.audit
    }

    /// What is counted for Prometheus.
    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// What fetches from addresses that clients name.
    pub fn fetch(&self) -> &GuardedFetch {
        &self.0.fetch
    }

    /// The keys that clients publish, as they were fetched: for [`crate::client_keys`].
    pub fn published_keys(&self) -> &CachedFetch<JwkSet> {
        &self.0.published_keys
    }

    /// Which pictures of clients this node fetches, or failed to fetch a short while ago.
    pub fn logo_attempts(&self) -> &Attempts {
        &self.0.logo_attempts
    }

    /// Chosen client secrets that were proven to this process.
    pub fn proven_secrets(&self) -> &ProvenSecrets {
        &self.0.proven_secrets
    }

    /// From now on the node tells balancers and connections to go elsewhere, while it serves on.
    pub fn begin_to_stop(&self) {
        self.0.stopping.store(true, Ordering::Relaxed);
    }

    /// Whether the node is about to stop.
    pub fn is_stopping(&self) -> bool {
        self.0.stopping.load(Ordering::Relaxed)
    }

    /// The issuer identifier (RFC 8414 §2).
    pub fn issuer(&self) -> &str {
        self.0.config.issuer.as_str()
    }

    /// A fresh row key.
    pub fn row_key(&self, now: Timestamp) -> Uuid {
        random::uuid_v7(now)
    }

    /// The signing keys as they were when they were last looked at. For the published part alone, and only while the database
    /// is away: what was signed before can then still be verified.
    pub fn last_key_ring(&self) -> Option<Arc<KeyRing>> {
        let known = self.0.ring.read().ok()?;
        known.as_ref().map(|(_, ring)| ring.clone())
    }

    /// The signing keys of `catalog`, unsealed. Opened once for each version of the catalog.
    pub fn key_ring(&self, catalog: &Catalog) -> Result<Arc<KeyRing>, OAuthError> {
        let known = self.0.ring.read().ok().and_then(|ring| ring.clone());
        if let Some((_, ring)) = known.filter(|(version, _)| *version == catalog.version) {
            return Ok(ring);
        }
        let known = self.last_key_ring().unwrap_or_default();
        let opened = KeyRing::reopen(&catalog.keys, &self.0.master_key, &known).map_err(|error| {
            tracing::error!(%error, "the signing keys cannot be opened");
            OAuthError::from(Reason::Internal)
        })?;
        let ring = Arc::new(opened);
        if let Ok(mut slot) = self.0.ring.write() {
            *slot = Some((catalog.version, ring.clone()));
        }
        Ok(ring)
    }
}

fn published_keys(fetch: &GuardedFetch, settings: &ClientKeysConfig) -> CachedFetch<JwkSet> {
    let kind = CachedKind {
        purpose: Purpose::Jwks,
        accept: "application/jwk-set+json, application/json",
        read: |body| JwkSet::from_json(body).ok(),
    };
    let times = CacheTimes {
        max_age: settings.max_age.as_secs(),
        max_stale: settings.max_stale.as_secs(),
        interval: settings.refetch_interval.as_secs(),
    };
    CachedFetch::new(fetch.clone(), kind, times)
}

/// Metrics that count if there is somewhere to read them. What cannot be counted is no reason not to serve.
fn metrics(config: &Config) -> Metrics {
    if config.metrics.listen.0.is_none() {
        return Metrics::default();
    }
    Metrics::on().unwrap_or_else(|error| {
        tracing::error!(%error, "there will be no metrics");
        Metrics::default()
    })
}

/// The hasher that the settings describe.
pub fn password_hasher(settings: &PasswordsConfig) -> Result<PasswordHasher, PasswordError> {
    let cost = HashParams {
        memory_kib: settings.memory_kib,
        iterations: settings.iterations,
        parallelism: settings.parallelism,
    };
    PasswordHasher::new(cost, settings.permits, settings.queue)
}
