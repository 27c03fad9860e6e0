//! The limit: the least that can answer. A handler that answers 600 bytes, and the same with one signature of a JWT as long
//! as ours. No form is read, no client known, nothing checked, logged or kept. Runtime, HTTP server and its settings,
//! allocator and signing library are those of the server.

use std::net::TcpListener;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper_util::rt::TokioTimer;

use crate::contender::{Contender, Gauges, Load, Role};
use crate::http::{form_request, get_request};
use crate::load::CONNECTIONS;
use crate::process::Process;
use crate::script::Repeat;
use crate::workload::Workload;

/// Makes this program the bare server.
pub const ARGUMENT: &str = "bare-handler";

/// How much the handler answers.
const LENGTH: usize = 600;
/// A thumbprint is this long.
const KID: &str = "0123456789012345678901234567890123456789012";
/// Claims as long as those of an access token for one API.
const CLAIMS: &str = r#"{"iss":"http://localhost:12345","sub":"service","aud":"https://es.example","exp":1795000900,"iat":1795000000,"jti":"00000000-0000-0000-0000-000000000000","client_id":"service","scope":"es:read"}"#;

/// Parsed once, like the server's keys.
struct Keys {
    es256: EcdsaKeyPair,
    rs256: RsaKeyPair,
    body: String,
}

/// Serves until standard input ends, which is when the parent does.
pub fn serve() -> anyhow::Result<()> {
    std::thread::spawn(|| {
        std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).ok();
        std::process::exit(0);
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        crate::report::line(&listener.local_addr()?.to_string());
        let keys = Keys {
            es256: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?,
            rs256: RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048)?,
            body: answer_with(&"x".repeat(LENGTH - answer_with("").len())),
        };
        let router = Router::new()
            .route("/", get(plain).post(plain))
            .route("/es256", post(es256))
            .route("/rs256", post(rs256))
            .with_state(Arc::new(keys));
        let mut server = axum_server::from_tcp(listener)?;
        let builder = server.http_builder();
        let (head_deadline, keep_alive) = (Duration::from_secs(5), Duration::from_secs(20));
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(head_deadline)
            .writev(false)
            .max_buf_size(64 * 1024);
        builder
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(keep_alive)
            .max_concurrent_streams(100);
        Ok(server.serve(router.into_make_service()).await?)
    })
}

fn answer_with(token: &str) -> String {
    format!(r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":900,"scope":"es:read"}}"#)
}

fn json(body: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, body).into_response()
}

async fn plain(State(keys): State<Arc<Keys>>) -> Response {
    json(keys.body.clone())
}

async fn es256(State(keys): State<Arc<Keys>>) -> Response {
    signed("ES256", |input| {
        keys.es256
            .sign(&SystemRandom::new(), input)
            .map(|signature| signature.as_ref().to_vec())
    })
}

async fn rs256(State(keys): State<Arc<Keys>>) -> Response {
    signed("RS256", |input| {
        let mut signature = vec![0; keys.rs256.public_modulus_len()];
        keys.rs256
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), input, &mut signature)
            .map(|()| signature)
    })
}

fn signed<E>(alg: &str, sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, E>) -> Response {
    let mut token = String::with_capacity(800);
    URL_SAFE_NO_PAD.encode_string(format!(r#"{{"alg":"{alg}","kid":"{KID}","typ":"at+jwt"}}"#), &mut token);
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(CLAIMS, &mut token);
    let Ok(signature) = sign(token.as_bytes()) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    json(answer_with(&token))
}

/// The process with this server.
pub struct Bare(Process);

impl Bare {
    /// Starts this program once more.
    pub fn start() -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        Ok(Self(Process::announcing(command.arg(ARGUMENT))?))
    }
}

#[async_trait]
impl Contender for Bare {
    fn name(&self) -> String {
        "limit: axum".to_owned()
    }

    fn version(&self) -> String {
        "axum and hyper as in `Cargo.lock`".to_owned()
    }

    fn role(&self) -> Role {
        Role::Limit
    }

    async fn prepare(&mut self, workload: Workload) -> anyhow::Result<Option<Load>> {
        let form = [("grant_type", "client_credentials"), ("scope", "es:read")];
        let request = match workload {
            Workload::ClientCredentialsEs256 => form_request("localhost", "/es256", "", &form),
            Workload::ClientCredentialsRs256 => form_request("localhost", "/rs256", "", &form),
            Workload::Refresh | Workload::CodeFlow | Workload::DevicePoll => return Ok(None),
            _ => get_request("localhost", "/", ""),
        };
        let scripts = Repeat::all(CONNECTIONS, vec![request], 200, "Bearer");
        Ok(Some(Load::Requests(self.0.address, scripts)))
    }

    fn gauges(&self) -> Gauges {
        Gauges {
            server: vec![self.0.id()],
            ..Gauges::default()
        }
    }
}
