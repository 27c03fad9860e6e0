//! What clients register, and what comes of it.

use portcullis::jobs::keys::{Handover, rotate};
use portcullis::protocol::signing_alg::SigningAlg;
use serde_json::{Value, json};

use super::tokens::{offline, refresh};
use crate::conformance::checks::{hash, verify};
use crate::conformance::suite::{Rp, Suite, assert_error_page, assert_sign_in_page, draw};
use crate::support::AuthRequest;
use crate::support::assertion::ClientKey;
use crate::support::process::eventually;

pub async fn oidcc_idtoken_rs256(suite: &Suite) {
    let rp = suite.register(json!({"id_token_signed_response_alg": "RS256"})).await;
    let flow = rp.flow(&mut suite.browser(), &rp.request("openid")).await;
    assert_eq!(flow.id_token.header["alg"], "RS256");
    assert!(flow.id_token.header["kid"].is_string());
}

pub async fn oidcc_userinfo_rs256(suite: &Suite) {
    assert!(suite.supports("userinfo_signing_alg_values_supported", "RS256"));
    let rp = suite.register(json!({"userinfo_signed_response_alg": "RS256"})).await;
    let flow = rp.flow(&mut suite.browser(), &rp.request("openid")).await;
    let path = suite.path("userinfo_endpoint");
    let answer = suite.server.get(&path).bearer(&flow.tokens.access).await.expect(200);
    assert_eq!(answer.header("content-type"), "application/jwt");
    let info = verify(&suite.jwks().await, answer.text()).claims;
    assert_eq!((&info["iss"], &info["aud"]), (flow.claim("iss"), &rp.id().into()));
    assert_eq!((&info["sub"], &info["nonce"]), (flow.claim("sub"), &Value::Null));
}

pub async fn oidcc_ensure_redirect_uri_in_authorization_request(suite: &Suite) {
    let two = json!({"redirect_uris": [suite.url("/callback"), suite.url("/callback2")]});
    let rp = suite.register(two).await;
    assert_error_page(
        rp.visit(&mut suite.browser(), &rp.request("openid").without("redirect_uri"))
            .await,
    );
}

async fn with_query<'a>(suite: &'a Suite, query: &str) -> Rp<'a> {
    let mut rp = Rp::new(suite, suite.variant.auth);
    rp.redirect_uri = suite.url(&format!("/callback{query}"));
    rp.register(json!({})).await
}

pub async fn oidcc_redirect_uri_query_ok(suite: &Suite) {
    let rp = with_query(suite, "?bar=foo").await;
    let request = rp.request("openid");
    let answer = rp.authorize(&mut suite.browser(), &request).await;
    let kept = answer.get("bar") == "foo" || answer.uri.ends_with("?bar=foo");
    assert!(kept, "{answer:?}");
    rp.complete(&request, &answer).await;
}

async fn another_query(suite: &Suite, registered: &str, sent: &str) {
    let rp = with_query(suite, registered).await;
    let request = rp
        .request("openid")
        .set("redirect_uri", &suite.url(&format!("/callback{sent}")));
    assert_error_page(rp.visit(&mut suite.browser(), &request).await);
}

pub async fn oidcc_redirect_uri_query_mismatch(suite: &Suite) {
    another_query(suite, "?bar=foo", "?foo=bar").await;
}

pub async fn oidcc_redirect_uri_query_added(suite: &Suite) {
    another_query(suite, "", "?foo=bar").await;
}

pub async fn oidcc_redirect_uri_regfrag(suite: &Suite) {
    let fragment = json!({"redirect_uris": [suite.url("/callback#foobar")]});
    suite.refuse_registration(fragment, "invalid_redirect_uri").await;
}

/// The page that asks for the password, as text.
async fn sign_in_page(suite: &Suite, rp: &Rp<'_>) -> String {
    let page = rp.visit(&mut suite.browser(), &rp.request("openid")).await.page();
    assert_sign_in_page(&page);
    page.response.text().to_owned()
}

pub async fn oidcc_registration_logo_uri(suite: &Suite) {
    let picture = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/static/demo-app.png")).unwrap();
    suite.publish("/images/openid.png", "image/png", picture);
    let rp = suite
        .register(json!({"logo_uri": suite.url("/images/openid.png")}))
        .await;
    let logo = format!("src=\"/client/{}/logo\"", rp.id());
    let shown = eventually(async || sign_in_page(suite, &rp).await.contains(&logo).then_some(())).await;
    assert!(shown.is_some(), "the page shows no {logo}");
}

pub async fn oidcc_registration_policy_uri(suite: &Suite) {
    let policy_uri = suite.url("/policy");
    let rp = suite.register(json!({"policy_uri": policy_uri})).await;
    assert!(
        sign_in_page(suite, &rp)
            .await
            .contains(&format!("href=\"{policy_uri}\""))
    );
}

pub async fn oidcc_registration_tos_uri(suite: &Suite) {
    let tos_uri = suite.url("/tos");
    let rp = suite.register(json!({"tos_uri": tos_uri})).await;
    assert!(sign_in_page(suite, &rp).await.contains(&format!("href=\"{tos_uri}\"")));
}

/// A client whose key has a name, and is fetched.
fn by_address(suite: &Suite) -> (Rp<'_>, Value) {
    let path = format!("/jwks/{}", draw(10));
    let mut rp = Rp::new(suite, suite.variant.auth);
    rp.named = true;
    suite.publish(&path, "application/json", rp.jwks().to_string());
    let more = json!({"jwks": null, "jwks_uri": suite.url(&path)});
    (rp, more)
}

pub async fn oidcc_registration_jwks_uri(suite: &Suite) {
    let (rp, more) = by_address(suite);
    let rp = rp.register(more).await;
    rp.flow(&mut suite.browser(), &rp.request("openid")).await;
}

pub async fn oidcc_refresh_token_rp_key_rotation(suite: &Suite) {
    let (rp, more) = by_address(suite);
    let address = more["jwks_uri"].as_str().unwrap().to_owned();
    let (mut rp, flow) = offline(rp, suite, more, 10).await;
    rp.key = ClientKey::new(SigningAlg::Rs256);
    let path = address.strip_prefix(&suite.url("")).unwrap();
    suite.publish(path, "application/json", rp.jwks().to_string());
    suite.server.advance(60);
    refresh(suite, &rp, &flow, Some("openid offline_access")).await;
}

/// A pairwise client, its sector's list holding `listed`.
fn pairwise(suite: &Suite, listed: &str) -> Value {
    assert!(
        suite.supports("subject_types_supported", "pairwise"),
        "else it is skipped"
    );
    suite.publish("/redirect_uris.json", "application/json", json!([listed]).to_string());
    json!({"subject_type": "pairwise", "sector_identifier_uri": suite.url("/redirect_uris.json")})
}

pub async fn oidcc_registration_sector_uri(suite: &Suite) {
    let rp = suite.register(pairwise(suite, &suite.url("/callback"))).await;
    let flow = rp.flow(&mut suite.browser(), &rp.request("openid")).await;
    let other = suite.register(json!({})).await;
    let public = other.flow(&mut suite.browser(), &other.request("openid")).await;
    assert_ne!(flow.claim("sub"), public.claim("sub"));
}

pub async fn oidcc_registration_sector_bad(suite: &Suite) {
    suite
        .refuse_registration(pairwise(suite, "https://example.com/op"), "invalid_client_metadata")
        .await;
}

pub async fn oidcc_server_rotate_keys(suite: &Suite) {
    let names = |jwks: &Value| -> Vec<Value> {
        let keys = jwks["keys"].as_array().unwrap();
        keys.iter().map(|key| key["kid"].clone()).collect()
    };
    let before = names(&suite.jwks().await);
    let new = rotate(&suite.server.app, SigningAlg::Rs256, Handover::After(0))
        .await
        .unwrap();
    let after = names(&suite.jwks().await);
    assert!(after.contains(&new.kid.as_str().into()) && !before.contains(&new.kid.as_str().into()));
    assert!(
        before.iter().all(|kid| after.contains(kid)),
        "the old ones are still there"
    );
    let rp = suite.register(json!({})).await;
    let flow = rp.flow(&mut suite.browser(), &rp.request("openid")).await;
    assert_eq!(flow.id_token.header["kid"], new.kid.as_str());
}

/// The suite skips it where `none` is not among the algorithms of request objects, but wants `request_uri` supported.
pub async fn oidcc_request_uri_unsigned(suite: &Suite) {
    assert_eq!(suite.metadata["request_uri_parameter_supported"], true);
    super::oidcc_request_uri_unsigned_supported_correctly_or_rejected_as_unsupported(suite).await;
}

/// The fragment of the suite's address is the hash of something else than the object.
pub async fn oidcc_request_uri_signed_rs256(suite: &Suite) {
    assert!(suite.supports("request_object_signing_alg_values_supported", "RS256"));
    assert_eq!(suite.metadata["request_uri_parameter_supported"], true);
    let path = format!("/requesturi/{}", draw(10));
    let uri = format!("{}#{}", suite.url(&path), hash(&draw(64)));
    let members = json!({"request_uris": [uri], "request_object_signing_alg": "RS256"});
    let rp = suite.register(members).await;
    let request = rp.request("openid");
    let parameters = request
        .params
        .iter()
        .map(|(name, value)| (name.clone(), Value::from(value.as_str())));
    let mut claims: serde_json::Map<_, _> = parameters.collect();
    claims.insert("iss".to_owned(), rp.id().into());
    claims.insert("aud".to_owned(), suite.metadata["issuer"].clone());
    suite.publish(&path, "application/jwt", rp.sign(&claims.into()));
    // Outside stands only what RFC 6749 and OpenID Connect Core §6.2 want there.
    let outside = ["client_id", "response_type", "scope", "redirect_uri"];
    let mut sent = AuthRequest {
        params: request.params.clone(),
        verifier: String::new(),
    };
    sent.params.retain(|(name, _)| outside.contains(&name.as_str()));
    let mut browser = suite.browser();
    let answer = rp.authorize(&mut browser, &sent.and("request_uri", &uri)).await;
    rp.complete(&request, &answer).await;
}

pub async fn oidcc_ensure_client_assertion_with_iss_aud_succeeds(suite: &Suite) {
    let rp = suite.register(json!({})).await;
    let request = rp.request("openid");
    let answer = rp.authorize(&mut suite.browser(), &request).await;
    let code = rp.code(&request, &answer);
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", &rp.redirect_uri),
        ("code_verifier", &request.verifier),
    ];
    let sent = if request.verifier.is_empty() {
        &fields[..3]
    } else {
        &fields[..]
    };
    let tokens = rp.tokens(
        rp.token_asserting(sent, suite.metadata["issuer"].as_str().unwrap())
            .await,
    );
    rp.check_id_token(tokens.id.as_deref().unwrap()).await;
}

/// Both documents of the registration say where a sign-in may be started.
pub async fn oidcc_3rd_party_init_login(suite: &Suite) {
    let uri = suite.url("/initiate_login");
    let rp = suite.register(json!({"initiate_login_uri": uri})).await;
    assert_eq!(rp.registered["initiate_login_uri"], uri);
    let told = suite.manage("GET", &rp.registered).await.expect(200);
    assert_eq!(told.header("content-type"), "application/json");
    assert_eq!(told.json()["initiate_login_uri"], uri);
}

pub async fn oidcc_3rd_party_init_login_nohttps(suite: &Suite) {
    let uri = suite.url("/initiate_login").replace("https://", "http://");
    suite
        .refuse_registration(json!({"initiate_login_uri": uri}), "invalid_client_metadata")
        .await;
}
