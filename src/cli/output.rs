//! What is printed.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is where the command line prints"
)]

use std::process::ExitCode;

/// One JSON document on one line.
pub fn line(value: &serde_json::Value) {
    println!("{value}");
}

/// Text for people.
pub fn text(text: &str) {
    println!("{text}");
}

/// An error, with its causes.
pub fn failure(error: &anyhow::Error) -> ExitCode {
    eprintln!("portcullis: {error:#}");
    ExitCode::FAILURE
}
