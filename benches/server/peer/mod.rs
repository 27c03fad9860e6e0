//! Other servers of this kind, from package registries: each a process on a free port of the loopback interface, set up as its
//! manual says for production. `benches/run.sh` installs them; one that is not there is left out. What they are asked is the
//! same, down to the scripts; where one cannot do a workload, its place stays empty.

mod glewlwyd;
mod oidc_provider;

use std::path::Path;

use anyhow::Context as _;
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::contender::{Contender, Gauges, Load, Role};
use crate::http::{Connection, Cookies, basic, bearer, form, form_request, get_request, post_head};
use crate::load::{CONNECTIONS, Scripts};
use crate::process::Process;
use crate::report::progress;
use crate::script::{CodeFlow, Repeat, Rotation};
use crate::visitor::{Visitor, code_in};
use crate::workload::Workload;

const CALLBACK: &str = "https://client.example/callback";
const VERIFIER: &str = "a-code-verifier-of-forty-three-characters-or-more";
const PERSON: &str = "alice";
const SCOPE: &str = "jobs:run";

/// Starts those that are installed. `folder` is theirs to write to; it goes away afterwards.
pub async fn start(folder: &Path) -> anyhow::Result<Vec<Box<dyn Contender>>> {
    let mut peers: Vec<Box<dyn Contender>> = Vec::new();
    match oidc_provider::start().await? {
        Some(peer) => peers.push(Box::new(peer)),
        None => progress("`oidc-provider` is not installed: left out"),
    }
    match glewlwyd::start(folder).await? {
        Some(peer) => peers.push(Box::new(peer)),
        None => progress("glewlwyd is not installed: left out"),
    }
    Ok(peers)
}

type Fields = Vec<(&'static str, String)>;

/// A client that asks for codes.
struct Client {
    id: &'static str,
    secret: &'static str,
    /// Of its authorization requests, besides those that are the same for everybody.
    fields: Fields,
}

impl Client {
    fn basic(&self) -> String {
        basic(self.id, self.secret)
    }
}

/// Where a server has what, and how it is asked. What it cannot do is `None`.
struct Site {
    discovery: String,
    jwks: String,
    authorize: String,
    token: String,
    introspection: String,
    userinfo: String,
    /// Form and client of a request with client credentials: for an ES256 token, an RS256 one and an opaque one. Each with its
    /// token endpoint.
    machine: [Option<(String, Client)>; 3],
    /// For ID tokens and access tokens, both ES256.
    web: Client,
    /// For refresh tokens that are used once, and ES256 access tokens.
    offline: Client,
    /// For access tokens that are looked up: whether they are opaque, how many, and who gets them.
    lookup: (bool, usize, Client),
    /// The device authorization endpoint and its client.
    device: (String, Client),
}

/// A running server.
struct Peer {
    name: String,
    version: String,
    process: Process,
    site: Site,
    /// Of people who have signed in, one for each connection.
    sessions: Vec<Cookies>,
}

impl Peer {
    fn host(&self) -> String {
        format!("127.0.0.1:{}", self.process.address.port())
    }

    fn authorize_path(&self, client: &Client) -> String {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, VERIFIER.as_bytes());
        let challenge = URL_SAFE_NO_PAD.encode(digest);
        let mut fields = vec![
            ("response_type", "code"),
            ("client_id", client.id),
            ("redirect_uri", CALLBACK),
            ("state", "a-state-of-a-usual-length"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        fields.extend(client.fields.iter().map(|(name, value)| (*name, value.as_str())));
        // Where there is no ID token for it to be in, a nonce is an error to some.
        if fields
            .iter()
            .any(|(name, value)| *name == "scope" && value.starts_with("openid"))
        {
            fields.push(("nonce", "a-nonce-of-a-usual-length"));
        }
        format!("{}?{}", self.site.authorize, form(&fields))
    }

    fn redeem(client: &Client, code: Option<&str>) -> String {
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
            ("client_id", client.id),
        ];
        fields.extend(code.map(|code| ("code", code)));
        form(&fields)
    }

    async fn visitor(&self, number: usize) -> anyhow::Result<Visitor> {
        let mut visitor = Visitor::new(self.process.address, &format!("http://{}", self.host())).await?;
        visitor.cookies = self.sessions[number % self.sessions.len()].clone();
        Ok(visitor)
    }

    /// One member of as many answers of the token endpoint, each to a code of its own.
    async fn tokens(&self, client: &Client, member: &str, count: usize) -> anyhow::Result<Vec<String>> {
        let mut connection = Connection::open(self.process.address).await?;
        let path = self.authorize_path(client);
        let head = post_head(&self.host(), &self.site.token, &client.basic());
        // A server that forgets may have forgotten the sessions. Whoever is signed in again stays so for all codes, or the
        // sign-ins would push out what is asked for here.
        let mut visitors = Vec::new();
        for number in 0..count.min(self.sessions.len()) {
            visitors.push(self.visitor(number).await?);
        }
        let mut tokens = Vec::with_capacity(count);
        for number in 0..count {
            let at = number % visitors.len();
            let visitor = &mut visitors[at];
            let code = code_in(visitor.open(&path).await?)?;
            let mut request = Vec::new();
            crate::http::write_form(
                &mut request,
                head.as_bytes(),
                Self::redeem(client, Some(&code)).as_bytes(),
            );
            let answer = connection.exchange(&request).await?;
            answer.expect(200, "\"access_token\"")?;
            tokens.push(answer.member(member)?.to_owned());
        }
        Ok(tokens)
    }

    fn machine(&self, which: usize) -> Option<Scripts> {
        let (path, client) = self.site.machine[which].as_ref()?;
        let mut fields = vec![("grant_type", "client_credentials")];
        fields.extend(client.fields.iter().map(|(name, value)| (*name, value.as_str())));
        Some(everywhere(
            form_request(&self.host(), path, &client.basic(), &fields),
            "\"access_token\"",
        ))
    }

    fn document(&self, path: &str, needle: &'static str) -> Scripts {
        everywhere(get_request(&self.host(), path, ""), needle)
    }

    async fn rotation(&self) -> anyhow::Result<Scripts> {
        let client = &self.site.offline;
        let head: Vec<u8> = post_head(&self.host(), &self.site.token, &client.basic()).into_bytes();
        let mut scripts: Scripts = Vec::new();
        for token in self.tokens(client, "refresh_token", CONNECTIONS).await? {
            let head = head.clone().into();
            scripts.push(Box::new(Rotation { head, token }));
        }
        Ok(scripts)
    }

    async fn code_flow(&self) -> anyhow::Result<Scripts> {
        let client = &self.site.web;
        let path = self.authorize_path(client);
        let authorize = format!("GET {path} HTTP/1.1\r\nhost: {}\r\naccept: text/html\r\n", self.host());
        let token = post_head(&self.host(), &self.site.token, &client.basic());
        let mut scripts: Scripts = Vec::new();
        for number in 0..CONNECTIONS {
            // A server that forgets may have forgotten the session: it is signed in again then.
            let mut visitor = self.visitor(number).await?;
            code_in(visitor.open(&path).await?)?;
            scripts.push(Box::new(CodeFlow {
                authorize: authorize.clone().into_bytes().into(),
                token: token.clone().into_bytes().into(),
                redeem: Self::redeem(client, None).into(),
                cookies: visitor.cookies,
                code: String::new(),
            }));
        }
        Ok(scripts)
    }

    async fn introspection(&self) -> anyhow::Result<Scripts> {
        let (_, count, client) = &self.site.lookup;
        let tokens = self.tokens(client, "access_token", *count).await?;
        let request = |token: &String| {
            form_request(
                &self.host(),
                &self.site.introspection,
                &client.basic(),
                &[("token", token)],
            )
        };
        Ok(Repeat::all(
            CONNECTIONS,
            tokens.iter().map(request).collect(),
            200,
            "\"active\":true",
        ))
    }

    async fn userinfo(&self) -> anyhow::Result<Scripts> {
        let (_, count, client) = &self.site.lookup;
        let tokens = self.tokens(client, "access_token", *count).await?;
        let request = |token: &String| get_request(&self.host(), &self.site.userinfo, &bearer(token));
        Ok(Repeat::all(
            CONNECTIONS,
            tokens.iter().map(request).collect(),
            200,
            "\"sub\"",
        ))
    }

    fn device_start(&self) -> Scripts {
        let (path, client) = &self.site.device;
        let mut fields = vec![("client_id", client.id)];
        fields.extend(client.fields.iter().map(|(name, value)| (*name, value.as_str())));
        everywhere(
            form_request(&self.host(), path, &client.basic(), &fields),
            "\"device_code\"",
        )
    }
}

fn everywhere(request: Vec<u8>, needle: &'static str) -> Scripts {
    Repeat::all(CONNECTIONS, vec![request], 200, needle)
}

#[async_trait]
impl Contender for Peer {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn version(&self) -> String {
        self.version.clone()
    }

    fn role(&self) -> Role {
        Role::Peer
    }

    async fn prepare(&mut self, workload: Workload) -> anyhow::Result<Option<Load>> {
        let (opaque, ..) = self.site.lookup;
        let scripts = match workload {
            Workload::ClientCredentialsEs256 => self.machine(0),
            Workload::ClientCredentialsRs256 => self.machine(1),
            Workload::ClientCredentialsOpaque => self.machine(2),
            Workload::Discovery => Some(self.document(&self.site.discovery, "\"issuer\"")),
            Workload::Jwks => Some(self.document(&self.site.jwks, "\"keys\"")),
            Workload::Refresh => Some(self.rotation().await?),
            Workload::CodeFlow => Some(self.code_flow().await?),
            Workload::IntrospectJwt if !opaque => Some(self.introspection().await?),
            Workload::IntrospectOpaque if opaque => Some(self.introspection().await?),
            Workload::UserinfoJwt if !opaque => Some(self.userinfo().await?),
            Workload::UserinfoOpaque if opaque => Some(self.userinfo().await?),
            Workload::DeviceStart => Some(self.device_start()),
            // The memory of oidc-provider keeps no 10,000 devices. Polls at glewlwyd were not tried.
            _ => None,
        };
        let scripts = scripts.map(|scripts| Load::Requests(self.process.address, scripts));
        Ok(scripts)
    }

    fn gauges(&self) -> Gauges {
        Gauges {
            server: vec![self.process.id()],
            ..Gauges::default()
        }
    }
}

/// A file of the sources.
fn source(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// What a program says, without the line's end.
fn told_by(command: &mut std::process::Command) -> anyhow::Result<String> {
    let output = command
        .output()
        .with_context(|| format!("cannot run {}", command.get_program().display()))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
