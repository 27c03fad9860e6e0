//! The least that can answer the request: reads the form, signs one JWT of the same claims, writes the same JSON. No client,
//! no secret, no checks, no log, no security headers. Runtime, HTTP server and its settings, allocator and signing library
//! are those of the server.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper_util::rt::TokioTimer;
use portcullis::time::Clock;
use serde::Serialize;

/// Makes this program the bare server.
pub const ARGUMENT: &str = "bare-handler";

/// A thumbprint is this long.
const KID: &str = "0123456789012345678901234567890123456789012";
const LIFETIME: i64 = 900;

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    exp: i64,
    iat: i64,
    jti: String,
    client_id: &'a str,
    scope: &'a str,
}

#[derive(Serialize)]
struct Answer<'a> {
    access_token: String,
    token_type: &'static str,
    expires_in: i64,
    scope: &'a str,
}

/// Parsed once, like the server's keys.
struct Key {
    pair: EcdsaKeyPair,
    header: String,
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
        let header = serde_json::json!({ "alg": "ES256", "kid": KID, "typ": "at+jwt" });
        let key = Key {
            pair: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?,
            header: URL_SAFE_NO_PAD.encode(header.to_string()),
        };
        let router = Router::new().route("/token", post(token)).with_state(Arc::new(key));
        let mut server = axum_server::from_tcp(listener)?;
        let builder = server.http_builder();
        let (head_deadline, keep_alive) = (Duration::from_secs(5), Duration::from_secs(20));
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(head_deadline);
        builder
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(keep_alive)
            .max_concurrent_streams(100);
        Ok(server.serve(router.into_make_service()).await?)
    })
}

async fn token(State(key): State<Arc<Key>>, body: Bytes) -> Response {
    let form: Vec<(String, String)> = url::form_urlencoded::parse(&body).into_owned().collect();
    let scope = form
        .iter()
        .find(|(name, _)| name == "scope")
        .map_or("", |(_, value)| value);
    match sign(&key, scope).and_then(|access_token| {
        let answer = Answer {
            access_token,
            token_type: "Bearer",
            expires_in: LIFETIME,
            scope,
        };
        Ok(serde_json::to_vec(&answer)?)
    }) {
        Ok(json) => (
            [
                (header::CONTENT_TYPE, "application/json"),
                (header::CACHE_CONTROL, "no-store"),
            ],
            json,
        )
            .into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn sign(key: &Key, scope: &str) -> anyhow::Result<String> {
    let now = Clock::System.now().as_i64();
    let claims = serde_json::to_vec(&Claims {
        iss: "http://localhost:12345",
        sub: "demo-service",
        aud: "https://notes.example",
        exp: now + LIFETIME,
        iat: now,
        jti: uuid::Uuid::new_v4().to_string(),
        client_id: "demo-service",
        scope,
    })?;
    let mut token = String::with_capacity(key.header.len() + claims.len() * 4 / 3 + 100);
    token.push_str(&key.header);
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(claims, &mut token);
    let signature = key.pair.sign(&SystemRandom::new(), token.as_bytes())?;
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    Ok(token)
}
