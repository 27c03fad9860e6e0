//! Access tokens: JWTs of RFC 9068, or opaque references.

use serde::Serialize;

use super::audience::Target;
use super::subject;
use crate::crypto::jwt::{self, SignError};
use crate::crypto::keys::Signer;
use crate::crypto::opaque::{Kind, OpaqueToken};
use crate::model::access_token::{AccessToken, AccessTokenContent};
use crate::model::browser_session::BrowserSessionId;
use crate::model::client::Client;
use crate::model::grant::{Grant, GrantId};
use crate::model::user::User;
use crate::protocol::ids::ClientId;
use crate::protocol::scope::Scope;
use crate::time::Timestamp;

/// `typ` of an access token (RFC 9068 §2.1).
pub const TYP: &str = "at+jwt";

/// On whose behalf a token is.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    /// A person's, under this grant.
    User {
        /// The person.
        user: &'a User,
        /// What they authorized.
        grant: &'a Grant,
    },
    /// The client's own (RFC 6749 §4.4).
    Client,
}

/// `aud`: one string where there is one (RFC 7519 §4.1.3).
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Audience<'a> {
    One(&'a str),
    Many(&'a [String]),
}

impl<'a> Audience<'a> {
    pub(super) fn of(audience: &'a [String]) -> Self {
        match audience {
            [one] => Self::One(one),
            many => Self::Many(many),
        }
    }
}

/// RFC 9068 §2.2, and `sid` and `grant_id`, by which this server knows its own tokens' standing.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: Audience<'a>,
    exp: i64,
    iat: i64,
    jti: &'a str,
    client_id: &'a ClientId,
    #[serde(skip_serializing_if = "Scope::is_empty")]
    scope: &'a Scope,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acr: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    amr: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<BrowserSessionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grant_id: Option<GrantId>,
}

/// A token to issue: for whom, to whom, where to, from when to when.
#[derive(Debug)]
pub struct Mint<'a> {
    /// `iss`.
    pub issuer: &'a str,
    /// To whom it is issued.
    pub client: &'a Client,
    /// On whose behalf.
    pub subject: Subject<'a>,
    /// Where it counts.
    pub target: &'a Target,
    /// `iat`.
    pub now: Timestamp,
    /// `exp`.
    pub expires_at: Timestamp,
}

impl Mint<'_> {
    /// Makes a JWT.
    pub fn jwt(&self, signer: &Signer, jti: &str) -> Result<String, SignError> {
        let sub = self.subject_id();
        let (grant, authentication) = match self.subject {
            Subject::User { grant, .. } => (Some(grant), Some(&grant.authentication)),
            Subject::Client => (None, None),
        };
        let claims = Claims {
            iss: self.issuer,
            sub: &sub,
            aud: Audience::of(&self.target.audience),
            exp: self.expires_at.0,
            iat: self.now.0,
            jti,
            client_id: &self.client.client_id,
            scope: &self.target.scope,
            auth_time: authentication.map(|authentication| authentication.auth_time),
            acr: authentication.map(|authentication| authentication.acr.as_str()),
            amr: authentication.map(|authentication| authentication.amr.as_slice()),
            sid: grant.map(|grant| grant.session_id),
            grant_id: grant.map(|grant| grant.id),
        };
        jwt::sign(signer, TYP, &claims)
    }

    /// Makes a reference, and the row that it refers to.
    pub fn opaque(&self) -> (OpaqueToken, AccessToken) {
        let token = OpaqueToken::generate(Kind::Access);
        let grant = match self.subject {
            Subject::User { grant, .. } => Some(grant),
            Subject::Client => None,
        };
        let stored = AccessToken {
            digest: token.digest(),
            grant_id: grant.map(|grant| grant.id),
            client_id: self.client.client_id.clone(),
            content: AccessTokenContent {
                subject: self.subject_id(),
                audience: self.target.audience.clone(),
                scope: self.target.scope.clone(),
                session_id: grant.map(|grant| grant.session_id),
            },
            created_at: self.now,
            expires_at: self.expires_at,
        };
        (token, stored)
    }

    fn subject_id(&self) -> String {
        match self.subject {
            Subject::User { user, .. } => subject::of(self.client, user),
            Subject::Client => self.client.client_id.to_string(),
        }
    }
}
