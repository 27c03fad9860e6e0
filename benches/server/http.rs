//! Just enough HTTP/1.1 of the client's side: requests as bytes, answers as slices of the buffer they came in.

use std::io::{ErrorKind, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::form_urlencoded;

/// An answer that takes longer is a failure.
const PATIENCE: Duration = Duration::from_secs(10);
const LARGEST_ANSWER: usize = 1024 * 1024;

/// An answer. The head is without the empty line that ends it, the body without its chunks.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// The status.
    pub status: u16,
    /// Status line and fields.
    pub head: &'a str,
    /// The body.
    pub body: &'a [u8],
}

impl<'a> Answer<'a> {
    /// The first field of this name.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers(name).next()
    }

    fn headers(&self, name: &str) -> impl Iterator<Item = &'a str> {
        let fields = self.head.split("\r\n").skip(1).filter_map(|line| line.split_once(':'));
        fields
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }

    /// The body as text; empty if it is none.
    pub fn text(&self) -> &'a str {
        std::str::from_utf8(self.body).unwrap_or_default()
    }

    /// Fails with what was answered, unless the status is `status` and the body holds `needle`.
    pub fn expect(&self, status: u16, needle: &str) -> anyhow::Result<()> {
        if self.status != status || !self.text().contains(needle) {
            bail!(
                "expected {status} with {needle:?}; the answer is\n{}\n\n{}",
                self.head,
                String::from_utf8_lossy(self.body)
            );
        }
        Ok(())
    }

    /// A member of the JSON object in the body whose value is a string without escapes, as tokens and codes are.
    pub fn member(&self, name: &str) -> anyhow::Result<&'a str> {
        let text = self.text();
        let found = text.match_indices(name).find_map(|(at, _)| {
            let key_begins = text[..at].ends_with('"');
            let value = text[at + name.len()..]
                .strip_prefix('"')?
                .trim_start()
                .strip_prefix(':')?;
            let value = value.trim_start().strip_prefix('"')?;
            key_begins.then(|| value.split('"').next())?
        });
        found.with_context(|| format!("no {name} in {}\n{text}", self.head))
    }

    /// A parameter in the query of the address that it redirects to.
    pub fn redirected_with(&self, name: &str) -> anyhow::Result<&'a str> {
        let location = self.header("location").unwrap_or_default();
        let query = location.split(['?', '#']).nth(1).unwrap_or_default();
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let found = pairs.find(|(known, _)| *known == name).map(|(_, value)| value);
        found.with_context(|| format!("no {name} in the address of {}\n{}", self.head, self.text()))
    }
}

/// The cookies of a browser. Paths and lifetimes do not matter here, only that an empty value takes one away.
#[derive(Clone, Debug, Default)]
pub struct Cookies(Vec<(String, String)>);

impl Cookies {
    /// Keeps what the answer sets.
    pub fn keep(&mut self, answer: &Answer<'_>) {
        for set in answer.headers("set-cookie") {
            let Some((name, value)) = set.split(';').next().and_then(|pair| pair.split_once('=')) else {
                continue;
            };
            self.0.retain(|(known, _)| known != name);
            if !value.is_empty() {
                self.0.push((name.to_owned(), value.to_owned()));
            }
        }
    }

    /// Appends the `cookie` field, if there are any.
    pub fn write(&self, request: &mut Vec<u8>) {
        for (number, (name, value)) in self.0.iter().enumerate() {
            request.extend_from_slice(if number == 0 { b"cookie: " } else { b"; " });
            request.extend_from_slice(name.as_bytes());
            request.push(b'=');
            request.extend_from_slice(value.as_bytes());
        }
        if !self.0.is_empty() {
            request.extend_from_slice(b"\r\n");
        }
    }
}

/// `POST`s a form. `head` is a request line and fields, each ended by `\r\n`, without those that tell of the body.
pub fn write_form(request: &mut Vec<u8>, head: &[u8], body: &[u8]) {
    request.extend_from_slice(head);
    request.extend_from_slice(b"content-type: application/x-www-form-urlencoded\r\ncontent-length: ");
    // Writing to a vector cannot fail.
    write!(request, "{}", body.len()).ok();
    request.extend_from_slice(b"\r\n\r\n");
    request.extend_from_slice(body);
}

/// A whole request that posts a form; `headers` as in [`write_form`].
pub fn form_request(host: &str, path: &str, headers: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    let mut request = Vec::new();
    write_form(
        &mut request,
        post_head(host, path, headers).as_bytes(),
        form(fields).as_bytes(),
    );
    request
}

/// The head that [`write_form`] takes.
pub fn post_head(host: &str, path: &str, headers: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nhost: {host}\r\naccept: application/json\r\n{headers}")
}

/// A whole request that gets a document.
pub fn get_request(host: &str, path: &str, headers: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: {host}\r\naccept: */*\r\n{headers}\r\n").into_bytes()
}

/// The `authorization` field of HTTP Basic (RFC 6749 §2.3.1), ended.
pub fn basic(id: &str, secret: &str) -> String {
    use base64::Engine as _;
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", encoded(id), encoded(secret));
    let credentials = base64::engine::general_purpose::STANDARD.encode(pair);
    format!("authorization: Basic {credentials}\r\n")
}

/// The `authorization` field with an access token (RFC 6750 §2.1), ended.
pub fn bearer(token: &str) -> String {
    format!("authorization: Bearer {token}\r\n")
}

/// Fields as `application/x-www-form-urlencoded`.
pub fn form(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish()
}

/// A connection that is kept, and opened again where the server closes it after an answer, as it may.
pub struct Connection {
    address: SocketAddr,
    stream: TcpStream,
    received: Vec<u8>,
    unchunked: Vec<u8>,
}

impl Connection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        Ok(Self {
            address,
            stream: connect(address).await?,
            received: Vec::with_capacity(8192),
            unchunked: Vec::new(),
        })
    }

    /// Sends a request and waits for its answer.
    pub async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<Answer<'_>> {
        let layout = timeout(PATIENCE, self.exchange_at_leisure(request))
            .await
            .context("no answer in time")??;
        if layout.closes {
            self.stream = connect(self.address).await?;
        }
        let body = if layout.chunked {
            unchunk(&self.received[layout.body..], &mut self.unchunked);
            &self.unchunked[..]
        } else {
            &self.received[layout.body..]
        };
        let head = std::str::from_utf8(&self.received[..layout.body - 4]).context("the head is not text")?;
        Ok(Answer {
            status: layout.status,
            head,
            body,
        })
    }

    async fn exchange_at_leisure(&mut self, request: &[u8]) -> anyhow::Result<Layout> {
        self.send(request).await?;
        self.received.clear();
        let layout = loop {
            self.receive().await?;
            if let Some(layout) = layout_of(&self.received)? {
                break layout;
            }
        };
        while !layout.is_complete(&self.received)? {
            self.receive().await?;
        }
        Ok(layout)
    }

    async fn send(&self, mut rest: &[u8]) -> anyhow::Result<()> {
        while !rest.is_empty() {
            match self.stream.try_write(rest) {
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.stream.writable().await?,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    async fn receive(&mut self) -> anyhow::Result<()> {
        ensure!(self.received.len() < LARGEST_ANSWER, "the answer is too long");
        loop {
            self.stream.readable().await?;
            match self.stream.try_read_buf(&mut self.received) {
                Ok(0) => bail!("the connection was closed before the answer was complete"),
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

async fn connect(address: SocketAddr) -> anyhow::Result<TcpStream> {
    let stream = TcpStream::connect(address).await.context("cannot connect")?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Where things are in what was received.
struct Layout {
    status: u16,
    body: usize,
    length: usize,
    chunked: bool,
    closes: bool,
}

impl Layout {
    fn is_complete(&self, received: &[u8]) -> anyhow::Result<bool> {
        if self.chunked {
            return Ok(received[self.body..].ends_with(b"0\r\n\r\n"));
        }
        let have = received.len() - self.body;
        ensure!(have <= self.length, "there is more than one answer");
        Ok(have == self.length)
    }
}

/// `None` while the head is not complete. A head in full dress must not cost the load program more than a bare one: it is one
/// pass, and names are told apart by their lengths first.
fn layout_of(received: &[u8]) -> anyhow::Result<Option<Layout>> {
    let mut fields = [httparse::EMPTY_HEADER; 48];
    let mut head = httparse::Response::new(&mut fields);
    let httparse::Status::Complete(body) = head.parse(received).context("the head of the answer cannot be read")?
    else {
        return Ok(None);
    };
    let status = head.code.context("the answer has no status")?;
    let mut length = matches!(status, 204 | 304).then_some(0);
    let (mut chunked, mut closes) = (false, false);
    for field in head.headers {
        match field.name.len() {
            14 if field.name.eq_ignore_ascii_case("content-length") => {
                let told = std::str::from_utf8(field.value).ok().and_then(|text| text.parse().ok());
                length = Some(told.context("the length is not a number")?);
            }
            17 if field.name.eq_ignore_ascii_case("transfer-encoding") => chunked = true,
            10 if field.name.eq_ignore_ascii_case("connection") => closes = field.value.eq_ignore_ascii_case(b"close"),
            _ => {}
        }
    }
    Ok(Some(Layout {
        status,
        body,
        length: if chunked {
            0
        } else {
            length.context("the answer does not tell its length")?
        },
        chunked,
        closes,
    }))
}

/// The chunks' contents, one after the other.
fn unchunk(mut chunks: &[u8], body: &mut Vec<u8>) {
    body.clear();
    while let Some(end) = chunks.windows(2).position(|bytes| bytes == b"\r\n") {
        let size = std::str::from_utf8(&chunks[..end])
            .ok()
            .and_then(|line| line.split(';').next());
        let size = size.and_then(|digits| usize::from_str_radix(digits.trim(), 16).ok());
        let chunk = size
            .filter(|size| *size > 0)
            .and_then(|size| chunks.get(end + 2..end + 2 + size));
        let Some(chunk) = chunk else { return };
        body.extend_from_slice(chunk);
        chunks = chunks.get(end + 2 + chunk.len() + 2..).unwrap_or_default();
    }
}
