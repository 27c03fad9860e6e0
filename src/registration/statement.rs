//! Software statements (RFC 7591 §2.3): what somebody whom the operator believes says about a client, signed.

use serde_json::Value;

use super::{Refusal, RegistrationCx, RegistrationError};
use crate::config::StatementIssuer;
use crate::crypto::jwk_set::JwkSet;
use crate::crypto::jwt::{ClientDates, ClientJws, ClientJwsRules, JsonObject};
use crate::protocol::assertion_alg::AssertionAlg;
use crate::protocol::error::Reason;

const MEMBER: &str = "software_statement";

/// Claims about the statement itself; all others are metadata of the client.
const OF_THE_STATEMENT: &[&str] = &["iss", "sub", "aud", "exp", "nbf", "iat", "jti"];

/// A statement need not end, and may be for the life of a product.
const LONGEST: i64 = 100 * 365 * 86_400;

/// `document` with what its statement says in place of what the client says. Where nobody is believed, a statement is a member
/// that this server does not know.
pub async fn over(cx: &RegistrationCx<'_>, document: &JsonObject) -> Result<JsonObject, RegistrationError> {
    let config = &cx.app.config().registration;
    let mut merged = document.clone();
    if config.software_statement_issuers.is_empty() {
        merged.remove(MEMBER);
        return Ok(merged);
    }
    let statement = match document.get(MEMBER) {
        None | Some(Value::Null) if config.software_statement_required => {
            return Err(refusal(Reason::SoftwareStatementMissing, "is required here").into());
        }
        None | Some(Value::Null) => return Ok(merged),
        Some(statement) => statement.as_str().unwrap_or_default(),
    };
    let claims = verified(cx, statement, &config.software_statement_issuers).await?;
    let about_the_client = claims
        .into_iter()
        .filter(|(name, _)| !OF_THE_STATEMENT.contains(&name.as_str()));
    let about_the_client: JsonObject = about_the_client.collect();
    // What the client says in other languages would be shown in place of it.
    let stated = |name: &str| about_the_client.contains_key(name.split('#').next().unwrap_or(name));
    merged.retain(|name, _| !stated(name));
    merged.extend(about_the_client);
    Ok(merged)
}

async fn verified(
    cx: &RegistrationCx<'_>,
    statement: &str,
    believed: &[StatementIssuer],
) -> Result<JsonObject, RegistrationError> {
    let algs: Vec<_> = AssertionAlg::ALL
        .iter()
        .copied()
        .filter(|alg| alg.asymmetric().is_some())
        .collect();
    let rules = ClientJwsRules {
        typ: &["JWT", "software-statement+jwt"],
        untyped: true,
        algs: &algs,
    };
    let invalid = |_| {
        refusal(
            Reason::SoftwareStatementInvalid,
            "is malformed, expired, or its signature is wrong",
        )
    };
    let jws = ClientJws::read(statement, &rules).map_err(invalid)?;
    let issuer = jws.unverified().get("iss").and_then(Value::as_str).unwrap_or_default();
    let Some(issuer) = believed.iter().find(|known| known.issuer == issuer) else {
        return Err(refusal(
            Reason::SoftwareStatementUnapproved,
            "is of an issuer that is not approved here",
        )
        .into());
    };
    let claims = jws.verify(&keys(issuer).await?).map_err(invalid)?;
    let dates = ClientDates {
        now: cx.now,
        exp_required: false,
        longest: LONGEST,
    };
    dates.check(claims).map_err(invalid)?;
    if !is_for(claims, cx.app.issuer()) {
        return Err(refusal(Reason::SoftwareStatementInvalid, "is for another server").into());
    }
    Ok(claims.clone())
}

/// Read anew each time, so that an issuer's keys can be exchanged while the server runs.
async fn keys(issuer: &StatementIssuer) -> Result<JwkSet, RegistrationError> {
    let text = tokio::fs::read(&issuer.keys).await.map_err(|error| {
        tracing::error!(file = %issuer.keys.display(), %error, "registration.software_statement_issuers: a file cannot be read");
        Reason::Internal
    })?;
    let keys = JwkSet::from_json(&text).map_err(|error| {
        tracing::error!(file = %issuer.keys.display(), %error, "registration.software_statement_issuers: a file holds no keys");
        Reason::Internal
    })?;
    Ok(keys)
}

/// An `aud` is not asked for; where there is one, it has to be this server.
fn is_for(claims: &JsonObject, issuer: &str) -> bool {
    match claims.get("aud") {
        None => true,
        Some(Value::String(one)) => one == issuer,
        Some(Value::Array(many)) => many.iter().any(|one| one == issuer),
        Some(_) => false,
    }
}

fn refusal(reason: Reason, why: &str) -> Refusal {
    Refusal::because(reason, MEMBER, why)
}
