//! Portcullis: a complete OAuth 2.0 / OpenID Connect authorization server.
//!
//! # The map
//!
//! | tier | rooms |
//! |---|---|
//! | 0 facts | [`protocol`] the RFCs as types · [`model`] what is stored · [`config`] · [`time`] |
//! | 1 primitives | [`crypto`] · [`outbound`] the only HTTP client · [`quota`] counts of this node · [`telemetry`] |
//! | 2 persistence | [`store`] both databases · [`app`] what every request shares |
//! | 3 decisions | [`limits`] how often something may be tried · [`logos`] pictures of clients · [`client_keys`] what clients sign with · [`client_auth`] · [`tokens`] · [`grants`] · [`authorize`] · [`accounts`] · [`registration`] · [`logout`] |
//! | 4 HTTP | [`http`] · [`endpoints`] for machines · [`pages`] for people |
//! | 5 edges | [`router`] the route table · [`jobs`] · [`playground`] a demo client · [`cli`] |
//!
//! A room imports from lower tiers only, with few exceptions that `tests/it/architecture.rs` lists and holds.
//!
//! # Two walks
//!
//! **`POST /token` with a code.** [`router`] → [`http::extract::client_form`] (the body, once) → [`endpoints::token`] →
//! [`client_auth::authenticate`] (the client: read 1, or none while nothing changed) → [`grants::parse`] →
//! [`grants::exchange`]: load one row (read 2), decide (pure, one line a rule), plan (draw secrets, build claims, sign),
//! commit (write 1, conditional). At most three round trips.
//!
//! **`GET /authorize`.** [`router`] → [`pages::authorize`] → [`authorize::request::assemble`] (errors are pages) →
//! [`authorize::callback::establish`] (from here errors go to the client) → [`authorize::validate`] (the list) → load one row
//! → [`authorize::next_step()`] (pure) → [`pages::flow`]. Sign-in and consent come back through the same function.
//!
//! Why it is built so is told in [`manual`].

pub mod accounts;
pub mod app;
pub mod authorize;
pub mod cli;
pub mod client_auth;
pub mod client_keys;
pub mod config;
pub mod crypto;
pub mod endpoints;
pub mod grants;
pub mod http;
pub mod jobs;
pub mod limits;
pub mod logos;
pub mod logout;
pub mod manual;
pub mod model;
pub mod outbound;
pub mod pages;
pub mod playground;
pub mod protocol;
pub mod quota;
pub mod registration;
pub mod router;
pub mod store;
pub mod telemetry;
pub mod time;
pub mod tokens;
