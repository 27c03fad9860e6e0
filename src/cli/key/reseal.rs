//! `portcullis key reseal`: another master key.
//!
//! Whatever happens in the middle, the server starts: with a key file of its own both keys lie in the data directory until
//! the end, and with a configured key the operator names both (`keys.previous_master_key`) until everything is sealed again.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use serde_json::json;

use crate::cli::cx::{self, Cx};
use crate::cli::{output, text};
use crate::crypto::seal::MasterKey;
use crate::jobs::keys;
use crate::model::audit_event::AuditKind;

/// Under which key.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// The new master key, on one line of a file [default: keys.master_key beside keys.previous_master_key; a drawn one
    /// where the key is a file in the data directory]
    #[arg(long, value_name = "FILE")]
    new_master_key_file: Option<PathBuf>,
}

/// Runs the command.
pub async fn run(arguments: &Arguments, cx: &Cx) -> anyhow::Result<()> {
    let given = arguments.new_master_key_file.as_deref().map(read).transpose()?;
    if cx.config.keys.master_key.is_some() {
        configured(cx, given).await
    } else {
        in_the_data_directory(cx, given).await
    }
}

/// The operator keeps the key: the command seals, and says what to configure.
async fn configured(cx: &Cx, given: Option<MasterKey>) -> anyhow::Result<()> {
    let present = cx::open_master_key(&cx.config, true)?;
    let (to, then) = match given {
        Some(new) => {
            let then =
                "Set keys.master_key to the new key on every node now: a node that starts with the old one refuses to.";
            (new, then)
        }
        None => {
            ensure!(
                cx.config.keys.previous_master_key.is_some(),
                "say under which key: set keys.master_key to the new key and keys.previous_master_key to the present one on \
                 every node, restart them, and run this command again; or give --new-master-key-file"
            );
            let then = "Take keys.previous_master_key out of the configuration when every node has restarted.";
            (present.clone(), then)
        }
    };
    let sealed = seal(cx, &present, &to).await?;
    report(cx, &sealed, &to, then)
}

/// The new key lies beside the present one first. Once everything is sealed under it, it takes its place.
async fn in_the_data_directory(cx: &Cx, given: Option<MasterKey>) -> anyhow::Result<()> {
    let path = cx::master_key_path(&cx.config);
    ensure!(
        path.exists(),
        "there is no master key in {} yet: the server makes it when it first starts",
        path.display()
    );
    let next = cx::next_master_key_path(&cx.config);
    if let Some(given) = &given
        && !MasterKey::create(&next, given)?
        && MasterKey::load_or_create(&next)?.id() != given.id()
    {
        bail!(
            "an interrupted change to another key lies in {}; run this command without a key to finish it first",
            next.display()
        );
    }
    let to = MasterKey::load_or_create(&next)?;
    let both = cx::open_master_key(&cx.config, true)?;
    let sealed = seal(cx, &both, &to).await?;
    let old = path.with_extension("key.old");
    take_its_place(&next, &path, &old).with_context(|| {
        format!(
            "the key in {} counts now and belongs in {}",
            next.display(),
            path.display()
        )
    })?;
    let then = format!(
        "It is in {}: back it up. The one before is in {}, for backups of the database from before; delete it when you need \
         none of them. Restart the server soon: until then it goes on with the keys it has.",
        path.display(),
        old.display()
    );
    report(cx, &sealed, &to, &then)
}

/// What was sealed again.
struct Sealed {
    keys: usize,
    secrets: usize,
}

async fn seal(cx: &Cx, from: &MasterKey, to: &MasterKey) -> anyhow::Result<Sealed> {
    let trail = cx.trail().await?;
    let sealed = Sealed {
        keys: keys::reseal(&cx.store, from, to).await?,
        secrets: keys::reseal_client_secrets(&cx.store, from, to).await?,
    };
    if sealed.keys + sealed.secrets > 0 {
        let event = trail.event(AuditKind::MasterKeyChanged);
        let event = event.detail("master_key_id", to.id()).detail("keys", sealed.keys);
        trail.record(event.detail("client_secrets", sealed.secrets)).await?;
    }
    Ok(sealed)
}

/// There is a file at `path` at every moment.
fn take_its_place(next: &Path, path: &Path, old: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(old) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    std::fs::hard_link(path, old)?;
    std::fs::rename(next, path)
}

fn report(cx: &Cx, sealed: &Sealed, to: &MasterKey, then: &str) -> anyhow::Result<()> {
    let document = json!({ "sealed": sealed.keys, "client_secrets": sealed.secrets, "master_key_id": to.id() });
    let text = format!(
        "Sealed {} signing keys and {} client secrets under master key {}. {then}\n\nForms that people have open, and devices that wait to be \
         let in, start again after the restart; sign-ins and tokens go on.",
        sealed.keys,
        sealed.secrets,
        to.id()
    );
    output::print(cx.json, &document, &text)
}

fn read(path: &Path) -> anyhow::Result<MasterKey> {
    let text = text::read_secret(path)?;
    MasterKey::parse(&text).with_context(|| format!("{}", path.display()))
}
