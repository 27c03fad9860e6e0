//! The command line: one file for each noun. `anyhow` lives here; the library's errors stay precise.

mod after_restore;
mod api;
mod audit;
mod backup;
mod client;
mod config;
mod cx;
mod demo;
mod demo_data;
mod doctor;
mod health;
mod key;
mod listen;
mod migrate;
mod notify;
mod output;
mod registration_token;
mod serve;
mod text;
mod tls;
mod token;
mod trail;
mod user;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{Config, ConfigError, Issuer, LoadArgs, load};
use crate::telemetry;
use crate::time::Clock;
use cx::Cx;

/// An OAuth 2.0 / OpenID Connect authorization server.
#[derive(Parser)]
#[command(name = "portcullis", version, about, propagate_version = true)]
struct Arguments {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options of every command.
#[derive(clap::Args)]
struct Global {
    /// The configuration file; portcullis.toml in this directory unless given
    #[arg(long, global = true, env = "PORTCULLIS_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// The directory of the embedded database and the master key
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The issuer identifier: the URL that people and apps reach this server at
    #[arg(long, global = true, value_name = "URL")]
    issuer: Option<String>,
    /// Any other setting, such as --set tokens.access_lifetime=5m
    #[arg(long = "set", global = true, value_name = "KEY=VALUE", value_parser = key_value)]
    settings: Vec<(String, String)>,
    /// Print JSON for programs
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Try it: a server with a demo user, demo clients and a playground, on this machine only
    Demo(demo::Arguments),
    /// Run the server
    Serve(serve::Arguments),
    /// Bring the database schema up to date
    Migrate(migrate::Command),
    /// Check and show the configuration
    #[command(subcommand)]
    Config(config::Command),
    /// People who sign in
    #[command(subcommand)]
    User(user::Command),
    /// Apps that ask for tokens
    #[command(subcommand)]
    Client(client::Command),
    /// Tokens with which clients register themselves
    #[command(subcommand)]
    RegistrationToken(registration_token::Command),
    /// Resource servers that tokens are for
    #[command(subcommand)]
    Api(api::Command),
    /// Signing keys
    #[command(subcommand)]
    Key(key::Command),
    /// Show the audit trail: who did what, when, and from where
    Audit(audit::Command),
    /// Fetch a token: by device login, or with --client-credentials
    Token(token::Command),
    /// Ask a running server whether it is alive
    Health(health::Command),
    /// Look at the whole installation and say what is wrong and what to do
    Doctor,
    /// Copy the embedded database while the server runs
    Backup(backup::Command),
    /// After an older database came back: end what may have come to life again
    AfterRestore(after_restore::Command),
}

/// Runs the command line. Errors are printed for people, on stderr, with what to do.
pub fn main() -> ExitCode {
    tls::install_provider();
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return output::failure(&anyhow::anyhow!("the runtime cannot start: {error}")),
    };
    let outcome = runtime.block_on(run(arguments));
    telemetry::output::flush();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => output::failure(&error),
    }
}

async fn run(Arguments { global, command }: Arguments) -> anyhow::Result<()> {
    match command {
        Command::Demo(arguments) => demo::run(arguments, global.data, global.json).await,
        Command::Serve(arguments) => serve::run(global.load(arguments.overrides())?).await,
        Command::Config(command) => config::run(command, &global.load(Vec::new())?, global.json),
        Command::Token(command) => token::run(command, &global.issuer()?, global.json).await,
        Command::Health(command) => health::run(command, || global.load_leniently(), global.json).await,
        Command::Doctor => doctor::run(global.load(Vec::new()), global.json).await,
        Command::Backup(command) => backup::run(command, &global.load_leniently()?, global.json).await,
        Command::AfterRestore(command) => after_restore::run(command, global.load_leniently()?, global.json).await,
        Command::Migrate(command) => migrate::run(command, &global.load_leniently()?, global.json).await,
        Command::User(command) => user::run(command, &global.open().await?).await,
        Command::Client(command) => client::run(command, &global.open().await?).await,
        Command::RegistrationToken(command) => registration_token::run(command, &global.open().await?).await,
        Command::Api(command) => api::run(command, &global.open().await?).await,
        Command::Key(command) => key::run(command, &global.open().await?).await,
        Command::Audit(command) => audit::run(command, &global.open().await?).await,
    }
}

impl Global {
    /// The configuration, with what the command line says on top.
    fn load(&self, more: Vec<(String, String)>) -> Result<Config, ConfigError> {
        let mut overrides = self.settings.clone();
        overrides.extend(
            self.data
                .as_ref()
                .map(|data| ("server.data_dir".to_owned(), data.display().to_string())),
        );
        overrides.extend(self.issuer.clone().map(|issuer| ("issuer".to_owned(), issuer)));
        overrides.extend(more);
        load(LoadArgs {
            file: self.config.clone(),
            env: std::env::vars(),
            overrides,
        })
    }

    /// For commands that only touch the database, a missing issuer is no reason to stop; any other mistake is.
    fn load_leniently(&self) -> Result<Config, ConfigError> {
        self.load(Vec::new()).or_else(|error| {
            let placeholder = ("issuer".to_owned(), "http://localhost".to_owned());
            if self.issuer.is_some() {
                Err(error)
            } else {
                self.load(vec![placeholder]).map_err(|_| error)
            }
        })
    }

    /// The issuer alone, for a command that needs no other setting: it may run on a machine that has none.
    fn issuer(&self) -> anyhow::Result<Issuer> {
        match &self.issuer {
            Some(issuer) => Ok(issuer.parse()?),
            None => Ok(self.load(Vec::new())?.issuer),
        }
    }

    async fn open(&self) -> anyhow::Result<Cx> {
        Cx::open(self.load_leniently()?, Clock::System, self.json).await
    }
}

fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text
        .split_once('=')
        .ok_or("write it as KEY=VALUE, such as log.level=debug")?;
    Ok((key.trim().to_owned(), value.to_owned()))
}
