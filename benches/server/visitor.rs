//! A person with a browser, for what is made ready before the first round.

use std::net::SocketAddr;

use anyhow::Context as _;
use url::Url;

use crate::http::{Answer, Connection, Cookies, form, get_request, write_form};

/// A loop of redirects ends here.
const MOST_REDIRECTS: usize = 10;

/// Keeps cookies, and follows redirects within the site.
pub struct Visitor {
    connection: Connection,
    origin: String,
    /// What it was given so far.
    pub cookies: Cookies,
}

/// Where a visit ended.
#[derive(Debug)]
pub enum Landed {
    /// On a page: its address and its text.
    Page(String, String),
    /// At an address of somebody else.
    Away(String),
}

impl Landed {
    /// The page's address and text.
    pub fn page(self) -> anyhow::Result<(String, String)> {
        match self {
            Self::Page(path, text) => Ok((path, text)),
            Self::Away(address) => anyhow::bail!("expected a page, was sent to {address}"),
        }
    }
}

impl Visitor {
    /// Without cookies. `origin` is the site's, such as `http://localhost:8080`.
    pub async fn new(address: SocketAddr, origin: &str) -> anyhow::Result<Self> {
        Ok(Self {
            connection: Connection::open(address).await?,
            origin: origin.to_owned(),
            cookies: Cookies::default(),
        })
    }

    /// Opens a path, or an address of the site.
    pub async fn open(&mut self, path: &str) -> anyhow::Result<Landed> {
        self.travel(path, None).await
    }

    /// Sends a form.
    pub async fn submit(&mut self, path: &str, fields: &[(&str, &str)]) -> anyhow::Result<Landed> {
        self.travel(path, Some(form(fields))).await
    }

    /// Fills in the form of a page, keeping its hidden fields, and sends it to where it says.
    pub async fn fill_in(&mut self, page: (String, String), fields: &[(&str, &str)]) -> anyhow::Result<Landed> {
        let (path, text) = page;
        let action = attribute(&text, "<form", "action").unwrap_or(path);
        let hidden = hidden_fields(&text);
        let mut all: Vec<(&str, &str)> = hidden
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        all.extend(fields);
        self.submit(&action, &all).await
    }

    async fn travel(&mut self, path: &str, mut body: Option<String>) -> anyhow::Result<Landed> {
        let mut path = path.strip_prefix(&self.origin).unwrap_or(path).to_owned();
        for _ in 0..MOST_REDIRECTS {
            let request = self.request(&path, body.take());
            let answer = self.connection.exchange(&request).await?;
            self.cookies.keep(&answer);
            match location(&answer) {
                Some(to) => {
                    let base = Url::parse(&self.origin)?.join(&path)?;
                    let to = base.join(to)?;
                    if to.origin().ascii_serialization() != self.origin {
                        return Ok(Landed::Away(to.into()));
                    }
                    path = to[url::Position::BeforePath..].to_owned();
                }
                None => {
                    anyhow::ensure!(answer.status < 400, "{path}: {}\n{}", answer.head, answer.text());
                    return Ok(Landed::Page(path, answer.text().to_owned()));
                }
            }
        }
        anyhow::bail!("more than {MOST_REDIRECTS} redirects, at {path}")
    }

    fn request(&self, path: &str, body: Option<String>) -> Vec<u8> {
        let host = self.origin.split_once("://").map_or("", |(_, host)| host);
        let mut cookies = Vec::new();
        self.cookies.write(&mut cookies);
        let cookies = String::from_utf8_lossy(&cookies);
        let Some(body) = body else {
            return get_request(host, path, &cookies);
        };
        let mut request = Vec::new();
        let head = form_head(&self.origin, path) + &cookies;
        write_form(&mut request, head.as_bytes(), body.as_bytes());
        request
    }
}

/// The head of a form that a page of `origin` sends to it.
pub fn form_head(origin: &str, path: &str) -> String {
    let host = origin.split_once("://").map_or("", |(_, host)| host);
    format!("POST {path} HTTP/1.1\r\nhost: {host}\r\naccept: text/html\r\norigin: {origin}\r\n")
}

fn location<'a>(answer: &Answer<'a>) -> Option<&'a str> {
    let is_redirect = matches!(answer.status, 301 | 302 | 303 | 307);
    answer.header("location").filter(|_| is_redirect)
}

/// The hidden fields of the first form.
pub fn hidden_fields(html: &str) -> Vec<(String, String)> {
    let form = html.split_once("<form").map_or("", |(_, rest)| rest);
    let form = form.split("</form>").next().unwrap_or_default();
    let tags = form.split("<input").skip(1).filter_map(|rest| rest.split('>').next());
    tags.filter(|tag| tag.contains("type=\"hidden\""))
        .filter_map(|tag| Some((attribute(tag, "", "name")?, attribute(tag, "", "value")?)))
        .collect()
}

/// An attribute of the first tag that begins like this.
fn attribute(html: &str, begin: &str, name: &str) -> Option<String> {
    let (_, rest) = html.split_once(begin)?;
    let tag = rest.split('>').next()?;
    let (_, value) = tag.split_once(&format!("{name}=\""))?;
    let value = value.split('"').next()?;
    let value = value
        .replace("&#x2f;", "/")
        .replace("&#x2F;", "/")
        .replace("&#38;", "&");
    Some(value.replace("&amp;", "&"))
}

/// The code in the address that somebody was sent to.
pub fn code_in(landed: Landed) -> anyhow::Result<String> {
    let Landed::Away(address) = landed else {
        anyhow::bail!("expected a code, landed on {landed:?}");
    };
    let url = Url::parse(&address)?;
    let code = url
        .query_pairs()
        .find(|(name, _)| name == "code")
        .map(|(_, code)| code.into_owned());
    code.with_context(|| format!("no code in {address}"))
}
