//! The command line.

pub mod api;
pub mod client;
pub mod config;
pub mod cx;
pub mod health;
pub mod key;
pub mod migrate;
pub mod output;
pub mod text;
pub mod user;
