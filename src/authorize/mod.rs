//! The authorization endpoint's decisions (RFC 6749 §4.1, OpenID Connect Core §3.1.2).
//!
//! `request::assemble` finds the client, opens a request object, and proves where answers may go, `validate` is the list of
//! checks, `next_step` decides what is missing, `issue` gives the code, with a `session_state` for those who watch over the sign-in. Sign-in and consent come back through the same
//! `next_step`: there is no second path that could skip a check.

pub mod callback;
pub mod device;
pub mod interaction;
pub mod issue;
pub mod next_step;
pub mod request;
pub mod request_object;
pub mod session_state;
pub mod validate;

pub use callback::{Answer, Callback};
pub use next_step::{Facts, LoginReason, Step, next_step};
