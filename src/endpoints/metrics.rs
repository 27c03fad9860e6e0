//! `GET /metrics` of the metrics listener: what was counted, and what can be asked for at this moment.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use crate::app::App;
use crate::http::respond;
use crate::model::signing_key::{KeyState, SigningKey};
use crate::protocol::signing_alg::SigningAlg;
use crate::telemetry::metrics::{MEDIA_TYPE, names, process};
use crate::telemetry::traces;

/// Everything, in the text format of Prometheus.
pub async fn get(State(app): State<App>) -> Response {
    observe(&app).await;
    match app.metrics().render() {
        Some(text) => respond::with_type(StatusCode::OK, MEDIA_TYPE, text.into_bytes()),
        None => respond::plain(StatusCode::NOT_FOUND, "metrics are off\n"),
    }
}

async fn observe(app: &App) {
    let metrics = app.metrics();
    let database = if app.store().is_embedded() {
        "sqlite"
    } else {
        "postgresql"
    };
    let build = [("database", database), ("version", env!("CARGO_PKG_VERSION"))];
    metrics.set(&names::BUILD, &build, 1.0);
    app.store().observe_pools(metrics);
    let hashing = app.passwords().load();
    let gauges = [
        (&names::HASHING_LIMIT, hashing.limit),
        (&names::HASHING_RUNNING, hashing.running),
        (&names::HASHING_WAITING, hashing.waiting),
    ];
    for (gauge, count) in gauges {
        metrics.set(gauge, &[], u32::try_from(count).unwrap_or(u32::MAX).into());
    }
    metrics.total(&names::HASHING_REFUSED, &[], hashing.refused);
    app.audit().observe();
    traces::observe(metrics);
    process::observe(metrics);
    observe_keys(app).await;
}

/// The keys are the database's; while it is away, what was known last stays.
async fn observe_keys(app: &App) {
    let catalog = app.store().catalog().await;
    let up = if catalog.is_ok() { 1.0 } else { 0.0 };
    app.metrics().set(&names::DATABASE_UP, &[], up);
    let Ok(catalog) = catalog else { return };
    for alg in SigningAlg::ALL {
        let keys: Vec<&SigningKey> = catalog.keys.iter().filter(|key| key.alg == *alg).collect();
        set_keys(app, *alg, &keys);
    }
}

fn set_keys(app: &App, alg: SigningAlg, keys: &[&SigningKey]) {
    let (metrics, now, alg) = (app.metrics(), app.clock().now(), ("alg", alg.as_str()));
    let states = [
        ("pending", KeyState::Pending),
        ("active", KeyState::Active),
        ("retiring", KeyState::Retiring),
    ];
    for (name, state) in states {
        let count = keys.iter().filter(|key| key.state(now) == state).count();
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        metrics.set(&names::KEYS, &[alg, ("state", name)], count.into());
    }
    let signing = keys.iter().filter(|key| key.state(now) == KeyState::Active);
    let Some(signing) = signing.max_by_key(|key| key.active_from) else {
        return;
    };
    metrics.set(&names::KEY_AGE, &[alg], seconds(now.since(signing.active_from)));
    let remaining = signing.retires_at.map(|at| seconds(at.since(now)));
    metrics.set(&names::KEY_REMAINING, &[alg], remaining.unwrap_or(f64::NAN));
}

#[expect(clippy::cast_precision_loss, reason = "exact for longer than there are keys")]
fn seconds(seconds: i64) -> f64 {
    seconds as f64
}
