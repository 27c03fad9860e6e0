//! stub
/// c
#[derive(clap::Args)]
pub struct Command {}
/// r
pub async fn run(_c: &Command, _cx: &crate::config::Config, _j: bool) -> anyhow::Result<()> {
    Ok(())
}
