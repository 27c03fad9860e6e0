//! npm's `oidc-provider` on the in-memory adapter that it comes with, which nothing else in JavaScript can be faster than. That
//! adapter keeps the 1,000 to 2,000 entries that were used last and forgets the others: memory is bounded, and of the
//! workloads it takes those whose tokens fit. The library does not look up its own JWTs, neither for introspection nor
//! for userinfo.

use std::process::Command;

use anyhow::Context as _;

use super::{Client, Fields, PERSON, Peer, SCOPE, Site, source, told_by};
use crate::load::CONNECTIONS;
use crate::process::Process;
use crate::visitor::{Visitor, code_in};

const HOME: &str = "benches/peers/oidc-provider";
/// As in its `server.mjs`.
const SECRET: &str = "a-secret-of-the-benchmark-and-of-nothing-else";
/// Of these, together with their codes, sessions and grants, none is forgotten while they are looked up: its memory keeps the
/// last 1,000 entries.
const TOKENS: usize = 150;

/// Starts it, if it is installed.
pub async fn start() -> anyhow::Result<Option<Peer>> {
    let home = source(HOME);
    let manifest = home.join("node_modules/oidc-provider/package.json");
    let Ok(manifest) = std::fs::read(manifest) else {
        return Ok(None);
    };
    let manifest: serde_json::Value = serde_json::from_slice(&manifest)?;
    let version = manifest["version"].as_str().context("a package without version")?;
    // The package of Node.js for this processor, as the lock file says; the one on the path where there is none.
    let packaged = ["x64", "arm64"].map(|processor| home.join(format!("node_modules/node-linux-{processor}/bin/node")));
    let node = packaged
        .into_iter()
        .find(|node| node.exists())
        .unwrap_or_else(|| "node".into());
    let mut command = Command::new(&node);
    command
        .arg("server.mjs")
        .current_dir(&home)
        .env("NODE_ENV", "production");
    // It warns that it keeps everything in memory.
    command.stderr(std::process::Stdio::null());
    let mut peer = Peer {
        name: "`oidc-provider`, in memory".to_owned(),
        version: format!(
            "{version} on Node.js {}",
            told_by(Command::new(&node).arg("--version"))?
        ),
        process: Process::announcing(&mut command)?,
        site: site(),
        sessions: Vec::new(),
    };
    let sign_in = peer.authorize_path(&peer.site.web);
    for _ in 0..CONNECTIONS {
        // Whoever comes without a session is signed in as the same person, and sent on with a code.
        let mut visitor = Visitor::new(peer.process.address, &format!("http://{}", peer.host())).await?;
        code_in(visitor.open(&sign_in).await?).with_context(|| format!("{PERSON} was not signed in"))?;
        peer.sessions.push(visitor.cookies);
    }
    Ok(Some(peer))
}

fn client(id: &'static str, fields: &[(&'static str, &str)]) -> Client {
    let fields: Fields = fields
        .iter()
        .map(|(name, value)| (*name, (*value).to_owned()))
        .collect();
    Client {
        id,
        secret: SECRET,
        fields,
    }
}

fn site() -> Site {
    let es256 = ("resource", "https://es256.example");
    let machine = |api| {
        Some((
            "/token".to_owned(),
            client("service", &[("scope", SCOPE), ("resource", api)]),
        ))
    };
    Site {
        discovery: "/.well-known/openid-configuration".to_owned(),
        jwks: "/jwks".to_owned(),
        authorize: "/auth".to_owned(),
        token: "/token".to_owned(),
        introspection: "/token/introspection".to_owned(),
        userinfo: "/me".to_owned(),
        machine: [
            machine("https://es256.example"),
            machine("https://rs256.example"),
            machine("https://opaque.example"),
        ],
        web: client("web", &[("scope", "openid jobs:run"), es256]),
        offline: client("offline", &[("scope", SCOPE), es256]),
        lookup: (true, TOKENS, client("web", &[("scope", "openid profile email")])),
        device: ("/device/auth".to_owned(), client("device", &[("scope", "openid")])),
    }
}
