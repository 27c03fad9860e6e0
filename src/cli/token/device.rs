//! A device login from the device's side (RFC 8628 §3).

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde::Deserialize;
use serde_json::Value;

use super::{Client, Refusal, refused, show};
use crate::outbound::{Fetched, OutboundError};
use crate::protocol::grant_type::GrantType;

/// Between two polls when the server names nothing (RFC 8628 §3.2).
const DEFAULT_INTERVAL: u64 = 5;
/// What `slow_down` adds, for good (RFC 8628 §3.5).
const SLOWER: u64 = 5;
/// The longest pause that a server may ask for, or that silence leads to.
const MAX_INTERVAL: u64 = 60;

/// What the device authorization endpoint gave (RFC 8628 §3.2). It holds a secret, hence no `Debug`.
#[derive(Deserialize)]
pub struct Started {
    device_code: String,
    /// What the person types.
    pub user_code: String,
    /// Where.
    pub verification_uri: String,
    /// The same with the code in it.
    pub verification_uri_complete: Option<String>,
    expires_in: u64,
    interval: Option<u64>,
}

/// What to do after one answer.
#[derive(Debug, PartialEq)]
enum Next {
    Done(Value),
    Poll { interval: u64 },
    Fail(String),
}

/// Starts a device login, shows what to do, and waits for the person.
pub async fn sign_in(client: &Client, asked: &[(&str, &str)], qr: bool) -> anyhow::Result<Value> {
    let endpoint = client.metadata.device_authorization_endpoint.as_deref();
    let endpoint = endpoint.context("this server offers no device login")?;
    let started = client.success(endpoint, asked).await?;
    let started: Started =
        serde_json::from_value(started).context("the answer of the device authorization endpoint is incomplete")?;
    show::what_to_do(&started, qr);
    let mut progress = show::Progress::new();
    let answer = wait(client, &started, &mut progress).await;
    progress.end(answer.is_ok());
    answer
}

async fn wait(client: &Client, started: &Started, progress: &mut show::Progress) -> anyhow::Result<Value> {
    let form = [
        ("grant_type", GrantType::DeviceCode.as_str()),
        ("device_code", started.device_code.as_str()),
    ];
    let deadline = Instant::now() + Duration::from_secs(started.expires_in);
    let mut interval = started.interval.unwrap_or(DEFAULT_INTERVAL).clamp(1, MAX_INTERVAL);
    loop {
        if !progress.pause(Duration::from_secs(interval), deadline).await {
            bail!("the code has expired before anyone confirmed it; run the command again");
        }
        match decide(client.ask(&client.metadata.token_endpoint, &form).await, interval) {
            Next::Done(answer) => return Ok(answer),
            Next::Poll { interval: slower } => interval = slower,
            Next::Fail(why) => bail!(why),
        }
    }
}

/// Silence and a server that is away are waited out, more patiently each time; a refusal is final.
fn decide(answer: Result<Fetched, OutboundError>, interval: u64) -> Next {
    let patient = Next::Poll {
        interval: (interval * 2).min(MAX_INTERVAL),
    };
    let fetched = match answer {
        Err(OutboundError::Unreachable | OutboundError::TimedOut | OutboundError::Broken) => return patient,
        Err(error) => return Next::Fail(format!("the server cannot be asked: {error}")),
        Ok(fetched) => fetched,
    };
    match fetched.status {
        200 => serde_json::from_str(&fetched.body).map_or_else(
            |_| Next::Fail("the server answered something that is no JSON".to_owned()),
            Next::Done,
        ),
        429 | 500.. => patient,
        _ => {
            let refusal = serde_json::from_str::<Refusal>(&fetched.body);
            match refusal.as_ref().map(|refusal| refusal.error.as_str()) {
                Ok("authorization_pending") => Next::Poll { interval },
                Ok("slow_down") => Next::Poll {
                    interval: (interval + SLOWER).min(MAX_INTERVAL),
                },
                Ok("access_denied") => Next::Fail("the request was denied".to_owned()),
                Ok("expired_token") => Next::Fail("the code has expired; run the command again".to_owned()),
                _ => Next::Fail(refused(&fetched)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Result<Fetched, OutboundError> {
        Ok(Fetched {
            status,
            challenge: None,
            date: None,
            body: body.to_owned(),
        })
    }

    #[test]
    fn each_answer_has_its_consequence() {
        let error = |code: &str| answer(400, &format!(r#"{{"error":"{code}"}}"#));
        let poll = |interval| Next::Poll { interval };
        assert_eq!(decide(error("authorization_pending"), 5), poll(5));
        assert_eq!(decide(error("slow_down"), 5), poll(10));
        assert_eq!(decide(error("slow_down"), 58), poll(60));
        assert_eq!(decide(answer(503, ""), 5), poll(10));
        assert_eq!(decide(answer(429, ""), 5), poll(10));
        assert_eq!(decide(Err(OutboundError::TimedOut), 40), poll(60));
        assert_eq!(decide(Err(OutboundError::Unreachable), 5), poll(10));
        for (code, part) in [
            ("access_denied", "denied"),
            ("expired_token", "expired"),
            ("invalid_grant", "invalid_grant"),
        ] {
            let Next::Fail(why) = decide(error(code), 5) else {
                panic!("{code} is final")
            };
            assert!(why.contains(part), "{why}");
        }
        assert!(matches!(decide(Err(OutboundError::TooLarge), 5), Next::Fail(_)));
        assert!(matches!(decide(answer(200, "<html>"), 5), Next::Fail(_)));
        let done = decide(answer(200, r#"{"access_token":"x"}"#), 5);
        assert_eq!(done, Next::Done(serde_json::json!({"access_token": "x"})));
    }
}
