//! stub
use super::Cx;
/// c
#[derive(clap::Subcommand)]
pub enum Command {
    /// l
    List,
}
/// r
pub async fn run(_c: Command, _cx: &Cx) -> anyhow::Result<()> {
    Ok(())
}
