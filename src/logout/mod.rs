//! Signing out at a client's request (OpenID Connect RP-Initiated Logout), and telling clients of it.
//!
//! [`request::read`] loads what a request says, [`request::decide`] is the list of rules. Who is signed out is told in the front
//! channel by the page that follows, and in the back channel by a job.

pub mod backchannel;
pub mod frontchannel;
pub mod request;
