//! `portcullis audit`: what happened, and who did it.

mod show;

use std::io::ErrorKind;
use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use clap::Args;
use tokio_util::sync::CancellationToken;

use self::show::Names;
use super::cx::Cx;
use super::{listen, output, text};
use crate::model::audit_event::{AuditEntry, AuditKind};
use crate::model::user::{UserId, Username};
use crate::protocol::ids::ClientId;
use crate::store::{AuditFilter, StoreError};

/// Show the audit trail: sign-ins, consents, tokens, and every change made at this command line.
///
/// The newest events, the newest last, in UTC. With --json each event is one line; see "Audit trail" in the README for its
/// members. People are named as they are called now; the trail itself knows their `sub` alone.
#[derive(Args, Debug)]
pub struct Command {
    /// Of this kind, such as sign_in_failed; may be given more than once, or as a list with commas
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = |text: &str| text::wire(text, AuditKind::ALL))]
    kind: Vec<AuditKind>,
    /// About this person: a username, or the `sub` of an account that may be gone
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// About this client
    #[arg(long, value_name = "ID")]
    client: Option<String>,
    /// From this address
    #[arg(long)]
    address: Option<IpAddr>,
    /// Refused for a reason with these words
    #[arg(long, value_name = "WORDS")]
    reason: Option<String>,
    /// Not before: how long ago (90m, 7d), or a moment in UTC (2026-11-22, 2026-11-22T16:30)
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Before: as for --since
    #[arg(long, value_name = "WHEN", conflicts_with = "follow")]
    until: Option<String>,
    /// At most so many [default: the newest 100; with --after, all]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// Everything behind this place in the trail (`seq`), the oldest first; to go on where a program stopped
    #[arg(long, value_name = "SEQ", conflicts_with = "until")]
    after: Option<i64>,
    /// Go on with what happens from now on, until interrupted
    #[arg(long, short)]
    follow: bool,
}

/// How many events are shown unless somebody asks for more or fewer.
const DEFAULT_LIMIT: i64 = 100;
/// How many are read at once.
const PAGE: i64 = 500;
/// How often [`Command::follow`] looks for more.
const INTERVAL: Duration = Duration::from_secs(1);

/// Runs the command.
pub async fn run(command: Command, cx: &Cx) -> anyhow::Result<()> {
    match command.show(cx).await {
        // The reader has seen enough.
        Err(error) if hung_up(&error) => Ok(()),
        outcome => outcome,
    }
}

fn hung_up(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<std::io::Error>();
    io.is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

impl Command {
    async fn show(&self, cx: &Cx) -> anyhow::Result<()> {
        let filter = self.filter(cx).await?;
        let mut screen = Screen {
            cx,
            names: Names::default(),
        };
        let stop = match self.follow {
            true => listen::stop_on_signal()?,
            false => CancellationToken::new(),
        };
        let place = match self.after {
            Some(after) => self.show_from(&mut screen, &filter, after, &stop).await?,
            None => self.show_newest(&mut screen, &filter).await?,
        };
        if self.follow {
            follow(&mut screen, &filter, place, &stop).await?;
        }
        Ok(())
    }

    /// The newest. Returns the place behind which everything is still to be shown: it was looked up first, so an event that
    /// arrives meanwhile is neither missed nor shown twice.
    async fn show_newest(&self, screen: &mut Screen<'_>, filter: &AuditFilter) -> anyhow::Result<i64> {
        let store = &screen.cx.store;
        let last = store.last_audit_event().await?;
        let limit = self.limit.map_or(DEFAULT_LIMIT, i64::from);
        let entries = store.audit_events(filter, last, limit).await?;
        if entries.is_empty() && !self.follow && !screen.cx.json {
            output::print(false, &serde_json::Value::Null, "No events.")?;
        }
        screen.show(&entries).await?;
        Ok(last)
    }

    /// Everything behind `after`, as far as the limit goes. Returns where it ended.
    async fn show_from(
        &self,
        screen: &mut Screen<'_>,
        filter: &AuditFilter,
        after: i64,
        stop: &CancellationToken,
    ) -> anyhow::Result<i64> {
        let (mut place, mut left) = (after, self.limit.map_or(i64::MAX, i64::from));
        while left > 0 && !stop.is_cancelled() {
            let page = screen
                .cx
                .store
                .audit_events_after(filter, place, PAGE.min(left))
                .await?;
            let Some(last) = page.last() else { break };
            place = last.seq;
            left -= i64::try_from(page.len())?;
            screen.show(&page).await?;
        }
        Ok(place)
    }

    async fn filter(&self, cx: &Cx) -> anyhow::Result<AuditFilter> {
        let moment = |text: &Option<String>| text.as_deref().map(|text| output::moment(text, cx.now())).transpose();
        let client = self.client.as_deref().map(|id| {
            ClientId::parse(id)
                .ok_or_else(|| anyhow!("{id:?} cannot be a client id; `portcullis client list` lists them"))
        });
        Ok(AuditFilter {
            kinds: self.kind.clone(),
            subject: match &self.user {
                Some(user) => Some(find_user(cx, user).await?),
                None => None,
            },
            client: client.transpose()?,
            address: self.address.map(|address| address.to_canonical().to_string()),
            reason: self.reason.clone(),
            since: moment(&self.since).context("--since")?,
            until: moment(&self.until).context("--until")?,
        })
    }
}

/// By name, or by key: the events of an account outlive it.
async fn find_user(cx: &Cx, text: &str) -> anyhow::Result<UserId> {
    if let Ok(id) = text.parse() {
        return Ok(UserId(id));
    }
    let found = match Username::canonical(text) {
        Some(name) => cx.store.user_by_name(&name).await?,
        None => None,
    };
    let user = found.ok_or_else(|| {
        anyhow!("there is no user {text:?}; `portcullis user list` lists them, and the `sub` of a deleted one still finds its events")
    })?;
    Ok(user.id)
}

/// Shows what arrives behind `place`, until told to stop. A database that is away is waited for.
async fn follow(
    screen: &mut Screen<'_>,
    filter: &AuditFilter,
    mut place: i64,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let mut away = false;
    while !stop.is_cancelled() {
        let page = match screen.cx.store.audit_events_after(filter, place, PAGE).await {
            Err(error) if error.is_unavailable() => {
                tell_once(&error, &mut away)?;
                Vec::new()
            }
            page => {
                away = false;
                page?
            }
        };
        place = page.last().map_or(place, |entry| entry.seq);
        screen.show(&page).await?;
        if page.is_empty() {
            stop.run_until_cancelled(tokio::time::sleep(INTERVAL)).await;
        }
    }
    Ok(())
}

fn tell_once(error: &StoreError, told: &mut bool) -> anyhow::Result<()> {
    if std::mem::replace(told, true) {
        return Ok(());
    }
    output::remark(&format!("{error}; waiting for it"))
}

struct Screen<'a> {
    cx: &'a Cx,
    names: Names,
}

impl Screen<'_> {
    async fn show(&mut self, entries: &[AuditEntry]) -> anyhow::Result<()> {
        for entry in entries {
            if self.cx.json {
                output::print(true, &show::document(entry), "")?;
            } else {
                let line = show::line(entry, &self.names.of(self.cx, entry).await);
                output::print(false, &serde_json::Value::Null, &line)?;
            }
        }
        Ok(())
    }
}
