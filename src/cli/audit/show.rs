//! An event as a line for people, or as a document for programs.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::cli::cx::Cx;
use crate::cli::output;
use crate::model::audit_event::{AuditEntry, AuditKind};
use crate::model::user::UserId;

/// How accounts are called, as far as they were asked for.
#[derive(Default)]
pub struct Names(HashMap<UserId, Option<String>>);

impl Names {
    /// The name of the person whom an event concerns. An account that is gone, or cannot be read, has none.
    pub async fn of(&mut self, cx: &Cx, entry: &AuditEntry) -> Option<String> {
        let id = entry.subject?;
        if let Some(known) = self.0.get(&id) {
            return known.clone();
        }
        let user = cx.store.user(id).await.ok().flatten();
        let name = user.map(|user| user.username.as_str().to_owned());
        self.0.insert(id, name.clone());
        name
    }
}

/// One line: when, what, who, and what else there is to say as `name=value`.
pub fn line(entry: &AuditEntry, name: &Option<String>) -> String {
    let subject = entry.subject.map(|id| id.to_string());
    let user = || name.clone().or_else(|| subject.clone());
    let id = entry.actor_id.clone().unwrap_or_default();
    let own_user = entry.actor_kind == "user" && entry.actor_id == subject;
    let own_client = entry.actor_kind == "client" && entry.actor_id == entry.client_id;
    let who = match entry.actor_kind.as_str() {
        "user" if own_user => format!("user {}", user().unwrap_or_default()),
        "system" => "server".to_owned(),
        kind if id.is_empty() => kind.to_owned(),
        kind => format!("{kind} {id}"),
    };
    let text = |value: Option<String>| value.map(Value::String);
    let mut members = vec![
        ("user", text(user()).filter(|_| !own_user)),
        ("client", text(entry.client_id.clone()).filter(|_| !own_client)),
        ("from", text(entry.address.clone())),
        ("times", (entry.count != 1).then(|| entry.count.into())),
        ("reason", text(entry.reason.clone())),
    ];
    members.extend(
        entry
            .detail
            .iter()
            .map(|(name, value)| (name.as_str(), Some(value.clone()))),
    );
    members.push(("grant", text(entry.grant_id.map(|id| id.to_string()))));
    members.push(("request", text(entry.request_id.clone())));
    let members = members
        .into_iter()
        .filter_map(|(name, value)| Some(format!("{name}={}", shown(&value?))));
    let width = AuditKind::ALL
        .iter()
        .map(|kind| kind.as_str().len())
        .max()
        .unwrap_or_default();
    let rest = members.collect::<Vec<_>>().join(" ");
    let line = format!("{}  {:width$}  {who:<18}  {rest}", output::date(entry.at), entry.kind);
    output::clean(line.trim_end())
}

/// A word as it is, everything else as JSON: where a value ends is never in doubt.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) if is_word(text) => text.clone(),
        other => other.to_string(),
    }
}

fn is_word(text: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || "-_.:/@+".contains(c);
    !text.is_empty() && text.chars().all(plain)
}

/// The event for programs. The members are always there; what is not known is null.
pub fn document(entry: &AuditEntry) -> Value {
    json!({
        "seq": entry.seq,
        "id": entry.id,
        "at": output::date(entry.at),
        "kind": entry.kind,
        "actor": { "kind": entry.actor_kind, "id": entry.actor_id },
        "subject": entry.subject,
        "client_id": entry.client_id,
        "grant_id": entry.grant_id,
        "address": entry.address,
        "reason": entry.reason,
        "request_id": entry.request_id,
        "count": entry.count,
        "detail": entry.detail,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;
    use crate::model::audit_event::AuditEventId;
    use crate::time::Timestamp;

    fn entry(kind: &str, actor: (&str, Option<&str>)) -> AuditEntry {
        AuditEntry {
            seq: 7,
            id: AuditEventId(uuid::Uuid::nil()),
            at: Timestamp(0),
            kind: kind.to_owned(),
            actor_kind: actor.0.to_owned(),
            actor_id: actor.1.map(str::to_owned),
            subject: None,
            client_id: None,
            grant_id: None,
            address: None,
            reason: None,
            request_id: None,
            count: 1,
            detail: Map::new(),
        }
    }

    #[test]
    fn a_line_says_who_did_what() {
        let alice = uuid::Uuid::from_bytes([1; 16]);
        let mut signed_in = entry("sign_in", ("user", Some(&alice.to_string())));
        signed_in.subject = Some(UserId(alice));
        signed_in.address = Some("2001:db8::7".to_owned());
        signed_in.request_id = Some("request-1".to_owned());
        let mut failed = entry("client_auth_failed", ("nobody", None));
        failed.client_id = Some("shop".to_owned());
        failed.reason = Some("client secret is wrong".to_owned());
        failed.count = 12;
        let mut issued = entry("tokens_issued", ("client", Some("shop")));
        issued.client_id = Some("shop".to_owned());
        issued.detail.insert("scope".to_owned(), "openid email".into());
        let mut changed = entry("user_changed", ("operator", Some("carol")));
        changed.subject = Some(UserId(alice));
        changed.detail.insert("enabled".to_owned(), false.into());
        let name = Some("alice".to_owned());
        let lines = [
            (
                &signed_in,
                &name,
                "sign_in                     user alice          from=2001:db8::7 request=request-1",
            ),
            (
                &signed_in,
                &None,
                "sign_in                     user 01010101-0101-0101-0101-010101010101  from=2001:db8::7 request=request-1",
            ),
            (
                &failed,
                &None,
                "client_auth_failed          nobody              client=shop times=12 reason=\"client secret is wrong\"",
            ),
            (
                &issued,
                &None,
                "tokens_issued               client shop         scope=\"openid email\"",
            ),
            (
                &changed,
                &name,
                "user_changed                operator carol      user=alice enabled=false",
            ),
            (
                &entry("key_rotated", ("system", None)),
                &None,
                "key_rotated                 server",
            ),
        ];
        for (entry, name, expected) in lines {
            assert_eq!(line(entry, name), format!("1970-01-01T00:00:00Z  {expected}"));
        }
    }

    /// LK-06
    #[test]
    fn lk_06_nothing_in_an_event_moves_the_terminal_or_looks_like_another_event() {
        let mut event = entry("sign_in", ("operator", Some("x\u{1b}[2J")));
        let nasty = "a\u{1b}[31m\r\n1970-01-01T00:00:00Z  sign_in \u{9b}2J\u{202e} reason=\"\u{7}";
        event.detail.insert("text".to_owned(), nasty.into());
        event.detail.insert("na\u{1b}me\n".to_owned(), nasty.into());
        let line = line(&event, &None);
        assert!(!line.chars().any(crate::protocol::display_text::is_control), "{line:?}");
        let document = output::json_line(&document(&event));
        assert!(
            !document.chars().any(crate::protocol::display_text::is_control),
            "{document:?}"
        );
        let read: Value = serde_json::from_str(&document).unwrap();
        assert_eq!(read["detail"]["text"], nasty, "and programs get it whole");
    }
}
