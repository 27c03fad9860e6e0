//! What connections do, for whoever is asked.

use std::sync::Arc;
use std::time::{Duration, Instant};

use url::form_urlencoded;

use crate::http::{Answer, Cookies, form, write_form};
use crate::load::{Next, Progress, Script, Scripts};

/// Sends prepared requests, one after the other and then from the first again. Every answer must have the status and hold
/// the text that were expected.
pub struct Repeat {
    requests: Arc<[Vec<u8>]>,
    at: usize,
    status: u16,
    needle: &'static str,
}

impl Repeat {
    /// For `connections` connections, which begin at different places.
    pub fn all(connections: usize, requests: Vec<Vec<u8>>, status: u16, needle: &'static str) -> Scripts {
        let requests: Arc<[Vec<u8>]> = requests.into();
        let one = |number: usize| Self {
            at: number * requests.len() / connections,
            requests: requests.clone(),
            status,
            needle,
        };
        (0..connections).map(|number| Box::new(one(number)) as _).collect()
    }
}

impl Script for Repeat {
    fn next(&mut self, request: &mut Vec<u8>) -> Next {
        request.extend_from_slice(&self.requests[self.at]);
        self.at = (self.at + 1) % self.requests.len();
        Next::Send
    }

    fn take(&mut self, answer: &Answer<'_>) -> anyhow::Result<Progress> {
        answer.expect(self.status, self.needle)?;
        Ok(Progress::Done)
    }
}

/// Goes down a chain of refresh tokens: each answer's is the next request's.
pub struct Rotation {
    /// As [`crate::http::post_head`] makes it, with the client's authentication.
    pub head: Arc<[u8]>,
    /// The newest.
    pub token: String,
}

impl Script for Rotation {
    fn next(&mut self, request: &mut Vec<u8>) -> Next {
        let body = form(&[("grant_type", "refresh_token"), ("refresh_token", &self.token)]);
        write_form(request, &self.head, body.as_bytes());
        Next::Send
    }

    fn take(&mut self, answer: &Answer<'_>) -> anyhow::Result<Progress> {
        answer.expect(200, "\"access_token\"")?;
        let token = answer.member("refresh_token")?;
        anyhow::ensure!(token != self.token, "the refresh token was not rotated");
        token.clone_into(&mut self.token);
        Ok(Progress::Done)
    }
}

/// Asks for a code with the cookies of a person who has signed in, and redeems it.
pub struct CodeFlow {
    /// The authorization request up to its fields, each line ended; cookies and the empty line come behind it.
    pub authorize: Arc<[u8]>,
    /// As [`crate::http::post_head`] makes it, with the client's authentication.
    pub token: Arc<[u8]>,
    /// The form that redeems the code, without `code`, and not empty.
    pub redeem: Arc<str>,
    /// Of the browser.
    pub cookies: Cookies,
    /// What was answered at the authorization endpoint; empty before. As it stands in the address.
    pub code: String,
}

impl Script for CodeFlow {
    fn next(&mut self, request: &mut Vec<u8>) -> Next {
        if self.code.is_empty() {
            request.extend_from_slice(&self.authorize);
            self.cookies.write(request);
            request.extend_from_slice(b"\r\n");
        } else {
            let body = [&self.redeem, "&code=", &self.code].concat();
            write_form(request, &self.token, body.as_bytes());
        }
        Next::Send
    }

    fn take(&mut self, answer: &Answer<'_>) -> anyhow::Result<Progress> {
        if self.code.is_empty() {
            anyhow::ensure!(
                matches!(answer.status, 302 | 303),
                "no redirect: {}\n{}",
                answer.head,
                answer.text()
            );
            answer.redirected_with("code")?.clone_into(&mut self.code);
            self.cookies.keep(answer);
            return Ok(Progress::Within);
        }
        answer.expect(200, "\"id_token\"")?;
        self.code.clear();
        Ok(Progress::Done)
    }
}

/// Polls for devices that nobody has let in yet, one after the other and at an even pace: between two polls of a device lie
/// all others, so that none comes too early, whatever the pauses between rounds.
pub struct DevicePolls {
    /// As [`crate::http::post_head`] makes it.
    pub head: Arc<[u8]>,
    /// The form of each device.
    pub devices: Vec<String>,
    /// The one whose turn it is.
    pub at: usize,
    /// When its turn is.
    pub due: Instant,
    /// From one turn to the next.
    pub pace: Duration,
}

impl Script for DevicePolls {
    fn next(&mut self, request: &mut Vec<u8>) -> Next {
        let now = Instant::now();
        if self.due > now {
            return Next::WaitUntil(self.due);
        }
        self.due = now + self.pace;
        write_form(request, &self.head, self.devices[self.at].as_bytes());
        Next::Send
    }

    fn take(&mut self, answer: &Answer<'_>) -> anyhow::Result<Progress> {
        answer.expect(400, "\"authorization_pending\"")?;
        self.at = (self.at + 1) % self.devices.len();
        Ok(Progress::Done)
    }
}

/// Opens the sign-in page in a new browser, fills in the form, and sends it; over and over.
pub struct SignIn {
    /// The whole request for the page.
    pub page: Arc<[u8]>,
    /// The head of the form's request, up to its fields, each line ended.
    pub submit: Arc<[u8]>,
    /// The form's own fields, without the hidden one.
    pub fields: String,
    /// The name of the hidden field that binds the form to the browser.
    pub hidden: &'static str,
    /// The hidden field's value, while the form is open.
    pub token: Option<String>,
    /// Of this browser.
    pub cookies: Cookies,
}

impl Script for SignIn {
    fn next(&mut self, request: &mut Vec<u8>) -> Next {
        let Some(token) = &self.token else {
            request.extend_from_slice(&self.page);
            return Next::Send;
        };
        let mut head = self.submit.to_vec();
        self.cookies.write(&mut head);
        let token: String = form_urlencoded::byte_serialize(token.as_bytes()).collect();
        let body = format!("{}&{}={token}", self.fields, self.hidden);
        write_form(request, &head, body.as_bytes());
        Next::Send
    }

    fn take(&mut self, answer: &Answer<'_>) -> anyhow::Result<Progress> {
        if self.token.take().is_some() {
            anyhow::ensure!(
                answer.status == 303,
                "not signed in: {}\n{}",
                answer.head,
                answer.text()
            );
            return Ok(Progress::Done);
        }
        answer.expect(200, "<form")?;
        self.cookies = Cookies::default();
        self.cookies.keep(answer);
        let fields = crate::visitor::hidden_fields(answer.text());
        let found = fields.into_iter().find(|(name, _)| name == self.hidden);
        self.token = found.map(|(_, value)| value);
        anyhow::ensure!(self.token.is_some(), "the form has no field {}", self.hidden);
        Ok(Progress::Within)
    }
}
