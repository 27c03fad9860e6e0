//! Every metric that this server exposes: the one place where names, kinds and help texts stand. Base units, `_total` on
//! what only grows, `_seconds` and `_bytes` at the end (<https://prometheus.io/docs/practices/naming/>).

/// What a metric is to Prometheus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, save for a restart.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Observations in buckets.
    Histogram(&'static [Bound]),
}

/// The upper end of a bucket, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound(pub u32);

/// One metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its name, as it is scraped.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// What it tells, for people.
    pub help: &'static str,
    /// The names of its labels. The values of each are a closed set; nothing that a caller sends becomes one.
    pub labels: &'static [&'static str],
}

/// From a machine's token out of memory (below a millisecond) to a request that waited for a connection in vain.
const REQUEST_BUCKETS: &[Bound] = &[
    Bound(500),
    Bound(1_000),
    Bound(2_500),
    Bound(5_000),
    Bound(10_000),
    Bound(25_000),
    Bound(50_000),
    Bound(100_000),
    Bound(250_000),
    Bound(500_000),
    Bound(1_000_000),
    Bound(2_500_000),
    Bound(5_000_000),
    Bound(10_000_000),
];

/// From a row out of SQLite's cache to the statement timeout.
const STATEMENT_BUCKETS: &[Bound] = &[
    Bound(100),
    Bound(250),
    Bound(500),
    Bound(1_000),
    Bound(2_500),
    Bound(5_000),
    Bound(10_000),
    Bound(25_000),
    Bound(100_000),
    Bound(500_000),
    Bound(1_000_000),
    Bound(5_000_000),
];

macro_rules! metrics {
    ($($name:ident = $text:literal $kind:expr, [$($label:literal),*], $help:literal;)+) => {
        $(#[doc = $help]
        pub const $name: Metric = Metric { name: $text, kind: $kind, help: $help, labels: &[$($label),*] };)+

        /// All of them.
        pub const ALL: &[Metric] = &[$($name),+];
    };
}

metrics! {
    // what is asked and answered
    REQUESTS = "portcullis_http_request_duration_seconds" Kind::Histogram(REQUEST_BUCKETS), ["method", "outcome", "route"],
        "Time from the head of a request to the head of its answer, by route, method and outcome (ok, refused, failed, aborted).";
    IN_FLIGHT = "portcullis_http_requests_in_flight" Kind::Gauge, [],
        "Requests that are being answered.";
    REFUSALS = "portcullis_refusals_total" Kind::Counter, ["error", "reason"],
        "Requests that were refused or failed, by the error code on the wire and the reason behind it.";
    TOKEN_REQUESTS = "portcullis_token_requests_total" Kind::Counter, ["grant_type", "outcome"],
        "Requests of authenticated clients for tokens, by grant type and outcome: issued, or the error code.";
    EVENTS = "portcullis_security_events_total" Kind::Counter, ["kind"],
        "Security events, by the kind that the audit trail gives them.";
    THROTTLED = "portcullis_throttled_total" Kind::Counter, ["limit"],
        "Attempts that were refused because a limit on guessing was reached, by limit.";

    // the database
    STATEMENTS = "portcullis_database_statement_duration_seconds" Kind::Histogram(STATEMENT_BUCKETS), ["statement"],
        "Time that statements took, waiting for a connection included, by statement. A commit counts to the last statement before it.";
    POOL_TIMEOUTS = "portcullis_database_pool_timeouts_total" Kind::Counter, [],
        "Waits for a connection that were given up: every connection was in use for longer than database.acquire_timeout.";
    DATABASE_UP = "portcullis_database_up" Kind::Gauge, [],
        "Whether the database answered at this scrape.";
    CONNECTIONS = "portcullis_database_connections" Kind::Gauge, ["pool", "state"],
        "Open connections, by pool and state (idle, in_use).";
    CONNECTION_LIMIT = "portcullis_database_connection_limit" Kind::Gauge, ["pool"],
        "The most connections that a pool may open.";

    // what clients have fetched
    FETCHES = "portcullis_fetch_duration_seconds" Kind::Histogram(REQUEST_BUCKETS), ["outcome", "purpose"],
        "Time that fetches from addresses that clients name took, by purpose and outcome: ok, status (any but 2xx), refused (an address inside, or none that may be named), or what broke it off.";

    // passwords
    HASHING_LIMIT = "portcullis_password_hashing_limit" Kind::Gauge, [],
        "Password hashes that may run at the same time.";
    HASHING_RUNNING = "portcullis_password_hashing_running" Kind::Gauge, [],
        "Password hashes that are running.";
    HASHING_WAITING = "portcullis_password_hashing_waiting" Kind::Gauge, [],
        "Callers that wait for a password hash to begin.";
    HASHING_REFUSED = "portcullis_password_hashing_refused_total" Kind::Counter, [],
        "Callers that were sent away because the queue for password hashes was full.";

    // signing keys
    KEY_AGE = "portcullis_signing_key_age_seconds" Kind::Gauge, ["alg"],
        "For how long the key that signs has been signing, by algorithm.";
    KEY_REMAINING = "portcullis_signing_key_remaining_seconds" Kind::Gauge, ["alg"],
        "How long until the successor of the key that signs takes over, by algorithm. NaN while no successor is published.";
    KEYS = "portcullis_signing_keys" Kind::Gauge, ["alg", "state"],
        "Published signing keys, by algorithm and state (pending, active, retiring).";

    // what runs beside the requests
    SWEPT = "portcullis_swept_rows_total" Kind::Counter, ["table"],
        "Expired rows that were removed, by table.";
    AUDIT_WAITING = "portcullis_audit_events_waiting" Kind::Gauge, [],
        "Audit events that wait to be stored.";
    AUDIT_LOST = "portcullis_audit_events_lost_total" Kind::Counter, [],
        "Audit events that were lost because too many waited to be stored.";
    SPANS = "portcullis_trace_spans_total" Kind::Counter, ["outcome"],
        "Spans of traces, by what became of them: delivered to the collector, dropped because too many waited, or failed on the way.";

    // the program
    BUILD = "portcullis_build_info" Kind::Gauge, ["database", "version"],
        "Always 1; the labels tell the version and the kind of database.";
    CPU = "process_cpu_seconds_total" Kind::Counter, [],
        "Processor time that the process has used, in whole seconds.";
    RESIDENT = "process_resident_memory_bytes" Kind::Gauge, [],
        "Memory of the process that is in RAM.";
    OPEN_FILES = "process_open_fds" Kind::Gauge, [],
        "Open file descriptors.";
    FILE_LIMIT = "process_max_fds" Kind::Gauge, [],
        "The most file descriptors that may be open.";
    THREADS = "process_threads" Kind::Gauge, [],
        "Threads of the process.";
    STARTED = "process_start_time_seconds" Kind::Gauge, [],
        "When the process started, in seconds since 1970-01-01 UTC.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rules_of_prometheus() {
        for metric in ALL {
            let name = metric.name;
            assert!(
                name.starts_with("portcullis_") || name.starts_with("process_"),
                "{name}"
            );
            let total = name.ends_with("_total");
            assert_eq!(total, metric.kind == Kind::Counter, "{name}");
            let timed = name.ends_with("_seconds");
            assert!(timed || !matches!(metric.kind, Kind::Histogram(_)), "{name}");
            assert!(metric.help.ends_with('.') && !metric.help.contains('"'), "{name}");
            assert!(metric.labels.is_sorted(), "{name}: labels in order");
        }
        let mut names: Vec<_> = ALL.iter().map(|metric| metric.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len(), "each name once");
    }

    #[test]
    fn buckets_ascend() {
        for metric in ALL {
            if let Kind::Histogram(bounds) = metric.kind {
                assert!(bounds.is_sorted_by(|a, b| a.0 < b.0), "{}", metric.name);
            }
        }
    }
}
