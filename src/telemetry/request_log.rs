//! One wide line for each request: readable alone, queryable by field. Never a secret, token, password or e-mail address; of
//! a URL only the route, so nothing that a query may hold.

use std::time::{Duration, Instant};

use crate::protocol::error::Reason;
use crate::protocol::ids::ClientId;

/// What the line says.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// Names the request.
    pub request_id: &'a str,
    /// Names the trace, if requests are traced.
    pub trace_id: Option<&'a str>,
    /// HTTP method.
    pub method: &'a str,
    /// The pattern that matched, not the path.
    pub route: &'a str,
    /// HTTP status.
    pub status: u16,
    /// The client, if one was found out.
    pub client_id: Option<&'a ClientId>,
    /// Why it was refused.
    pub reason: Option<Reason>,
    /// From the first byte of the request's head to the answer's head.
    pub duration: Duration,
    /// How many statements it sent to the database.
    pub queries: u32,
    /// How long it waited for them.
    pub query_time: Duration,
}

/// Writes the line.
pub fn log(line: &Line<'_>) {
    let outcome = outcome(line.status);
    tracing::info!(
        target: "portcullis::request",
        request_id = line.request_id,
        trace_id = line.trace_id,
        method = line.method,
        route = line.route,
        status = line.status,
        outcome,
        client_id = line.client_id.map(ClientId::as_str),
        reason = line.reason.map(Reason::as_str),
        duration_ms = millis(line.duration),
        queries = line.queries,
        query_ms = millis(line.query_time),
        "{} {} {}",
        line.method,
        line.route,
        line.status,
    );
}

/// How a request ended that was answered with this status: `ok`, `refused` for the caller's doing, `failed` for ours.
pub fn outcome(status: u16) -> &'static str {
    match status {
        100..=399 => "ok",
        400..=499 => "refused",
        _ => "failed",
    }
}

/// Writes the line of a request whose caller hung up before it was answered, when dropped before [`Self::answered`].
#[derive(Debug)]
pub struct Unanswered<'a> {
    /// Names the request.
    pub request_id: &'a str,
    /// HTTP method.
    pub method: &'a str,
    /// The pattern that matched, not the path.
    pub route: &'a str,
    /// When it began.
    pub started: Instant,
}

impl Unanswered<'_> {
    /// There is an answer, and a line of its own.
    pub fn answered(self) {
        std::mem::forget(self);
    }
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        tracing::info!(
            target: "portcullis::request",
            request_id = self.request_id,
            method = self.method,
            route = self.route,
            outcome = "aborted",
            duration_ms = millis(self.started.elapsed()),
            "{} {} aborted",
            self.method,
            self.route,
        );
    }
}

fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tracing_subscriber::Layer;
    use tracing_subscriber::layer::{Context, SubscriberExt as _};

    use super::*;

    struct Counter(Arc<AtomicUsize>);

    impl<S: tracing::Subscriber> Layer<S> for Counter {
        fn on_event(&self, _: &tracing::Event<'_>, _: Context<'_, S>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_caller_that_hangs_up_leaves_a_line() {
        let unanswered = || Unanswered {
            request_id: "1",
            method: "POST",
            route: "/token",
            started: Instant::now(),
        };
        let lines = Arc::new(AtomicUsize::new(0));
        let subscriber = tracing_subscriber::registry().with(Counter(lines.clone()));
        tracing::subscriber::with_default(subscriber, || {
            unanswered().answered();
            assert_eq!(lines.load(Ordering::SeqCst), 0);
            drop(unanswered());
            assert_eq!(lines.load(Ordering::SeqCst), 1);
        });
    }
}
