//! stub
/// c
#[derive(clap::Args)]
pub struct Command {}
/// r
pub async fn run(_c: &Command) -> anyhow::Result<()> {
    Ok(())
}
