//! Signed authorization requests (RFC 9101, OpenID Connect Core §6), by value and by reference.
//!
//! Of a request with an object only what the object holds counts (RFC 9101 §6.3): what anybody could add outside is as if it was
//! not there. OpenID Connect Core §6.1 would let parameters stand outside that the object lacks; a signature that leaves out what
//! an attacker may fill in is worth little, and clients that send the same inside and outside are served by both rules. Outside,
//! `client_id` has to stand, and it and `response_type` have to be those of the object.

use serde_json::Value;

use crate::app::App;
use crate::client_keys::{self, ClientKeysError};
use crate::crypto::jwt::{ClientDates, ClientJws, ClientJwsRules, JsonObject};
use crate::model::client::Client;
use crate::outbound::Purpose;
use crate::protocol::assertion_alg::AssertionAlg;
use crate::protocol::error::Reason;
use crate::protocol::params::Params;
use crate::protocol::signing_alg::SigningAlg;
use crate::time::Timestamp;

/// The `typ` of a request object (RFC 9101 §10.8), and the one that most libraries write.
const TYPES: &[&str] = &["oauth-authz-req+jwt", "JWT"];

/// Claims that say something about the object, and are no parameters of the request.
const ABOUT_ITSELF: &[&str] = &["iss", "sub", "aud", "exp", "nbf", "iat", "jti"];

/// The longest `request_uri` that is used (RFC 9101 §5.2).
const MAX_URI: usize = 2048;

/// Who asks, and when.
#[derive(Clone, Copy)]
pub struct ObjectCx<'a> {
    /// The server.
    pub app: &'a App,
    /// The client that is named outside.
    pub client: &'a Client,
    /// The moment of the request.
    pub now: Timestamp,
}

/// The parameters that count: those of the request object if there is one, those that were sent otherwise.
pub async fn parameters(cx: &ObjectCx<'_>, sent: &Params) -> Result<Params, Reason> {
    let object = match (sent.get("request")?, sent.get("request_uri")?) {
        (None, None) if cx.client.metadata.request_objects.required => return Err(Reason::RequestObjectMissing),
        (None, None) => return Ok(sent.clone()),
        (Some(_), Some(_)) => return Err(Reason::RequestObjectTwice),
        (Some(object), None) => object.to_owned(),
        (None, Some(uri)) => fetched(cx, uri).await?,
    };
    sent.refuse_repeated()?;
    let jws = read(cx.client, &object)?;
    check_claims(cx, sent, jws.unverified())?;
    let verified = client_keys::verify(cx.app, cx.client, &jws, cx.now).await;
    let claims = verified.map_err(|error| {
        tracing::debug!(%error, client_id = %cx.client.client_id, "request object refused");
        match error {
            ClientKeysError::Jws(_) => Reason::RequestObjectUnproven,
            ClientKeysError::NoKeys | ClientKeysError::Unavailable => Reason::RequestObjectKeys,
        }
    })?;
    as_parameters(cx.client, claims)
}

/// Fetches an object from an address that the client registered: from no other, whatever it is.
async fn fetched(cx: &ObjectCx<'_>, uri: &str) -> Result<String, Reason> {
    if !cx.app.config().requests.request_uri {
        return Err(Reason::RequestUri);
    }
    if uri.len() > MAX_URI || !is_registered(&cx.client.metadata.request_objects.uris, uri) {
        return Err(Reason::RequestUriUnregistered);
    }
    let address = without_fragment(uri);
    let accept = "application/oauth-authz-req+jwt, application/jwt";
    let document = cx.app.fetch().get(Purpose::RequestObject, address, accept).await;
    let document = document.map_err(|error| {
        tracing::debug!(%error, client_id = %cx.client.client_id, "request object not fetched");
        Reason::RequestUriUnavailable
    })?;
    if document.status != 200 {
        return Err(Reason::RequestUriUnavailable);
    }
    let text = String::from_utf8(document.body).map_err(|_| Reason::RequestUriUnavailable)?;
    Ok(text.trim_ascii().to_owned())
}

fn without_fragment(uri: &str) -> &str {
    uri.split_once('#').map_or(uri, |(address, _)| address)
}

/// Compared exactly. A URI that was registered without a fragment may be sent with any: it is not sent on, and only tells those
/// who keep an object whether to fetch it anew (OpenID Connect Core §6.2). Here it is fetched each time, and signed.
fn is_registered(registered: &[String], uri: &str) -> bool {
    let address = without_fragment(uri);
    registered.iter().any(|known| known == uri || known == address)
}

fn read<'a>(client: &Client, object: &'a str) -> Result<ClientJws<'a>, Reason> {
    // Five parts are a JWE (RFC 7516 §3.1): nobody here has a key for it.
    if object.split('.').count() == 5 {
        return Err(Reason::RequestObjectEncrypted);
    }
    let registered = client.metadata.request_objects.alg;
    let algs = registered.map_or(SigningAlg::ALL, |_| registered.as_slice());
    let algs: Vec<AssertionAlg> = algs.iter().copied().map(AssertionAlg::from).collect();
    let rules = ClientJwsRules {
        typ: TYPES,
        untyped: true,
        algs: &algs,
    };
    ClientJws::read(object, &rules).map_err(|error| {
        tracing::debug!(%error, client_id = %client.client_id, "request object refused");
        Reason::RequestObjectMalformed
    })
}

/// What costs no look at keys. Nothing is believed by it, only refused.
fn check_claims(cx: &ObjectCx<'_>, sent: &Params, claims: &JsonObject) -> Result<(), Reason> {
    check_client(cx.client, claims)?;
    check_party(cx, claims)?;
    check_not_nested(claims)?;
    check_response_type(sent, claims)?;
    let dates = ClientDates {
        now: cx.now,
        exp_required: false,
        longest: i64::MAX,
    };
    dates.check(claims).map(drop).map_err(|_| Reason::RequestObjectDates)
}

/// RFC 9101 §6.3: the client is named alike inside and outside. Inside, its keys name it already.
fn check_client(client: &Client, claims: &JsonObject) -> Result<(), Reason> {
    match claims.get("client_id") {
        None => Ok(()),
        Some(named) if *named == client.client_id.as_str() => Ok(()),
        Some(_) => Err(Reason::RequestObjectClient),
    }
}

/// From this client, to this server, and nothing that proves who the client is (RFC 9101 §10.8): that has the client as `sub`.
fn check_party(cx: &ObjectCx<'_>, claims: &JsonObject) -> Result<(), Reason> {
    let client_id = cx.client.client_id.as_str();
    let from = claims.get("iss").is_none_or(|iss| iss == client_id);
    let issuer = cx.app.issuer();
    let to = match claims.get("aud") {
        None => true,
        Some(Value::Array(many)) => many.iter().any(|audience| audience == issuer),
        Some(one) => one == issuer,
    };
    let assertion = claims.get("sub").is_some_and(|sub| sub == client_id);
    if from && to && !assertion {
        Ok(())
    } else {
        Err(Reason::RequestObjectParty)
    }
}

fn check_not_nested(claims: &JsonObject) -> Result<(), Reason> {
    let nested = ["request", "request_uri"].iter().any(|name| claims.contains_key(*name));
    if nested {
        Err(Reason::RequestObjectNested)
    } else {
        Ok(())
    }
}

fn check_response_type(sent: &Params, claims: &JsonObject) -> Result<(), Reason> {
    let outside = sent.get("response_type")?;
    match (outside, claims.get("response_type")) {
        (Some(outside), Some(inside)) if inside != outside => Err(Reason::RequestObjectDisagrees),
        _ => Ok(()),
    }
}

/// Claims as the parameters that they stand for (RFC 9101 §4): numbers and JSON as their text, and `resource` as often as its
/// array has members.
fn as_parameters(client: &Client, claims: &JsonObject) -> Result<Params, Reason> {
    let mut pairs = vec![("client_id".to_owned(), client.client_id.to_string())];
    let parameters = claims.iter().filter(|(name, _)| !ABOUT_ITSELF.contains(&name.as_str()));
    for (name, value) in parameters.filter(|(name, _)| *name != "client_id") {
        let several = match value {
            Value::Array(many) if name == "resource" => many.as_slice(),
            one => std::slice::from_ref(one),
        };
        for value in several {
            let text = match value {
                Value::Null => continue,
                Value::String(text) => text.clone(),
                // What is no parameter of ours is overlooked, as it is outside of an object; what is, has its own check.
                Value::Number(_) | Value::Bool(_) | Value::Object(_) | Value::Array(_) => value.to_string(),
            };
            pairs.push((name.clone(), text));
        }
    }
    Params::from_pairs(pairs).map_err(|_| Reason::RequestObjectMalformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registered_uri_is_compared_exactly_but_for_a_fragment_of_its_own() {
        let registered = ["https://a.example/r".to_owned(), "https://a.example/s#v1".to_owned()];
        for (uri, fits) in [
            ("https://a.example/r", true),
            ("https://a.example/r#hash", true),
            ("https://a.example/r#", true),
            ("https://a.example/s#v1", true),
            ("https://a.example/s", false),
            ("https://a.example/s#v2", false),
            ("https://a.example/r?x", false),
            ("https://a.example/R", false),
            ("https://a.example:443/r", false),
            ("https://a.example/r/", false),
            ("https://b.example/r#https://a.example/r", false),
            ("", false),
        ] {
            assert_eq!(is_registered(&registered, uri), fits, "{uri}");
        }
        assert!(!is_registered(&[], ""));
    }
}
