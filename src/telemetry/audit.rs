//! The audit trail's waiting room. Requests leave their events here and do not wait; a job stores them in batches
//! ([`crate::jobs`]). What an operator does at the command line does not pass here: it is stored before it counts.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

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
}

#[derive(Debug, Default)]
struct Waiting {
    events: VecDeque<AuditEvent>,
    lost: u64,
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
    /// Leaves an event. Never waits; when the room is full the event is counted as lost.
    pub fn record(&self, event: AuditEvent) {
        let mut waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.events.len() < CAPACITY {
            waiting.events.push_back(event);
        } else {
            waiting.lost += 1;
        }
        drop(waiting);
        self.0.arrived.notify_one();
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
                waiting.lost += 1;
            }
        }
    }
}
