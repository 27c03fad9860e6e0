//! `portcullis token`: fetches a token, for a person through a device login (RFC 8628), or for a program by client credentials.
//! It is a client like any other: it knows the server by its issuer alone, and needs neither its configuration nor its database.

mod device;
mod show;

use std::path::PathBuf;

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::{output, text};
use crate::config::Issuer;
use crate::outbound::{Fetched, Outbound, OutboundError};
use crate::protocol::grant_type::GrantType;

/// Fetch a token: by device login, or with --client-credentials.
///
/// The access token goes to standard output and everything else to standard error, so that
/// `curl -H "Authorization: Bearer $(portcullis token …)" …` works.
#[derive(Args)]
pub struct Command {
    /// The client that asks
    #[arg(long, value_name = "ID")]
    client_id: String,
    /// A file whose one line is the client's secret; - is standard input. Without one the client is public
    #[arg(long, value_name = "FILE")]
    client_secret_file: Option<PathBuf>,
    /// What to ask for, such as "openid profile"
    #[arg(long)]
    scope: Option<String>,
    /// For which API, by its audience (RFC 8707); may be given more than once
    #[arg(long, value_name = "URI")]
    resource: Vec<String>,
    /// For the client itself, without a person
    #[arg(long, requires = "client_secret_file")]
    client_credentials: bool,
    /// Show the link and the code without a QR code
    #[arg(long, conflicts_with = "client_credentials")]
    no_qr: bool,
}

/// The client, and the server as it describes itself.
struct Client {
    outbound: Outbound,
    metadata: Metadata,
    client_id: String,
    secret: Option<String>,
}

/// The part of the server's metadata (RFC 8414 §2) that is needed here.
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    token_endpoint: String,
    device_authorization_endpoint: Option<String>,
}

/// An error of the token or device authorization endpoint (RFC 6749 §5.2).
#[derive(Deserialize)]
struct Refusal {
    error: String,
    error_description: Option<String>,
}

/// Runs the command.
pub async fn run(command: Command, issuer: &Issuer, json: bool) -> anyhow::Result<()> {
    let secret = command
        .client_secret_file
        .as_deref()
        .map(text::read_secret)
        .transpose()?;
    let outbound = Outbound::new();
    let client = Client {
        metadata: discover(&outbound, issuer).await?,
        outbound,
        client_id: command.client_id,
        secret,
    };
    let mut asked: Vec<(&str, &str)> = Vec::new();
    asked.extend(command.scope.as_deref().map(|scope| ("scope", scope)));
    asked.extend(command.resource.iter().map(|resource| ("resource", resource.as_str())));
    let answer = if command.client_credentials {
        asked.push(("grant_type", GrantType::ClientCredentials.as_str()));
        let endpoint = client.metadata.token_endpoint.as_str();
        client.success(endpoint, &asked).await?
    } else {
        device::sign_in(&client, &asked, !command.no_qr).await?
    };
    let token = answer["access_token"]
        .as_str()
        .context("the server's answer holds no access token")?;
    output::print(json, &answer, token)
}

/// Reads the server's metadata and refuses what is not its own: a foreign issuer, an endpoint that a secret may not go to.
async fn discover(outbound: &Outbound, issuer: &Issuer) -> anyhow::Result<Metadata> {
    let url = format!("{}/.well-known/openid-configuration", issuer.as_str());
    let fetched = outbound.get_json(&url).await;
    let fetched =
        fetched.with_context(|| format!("{url} cannot be read; is --issuer right, and the server running?"))?;
    ensure!(
        fetched.status == 200,
        "{url} answered {}: is --issuer the address of an OpenID provider?",
        fetched.status
    );
    let metadata: Metadata =
        serde_json::from_str(&fetched.body).with_context(|| format!("{url} is no provider metadata"))?;
    ensure!(
        metadata.issuer == issuer.as_str(),
        "the server at {} calls itself {:?}; give that as --issuer",
        issuer.as_str(),
        metadata.issuer
    );
    let device = metadata.device_authorization_endpoint.as_deref();
    for endpoint in std::iter::once(metadata.token_endpoint.as_str()).chain(device) {
        let safe = Url::parse(endpoint).is_ok_and(|url| url.scheme() == "https" || !issuer.is_https());
        ensure!(
            safe,
            "the server names {endpoint:?}, which is not https; nothing was sent there"
        );
    }
    Ok(metadata)
}

impl Client {
    /// Asks an endpoint as this client.
    async fn ask(&self, endpoint: &str, form: &[(&str, &str)]) -> Result<Fetched, OutboundError> {
        match &self.secret {
            Some(secret) => {
                let basic = Some((self.client_id.as_str(), secret.as_str()));
                self.outbound.post_form(endpoint, form, basic).await
            }
            None => {
                let mut form = form.to_vec();
                form.push(("client_id", &self.client_id));
                self.outbound.post_form(endpoint, &form, None).await
            }
        }
    }

    /// Asks, and takes nothing but success for an answer.
    async fn success(&self, endpoint: &str, form: &[(&str, &str)]) -> anyhow::Result<Value> {
        let fetched = self.ask(endpoint, form).await;
        let fetched = fetched.with_context(|| format!("no answer from {endpoint}"))?;
        if fetched.status != 200 {
            bail!(refused(&fetched));
        }
        serde_json::from_str(&fetched.body).with_context(|| format!("{endpoint} answered something that is no JSON"))
    }
}

/// What the server said, and what to do about it.
fn refused(fetched: &Fetched) -> String {
    let Ok(refusal) = serde_json::from_str::<Refusal>(&fetched.body) else {
        return format!("the server answered {}", fetched.status);
    };
    let hint = match refusal.error.as_str() {
        "invalid_client" => " Check --client-id and the secret.",
        "unauthorized_client" => " The client is not registered for this: see `portcullis client show`.",
        "invalid_scope" => " The client may ask for less: see `portcullis client show`.",
        _ => "",
    };
    let said = refusal.error_description.unwrap_or_default();
    format!("the server refused: {} ({said}){hint}", refusal.error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, body: &str) -> String {
        let body = body.to_owned();
        refused(&Fetched {
            status,
            challenge: None,
            date: None,
            body,
        })
    }

    #[test]
    fn a_refusal_says_what_the_server_said() {
        let said = answered(401, r#"{"error":"invalid_client","error_description":"No."}"#);
        assert_eq!(
            said,
            "the server refused: invalid_client (No.) Check --client-id and the secret."
        );
        assert_eq!(answered(502, "<html>"), "the server answered 502");
    }
}
