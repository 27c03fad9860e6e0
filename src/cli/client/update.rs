//! Changing a client.

use anyhow::ensure;
use clap::Args;

use super::options::Options;
use super::{find, logo, metadata, settle, show, subject};
use crate::cli::cx::Cx;
use crate::cli::trail;
use crate::model::audit_event::AuditKind;
use crate::model::client::{Client, ClientMetadata, ConsentPolicy};

/// How to change a client.
#[derive(Args, Debug)]
pub struct UpdateArgs {
    /// Its client id
    id: String,
    /// Name shown to people
    #[arg(long)]
    name: Option<String>,
    /// Its other properties.
    #[command(flatten)]
    options: Options,
    /// Register one more redirect URI
    #[arg(long, value_name = "URI", conflicts_with = "redirect_uri")]
    add_redirect_uri: Vec<String>,
    /// Take a redirect URI away
    #[arg(long, value_name = "URI", conflicts_with = "redirect_uri")]
    remove_redirect_uri: Vec<String>,
    /// Ask people for consent again
    #[arg(long, conflicts_with = "trusted")]
    ask_consent: bool,
    /// Its token requests repeat redirect_uri again (RFC 6749 section 4.1.3)
    #[arg(long, conflicts_with = "no_redirect_uri_at_token")]
    redirect_uri_at_token: bool,
    /// Back to the issuer as `aud` of access tokens that no API owns
    #[arg(long, conflicts_with = "default_audience")]
    no_default_audience: bool,
    /// It is no resource server any more
    #[arg(long, conflicts_with = "resource_server_for")]
    no_resource_server: bool,
    /// It may do nothing any more
    #[arg(long, conflicts_with = "enable")]
    disable: bool,
    /// It may act again
    #[arg(long)]
    enable: bool,
}

/// Runs the command.
pub async fn run(cx: &Cx, args: &UpdateArgs) -> anyhow::Result<()> {
    let client = find(cx, &args.id).await?;
    let mut changed = args.changed(&client)?;
    subject::settle(cx, Some(&client.metadata), &mut changed, &args.options.subject).await?;
    if changed.resource_server_for != client.metadata.resource_server_for {
        metadata::check_resource_servers(cx, &changed).await?;
    }
    let switched = args.disable || args.enable;
    let logo = args.options.logo.as_deref().map(logo::read).transpose()?;
    ensure!(
        changed != client.metadata || switched || logo.is_some(),
        "nothing to change; see `portcullis client update --help`"
    );
    let id = &client.client_id;
    let trail = cx.trail().await?;
    let event = || trail.event(AuditKind::ClientChanged).client(id);
    if changed != client.metadata {
        settle(cx.store.update_client(&client, &changed, cx.now()).await?, id)?;
        let names = trail::changed(&client.metadata, &changed)?;
        trail.record(event().detail("metadata", names)).await?;
    }
    if let Some(logo) = logo {
        cx.store.set_logo(id, logo.media_type, &logo.image).await?;
        trail.record(event().detail("logo", true)).await?;
    }
    if switched {
        settle(cx.store.set_client_enabled(id, args.enable, cx.now()).await?, id)?;
        trail.record(event().detail("enabled", args.enable)).await?;
    }
    let after = find(cx, &args.id).await?;
    show::one(cx, &after, &format!("Changed the client.\n{}", advice(&client, &after))).await
}

impl UpdateArgs {
    fn changed(&self, client: &Client) -> anyhow::Result<ClientMetadata> {
        let mut metadata = metadata::replaced(&client.metadata, self.options.metadata.as_deref())?;
        if let Some(name) = &self.name {
            metadata.name = metadata::checked_name(name)?;
        }
        metadata::apply(&mut metadata, &self.options)?;
        for uri in &self.add_redirect_uri {
            metadata::add_redirect_uri(&mut metadata, uri)?;
        }
        for uri in &self.remove_redirect_uri {
            metadata::remove_redirect_uri(&mut metadata, uri)?;
        }
        if self.ask_consent {
            metadata.consent = ConsentPolicy::Ask;
        }
        if self.redirect_uri_at_token {
            metadata.redirect_uri_at_token = true;
        }
        if self.no_default_audience {
            metadata.default_audience = None;
        }
        if self.no_resource_server {
            metadata.resource_server_for.clear();
        }
        metadata::check(&metadata)?;
        Ok(metadata)
    }
}

/// What a change of kind means for the secrets.
fn advice(before: &Client, after: &Client) -> String {
    let people = subject::advice(&before.metadata, &after.metadata);
    let make_one = format!("make one with: portcullis client rotate-secret {}\n", after.client_id);
    let newest = after.secrets.first();
    let secrets = match (before.metadata.has_secret(), after.metadata.has_secret()) {
        (true, false) if after.is_public() => "It is public now: its secrets are deleted.\n".to_owned(),
        (true, false) => "It proves itself by its own key now: its secrets are deleted.\n".to_owned(),
        (false, true) => format!("It shares a secret with this server now and has none yet; {make_one}"),
        _ if after.metadata.has_mac_secret() && newest.is_none_or(|secret| secret.sealed.is_none()) => {
            format!("For client_secret_jwt it needs a new secret, since the present one is only recognised; {make_one}")
        }
        _ => String::new(),
    };
    format!("{people}{secrets}")
}
