//! Metrics, in the text that Prometheus scrapes.
//!
//! Each server has a recorder of its own, not the one that the `metrics` crate offers to the whole process: two servers in
//! one process do not count each other's work, and where metrics are off every handle is one that does nothing. What is
//! counted often is counted through handles that are made once; what can be asked for is asked at the scrape
//! ([`Metrics::set`], [`Metrics::total`]).

pub mod names;
pub mod process;

use std::borrow::Borrow;
use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Label, Level, Metadata, Recorder as _};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusRecorder};

use self::names::{Kind, Metric};
use crate::model::audit_event::AuditKind;
use crate::model::throttle::ThrottleKind;
use crate::protocol::error::{ErrorCode, Reason};
use crate::protocol::grant_type::GrantType;

/// The media type of [`Metrics::render`].
pub const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The server's metrics; cheap to clone. The default counts nothing.
#[derive(Clone, Default)]
pub struct Metrics(Option<Arc<Inner>>);

/// What counts.
struct Inner {
    recorder: PrometheusRecorder,
    in_flight: Gauge,
    requests: Family<(Arc<str>, &'static str, &'static str), Histogram>,
    refusals: Vec<Counter>,
    token_requests: Family<(&'static str, &'static str), Counter>,
    events: Vec<Counter>,
    throttled: Vec<Counter>,
    statements: Family<&'static str, Histogram>,
    pool_timeouts: Counter,
    fetches: Family<(&'static str, &'static str), Histogram>,
    swept: Family<&'static str, Counter>,
}

/// The handles of one metric by the values of its labels, each made when it is first needed.
struct Family<K, H>(RwLock<HashMap<K, H>>);

impl<K, H> Default for Family<K, H> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<K: Eq + Hash, H: Clone> Family<K, H> {
    fn get<Q>(&self, key: &Q, make: impl FnOnce() -> (K, H)) -> H
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        if let Some(known) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(key) {
            return known.clone();
        }
        let (key, made) = make();
        let mut handles = self.0.write().unwrap_or_else(PoisonError::into_inner);
        handles.entry(key).or_insert(made).clone()
    }
}

impl Inner {
    fn fetches(&self, purpose: &'static str, outcome: &'static str) -> Histogram {
        let key = (purpose, outcome);
        let make = || {
            let labels = [("outcome", outcome), ("purpose", purpose)];
            (key, histogram(&self.recorder, &names::FETCHES, &labels))
        };
        self.fetches.get(&key, make)
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_on() { "Metrics(on)" } else { "Metrics(off)" })
    }
}

impl Metrics {
    /// Metrics that count.
    pub fn on() -> Result<Self, BuildError> {
        let recorder = recorder()?;
        for metric in names::ALL {
            describe(&recorder, metric);
        }
        let refusal = |reason: &Reason| {
            let labels = [("error", reason.code().as_str()), ("reason", &reason_label(*reason))];
            counter(&recorder, &names::REFUSALS, &labels)
        };
        let event = |kind: &AuditKind| counter(&recorder, &names::EVENTS, &[("kind", kind.as_str())]);
        let throttled = |limit: &ThrottleKind| counter(&recorder, &names::THROTTLED, &[("limit", limit.as_str())]);
        Ok(Self(Some(Arc::new(Inner {
            in_flight: gauge(&recorder, &names::IN_FLIGHT, &[]),
            requests: Family::default(),
            refusals: Reason::ALL.iter().map(refusal).collect(),
            token_requests: Family::default(),
            events: AuditKind::ALL.iter().map(event).collect(),
            throttled: ThrottleKind::ALL.iter().map(throttled).collect(),
            statements: Family::default(),
            pool_timeouts: counter(&recorder, &names::POOL_TIMEOUTS, &[]),
            swept: Family::default(),
            fetches: Family::default(),
            recorder,
        }))))
    }

    /// Whether anything is counted.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// A request arrived. `route` is the pattern that it matched. Counted as aborted unless [`Request::answered`].
    pub fn request(&self, route: &str, method: &str, started: Instant) -> Request {
        let Some(inner) = &self.0 else { return Request(None) };
        inner.in_flight.increment(1.0);
        Request(Some(Open {
            metrics: inner.clone(),
            route: Arc::from(route),
            method: known_method(method).unwrap_or("other"),
            started,
            outcome: "aborted",
        }))
    }

    /// A client that proved itself asked for tokens.
    pub fn token_request(&self, grant_type: Option<GrantType>, error: Option<ErrorCode>) {
        let Some(inner) = &self.0 else { return };
        let labels = (
            grant_type.map_or("none", GrantType::as_str),
            error.map_or("issued", ErrorCode::as_str),
        );
        let make = || {
            let named = [("grant_type", labels.0), ("outcome", labels.1)];
            (labels, counter(&inner.recorder, &names::TOKEN_REQUESTS, &named))
        };
        inner.token_requests.get(&labels, make).increment(1);
    }

    /// Something happened that the audit trail tells of.
    pub fn event(&self, kind: AuditKind) {
        let Some(inner) = &self.0 else { return };
        inner.events[kind as usize].increment(1);
    }

    /// An attempt was refused because this limit was reached.
    pub fn throttled(&self, limit: ThrottleKind) {
        let Some(inner) = &self.0 else { return };
        inner.throttled[limit as usize].increment(1);
    }

    /// A statement was run. `name` is the one under which it is declared.
    pub fn statement(&self, name: &'static str, took: Duration) {
        let Some(inner) = &self.0 else { return };
        let make = || {
            let labels = [("statement", name)];
            (name, histogram(&inner.recorder, &names::STATEMENTS, &labels))
        };
        inner.statements.get(name, make).record(took);
    }

    /// No connection became free in time.
    pub fn pool_timed_out(&self) {
        let Some(inner) = &self.0 else { return };
        inner.pool_timeouts.increment(1);
    }

    /// Fetches for this purpose will be counted: from zero, so that the first is seen to come.
    pub fn fetches_for(&self, purpose: &'static str) {
        let Some(inner) = &self.0 else { return };
        drop(inner.fetches(purpose, "ok"));
    }

    /// Something was fetched for a client, or was not; how it ended.
    pub fn fetched(&self, purpose: &'static str, outcome: &'static str, took: Duration) {
        let Some(inner) = &self.0 else { return };
        inner.fetches(purpose, outcome).record(took);
    }

    /// Expired rows were removed from a table.
    pub fn swept(&self, table: &'static str, rows: u64) {
        let Some(inner) = &self.0 else { return };
        let make = || (table, counter(&inner.recorder, &names::SWEPT, &[("table", table)]));
        inner.swept.get(table, make).increment(rows);
    }

    /// Sets a gauge to what it is now.
    pub fn set(&self, metric: &Metric, labels: &[(&'static str, &str)], value: f64) {
        let Some(inner) = &self.0 else { return };
        gauge(&inner.recorder, metric, labels).set(value);
    }

    /// Sets a counter that is kept elsewhere to what it has come to.
    pub fn total(&self, metric: &Metric, labels: &[(&'static str, &str)], value: u64) {
        let Some(inner) = &self.0 else { return };
        counter(&inner.recorder, metric, labels).absolute(value);
    }

    /// Sorts what was observed into buckets. Without it observations would pile up until the next scrape.
    pub fn upkeep(&self) {
        let Some(inner) = &self.0 else { return };
        inner.recorder.handle().run_upkeep();
    }

    /// Everything, as [`MEDIA_TYPE`]. `None` while metrics are off.
    pub fn render(&self) -> Option<String> {
        Some(self.0.as_ref()?.recorder.handle().render())
    }
}

/// A request on its way. Counted when dropped.
#[derive(Debug)]
pub struct Request(Option<Open>);

struct Open {
    metrics: Arc<Inner>,
    route: Arc<str>,
    method: &'static str,
    started: Instant,
    outcome: &'static str,
}

impl fmt::Debug for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Open")
            .field("route", &self.route)
            .finish_non_exhaustive()
    }
}

impl Request {
    /// There is an answer, with this status and, if it is a refusal, for this reason.
    pub fn answered(mut self, status: u16, reason: Option<Reason>) {
        let Some(open) = &mut self.0 else { return };
        open.outcome = super::request_log::outcome(status);
        if let Some(reason) = reason {
            open.metrics.refusals[reason as usize].increment(1);
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let inner = &self.metrics;
        inner.in_flight.decrement(1.0);
        let key = (self.route.clone(), self.method, self.outcome);
        let make = || {
            let labels = [("method", key.1), ("outcome", key.2), ("route", &*key.0)];
            (key.clone(), histogram(&inner.recorder, &names::REQUESTS, &labels))
        };
        inner.requests.get(&key, make).record(self.started.elapsed());
    }
}

fn recorder() -> Result<PrometheusRecorder, BuildError> {
    let mut builder = PrometheusBuilder::new();
    for metric in names::ALL {
        if let Kind::Histogram(bounds) = metric.kind {
            let seconds: Vec<f64> = bounds.iter().map(|bound| f64::from(bound.0) / 1e6).collect();
            builder = builder.set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), &seconds)?;
        }
    }
    Ok(builder.build_recorder())
}

fn describe(recorder: &PrometheusRecorder, metric: &Metric) {
    let name = KeyName::from_const_str(metric.name);
    match metric.kind {
        Kind::Counter => recorder.describe_counter(name, None, metric.help.into()),
        Kind::Gauge => recorder.describe_gauge(name, None, metric.help.into()),
        Kind::Histogram(_) => recorder.describe_histogram(name, None, metric.help.into()),
    }
}

/// What the crate wants to know of a metric beside its name; the recorder makes nothing of it.
static METADATA: Metadata<'static> = Metadata::new("portcullis", Level::INFO, None);

fn key(metric: &Metric, labels: &[(&'static str, &str)]) -> Key {
    debug_assert!(
        labels.iter().map(|(name, _)| *name).eq(metric.labels.iter().copied()),
        "{} has the labels {:?}",
        metric.name,
        metric.labels
    );
    let labels = labels
        .iter()
        .map(|(name, value)| Label::new(*name, (*value).to_owned()));
    Key::from_parts(metric.name, labels.collect::<Vec<_>>())
}

fn counter(recorder: &PrometheusRecorder, metric: &Metric, labels: &[(&'static str, &str)]) -> Counter {
    recorder.register_counter(&key(metric, labels), &METADATA)
}

fn gauge(recorder: &PrometheusRecorder, metric: &Metric, labels: &[(&'static str, &str)]) -> Gauge {
    recorder.register_gauge(&key(metric, labels), &METADATA)
}

fn histogram(recorder: &PrometheusRecorder, metric: &Metric, labels: &[(&'static str, &str)]) -> Histogram {
    recorder.register_histogram(&key(metric, labels), &METADATA)
}

/// The method, if it is one of HTTP's own: anybody can invent another.
pub(super) fn known_method(method: &str) -> Option<&'static str> {
    const KNOWN: &[&str] = &["GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"];
    KNOWN.iter().find(|known| **known == method).copied()
}

/// `CodeReplayed` as `code_replayed`.
fn reason_label(reason: Reason) -> String {
    let mut label = String::new();
    for c in format!("{reason:?}").chars() {
        if c.is_ascii_uppercase() && !label.is_empty() {
            label.push('_');
        }
        label.push(c.to_ascii_lowercase());
    }
    label
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(metrics: &Metrics) -> String {
        metrics.render().unwrap()
    }

    #[track_caller]
    fn assert_line(metrics: &Metrics, line: &str) {
        let text = text(metrics);
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }

    #[test]
    fn a_request_is_counted_once_by_how_it_ended() {
        let metrics = Metrics::on().unwrap();
        let begin = || metrics.request("/token", "POST", Instant::now());
        begin().answered(200, None);
        begin().answered(400, Some(Reason::CodeReplayed));
        begin().answered(503, Some(Reason::StoreUnavailable));
        drop(begin());
        let held = begin();
        let count = |outcome: &str| {
            format!(
                "portcullis_http_request_duration_seconds_count{{method=\"POST\",outcome=\"{outcome}\",route=\"/token\"}} 1"
            )
        };
        for outcome in ["ok", "refused", "failed", "aborted"] {
            assert_line(&metrics, &count(outcome));
        }
        assert_line(&metrics, "portcullis_http_requests_in_flight 1");
        assert_line(
            &metrics,
            r#"portcullis_refusals_total{error="invalid_grant",reason="code_replayed"} 1"#,
        );
        assert_line(
            &metrics,
            r#"portcullis_refusals_total{error="temporarily_unavailable",reason="store_unavailable"} 1"#,
        );
        drop(held);
        assert_line(&metrics, "portcullis_http_requests_in_flight 0");
    }

    /// The handles are in the order of the variants.
    #[test]
    fn every_reason_kind_and_limit_has_a_counter_of_its_own() {
        for (at, reason) in Reason::ALL.iter().enumerate() {
            assert_eq!(*reason as usize, at);
        }
        for (at, kind) in AuditKind::ALL.iter().enumerate() {
            assert_eq!(*kind as usize, at);
        }
        for (at, limit) in ThrottleKind::ALL.iter().enumerate() {
            assert_eq!(*limit as usize, at);
        }
        let metrics = Metrics::on().unwrap();
        metrics.event(AuditKind::AuditLost);
        metrics.event(AuditKind::SignIn);
        metrics.event(AuditKind::SignIn);
        assert_line(&metrics, r#"portcullis_security_events_total{kind="sign_in"} 2"#);
        assert_line(&metrics, r#"portcullis_security_events_total{kind="audit_lost"} 1"#);
        assert_line(&metrics, r#"portcullis_security_events_total{kind="sign_out"} 0"#);
    }

    #[test]
    fn lk_02_a_caller_cannot_make_up_labels() {
        let metrics = Metrics::on().unwrap();
        metrics.request("/token", "CANARY", Instant::now()).answered(405, None);
        let text = text(&metrics);
        assert!(text.contains(r#"method="other",outcome="refused",route="/token""#) && !text.contains("CANARY"));
    }

    #[test]
    fn limits_statements_and_tables_are_counted_by_name() {
        let metrics = Metrics::on().unwrap();
        for _ in 0..2 {
            metrics.throttled(ThrottleKind::SignInAddress);
            metrics.statement("CLIENT", Duration::from_micros(200));
            metrics.swept("grants", 20);
        }
        metrics.token_request(Some(GrantType::RefreshToken), None);
        metrics.token_request(None, Some(ErrorCode::UnsupportedGrantType));
        assert_line(&metrics, r#"portcullis_throttled_total{limit="sign_in_address"} 2"#);
        assert_line(&metrics, r#"portcullis_swept_rows_total{table="grants"} 40"#);
        assert_line(
            &metrics,
            r#"portcullis_token_requests_total{grant_type="refresh_token",outcome="issued"} 1"#,
        );
        assert_line(
            &metrics,
            r#"portcullis_token_requests_total{grant_type="none",outcome="unsupported_grant_type"} 1"#,
        );
        let bucket = |le: &str, count: u32| {
            format!("portcullis_database_statement_duration_seconds_bucket{{statement=\"CLIENT\",le=\"{le}\"}} {count}")
        };
        assert_line(&metrics, &bucket("0.0001", 0));
        assert_line(&metrics, &bucket("0.00025", 2));
        assert_line(&metrics, &bucket("+Inf", 2));
    }

    #[test]
    fn two_servers_count_apart_and_one_that_is_off_counts_nothing() {
        let (one, other, off) = (Metrics::on().unwrap(), Metrics::on().unwrap(), Metrics::default());
        for metrics in [&one, &off] {
            metrics.throttled(ThrottleKind::SignInAddress);
            metrics.request("/", "GET", Instant::now()).answered(200, None);
            metrics.upkeep();
        }
        let line = |count: u32| format!("portcullis_throttled_total{{limit=\"sign_in_address\"}} {count}");
        assert_line(&one, &line(1));
        assert_line(&other, &line(0));
        assert_eq!(off.render(), None);
    }
}
