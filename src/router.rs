//! The route table.

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::csrf::{CsrfLayer, ProtectionError};

use crate::app::App;
use crate::config::RegistrationMode;
use crate::endpoints::{device_code, discovery, health, introspect, jwks, register, revoke, token, userinfo};
use crate::http::document::Prepared;
use crate::http::{browser_state, cors, layers, paths, respond, session, throttle};
use crate::pages::error;
use crate::pages::{
    account, account_apps, account_contact, account_password, account_profile, account_sessions, authorize,
    check_session, device, device_confirm, device_login, home, interaction_account, interaction_consent,
    interaction_login, login, logo, logout, static_files,
};
use front::{Document, Endpoint, Machine, Ready};

mod front;

pub use front::Front;

/// The server: what is kept ready is answered at once, and the rest by the routes.
pub fn front(app: &App) -> Front {
    let path = app.config().issuer.path().trim_end_matches('/');
    let mut documents = vec![(
        format!("{path}{}", paths::JWKS),
        Document::Keys(jwks::Current::default()),
    )];
    // What cannot be written beforehand the routes will say.
    if let Ok(metadata) = discovery::document(app) {
        let metadata = Arc::new(Prepared::new(app, metadata));
        let fixed = |path| (path, Document::Fixed(metadata.clone()));
        documents.extend(metadata_paths(path).into_iter().map(fixed));
    }
    Front::new(
        Ready {
            app: app.clone(),
            documents,
            endpoints: endpoints(app, path),
        },
        router(app),
    )
}

fn endpoints(app: &App, path: &str) -> Vec<Arc<Endpoint>> {
    // Requests from one address, where they are limited, are counted by the routes.
    if !app.quotas().address.is_off() {
        return Vec::new();
    }
    let endpoint = |machine: Machine| Endpoint {
        app: app.clone(),
        path: format!("{path}{}", machine.path()),
        machine,
    };
    Machine::ALL.map(|machine| Arc::new(endpoint(machine))).into()
}

/// Every route, by who calls it. The way in is [`front`].
pub fn router(app: &App) -> Router {
    let documents = Router::new()
        .route(paths::JWKS, get(jwks::get))
        .layer(from_fn(cors::open));

    let machines = Router::new()
        .route(paths::TOKEN, post(token::post))
        .route(paths::DEVICE_CODE, post(device_code::post))
        .route(paths::REVOKE, post(revoke::post))
        .route(paths::INTROSPECT, post(introspect::post))
        .route(paths::USERINFO, get(userinfo::answer).post(userinfo::answer));
    let machines = limited(app, machines.merge(registration(app)))
        .layer(from_fn_with_state(app.clone(), cors::registered_origins));

    // Other sites send people here by form as well, so these stand outside the cross-site check.
    let open_to_clients = Router::new()
        .route(paths::AUTHORIZE, get(authorize::get).post(authorize::post))
        .route(paths::LOGOUT, get(logout::get).post(logout::post));

    let people = Router::new()
        .route(paths::HOME, get(home::get))
        .route(paths::LOGIN, get(login::get).post(login::post))
        .route(
            paths::INTERACTION_LOGIN,
            get(interaction_login::get).post(interaction_login::post),
        )
        .route(
            paths::INTERACTION_ACCOUNT,
            get(interaction_account::get).post(interaction_account::post),
        )
        .route(
            paths::INTERACTION_CONSENT,
            get(interaction_consent::get).post(interaction_consent::post),
        )
        .route(paths::DEVICE, get(device::get).post(device::post))
        .route(paths::DEVICE_LOGIN, get(device_login::get).post(device_login::post))
        .route(
            paths::DEVICE_CONFIRM,
            get(device_confirm::get).post(device_confirm::post),
        )
        .merge(account_pages())
        .layer(same_site_forms(app));

    let files = Router::new()
        .route(paths::STATIC, get(static_files::get))
        .route(paths::CLIENT_LOGO, get(logo::get));

    let supervision = Router::new()
        .route(paths::HEALTH, get(health::alive))
        .route(paths::READY, get(health::ready));

    let with_cookies = open_to_clients
        .merge(people)
        .layer(session::layer(app))
        .layer(from_fn_with_state(app.clone(), error::for_bare_answers));
    let with_cookies = watched_over(app, with_cookies);
    let all = documents.merge(machines).merge(with_cookies).merge(files);
    // Supervisors know the process, not the issuer: these two stay where they are.
    under_issuer_path(app, all)
        .merge(supervision)
        .fallback(static_files::not_found)
        .layer(CatchPanicLayer::custom(layers::panicked))
        .layer(from_fn_with_state(app.clone(), layers::observe))
        .with_state(app.clone())
}

/// What the metrics listener answers. Health stays with the routes above, since it tells whether those are served.
pub fn metrics_router(app: &App) -> Router {
    Router::new()
        .route(paths::METRICS, get(crate::endpoints::metrics::get))
        .with_state(app.clone())
}

/// Lets applications watch over the sign-in in a frame, unless that is switched off.
fn watched_over(app: &App, pages: Router<App>) -> Router<App> {
    if !app.config().sessions.management {
        return pages;
    }
    pages
        .layer(from_fn_with_state(app.clone(), browser_state::follow))
        .route(paths::CHECK_SESSION, get(check_session::get))
}

/// Clients that register themselves. Those that have done so look after it whether or not others still may.
fn registration(app: &App) -> Router<App> {
    let one = get(register::get).put(register::put).delete(register::delete);
    let routes = Router::new().route(paths::REGISTRATION, one);
    match app.config().registration.mode {
        RegistrationMode::Off => routes,
        RegistrationMode::Token | RegistrationMode::Open => routes.route(paths::REGISTER, post(register::post)),
    }
}

/// What people see and change about themselves.
fn account_pages() -> Router<App> {
    Router::new()
        .route(paths::ACCOUNT, get(account::get))
        .route(
            paths::ACCOUNT_PROFILE,
            get(account_profile::get).post(account_profile::post),
        )
        .route(
            paths::ACCOUNT_CONTACT,
            get(account_contact::get).post(account_contact::post),
        )
        .route(
            paths::ACCOUNT_PASSWORD,
            get(account_password::get).post(account_password::post),
        )
        .route(
            paths::ACCOUNT_SESSIONS,
            get(account_sessions::get).post(account_sessions::post),
        )
        .route(paths::ACCOUNT_APPS, get(account_apps::list))
        .route(paths::ACCOUNT_APP, get(account_apps::get).post(account_apps::post))
}

/// Limits requests from one address, where that is set.
fn limited(app: &App, routes: Router<App>) -> Router<App> {
    if app.quotas().address.is_off() {
        return routes;
    }
    routes.layer(from_fn_with_state(app.clone(), throttle::machines))
}

/// The issuer may have a path. RFC 8414 §3.1 puts the well-known part before it, OpenID Connect Discovery §4 behind it;
/// both are answered under both names.
fn under_issuer_path(app: &App, routes: Router<App>) -> Router<App> {
    let path = app.config().issuer.path().trim_end_matches('/').to_owned();
    let described = metadata_paths(&path)
        .iter()
        .fold(Router::new(), |router, path| router.route(path, get(discovery::get)))
        .layer(from_fn(cors::open));
    if path.is_empty() {
        return routes.merge(described);
    }
    // Behind a slash, so that the home page is at `/tenant/`; whoever types the issuer itself is sent there.
    let home = format!("{path}/");
    let to_home = respond::see_other(&home).into_parts().0;
    Router::new()
        .nest(&home, routes)
        .route(&path, get(async move || to_home))
        .merge(described)
}

/// Where the metadata is found, for an issuer of this path.
fn metadata_paths(path: &str) -> Vec<String> {
    let names = [paths::OAUTH_METADATA, paths::OPENID_CONFIGURATION];
    let mut found: Vec<String> = names.iter().map(|name| format!("{path}{name}")).collect();
    if !path.is_empty() {
        found.extend(names.iter().map(|name| format!("{name}{path}")));
    }
    found
}

/// Refuses forms that another site sent (`Sec-Fetch-Site`, `Origin`). The issuer's origin is named, so that a proxy that
/// rewrites `Host` breaks nothing. The page that says so comes from [`error::for_bare_answers`].
fn same_site_forms(app: &App) -> CsrfLayer<impl FnMut(ProtectionError) -> Response + Clone + use<>> {
    let layer = CsrfLayer::new().with_rejection_response(|_| respond::bare(StatusCode::FORBIDDEN));
    match layer.clone().add_trusted_origin(app.config().issuer.origin()) {
        Ok(trusting) => trusting,
        // An issuer's origin is always one; without it the `Host` header decides, which is the stricter rule.
        Err(_) => layer,
    }
}
