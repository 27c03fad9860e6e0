//! ID tokens (OpenID Connect Core §2, §3.1.3.6).

use serde::Serialize;
use serde_json::{Map, Value};

use super::{person, subject};
use crate::crypto::jwt::{self, SignError, left_half_hash};
use crate::crypto::keys::Signer;
use crate::model::browser_session::BrowserSessionId;
use crate::model::client::Client;
use crate::model::grant::Grant;
use crate::model::user::User;
use crate::protocol::ids::ClientId;
use crate::protocol::standard_claims::ClaimSet;
use crate::time::Timestamp;

/// `typ` of an ID token.
pub const TYP: &str = "JWT";

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: String,
    aud: &'a ClientId,
    exp: i64,
    iat: i64,
    auth_time: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    at_hash: String,
    acr: &'a str,
    amr: &'a [String],
    sid: BrowserSessionId,
    #[serde(flatten)]
    person: Map<String, Value>,
}

/// An ID token to issue. It holds an access token, hence no `Debug`.
pub struct Mint<'a> {
    /// `iss`.
    pub issuer: &'a str,
    /// To whom it is issued.
    pub client: &'a Client,
    /// Whom it tells of.
    pub user: &'a User,
    /// The sign-in and authorization that it tells of.
    pub grant: &'a Grant,
    /// From the authorization request; not repeated on refresh (OpenID Connect Core §12.2).
    pub nonce: Option<&'a str>,
    /// The claims about the person that it is to hold.
    pub asked: &'a ClaimSet,
    /// The access token beside it.
    pub access_token: &'a str,
    /// `iat`.
    pub now: Timestamp,
    /// `exp`.
    pub expires_at: Timestamp,
}

impl Mint<'_> {
    /// Signs it.
    pub fn sign(&self, signer: &Signer) -> Result<String, SignError> {
        let authentication = &self.grant.authentication;
        let claims = Claims {
            iss: self.issuer,
            sub: subject::of(self.client, self.user),
            aud: &self.client.client_id,
            exp: self.expires_at.0,
            iat: self.now.0,
            auth_time: authentication.auth_time,
            nonce: self.nonce,
            at_hash: left_half_hash(signer.alg(), self.access_token),
            acr: &authentication.acr,
            amr: &authentication.amr,
            sid: self.grant.session_id,
            person: person::claims(&self.person(), self.asked),
        };
        jwt::sign(signer, TYP, &claims)
    }

    fn person(&self) -> person::Person<'_> {
        person::Person {
            claims: &self.user.claims,
            username: self.user.username.as_str(),
            updated_at: self.user.updated_at,
        }
    }
}
