//! `portcullis registration-token`: what lets clients register themselves (RFC 7591 §3) where `registration.mode` is "token".

use anyhow::{anyhow, ensure};
use clap::Subcommand;
use serde_json::{Value, json};
use uuid::Uuid;

use super::cx::Cx;
use super::{output, text};
use crate::config::{RegistrationMode, Span};
use crate::crypto::opaque::{Kind, OpaqueToken};
use crate::crypto::random;
use crate::model::audit_event::AuditKind;
use crate::model::registration::{InitialAccessToken, InitialTokenId};
use crate::time::Timestamp;

/// Manage initial access tokens, with which clients register themselves.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Make one; it is shown once
    Create {
        /// What it is for, in your words
        label: String,
        /// How many clients it may register
        #[arg(long, value_name = "NUMBER", default_value = "1", value_parser = clap::value_parser!(i64).range(1..=100_000), conflicts_with = "unlimited")]
        uses: i64,
        /// It may register any number of clients
        #[arg(long)]
        unlimited: bool,
        /// How long it may be used
        #[arg(long, value_name = "DURATION", default_value = "7d")]
        lifetime: Span,
    },
    /// List all of them
    List,
    /// Take one back; clients that it has registered stay
    Revoke {
        /// Its id, as the list shows it
        id: Uuid,
    },
}

/// Runs the command.
pub async fn run(command: Command, cx: &Cx) -> anyhow::Result<()> {
    match command {
        Command::Create {
            label,
            uses,
            unlimited,
            lifetime,
        } => {
            let max_uses = (!unlimited).then_some(uses);
            create(cx, &label, max_uses, lifetime).await
        }
        Command::List => list(cx).await,
        Command::Revoke { id } => revoke(cx, InitialTokenId(id)).await,
    }
}

async fn create(cx: &Cx, label: &str, max_uses: Option<i64>, lifetime: Span) -> anyhow::Result<()> {
    ensure!(lifetime.as_secs() > 0, "--lifetime must be longer than nothing");
    let now = cx.now();
    let secret = OpaqueToken::generate(Kind::InitialAccess);
    let token = InitialAccessToken {
        id: InitialTokenId(random::uuid_v7(now)),
        digest: secret.digest(),
        label: text::label("the label", label, 100)?,
        created_at: now,
        expires_at: Some(now.plus(lifetime.as_secs())),
        max_uses,
        uses: 0,
    };
    let trail = cx.trail().await?;
    cx.store.insert_initial_token(&token).await?;
    let event = trail.event(AuditKind::RegistrationTokenChanged);
    let event = event.detail("initial_token", token.id.to_string());
    trail.record(event.detail("created", true)).await?;
    let mut document = document(&token);
    document["token"] = json!(secret.expose());
    let mut text = format!(
        "Clients may register themselves with it until {}: {}.\n",
        output::maybe_date(token.expires_at),
        uses(&token)
    );
    text.push_str(&output::secret("Initial access token", secret.expose()));
    if cx.config.registration.mode != RegistrationMode::Token {
        text.push_str("\nNote: it is not asked for until registration.mode is \"token\".\n");
    }
    output::print(cx.json, &document, &text)
}

async fn list(cx: &Cx) -> anyhow::Result<()> {
    let (tokens, now) = (cx.store.initial_tokens().await?, cx.now());
    let rows: Vec<Vec<String>> = tokens
        .iter()
        .map(|token| {
            vec![
                token.id.to_string(),
                token.label.clone(),
                state(token, now).to_owned(),
                uses(token),
                output::maybe_date(token.expires_at),
            ]
        })
        .collect();
    let header = ["ID", "LABEL", "STATE", "USES", "UNTIL"];
    let empty = "No initial access tokens. Make one with: portcullis registration-token create LABEL";
    let document = Value::Array(tokens.iter().map(document).collect());
    output::print(cx.json, &document, &output::table(&header, &rows, empty))
}

async fn revoke(cx: &Cx, id: InitialTokenId) -> anyhow::Result<()> {
    let trail = cx.trail().await?;
    let found = cx.store.revoke_initial_token(id).await?;
    ensure!(
        found,
        anyhow!("there is no initial access token {id}; `portcullis registration-token list` lists them")
    );
    let event = trail.event(AuditKind::RegistrationTokenChanged);
    let event = event.detail("initial_token", id.to_string());
    trail.record(event.detail("revoked", true)).await?;
    let document = json!({ "id": id, "revoked": true });
    output::print(
        cx.json,
        &document,
        "It registers no more clients. Those that it has registered stay.",
    )
}

fn state(token: &InitialAccessToken, now: Timestamp) -> &'static str {
    if token.is_usable(now) {
        "usable"
    } else if token.expires_at.is_some_and(|end| end <= now) {
        "expired"
    } else {
        "used up"
    }
}

fn uses(token: &InitialAccessToken) -> String {
    match token.max_uses {
        Some(most) => format!("{} of {most}", token.uses),
        None => format!("{} of any number", token.uses),
    }
}

fn document(token: &InitialAccessToken) -> Value {
    json!({
        "id": token.id,
        "label": token.label,
        "created_at": output::date(token.created_at),
        "expires_at": token.expires_at.map(output::date),
        "max_uses": token.max_uses,
        "uses": token.uses,
    })
}
