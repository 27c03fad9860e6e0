//! The RFCs as types and pure functions. Nothing here knows a database, a clock, a framework or any other room.

pub mod application_type;
pub mod assertion_alg;
pub mod claims_request;
pub mod client_auth_method;
pub mod discovery;
pub mod display;
pub mod display_text;
pub mod error;
pub mod grant_type;
pub mod ids;
pub mod jwe;
pub mod params;
pub mod pkce;
pub mod prompt;
pub mod redirect_uri;
pub mod resource;
pub mod response_mode;
pub mod response_type;
pub mod scope;
pub mod signing_alg;
pub mod standard_claims;
pub mod subject_type;
pub mod user_code;

/// Writes an enum whose variants are protocol strings: `ALL`, `as_str`, `FromStr`, `Display`, serde.
///
/// Dispatch matches on the enum and discovery prints `ALL`, so the two cannot disagree.
macro_rules! wire_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$vmeta])* #[serde(rename = $text)] $variant),+ }

        impl $name {
            /// Every value, in the order in which metadata lists them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The registered string.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl std::str::FromStr for $name {
            type Err = ();

            fn from_str(text: &str) -> Result<Self, ()> {
                match text { $($text => Ok(Self::$variant),)+ _ => Err(()) }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use wire_enum;
