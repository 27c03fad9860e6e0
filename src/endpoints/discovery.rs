//! Server metadata (OpenID Connect Discovery §4, RFC 8414 §3): one document under both names.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use crate::app::App;
use crate::config::RegistrationMode;
use crate::http::document::Document;
use crate::http::error::DocumentError;
use crate::http::paths;
use crate::pages::text::Language;
use crate::protocol::discovery::{Endpoints, Metadata};
use crate::protocol::error::Reason;
use crate::protocol::scope::{OPENID_SCOPES, Scope};

/// The metadata.
pub async fn get(State(app): State<App>, headers: HeaderMap) -> Result<Response, DocumentError> {
    Ok(document(&app)?.answer(&headers))
}

/// The metadata, which stays the same as long as the process runs. Its scopes are those of OpenID Connect; the scopes of APIs
/// are their operators' business and not published.
pub fn document(app: &App) -> Result<Document, Reason> {
    let issuer = &app.config().issuer;
    let offered = app.config().registration.mode != RegistrationMode::Off;
    let managed = app.config().sessions.management;
    let endpoints = Endpoints {
        authorization: issuer.url(paths::AUTHORIZE),
        token: issuer.url(paths::TOKEN),
        device_authorization: issuer.url(paths::DEVICE_CODE),
        userinfo: issuer.url(paths::USERINFO),
        revocation: issuer.url(paths::REVOKE),
        introspection: issuer.url(paths::INTROSPECT),
        registration: offered.then(|| issuer.url(paths::REGISTER)),
        jwks: issuer.url(paths::JWKS),
        end_session: issuer.url(paths::LOGOUT),
        check_session: managed.then(|| issuer.url(paths::CHECK_SESSION)),
    };
    let scopes = Scope::from_tokens(OPENID_SCOPES.iter().copied())
        .iter()
        .map(str::to_owned)
        .collect();
    let languages = Language::all().map(Language::tag).collect();
    let metadata = Metadata::new(issuer.as_str().to_owned(), endpoints, scopes, languages);
    let metadata = metadata.fetching_request_objects(app.config().requests.request_uri);
    Document::new("application/json", &metadata)
}
