//! The sign-in: what a request may hold, and when somebody is asked.

use serde_json::{Value, json};

use crate::conformance::checks::{EMAIL, PHONE, PROFILE, assert_claims};
use crate::conformance::suite::{Suite, assert_error_page, assert_sign_in_page, draw, with_pkce};
use crate::support::PASSWORD;
use crate::support::assertion::unsigned;

pub async fn oidcc_server(suite: &Suite) {
    let rp = suite.register(json!({})).await;
    let flow = rp.flow(&mut suite.browser(), &rp.request("openid")).await;
    assert_eq!(flow.claim("name"), &Value::Null, "it belongs to userinfo");
}

pub async fn oidcc_response_type_missing(suite: &Suite) {
    let rp = suite.register(json!({})).await;
    let request = rp.request("openid").without("response_type");
    // A client that nobody here knows sends nobody anywhere who has not signed in; for those who have, it is told.
    let mut browser = suite.browser();
    assert_error_page(rp.visit(&mut browser, &request).await);
    rp.flow(&mut browser, &rp.request("openid")).await;
    let answer = rp.visit(&mut browser, &request).await.callback();
    rp.assert_error(&request, &answer, &["invalid_request", "unsupported_response_type"]);
}

pub async fn oidcc_idtoken_signature(suite: &Suite) {
    let rp = suite.register(json!({})).await;
    assert_eq!(
        rp.registered["id_token_signed_response_alg"], "RS256",
        "without being asked"
    );
    let flow = rp.flow(&mut suite.browser(), &rp.request("openid")).await;
    let header = &flow.id_token.header;
    assert_eq!(header["alg"], "RS256");
    assert!(header["kid"].is_string());
}

/// The suite skips it where `none` is not supported. Then it has to be refused.
pub async fn oidcc_idtoken_unsigned(suite: &Suite) {
    assert!(!suite.supports("id_token_signing_alg_values_supported", "none"));
    let unsigned = json!({"id_token_signed_response_alg": "none"});
    suite.refuse_registration(unsigned, "invalid_client_metadata").await;
}

pub async fn oidcc_ensure_request_without_nonce_succeeds_for_code_flow(suite: &Suite) {
    let rp = suite.register(json!({})).await;
    let flow = rp
        .flow(&mut suite.browser(), &rp.request("openid").without("nonce"))
        .await;
    assert_eq!(flow.claim("nonce"), &Value::Null);
}

/// The claims of these scopes and no others, in userinfo and not in the ID token.
async fn scope(suite: &Suite, scope: &str, claims: &[&str]) {
    for token in scope.split(' ') {
        assert!(suite.supports("scopes_supported", token), "else it is skipped");
    }
    let rp = suite.register(json!({})).await;
    let flow = rp.flow(&mut suite.browser(), &rp.request(scope)).await;
    let path = suite.path("userinfo_endpoint");
    let info = rp.userinfo(suite.server.get(&path).bearer(&flow.tokens.access)).await;
    assert_claims(&info, claims);
    assert!(claims.iter().all(|claim| suite.supports("claims_supported", claim)));
}

pub async fn oidcc_scope_profile(suite: &Suite) {
    scope(suite, "openid profile", &PROFILE).await;
}

pub async fn oidcc_scope_email(suite: &Suite) {
    scope(suite, "openid email", &EMAIL).await;
}

pub async fn oidcc_scope_address(suite: &Suite) {
    scope(suite, "openid address", &["address"]).await;
}

pub async fn oidcc_scope_phone(suite: &Suite) {
    scope(suite, "openid phone", &PHONE).await;
}

pub async fn oidcc_scope_all(suite: &Suite) {
    let all = [&PROFILE[..], &EMAIL, &PHONE, &["address"]].concat();
    scope(suite, "openid profile email address phone", &all).await;
}

pub async fn oidcc_alternate_happy_flow(suite: &Suite) {
    let rp = suite.register(json!({})).await;
    let mut request = rp.request("email openid");
    request.params.reverse();
    rp.flow(&mut suite.browser(), &request).await;
}

/// A request with one more parameter succeeds, whatever it says.
async fn succeeds_with(suite: &Suite, name: &str, value: &str) {
    let rp = suite.register(json!({})).await;
    rp.flow(&mut suite.browser(), &rp.request("openid").and(name, value))
        .await;
}

pub async fn oidcc_display_page(suite: &Suite) {
    assert!(suite.supports("display_values_supported", "page"));
    succeeds_with(suite, "display", "page").await;
}

pub async fn oidcc_display_popup(suite: &Suite) {
    assert!(suite.supports("display_values_supported", "popup"));
    succeeds_with(suite, "display", "popup").await;
}

pub async fn oidcc_ensure_request_with_unknown_parameter_succeeds(suite: &Suite) {
    succeeds_with(suite, "extra", "foobar").await;
}

pub async fn oidcc_login_hint(suite: &Suite) {
    succeeds_with(suite, "login_hint", "buffy@op.internal").await;
}

pub async fn oidcc_ui_locales(suite: &Suite) {
    succeeds_with(suite, "ui_locales", "se").await;
}

pub async fn oidcc_claims_locales(suite: &Suite) {
    succeeds_with(suite, "claims_locales", "se").await;
}

/// Signs in, and again `wait` seconds later with `asking` in the request: by a page that asks for the password. Both times of
/// sign-in are told.
async fn signs_in_again(suite: &Suite, wait: i64, asking: (&str, &str)) -> [Value; 2] {
    let rp = suite.register(json!({})).await;
    let mut browser = suite.browser();
    let first = rp.flow(&mut browser, &rp.request("openid")).await;
    suite.server.advance(wait);
    let again = rp.request("openid").and(asking.0, asking.1);
    assert_sign_in_page(&rp.visit(&mut browser, &again).await.page());
    let landed = browser.sign_in("alice", PASSWORD).await;
    let answer = suite.answer(&mut browser, landed).await.callback();
    let second = rp.complete(&again, &answer).await;
    assert_eq!(first.claim("sub"), second.claim("sub"));
    [first, second].map(|flow| flow.claim("auth_time").clone())
}

pub async fn oidcc_prompt_login(suite: &Suite) {
    let [first, second] = signs_in_again(suite, 1, ("prompt", "login")).await;
    assert!(second.as_i64().unwrap() > first.as_i64().unwrap());
}

pub async fn oidcc_max_age_1(suite: &Suite) {
    let [first, second] = signs_in_again(suite, 2, ("max_age", "1")).await;
    assert!(second.as_i64().unwrap() > first.as_i64().unwrap());
    assert_eq!(second, suite.server.app.clock().now().as_i64());
}

pub async fn oidcc_prompt_none_not_logged_in(suite: &Suite) {
    let rp = suite.register(json!({})).await;
    let request = rp.request("openid").set("state", &draw(128)).and("prompt", "none");
    let answer = rp.visit(&mut suite.browser(), &request).await.callback();
    rp.assert_interaction_needed(&request, &answer);
}

/// The second request is answered without a page, for the same sign-in.
async fn same_sign_in_twice(suite: &Suite, first: &[(&str, &str)], second: impl FnOnce(&str) -> Vec<(String, String)>) {
    let rp = suite.register(json!({})).await;
    let mut browser = suite.browser();
    let mut request = rp.request("openid");
    for (name, value) in first {
        request = request.and(name, value);
    }
    let before = rp.flow(&mut browser, &request).await;
    suite.server.advance(1);
    let mut request = rp.request("openid");
    request.params.extend(second(before.raw()));
    let answer = rp.visit(&mut browser, &request).await.callback();
    let after = rp.complete(&request, &answer).await;
    assert!(before.claim("auth_time").is_number());
    for same in ["sub", "auth_time"] {
        assert_eq!(before.claim(same), after.claim(same), "{same}");
    }
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

pub async fn oidcc_prompt_none_logged_in(suite: &Suite) {
    same_sign_in_twice(suite, &[], |_| vec![pair("prompt", "none")]).await;
}

pub async fn oidcc_max_age_10000(suite: &Suite) {
    let max_age = ("max_age", "10000");
    same_sign_in_twice(suite, &[max_age], |_| vec![pair(max_age.0, max_age.1)]).await;
}

pub async fn oidcc_id_token_hint(suite: &Suite) {
    same_sign_in_twice(suite, &[], |hint| {
        vec![pair("prompt", "none"), pair("id_token_hint", hint)]
    })
    .await;
}

pub async fn oidcc_ensure_request_with_acr_values_succeeds(suite: &Suite) {
    let known = suite.metadata["acr_values_supported"].as_array().unwrap().clone();
    let wished: Vec<_> = known.iter().map(|acr| acr.as_str().unwrap()).collect();
    let rp = suite.register(json!({})).await;
    let request = rp.request("openid").and("acr_values", &wished.join(" "));
    let flow = rp.flow(&mut suite.browser(), &request).await;
    assert!(known.contains(flow.claim("acr")), "{}", flow.id_token.claims);
}

pub async fn oidcc_ensure_registered_redirect_uri(suite: &Suite) {
    let rp = suite.register(json!({})).await;
    let request = rp
        .request("openid")
        .set("redirect_uri", &suite.url(&format!("/callback/{}", draw(10))));
    assert_error_page(rp.visit(&mut suite.browser(), &request).await);
}

pub async fn oidcc_ensure_post_request_succeeds(suite: &Suite) {
    let rp = suite.register(json!({})).await;
    let request = rp.request("openid");
    let fields: Vec<_> = request
        .params
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let path = suite.path("authorization_endpoint");
    let mut browser = suite.browser();
    let landed = browser.navigate(&path, suite.server.post_form(&path, &fields)).await;
    let answer = suite.answer(&mut browser, landed).await.callback();
    rp.complete(&request, &answer).await;
}

pub async fn oidcc_ensure_request_with_valid_pkce_succeeds(suite: &Suite) {
    assert!(suite.supports("code_challenge_methods_supported", "S256"));
    let rp = suite.register(json!({})).await;
    let request = rp
        .request("openid")
        .without("code_challenge")
        .without("code_challenge_method");
    rp.flow(&mut suite.browser(), &with_pkce(request)).await;
}

pub async fn oidcc_claims_essential(suite: &Suite) {
    let rp = suite.register(json!({})).await;
    let asked = json!({"userinfo": {"name": {"essential": true}}}).to_string();
    let flow = rp
        .flow(&mut suite.browser(), &rp.request("openid").and("claims", &asked))
        .await;
    let path = suite.path("userinfo_endpoint");
    let info = rp.userinfo(suite.server.get(&path).bearer(&flow.tokens.access)).await;
    assert_claims(&info, &["name"]);
    assert_eq!(flow.claim("name"), &Value::Null);
    assert_eq!(suite.metadata["claims_parameter_supported"], true);
}

/// A request as an object that nobody signed.
fn unsigned_object(suite: &Suite, request: &crate::support::AuthRequest) -> String {
    let parameters = request
        .params
        .iter()
        .map(|(name, value)| (name.clone(), Value::from(value.as_str())));
    let mut claims: serde_json::Map<_, _> = parameters.collect();
    claims.insert("iss".to_owned(), claims["client_id"].clone());
    claims.insert("aud".to_owned(), suite.metadata["issuer"].clone());
    unsigned(&json!({"alg": "none"}), &claims.into()) + "."
}

/// The suite skips it where `none` is not among the algorithms of request objects. Then such an object is refused, and not
/// overlooked.
pub async fn oidcc_unsigned_request_object_supported_correctly_or_rejected_as_unsupported(suite: &Suite) {
    assert!(!suite.supports("request_object_signing_alg_values_supported", "none"));
    let rp = suite.register(json!({})).await;
    let plain = rp.request("openid");
    let request = plain.clone().and("request", &unsigned_object(suite, &plain));
    let mut browser = suite.browser();
    assert_error_page(rp.visit(&mut browser, &request).await);
    rp.flow(&mut browser, &plain).await;
    let answer = rp.visit(&mut browser, &request).await.callback();
    rp.assert_error(&request, &answer, &["request_not_supported", "invalid_request_object"]);
}

/// As above, by reference.
pub async fn oidcc_request_uri_unsigned_supported_correctly_or_rejected_as_unsupported(suite: &Suite) {
    assert!(!suite.supports("request_object_signing_alg_values_supported", "none"));
    let uri = format!("{}#{}", suite.url("/requesturi/unsigned"), draw(43));
    let rp = suite.register(json!({"request_uris": [uri]})).await;
    let plain = rp.request("openid");
    suite.publish(
        "/requesturi/unsigned",
        "application/jwt",
        unsigned_object(suite, &plain),
    );
    let request = plain.clone().and("request_uri", &uri);
    let mut browser = suite.browser();
    assert_error_page(rp.visit(&mut browser, &request).await);
    rp.flow(&mut browser, &plain).await;
    let answer = rp.visit(&mut browser, &request).await.callback();
    rp.assert_error(
        &request,
        &answer,
        &["request_uri_not_supported", "invalid_request_object"],
    );
}

/// As above: outside stands a redirect URI that is not registered, and nobody is sent there, nor to the one inside.
pub async fn oidcc_ensure_request_object_with_redirect_uri(suite: &Suite) {
    assert!(!suite.supports("request_object_signing_alg_values_supported", "none"));
    let rp = suite.register(json!({})).await;
    let plain = rp.request("openid");
    let object = unsigned_object(suite, &plain);
    let elsewhere = suite.url(&format!("/callback/{}", draw(10)));
    let request = plain.set("redirect_uri", &elsewhere).and("request", &object);
    assert_error_page(rp.visit(&mut suite.browser(), &request).await);
}
