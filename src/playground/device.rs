//! A device login (RFC 8628): the playground plays the device, this browser or another one plays the person.

use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};
use serde::Deserialize;

use super::exchange::Exchange;
use super::flow::Metadata;
use super::inspect::{self, Context, Inspection};
use super::refusal::Refusal;
use super::steps::RelyingParty;
use crate::time::Timestamp;

/// The grant type (RFC 8628 §3.4).
const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// Between two polls when the server names nothing (RFC 8628 §3.2).
const DEFAULT_INTERVAL: i64 = 5;
/// What `slow_down` adds, for good (RFC 8628 §3.5).
const SLOWER: i64 = 5;

/// What the device authorization endpoint gave (RFC 8628 §3.2). It holds a secret, hence no `Debug`.
#[derive(Clone, Deserialize)]
pub(super) struct Started {
    device_code: String,
    /// What the person types.
    pub user_code: String,
    /// Where.
    pub verification_uri: String,
    /// The same with the code in it.
    pub verification_uri_complete: Option<String>,
    expires_in: i64,
    interval: Option<i64>,
}

/// One device login, as far as it got.
#[derive(Clone)]
pub(super) struct DeviceLogin {
    metadata: Metadata,
    /// The request, and the server's answer.
    pub request: Exchange,
    /// `None` when the server refused.
    pub started: Option<Started>,
    /// The newest poll.
    pub poll: Option<Exchange>,
    /// How many there were.
    pub polls: u32,
    /// What came of it.
    pub state: State,
    /// The tokens, taken apart.
    pub id_token: Option<Inspection>,
    pub access_token: Option<Inspection>,
    interval: i64,
    next_poll: Timestamp,
    ends: Timestamp,
}

/// Where a device login stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Waiting,
    Done,
    Denied,
    Expired,
    Failed,
}

impl DeviceLogin {
    /// Whether this is the same login as `other`, and not a newer one in the same browser.
    pub fn is(&self, other: &Self) -> bool {
        let code = |login: &Self| login.started.as_ref().map(|started| started.device_code.clone());
        code(self) == code(other)
    }

    /// Whether it is time to ask again. If so, the next time is set: two tabs do not ask twice.
    pub fn claim_poll(&mut self, now: Timestamp) -> bool {
        if self.state != State::Waiting || now < self.next_poll {
            return false;
        }
        self.next_poll = now.plus(self.interval);
        true
    }

    /// After how many seconds the page should look again.
    pub fn look_again(&self, now: Timestamp) -> Option<i64> {
        let waiting = self.state == State::Waiting;
        waiting.then(|| self.next_poll.since(now).clamp(1, self.interval.max(1)))
    }

    /// The link with the code in it as a QR code.
    pub fn qr_code(&self) -> Option<String> {
        let started = self.started.as_ref()?;
        let address = started
            .verification_uri_complete
            .as_ref()
            .unwrap_or(&started.verification_uri);
        let code = QrCode::with_error_correction_level(address, EcLevel::M).ok()?;
        Some(code.render::<svg::Color<'_>>().min_dimensions(240, 240).build())
    }

    /// Takes note of an answer of the token endpoint (RFC 8628 §3.5).
    fn heed(&mut self, poll: Exchange, now: Timestamp) {
        #[derive(Deserialize)]
        struct Refused {
            error: String,
        }

        self.polls += 1;
        let refused: Option<Refused> = serde_json::from_str(&poll.body).ok();
        self.state = match refused.as_ref().map(|refused| refused.error.as_str()) {
            _ if poll.succeeded() => State::Done,
            Some("authorization_pending") => State::Waiting,
            Some("slow_down") => {
                self.interval += SLOWER;
                self.next_poll = now.plus(self.interval);
                State::Waiting
            }
            Some("access_denied") => State::Denied,
            Some("expired_token") => State::Expired,
            // A server that is away may come back while the code lives.
            None if !poll.refused() && now < self.ends => State::Waiting,
            _ => State::Failed,
        };
        self.poll = Some(poll);
    }
}

impl RelyingParty<'_> {
    /// Asks for a code pair (RFC 8628 §3.1), as the public client `client_id`.
    pub async fn start_device(&self, client_id: &str) -> Result<DeviceLogin, Refusal> {
        let metadata = self.discover().await?;
        let endpoint = metadata
            .device_authorization_endpoint
            .clone()
            .ok_or(Refusal::NoDeviceLogin)?;
        let scope = "openid profile offline_access";
        let request = self
            .post_public(&endpoint, &[("client_id", client_id), ("scope", scope)])
            .await;
        let started: Option<Started> = match request.succeeded() {
            true => serde_json::from_str(&request.body).ok(),
            false => None,
        };
        let now = self.config.clock.now();
        let interval = started
            .as_ref()
            .and_then(|started| started.interval)
            .unwrap_or(DEFAULT_INTERVAL);
        Ok(DeviceLogin {
            metadata,
            request,
            poll: None,
            polls: 0,
            state: if started.is_some() {
                State::Waiting
            } else {
                State::Failed
            },
            id_token: None,
            access_token: None,
            interval,
            next_poll: now.plus(interval),
            ends: now.plus(started.as_ref().map_or(0, |started| started.expires_in)),
            started,
        })
    }

    /// Asks whether the person has decided (RFC 8628 §3.4), and takes the tokens apart if there are any.
    pub async fn poll_device(&self, client_id: &str, mut login: DeviceLogin) -> DeviceLogin {
        let Some(started) = login.started.clone() else {
            return login;
        };
        let form = [
            ("grant_type", GRANT_TYPE),
            ("device_code", started.device_code.as_str()),
            ("client_id", client_id),
        ];
        let poll = self.post_public(&login.metadata.token_endpoint, &form).await;
        login.heed(poll, self.config.clock.now());
        let tokens = login.poll.as_ref().and_then(Exchange::token_set);
        if let Some(set) = tokens {
            let jwks = self.keys(&login.metadata).await;
            let context = Context {
                client_id,
                // There was no request in a browser that a nonce could tie the token to.
                refreshed: true,
                ..self.context(&login.metadata, &set, jwks.as_ref())
            };
            login.access_token = Some(inspect::access_token(&set.access_token, &context));
            login.id_token = set.id_token.as_ref().map(|token| inspect::id_token(token, &context));
        }
        login
    }

    /// A request of a client that has no secret.
    async fn post_public(&self, endpoint: &str, form: &[(&str, &str)]) -> Exchange {
        let answer = self.outbound.post_form(endpoint, form, None).await;
        Exchange::new(
            format!("POST {endpoint}"),
            "none (a public client)".to_owned(),
            form,
            answer,
        )
    }
}

#[cfg(test)]
pub(super) use tests::sample_login;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbound::OutboundError;
    use crate::playground::exchange::answer;
    use crate::playground::flow::{Secrets, sample_attempt};

    pub(in crate::playground) fn sample_login(now: Timestamp) -> DeviceLogin {
        DeviceLogin {
            metadata: sample_attempt(Secrets::draw()).metadata,
            request: answer(Ok((200, "{}"))),
            started: Some(Started {
                device_code: "secret".to_owned(),
                user_code: "WDJB-MJHT".to_owned(),
                verification_uri: "https://id.example/device".to_owned(),
                verification_uri_complete: Some("https://id.example/device?user_code=WDJB-MJHT".to_owned()),
                expires_in: 600,
                interval: None,
            }),
            poll: None,
            polls: 0,
            state: State::Waiting,
            id_token: None,
            access_token: None,
            interval: DEFAULT_INTERVAL,
            next_poll: now.plus(DEFAULT_INTERVAL),
            ends: now.plus(600),
        }
    }

    #[test]
    fn each_answer_has_its_consequence() {
        let now = Timestamp::new(1000);
        let error = |status, code: &str| answer(Ok((status, &format!(r#"{{"error":"{code}"}}"#))));
        let cases = [
            (error(400, "authorization_pending"), State::Waiting),
            (error(400, "slow_down"), State::Waiting),
            (error(400, "access_denied"), State::Denied),
            (error(400, "expired_token"), State::Expired),
            (error(400, "invalid_grant"), State::Failed),
            (answer(Ok((503, ""))), State::Waiting),
            (answer(Err(OutboundError::TimedOut)), State::Waiting),
            (answer(Ok((200, "{}"))), State::Done),
        ];
        for (poll, state) in cases {
            let mut login = sample_login(now);
            let shown = poll.body.clone();
            login.heed(poll, now);
            assert_eq!((login.state, login.polls), (state, 1), "{shown}");
        }
    }

    #[test]
    fn it_asks_no_faster_than_it_may() {
        let now = Timestamp::new(1000);
        let mut login = sample_login(now);
        assert!(!login.claim_poll(now.plus(4)));
        assert!(login.claim_poll(now.plus(5)));
        assert!(!login.claim_poll(now.plus(5)), "another tab has just asked");
        login.heed(answer(Ok((400, r#"{"error":"slow_down"}"#))), now.plus(5));
        assert!(!login.claim_poll(now.plus(14)));
        assert_eq!(login.look_again(now.plus(14)), Some(1));
        assert!(login.claim_poll(now.plus(15)));
        login.heed(answer(Ok((400, r#"{"error":"access_denied"}"#))), now.plus(15));
        assert!(!login.claim_poll(now.plus(60)));
        assert_eq!(login.look_again(now.plus(60)), None);
    }

    #[test]
    fn the_qr_code_is_an_image_without_script_or_style() {
        let image = sample_login(Timestamp::new(0)).qr_code().unwrap();
        assert!(image.contains("<svg") && !image.contains("<script") && !image.contains("style="));
    }
}
