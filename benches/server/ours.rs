//! Portcullis itself: installed as its README says, by its own commands and its own pages.

use std::fs::{File, OpenOptions};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::contender::{Contender, Gauges, Load, Role};
use crate::growth::data::{self, Grown};
use crate::http::{Connection, Cookies, basic, bearer, form, form_request, get_request, post_head};
use crate::load::{CONNECTIONS, Scripts};
use crate::process::{Process, free_address};
use crate::script::{CodeFlow, DevicePolls, Repeat, Rotation, SignIn};
use crate::visitor::{Visitor, code_in, form_head};
use crate::workload::{DEVICES, TOKENS, Workload};

const PORTCULLIS: &str = env!("CARGO_BIN_EXE_portcullis");
const DISCOVERY: &str = "/.well-known/openid-configuration";
const CALLBACK: &str = "https://web.example/callback";
const PASSWORD: &str = "correct horse battery staple";
const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// As in `config/default.toml`, and a bit for clocks.
const DEVICE_INTERVAL: Duration = Duration::from_millis(5_050);
const VERIFIER: &str = "a-code-verifier-of-forty-three-characters-or-more";
/// How many sign in at the same time where that is measured, each a user of their own.
pub const SIGN_INS: usize = 8;

/// The limits of device codes would refuse this load, which all comes from one address. Everything else is at its default.
const CONFIGURATION: &str = "[limits]\ndevice_codes_per_address = \"off\"\n";

/// How much is made ready for the workloads.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Live tokens that are looked up.
    pub tokens: usize,
    /// Devices that wait.
    pub devices: usize,
    /// Sessions in which codes are asked for; connections share them if there are fewer.
    pub sessions: usize,
}

impl Size {
    /// As measured.
    pub const FULL: Self = Self {
        tokens: TOKENS,
        devices: DEVICES,
        sessions: CONNECTIONS,
    };
    /// To see that it works.
    pub const SMOKE: Self = Self {
        tokens: 2,
        devices: 320,
        sessions: 1,
    };
}

/// An installation that is there, with everything registered, and serves or not.
pub struct Installation {
    folder: PathBuf,
    address: SocketAddr,
    role: Role,
    database: Option<(String, Option<u32>)>,
    service: String,
    web: String,
    /// The authentication of the APIs that look tokens up, for JWTs and for opaque tokens.
    apis: [String; 2],
}

impl Installation {
    /// Makes the database and registers what the workloads need. With `database`, on that PostgreSQL database (and the
    /// server's first process, to weigh it), else on SQLite in `folder`.
    pub fn new(folder: &Path, database: Option<(String, Option<u32>)>) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let address = free_address()?;
        let mut configuration = format!(
            "issuer = \"http://localhost:{}\"\n{CONFIGURATION}[server]\nlisten = \"{address}\"\ndata_dir = \"data\"\n",
            address.port()
        );
        if let Some((url, _)) = &database {
            configuration += &format!("[database]\nurl = \"{url}\"\n");
        }
        std::fs::write(folder.join("portcullis.toml"), configuration)?;
        let Registered { service, web, apis } = register(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            address,
            role: if database.is_some() {
                Role::OursOnPostgres
            } else {
                Role::OursOnSqlite
            },
            database,
            service,
            web,
            apis,
        })
    }

    /// Starts the server; and how long it took from starting the process to the first answer.
    pub async fn serve(&self) -> anyhow::Result<(Process, Duration)> {
        let log = OpenOptions::new().create(true).append(true).open(self.log())?;
        let mut serve = Command::new(PORTCULLIS);
        serve.arg("serve").current_dir(&self.folder).stderr(log);
        Process::answering(&mut serve, self.address, DISCOVERY).await
    }

    fn log(&self) -> PathBuf {
        self.folder.join("requests.log")
    }
}

/// The clients' authentication.
struct Registered {
    service: String,
    web: String,
    apis: [String; 2],
}

/// Three APIs, one for each form of access tokens; clients; and users.
fn register(folder: &Path) -> anyhow::Result<Registered> {
    let run = |arguments: &[&str]| command(folder, arguments);
    run(&["migrate"])?;
    for (audience, scope, more) in [
        ("https://es.example", "es:read=Read", ["--algorithm", "ES256"]),
        ("https://rs.example", "rs:read=Read", ["--algorithm", "RS256"]),
        ("https://opaque.example", "opaque:read=Read", ["--format", "opaque"]),
    ] {
        let fixed = ["api", "create", audience, "--name", "API", "--scope", scope];
        run(&[&fixed[..], &more].concat())?;
    }
    for number in 0..SIGN_INS {
        let user = user(number);
        let email = format!("{user}@example.org");
        run(&["user", "create", &user, "--password", PASSWORD, "--email", &email])?;
    }
    let client = |id: &str, more: &[&str]| -> anyhow::Result<String> {
        let fixed = ["client", "create", "--id", id, "--name", id];
        let made = run(&[&fixed[..], more].concat())?;
        Ok(basic(id, made["client_secret"].as_str().unwrap_or_default()))
    };
    client("tv", &["--public", "--grant-type", "device_code", "--scope", "openid"])?;
    let machine = [
        "--grant-type",
        "client_credentials",
        "--scope",
        "es:read rs:read opaque:read",
    ];
    let scopes = "openid profile email offline_access es:read opaque:read";
    #[rustfmt::skip]
    let web = [
        "--redirect-uri", CALLBACK, "--trusted", "--id-token-alg", "ES256", "--scope", scopes,
        "--grant-type", "authorization_code", "--grant-type", "refresh_token",
    ];
    Ok(Registered {
        service: client("service", &machine)?,
        web: client("web", &web)?,
        apis: [
            client("es-api", &["--resource-server-for", "https://es.example"])?,
            client("opaque-api", &["--resource-server-for", "https://opaque.example"])?,
        ],
    })
}

fn user(number: usize) -> String {
    format!("user{number}")
}

/// Runs one of the server's commands, which prints JSON.
fn command(folder: &Path, arguments: &[&str]) -> anyhow::Result<Value> {
    let errors = folder.join("commands.log");
    let output = Command::new(PORTCULLIS)
        .args(arguments)
        .arg("--json")
        .current_dir(folder)
        .stderr(File::create(&errors)?)
        .output()?;
    let told = || {
        format!(
            "portcullis {}: {}",
            arguments.join(" "),
            std::fs::read_to_string(&errors).unwrap_or_default()
        )
    };
    ensure!(output.status.success(), told());
    serde_json::from_slice(&output.stdout).with_context(told)
}

/// The server, while it runs.
pub struct Ours {
    /// What it runs on.
    pub installation: Installation,
    /// The process.
    pub process: Process,
    size: Size,
    name: String,
    /// Refresh tokens of grants that have been there for long: of an API with JWTs, and of one with opaque tokens.
    old: Option<[Vec<String>; 2]>,
}

impl Ours {
    /// Starts it.
    pub async fn start(installation: Installation, size: Size, name: &str) -> anyhow::Result<Self> {
        let (process, _) = installation.serve().await?;
        Ok(Self {
            installation,
            process,
            size,
            name: name.to_owned(),
            old: None,
        })
    }

    /// Fills its database. From now on, what is looked up and rotated belongs to grants that lie anywhere in it.
    pub async fn grow(&mut self, url: &str, rows: u64) -> anyhow::Result<Grown> {
        self.grants("offline_access es:read", 1).await?;
        let known = self.size.tokens.max(CONNECTIONS);
        let grown = data::fill(url, rows, known, "offline_access opaque:read").await?;
        self.old = Some(grown.tokens.clone());
        Ok(grown)
    }

    fn host(&self) -> String {
        format!("localhost:{}", self.process.address.port())
    }

    fn origin(&self) -> String {
        format!("http://{}", self.host())
    }

    fn machine(&self, scope: &str) -> Vec<u8> {
        let fields = [("grant_type", "client_credentials"), ("scope", scope)];
        form_request(&self.host(), "/token", &self.installation.service, &fields)
    }

    fn authorize_path(scope: &str) -> String {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, VERIFIER.as_bytes());
        let query = form(&[
            ("response_type", "code"),
            ("client_id", "web"),
            ("redirect_uri", CALLBACK),
            ("scope", scope),
            ("state", "a-state-of-a-usual-length"),
            ("nonce", "a-nonce-of-a-usual-length"),
            ("code_challenge", &URL_SAFE_NO_PAD.encode(digest)),
            ("code_challenge_method", "S256"),
        ]);
        format!("/authorize?{query}")
    }

    /// A browser in which somebody has signed in.
    async fn signed_in(&self, number: usize) -> anyhow::Result<Visitor> {
        let mut visitor = Visitor::new(self.process.address, &self.origin()).await?;
        let page = visitor.open("/login").await?.page()?;
        let user = user(number % SIGN_INS);
        let filled_in = [("username", user.as_str()), ("password", PASSWORD)];
        visitor.fill_in(page, &filled_in).await?.page()?;
        Ok(visitor)
    }

    /// Tokens of old grants, each the answer of the token endpoint to a refresh token. What replaces it takes its place.
    async fn refreshed(&mut self, opaque: bool, count: usize) -> anyhow::Result<Vec<Value>> {
        let mut connection = Connection::open(self.process.address).await?;
        let host = self.host();
        let old = self.old.as_mut().context("there are no old grants")?;
        let tokens = &mut old[usize::from(opaque)];
        ensure!(
            count <= tokens.len(),
            "{count} old grants are wanted, {} are known",
            tokens.len()
        );
        let mut answers = Vec::with_capacity(count);
        for number in 0..count {
            let at = number * tokens.len() / count;
            let token = &mut tokens[at];
            let fields = [("grant_type", "refresh_token"), ("refresh_token", token.as_str())];
            let request = form_request(&host, "/token", &self.installation.web, &fields);
            let answer = connection.exchange(&request).await?;
            answer.expect(200, "\"access_token\"")?;
            answer.member("refresh_token")?.clone_into(token);
            answers.push(serde_json::from_slice(answer.body)?);
        }
        Ok(answers)
    }

    /// As many grants as asked for, of a few people; each the answer of the token endpoint.
    async fn grants(&mut self, scope: &str, count: usize) -> anyhow::Result<Vec<Value>> {
        if self.old.is_some() {
            return self.refreshed(scope.contains("opaque"), count).await;
        }
        let path = Self::authorize_path(scope);
        let mut connection = Connection::open(self.process.address).await?;
        let mut answers = Vec::with_capacity(count);
        let mut visitors = Vec::new();
        for number in 0..SIGN_INS.min(self.size.sessions) {
            visitors.push(self.signed_in(number).await?);
        }
        for number in 0..count {
            let visitor = &mut visitors[number % SIGN_INS.min(self.size.sessions)];
            let code = code_in(visitor.open(&path).await?)?;
            let fields = [
                ("grant_type", "authorization_code"),
                ("redirect_uri", CALLBACK),
                ("code_verifier", VERIFIER),
                ("code", &code),
            ];
            let request = form_request(&self.host(), "/token", &self.installation.web, &fields);
            let answer = connection.exchange(&request).await?;
            answer.expect(200, "\"access_token\"")?;
            answers.push(serde_json::from_slice(answer.body)?);
        }
        Ok(answers)
    }

    async fn access_tokens(&mut self, scope: &str) -> anyhow::Result<Vec<String>> {
        let answers = self.grants(scope, self.size.tokens).await?;
        let token = |answer: &Value| answer["access_token"].as_str().map(str::to_owned);
        answers
            .iter()
            .map(token)
            .collect::<Option<_>>()
            .context("no access token")
    }

    /// `connections` connections that look up tokens of live grants.
    pub async fn introspection(&mut self, opaque: bool, connections: usize) -> anyhow::Result<Scripts> {
        let (scope, api) = if opaque {
            ("openid opaque:read", 1)
        } else {
            ("openid es:read", 0)
        };
        let tokens = self.access_tokens(scope).await?;
        let request = |token: &String| {
            form_request(
                &self.host(),
                "/introspect",
                &self.installation.apis[api],
                &[("token", token)],
            )
        };
        let requests = tokens.iter().map(request).collect();
        Ok(Repeat::all(connections, requests, 200, "\"active\":true"))
    }

    async fn userinfo(&mut self, opaque: bool) -> anyhow::Result<Scripts> {
        let scope = if opaque {
            "openid profile email opaque:read"
        } else {
            "openid profile email"
        };
        let tokens = self.access_tokens(scope).await?;
        let is_opaque = !tokens[0].contains('.');
        ensure!(is_opaque == opaque, "the access token for {scope} has the other form");
        let requests = tokens
            .iter()
            .map(|token| get_request(&self.host(), "/userinfo", &bearer(token)));
        Ok(Repeat::all(CONNECTIONS, requests.collect(), 200, "\"sub\""))
    }

    async fn rotation(&mut self) -> anyhow::Result<Scripts> {
        let answers = self.grants("offline_access es:read", CONNECTIONS).await?;
        let head: Arc<[u8]> = post_head(&self.host(), "/token", &self.installation.web)
            .into_bytes()
            .into();
        let mut scripts: Scripts = Vec::new();
        for answer in answers {
            let token = answer["refresh_token"].as_str().context("no refresh token")?.to_owned();
            scripts.push(Box::new(Rotation {
                head: head.clone(),
                token,
            }));
        }
        Ok(scripts)
    }

    async fn code_flow(&self) -> anyhow::Result<Scripts> {
        let path = Self::authorize_path("openid es:read");
        let authorize: Arc<[u8]> = format!("GET {path} HTTP/1.1\r\nhost: {}\r\naccept: text/html\r\n", self.host())
            .into_bytes()
            .into();
        let token: Arc<[u8]> = post_head(&self.host(), "/token", &self.installation.web)
            .into_bytes()
            .into();
        let redeem: Arc<str> = form(&[
            ("grant_type", "authorization_code"),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ])
        .into();
        let mut sessions = Vec::new();
        for number in 0..self.size.sessions {
            sessions.push(self.signed_in(number).await?.cookies);
        }
        let mut scripts: Scripts = Vec::new();
        for number in 0..CONNECTIONS {
            scripts.push(Box::new(CodeFlow {
                authorize: authorize.clone(),
                token: token.clone(),
                redeem: redeem.clone(),
                cookies: sessions[number % sessions.len()].clone(),
                code: String::new(),
            }));
        }
        Ok(scripts)
    }

    fn device_start(&self) -> Vec<u8> {
        let fields = [("client_id", "tv"), ("scope", "openid")];
        form_request(&self.host(), "/device/code", "", &fields)
    }

    async fn device_polls(&self) -> anyhow::Result<Scripts> {
        let mut connection = Connection::open(self.process.address).await?;
        let start = self.device_start();
        let mut devices = Vec::with_capacity(self.size.devices);
        for _ in 0..self.size.devices {
            let answer = connection.exchange(&start).await?;
            answer.expect(200, "")?;
            let code = answer.member("device_code")?;
            devices.push(form(&[
                ("client_id", "tv"),
                ("grant_type", DEVICE_GRANT),
                ("device_code", code),
            ]));
        }
        let head: Arc<[u8]> = post_head(&self.host(), "/token", "").into_bytes().into();
        let each = self.size.devices.div_ceil(CONNECTIONS);
        let pace = DEVICE_INTERVAL / u32::try_from(each)?;
        let (now, mut stagger) = (Instant::now(), Duration::ZERO);
        let mut scripts: Scripts = Vec::new();
        for some in devices.chunks(each) {
            scripts.push(Box::new(DevicePolls {
                head: head.clone(),
                devices: some.to_vec(),
                at: 0,
                due: now + stagger,
                // The last one may have fewer of them.
                pace: pace * u32::try_from(each)? / u32::try_from(some.len())?,
            }));
            stagger += pace / u32::try_from(CONNECTIONS)?;
        }
        Ok(scripts)
    }

    /// People who sign in, over and over.
    pub fn sign_ins(&self) -> Scripts {
        let page: Arc<[u8]> = get_request(&self.host(), "/login", "").into();
        let submit: Arc<[u8]> = form_head(&self.origin(), "/login").into_bytes().into();
        let one = |number: usize| SignIn {
            page: page.clone(),
            submit: submit.clone(),
            fields: form(&[("username", &user(number)), ("password", PASSWORD)]),
            hidden: "csrf",
            token: None,
            cookies: Cookies::default(),
        };
        (0..SIGN_INS).map(|number| Box::new(one(number)) as _).collect()
    }
}

#[async_trait]
impl Contender for Ours {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn version(&self) -> String {
        env!("CARGO_PKG_VERSION").to_owned()
    }

    fn role(&self) -> Role {
        self.installation.role
    }

    async fn prepare(&mut self, workload: Workload) -> anyhow::Result<Option<Load>> {
        let everywhere = |request: Vec<u8>, needle: &'static str| Repeat::all(CONNECTIONS, vec![request], 200, needle);
        let scripts = match workload {
            Workload::ClientCredentialsEs256 => everywhere(self.machine("es:read"), "\"access_token\""),
            Workload::ClientCredentialsRs256 => everywhere(self.machine("rs:read"), "\"access_token\""),
            Workload::ClientCredentialsOpaque => everywhere(self.machine("opaque:read"), "\"access_token\""),
            Workload::Discovery => everywhere(get_request(&self.host(), DISCOVERY, ""), "\"issuer\""),
            Workload::Jwks => everywhere(get_request(&self.host(), "/.well-known/jwks.json", ""), "\"keys\""),
            Workload::Refresh => self.rotation().await?,
            Workload::CodeFlow => self.code_flow().await?,
            Workload::IntrospectJwt => self.introspection(false, CONNECTIONS).await?,
            Workload::IntrospectOpaque => self.introspection(true, CONNECTIONS).await?,
            Workload::UserinfoJwt => self.userinfo(false).await?,
            Workload::UserinfoOpaque => self.userinfo(true).await?,
            Workload::DeviceStart => everywhere(self.device_start(), "\"device_code\""),
            Workload::DevicePoll => self.device_polls().await?,
        };
        Ok(Some(Load::Requests(self.process.address, scripts)))
    }

    fn gauges(&self) -> Gauges {
        let database = self.installation.database.as_ref();
        Gauges {
            server: vec![self.process.id()],
            postgres: database.and_then(|(_, process)| *process),
            database: database.map(|(url, _)| url.clone()),
            log: Some(self.installation.log()),
        }
    }
}
