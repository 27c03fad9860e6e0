//! `portcullis client`: the applications that sign people in and ask for tokens.

mod about;
mod answers;
mod keys;
mod logo;
mod metadata;
mod options;
mod secret;
mod show;
mod subject;
mod update;

use std::path::PathBuf;

use anyhow::{anyhow, bail, ensure};
use clap::{Args, Subcommand};
use serde_json::json;

pub use self::options::Options;
pub use self::update::UpdateArgs;
use super::cx::Cx;
use super::output;
use crate::config::Span;
use crate::crypto::opaque::{Kind, OpaqueToken};
use crate::http::paths;
use crate::model::audit_event::AuditKind;
use crate::model::client::Client;
use crate::protocol::ids::ClientId;
use crate::store::{ClientWrite, SecretRotation};

/// Manage clients.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Register a client. A confidential one gets a secret, shown once
    Create(Box<CreateArgs>),
    /// List all clients
    List,
    /// Show one client
    Show {
        /// Its client id
        id: String,
    },
    /// Change a client; what is not named stays, and a list that is given replaces the present one
    Update(Box<UpdateArgs>),
    /// Delete a client with everything that was issued to it
    Delete {
        /// Its client id
        id: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Give a client a new secret; the present one is still accepted for a while
    RotateSecret(RotateArgs),
    /// Give a client a token with which it changes its own registration over HTTP (RFC 7592); the one before ends
    RegistrationToken {
        /// Its client id
        id: String,
    },
}

/// How to register a client.
#[derive(Args, Debug)]
pub struct CreateArgs {
    /// Its client id [default: drawn]
    #[arg(long)]
    id: Option<String>,
    /// Name shown to people
    #[arg(long, required_unless_present = "metadata")]
    name: Option<String>,
    /// It cannot keep a secret: an application in a browser, on a phone or a desktop
    #[arg(long, conflicts_with = "secret_file")]
    public: bool,
    /// A secret of your own, on one line of a file, instead of a generated one
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// Its other properties.
    #[command(flatten)]
    options: Options,
}

/// How to give a client a new secret.
#[derive(Args, Debug)]
pub struct RotateArgs {
    /// Its client id
    id: String,
    /// How long the present secret is still accepted
    #[arg(long, value_name = "DURATION", default_value = "24h", conflicts_with = "now")]
    overlap: Span,
    /// The present secret is not accepted any more
    #[arg(long)]
    now: bool,
    /// A secret of your own, on one line of a file, instead of a generated one
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
}

/// Runs the command.
pub async fn run(command: Command, cx: &Cx) -> anyhow::Result<()> {
    match command {
        Command::Create(args) => create(cx, &args).await,
        Command::List => show::list(cx).await,
        Command::Show { id } => show::one(cx, &find(cx, &id).await?, "").await,
        Command::Update(args) => update::run(cx, &args).await,
        Command::Delete { id, yes } => delete(cx, &id, yes).await,
        Command::RotateSecret(args) => rotate_secret(cx, &args).await,
        Command::RegistrationToken { id } => registration_token(cx, &id).await,
    }
}

async fn create(cx: &Cx, args: &CreateArgs) -> anyhow::Result<()> {
    let client_id = metadata::client_id(args.id.as_deref())?;
    let mut metadata = metadata::new(args.name.as_deref(), args.public, &args.options)?;
    subject::settle(cx, None, &mut metadata, &args.options.subject).await?;
    metadata::check_resource_servers(cx, &metadata).await?;
    let logo = args.options.logo.as_deref().map(logo::read).transpose()?;
    let now = cx.now();
    let mut client = Client {
        client_id,
        revision: 1,
        metadata,
        secrets: Vec::new(),
        has_logo: logo.is_some(),
        created_at: now,
        updated_at: now,
        disabled_at: None,
    };
    let secret = if client.metadata.has_secret() {
        let (id, file) = (&client.client_id, args.secret_file.as_deref());
        Some(secret::make(cx, id, &client.metadata, file).await?)
    } else {
        ensure!(
            args.secret_file.is_none(),
            "a client that is public, or proves itself by its own key, has no secret: leave --secret-file out"
        );
        None
    };
    client.secrets.extend(secret.iter().map(|secret| secret.stored.clone()));
    let trail = cx.trail().await?;
    settle(cx.store.insert_client(&client).await?, &client.client_id)?;
    trail
        .record(trail.event(AuditKind::ClientCreated).client(&client.client_id))
        .await?;
    if let Some(logo) = logo {
        cx.store
            .set_logo(&client.client_id, logo.media_type, &logo.image)
            .await?;
    }
    let generated = secret.and_then(|secret| secret.generated);
    show::created(cx, &client, generated.as_ref()).await
}

async fn delete(cx: &Cx, id: &str, yes: bool) -> anyhow::Result<()> {
    let client = find(cx, id).await?;
    let question = format!(
        "Delete the client {} ({}) with every grant and token that was issued to it?",
        client.client_id, client.metadata.name
    );
    ensure!(
        yes || output::confirm(&question)?,
        "nothing was deleted; confirm with --yes"
    );
    let trail = cx.trail().await?;
    settle(cx.store.delete_client(&client.client_id).await?, &client.client_id)?;
    trail
        .record(trail.event(AuditKind::ClientDeleted).client(&client.client_id))
        .await?;
    let document = json!({ "client_id": client.client_id, "deleted": true });
    output::print(cx.json, &document, &format!("Deleted the client {}.", client.client_id))
}

async fn rotate_secret(cx: &Cx, args: &RotateArgs) -> anyhow::Result<()> {
    let client = find(cx, &args.id).await?;
    ensure!(
        client.metadata.has_secret(),
        "{} has no secret: it is public, or proves itself by its own key",
        client.client_id
    );
    let secret = secret::make(cx, &client.client_id, &client.metadata, args.secret_file.as_deref()).await?;
    let overlap = if args.now { 0 } else { args.overlap.as_secs() };
    let rotation = SecretRotation {
        client: &client,
        secret: &secret.stored,
        overlap_until: secret.stored.created_at.plus(overlap),
    };
    let trail = cx.trail().await?;
    settle(cx.store.rotate_secret(&rotation).await?, &client.client_id)?;
    let event = trail.event(AuditKind::ClientChanged).client(&client.client_id);
    trail.record(event.detail("secret", "rotated")).await?;
    show::rotated(cx, &rotation, secret.generated.as_ref())
}

async fn registration_token(cx: &Cx, id: &str) -> anyhow::Result<()> {
    let client = find(cx, id).await?;
    let token = OpaqueToken::generate(Kind::RegistrationAccess);
    let trail = cx.trail().await?;
    cx.store
        .set_registration_token(&client.client_id, &token.digest(), cx.now())
        .await?;
    let event = trail
        .event(AuditKind::RegistrationTokenChanged)
        .client(&client.client_id);
    trail.record(event).await?;
    let uri = cx.config.issuer.url(&paths::fill(paths::REGISTRATION, id));
    let document = json!({
        "client_id": client.client_id,
        "registration_client_uri": uri,
        "registration_access_token": token.expose(),
    });
    let text = format!("Whoever holds it can change and delete the client at {uri}.\n");
    let text = text + &output::secret("Registration access token", token.expose());
    output::print(cx.json, &document, &text)
}

async fn find(cx: &Cx, id: &str) -> anyhow::Result<Client> {
    let found = match ClientId::parse(id) {
        Some(id) => cx.store.client(&id).await?,
        None => None,
    };
    found.ok_or_else(|| anyhow!("there is no client {id:?}; `portcullis client list` lists them"))
}

fn settle(outcome: ClientWrite, id: &ClientId) -> anyhow::Result<()> {
    match outcome {
        ClientWrite::Done => Ok(()),
        ClientWrite::NotFound => bail!("the client {id} is gone"),
        ClientWrite::Taken => bail!("the client id {id} is taken; choose another --id"),
        ClientWrite::Conflict => bail!("somebody changed {id} at the same moment; run the command again"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Secret};
    use crate::time::{Clock, Timestamp};

    async fn cx(dir: &std::path::Path) -> Cx {
        let mut config = Config::with_defaults("https://id.example".parse().unwrap());
        config.database.url = Secret::new(format!("sqlite://{}/portcullis.db", dir.display()));
        Cx::open(config, Clock::fixed(Timestamp(1000)), true).await.unwrap()
    }

    async fn rotate(cx: &Cx, id: &str) -> uuid::Uuid {
        let client = find(cx, id).await.unwrap();
        let secret = secret::make(cx, &client.client_id, &client.metadata, None)
            .await
            .unwrap();
        let rotation = SecretRotation {
            client: &client,
            secret: &secret.stored,
            overlap_until: Timestamp(2000),
        };
        let outcome = cx.store.rotate_secret(&rotation).await.unwrap();
        assert_eq!(outcome, ClientWrite::Done);
        secret.stored.id
    }

    #[tokio::test]
    async fn rotations_within_one_second_keep_the_newest_secret() {
        let dir = tempfile::tempdir().unwrap();
        let cx = cx(dir.path()).await;
        let client_id = metadata::client_id(Some("svc")).unwrap();
        let metadata = metadata::new(Some("Service"), false, &Options::default()).unwrap();
        let client = Client {
            secrets: vec![secret::make(&cx, &client_id, &metadata, None).await.unwrap().stored],
            client_id,
            revision: 1,
            metadata,
            has_logo: false,
            created_at: cx.now(),
            updated_at: cx.now(),
            disabled_at: None,
        };
        assert_eq!(cx.store.insert_client(&client).await.unwrap(), ClientWrite::Done);
        let mut before = client.secrets[0].id;
        // Keys of one second sort by chance: once is no proof.
        for _ in 0..8 {
            let newest = rotate(&cx, "svc").await;
            let secrets = find(&cx, "svc").await.unwrap().secrets;
            let kept: Vec<_> = secrets.iter().map(|secret| (secret.id, secret.expires_at)).collect();
            assert_eq!(kept, [(newest, None), (before, Some(Timestamp(2000)))]);
            before = newest;
        }
    }
}
