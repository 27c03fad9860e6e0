//! `portcullis after-restore`: what must not come back to life with an older database.

use anyhow::{Context as _, ensure};
use clap::Args;
use serde_json::json;

use super::cx::Cx;
use super::output;
use crate::config::{Config, Span};
use crate::jobs::last_seen;
use crate::model::audit_event::AuditKind;
use crate::time::Clock;

/// End every sign-in, grant and token, because the database is an older one than it was: restored from a backup, or taken over
/// by a standby that had not heard everything. Users, clients, consents and keys stay as they are.
#[derive(Args, Debug)]
pub struct Command {
    /// End nothing; only stop the alarm on this node, when another node has run this already or nothing was lost
    #[arg(long, conflicts_with = "yes")]
    acknowledge: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// How long it may take; a request is given seconds.
const PATIENCE: Span = Span::from_secs(3600);

/// Runs the command.
pub async fn run(command: Command, mut config: Config, json: bool) -> anyhow::Result<()> {
    config.database.statement_timeout = PATIENCE;
    let cx = &Cx::open(config, Clock::System, json).await?;
    let ended = if command.acknowledge {
        None
    } else {
        let question = "End every sign-in, grant and token in this database?";
        ensure!(
            command.yes || output::confirm(question)?,
            "nothing was ended; confirm with --yes"
        );
        let trail = cx.trail().await?;
        let ended = cx.store.end_everything(cx.now()).await?;
        let event = trail.event(AuditKind::SessionEnded).detail("restored", true);
        let event = event.detail("sessions", ended.sessions).detail("grants", ended.grants);
        trail.record(event).await?;
        Some(ended)
    };
    settle(cx).await?;
    let Some(ended) = ended else {
        return output::print(
            cx.json,
            &json!({ "acknowledged": true }),
            "The alarm is off. Nothing was ended.",
        );
    };
    let text = format!(
        "Ended {} sign-in(s) and {} grant(s), with every code and refresh token. People sign in again, and apps ask again.\n\n\
         What operators and people changed after the backup was made is lost as well; do it again: new passwords and client \
         secrets, disabled users and clients, withdrawn consents, rotated signing keys. JWT access tokens that were revoked \
         since then count until they expire.",
        ended.sessions, ended.grants
    );
    let document = json!({ "sessions": ended.sessions, "grants": ended.grants });
    output::print(cx.json, &document, &text)
}

/// A node without a data directory of its own has nothing to settle.
async fn settle(cx: &Cx) -> anyhow::Result<()> {
    let directory = &cx.config.server.data_dir;
    if !directory.exists() {
        return Ok(());
    }
    last_seen::settle(&cx.config, &cx.store, cx.now())
        .await
        .with_context(|| {
            format!(
                "everything is done, but the alarm of this node stays on: {}",
                directory.display()
            )
        })
}
