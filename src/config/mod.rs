//! Configuration: one small struct per section, loaded once.
//!
//! Sources, each overriding the one before: the built-in defaults, a TOML file, `PORTCULLIS_…` environment
//! variables (two underscores between section and key: `PORTCULLIS_DATABASE__URL`), command-line flags.
//! `config/default.toml` documents every key and is held to the defaults by a test.
//!
//! An unknown key is an error wherever it stands, because a misspelt security setting that is silently ignored
//! is worse than a server that does not start.

mod account;
mod allowed_host;
mod audit;
mod client_keys;
mod database;
mod device;
mod error;
mod hosts;
mod issuer;
mod keys;
mod layers;
mod limits;
mod log;
mod logout;
mod metrics;
mod network;
mod optional;
mod outbound;
mod passwords;
mod rate;
mod registration;
mod requests;
mod secret;
mod server;
mod sessions;
mod span;
mod sweep;
mod tokens;
mod tracing;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use self::metrics::MetricsConfig;
pub use self::{
    account::AccountConfig,
    allowed_host::{AllowedHost, InvalidHost},
    audit::AuditConfig,
    client_keys::ClientKeysConfig,
    database::DatabaseConfig,
    device::DeviceConfig,
    error::ConfigError,
    hosts::{Host, Hosts},
    issuer::{InvalidIssuer, Issuer},
    keys::KeysConfig,
    limits::LimitsConfig,
    log::{LogConfig, LogFormat},
    logout::LogoutConfig,
    network::{InvalidNetwork, Network},
    optional::Optional,
    outbound::OutboundConfig,
    passwords::PasswordsConfig,
    rate::{InvalidRate, Rate},
    registration::{
        HostPattern, InvalidPattern, InvalidStatementIssuer, RegistrationConfig, RegistrationMode, RegistrationPkce,
        StatementIssuer,
    },
    requests::RequestsConfig,
    secret::Secret,
    server::{ProxyHeader, ServerConfig},
    sessions::SessionsConfig,
    span::{InvalidSpan, Span},
    sweep::SweepConfig,
    tokens::TokensConfig,
    tracing::TracingConfig,
};
use self::{error::Report, layers::Layers};

/// The whole configuration, checked.
#[derive(Clone, Debug, Serialize)]
pub struct Config {
    /// Who we are: the `iss` of every token and the base of every URL.
    pub issuer: Issuer,
    /// The HTTP server.
    pub server: ServerConfig,
    /// The database.
    pub database: DatabaseConfig,
    /// The master key and the life of signing keys.
    pub keys: KeysConfig,
    /// Lifetimes of codes and tokens.
    pub tokens: TokensConfig,
    /// The device grant.
    pub device: DeviceConfig,
    /// Browser sessions.
    pub sessions: SessionsConfig,
    /// Password hashing and rules.
    pub passwords: PasswordsConfig,
    /// What people may do with their own account.
    pub account: AccountConfig,
    /// How often something may be tried.
    pub limits: LimitsConfig,
    /// Clients that register themselves.
    pub registration: RegistrationConfig,
    /// What authorization requests may carry.
    pub requests: RequestsConfig,
    /// Fetches from addresses that clients name.
    pub outbound: OutboundConfig,
    /// The public keys that clients publish.
    pub client_keys: ClientKeysConfig,
    /// Telling clients that somebody signed out.
    pub logout: LogoutConfig,
    /// Logging.
    pub log: LogConfig,
    /// Metrics.
    pub metrics: MetricsConfig,
    /// Traces.
    pub tracing: TracingConfig,
    /// Removal of expired rows.
    pub sweep: SweepConfig,
    /// The audit trail.
    pub audit: AuditConfig,
}

/// Where to load from. The environment is an argument, so that tests need none of their own.
#[derive(Debug, Default)]
pub struct LoadArgs<E> {
    /// The file to read; it must exist. `None` reads `./portcullis.toml` if there is one.
    pub file: Option<PathBuf>,
    /// Environment variables; names without our prefix are ignored.
    pub env: E,
    /// Dotted keys and values from the command line.
    pub overrides: Vec<(String, String)>,
}

/// Loads and checks the configuration. The error lists everything that is wrong, one line each.
pub fn load<E: Iterator<Item = (String, String)>>(args: LoadArgs<E>) -> Result<Config, ConfigError> {
    let mut layers = Layers::new();
    match &args.file {
        Some(path) => layers.add_file(path),
        None => layers.add_file_if_present(DEFAULT_FILE.as_ref()),
    }
    layers.add_env(args.env);
    layers.add_overrides(args.overrides);
    layers.finish()
}

const DEFAULT_FILE: &str = "portcullis.toml";

impl Config {
    /// The built-in defaults for `issuer`.
    pub fn with_defaults(issuer: Issuer) -> Self {
        Self::from_settings(issuer, Settings::default())
    }

    /// Checks what no single value shows: ranges, and how settings fit together. [`load`] has done this.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.report().into_result(|_| None)
    }

    /// The configuration as TOML, with every secret and the database password replaced by `***`.
    pub fn show(&self) -> String {
        toml::to_string(self).unwrap_or_else(|error| format!("# cannot be shown: {error}\n"))
    }

    fn report(&self) -> Report {
        let mut report = Report::default();
        self.server.check(&self.issuer, &mut report);
        self.database.check(&mut report);
        self.keys.check(&self.tokens, &mut report);
        self.tokens.check(&mut report);
        self.device.check(&mut report);
        self.sessions.check(&mut report);
        self.passwords.check(&mut report);
        self.account.check(&mut report);
        self.registration.check(&mut report);
        self.outbound.check(&mut report);
        self.client_keys.check(&mut report);
        self.logout.check(&mut report);
        self.tracing.check(&mut report);
        self.sweep.check(&mut report);
        self.audit.check(&mut report);
        report
    }

    fn from_settings(issuer: Issuer, settings: Settings) -> Self {
        let Settings {
            issuer: _,
            server,
            database,
            keys,
            tokens,
            device,
            sessions,
            passwords,
            account,
            limits,
            registration,
            requests,
            outbound,
            client_keys,
            logout,
            log,
            metrics,
            tracing,
            sweep,
            audit,
        } = settings;
        Self {
            issuer,
            server,
            database,
            keys,
            tokens,
            device,
            sessions,
            passwords,
            account,
            limits,
            registration,
            requests,
            outbound,
            client_keys,
            logout,
            log,
            metrics,
            tracing,
            sweep,
            audit,
        }
    }
}

/// The configuration as it is written: the issuer may still be missing. Its defaults are the table of known keys.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    issuer: String,
    server: ServerConfig,
    database: DatabaseConfig,
    keys: KeysConfig,
    tokens: TokensConfig,
    device: DeviceConfig,
    sessions: SessionsConfig,
    passwords: PasswordsConfig,
    account: AccountConfig,
    limits: LimitsConfig,
    registration: RegistrationConfig,
    requests: RequestsConfig,
    outbound: OutboundConfig,
    client_keys: ClientKeysConfig,
    logout: LogoutConfig,
    log: LogConfig,
    metrics: MetricsConfig,
    tracing: TracingConfig,
    sweep: SweepConfig,
    audit: AuditConfig,
}
