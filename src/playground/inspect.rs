//! Tokens taken apart: what is in them, and what a client checks before it believes a word.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::glossary;
use crate::crypto::jwt::{self, Expected, ForeignExpected, JwtError, LEEWAY_SECONDS};
use crate::protocol::signing_alg::SigningAlg;
use crate::time::Timestamp;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finding {
    /// As it must be.
    Passed,
    /// Not to be trusted.
    Failed,
    /// Nothing to check, and that is all right.
    Skipped,
}

impl Finding {
    /// In one word, so that no colour is needed.
    pub fn word(self) -> &'static str {
        match self {
            Self::Passed => "OK",
            Self::Failed => "Failed",
            Self::Skipped => "Skipped",
        }
    }

    /// The CSS class.
    pub fn class(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// One check and how it ended.
#[derive(Clone, Debug)]
pub(super) struct Verdict {
    pub finding: Finding,
    pub what: &'static str,
    pub detail: String,
}

impl Verdict {
    /// A check that has a yes and a no.
    pub fn check(what: &'static str, passed: bool, detail: impl Into<String>) -> Self {
        let finding = if passed { Finding::Passed } else { Finding::Failed };
        Self {
            finding,
            what,
            detail: detail.into(),
        }
    }

    /// A check that does not apply.
    pub fn skipped(what: &'static str, detail: impl Into<String>) -> Self {
        Self {
            finding: Finding::Skipped,
            what,
            detail: detail.into(),
        }
    }
}

/// One member of a JSON object, explained.
#[derive(Clone)]
pub(super) struct Claim {
    pub name: String,
    pub value: String,
    /// The date that the value stands for.
    pub date: Option<String>,
    pub meaning: &'static str,
}

/// A JWT taken apart.
#[derive(Clone)]
pub(super) struct Decoded {
    pub header: Vec<Claim>,
    pub claims: Vec<Claim>,
    pub verdicts: Vec<Verdict>,
}

/// What a token turned out to be.
#[derive(Clone)]
pub(super) enum Inspection {
    /// Not a JWT: it means something to its issuer only.
    Opaque,
    /// A JWT.
    Decoded(Decoded),
}

/// Against what a token is checked.
pub(super) struct Context<'a> {
    pub issuer: &'a str,
    pub client_id: &'a str,
    pub nonce: &'a str,
    /// Whether the tokens come from a refresh.
    pub refreshed: bool,
    pub access_token: &'a str,
    /// The published keys; `None` when they could not be fetched.
    pub jwks: Option<&'a Value>,
    pub now: Timestamp,
}

/// Decodes an ID token and makes the checks of OpenID Connect Core §3.1.3.7.
pub(super) fn id_token(token: &str, context: &Context<'_>) -> Inspection {
    let Some((header, claims)) = decode(token) else {
        return Inspection::Opaque;
    };
    let verdicts = vec![
        signature(
            token,
            &header,
            context,
            &Kind {
                typ: &["JWT"],
                audience: context.client_id,
            },
        ),
        issuer(&claims, context),
        audience(&claims, context),
        lifetime(&claims, context),
        nonce(&claims, context),
        access_token_hash(&header, &claims, context),
    ];
    Inspection::Decoded(Decoded {
        header: header_rows(&header),
        claims: claim_rows(&claims),
        verdicts,
    })
}

/// Decodes an access token (RFC 9068) where it is a JWT. A client has no business in there; an API makes these checks.
pub(super) fn access_token(token: &str, context: &Context<'_>) -> Inspection {
    let Some((header, claims)) = decode(token) else {
        return Inspection::Opaque;
    };
    let audience = audiences(&claims).into_iter().next().unwrap_or_default();
    let verdicts = vec![
        signature(
            token,
            &header,
            context,
            &Kind {
                typ: &["at+jwt"],
                audience: &audience,
            },
        ),
        issuer(&claims, context),
        lifetime(&claims, context),
    ];
    Inspection::Decoded(Decoded {
        header: header_rows(&header),
        claims: claim_rows(&claims),
        verdicts,
    })
}

/// The userinfo answer must be about the person whom the ID token names (OpenID Connect Core §5.3.2).
pub(super) fn same_subject(userinfo: &str, id_token: Option<&str>) -> Verdict {
    let what = "Same person";
    let Some((_, claims)) = id_token.and_then(decode) else {
        return Verdict::skipped(what, "There is no ID token to compare with.");
    };
    let answered: Option<Value> = serde_json::from_str(userinfo).ok();
    let sub = answered.as_ref().and_then(|answer| answer.get("sub"));
    let same = sub.is_some() && sub == claims.get("sub");
    Verdict::check(
        what,
        same,
        if same {
            "sub is that of the ID token."
        } else {
            "sub is not that of the ID token."
        },
    )
}

/// The members of a JSON object as rows, if it is one.
pub(super) fn rows_of(json: &str) -> Vec<Claim> {
    match serde_json::from_str(json) {
        Ok(Value::Object(object)) => claim_rows(&object),
        _ => Vec::new(),
    }
}

/// Header and claims without any check: for showing, never for believing.
fn decode(token: &str) -> Option<(Map<String, Value>, Map<String, Value>)> {
    let mut segments = token.split('.');
    let mut object = || {
        let bytes = URL_SAFE_NO_PAD.decode(segments.next()?).ok()?;
        serde_json::from_slice(&bytes).ok()
    };
    let decoded = (object()?, object()?);
    (segments.count() == 1).then_some(decoded)
}

/// What tells one kind of token from another.
struct Kind<'a> {
    typ: &'a [&'a str],
    audience: &'a str,
}

/// The strict verifier looks at everything; here counts only whether it got past the signature.
fn signature(token: &str, header: &Map<String, Value>, context: &Context<'_>, kind: &Kind<'_>) -> Verdict {
    let what = "Signature";
    let Some(jwks) = context.jwks else {
        return Verdict::check(what, false, "The published keys could not be fetched.");
    };
    let expected = ForeignExpected {
        token: Expected {
            typ: kind.typ,
            issuer: context.issuer,
            now: context.now,
            leeway_seconds: LEEWAY_SECONDS,
            allow_expired: false,
        },
        audience: kind.audience,
    };
    match jwt::verify_with_jwk_set(token, jwks, &expected).map(drop) {
        Ok(())
        | Err(JwtError::Issuer | JwtError::Audience | JwtError::Date(_) | JwtError::Expired | JwtError::NotYetValid) => {
            let (alg, kid) = (text(header, "alg"), text(header, "kid"));
            Verdict::check(what, true, format!("{alg}, verified with the published key {kid}."))
        }
        Err(error) => Verdict::check(what, false, format!("Refused: {error}.")),
    }
}

fn issuer(claims: &Map<String, Value>, context: &Context<'_>) -> Verdict {
    let passed = text(claims, "iss") == context.issuer;
    Verdict::check(
        "Issuer",
        passed,
        if passed {
            "iss is the server we asked."
        } else {
            "iss is somebody else."
        },
    )
}

fn audience(claims: &Map<String, Value>, context: &Context<'_>) -> Verdict {
    let audiences = audiences(claims);
    let azp_is_us = claims.get("azp").is_none_or(|azp| azp == context.client_id);
    let passed = audiences.iter().any(|one| one == context.client_id) && azp_is_us;
    Verdict::check(
        "Audience",
        passed,
        if passed {
            "aud names this client."
        } else {
            "It is not for this client."
        },
    )
}

fn lifetime(claims: &Map<String, Value>, context: &Context<'_>) -> Verdict {
    let what = "Lifetime";
    let date = |name: &str| claims.get(name).and_then(Value::as_i64).map(Timestamp::new);
    let (Some(exp), Some(iat)) = (date("exp"), date("iat")) else {
        return Verdict::check(what, false, "exp or iat is missing.");
    };
    let left = exp.since(context.now);
    if left <= 0 {
        return Verdict::check(what, false, "It has expired.");
    }
    let early = iat.since(context.now) > LEEWAY_SECONDS;
    let detail = if early {
        "It comes from the future.".to_owned()
    } else {
        format!("Valid for {}.", duration(left))
    };
    Verdict::check(what, !early, detail)
}

/// A refreshed ID token may leave the nonce out (OpenID Connect Core §12.2), but never bring another.
fn nonce(claims: &Map<String, Value>, context: &Context<'_>) -> Verdict {
    let what = "Nonce";
    if context.refreshed && !claims.contains_key("nonce") {
        return Verdict::skipped(what, "A refreshed ID token may leave it out.");
    }
    let passed = text(claims, "nonce") == context.nonce;
    Verdict::check(
        what,
        passed,
        if passed {
            "The one from the request."
        } else {
            "Not the one from the request."
        },
    )
}

fn access_token_hash(header: &Map<String, Value>, claims: &Map<String, Value>, context: &Context<'_>) -> Verdict {
    let what = "Access token";
    let (Some(Value::String(found)), Ok(alg)) = (claims.get("at_hash"), text(header, "alg").parse::<SigningAlg>())
    else {
        return Verdict::skipped(what, "There is no at_hash, which may be left out here.");
    };
    let passed = *found == jwt::left_half_hash(alg, context.access_token);
    Verdict::check(
        what,
        passed,
        if passed {
            "at_hash belongs to it."
        } else {
            "at_hash belongs to another."
        },
    )
}

fn audiences(claims: &Map<String, Value>) -> Vec<String> {
    match claims.get("aud") {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

fn text<'a>(object: &'a Map<String, Value>, name: &str) -> &'a str {
    object.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn header_rows(header: &Map<String, Value>) -> Vec<Claim> {
    header
        .iter()
        .map(|(name, value)| row(name, value, glossary::header(name)))
        .collect()
}

fn claim_rows(claims: &Map<String, Value>) -> Vec<Claim> {
    let mut rows: Vec<Claim> = claims
        .iter()
        .map(|(name, value)| row(name, value, glossary::claim(name)))
        .collect();
    rows.sort_by_key(|row| glossary::claim_rank(&row.name));
    rows
}

fn row(name: &str, value: &Value, meaning: &'static str) -> Claim {
    let date = value.as_i64().filter(|_| glossary::is_date(name)).and_then(utc);
    Claim {
        name: name.to_owned(),
        value: value.to_string(),
        date,
        meaning,
    }
}

fn utc(seconds: i64) -> Option<String> {
    let moment = OffsetDateTime::from_unix_timestamp(seconds).ok()?;
    let (date, (hour, minute, second)) = (moment.date(), moment.to_hms());
    Some(format!("{date} {hour:02}:{minute:02}:{second:02} UTC"))
}

fn duration(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{seconds} seconds"),
        120..7200 => format!("{} minutes", seconds / 60),
        7200..172_800 => format!("{} hours", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests;
