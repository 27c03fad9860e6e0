//! The command line.

pub mod cx;
