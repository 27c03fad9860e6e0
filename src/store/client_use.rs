//! What a node remembers about the use of clients that registered themselves: that it noted it, so that it is one write for each
//! client and day, and not one for each request.

use std::collections::HashMap;
use std::sync::Mutex;

use crate::protocol::ids::ClientId;
use crate::time::Timestamp;

/// The most clients that are remembered. Beyond that some are noted more often.
const CAPACITY: usize = 50_000;

/// How exactly the last use of a client is known, in seconds.
const GRAIN: i64 = 86_400;

/// See the module.
#[derive(Default)]
pub(super) struct ClientUse(Mutex<HashMap<ClientId, Timestamp>>);

impl ClientUse {
    /// Whether a use at `now` is to be written down.
    pub(super) fn is_news(&self, id: &ClientId, now: Timestamp) -> bool {
        // A poisoned lock forgets everything, which costs writes and nothing else.
        let Ok(noted) = self.0.lock() else { return true };
        noted.get(id).is_none_or(|at| now.since(*at) >= GRAIN || now < *at)
    }

    /// Remembers that it is written down.
    pub(super) fn remember(&self, id: &ClientId, now: Timestamp) {
        if let Ok(mut noted) = self.0.lock() {
            if noted.len() >= CAPACITY {
                noted.retain(|_, at| now.since(*at) < GRAIN);
            }
            if noted.len() >= CAPACITY {
                noted.clear();
            }
            noted.insert(id.clone(), now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_use_is_news_once_a_day() {
        let (uses, id) = (ClientUse::default(), ClientId::parse("app").unwrap());
        let at = |seconds| Timestamp(1_000_000 + seconds);
        assert!(uses.is_news(&id, at(0)));
        uses.remember(&id, at(0));
        assert!(!uses.is_news(&id, at(GRAIN - 1)));
        assert!(uses.is_news(&id, at(GRAIN)));
        assert!(!uses.is_news(&id, at(0)) && uses.is_news(&ClientId::parse("other").unwrap(), at(0)));
    }

    #[test]
    fn memory_is_bounded() {
        let uses = ClientUse::default();
        for number in 0..CAPACITY + 10 {
            uses.remember(&ClientId::parse(&format!("app{number}")).unwrap(), Timestamp(1));
        }
        assert!(uses.0.lock().unwrap().len() <= CAPACITY);
    }
}
