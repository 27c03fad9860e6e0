//! Client assertions: `private_key_jwt` and `client_secret_jwt` (RFC 7523 §3, OpenID Connect Core §9).

use super::failed;
use crate::app::App;
use crate::client_keys::{self, ClientKeysError};
use crate::crypto::client_secret;
use crate::crypto::digest::hmac_sha256;
use crate::crypto::jwt::{ClientDates, ClientJws, ClientJwsRules, JsonObject, JwtError, LEEWAY_SECONDS};
use crate::model::caller::Caller;
use crate::model::client::{AssertionAudience, Client};
use crate::protocol::assertion_alg::AssertionAlg;
use crate::protocol::client_auth_method::ClientAuthMethod;
use crate::protocol::error::{ErrorCode, OAuthError, Reason};
use crate::protocol::ids::ClientId;
use crate::store::AssertionUse;
use crate::time::Timestamp;

/// The types that libraries write (draft-ietf-oauth-rfc7523bis §4 has the second). None of ours is among them: an access or
/// logout token proves nothing, nor does a request object.
const TYPES: &[&str] = &["JWT", "client-authentication+jwt"];

/// The longest `jti`, in bytes.
const MAX_JTI_BYTES: usize = 512;

/// What a client presents.
#[derive(Clone)]
pub(super) struct Assertion {
    /// The JWS.
    pub(super) token: String,
    /// By its `alg`.
    pub(super) method: ClientAuthMethod,
    /// The addresses that it may be made out to, beside the issuer: the token endpoint, and where it arrived.
    pub(super) endpoints: Vec<String>,
}

/// Whether `assertion` is one of `client`, for us, now, and for the first time. Only failures are counted.
pub(super) async fn check(
    app: &App,
    client: &Client,
    assertion: &Assertion,
    caller: &Caller,
    now: Timestamp,
) -> Result<(), OAuthError> {
    match verify(app, client, assertion, now).await {
        Err(error) if error.code == ErrorCode::InvalidClient => {
            Err(failed(app, &client.client_id, error.reason, caller, now).await)
        }
        outcome => outcome,
    }
}

/// What costs nothing comes first, so that keys are fetched for what could be right alone.
async fn verify(app: &App, client: &Client, assertion: &Assertion, now: Timestamp) -> Result<(), OAuthError> {
    let rules = ClientJwsRules {
        typ: TYPES,
        untyped: true,
        algs: &algorithms(client),
    };
    let jws = ClientJws::read(&assertion.token, &rules).map_err(reason)?;
    let once = decide(
        jws.unverified(),
        &Expected {
            client_id: &client.client_id,
            issuer: app.issuer(),
            endpoints: &assertion.endpoints,
            audience: client.metadata.assertion_audience,
            longest: app.config().tokens.client_assertion_lifetime.as_secs(),
            now,
        },
    )?;
    check_signature(app, client, &jws, now).await?;
    spend(app, &client.client_id, &once).await
}

/// What an assertion must say.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Who it must be from and about.
    pub client_id: &'a ClientId,
    /// Our identifier.
    pub issuer: &'a str,
    /// Our addresses that count beside it.
    pub endpoints: &'a [String],
    /// Whether they do.
    pub audience: AssertionAudience,
    /// How far away its end may be, in seconds.
    pub longest: i64,
    /// The current moment.
    pub now: Timestamp,
}

/// What is claimed by using an assertion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Once {
    /// Its name among the client's assertions.
    pub jti: String,
    /// From when on it is expired for everybody.
    pub until: Timestamp,
}

/// The rules for the claims (RFC 7523 §3).
pub fn decide(claims: &JsonObject, expected: &Expected<'_>) -> Result<Once, Reason> {
    check_parties(claims, expected.client_id)?;
    check_audience(claims, expected)?;
    let exp = check_dates(claims, expected)?;
    let jti = check_jti(claims)?;
    Ok(Once {
        jti,
        until: exp.plus(LEEWAY_SECONDS),
    })
}

fn check_parties(claims: &JsonObject, client_id: &ClientId) -> Result<(), Reason> {
    let is_client = |name| claims.get(name).and_then(|value| value.as_str()) == Some(client_id.as_str());
    if is_client("iss") && is_client("sub") {
        Ok(())
    } else {
        Err(Reason::AssertionParties)
    }
}

/// An array is taken only if all of it is us: what others accept too, they could use here (draft-ietf-oauth-rfc7523bis).
fn check_audience(claims: &JsonObject, expected: &Expected<'_>) -> Result<(), Reason> {
    let aud = claims.get("aud").ok_or(Reason::AssertionAudience)?;
    let ours = |one: &serde_json::Value| {
        one.as_str()
            .is_some_and(|one| one == expected.issuer || expected.endpoints.iter().any(|endpoint| endpoint == one))
    };
    let right = match (expected.audience, aud.as_array()) {
        (AssertionAudience::Issuer, _) => aud.as_str() == Some(expected.issuer),
        (AssertionAudience::Any, Some(all)) => !all.is_empty() && all.iter().all(ours),
        (AssertionAudience::Any, None) => ours(aud),
    };
    if right { Ok(()) } else { Err(Reason::AssertionAudience) }
}

fn check_dates(claims: &JsonObject, expected: &Expected<'_>) -> Result<Timestamp, Reason> {
    let dates = ClientDates {
        now: expected.now,
        exp_required: true,
        longest: expected.longest,
    };
    dates.check(claims).map_err(reason)?.ok_or(Reason::AssertionDates)
}

fn check_jti(claims: &JsonObject) -> Result<String, Reason> {
    let jti = claims.get("jti").and_then(|jti| jti.as_str());
    let jti = jti.filter(|jti| (1..=MAX_JTI_BYTES).contains(&jti.len()));
    jti.map(str::to_owned).ok_or(Reason::AssertionJti)
}

/// The algorithms of the methods that the client is registered for, and of them the one that it chose, if it did.
fn algorithms(client: &Client) -> Vec<AssertionAlg> {
    let metadata = &client.metadata;
    let registered = |alg: AssertionAlg| metadata.auth_methods.contains(&ClientAuthMethod::of_assertion(alg));
    let chosen = |alg: AssertionAlg| metadata.assertion_alg.is_none_or(|chosen| chosen == alg);
    let all = AssertionAlg::ALL.iter().copied();
    all.filter(|alg| registered(*alg) && chosen(*alg)).collect()
}

async fn check_signature(app: &App, client: &Client, jws: &ClientJws<'_>, now: Timestamp) -> Result<(), OAuthError> {
    if jws.alg() == AssertionAlg::Hs256 {
        return check_mac(app, client, jws, now);
    }
    match client_keys::verify(app, client, jws, now).await {
        Ok(_) => Ok(()),
        Err(ClientKeysError::Jws(error)) => Err(reason(error).into()),
        Err(ClientKeysError::NoKeys | ClientKeysError::Unavailable) => Err(Reason::AssertionKeysUnavailable.into()),
    }
}

/// Any of the live secrets will do, so that a rotation interrupts nobody.
fn check_mac(app: &App, client: &Client, jws: &ClientJws<'_>, now: Timestamp) -> Result<(), OAuthError> {
    let mut refusal = Reason::AssertionSignature;
    for secret in client.live_secrets(now) {
        match client_secret::open(app.master_key(), &client.client_id, secret) {
            Ok(Some(secret)) if jws.verify_mac(&secret).is_ok() => return Ok(()),
            Ok(_) => {}
            Err(error) => {
                tracing::error!(%error, client = %client.client_id, "a client secret cannot be opened");
                refusal = Reason::Internal;
            }
        }
    }
    Err(refusal.into())
}

async fn spend(app: &App, client: &ClientId, once: &Once) -> Result<(), OAuthError> {
    // The key is none: the parts are what keeps one client's names from another's.
    let digest = hmac_sha256(b"client_assertion", &[client.as_str().as_bytes(), once.jti.as_bytes()]);
    match app.store().spend_assertion(&digest, once.until).await? {
        AssertionUse::First => Ok(()),
        AssertionUse::Replayed => Err(Reason::AssertionReplayed.into()),
    }
}

fn reason(error: JwtError) -> Reason {
    match error {
        JwtError::Algorithm => Reason::AssertionAlgorithm,
        JwtError::UnknownKey | JwtError::Key => Reason::AssertionKeyUnknown,
        JwtError::Signature => Reason::AssertionSignature,
        JwtError::Date(_) => Reason::AssertionDates,
        JwtError::Expired => Reason::AssertionExpired,
        JwtError::NotYetValid => Reason::AssertionNotYetValid,
        JwtError::TooLongLived => Reason::AssertionTooLongLived,
        _ => Reason::AssertionMalformed,
    }
}
