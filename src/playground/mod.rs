//! The playground: a small client that shows what it does.
//!
//! `portcullis demo` serves it beside the server, on an origin of its own. It signs a person in with the authorization
//! code flow and PKCE and shows each message. It is a foreigner here: it knows the server by its issuer URL alone,
//! speaks HTTP to it, and checks tokens with the published keys.
//!
//! It shows tokens on purpose, so it belongs on a developer's own machine. It never logs them.

use std::sync::Arc;

use axum::Router;

use crate::crypto::digest::sha256;
use crate::outbound::Outbound;
use crate::time::Clock;

mod device;
mod exchange;
mod flow;
mod glossary;
mod guard;
mod inspect;
mod refusal;
mod routes;
mod runs;
mod steps;
mod view;

const STYLESHEET: &str = concat!(
    include_str!("../../static/portcullis.css"),
    include_str!("../../static/playground.css")
);
const ICON: &str = include_str!("../../static/portcullis.svg");

/// What the playground is told. It asks discovery for the rest.
#[derive(Clone)]
pub struct PlaygroundConfig {
    /// The issuer identifier, letter for letter.
    pub issuer: String,
    /// Where the playground itself is reached, such as `http://localhost:8081`.
    pub origin: String,
    /// The client, which must be registered with the redirect URI [`PlaygroundConfig::redirect_uri`].
    pub client_id: String,
    /// Its secret, for `client_secret_basic`.
    pub client_secret: String,
    /// What to ask for, such as `openid profile email offline_access`.
    pub scope: String,
    /// The client of a device login, if there is one: public, with `openid profile offline_access`.
    pub device_client_id: Option<String>,
    /// Decides when tokens and runs end.
    pub clock: Clock,
}

impl PlaygroundConfig {
    /// Where the server sends the browser back to.
    pub fn redirect_uri(&self) -> String {
        format!("{}/callback", self.origin)
    }
}

/// A client that acts for itself (RFC 6749 §4.4), with `client_secret_basic`.
#[derive(Clone)]
pub struct MachineClient {
    /// Its identifier.
    pub client_id: String,
    /// Its secret. Shown on the page, inside a command to copy.
    pub client_secret: String,
    /// What to ask for.
    pub scope: String,
}

/// Somebody who can sign in. Shown on the start page, password and all.
#[derive(Clone)]
pub struct DemoUser {
    /// What to type first.
    pub username: String,
    /// What to type second.
    pub password: String,
}

/// The playground; [`Playground::router`] serves it.
pub struct Playground {
    config: PlaygroundConfig,
    machine: Option<MachineClient>,
    user: Option<DemoUser>,
    outbound: Outbound,
    runs: runs::Runs,
    assets: Assets,
    policy: String,
}

impl Playground {
    /// A playground of one issuer, with no run in it.
    pub fn new(config: PlaygroundConfig) -> Self {
        Self {
            policy: guard::content_security_policy(&config.issuer),
            config,
            machine: None,
            user: None,
            outbound: Outbound::new(),
            runs: runs::Runs::default(),
            assets: Assets::new(),
        }
    }

    /// Adds a section that fetches a token without a person.
    #[must_use]
    pub fn with_machine(mut self, machine: MachineClient) -> Self {
        self.machine = Some(machine);
        self
    }

    /// Tells visitors who they can sign in as.
    #[must_use]
    pub fn with_user(mut self, user: DemoUser) -> Self {
        self.user = Some(user);
        self
    }

    /// All routes, for a listener of their own.
    pub fn router(self) -> Router {
        routes::router(Arc::new(self))
    }
}

/// Addresses that change with the content, so that they can be cached for good.
struct Assets {
    stylesheet_href: String,
    icon_href: String,
}

impl Assets {
    fn new() -> Self {
        let hash = |content: &str| {
            sha256(content.as_bytes())[..6]
                .iter()
                .map(|b| format!("{b:02x}"))
                .collect::<String>()
        };
        Self {
            stylesheet_href: format!("/static/playground-{}.css", hash(STYLESHEET)),
            icon_href: format!("/static/portcullis-{}.svg", hash(ICON)),
        }
    }
}

#[cfg(test)]
fn sample_config() -> PlaygroundConfig {
    PlaygroundConfig {
        issuer: "https://id.example".to_owned(),
        origin: "http://localhost:8081".to_owned(),
        client_id: "web".to_owned(),
        client_secret: "secret".to_owned(),
        scope: "openid profile email offline_access".to_owned(),
        device_client_id: Some("device".to_owned()),
        clock: Clock::fixed(crate::time::Timestamp::new(1_800_000_000)),
    }
}
