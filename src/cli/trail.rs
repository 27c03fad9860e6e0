//! What an operator does, in the audit trail. Before a command changes anything it makes sure that the trail takes events, and
//! it says that something is done when the event is stored: where the trail cannot be written, nothing is administered.

use std::os::unix::fs::MetadataExt as _;

use anyhow::Context as _;
use serde::Serialize;
use serde_json::Value;

use super::cx::Cx;
use crate::model::audit_event::{Actor, AuditEvent, AuditKind};

/// The trail of a command that changes something.
pub struct Trail<'a> {
    cx: &'a Cx,
    actor: Actor,
    sudo: Option<String>,
}

impl Cx {
    /// Opens the trail, before anything is changed. An error: no event can be stored.
    pub async fn trail(&self) -> anyhow::Result<Trail<'_>> {
        let trail = Trail {
            cx: self,
            actor: Actor::Operator(account()),
            // Believed as it is: only those who may become anybody can set it.
            sudo: std::env::var("SUDO_USER").ok().filter(|name| !name.is_empty()),
        };
        let probe = trail.event(AuditKind::AuditLost);
        self.store
            .try_audit_event(&probe)
            .await
            .context("nothing was changed, since the audit trail cannot be written")?;
        Ok(trail)
    }
}

impl Trail<'_> {
    /// An event of this moment, by this operator.
    pub fn event(&self, kind: AuditKind) -> AuditEvent {
        let event = AuditEvent::new(kind, self.actor.clone(), self.cx.now());
        match &self.sudo {
            Some(name) => event.detail("sudo_user", name.as_str()),
            None => event,
        }
    }

    /// Stores what was done just now.
    pub async fn record(&self, event: AuditEvent) -> anyhow::Result<()> {
        let stored = self.cx.store.insert_audit_events(&[event]).await;
        stored.context("the change was made, but the audit trail does not tell of it")
    }
}

/// The names of the members in which two documents differ.
pub fn changed(before: &impl Serialize, after: &impl Serialize) -> anyhow::Result<Vec<String>> {
    let (before, after) = (serde_json::to_value(before)?, serde_json::to_value(after)?);
    let names = |value: &Value| -> Vec<String> {
        let members = value.as_object().into_iter().flatten();
        members.map(|(name, _)| name.clone()).collect()
    };
    let mut all = names(&before);
    all.extend(names(&after));
    all.sort_unstable();
    all.dedup();
    all.retain(|name| before.get(name) != after.get(name));
    Ok(all)
}

/// The account on this machine that the command runs under, by name, or by number where it has none.
fn account() -> String {
    let Ok(own) = std::fs::metadata("/proc/self") else {
        return "unknown".to_owned();
    };
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    name_of(&accounts, own.uid()).unwrap_or_else(|| format!("uid {}", own.uid()))
}

/// Of passwd(5), whose lines are `name:password:uid:…`.
fn name_of(accounts: &str, uid: u32) -> Option<String> {
    let uid = uid.to_string();
    let mut lines = accounts.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let line = lines.find(|fields| fields.get(2) == Some(&uid.as_str()))?;
    line.first().map(|name| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn accounts_have_names_or_numbers() {
        let accounts =
            "root:x:0:0:root:/root:/bin/sh\n# a comment\n1000:x:7:7\ncarol:x:1000:1000::/home/carol:/bin/sh\n";
        assert_eq!(name_of(accounts, 0).as_deref(), Some("root"));
        assert_eq!(name_of(accounts, 1000).as_deref(), Some("carol"));
        assert_eq!(name_of(accounts, 100), None);
    }

    #[test]
    fn changes_are_told_by_name() {
        let names = changed(
            &json!({"a": 1, "b": [1], "c": null}),
            &json!({"a": 1, "b": [2], "d": 1}),
        )
        .unwrap();
        assert_eq!(names, ["b", "c", "d"]);
    }
}
