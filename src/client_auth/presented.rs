//! What a request presents: exactly one mechanism (RFC 6749 §2.3).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::protocol::client_auth_method::ClientAuthMethod;
use crate::protocol::error::Reason;
use crate::protocol::ids::ClientId;
use crate::protocol::params::{Params, form_decode};

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
    None,
}

impl Presented {
    /// Reads the Authorization headers and the body. More than one mechanism is an error, even when both are right.
    pub fn from_request(authorization: &[&[u8]], params: &Params) -> Result<Self, Reason> {
        let named = params.get("client_id")?;
        let secret = params.get("client_secret")?;
        if params.mentions("client_assertion") || params.mentions("client_assertion_type") {
            return Err(Reason::ClientAuthMethodWrong);
        }
        match authorization {
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
            Proof::None => ClientAuthMethod::None,
        }
    }

    /// The secret, if one was sent.
    pub fn secret(&self) -> Option<&str> {
        match &self.proof {
            Proof::Basic(secret) | Proof::Post(secret) => Some(secret),
            Proof::None => None,
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
