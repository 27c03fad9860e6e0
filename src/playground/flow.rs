//! The authorization code flow as a client sees it, without any I/O: discovery read, request built, answer checked.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use url::{Url, form_urlencoded};

use super::PlaygroundConfig;
use super::refusal::Refusal;
use crate::crypto::digest::{equal, sha256};
use crate::crypto::random;

/// What discovery says (OpenID Connect Discovery §3), as far as this client needs it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Metadata {
    pub issuer: String,
    pub authorization_endpoint: String,
    pub token_endpoint: String,
    pub userinfo_endpoint: String,
    pub revocation_endpoint: String,
    pub jwks_uri: String,
    pub device_authorization_endpoint: Option<String>,
    #[serde(default)]
    pub authorization_response_iss_parameter_supported: bool,
}

impl Metadata {
    /// Where the document of `issuer` is (Discovery §4.1).
    pub fn address(issuer: &str) -> String {
        format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'))
    }

    /// Reads the document. It must name the issuer it was asked of (Discovery §4.3), and may not send us to another
    /// origin: what we fetch stays where the operator pointed us.
    pub fn read(document: &str, issuer: &str) -> Result<Self, Refusal> {
        let metadata: Self = serde_json::from_str(document).map_err(|error| Refusal::Metadata(error.to_string()))?;
        if metadata.issuer != issuer {
            return Err(Refusal::Metadata(format!(
                "it is the document of {}, not of {issuer}",
                metadata.issuer
            )));
        }
        let home = origin_of(issuer);
        let endpoints = [
            &metadata.authorization_endpoint,
            &metadata.token_endpoint,
            &metadata.userinfo_endpoint,
            &metadata.revocation_endpoint,
            &metadata.jwks_uri,
        ];
        if let Some(elsewhere) = endpoints
            .into_iter()
            .chain(&metadata.device_authorization_endpoint)
            .find(|endpoint| home.is_none() || origin_of(endpoint) != home)
        {
            return Err(Refusal::Metadata(format!(
                "{elsewhere} is not an address of the issuer"
            )));
        }
        Ok(metadata)
    }
}

/// The origin of an `http` or `https` URL, as browsers write it.
pub(super) fn origin_of(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    url.origin().is_tuple().then(|| url.origin().ascii_serialization())
}

/// The three values that a client draws for each request. Whoever lacks them cannot finish the sign-in.
#[derive(Clone)]
pub(super) struct Secrets {
    pub state: String,
    pub nonce: String,
    pub verifier: String,
}

impl Secrets {
    pub fn draw() -> Self {
        let draw = || URL_SAFE_NO_PAD.encode(random::bytes::<32>());
        Self {
            state: draw(),
            nonce: draw(),
            verifier: draw(),
        }
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(…)")
    }
}

/// One authorization request, and what is needed to finish it.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    pub metadata: Metadata,
    pub secrets: Secrets,
    pub parameters: Vec<(&'static str, String)>,
}

impl Attempt {
    /// Authorization code with PKCE (RFC 6749 §4.1.1, RFC 7636 §4.3).
    pub fn new(config: &PlaygroundConfig, metadata: Metadata, secrets: Secrets) -> Self {
        let parameters = vec![
            ("response_type", "code".to_owned()),
            ("client_id", config.client_id.clone()),
            ("redirect_uri", config.redirect_uri()),
            ("scope", config.scope.clone()),
            ("state", secrets.state.clone()),
            ("nonce", secrets.nonce.clone()),
            ("code_challenge", challenge(&secrets.verifier)),
            ("code_challenge_method", "S256".to_owned()),
        ];
        Self {
            metadata,
            secrets,
            parameters,
        }
    }

    /// The address that the browser is sent to.
    pub fn url(&self) -> String {
        let endpoint = &self.metadata.authorization_endpoint;
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&self.parameters)
            .finish();
        let joint = if endpoint.contains('?') { '&' } else { '?' };
        format!("{endpoint}{joint}{query}")
    }
}

/// `BASE64URL(SHA256(verifier))` (RFC 7636 §4.2).
fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(sha256(verifier.as_bytes()))
}

/// The authorization response, as the browser brought it.
#[derive(Clone)]
pub(super) struct Callback {
    pub state: String,
    pub iss: Option<String>,
    pub answer: Answer,
}

/// The two kinds of authorization response (RFC 6749 §4.1.2).
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Answer {
    Code(String),
    Error { error: String, description: Option<String> },
}

impl Callback {
    /// Reads the query. A parameter that comes twice is refused (RFC 6749 §3.1): which one was meant?
    pub fn parse(query: &str) -> Result<Self, Refusal> {
        let parameters: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let one = |name: &'static str| {
            let mut values = parameters
                .iter()
                .filter(|(found, _)| found == name)
                .map(|(_, value)| value.clone());
            match (values.next(), values.next()) {
                (_, Some(_)) => Err(Refusal::Repeated(name)),
                (value, None) => Ok(value.filter(|value| !value.is_empty())),
            }
        };
        let (code, error, description) = (one("code")?, one("error")?, one("error_description")?);
        let (state, iss) = (one("state")?, one("iss")?);
        let answer = match (code, error) {
            (_, Some(error)) => Answer::Error { error, description },
            (Some(code), None) => Answer::Code(code),
            (None, None) => return Err(Refusal::NoAnswer),
        };
        Ok(Self {
            state: state.ok_or(Refusal::UnknownState)?,
            iss,
            answer,
        })
    }

    /// Whether this answers the request that carried `state`.
    pub fn answers(&self, state: &str) -> bool {
        equal(self.state.as_bytes(), state.as_bytes())
    }

    /// RFC 9207 §2.4: the answer must come from the issuer that was asked.
    pub fn check_issuer(&self, metadata: &Metadata) -> Result<(), Refusal> {
        match &self.iss {
            Some(iss) if *iss == metadata.issuer => Ok(()),
            Some(iss) => Err(Refusal::WrongIssuer {
                expected: metadata.issuer.clone(),
                found: iss.clone(),
            }),
            None if metadata.authorization_response_iss_parameter_supported => Err(Refusal::WrongIssuer {
                expected: metadata.issuer.clone(),
                found: "nothing".to_owned(),
            }),
            None => Ok(()),
        }
    }
}

/// The token response (RFC 6749 §5.1, OpenID Connect Core §3.1.3.3).
#[derive(Clone, Deserialize)]
pub(super) struct TokenSet {
    pub access_token: String,
    pub refresh_token: Option<String>,
    pub id_token: Option<String>,
}

impl TokenSet {
    /// The set after a refresh: what the answer leaves out stays as it was (RFC 6749 §6).
    pub fn updated_by(&self, newer: Self) -> Self {
        Self {
            access_token: newer.access_token,
            refresh_token: newer.refresh_token.or_else(|| self.refresh_token.clone()),
            id_token: newer.id_token.or_else(|| self.id_token.clone()),
        }
    }
}

/// A short name for a secret, so that two of them can be told apart at a glance.
pub(super) fn fingerprint(secret: &str) -> String {
    let hex: Vec<String> = sha256(secret.as_bytes())[..8]
        .chunks(2)
        .map(|b| format!("{:02x}{:02x}", b[0], b[1]))
        .collect();
    hex.join(" ")
}

#[cfg(test)]
pub(super) use tests::sample_attempt;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::playground::sample_config;

    pub(in crate::playground) fn sample_attempt(secrets: Secrets) -> Attempt {
        Attempt::new(&sample_config(), metadata(), secrets)
    }

    const DOCUMENT: &str = r#"{"issuer":"https://id.example","authorization_endpoint":"https://id.example/authorize",
        "token_endpoint":"https://id.example/token","userinfo_endpoint":"https://id.example/userinfo",
        "revocation_endpoint":"https://id.example/revoke","jwks_uri":"https://id.example/jwks",
        "authorization_response_iss_parameter_supported":true}"#;

    fn metadata() -> Metadata {
        Metadata::read(DOCUMENT, "https://id.example").unwrap()
    }

    #[test]
    fn discovery_must_speak_for_its_issuer_and_stay_there() {
        assert!(Metadata::read(DOCUMENT, "https://id.example/").is_err());
        assert!(Metadata::read(DOCUMENT, "https://other.example").is_err());
        assert!(Metadata::read("{}", "https://id.example").is_err());
        let moved = DOCUMENT.replace("https://id.example/token", "http://169.254.169.254/token");
        assert!(Metadata::read(&moved, "https://id.example").is_err());
        assert_eq!(
            Metadata::address("https://id.example/"),
            "https://id.example/.well-known/openid-configuration"
        );
    }

    #[test]
    fn the_challenge_is_that_of_rfc_7636_appendix_b() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(challenge(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn the_request_holds_what_it_shows_and_never_the_verifier() {
        let attempt = Attempt::new(&sample_config(), metadata(), Secrets::draw());
        let url = Url::parse(&attempt.url()).unwrap();
        let sent: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        let shown: Vec<(String, String)> = attempt
            .parameters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        assert_eq!(sent, shown);
        assert!(!attempt.url().contains(&attempt.secrets.verifier));
        assert!(
            attempt
                .url()
                .starts_with("https://id.example/authorize?response_type=code&")
        );
    }

    #[test]
    fn secrets_differ_are_long_enough_and_stay_out_of_debug() {
        let secrets = Secrets::draw();
        assert_ne!(secrets.state, secrets.nonce);
        assert_eq!(secrets.verifier.len(), 43);
        assert_eq!(format!("{secrets:?}"), "Secrets(…)");
    }

    #[test]
    fn callbacks_are_read() {
        let code = Callback::parse("code=a%2Bb&state=s&iss=https%3A%2F%2Fid.example").unwrap();
        assert!(code.answer == Answer::Code("a+b".to_owned()));
        assert!(code.answers("s") && !code.answers("t"));
        assert!(code.check_issuer(&metadata()).is_ok());
        let denied = Callback::parse("error=access_denied&error_description=No+thanks&state=s&code=x").unwrap();
        let expected = Answer::Error {
            error: "access_denied".to_owned(),
            description: Some("No thanks".to_owned()),
        };
        assert!(denied.answer == expected, "an error wins over a code");
    }

    #[test]
    fn callbacks_that_prove_nothing_are_refused() {
        let refusal = |query: &str| Callback::parse(query).err().map(|refusal| refusal.name());
        assert_eq!(refusal("code=a&code=b&state=s"), Some("repeated_parameter"));
        assert_eq!(refusal("code=a"), Some("unknown_state"));
        assert_eq!(refusal("code=a&state="), Some("unknown_state"));
        assert_eq!(refusal("state=s"), Some("no_answer"));
        assert_eq!(refusal(""), Some("no_answer"));
    }

    #[test]
    fn another_issuer_is_refused_and_so_is_silence_where_iss_was_promised() {
        let mut callback = Callback::parse("code=a&state=s&iss=https://evil.example").unwrap();
        assert!(callback.check_issuer(&metadata()).is_err());
        callback.iss = None;
        assert!(callback.check_issuer(&metadata()).is_err());
        let silent = Metadata {
            authorization_response_iss_parameter_supported: false,
            ..metadata()
        };
        assert!(callback.check_issuer(&silent).is_ok());
    }

    #[test]
    fn a_refresh_keeps_what_the_answer_leaves_out() {
        let old = TokenSet {
            access_token: "a".to_owned(),
            refresh_token: Some("r".to_owned()),
            id_token: Some("i".to_owned()),
        };
        let new: TokenSet = serde_json::from_str(r#"{"access_token":"b"}"#).unwrap();
        let set = old.updated_by(new);
        assert_eq!(
            (set.access_token.as_str(), set.refresh_token.as_deref()),
            ("b", Some("r"))
        );
        assert_eq!(set.id_token.as_deref(), Some("i"));
    }

    #[test]
    fn fingerprints_are_short_and_do_not_hold_the_secret() {
        assert_eq!(fingerprint("abc"), "ba78 16bf 8f01 cfea");
    }
}
