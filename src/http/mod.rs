//! HTTP: what endpoints and pages have in common, and nothing about policy.

pub mod assets;
pub mod browser_state;
pub mod client_address;
pub mod cookies;
pub mod cors;
pub mod csp;
pub mod document;
pub mod error;
pub mod extract;
pub mod known_browser;
pub mod layers;
pub mod paths;
pub mod respond;
pub mod session;
pub mod throttle;
