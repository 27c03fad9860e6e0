//! stub
/// c
#[derive(clap::Subcommand)]
pub enum Command {
    /// c
    Check,
}
/// r
pub fn run(
    _c: &Command,
    _l: impl FnOnce() -> Result<crate::config::Config, crate::config::ConfigError>,
) -> anyhow::Result<()> {
    Ok(())
}
