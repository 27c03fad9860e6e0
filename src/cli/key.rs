//! `portcullis key`: the signing keys.

mod reseal;

use anyhow::ensure;
use clap::Subcommand;
use serde_json::{Value, json};

use super::cx::Cx;
use super::{output, text};
use crate::config::Span;
use crate::jobs::keys::{self, Handover};
use crate::model::audit_event::AuditKind;
use crate::model::signing_key::{KeyState, SigningKey};
use crate::protocol::signing_alg::SigningAlg;
use crate::time::Timestamp;

/// Manage signing keys.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// List the signing keys and where they stand
    List,
    /// Make successors: published at once, signing after a lead, while the present keys stay published for verification. The
    /// server does this by itself every keys.rotation_period
    Rotate {
        /// RS256, PS256, ES256, EdDSA or all [default: those that clients and APIs are registered for; with --now, all]
        #[arg(long, value_parser = parse_algs)]
        alg: Option<Algs>,
        /// How long a new key is published before it signs [default: keys.publication_lead]
        #[arg(long, value_name = "DURATION", conflicts_with = "now")]
        lead: Option<Span>,
        /// For emergencies: sign with the new key at once and revoke those before it. Every JWT that they signed is dead
        #[arg(long)]
        now: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Seal the private keys under another master key
    Reseal(reseal::Arguments),
}

/// The algorithms that a rotation is for.
#[derive(Clone, Debug)]
pub struct Algs(Vec<SigningAlg>);

/// Runs the command.
pub async fn run(command: Command, cx: &Cx) -> anyhow::Result<()> {
    match command {
        Command::List => list(cx).await,
        Command::Rotate {
            alg, now: true, yes, ..
        } => {
            ensure!(
                yes || output::confirm(REVOKING)?,
                "nothing was revoked; confirm with --yes"
            );
            let all = || Algs(SigningAlg::ALL.to_vec());
            rotate(cx, &alg.unwrap_or_else(all).0, Handover::Revoke).await
        }
        Command::Rotate { alg, lead, .. } => {
            let lead = lead.unwrap_or(cx.config.keys.publication_lead).as_secs();
            let algs = match alg {
                Some(Algs(algs)) => algs,
                None => in_use(cx).await?,
            };
            rotate(cx, &algs, Handover::After(lead)).await
        }
        Command::Reseal(arguments) => reseal::run(&arguments, cx).await,
    }
}

async fn list(cx: &Cx) -> anyhow::Result<()> {
    let keys = cx.store.signing_keys().await?;
    let now = cx.now();
    let empty = "No signing keys yet: the server makes them when it first starts.";
    let document = Value::Array(keys.iter().map(|key| document(key, now)).collect());
    output::print(cx.json, &document, &table(&keys, now, empty))
}

/// What signs something for someone; keys of the others have nothing to hand over.
async fn in_use(cx: &Cx) -> anyhow::Result<Vec<SigningAlg>> {
    let clients = cx.store.clients().await?;
    let apis = cx.store.apis().await?;
    let by_clients = clients.iter().flat_map(|client| {
        let metadata = &client.metadata;
        [Some(metadata.id_token_alg), metadata.userinfo_alg]
    });
    let by_apis = apis.iter().map(|api| Some(api.settings.algorithm));
    // What access tokens without an API, and clients that say nothing, get.
    let usual = [Some(SigningAlg::Es256), Some(SigningAlg::Rs256)];
    let used: Vec<_> = by_clients.chain(by_apis).chain(usual).flatten().collect();
    let all = SigningAlg::ALL.iter().copied();
    Ok(all.filter(|alg| used.contains(alg)).collect())
}

/// What `rotate --now` asks.
const REVOKING: &str = "Revoke the present signing keys? Every access token and ID token that they signed is dead at once: \
    apps get 401 and fetch new tokens with their refresh tokens, which go on, as do sign-ins and opaque tokens.";

/// Each algorithm is a commit of its own; what was made before a failure is told by the error's way out: `key list`.
async fn rotate(cx: &Cx, algs: &[SigningAlg], handover: Handover) -> anyhow::Result<()> {
    let app = cx.app().await?;
    let present = cx.store.signing_keys().await?;
    ensure!(
        !present.is_empty(),
        "there are no signing keys to rotate yet: the server makes them when it first starts"
    );
    let trail = cx.trail().await?;
    let mut made = Vec::new();
    for &alg in algs {
        // Without a predecessor there is nothing that could sign in the meantime.
        let first = !present.iter().any(|key| key.alg == alg);
        let handover = if first { Handover::After(0) } else { handover };
        let key = keys::rotate(&app, alg, handover).await?;
        trail
            .record(keys::describe(trail.event(AuditKind::KeyRotated), &key))
            .await?;
        if handover == Handover::Revoke {
            let revoked = present.iter().filter(|old| old.alg == alg && old.revoked_at.is_none());
            for old in revoked {
                trail
                    .record(keys::describe(trail.event(AuditKind::KeyRevoked), old))
                    .await?;
            }
        }
        made.push(key);
    }
    let now = cx.now();
    let document = Value::Array(made.iter().map(|key| document(key, now)).collect());
    let done = match handover {
        Handover::After(_) => "The ones before stay published until what they signed has expired.",
        Handover::Revoke => {
            "The ones before are revoked: this server takes nothing any more that they signed. A resource server that \
             verifies JWTs by itself goes on taking them for as long as it keeps the old key set: five minutes if it obeys \
             Cache-Control. Restart those that keep it longer."
        }
    };
    let text = format!("Made the next signing keys. {done}\n\n{}", table(&made, now, ""));
    output::print(cx.json, &document, &text)
}

fn table(keys: &[SigningKey], now: Timestamp, empty: &str) -> String {
    let rows: Vec<Vec<String>> = keys
        .iter()
        .map(|key| {
            vec![
                key.kid.clone(),
                key.alg.to_string(),
                state(key, now).to_owned(),
                output::date(key.created_at),
                output::date(key.active_from),
                output::maybe_date(key.retires_at),
                output::maybe_date(key.gone_at),
            ]
        })
        .collect();
    let header = ["KID", "ALG", "STATE", "CREATED", "ACTIVE FROM", "RETIRES", "GONE"];
    output::table(&header, &rows, empty)
}

fn document(key: &SigningKey, now: Timestamp) -> Value {
    json!({
        "kid": key.kid,
        "alg": key.alg,
        "state": state(key, now),
        "created_at": output::date(key.created_at),
        "active_from": output::date(key.active_from),
        "retires_at": key.retires_at.map(output::date),
        "gone_at": key.gone_at.map(output::date),
        "revoked_at": key.revoked_at.map(output::date),
    })
}

fn state(key: &SigningKey, now: Timestamp) -> &'static str {
    match key.state(now) {
        KeyState::Pending => "pending",
        KeyState::Active => "active",
        KeyState::Retiring => "retiring",
        KeyState::Gone => "gone",
        KeyState::Revoked => "revoked",
    }
}

fn parse_algs(text: &str) -> Result<Algs, String> {
    if text == "all" {
        return Ok(Algs(SigningAlg::ALL.to_vec()));
    }
    let alg = text::wire(text, SigningAlg::ALL).map_err(|names| format!("{names}, or all"))?;
    Ok(Algs(vec![alg]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_algorithm_or_all() {
        assert_eq!(parse_algs("all").unwrap().0.len(), SigningAlg::ALL.len());
        assert_eq!(parse_algs("ES256").unwrap().0, [SigningAlg::Es256]);
        assert!(parse_algs("es256").unwrap_err().ends_with("or all"));
    }
}
