//! `GET /healthz` and `GET /readyz`, for supervisors and balancers. They tell nothing but yes and no.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use crate::app::App;
use crate::http::respond;
use crate::protocol::signing_alg::SigningAlg;
use crate::store::MigrationState;

/// The process answers.
pub async fn alive() -> Response {
    respond::plain(StatusCode::OK, "ok\n")
}

/// The database answers, its schema suits this program, there is a key to sign with, and the node is not about to stop.
pub async fn ready(State(app): State<App>) -> Response {
    match why_not_ready(&app).await {
        None => respond::plain(StatusCode::OK, "ready\n"),
        Some(why) => respond::plain(StatusCode::SERVICE_UNAVAILABLE, why),
    }
}

async fn why_not_ready(app: &App) -> Option<&'static str> {
    if app.is_stopping() {
        return Some("stopping\n");
    }
    match app.store().migration_state().await {
        Ok(MigrationState::Current | MigrationState::Newer(_)) => {}
        Ok(MigrationState::Pending(_)) | Err(crate::store::StoreError::Schema(_)) => return Some("schema\n"),
        Err(_) => return Some("database\n"),
    }
    let Ok(catalog) = app.store().catalog().await else {
        return Some("database\n");
    };
    let now = app.clock().now();
    let signs =
        |ring: &crate::crypto::keys::KeyRing| SigningAlg::ALL.iter().all(|alg| ring.signer(*alg, now).is_some());
    match app.key_ring(&catalog) {
        Ok(ring) if signs(&ring) => None,
        _ => Some("keys\n"),
    }
}
