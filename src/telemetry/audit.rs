//! The audit trail's waiting room. Requests leave their events here and do not wait; a job stores them in batches
//! ([`crate::jobs`]). What an operator does at the command line does not pass here: it is stored before it counts.
//!
//! What can happen thousands of times a second is counted instead of kept: equal events that wait together are one, with the
//! time of the first. So a client that draws tokens all day, or somebody who guesses passwords, writes a row or two for each
//! batch and not one for each try. Guessing from many addresses, or at many accounts, makes events that differ: those that
//! strangers can cause get [`STRANGERS`] places, and what goes beyond is counted without saying at whom or from where.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use super::metrics::{Metrics, names};
use crate::model::audit_event::{Actor, AuditEvent};

/// The most events that wait. At some hundred bytes each that is a few megabytes, and minutes of an ordinary day.
pub const CAPACITY: usize = 16 * 1024;

/// The most different events of strangers that wait.
pub const STRANGERS: usize = 32;

/// Events on their way to the database; cheap to clone.
#[derive(Clone, Debug)]
pub struct AuditLog(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    record_addresses: bool,
    waiting: Mutex<Waiting>,
    arrived: Notify,
    metrics: Metrics,
}

#[derive(Debug, Default)]
struct Waiting {
    events: VecDeque<AuditEvent>,
    /// How many were taken before the first of `events`.
    taken: usize,
    /// Where an event of this likeness waits, in the count of all events.
    alike: HashMap<u64, usize>,
    /// How many of `events` strangers have caused.
    strangers: usize,
    lost: u64,
    /// Those that batches have told of included.
    lost_ever: u64,
}

/// What waits to be stored.
#[derive(Debug, Default)]
pub struct Batch {
    /// In the order in which they happened.
    pub events: Vec<AuditEvent>,
    /// How many did not fit since the batch before: the database was away for long, or too slow.
    pub lost: u64,
}

impl AuditLog {
    /// An empty room whose events are counted in `metrics` as well. Without `record_addresses` nobody learns from where
    /// things were done.
    pub fn new(record_addresses: bool, metrics: Metrics) -> Self {
        Self(Arc::new(Inner {
            record_addresses,
            waiting: Mutex::default(),
            arrived: Notify::new(),
            metrics,
        }))
    }

    /// Leaves an event. Never waits; when the room is full the event is counted as lost.
    pub fn record(&self, mut event: AuditEvent) {
        if !self.0.record_addresses {
            event.address = None;
        }
        log(&event);
        self.0.metrics.event(event.kind);
        self.0
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .admit(event);
        self.0.arrived.notify_one();
    }

    /// Tells how full the room is, and how many did not fit since the start.
    pub fn observe(&self) {
        let waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, lost) = (waiting.events.len(), waiting.lost_ever);
        drop(waiting);
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.0.metrics.set(&names::AUDIT_WAITING, &[], f64::from(count));
        self.0.metrics.total(&names::AUDIT_LOST, &[], lost);
    }

    /// Waits until something was left.
    pub async fn arrived(&self) {
        self.0.arrived.notified().await;
    }

    /// Whether anything waits, or is to be told as lost.
    pub fn is_waiting(&self) -> bool {
        let waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        !waiting.events.is_empty() || waiting.lost > 0
    }

    /// Takes what waits, at most `limit` events.
    pub fn take(&self, limit: usize) -> Batch {
        self.0
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take(limit)
    }
}

impl Waiting {
    fn admit(&mut self, event: AuditEvent) {
        if !event.kind.is_counted() {
            return self.push(event);
        }
        let Some(event) = self.count(event) else { return };
        if event.kind.is_open_to_strangers() && self.strangers >= STRANGERS {
            let mut others = AuditEvent::new(event.kind, Actor::Nobody, event.at).detail("others", true);
            others.count = event.count;
            if let Some(others) = self.count(others) {
                self.push_counted(others);
            }
        } else {
            self.push_counted(event);
        }
    }

    /// Adds to an event that waits and is like this one; gives it back if there is none.
    fn count(&mut self, event: AuditEvent) -> Option<AuditEvent> {
        let place = self.alike.get(&event.likeness_hash());
        let place = place.and_then(|place| place.checked_sub(self.taken));
        match place.and_then(|place| self.events.get_mut(place)) {
            Some(known) if known.is_like(&event) => {
                known.count = known.count.saturating_add(event.count);
                None
            }
            _ => Some(event),
        }
    }

    fn push_counted(&mut self, event: AuditEvent) {
        self.alike.insert(event.likeness_hash(), self.taken + self.events.len());
        self.push(event);
    }

    fn push(&mut self, event: AuditEvent) {
        if self.events.len() < CAPACITY {
            self.strangers += usize::from(event.kind.is_open_to_strangers());
            self.events.push_back(event);
        } else {
            self.lost = self.lost.saturating_add(event.count);
            self.lost_ever = self.lost_ever.saturating_add(event.count);
        }
    }

    fn take(&mut self, limit: usize) -> Batch {
        let count = self.events.len().min(limit);
        let events: Vec<_> = self.events.drain(..count).collect();
        let strangers = events.iter().filter(|event| event.kind.is_open_to_strangers()).count();
        self.taken += count;
        self.strangers -= strangers;
        let first = self.taken;
        self.alike.retain(|_, place| *place >= first);
        Batch {
            events,
            lost: std::mem::take(&mut self.lost),
        }
    }
}

/// The trail in the log, for those who ask for it: `log.level = "info,portcullis::audit=debug"`.
fn log(event: &AuditEvent) {
    tracing::debug!(
        target: "portcullis::audit",
        kind = event.kind.as_str(),
        actor_kind = event.actor.kind(),
        actor_id = event.actor.id(),
        subject = event.subject.map(tracing::field::display),
        client_id = event.client_id.as_ref().map(tracing::field::display),
        grant_id = event.grant_id.map(tracing::field::display),
        address = event.address.map(tracing::field::display),
        reason = event.reason.map(crate::protocol::error::Reason::as_str),
        request_id = event.request_id.as_deref(),
        detail = serde_json::Value::Object(event.detail.clone()).to_string(),
        "{}",
        event.kind,
    );
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::model::audit_event::AuditKind;
    use crate::model::caller::Caller;
    use crate::protocol::error::Reason;
    use crate::time::Timestamp;

    fn from(address: u32) -> Caller {
        Caller {
            request_id: format!("request-{address}"),
            address: Some(IpAddr::V4(Ipv4Addr::from(address))),
            user_agent: None,
        }
    }

    fn failed(address: u32, at: i64) -> AuditEvent {
        AuditEvent::new(AuditKind::SignInFailed, Actor::Nobody, Timestamp(at))
            .by(&from(address))
            .reason(Reason::ClientSecretWrong)
    }

    fn counts(batch: &Batch) -> Vec<(AuditKind, i64, u64)> {
        let events = batch.events.iter();
        events.map(|event| (event.kind, event.at.0, event.count)).collect()
    }

    #[test]
    fn equal_events_that_wait_together_are_one_with_a_count() {
        let log = AuditLog::new(true, Metrics::default());
        for at in 1..=3 {
            log.record(failed(7, at));
            log.record(AuditEvent::new(AuditKind::SignOut, Actor::System, Timestamp(at)));
        }
        log.record(failed(8, 4));
        let (failure, out) = (AuditKind::SignInFailed, AuditKind::SignOut);
        let batch = log.take(2);
        assert_eq!(counts(&batch), [(failure, 1, 3), (out, 1, 1)]);
        log.record(failed(8, 5));
        log.record(failed(7, 6));
        assert_eq!(
            counts(&log.take(100)),
            [(out, 2, 1), (out, 3, 1), (failure, 4, 2), (failure, 6, 1)],
            "what was taken is counted no more"
        );
        assert!(log.take(100).events.is_empty());
    }

    #[test]
    fn strangers_have_few_places_and_everything_is_counted() {
        let log = AuditLog::new(true, Metrics::default());
        for address in 0..1000 {
            log.record(failed(address, 1));
        }
        log.record(AuditEvent::new(AuditKind::SignOut, Actor::System, Timestamp(1)));
        let batch = log.take(CAPACITY);
        assert_eq!(batch.events.len(), STRANGERS + 2);
        let others = &batch.events[STRANGERS];
        assert_eq!((others.count, others.address, others.subject), (1000 - 32, None, None));
        assert_eq!(others.detail["others"], true);
        log.record(failed(1, 2));
        assert_eq!(log.take(1).events[0].address, from(1).address, "there is room again");
    }

    #[test]
    fn a_full_room_counts_what_is_lost_and_holds_what_came_first() {
        let log = AuditLog::new(true, Metrics::default());
        for at in 0..CAPACITY + 5 {
            let at = Timestamp(i64::try_from(at).unwrap());
            log.record(AuditEvent::new(AuditKind::SignOut, Actor::System, at));
        }
        let batch = log.take(usize::MAX);
        assert_eq!((batch.events.len(), batch.lost), (CAPACITY, 5));
        assert_eq!(batch.events[0].at, Timestamp(0));
        assert_eq!(log.take(1).lost, 0);
    }

    #[test]
    fn addresses_stay_out_where_they_shall() {
        let log = AuditLog::new(false, Metrics::default());
        log.record(failed(7, 1));
        let event = log.take(1).events.remove(0);
        assert_eq!((event.address, event.request_id.as_deref()), (None, Some("request-7")));
    }

    #[test]
    fn what_does_not_fit_is_counted_though_a_batch_has_told_of_it() {
        let metrics = Metrics::on().unwrap();
        let log = AuditLog::new(true, metrics.clone());
        let event = || AuditEvent::new(AuditKind::SignIn, Actor::System, Timestamp::new(1));
        for _ in 0..CAPACITY + 3 {
            log.record(event());
        }
        let batch = log.take(10);
        assert_eq!((batch.events.len(), batch.lost), (10, 3));
        for _ in 0..12 {
            log.record(event());
        }
        log.observe();
        let text = metrics.render().unwrap();
        for line in [
            format!("portcullis_audit_events_waiting {CAPACITY}"),
            "portcullis_audit_events_lost_total 5".to_owned(),
            format!("portcullis_security_events_total{{kind=\"sign_in\"}} {}", CAPACITY + 15),
        ] {
            assert!(text.lines().any(|found| found == line), "{line}");
        }
    }
}
