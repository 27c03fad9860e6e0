//! Traces: each request a span, with one below it for each statement, password hash and signature; sent to a collector as
//! OTLP over HTTP.
//!
//! What becomes a span is chosen here and nowhere else: spans whose target is `portcullis::trace`, made by the code that
//! does the work, which cost nothing while nobody listens. No event and no span of a library passes, so a trace holds what
//! these few spans are given: names of routes and statements, numbers, a client's id, the reason of a refusal.
//!
//! Spans wait in a queue of bounded length and are sent by a thread of its own. A collector that is away, or slow, costs
//! spans, which are counted, and never a request.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{Status, TraceContextExt as _, TracerProvider as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{ExporterBuildError, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider, Span as SdkSpan, SpanData, SpanExporter,
    SpanProcessor,
};
use tracing::{Metadata, Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{FilterFn, LevelFilter};
use tracing_subscriber::registry::LookupSpan;

use super::metrics::{self, Metrics, names};
use crate::config::TracingConfig;
use crate::protocol::error::Reason;
use crate::protocol::ids::ClientId;

/// The most spans that wait to be sent; at about a kilobyte each, some megabytes.
const QUEUE: usize = 4096;
/// How many are sent together.
const BATCH: usize = 512;
/// How long one delivery may take.
const DELIVERY: Duration = Duration::from_secs(3);
/// How long a span waits for others, so that requests share a delivery.
const DELAY: Duration = Duration::from_secs(1);

/// The target of the spans that become part of a trace. Macros take it as a literal only.
const TARGET: &str = "portcullis::trace";

/// Delivers spans until it is told to stop.
#[derive(Debug)]
pub struct Traces {
    provider: SdkTracerProvider,
}

impl Traces {
    /// Prepares delivery to the collector of `config`; nothing is sent yet, and nobody is asked whether it is there. `None`:
    /// traces are off.
    pub fn new(config: &TracingConfig) -> Result<Option<Self>, ExporterBuildError> {
        let Some(endpoint) = config.traces_url() else {
            return Ok(None);
        };
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_endpoint(endpoint)
            .with_timeout(DELIVERY)
            .build()?;
        // Twice as long as ours: what this queue would drop, nobody would count.
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(2 * QUEUE)
            .with_max_export_batch_size(BATCH)
            .with_scheduled_delay(DELAY)
            .build();
        let counts = &COUNTS;
        let delivery = BatchSpanProcessor::builder(Counted {
            exporter,
            counts,
            away: AtomicBool::new(false),
        })
        .with_batch_config(batches)
        .build();
        let ratio = Sampler::TraceIdRatioBased(config.sample_ratio);
        let resource = Resource::builder()
            .with_service_name(config.service_name.clone())
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let provider = SdkTracerProvider::builder()
            .with_sampler(Sampler::ParentBased(Box::new(ratio)))
            .with_resource(resource)
            .with_span_processor(Bounded { delivery, counts })
            .build();
        Ok(Some(Self { provider }))
    }

    /// What takes spans from the program.
    pub fn layer<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        let traced = FilterFn::new(is_traced).with_max_level_hint(LevelFilter::INFO);
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer("portcullis"))
            .with_context_activation(false)
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(traced)
    }

    /// Sends what waits, for at most `patience`. Blocks: not for a thread that serves requests.
    pub fn finish(self, patience: Duration) {
        if let Err(error) = self.provider.shutdown_with_timeout(patience) {
            tracing::warn!(%error, "the last traces could not be delivered");
        }
    }
}

/// Whether this is one of the spans that become part of a trace. The log leaves these out.
pub fn is_traced(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && metadata.target() == TARGET
}

/// What became of the spans of this process; the subscriber that makes them is the process's too.
#[derive(Debug, Default)]
struct Counts {
    waiting: AtomicUsize,
    delivered: AtomicU64,
    dropped: AtomicU64,
    failed: AtomicU64,
}

static COUNTS: Counts = Counts {
    waiting: AtomicUsize::new(0),
    delivered: AtomicU64::new(0),
    dropped: AtomicU64::new(0),
    failed: AtomicU64::new(0),
};

/// Tells what became of the spans so far.
pub fn observe(metrics: &Metrics) {
    let outcomes = [
        ("delivered", &COUNTS.delivered),
        ("dropped", &COUNTS.dropped),
        ("failed", &COUNTS.failed),
    ];
    for (outcome, count) in outcomes {
        metrics.total(&names::SPANS, &[("outcome", outcome)], count.load(Ordering::Relaxed));
    }
}

/// Lets so many spans wait and no more.
#[derive(Debug)]
struct Bounded<P> {
    delivery: P,
    counts: &'static Counts,
}

impl<P: SpanProcessor> SpanProcessor for Bounded<P> {
    fn on_start(&self, span: &mut SdkSpan, context: &Context) {
        self.delivery.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        if !span.span_context.is_sampled() {
            return;
        }
        if self.counts.waiting.fetch_add(1, Ordering::Relaxed) < QUEUE {
            self.delivery.on_end(span);
        } else {
            self.counts.waiting.fetch_sub(1, Ordering::Relaxed);
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.delivery.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.delivery.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.delivery.set_resource(resource);
    }
}

/// Counts what is sent. A collector that stays away is told of once in the log, and again when it is back.
#[derive(Debug)]
struct Counted<E> {
    exporter: E,
    counts: &'static Counts,
    away: AtomicBool,
}

impl<E: SpanExporter> SpanExporter for Counted<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let count = batch.len();
        let sent = self.exporter.export(batch).await;
        self.counts.waiting.fetch_sub(count, Ordering::Relaxed);
        let counter = if sent.is_ok() {
            &self.counts.delivered
        } else {
            &self.counts.failed
        };
        counter.fetch_add(count as u64, Ordering::Relaxed);
        // The library's text may quote the collector's answer; that it failed is enough here.
        match (self.away.swap(sent.is_err(), Ordering::Relaxed), sent.is_err()) {
            (false, true) => tracing::warn!("traces cannot be delivered; they are lost until the collector takes them"),
            (true, false) => tracing::info!("traces are delivered again"),
            _ => {}
        }
        sent
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

/// The context that a caller sent (W3C Trace Context): its headers `traceparent` and `tracestate`.
#[derive(Clone, Copy, Debug)]
pub struct Parent<'a> {
    /// Which span of which trace asks.
    pub traceparent: &'a str,
    /// What others have to say about that trace.
    pub tracestate: Option<&'a str>,
}

/// The span of one request.
#[derive(Debug)]
pub struct RequestSpan {
    span: Span,
    trace_id: Option<Arc<str>>,
}

impl RequestSpan {
    /// Begins. With a parent the request joins that trace and its sampling; without, or with one that cannot be read, it is
    /// a trace of its own.
    pub fn begin(request_id: &str, method: &str, route: &str, parent: Option<Parent<'_>>) -> Self {
        // Anybody can invent a method.
        let method = metrics::known_method(method).unwrap_or("_OTHER");
        let span = tracing::info_span!(
            target: "portcullis::trace",
            "request",
            otel.name = format!("{method} {route}"),
            otel.kind = "server",
            http.request.method = method,
            http.route = route,
            portcullis.request_id = request_id,
        );
        if span.is_disabled() {
            return Self { span, trace_id: None };
        }
        if let Some(parent) = parent.and_then(Parent::context) {
            // Only a span that has begun cannot take a parent.
            drop(span.set_parent(parent));
        }
        let context = span.context();
        let trace_id = context.span().span_context().trace_id().to_string();
        Self {
            span,
            trace_id: Some(trace_id.into()),
        }
    }

    /// The span, to run the request in.
    pub fn span(&self) -> Span {
        self.span.clone()
    }

    /// Names the trace, while requests are traced.
    pub fn trace_id(&self) -> Option<&Arc<str>> {
        self.trace_id.as_ref()
    }

    /// Ends with an answer. By the conventions of OpenTelemetry a refusal is no error of the server's.
    pub fn end(self, status: u16, client_id: Option<&ClientId>, reason: Option<Reason>) {
        if self.span.is_disabled() {
            return;
        }
        self.span.set_attribute("http.response.status_code", i64::from(status));
        if let Some(client_id) = client_id {
            self.span
                .set_attribute("portcullis.client_id", client_id.as_str().to_owned());
        }
        if let Some(reason) = reason {
            self.span.set_attribute("portcullis.reason", reason.as_str());
        }
        if status >= 500 {
            self.span.set_attribute("error.type", status.to_string());
            self.span.set_status(Status::error(reason.map_or("", Reason::as_str)));
        }
    }
}

impl Parent<'_> {
    fn context(self) -> Option<Context> {
        let mut carrier = HashMap::from([("traceparent".to_owned(), self.traceparent.to_owned())]);
        carrier.extend(self.tracestate.map(|state| ("tracestate".to_owned(), state.to_owned())));
        let context = TraceContextPropagator::new().extract_with_context(&Context::new(), &carrier);
        let valid = context.span().span_context().is_valid();
        valid.then_some(context)
    }
}
