//! What a request presents: exactly one mechanism (RFC 6749 §2.3).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::assertion::Assertion;
use crate::crypto::jwt::ClientJws;
use crate::protocol::client_auth_method::ClientAuthMethod;
use crate::protocol::error::Reason;
use crate::protocol::ids::ClientId;
use crate::protocol::params::{Params, form_decode};

/// `client_assertion_type` (RFC 7523 §2.2).
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The client that a request names, and its proof.
#[derive(Clone)]
pub struct Presented {
    client_id: ClientId,
    proof: Proof,
}

#[derive(Clone)]
enum Proof {
    Basic(String),
    Post(String),
    Assertion(Assertion),
    None,
}

impl Presented {
    /// Reads the Authorization headers and the body. More than one mechanism is an error, even when both are right. `endpoints`
    /// gives the addresses that an assertion may be made out to.
    pub fn from_request(
        authorization: &[&[u8]],
        params: &Params,
        endpoints: impl FnOnce() -> Vec<String>,
    ) -> Result<Self, Reason> {
        let named = params.get("client_id")?;
        let secret = params.get("client_secret")?;
        let asserted = params.mentions("client_assertion") || params.mentions("client_assertion_type");
        match authorization {
            [] if asserted && secret.is_none() => Self::from_assertion(params, named, endpoints()),
            _ if asserted => Err(Reason::ClientAuthRepeated),
            [] => Self::from_body(named, secret),
            [header] if secret.is_none() => Self::from_header(header, named),
            _ => Err(Reason::ClientAuthRepeated),
        }
    }

    fn from_body(named: Option<&str>, secret: Option<&str>) -> Result<Self, Reason> {
        let client_id = named.ok_or(Reason::ClientIdMissing)?;
        let client_id = ClientId::parse(client_id).ok_or(Reason::ClientUnknown)?;
        let proof = secret.map_or(Proof::None, |secret| Proof::Post(secret.to_owned()));
        Ok(Self { client_id, proof })
    }

    /// RFC 7521 §4.2: the client is the `sub` of the assertion, and may name itself beside it.
    fn from_assertion(params: &Params, named: Option<&str>, endpoints: Vec<String>) -> Result<Self, Reason> {
        if params.get("client_assertion_type")? != Some(ASSERTION_TYPE) {
            return Err(Reason::AssertionTypeUnknown);
        }
        let token = params.get("client_assertion")?.ok_or(Reason::AssertionTypeUnknown)?;
        let (subject, alg) = ClientJws::peek(token).map_err(|_| Reason::AssertionMalformed)?;
        let client_id = subject.ok_or(Reason::AssertionParties)?;
        if named.is_some_and(|named| named != client_id) {
            return Err(Reason::AssertionParties);
        }
        Ok(Self {
            client_id: ClientId::parse(&client_id).ok_or(Reason::ClientUnknown)?,
            proof: Proof::Assertion(Assertion {
                token: token.to_owned(),
                method: alg.map_or(ClientAuthMethod::PrivateKeyJwt, ClientAuthMethod::of_assertion),
                endpoints,
            }),
        })
    }

    /// Both halves are form-encoded before base64 (RFC 6749 §2.3.1), so colons, percent signs and any letters fit.
    fn from_header(header: &[u8], named: Option<&str>) -> Result<Self, Reason> {
        let (user, password) = decode_basic(header).ok_or(Reason::AuthorizationHeaderMalformed)?;
        if named.is_some_and(|named| named != user) {
            return Err(Reason::ClientIdMismatch);
        }
        let client_id = ClientId::parse(&user).ok_or(Reason::ClientUnknown)?;
        // An empty secret is none, as an empty parameter is (RFC 6749 §2.3.1). Some programs name a public client that way.
        let proof = if password.is_empty() {
            Proof::None
        } else {
            Proof::Basic(password)
        };
        Ok(Self { client_id, proof })
    }

    /// Which client it says to be.
    pub fn client_id(&self) -> &ClientId {
        &self.client_id
    }

    /// By which method.
    pub fn method(&self) -> ClientAuthMethod {
        match self.proof {
            Proof::Basic(_) => ClientAuthMethod::ClientSecretBasic,
            Proof::Post(_) => ClientAuthMethod::ClientSecretPost,
            Proof::Assertion(ref assertion) => assertion.method,
            Proof::None => ClientAuthMethod::None,
        }
    }

    /// The secret, if one was sent.
    pub fn secret(&self) -> Option<&str> {
        match &self.proof {
            Proof::Basic(secret) | Proof::Post(secret) => Some(secret),
            Proof::Assertion(_) | Proof::None => None,
        }
    }

    /// The assertion, if one was sent.
    pub(super) fn assertion(&self) -> Option<&Assertion> {
        match &self.proof {
            Proof::Assertion(assertion) => Some(assertion),
            _ => None,
        }
    }
}

impl std::fmt::Debug for Presented {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Presented")
            .field("client_id", &self.client_id)
            .field("method", &self.method())
            .finish()
    }
}

fn decode_basic(header: &[u8]) -> Option<(String, String)> {
    let text = std::str::from_utf8(header).ok()?;
    let (scheme, encoded) = text.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = STANDARD.decode(encoded.trim_start_matches(' ')).ok()?;
    let colon = decoded.iter().position(|&byte| byte == b':')?;
    let user = form_decode(&decoded[..colon]).ok().filter(|user| !user.is_empty())?;
    Some((user, form_decode(&decoded[colon + 1..]).ok()?))
}
