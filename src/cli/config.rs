//! `portcullis config`: what the server would run with.

use clap::Subcommand;
use serde_json::json;

use super::output;
use crate::config::Config;

/// Look at the configuration.
#[derive(Subcommand, Debug, Clone, Copy)]
pub enum Command {
    /// Check the configuration and say what is wrong, without touching the database
    Check,
    /// Show the whole configuration as it counts, with secrets hidden
    Show,
}

/// Runs the command. That `config` was loaded means that it was checked.
pub fn run(command: Command, config: &Config, json: bool) -> anyhow::Result<()> {
    match command {
        Command::Check => {
            let rows = [
                ("issuer", config.issuer.as_str().to_owned()),
                ("listen", config.server.listen.to_string()),
                ("database", config.database.redacted_url()),
                ("data_dir", config.server.data_dir.display().to_string()),
            ];
            let document = json!({ "valid": true, "issuer": config.issuer });
            let text = format!("The configuration is valid.\n\n{}", output::card(&rows));
            output::print(json, &document, &text)
        }
        Command::Show => output::print(json, &serde_json::to_value(config)?, &config.show()),
    }
}
