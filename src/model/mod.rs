//! What is stored, as Rust values. A state is a variant or a derived method, never a pair of fields that may disagree.

pub mod access_token;
pub mod api;
pub mod audit_event;
pub mod browser_session;
pub mod caller;
pub mod client;
mod client_metadata;
pub mod code;
pub mod consent;
pub mod device_grant;
pub mod digest;
pub mod grant;
pub mod interaction;
pub mod refresh_token;
pub mod registration;
pub mod signing_key;
pub mod throttle;
pub mod user;

/// Declares a UUIDv7 row key as its own type, so that two kinds of row cannot be mixed up.
macro_rules! row_id {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub uuid::Uuid);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}
pub(crate) use row_id;
