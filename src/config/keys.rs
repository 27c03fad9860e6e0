//! `[keys]`

use base64::{
    Engine,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use serde::{Deserialize, Serialize};

use super::{
    Secret, Span, TokensConfig,
    error::Report,
    secret::{deserialize_optional, serialize_optional},
};

/// The master key and the life of signing keys.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeysConfig {
    /// 32 bytes in base64 or hex, under which private keys are sealed. `None`: a file in `server.data_dir`.
    #[serde(serialize_with = "serialize_optional", deserialize_with = "deserialize_optional")]
    pub master_key: Option<Secret<String>>,
    /// The master key before `master_key`, while it changes: what was sealed under it still opens. `None`: it does not change.
    #[serde(serialize_with = "serialize_optional", deserialize_with = "deserialize_optional")]
    pub previous_master_key: Option<Secret<String>>,
    /// How long a signing key signs before the next one takes over. Zero: until an operator rotates it.
    pub rotation_period: Span,
    /// How long a new signing key is published before it signs.
    pub publication_lead: Span,
    /// How long a signing key stays published after it last signed.
    pub retirement: Span,
}

impl Default for KeysConfig {
    fn default() -> Self {
        Self {
            master_key: None,
            previous_master_key: None,
            rotation_period: Span::from_hours(90 * 24),
            publication_lead: Span::from_hours(1),
            retirement: Span::from_hours(24),
        }
    }
}

impl KeysConfig {
    /// A key must stay published as long as a token it signed can live.
    pub(super) fn check(&self, tokens: &TokensConfig, report: &mut Report) {
        let longest = tokens.access_lifetime.max(tokens.id_token_lifetime);
        let enough = self.retirement >= longest;
        report.require(
            "keys.retirement",
            enough,
            format!("must be at least {longest}, the longest life of a token"),
        );
        let often = self.rotation_period.as_secs();
        report.require(
            "keys.rotation_period",
            often == 0 || often >= 2 * self.publication_lead.as_secs().max(MIN_PERIOD / 2),
            format!(
                "must be at least 1h and twice keys.publication_lead ({}), or 0s for never",
                self.publication_lead
            ),
        );
        for (key, value) in [
            ("keys.master_key", &self.master_key),
            ("keys.previous_master_key", &self.previous_master_key),
        ] {
            let readable = value.as_ref().is_none_or(|key| is_32_bytes(key.expose().trim()));
            report.require(
                key,
                readable,
                "must be 32 bytes in base64; make one with: openssl rand -base64 32",
            );
        }
    }
}

/// The shortest time between two rotations, in seconds.
const MIN_PERIOD: i64 = 3600;

fn is_32_bytes(text: &str) -> bool {
    let hex = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let digits = text.trim_end_matches('=');
    let length = |engine: &base64::engine::GeneralPurpose| engine.decode(digits).map(|bytes| bytes.len());
    hex || length(&STANDARD_NO_PAD) == Ok(32) || length(&URL_SAFE_NO_PAD) == Ok(32)
}
