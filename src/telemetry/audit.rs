//! The audit trail's waiting room. Requests leave their events here and do not wait; a job stores them in batches
//! ([`crate::jobs`]). What an operator does at the command line does not pass here: it is stored before it counts.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use super::metrics::{Metrics, names};
use crate::model::audit_event::AuditEvent;

/// The most events that wait. At some hundred bytes each that is a few megabytes, and minutes of an ordinary day.
const CAPACITY: usize = 16 * 1024;

/// Events on their way to the database; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct AuditLog(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    waiting: Mutex<Waiting>,
    arrived: Notify,
    metrics: Metrics,
}

#[derive(Debug, Default)]
struct Waiting {
    events: VecDeque<AuditEvent>,
    lost: u64,
    /// Those that batches have told of included.
    lost_ever: u64,
}

impl Waiting {
    fn lose_one(&mut self) {
        self.lost += 1;
        self.lost_ever += 1;
    }
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
    /// An empty room whose events are counted as well.
    pub fn counted(metrics: Metrics) -> Self {
        Self(Arc::new(Inner {
            metrics,
            ..Inner::default()
        }))
    }

    /// Leaves an event. Never waits; when the room is full the event is counted as lost.
    pub fn record(&self, event: AuditEvent) {
        self.0.metrics.event(event.kind);
        let mut waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.events.len() < CAPACITY {
            waiting.events.push_back(event);
        } else {
            waiting.lose_one();
        }
        drop(waiting);
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

    /// Takes what waits, at most `limit` events.
    pub fn take(&self, limit: usize) -> Batch {
        let mut waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let count = waiting.events.len().min(limit);
        Batch {
            events: waiting.events.drain(..count).collect(),
            lost: std::mem::take(&mut waiting.lost),
        }
    }

    /// Puts back what could not be stored, before everything else, as far as it fits.
    pub fn put_back(&self, batch: Batch) {
        let mut waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.lost += batch.lost;
        for event in batch.events.into_iter().rev() {
            if waiting.events.len() < CAPACITY {
                waiting.events.push_front(event);
            } else {
                waiting.lose_one();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::audit_event::{Actor, AuditKind};
    use crate::time::Timestamp;

    #[test]
    fn what_does_not_fit_is_counted_though_a_batch_has_told_of_it() {
        let metrics = Metrics::on().unwrap();
        let log = AuditLog::counted(metrics.clone());
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
        log.put_back(batch);
        assert_eq!(
            log.take(usize::MAX).lost,
            15,
            "put back: three told before, two new, ten that no longer fit"
        );
    }
}
