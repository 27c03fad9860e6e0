//! One wide line for each request: readable alone, queryable by field. Never a secret, token, password or e-mail address; of
//! a URL only the route, so nothing that a query may hold.

use std::time::Duration;

use crate::protocol::error::Reason;
use crate::protocol::ids::ClientId;

/// What the line says.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// Names the request.
    pub request_id: &'a str,
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
    let outcome = match line.status {
        100..=399 => "ok",
        400..=499 => "refused",
        _ => "failed",
    };
    tracing::info!(
        target: "portcullis::request",
        request_id = line.request_id,
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

fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
