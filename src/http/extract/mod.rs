//! Requests as facts: a body is read once, bounded, and parsed strictly.

pub mod bearer;
pub mod client_form;
pub mod form;
pub mod registration;
